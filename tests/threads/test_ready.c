/* What GET /readyz is told of the sweep, by a clock that is moved by hand. */
#include "main/ready.h"

#include "support/cmocka_all.h"

enum { SECOND_MS = 1000 };

struct hand_clock {
    struct ops_clock clock;
    int64_t now_ms;
};

static int64_t read_hand(struct ops_clock *clock)
{
    return ((struct hand_clock *)(void *)clock)->now_ms;
}

static const struct ops_clock_ops hand_ops = {.now_ms = read_hand, .monotonic_ms = read_hand};
static struct hand_clock hand;
static struct ops_pulse pulse;
static struct ops_ready ready;

static int start(void **state)
{
    (void)state;
    hand = (struct hand_clock){.clock = {.ops = &hand_ops}, .now_ms = 77 * SECOND_MS};
    ops_pulse_of_thread(&pulse);
    ops_ready_init(&ready, &hand.clock);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ops_pulse_of_thread(NULL);
    return 0;
}

static void expect(const char *reasons)
{
    struct ops_buf buf;
    ops_buf_init(&buf, 1024);
    ops_ready_tell(&ready, &buf);
    assert_string_equal(ops_buf_text(&buf), reasons);
    ops_buf_release(&buf);
}

static void pass(int seconds)
{
    for (int i = 0; i < seconds; i++) {
        hand.now_ms += SECOND_MS;
        ops_ready_look(&ready, &pulse);
    }
}

static void nothing_is_ready_before_the_sweep_has_begun(void **state)
{
    (void)state;
    expect("sweep: it has not begun\n");
    ops_ready_look(&ready, &pulse);
    expect("");
}

static void a_sweep_that_gives_no_sign_is_told_until_it_does(void **state)
{
    (void)state;
    ops_ready_look(&ready, &pulse);
    pass(60);
    expect("");
    pass(1);
    expect("sweep: it has given no sign for 61 s\n");
    ops_pulse_beat();
    pass(1);
    expect("");
}

/* To the watchdog that is no fault of the sweep's; but whoever sends requests here wants to know. */
static void one_that_waits_for_somebody_for_long_is_told_too(void **state)
{
    (void)state;
    ops_pulse_away();
    pass(62);
    expect("sweep: it has given no sign for 61 s\n");
    ops_pulse_back();
    pass(1);
    expect("");
}

static void who_looks_no_more_is_as_good_as_a_sweep_that_stands(void **state)
{
    (void)state;
    ops_ready_look(&ready, &pulse);
    hand.now_ms += 90 * SECOND_MS;
    ops_pulse_beat();
    expect("sweep: it has given no sign for 90 s\n");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_ready_before_the_sweep_has_begun),
        CASE(a_sweep_that_gives_no_sign_is_told_until_it_does),
        CASE(one_that_waits_for_somebody_for_long_is_told_too),
        CASE(who_looks_no_more_is_as_good_as_a_sweep_that_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
