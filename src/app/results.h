/* How many vacuums have ended how, since the store was begun: {"revision", "vacuums": {result: count}, "dry_runs": {...}}.
 *
 * A monitor that looks now and then must see that one has failed, also when it is long over, and whichever process saw its
 * end.
 */
#ifndef OPS_APP_RESULTS_H
#define OPS_APP_RESULTS_H

#include "app/context.h"

/* Adds to the transaction that ends the vacuum that it has ended so. OPS_CONFLICT comes back from the transaction when
 * another has ended meanwhile. */
enum ops_status ops_results_put(struct ops_app *app, struct ops_txn *txn, const json_t *vacuum,
                                struct ops_error *error) OPS_MUST_USE;

/* The record; NULL: none has ended yet. */
enum ops_status ops_results_load(struct ops_app *app, json_t **ret_results, struct ops_error *error) OPS_MUST_USE;

#define OPS_RESULTS_VACUUMS "vacuums"
#define OPS_RESULTS_DRY_RUNS "dry_runs"

#endif
