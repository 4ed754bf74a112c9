#include "base/retry.h"

#include "support/cmocka_all.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int64_t ceilings_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};

static void the_longest_wait_doubles_from_100_ms_to_5_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ceilings_ms); i++)
        assert_int_equal(ops_retry_wait_ms((int)i + 1, UINT32_MAX), ceilings_ms[i]);
    assert_int_equal(ops_retry_wait_ms(1000000, UINT32_MAX), OPS_RETRY_CAP_MS);
}

static void full_jitter_reaches_down_to_no_wait_and_spreads_evenly(void **state)
{
    (void)state;
    for (int attempt = 1; attempt <= OPS_RETRY_ATTEMPTS_MAX; attempt++) {
        int64_t sum_ms = 0;
        assert_int_equal(ops_retry_wait_ms(attempt, 0), 0);
        for (uint32_t i = 0; i < 1000; i++)
            sum_ms += ops_retry_wait_ms(attempt, i * (UINT32_MAX / 1000));
        int64_t mean_ms = sum_ms / 1000, half_ms = ceilings_ms[attempt - 1] / 2;
        assert_in_range(mean_ms, half_ms - half_ms / 50 - 1, half_ms + half_ms / 50 + 1);
    }
}

static void an_attempt_that_never_was_waits_like_the_first(void **state)
{
    (void)state;
    assert_int_equal(ops_retry_wait_ms(0, UINT32_MAX), 100);
    assert_int_equal(ops_retry_wait_ms(-5, UINT32_MAX), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_wait_doubles_from_100_ms_to_5_s),
        cmocka_unit_test(full_jitter_reaches_down_to_no_wait_and_spreads_evenly),
        cmocka_unit_test(an_attempt_that_never_was_waits_like_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
