/* The one place that every deletion goes through.
 *
 * Nothing else in g3nops calls ops_target_remove (a test greps for it). What is handed in has been planned, guarded and
 * leased already; here it is checked once more, in front of the thing itself.
 */
#ifndef OPS_APP_REMOVAL_H
#define OPS_APP_REMOVAL_H

#include "app/context.h"
#include "core/vacuum.h"

/* What entitles a worker to delete. */
struct ops_removal_warrant {
    const json_t *vacuum;       /* running, not a dry run */
    enum ops_target_kind kind;
    const char *target_name;
    int64_t mutex_expires_ms;   /* wall clock */
    int64_t lease_renewed_ms;   /* monotonic; lease and mutex were proved then, in one transaction */
    int64_t lease_until_ms;     /* wall clock */
    int64_t *manifest_number;   /* by which the target's names were looked at last; brought up to date where it is old */
};

/* Removes these keys, or refuses: OPS_PROTECTED (a protected key or target is among them), OPS_CONFLICT (the warrant does
 * not hold, or not any more). After a refusal nothing was removed. Otherwise as ops_target_remove. */
enum ops_status ops_removal(struct ops_app *app, const struct ops_removal_warrant *warrant, struct ops_target *target,
                            const struct ops_key *keys, size_t count, enum ops_removal *ret_outcomes,
                            struct ops_error *error) OPS_MUST_USE;

#endif
