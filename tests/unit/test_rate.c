#include "base/rate.h"

#include "support/cmocka_all.h"

static void without_a_limit_everything_goes(void **state)
{
    (void)state;
    struct ops_rate rate;
    int64_t wait_ms = 0;
    ops_rate_init(&rate, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ops_rate_take(&rate, 100000, 0, &wait_ms), 100000);
}

static void what_went_must_be_waited_off(void **state)
{
    (void)state;
    struct ops_rate rate;
    int64_t wait_ms = 0;
    ops_rate_init(&rate, 100);
    assert_int_equal(ops_rate_take(&rate, 25, 1000, &wait_ms), 25);
    assert_int_equal(ops_rate_take(&rate, 25, 1000, &wait_ms), 0);
    assert_int_equal(wait_ms, 250);
    assert_int_equal(ops_rate_take(&rate, 25, 1249, &wait_ms), 0);
    assert_int_equal(wait_ms, 1);
    assert_int_equal(ops_rate_take(&rate, 25, 1250, &wait_ms), 25);
}

static void no_more_than_a_seconds_worth_goes_at_once(void **state)
{
    (void)state;
    struct ops_rate rate;
    int64_t wait_ms = 0;
    ops_rate_init(&rate, 10);
    assert_int_equal(ops_rate_take(&rate, 1000, 5000, &wait_ms), 10);
    assert_int_equal(ops_rate_take(&rate, 1000, 5000, &wait_ms), 0);
    assert_int_equal(wait_ms, 1000);
}

static void time_that_was_not_used_is_not_saved_up(void **state)
{
    (void)state;
    struct ops_rate rate;
    int64_t wait_ms = 0;
    ops_rate_init(&rate, 10);
    assert_int_equal(ops_rate_take(&rate, 10, 3600 * 1000, &wait_ms), 10);
    assert_int_equal(ops_rate_take(&rate, 10, 3600 * 1000, &wait_ms), 0);
    assert_int_equal(wait_ms, 1000);
}

static void over_any_second_the_rate_holds(void **state)
{
    (void)state;
    struct ops_rate rate;
    int64_t wait_ms = 0, total = 0;
    ops_rate_init(&rate, 1234);
    for (int64_t at_ms = 0; at_ms < 10000; at_ms++)
        total += (int64_t)ops_rate_take(&rate, 25, at_ms, &wait_ms);
    assert_in_range(total, 10 * 1234 - 25 * 10, 10 * 1234 + 1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_everything_goes),
        cmocka_unit_test(what_went_must_be_waited_off),
        cmocka_unit_test(no_more_than_a_seconds_worth_goes_at_once),
        cmocka_unit_test(time_that_was_not_used_is_not_saved_up),
        cmocka_unit_test(over_any_second_the_rate_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
