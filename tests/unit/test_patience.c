#include "base/patience.h"

#include "support/cmocka_all.h"

#include <stdio.h>

static struct ops_patience patience;

static int nothing_is_waited_for(void **state)
{
    (void)state;
    patience = (struct ops_patience){0};
    return 0;
}

static void a_wait_is_as_long_as_it_has_been_asked_about(void **state)
{
    (void)state;
    assert_int_equal(ops_patience_waits(&patience, "a", 1000), 0);
    assert_int_equal(ops_patience_waits(&patience, "a", 1000), 0);
    assert_int_equal(ops_patience_waits(&patience, "a", 61000), 60000);
    assert_int_equal(ops_patience_waits(&patience, "a", 121000), 120000);
}

static void each_wait_is_its_own(void **state)
{
    (void)state;
    (void)ops_patience_waits(&patience, "a", 0);
    assert_int_equal(ops_patience_waits(&patience, "b", 5000), 0);
    assert_int_equal(ops_patience_waits(&patience, "a", 7000), 7000);
    assert_int_equal(ops_patience_waits(&patience, "b", 7000), 2000);
    assert_int_equal(ops_patience_waits(&patience, "ab", 7000), 0);
}

static void what_has_come_is_waited_for_anew_the_next_time(void **state)
{
    (void)state;
    (void)ops_patience_waits(&patience, "a", 0);
    ops_patience_over(&patience, "a");
    ops_patience_over(&patience, "never waited for");
    assert_int_equal(ops_patience_waits(&patience, "a", 9000), 0);
}

static void a_wait_that_nobody_asked_about_for_long_begins_anew(void **state)
{
    (void)state;
    (void)ops_patience_waits(&patience, "a", 0);
    assert_int_equal(ops_patience_waits(&patience, "a", OPS_PATIENCE_GAP_MS), OPS_PATIENCE_GAP_MS);
    assert_int_equal(ops_patience_waits(&patience, "a", 2 * OPS_PATIENCE_GAP_MS + 1), 0);
}

static void with_too_many_the_one_asked_about_longest_ago_is_forgotten(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i <= OPS_PATIENCE_WAITS_MAX; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        assert_int_equal(ops_patience_waits(&patience, name, i), 0);
    }
    assert_int_equal(ops_patience_waits(&patience, "1", 100), 99);
    assert_int_equal(ops_patience_waits(&patience, "0", 100), 0);
}

static void a_name_that_is_too_long_is_the_same_name_each_time(void **state)
{
    (void)state;
    char name[2 * OPS_PATIENCE_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%0*d", (int)sizeof name - 1, 7);
    (void)ops_patience_waits(&patience, name, 0);
    assert_int_equal(ops_patience_waits(&patience, name, 1), 1);
    ops_patience_over(&patience, name);
    assert_int_equal(ops_patience_waits(&patience, name, 2), 0);
}

#define CASE(name) cmocka_unit_test_setup(name, nothing_is_waited_for)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_wait_is_as_long_as_it_has_been_asked_about),
        CASE(each_wait_is_its_own),
        CASE(what_has_come_is_waited_for_anew_the_next_time),
        CASE(a_wait_that_nobody_asked_about_for_long_begins_anew),
        CASE(with_too_many_the_one_asked_about_longest_ago_is_forgotten),
        CASE(a_name_that_is_too_long_is_the_same_name_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
