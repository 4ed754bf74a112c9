/* Before a real vacuum is asked for. */
#ifndef OPS_SURFACES_CLI_CONFIRM_H
#define OPS_SURFACES_CLI_CONFIRM_H

#include "surfaces/cli/run.h"

/* Whether a real vacuum may be asked for; a dry run may. OPS_USAGE: a flag is missing. OPS_CONFIRMATION_PHRASE_MISMATCH:
 * what was typed was something else. */
enum ops_status ops_cli_confirm_org(struct ops_cli *cli, json_t *input, struct ops_error *error) OPS_MUST_USE;

/* Likewise; fills in a confirmation phrase that was typed. */
enum ops_status ops_cli_confirm_all(struct ops_cli *cli, json_t *input, struct ops_error *error) OPS_MUST_USE;

#endif
