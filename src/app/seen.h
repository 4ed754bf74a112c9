/* What a vacuum or dry run has found, and is not there any more: a volume that is not mounted looks like a
 * target that is empty or gone, and must not pass for one that was vacuumed.
 *
 * One record has, for each target of the manifest ("<kind> <name>"), the mark that its identity had when it was last there.
 * A completed real vacuum that went through without it, which it does only when the operator had the plan before them,
 * forgets it.
 */
#ifndef OPS_APP_SEEN_H
#define OPS_APP_SEEN_H

#include "app/context.h"

/* Marks the targets of a surveyed plan that have gone ("gone": "missing" or "emptied", and a warning). *ret_count: how many.
 */
enum ops_status ops_seen_compare(struct ops_app *app, json_t *targets, size_t *ret_count,
                                 struct ops_error *error) OPS_MUST_USE;

/* Adds to the transaction that ends vacuum what it found: the targets that it was done with, however the rest fared. */
enum ops_status ops_seen_note(struct ops_app *app, struct ops_txn *txn, const json_t *vacuum,
                              struct ops_error *error) OPS_MUST_USE;

#endif
