#include "core/secret.h"

#include "base/json.h"

#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int64_t now_ms = INT64_C(1795489200000);

static json_t *record_new(void)
{
    json_t *record = NULL;
    assert_int_equal(ops_secret_replace(NULL, "$phc$", &record), OPS_OK);
    return record;
}

static int64_t count_wrong(json_t **record, int64_t at_ms)
{
    json_t *after = NULL;
    int64_t lock_seconds = -1;
    assert_int_equal(ops_secret_count_wrong(*record, at_ms, &after, &lock_seconds), OPS_OK);
    json_decref(*record);
    *record = after;
    return lock_seconds;
}

static void a_first_code_has_revision_1_and_no_wrong_tries(void **state)
{
    (void)state;
    json_t *record = record_new();
    json_t *expected = manifest_text_json("{'phc': '$phc$', 'revision': 1, 'wrong_in_a_row': 0, 'locked_until_ms': 0}");
    assert_true(json_equal(record, expected));
    assert_false(ops_secret_has_wrong(record));
    json_decref(record);
    json_decref(expected);
}

static void the_fifth_wrong_code_locks_for_a_second_and_each_further_one_for_twice_as_long_up_to_900(void **state)
{
    (void)state;
    static const int64_t expected[] = {0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900};
    json_t *record = record_new();
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_int_equal(count_wrong(&record, now_ms), expected[i]);
        assert_int_equal(ops_json_integer(record, "wrong_in_a_row", 0), i + 1);
        assert_int_equal(ops_json_integer(record, "revision", 0), i + 2);
        assert_int_equal(ops_json_integer(record, "locked_until_ms", -1), expected[i] ? now_ms + expected[i] * 1000 : 0);
        assert_string_equal(ops_json_text(record, "phc", ""), "$phc$");
    }
    json_decref(record);
}

struct lock_case {
    const char *name;
    int64_t left_ms;
    enum ops_status expected;
    json_int_t retry_after_seconds;
};

static const struct lock_case lock_cases[] = {
    {"never locked", INT64_MIN, OPS_OK, 0},
    {"over this millisecond", 0, OPS_OK, 0},
    {"a millisecond left", 1, OPS_SECRET_CODE_LOCKED, 1},
    {"a second left", 1000, OPS_SECRET_CODE_LOCKED, 1},
    {"just over a second left", 1001, OPS_SECRET_CODE_LOCKED, 2},
    {"fifteen minutes left", 900000, OPS_SECRET_CODE_LOCKED, 900},
    {"more than any lock: the clock went back", 900001, OPS_OK, 0},
};

static void a_lock_tells_how_long_to_wait_and_is_over_on_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lock_cases); i++) {
        const struct lock_case *test = &lock_cases[i];
        struct ops_error error = OPS_ERROR_INIT;
        json_t *record = record_new();
        json_int_t until_ms = test->left_ms == INT64_MIN ? 0 : now_ms + test->left_ms;
        assert_int_equal(ops_json_set_integer(record, "locked_until_ms", until_ms), OPS_OK);
        if (ops_secret_check_lock(record, now_ms, &error) != test->expected)
            fail_msg("%s", test->name);
        assert_int_equal(ops_json_integer(error.details, "retry_after_seconds", 0), test->retry_after_seconds);
        ops_error_release(&error);
        json_decref(record);
    }
}

static void a_right_code_and_a_new_code_start_the_count_anew(void **state)
{
    (void)state;
    json_t *record = record_new(), *right = NULL, *replaced = NULL;
    for (int i = 0; i < 6; i++)
        (void)count_wrong(&record, now_ms);
    assert_true(ops_secret_has_wrong(record));
    assert_int_equal(ops_secret_count_right(record, &right), OPS_OK);
    assert_int_equal(ops_secret_replace(record, "$new$", &replaced), OPS_OK);
    assert_false(ops_secret_has_wrong(right));
    assert_string_equal(ops_json_text(right, "phc", ""), "$phc$");
    assert_int_equal(ops_json_integer(right, "revision", 0), 8);
    assert_int_equal(ops_secret_check_lock(right, now_ms, NULL), OPS_OK);
    assert_false(ops_secret_has_wrong(replaced));
    assert_string_equal(ops_json_text(replaced, "phc", ""), "$new$");
    assert_int_equal(ops_json_integer(replaced, "revision", 0), 8);
    for (int i = 0; i < 4; i++)
        assert_int_equal(count_wrong(&right, now_ms), 0);
    assert_int_equal(count_wrong(&right, now_ms), 1);
    json_decref(record);
    json_decref(right);
    json_decref(replaced);
}

