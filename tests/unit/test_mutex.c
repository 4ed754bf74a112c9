#include "core/mutex.h"

#include "base/json.h"

#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define OTHER_ID "01ARZ3NDEKTSV4RRFFQ69G5FAW"

static const int64_t now_ms = INT64_C(1795489200000); /* 2026-11-24T03:00:00Z */

static void a_mutex_that_was_never_taken_is_free_and_has_no_fence(void **state)
{
    (void)state;
    struct ops_mutex mutex;
    assert_int_equal(ops_mutex_read(NULL, &mutex), OPS_OK);
    assert_false(ops_mutex_held(&mutex));
    assert_false(ops_mutex_expired(&mutex, now_ms));
    assert_int_equal(mutex.fence, 0);
}

static void taking_and_giving_back_only_ever_raises_the_fence(void **state)
{
    (void)state;
    struct ops_mutex never = {.fence = 0};
    struct ops_mutex first = ops_mutex_take(&never, ID, now_ms);
    struct ops_mutex freed = ops_mutex_give_back(&first);
    struct ops_mutex second = ops_mutex_take(&freed, OTHER_ID, now_ms);
    assert_int_equal(first.fence, 1);
    assert_string_equal(first.holder, ID);
    assert_int_equal(freed.fence, 1);
    assert_false(ops_mutex_held(&freed));
    assert_false(ops_mutex_expired(&freed, now_ms + 2 * OPS_MUTEX_LIFETIME_MS));
    assert_int_equal(second.fence, 2);
    assert_string_equal(second.holder, OTHER_ID);
}

static void a_held_mutex_expires_24_hours_later_to_the_millisecond(void **state)
{
    (void)state;
    struct ops_mutex never = {.fence = 0};
    struct ops_mutex mutex = ops_mutex_take(&never, ID, now_ms);
    assert_false(ops_mutex_expired(&mutex, now_ms));
    assert_false(ops_mutex_expired(&mutex, now_ms + OPS_DAY_MS - 1));
    assert_true(ops_mutex_expired(&mutex, now_ms + OPS_DAY_MS));
    struct ops_mutex later = ops_mutex_take(&never, ID, now_ms + 1); /* kept as a whole second, never less than 24 h */
    assert_false(ops_mutex_expired(&later, now_ms + OPS_DAY_MS + 1));
    assert_true(ops_mutex_expired(&later, now_ms + OPS_DAY_MS + 1000));
}

static void a_closed_mutex_is_still_held_and_nobody_s_to_work_by(void **state)
{
    (void)state;
    struct ops_mutex never = {.fence = 0}, other = {.fence = 6, .holder = OTHER_ID};
    struct ops_mutex taken = ops_mutex_take(&never, ID, now_ms), closed = ops_mutex_close(&taken);
    struct ops_mutex freed = ops_mutex_give_back(&closed);
    assert_string_equal(closed.holder, ID);
    assert_int_equal(closed.fence, taken.fence + 1);
    assert_int_equal(closed.expires_ms, taken.expires_ms);
    assert_true(ops_mutex_closed(&closed, ID, taken.fence));
    assert_false(ops_mutex_closed(&taken, ID, taken.fence));
    assert_false(ops_mutex_closed(&freed, ID, taken.fence));
    assert_false(ops_mutex_closed(&other, ID, taken.fence));
    assert_false(ops_mutex_closed(&never, "", 0));
    assert_int_equal(ops_mutex_take(&freed, OTHER_ID, now_ms).fence, closed.fence + 1);
}

static void its_document_reads_back_as_it_was(void **state)
{
    (void)state;
    struct ops_mutex never = {.fence = 0}, read;
    struct ops_mutex taken = ops_mutex_take(&never, ID, now_ms);
    struct ops_mutex both[] = {taken, ops_mutex_give_back(&taken)};
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        json_t *doc = ops_mutex_doc(&both[i]);
        assert_int_equal(ops_mutex_read(doc, &read), OPS_OK);
        assert_string_equal(read.holder, both[i].holder);
        assert_int_equal(read.fence, both[i].fence);
        assert_int_equal(read.expires_ms, both[i].expires_ms);
        json_decref(doc);
    }
}

static void a_damaged_document_is_corrupt(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{'holder': 7, 'fence': 1, 'expires_at': '2026-11-24T03:00:00Z'}",
        "{'holder': '" ID "x', 'fence': 1, 'expires_at': '2026-11-24T03:00:00Z'}",
        "{'holder': '" ID "', 'fence': 1}",
        "{'holder': '" ID "', 'fence': 1, 'expires_at': 'tomorrow'}",
        "{'holder': '" ID "', 'expires_at': '2026-11-24T03:00:00Z'}",
        "{'holder': '" ID "', 'fence': 0, 'expires_at': '2026-11-24T03:00:00Z'}",
        "{'holder': '" ID "', 'fence': 'one', 'expires_at': '2026-11-24T03:00:00Z'}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *doc = manifest_text_json(texts[i]);
        struct ops_mutex mutex;
        if (ops_mutex_read(doc, &mutex) != OPS_CORRUPT)
            fail_msg("%s passes for a mutex", texts[i]);
        json_decref(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_that_was_never_taken_is_free_and_has_no_fence),
        cmocka_unit_test(taking_and_giving_back_only_ever_raises_the_fence),
        cmocka_unit_test(a_held_mutex_expires_24_hours_later_to_the_millisecond),
        cmocka_unit_test(a_closed_mutex_is_still_held_and_nobody_s_to_work_by),
        cmocka_unit_test(its_document_reads_back_as_it_was),
        cmocka_unit_test(a_damaged_document_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
