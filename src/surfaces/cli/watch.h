/* Following a vacuum to its end. */
#ifndef OPS_SURFACES_CLI_WATCH_H
#define OPS_SURFACES_CLI_WATCH_H

#include "surfaces/cli/client.h"

/* From the first answer on, which is used up. Returns the exit code: 0 for completed, 4 for failed or cancelled, 1 when the
 * service refuses, 3 when it can't be reached for a minute, 130 when interrupted (the vacuum goes on). */
int ops_cli_watch(struct ops_cli *cli, struct ops_cli_reply *first);

#endif