/* ---- What is old does not count ---- */

static json_int_t wrong_count(const json_t *record)
{
    return ops_json_integer(record, "wrong_in_a_row", -1);
}

static void one_wrong_code_a_day_never_locks(void **state)
{
    (void)state;
    json_t *record = record_new();
    for (int64_t day = 0; day < 40; day++) {
        assert_int_equal(count_wrong(&record, now_ms + day * OPS_DAY_MS), 0);
        assert_int_equal(wrong_count(record), 1);
    }
    json_decref(record);
}

static void four_wrong_codes_in_any_day_never_lock(void **state)
{
    (void)state;
    json_t *record = record_new();
    for (int64_t i = 0; i < 100; i++)
        assert_int_equal(count_wrong(&record, now_ms + i * 6 * OPS_HOUR_MS), 0);
    assert_int_equal(wrong_count(record), 4);
    json_decref(record);
}

static void five_wrong_codes_within_a_day_lock_however_far_apart_they_are(void **state)
{
    (void)state;
    json_t *record = record_new();
    for (int64_t i = 0; i < 4; i++)
        assert_int_equal(count_wrong(&record, now_ms + i * 6 * OPS_HOUR_MS - (i ? 1 : 0)), 0);
    assert_int_equal(count_wrong(&record, now_ms + OPS_DAY_MS - 1), 1);
    json_decref(record);
}

static void each_wrong_code_is_forgotten_when_it_is_a_day_old_and_not_all_at_once(void **state)
{
    (void)state;
    json_t *record = record_new();
    for (int64_t i = 0; i < 14; i++)
        (void)count_wrong(&record, now_ms + i * OPS_HOUR_MS);
    assert_int_equal(count_wrong(&record, now_ms + 14 * OPS_HOUR_MS), 900);
    assert_int_equal(count_wrong(&record, now_ms + OPS_DAY_MS + 8 * OPS_HOUR_MS), 4); /* of hours 9 to 14, and itself */
    assert_int_equal(wrong_count(record), 7);
    json_decref(record);
}

static void the_longest_locks_all_day_long_do_not_fill_the_memory_and_stay_the_longest(void **state)
{
    (void)state;
    json_t *record = record_new();
    int64_t at_ms = now_ms, seconds = 0;
    for (int i = 0; i < 400; i++) {
        seconds = count_wrong(&record, at_ms);
        at_ms += seconds * OPS_SECOND_MS;
        assert_true(json_array_size(json_object_get(record, "wrong_at_ms")) < OPS_SECRET_WRONG_MAX);
    }
    assert_int_equal(seconds, OPS_SECRET_LOCK_MAX_SECONDS);
    json_decref(record);
}

static void what_is_remembered_has_a_limit_also_when_the_clock_stands_still(void **state)
{
    (void)state;
    json_t *record = record_new();
    for (int i = 0; i < 2 * OPS_SECRET_WRONG_MAX; i++)
        (void)count_wrong(&record, now_ms);
    assert_int_equal(json_array_size(json_object_get(record, "wrong_at_ms")), OPS_SECRET_WRONG_MAX);
    assert_int_equal(wrong_count(record), OPS_SECRET_WRONG_MAX);
    assert_int_equal(count_wrong(&record, now_ms + OPS_DAY_MS), 0);
    json_decref(record);
}

/* ---- The clock is set ---- */

