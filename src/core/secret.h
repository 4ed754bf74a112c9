/* The secret code's singleton and its lockout.
 *
 * The record is {"phc", "revision", "wrong_in_a_row", "locked_until_ms", "wrong_at_ms"?, "locked_from_ms"?,
 * "wrong_while_locked"?}. The fifth wrong code in a row locks for a second, each further one for twice as long, up to 15
 * minutes. A wrong code counts for a day, so that one now and then never adds up to a lock; "wrong_at_ms" has the time of
 * each that counts. A right code starts the count anew, and so ends the lock.
 *
 * While it is locked, codes for what leads in the safe direction are still looked at (core/looks.h). A wrong one then counts
 * in "wrong_while_locked" alone: it does not prolong the lock.
 *
 * Records that were written before the members with '?' are read as they were meant: wrong codes whose time is not known
 * are taken to be as new as they can be.
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
    OPS_SECRET_WRONG_MAX = 128, /* that are remembered; with the longest lock after each, a day has room for fewer */
    OPS_SECRET_CLOCKS_APART_SECONDS = 10, /* how far the clocks of two processes on one store may be apart */
};

#define OPS_SECRET_WRONG_COUNTS_MS OPS_DAY_MS

/* record may be NULL (never set); gives the record for a new code. */
enum ops_status ops_secret_replace(const json_t *record, const char *phc, json_t **ret_record) OPS_MUST_USE;

/* How long it is locked yet; 0: it is not. A lock that is longer than the longest, or that begins later than now (but for
 * clocks that are apart), was written before the wall clock was set back, and is none. */
int64_t ops_secret_lock_left_ms(const json_t *record, int64_t now_ms);

/* The refusal for a lock that goes on for so long: OPS_SECRET_CODE_LOCKED with retry_after_seconds in the details. */
enum ops_status ops_secret_refuse_locked(int64_t left_ms, struct ops_error *error) OPS_MUST_USE;

/* That refusal, or OPS_OK. */
enum ops_status ops_secret_check_lock(const json_t *record, int64_t now_ms, struct ops_error *error) OPS_MUST_USE;

/* The record after one more wrong code. *ret_lock_seconds is 0 when it does not lock yet. */
enum ops_status ops_secret_count_wrong(const json_t *record, int64_t now_ms, json_t **ret_record,
                                       int64_t *ret_lock_seconds) OPS_MUST_USE;

/* The record after one more wrong code that was looked at in spite of the lock. */
enum ops_status ops_secret_count_wrong_while_locked(const json_t *record, json_t **ret_record) OPS_MUST_USE;

/* Whether a right code changes the record, and the record after it. */
bool ops_secret_has_wrong(const json_t *record);
enum ops_status ops_secret_count_right(const json_t *record, json_t **ret_record) OPS_MUST_USE;

#endif
