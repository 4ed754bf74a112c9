/* maintenance-schedule --now: one step for the person, two for the service. */
#ifndef OPS_SURFACES_CLI_SCHEDULE_NOW_H
#define OPS_SURFACES_CLI_SCHEDULE_NOW_H

#include "surfaces/cli/client.h"

/* Before: with --now the start is a little ahead, since the service takes none that is past. */
enum ops_status ops_cli_prepare_now(struct ops_cli *cli, json_t *input, struct ops_error *error) OPS_MUST_USE;

/* After: with --now the window that was scheduled is started, and reply says so. Where that is refused the window is
 * cancelled again, so that it does not start by itself a minute later; the error says what is there. */
enum ops_status ops_cli_start_now(struct ops_cli *cli, const struct ops_cli_request *request, struct ops_cli_reply *reply,
                                  struct ops_error *error) OPS_MUST_USE;

#endif
