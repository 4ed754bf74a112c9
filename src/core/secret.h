/* The secret code's singleton and its lockout.
 *
 * The record is {"phc", "revision", "wrong_in_a_row", "locked_until_ms"}. The fifth wrong code in a row locks for a second,
 * each further one for twice as long, up to 15 minutes; while locked no code is looked at, so a lock costs an attacker the
 * whole of its time. A right code starts the count anew.
 */
#ifndef OPS_CORE_SECRET_H
#define OPS_CORE_SECRET_H

#include "base/error.h"
#include "base/instant.h"

#include <stdbool.h>

enum {
    OPS_SECRET_MIN_BYTES = 12,
    OPS_SECRET_MAX_BYTES = 256,
    OPS_SECRET_WRONG_BEFORE_LOCK = 5,
    OPS_SECRET_LOCK_MAX_SECONDS = 900,
};

/* record may be NULL (never set); gives the record for a new code. */
enum ops_status ops_secret_replace(const json_t *record, const char *phc, json_t **ret_record) OPS_MUST_USE;

/* OPS_SECRET_CODE_LOCKED with retry_after_seconds in the details, or OPS_OK. */
enum ops_status ops_secret_check_lock(const json_t *record, int64_t now_ms, struct ops_error *error) OPS_MUST_USE;

/* The record after one more wrong code. *ret_lock_seconds is 0 when it does not lock yet. */
enum ops_status ops_secret_count_wrong(const json_t *record, int64_t now_ms, json_t **ret_record, int64_t *ret_lock_seconds)
    OPS_MUST_USE;

/* Whether a right code changes the record, and the record after it. */
bool ops_secret_has_wrong(const json_t *record);
enum ops_status ops_secret_count_right(const json_t *record, json_t **ret_record) OPS_MUST_USE;

#endif