static void a_lock_that_begins_later_than_clocks_can_be_apart_is_none(void **state)
{
    (void)state;
    json_t *record = record_new();
    for (int i = 0; i < 10; i++)
        (void)count_wrong(&record, now_ms); /* locks for 32 s */
    assert_int_equal(ops_secret_lock_left_ms(record, now_ms), 32000);
    assert_int_equal(ops_secret_lock_left_ms(record, now_ms + 31999), 1);
    assert_int_equal(ops_secret_lock_left_ms(record, now_ms + 32000), 0);
    assert_int_equal(ops_secret_lock_left_ms(record, now_ms - 10000), 42000); /* another process's clock, 10 s behind */
    assert_int_equal(ops_secret_lock_left_ms(record, now_ms - 10001), 0);
    assert_int_equal(ops_secret_lock_left_ms(record, now_ms - OPS_DAY_MS), 0);
    json_decref(record);
}

static void wrong_codes_from_a_clock_that_was_ahead_count_a_day_from_now_and_no_longer(void **state)
{
    (void)state;
    json_t *record = record_new();
    for (int i = 0; i < 4; i++)
        (void)count_wrong(&record, now_ms + 10 * OPS_DAY_MS);
    assert_int_equal(count_wrong(&record, now_ms), 1);
    assert_int_equal(ops_secret_lock_left_ms(record, now_ms), 1000);
    assert_int_equal(count_wrong(&record, now_ms + OPS_DAY_MS), 0);
    assert_int_equal(wrong_count(record), 1);
    json_decref(record);
}

static void a_clock_that_goes_ahead_and_back_again_never_makes_a_lock_longer_than_the_longest(void **state)
{
    (void)state;
    static const int64_t steps_ms[] = {0, 10 * OPS_DAY_MS, -10 * OPS_DAY_MS, 3000, -3000, 901000, -901000, -5 * OPS_DAY_MS};
    json_t *record = record_new();
    int64_t at_ms = now_ms;
    for (size_t i = 0; i < 40 * COUNT_OF(steps_ms); i++) {
        at_ms += steps_ms[i % COUNT_OF(steps_ms)];
        assert_true(ops_secret_lock_left_ms(record, at_ms) <= OPS_SECRET_LOCK_MAX_SECONDS * OPS_SECOND_MS);
        assert_true(count_wrong(&record, at_ms) <= OPS_SECRET_LOCK_MAX_SECONDS);
        assert_true(ops_secret_lock_left_ms(record, at_ms) <= OPS_SECRET_LOCK_MAX_SECONDS * OPS_SECOND_MS);
    }
    json_decref(record);
}

/* ---- Looks in spite of a lock ---- */

static void a_wrong_code_while_locked_has_a_count_of_its_own_and_leaves_the_lock_alone(void **state)
{
    (void)state;
    json_t *record = record_new(), *after = NULL;
    for (int i = 0; i < 6; i++)
        (void)count_wrong(&record, now_ms);
    for (json_int_t i = 1; i <= 3; i++) {
        assert_int_equal(ops_secret_count_wrong_while_locked(record, &after), OPS_OK);
        json_t *expected = json_copy(record);
        assert_int_equal(ops_json_set_integer(expected, "wrong_while_locked", i), OPS_OK);
        assert_int_equal(ops_json_set_integer(expected, "revision", 7 + i), OPS_OK);
        assert_true(json_equal(after, expected));
        json_decref(expected);
        json_decref(record);
        record = after;
    }
    assert_int_equal(count_wrong(&record, now_ms + 2000), 4); /* as if nothing had been between */
    assert_int_equal(ops_json_integer(record, "wrong_while_locked", 0), 3);
    assert_int_equal(ops_secret_count_right(record, &after), OPS_OK);
    assert_false(ops_secret_has_wrong(after));
    json_decref(after);
    json_decref(record);
}

static void wrong_codes_while_locked_alone_are_something_that_a_right_code_forgets(void **state)
{
    (void)state;
    json_t *record = record_new(), *after = NULL;
    assert_int_equal(ops_secret_count_wrong_while_locked(record, &after), OPS_OK);
    assert_true(ops_secret_has_wrong(after));
    json_decref(after);
    json_decref(record);
}

/* ---- Records of before ---- */

struct old_case {
    const char *name;
    const char *record; /* as it was written before wrong codes had their times */
    int64_t lock_seconds;
    json_int_t wrong;
};

