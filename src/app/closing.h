/* The end of a vacuum that has run out of its time: it is closed in the store first, then its last pages are counted. */
#ifndef OPS_APP_CLOSING_H
#define OPS_APP_CLOSING_H

#include "app/context.h"
#include "core/mutex.h"

/* Whether the vacuum that holds the mutex is to be ended: the mutex has expired at now_ms, or was closed by somebody for
 * whom it had. */
bool ops_closing_due(const json_t *vacuum, const struct ops_mutex *mutex, int64_t now_ms);

/* For a vacuum that is due. Closes it, unless somebody has: no worker of it writes anything from then on. mutex is as it was
 * read, and then as it is in the store. Then counts the pages that were in hand; what is tallied after OPS_OK is final.
 * OPS_VACUUM_IN_PROGRESS: a removal may still be under way, and it can be ended in a minute. OPS_CONFLICT: somebody else was
 * at it. Another failure: of the store, or as of ops_settle_receipts. Whatever it is, what is closed stays closed. */
enum ops_status ops_closing_settle(struct ops_app *app, const json_t *vacuum, struct ops_mutex *mutex,
                                   struct ops_error *error) OPS_MUST_USE;

#endif
