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

/* A damaged record's number must not overflow. */
static json_int_t one_more(const json_t *record, const char *name)
{
    json_int_t number = ops_json_integer(record, name, 0);
    return number >= 0 && number < INT64_MAX ? number + 1 : 1;
}

static json_int_t next_revision(const json_t *record)
{
    return one_more(record, "revision");
}

enum ops_status ops_secret_replace(const json_t *record, const char *phc, json_t **ret_record)
{
    return make(phc, next_revision(record), 0, 0, ret_record);
}

/* ---- The lock ---- */

int64_t ops_secret_lock_left_ms(const json_t *record, int64_t now_ms)
{
    const int64_t longest_ms = OPS_SECRET_LOCK_MAX_SECONDS * OPS_SECOND_MS;
    int64_t until_ms = ops_json_integer(record, "locked_until_ms", 0);
    int64_t from_ms = ops_json_integer(record, "locked_from_ms", 0);
    if (until_ms <= now_ms || until_ms - now_ms > longest_ms)
        return 0;
    return from_ms > now_ms + OPS_SECRET_CLOCKS_APART_SECONDS * OPS_SECOND_MS ? 0 : until_ms - now_ms;
}

enum ops_status ops_secret_refuse_locked(int64_t left_ms, struct ops_error *error)
{
    json_int_t seconds = (left_ms + OPS_SECOND_MS - 1) / OPS_SECOND_MS;
    (void)ops_fail(error, OPS_SECRET_CODE_LOCKED,
                   "Too many wrong secret codes in a row; try again in %" JSON_INTEGER_FORMAT " s.", seconds);
    ops_error_detail_integer(error, "retry_after_seconds", seconds);
    return OPS_SECRET_CODE_LOCKED;
}

enum ops_status ops_secret_check_lock(const json_t *record, int64_t now_ms, struct ops_error *error)
{
    int64_t left_ms = ops_secret_lock_left_ms(record, now_ms);
    return left_ms > 0 ? ops_secret_refuse_locked(left_ms, error) : OPS_OK;
}

static int64_t lock_seconds(size_t wrong)
{
    int64_t seconds = wrong >= OPS_SECRET_WRONG_BEFORE_LOCK ? 1 : 0;
    for (size_t i = OPS_SECRET_WRONG_BEFORE_LOCK; i < wrong && seconds < OPS_SECRET_LOCK_MAX_SECONDS; i++)
        seconds *= 2;
    return seconds < OPS_SECRET_LOCK_MAX_SECONDS ? seconds : OPS_SECRET_LOCK_MAX_SECONDS;
}

/* ---- The count ---- */

/* Adds a wrong code of at_ms, unless it is too old to count. One from the future was written before the wall clock was set
 * back; it is as new as any. */
static enum ops_status add_wrong(json_t *times, int64_t at_ms, int64_t now_ms)
{
    int64_t at_most_now_ms = at_ms < now_ms ? at_ms : now_ms;
    if (at_most_now_ms <= now_ms - OPS_SECRET_WRONG_COUNTS_MS)
        return OPS_OK;
    if (json_array_size(times) >= OPS_SECRET_WRONG_MAX)
        (void)json_array_remove(times, 0); /* it has that many */
    return json_array_append_new(times, json_integer(at_most_now_ms)) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

/* Wrong codes that a record counts without their times, as records once did: none is newer than its lock. */
static enum ops_status add_undated(json_t *times, const json_t *record, size_t dated, int64_t now_ms)
{
    json_int_t count = ops_json_integer(record, "wrong_in_a_row", 0);
    int64_t until_ms = ops_json_integer(record, "locked_until_ms", 0);
    enum ops_status status = OPS_OK;
    for (size_t i = dated; count > 0 && i < (uint64_t)count && i < OPS_SECRET_WRONG_MAX && status == OPS_OK; i++)
        status = add_wrong(times, until_ms > 0 ? until_ms : now_ms, now_ms);
    return status;
}

/* The times of the wrong codes that still count, and of one more. */
static enum ops_status wrong_times(const json_t *record, int64_t now_ms, json_t *times)
{
    const json_t *before = json_object_get(record, "wrong_at_ms");
    enum ops_status status = add_undated(times, record, json_array_size(before), now_ms);
    size_t i;
    json_t *at;
    json_array_foreach(before, i, at) {
        if (status == OPS_OK)
            status = add_wrong(times, json_integer_value(at), now_ms);
    }
    return status == OPS_OK ? add_wrong(times, now_ms, now_ms) : status;
}

enum ops_status ops_secret_count_wrong(const json_t *record, int64_t now_ms, json_t **ret_record, int64_t *ret_lock_seconds)
{
    json_t *times = json_array(), *after = NULL;
    enum ops_status status = times ? wrong_times(record, now_ms, times) : OPS_NO_MEMORY;
    int64_t seconds = lock_seconds(json_array_size(times));
    json_int_t while_locked = ops_json_integer(record, "wrong_while_locked", 0);
    if (status == OPS_OK)
        status = make(ops_json_text(record, "phc", ""), next_revision(record), (json_int_t)json_array_size(times),
                      seconds ? now_ms + seconds * OPS_SECOND_MS : 0, &after);
    if (status == OPS_OK)
        status = ops_json_set(after, "wrong_at_ms", json_incref(times));
    if (status == OPS_OK && seconds)
        status = ops_json_set_integer(after, "locked_from_ms", now_ms);
    if (status == OPS_OK && while_locked)
        status = ops_json_set_integer(after, "wrong_while_locked", while_locked);
    json_decref(times);
    if (status != OPS_OK) {
        json_decref(after);
        return status;
    }
    *ret_record = after;
    *ret_lock_seconds = seconds;
    return OPS_OK;
}

enum ops_status ops_secret_count_wrong_while_locked(const json_t *record, json_t **ret_record)
{
    json_t *after = ops_json_copy(record);
    enum ops_status status = after ? ops_json_set_integer(after, "revision", next_revision(record)) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_json_set_integer(after, "wrong_while_locked", one_more(record, "wrong_while_locked"));
    if (status != OPS_OK) {
        json_decref(after);
        return status;
    }
    *ret_record = after;
    return OPS_OK;
}

bool ops_secret_has_wrong(const json_t *record)
{
    return ops_json_integer(record, "wrong_in_a_row", 0) > 0 || ops_json_integer(record, "wrong_while_locked", 0) > 0;
}

enum ops_status ops_secret_count_right(const json_t *record, json_t **ret_record)
{
    return make(ops_json_text(record, "phc", ""), next_revision(record), 0, 0, ret_record);
}
