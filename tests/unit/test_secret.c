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

static void a_damaged_record_neither_locks_nor_crashes(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{'phc': 1, 'wrong_in_a_row': 'x', 'locked_until_ms': [], 'revision': null}",
                                        "{'wrong_in_a_row': -9}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *record = manifest_text_json(texts[i]);
        assert_int_equal(ops_secret_check_lock(record, now_ms, NULL), OPS_OK);
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
        cmocka_unit_test(a_damaged_record_neither_locks_nor_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
