/* The receipts that are open when a vacuum ends: whatever ends one, the pages that were in somebody's hands are counted
 * first, so that what it reports as deleted is what is gone.
 */
#ifndef OPS_APP_SETTLE_H
#define OPS_APP_SETTLE_H

#include "app/context.h"

/* For how long a target that does not answer is asked what became of a page, before the vacuum ends and says that it is not
 * known. By the monotonic clock of the process that ends it. */
#define OPS_SETTLE_PATIENCE_MS (15 * OPS_MINUTE_MS)
/* Likewise for one that answers what will most likely not change: it is missing, damaged, another one (app/planned.h). A few
 * tries, since a volume may only just be mounted. */
#define OPS_SETTLE_LASTING_MS (15 * OPS_SECOND_MS)

/* Asks the targets what became of the pages whose receipts are open, and writes their counts down. tasks are all of the
 * vacuum's, and no removal can be under way. fence is the mutex's as whoever ends it knows it: the vacuum's own, or that
 * with which it was closed; any for a dry run. *ret_changed: some were open, and none is any more; who has read the tasks
 * before reads them again. OPS_VACUUM_IN_PROGRESS says what could not be asked: then the vacuum can't be ended now. Past the
 * patience what can't be told is counted as not known, and the vacuum can't be completed. OPS_CONFLICT: somebody else was at
 * it. */
enum ops_status ops_settle_receipts(struct ops_app *app, const json_t *vacuum, json_int_t fence, const json_t *tasks,
                                    bool *ret_changed, struct ops_error *error) OPS_MUST_USE;

#endif
