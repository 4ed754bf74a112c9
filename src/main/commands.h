/* The commands that open a store themselves; the rest are clients (surfaces/cli). */
#ifndef OPS_MAIN_COMMANDS_H
#define OPS_MAIN_COMMANDS_H

#include "surfaces/cli/cli.h"

int ops_command_audit_verify(struct ops_cli *cli, void *context);
int ops_command_aws_bootstrap(struct ops_cli *cli, void *context);
int ops_command_demo(struct ops_cli *cli, void *context);
int ops_command_demo_data(struct ops_cli *cli, void *context);
int ops_command_manifest_check(struct ops_cli *cli, void *context);
int ops_command_secret_set(struct ops_cli *cli, void *context);
int ops_command_serve(struct ops_cli *cli, void *context);
int ops_command_session_create(struct ops_cli *cli, void *context);
int ops_command_version(struct ops_cli *cli, void *context);

/* OPS_USAGE when --engine asks for an engine that is not in this program. */
enum ops_status ops_command_check_engine(struct ops_cli *cli, struct ops_error *error) OPS_MUST_USE;

#endif
