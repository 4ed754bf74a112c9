#include "core/secret.h"

#include "base/json.h"

static enum ops_status make(const char *phc, json_int_t revision, json_int_t wrong, json_int_t locked_until_ms,
                            json_t **ret_record)
{
    json_t *record = json_pack("{s:s, s:I, s:I, s:I}", "phc", phc, "revision", revision, "wrong_in_a_row", wrong,
                               "locked_until_ms", locked_until_ms);
    if (!record)
        return OPS_NO_MEMORY;
    *ret_record = record;
    return OPS_OK;
}

static json_int_t next_revision(const json_t *record)
{
    return ops_json_integer(record, "revision", 0) + 1;
}

enum ops_status ops_secret_replace(const json_t *record, const char *phc, json_t **ret_record)
{
    return make(phc, next_revision(record), 0, 0, ret_record);
}

enum ops_status ops_secret_check_lock(const json_t *record, int64_t now_ms, struct ops_error *error)
{
    int64_t left_ms = ops_json_integer(record, "locked_until_ms", 0) - now_ms;
    /* No lock lasts longer than the longest: then the wall clock was set back, and must not lock operators out for days. */
    if (left_ms <= 0 || left_ms > OPS_SECRET_LOCK_MAX_SECONDS * OPS_SECOND_MS)
        return OPS_OK;
    json_int_t seconds = (left_ms + OPS_SECOND_MS - 1) / OPS_SECOND_MS;
    (void)ops_fail(error, OPS_SECRET_CODE_LOCKED,
                   "Too many wrong secret codes in a row; try again in %" JSON_INTEGER_FORMAT " s.", seconds);
    ops_error_detail_integer(error, "retry_after_seconds", seconds);
    return OPS_SECRET_CODE_LOCKED;
}

static int64_t lock_seconds(json_int_t wrong)
{
    int64_t seconds = wrong >= OPS_SECRET_WRONG_BEFORE_LOCK ? 1 : 0;
    for (json_int_t i = OPS_SECRET_WRONG_BEFORE_LOCK; i < wrong && seconds < OPS_SECRET_LOCK_MAX_SECONDS; i++)
        seconds *= 2;
    return seconds < OPS_SECRET_LOCK_MAX_SECONDS ? seconds : OPS_SECRET_LOCK_MAX_SECONDS;
}

enum ops_status ops_secret_count_wrong(const json_t *record, int64_t now_ms, json_t **ret_record, int64_t *ret_lock_seconds)
{
    json_int_t wrong = ops_json_integer(record, "wrong_in_a_row", 0) + 1;
    int64_t seconds = lock_seconds(wrong);
    enum ops_status status = make(ops_json_text(record, "phc", ""), next_revision(record), wrong,
                                  seconds ? now_ms + seconds * OPS_SECOND_MS : 0, ret_record);
    if (status == OPS_OK)
        *ret_lock_seconds = seconds;
    return status;
}

bool ops_secret_has_wrong(const json_t *record)
{
    return ops_json_integer(record, "wrong_in_a_row", 0) > 0;
}

enum ops_status ops_secret_count_right(const json_t *record, json_t **ret_record)
{
    return make(ops_json_text(record, "phc", ""), next_revision(record), 0, 0, ret_record);
}
