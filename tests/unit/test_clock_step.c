/* What is a step of the wall clock, and what is time that passes. */
#include "core/clock_step.h"

#include "support/cmocka_all.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS (86400 * SECOND_MS)

enum { MOST_MS = OPS_CLOCK_STEP_MORE_THAN_MS };

static const int64_t begin_ms = INT64_C(1795489200000);

static void time_that_passes_awake_or_asleep_is_no_step(void **state)
{
    (void)state;
    struct ops_clock_reference reference;
    ops_clock_reference_init(&reference, begin_ms, 777);
    static const int64_t passed_ms[] = {0, 1, 500, 60 * SECOND_MS, DAY_MS, 400 * DAY_MS};
    for (size_t i = 0; i < sizeof passed_ms / sizeof passed_ms[0]; i++)
        assert_int_equal(ops_clock_step_ms(&reference, begin_ms + passed_ms[i], 777 + passed_ms[i]), 0);
}

static void a_step_is_one_from_ten_seconds_on_forward_or_back(void **state)
{
    (void)state;
    static const struct {
        int64_t by_ms;
        int64_t told_ms;
    } cases[] = {
        {1, 0},
        {-1, 0},
        {1000, 0}, /* a leap second */
        {-1000, 0},
        {MOST_MS, 0},
        {-MOST_MS, 0},
        {MOST_MS + 1, MOST_MS + 1},
        {-MOST_MS - 1, -MOST_MS - 1},
        {301 * SECOND_MS, 301 * SECOND_MS},
        {-DAY_MS, -DAY_MS},
        {20000 * DAY_MS, 20000 * DAY_MS},
        {-begin_ms, -begin_ms}, /* to 1970 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_clock_reference reference;
        ops_clock_reference_init(&reference, begin_ms, 0);
        assert_int_equal(ops_clock_step_ms(&reference, begin_ms + 500 + cases[i].by_ms, 500), cases[i].told_ms);
    }
}

static void a_step_is_told_once_and_the_way_back_is_another(void **state)
{
    (void)state;
    struct ops_clock_reference reference;
    ops_clock_reference_init(&reference, begin_ms, 0);
    assert_int_equal(ops_clock_step_ms(&reference, begin_ms + DAY_MS, 0), DAY_MS);
    assert_int_equal(ops_clock_step_ms(&reference, begin_ms + DAY_MS + 500, 500), 0);
    assert_int_equal(ops_clock_step_ms(&reference, begin_ms + 1000, 1000), -DAY_MS);
    assert_int_equal(ops_clock_step_ms(&reference, begin_ms + 1500, 1500), 0);
}

static void what_comes_apart_little_by_little_is_told_when_it_is_enough(void **state)
{
    (void)state;
    struct ops_clock_reference reference;
    int64_t told_ms = 0;
    ops_clock_reference_init(&reference, begin_ms, 0);
    for (int64_t second = 1; second <= 3 * MOST_MS; second++)
        told_ms += ops_clock_step_ms(&reference, begin_ms + second * SECOND_MS + second, second * SECOND_MS);
    assert_true(told_ms > 2 * MOST_MS && told_ms <= 3 * MOST_MS);
}

static void what_is_put_right_before_it_is_enough_is_never_told(void **state)
{
    (void)state;
    struct ops_clock_reference reference;
    ops_clock_reference_init(&reference, begin_ms, 0);
    for (int64_t i = 1; i < 100; i++)
        assert_int_equal(ops_clock_step_ms(&reference, begin_ms + i * 500 + (i % 2 ? MOST_MS : -MOST_MS) / 2, i * 500), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_that_passes_awake_or_asleep_is_no_step),
        cmocka_unit_test(a_step_is_one_from_ten_seconds_on_forward_or_back),
        cmocka_unit_test(a_step_is_told_once_and_the_way_back_is_another),
        cmocka_unit_test(what_comes_apart_little_by_little_is_told_when_it_is_enough),
        cmocka_unit_test(what_is_put_right_before_it_is_enough_is_never_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