/* now_ms is 1795489200000. */
static const struct old_case old_cases[] = {
    {"no wrong code", "{'phc': 'p', 'revision': 3, 'wrong_in_a_row': 0, 'locked_until_ms': 0}", 0, 1},
    {"four, of unknown times", "{'phc': 'p', 'revision': 3, 'wrong_in_a_row': 4, 'locked_until_ms': 0}", 1, 5},
    {"a lock that is just over", "{'phc': 'p', 'revision': 3, 'wrong_in_a_row': 6, 'locked_until_ms': 1795489199000}", 4, 7},
    {"a lock of two days ago", "{'phc': 'p', 'revision': 3, 'wrong_in_a_row': 15, 'locked_until_ms': 1795316400000}", 0, 1},
    {"more than any process counts", "{'phc': 'p', 'revision': 3, 'wrong_in_a_row': 9000, 'locked_until_ms': 0}", 900, 128},
};

static void records_of_before_are_read_as_they_were_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(old_cases); i++) {
        json_t *record = manifest_text_json(old_cases[i].record);
        int64_t seconds = count_wrong(&record, now_ms);
        if (seconds != old_cases[i].lock_seconds || wrong_count(record) != old_cases[i].wrong)
            fail_msg("%s: %d s, %d", old_cases[i].name, (int)seconds, (int)wrong_count(record));
        json_decref(record);
    }
}

static void an_old_lock_still_holds(void **state)
{
    (void)state;
    json_t *record =
        manifest_text_json("{'phc': 'p', 'revision': 3, 'wrong_in_a_row': 9, 'locked_until_ms': 1795489216000}");
    assert_int_equal(ops_secret_lock_left_ms(record, now_ms), 16000);
    json_decref(record);
}

static void a_damaged_record_neither_locks_nor_crashes(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{'phc': 1, 'wrong_in_a_row': 'x', 'locked_until_ms': [], 'revision': null}",
                                        "{'wrong_in_a_row': -9}",
                                        "{'wrong_in_a_row': -9223372036854775808, 'revision': 9223372036854775807,"
                                        " 'locked_until_ms': -9223372036854775808, 'wrong_at_ms': {'a': 1}}",
                                        "{'wrong_at_ms': ['x', null, -9223372036854775808, [], 0.5]}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *record = manifest_text_json(texts[i]), *after = NULL;
        assert_int_equal(ops_secret_check_lock(record, now_ms, NULL), OPS_OK);
        assert_int_equal(ops_secret_count_wrong_while_locked(record, &after), OPS_OK);
        json_decref(after);
        assert_int_equal(count_wrong(&record, now_ms), 0);
        json_decref(record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_code_has_revision_1_and_no_wrong_tries),
        cmocka_unit_test(the_fifth_wrong_code_locks_for_a_second_and_each_further_one_for_twice_as_long_up_to_900),
        cmocka_unit_test(a_lock_tells_how_long_to_wait_and_is_over_on_time),
        cmocka_unit_test(a_right_code_and_a_new_code_start_the_count_anew),
        cmocka_unit_test(one_wrong_code_a_day_never_locks),
        cmocka_unit_test(four_wrong_codes_in_any_day_never_lock),
        cmocka_unit_test(five_wrong_codes_within_a_day_lock_however_far_apart_they_are),
        cmocka_unit_test(each_wrong_code_is_forgotten_when_it_is_a_day_old_and_not_all_at_once),
        cmocka_unit_test(the_longest_locks_all_day_long_do_not_fill_the_memory_and_stay_the_longest),
        cmocka_unit_test(what_is_remembered_has_a_limit_also_when_the_clock_stands_still),
        cmocka_unit_test(a_lock_that_begins_later_than_clocks_can_be_apart_is_none),
        cmocka_unit_test(wrong_codes_from_a_clock_that_was_ahead_count_a_day_from_now_and_no_longer),
        cmocka_unit_test(a_clock_that_goes_ahead_and_back_again_never_makes_a_lock_longer_than_the_longest),
        cmocka_unit_test(a_wrong_code_while_locked_has_a_count_of_its_own_and_leaves_the_lock_alone),
        cmocka_unit_test(wrong_codes_while_locked_alone_are_something_that_a_right_code_forgets),
        cmocka_unit_test(records_of_before_are_read_as_they_were_meant),
        cmocka_unit_test(an_old_lock_still_holds),
        cmocka_unit_test(a_damaged_record_neither_locks_nor_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
