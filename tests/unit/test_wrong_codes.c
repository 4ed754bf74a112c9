#include "core/wrong_codes.h"

#include "support/cmocka_all.h"

#include <string.h>

static const int64_t now_ms = 5000000;
static const struct ops_peer ann = {.kind = OPS_PEER_PROCESS, .uid = 1000, .pid = 7};
static const struct ops_peer bob = {.kind = OPS_PEER_PROCESS, .uid = 1001, .pid = 8};

static struct ops_wrong_codes codes;

static int forget_all(void **state)
{
    (void)state;
    memset(&codes, 0, sizeof codes);
    return 0;
}

/* The n-th code's. */
static const uint8_t *digest(uint32_t n)
{
    static uint8_t bytes[OPS_SHA256_BYTES];
    memcpy(bytes, &n, sizeof n);
    return bytes;
}

static bool again(uint32_t n, int64_t at_ms)
{
    return ops_wrong_codes_again(&codes, digest(n), "ops_vacuumorg", &ann, at_ms);
}

static void a_code_is_known_once_it_was_found_wrong(void **state)
{
    (void)state;
    assert_false(again(1, now_ms));
    ops_wrong_codes_add(&codes, digest(1), now_ms);
    assert_true(again(1, now_ms));
    assert_false(again(2, now_ms));
}

static void the_one_not_seen_for_longest_makes_room(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < OPS_WRONG_CODES_MAX; n++)
        ops_wrong_codes_add(&codes, digest(n), now_ms + n);
    assert_true(again(0, now_ms + 1000));
    ops_wrong_codes_add(&codes, digest(1000), now_ms + 1001);
    assert_true(again(0, now_ms + 1002));
    assert_true(again(1000, now_ms + 1002));
    assert_false(again(1, now_ms + 1002));
    assert_true(again(2, now_ms + 1002));
}

static void repeats_are_told_once_an_hour_with_how_many_there_were_and_the_last_of_them(void **state)
{
    (void)state;
    ops_wrong_codes_add(&codes, digest(1), now_ms);
    assert_null(ops_wrong_codes_due(&codes, now_ms + OPS_DAY_MS)); /* there was none */
    for (int i = 0; i < 5; i++)
        assert_true(again(1, now_ms + i));
    assert_true(ops_wrong_codes_again(&codes, digest(1), "ops_maintenanceend", &bob, now_ms + 9));
    assert_null(ops_wrong_codes_due(&codes, now_ms + OPS_HOUR_MS - 1));
    const struct ops_wrong_repeats *due = ops_wrong_codes_due(&codes, now_ms + OPS_HOUR_MS);
    assert_non_null(due);
    assert_int_equal(due->count, 6);
    assert_string_equal(due->operation, "ops_maintenanceend");
    assert_int_equal(due->peer.pid, 8);
    assert_ptr_equal(ops_wrong_codes_due(&codes, now_ms + OPS_HOUR_MS), due); /* till it is told */
    ops_wrong_codes_told(&codes, due, now_ms + OPS_HOUR_MS);
    assert_null(ops_wrong_codes_due(&codes, now_ms + OPS_DAY_MS));
    assert_true(again(1, now_ms + 90 * OPS_MINUTE_MS));
    assert_null(ops_wrong_codes_due(&codes, now_ms + 2 * OPS_HOUR_MS - 1));
    assert_int_equal(ops_wrong_codes_due(&codes, now_ms + 2 * OPS_HOUR_MS)->count, 1);
}

static void a_code_that_comes_once_a_day_is_told_at_once(void **state)
{
    (void)state;
    ops_wrong_codes_add(&codes, digest(1), now_ms);
    assert_true(again(1, now_ms + OPS_DAY_MS));
    assert_int_equal(ops_wrong_codes_due(&codes, now_ms + OPS_DAY_MS)->count, 1);
}

static void repeats_of_codes_that_made_room_are_told_together(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < OPS_WRONG_CODES_MAX; n++)
        ops_wrong_codes_add(&codes, digest(n), now_ms);
    for (int i = 0; i < 3; i++)
        assert_true(again(0, now_ms + 1) && again(1, now_ms + 2));
    for (uint32_t n = 2; n < OPS_WRONG_CODES_MAX; n++)
        codes.codes[n].seen_ms = now_ms + 3;
    ops_wrong_codes_add(&codes, digest(1000), now_ms + 4);
    ops_wrong_codes_add(&codes, digest(1001), now_ms + 4);
    const struct ops_wrong_repeats *due = ops_wrong_codes_due(&codes, now_ms + 5);
    assert_non_null(due);
    assert_int_equal(due->count, 6);
    ops_wrong_codes_told(&codes, due, now_ms + 5);
    assert_null(ops_wrong_codes_due(&codes, now_ms + 5));
}

#define CASE(name) cmocka_unit_test_setup(name, forget_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_code_is_known_once_it_was_found_wrong),
        CASE(the_one_not_seen_for_longest_makes_room),
        CASE(repeats_are_told_once_an_hour_with_how_many_there_were_and_the_last_of_them),
        CASE(a_code_that_comes_once_a_day_is_told_at_once),
        CASE(repeats_of_codes_that_made_room_are_told_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
