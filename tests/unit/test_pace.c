#include "base/pace.h"

#include "support/cmocka_all.h"

static void as_many_steps_as_the_limit_enter_and_no_more(void **state)
{
    (void)state;
    struct ops_pace pace;
    ops_pace_init(&pace, 3, 0);
    for (int i = 0; i < 3; i++)
        assert_true(ops_pace_enter(&pace, 0));
    assert_false(ops_pace_enter(&pace, 0));
    ops_pace_leave(&pace, false, 0);
    assert_true(ops_pace_enter(&pace, 0));
}

static void throttling_halves_the_limit_but_never_below_one(void **state)
{
    (void)state;
    static const uint32_t limits[] = {32, 16, 8, 4, 2, 1, 1, 1};
    struct ops_pace pace;
    ops_pace_init(&pace, 64, 0);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        assert_true(ops_pace_enter(&pace, 0));
        ops_pace_leave(&pace, true, 0);
        assert_int_equal(pace.limit, limits[i]);
    }
    assert_int_equal(pace.busy, 0);
}

static void the_limit_grows_by_one_a_second_without_throttling_up_to_the_most(void **state)
{
    (void)state;
    struct ops_pace pace;
    ops_pace_init(&pace, 8, 0);
    assert_true(ops_pace_enter(&pace, 0));
    ops_pace_leave(&pace, true, 0); /* 4 */
    for (int64_t at_ms = 0; at_ms < 1000; at_ms += 100) {
        assert_true(ops_pace_enter(&pace, at_ms));
        ops_pace_leave(&pace, false, at_ms);
    }
    assert_int_equal(pace.limit, 4);
    for (int64_t at_ms = 1000; at_ms <= 20000; at_ms += 1000) {
        assert_true(ops_pace_enter(&pace, at_ms));
        ops_pace_leave(&pace, false, at_ms);
        assert_int_equal(pace.limit, 4 + at_ms / 1000 < 8 ? 4 + at_ms / 1000 : 8);
    }
}

static void throttling_starts_the_second_anew(void **state)
{
    (void)state;
    struct ops_pace pace;
    ops_pace_init(&pace, 8, 0);
    assert_true(ops_pace_enter(&pace, 0));
    ops_pace_leave(&pace, true, 900);
    assert_true(ops_pace_enter(&pace, 1899));
    assert_int_equal(pace.limit, 4);
    ops_pace_leave(&pace, false, 1899);
    assert_true(ops_pace_enter(&pace, 1900));
    assert_int_equal(pace.limit, 5);
}

static void steps_under_way_when_the_limit_falls_end_before_another_begins(void **state)
{
    (void)state;
    struct ops_pace pace;
    ops_pace_init(&pace, 4, 0);
    for (int i = 0; i < 4; i++)
        assert_true(ops_pace_enter(&pace, 0));
    ops_pace_leave(&pace, true, 0); /* 2, with 3 under way */
    assert_false(ops_pace_enter(&pace, 1));
    ops_pace_leave(&pace, false, 1);
    assert_false(ops_pace_enter(&pace, 1));
    ops_pace_leave(&pace, false, 1);
    assert_true(ops_pace_enter(&pace, 1));
}

static void those_that_are_throttled_together_halve_the_limit_once(void **state)
{
    (void)state;
    static const uint32_t limits[] = {32, 16, 8, 4, 2, 1, 1};
    struct ops_pace pace;
    ops_pace_init(&pace, 64, 0);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint32_t count = pace.limit;
        for (uint32_t k = 0; k < count; k++)
            assert_true(ops_pace_enter(&pace, 0));
        for (uint32_t k = 0; k < count; k++)
            ops_pace_leave(&pace, true, 0);
        assert_int_equal(pace.limit, limits[i]);
    }
    assert_int_equal(pace.busy, 0);
}

/* What began after the limit was halved, and is throttled, says that it is still too high. */
static void what_is_throttled_after_those_halves_the_limit_again(void **state)
{
    (void)state;
    struct ops_pace pace;
    ops_pace_init(&pace, 8, 0);
    for (int i = 0; i < 3; i++)
        assert_true(ops_pace_enter(&pace, 0));
    ops_pace_leave(&pace, true, 0);
    assert_true(ops_pace_enter(&pace, 0));
    ops_pace_leave(&pace, true, 0);
    ops_pace_leave(&pace, false, 0);
    assert_int_equal(pace.limit, 4);
    ops_pace_leave(&pace, true, 0);
    assert_int_equal(pace.limit, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_steps_as_the_limit_enter_and_no_more),
        cmocka_unit_test(throttling_halves_the_limit_but_never_below_one),
        cmocka_unit_test(the_limit_grows_by_one_a_second_without_throttling_up_to_the_most),
        cmocka_unit_test(throttling_starts_the_second_anew),
        cmocka_unit_test(steps_under_way_when_the_limit_falls_end_before_another_begins),
        cmocka_unit_test(those_that_are_throttled_together_halve_the_limit_once),
        cmocka_unit_test(what_is_throttled_after_those_halves_the_limit_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
