/* The commands that open a store themselves; the rest are clients (surfaces/cli). */
#ifndef OPS_MAIN_COMMANDS_H
#define OPS_MAIN_COMMANDS_H

#include "main/backend.h"
#include "surfaces/cli/cli.h"

int ops_command_audit_verify(struct ops_cli *cli, void *context);
int ops_command_aws_bootstrap(struct ops_cli *cli, void *context);
int ops_command_demo(struct ops_cli *cli, void *context);
int ops_command_demo_data(struct ops_cli *cli, void *context);
int ops_command_gate(struct ops_cli *cli, void *context);
int ops_command_manifest_check(struct ops_cli *cli, void *context);
int ops_command_secret_set(struct ops_cli *cli, void *context);
int ops_command_serve(struct ops_cli *cli, void *context);
int ops_command_session_create(struct ops_cli *cli, void *context);
int ops_command_version(struct ops_cli *cli, void *context);

/* Where a command that goes to the store itself goes: to that of the serve which runs on the data directory, else to what
 * --engine, --data, --region and --profile say. OPS_USAGE where the two are not the same. Borrowed from the run. */
enum ops_status ops_command_place(struct ops_cli *cli, struct ops_place *ret_place, struct ops_error *error) OPS_MUST_USE;

/* What the flags say, whoever runs: for the serve itself. */
enum ops_status ops_command_own_place(struct ops_cli *cli, struct ops_place *ret_place,
                                      struct ops_error *error) OPS_MUST_USE;

/* OPS_USAGE when another engine is asked for, or served, than the command is for. */
enum ops_status ops_command_needs_engine(struct ops_cli *cli, const char *engine, struct ops_error *error) OPS_MUST_USE;

#endif
