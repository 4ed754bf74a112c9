/* Ids that are not written out: the beginning of one, "latest", or none. */
#ifndef OPS_SURFACES_CLI_RESOLVE_H
#define OPS_SURFACES_CLI_RESOLVE_H

#include "surfaces/cli/run.h"

/* Puts the whole id in the place of the text of a flag of kind VACUUM_ID or WINDOW_ID in input; asks the service where that
 * is needed. OPS_USAGE: too short, or the beginning of several, which are named. OPS_VACUUM_NOT_FOUND and
 * OPS_MAINTENANCE_NOT_FOUND: of none. */
enum ops_status ops_cli_resolve_id(struct ops_cli *cli, const struct ops_cli_flag *flag, json_t *input,
                                   struct ops_error *error) OPS_MUST_USE;

/* vacuum-cancel: without an id it is the pending vacuum that is meant, and is told. */
enum ops_status ops_cli_pick_pending(struct ops_cli *cli, json_t *input, struct ops_error *error) OPS_MUST_USE;

#endif
