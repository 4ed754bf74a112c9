/* The real library in simulated time: scenes of one window, and seeds of chance.
 *
 *   test_gate_time [FIRST [SEEDS]]
 */
#include "gate/simulated.h"

#include "support/cmocka_all.h"

#include <inttypes.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MS OPS_GATE_MS
#define SECOND OPS_GATE_SECOND
#define HOUR (3600 * SECOND)

enum { STEPS = 250, SEEDS_DEFAULT = 40 };

static opsgate_counters count(opsgate *gate)
{
    opsgate_counters counters;
    opsgate_count(gate, &counters);
    return counters;
}

/* Of the latest answer, to the nanosecond. */
static int64_t answer_age_ns(void)
{
    struct simulated_answer answers[2];
    simulated_answers(answers);
    return simulated_stage().clocks.monotonic_ns - answers[0].asked.monotonic_ns;
}

/* As old the gate takes it for. */
static int64_t knowledge_age_ns(void)
{
    return answer_age_ns() + OPS_GATE_CLOCK_ERROR_NS;
}

/* A gate that was told that no window is active, or that one is. */
static opsgate *open_knowing(bool active)
{
    const opsgate_config config = OPSGATE_CONFIG_INIT;
    simulated_reset(1);
    opsgate *gate = simulated_open(&config);
    simulated_window(active);
    simulated_pass(10 * SECOND);
    assert_int_equal(simulated_check(gate), active);
    return gate;
}

/* ---- Scenes ---- */

/* In the promise, questions are a refresh apart and take a timeout at most, and OPS answers from a second ago. */
static const opsgate_config extremes[] = {
    {sizeof(opsgate_config), NULL, NULL, NULL, 1000, 100, 250, NULL, NULL},
    {sizeof(opsgate_config), NULL, NULL, NULL, 5000, 2000, 250, NULL, NULL},
    {sizeof(opsgate_config), NULL, NULL, NULL, 15000, 4000, 250, NULL, NULL},
    {sizeof(opsgate_config), NULL, NULL, NULL, 10000, 9000, 250, NULL, NULL},
    {sizeof(opsgate_config), NULL, NULL, NULL, 1000, 9000, 250, NULL, NULL},
};

/* With a source that is as slow as it may be. */
static opsgate *open_slow(const opsgate_config *config, uint64_t seed)
{
    int64_t half_ns = config->timeout_ms * MS / 2;
    simulated_reset(seed);
    simulated_manner((struct simulated_manner){.least_ns = half_ns, .most_ns = half_ns});
    return simulated_open(config);
}

static void a_gate_closes_within_20_s_of_the_start_and_opens_within_20_s_of_the_end(void **state)
{
    struct sim_rng rng = {.state = 7};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(extremes); i++) {
        opsgate *gate = open_slow(&extremes[i], i);
        for (int round = 0; round < 20; round++) {
            simulated_pass(sim_between(&rng, 1, 30000) * MS);
            simulated_window(round % 2 == 0);
            simulated_pass(20 * SECOND);
            if (simulated_check(gate) != (round % 2 == 0))
                fail_msg("refresh %u, timeout %u, round %d", extremes[i].refresh_ms, extremes[i].timeout_ms, round);
        }
        simulated_close(gate);
    }
}

static void a_source_that_answers_leaves_no_check_without_knowledge(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(extremes); i++) {
        opsgate *gate = open_slow(&extremes[i], i);
        simulated_pass(extremes[i].timeout_ms * MS); /* the first answer */
        for (int second = 0; second < 200; second++) {
            simulated_pass(SECOND);
            (void)simulated_check(gate);
        }
        if (count(gate).unknown != 0 || count(gate).stale != 0)
            fail_msg("refresh %u, timeout %u: %llu unknown, %llu stale", extremes[i].refresh_ms, extremes[i].timeout_ms,
                     (unsigned long long)count(gate).unknown, (unsigned long long)count(gate).stale);
        simulated_close(gate);
    }
}

static void a_gate_asks_once_in_a_refresh_and_each_second_while_it_hears_nothing(void **state)
{
    (void)state;
    opsgate *gate = open_knowing(false);
    uint64_t before = count(gate).asked;
    simulated_pass(100 * SECOND);
    assert_in_range(count(gate).asked - before, 20, 26);
    simulated_down(true);
    before = count(gate).asked;
    simulated_pass(100 * SECOND);
    assert_in_range(count(gate).asked - before, 95, 130);
    simulated_close(gate);
}

static void the_old_answer_holds_for_20_s_and_then_the_gate_opens(void **state)
{
    (void)state;
    opsgate *gate = open_knowing(true);
    simulated_down(true);
    simulated_pass(20 * SECOND - knowledge_age_ns());
    assert_int_equal(count(gate).age_ms, 20000);
    assert_int_equal(simulated_check(gate), 1);
    assert_int_equal(count(gate).unknown, 0);
    simulated_pass(1);
    assert_int_equal(simulated_check(gate), 0);
    assert_int_equal(count(gate).unknown, 1);
    simulated_down(false);
    simulated_pass(2 * SECOND);
    assert_int_equal(simulated_check(gate), 1);
    assert_int_equal(count(gate).unknown, 1);
    simulated_close(gate);
}

/* The answer came just before a tick, and the check does: the clock shows less than what has passed. */
static void a_clock_that_is_late_makes_no_knowledge_younger(void **state)
{
    static const int64_t ticks_ns[] = {MS, 4 * MS, 10 * MS};
    const opsgate_config config = OPSGATE_CONFIG_INIT;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ticks_ns) * 20; i++) {
        simulated_reset(i);
        simulated_tick(ticks_ns[i / 20]);
        simulated_window(true);
        simulated_pass((int64_t)i * 511 * MS / 1024);
        opsgate *gate = simulated_open(&config);
        simulated_pass(10 * SECOND);
        simulated_down(true);
        simulated_pass(20 * SECOND - answer_age_ns() - 40 * MS);
        assert_int_equal(simulated_check(gate), 1);
        simulated_pass(40 * MS + 1);
        assert_int_equal(simulated_check(gate), 0);
        simulated_close(gate);
    }
}

static void an_overdue_answer_is_counted_stale(void **state)
{
    (void)state;
    opsgate *gate = open_knowing(false);
    assert_int_equal(count(gate).stale, 0);
    simulated_down(true);
    simulated_pass(10 * SECOND);
    assert_int_equal(simulated_check(gate), 0);
    assert_int_equal(count(gate).stale, 1);
    simulated_pass(15 * SECOND);
    assert_int_equal(simulated_check(gate), 0);
    assert_int_equal(count(gate).stale, 1);
    assert_int_equal(count(gate).unknown, 1);
    simulated_close(gate);
}

/* ---- Freeze and thaw: what was true before, what is now ---- */

struct freeze_row {
    const char *name;
    bool suspended;
    int64_t ns;
    bool before;
    bool after;
};

static const struct freeze_row freeze_rows[] = {
    {"suspended, window over", true, HOUR, true, false},
    {"suspended, window begun", true, HOUR, false, true},
    {"suspended, window still there", true, HOUR, true, true},
    {"suspended for 21 s, window over", true, 21 * SECOND, true, false},
    {"stopped, window over", false, HOUR, true, false},
    {"stopped, window begun", false, HOUR, false, true},
    {"stopped for 21 s, window over", false, 21 * SECOND, true, false},
};

static void after_a_freeze_the_first_check_waits_for_the_truth(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(freeze_rows); i++) {
        const struct freeze_row *row = &freeze_rows[i];
        opsgate *gate = open_knowing(row->before);
        simulated_freeze(row->suspended, row->ns, row->after);
        /* A suspended gate that was open goes by what it knew, until its thread has looked at the clocks. */
        if (row->suspended && !row->before)
            simulated_pass(SECOND);
        int blocked = simulated_check(gate);
        if (blocked != row->after || count(gate).unknown != 0)
            fail_msg("%s: blocked %d, unknown %d", row->name, blocked, (int)count(gate).unknown);
        simulated_close(gate);
    }
}

static void after_a_freeze_in_the_middle_of_a_question_it_asks_again_at_once(void **state)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    (void)state;
    config.first_wait_ms = 5000;
    for (size_t i = 0; i < COUNT_OF(freeze_rows); i++) {
        simulated_reset(1);
        simulated_window(freeze_rows[i].before);
        simulated_manner((struct simulated_manner){.least_ns = SECOND / 2, .most_ns = SECOND / 2});
        opsgate *gate = simulated_open(&config);
        simulated_pass(4 * SECOND);
        while (!simulated_asking())
            simulated_pass(100 * MS);
        simulated_freeze(freeze_rows[i].suspended, freeze_rows[i].ns, true);
        /* That question's answer may be from before. A suspended gate that was open goes by what it knew so long. */
        simulated_pass(freeze_rows[i].suspended && !freeze_rows[i].before ? 2 * SECOND : SECOND / 2 + MS);
        if (simulated_check(gate) != 1 || count(gate).unknown != 0)
            fail_msg("%s", freeze_rows[i].name);
        simulated_close(gate);
    }
}

static void after_a_freeze_a_source_that_is_down_opens_the_gate(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(freeze_rows); i++) {
        opsgate *gate = open_knowing(true);
        simulated_down(true);
        simulated_freeze(freeze_rows[i].suspended, freeze_rows[i].ns, true);
        for (int round = 0; round < 30; round++) {
            assert_int_equal(simulated_check(gate), 0);
            simulated_pass(SECOND);
        }
        simulated_close(gate);
    }
}

static void many_short_freezes_do_not_add_up_unseen(void **state)
{
    (void)state;
    opsgate *gate = open_knowing(true);
    simulated_window(false);
    int64_t ended_ns = simulated_stage().clocks.true_ns;
    simulated_down(true);
    while (simulated_stage().clocks.true_ns - ended_ns <= 20 * SECOND) {
        (void)simulated_check(gate);
        simulated_suspend(200 * MS);
        simulated_pass(300 * MS);
    }
    assert_int_equal(simulated_check(gate), 0);
    simulated_close(gate);
}

static void a_freeze_shorter_than_the_clocks_may_differ_still_counts(void **state)
{
    (void)state;
    opsgate *gate = open_knowing(true);
    simulated_down(true);
    int64_t left_ns = 20 * SECOND - knowledge_age_ns();
    simulated_suspend(900 * MS);
    simulated_pass(left_ns - 900 * MS);
    assert_int_equal(simulated_check(gate), 1);
    simulated_pass(1);
    assert_int_equal(simulated_check(gate), 0);
    simulated_close(gate);
}

static void setting_the_wall_clock_makes_the_gate_ask_again(void **state)
{
    static const int64_t by_ns[] = {HOUR, -HOUR, 2 * SECOND, -2 * SECOND, 365 * 24 * HOUR};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(by_ns); i++) {
        opsgate *gate = open_knowing(true);
        simulated_set_wall(by_ns[i]);
        assert_int_equal(simulated_check(gate), 1);
        assert_int_equal(count(gate).unknown, 0);
        simulated_close(gate);
    }
}

/* ---- The budget of the first check ---- */

static void checks_that_find_the_source_down_neither_wait_nor_ask(void **state)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    (void)state;
    config.first_wait_ms = 500;
    simulated_reset(1);
    simulated_down(true);
    opsgate *gate = simulated_open(&config);
    for (int i = 0; i < 5; i++) {
        int64_t before_ns = simulated_stage().clocks.true_ns;
        assert_int_equal(simulated_check(gate), 0);
        assert_int_equal(simulated_stage().clocks.true_ns, before_ns); /* it has asked in vain already: no wait */
        simulated_pass(10 * SECOND);
    }
    assert_int_equal(count(gate).unknown, 5);
    uint64_t asked = count(gate).asked;
    for (int i = 0; i < 20; i++)
        assert_int_equal(simulated_check(gate), 0);
    assert_int_equal(count(gate).asked, asked); /* nor do they make it ask more often */
    simulated_close(gate);
}

/* ---- Chance ---- */

struct met {
    uint64_t blocked, unknown, calm_closed, calm_open, blind;
};

static struct met met;

static void violate(uint64_t seed, int step, const char *rule)
{
    fail_msg("seed %" PRIu64 ", step %d: %s", seed, step, rule);
}

static bool may_close(const struct simulated_answer *answer, int64_t now_ns)
{
    return answer->given && answer->truth.active && now_ns - answer->truth.at_ns <= 20 * SECOND;
}

/* Whether a gate that had that answer knew enough: it is young by both clocks, and they agree. */
static bool is_sure(const struct simulated_answer *answer, const struct clockwork *now)
{
    int64_t age_ns = now->monotonic_ns - answer->asked.monotonic_ns + OPS_GATE_CLOCK_ERROR_NS + OPS_GATE_TICK_NS;
    int64_t apart_ns = clockwork_ahead_ns(now) - clockwork_ahead_ns(&answer->asked);
    bool agree = llabs(apart_ns) <= SECOND && age_ns + apart_ns <= 20 * SECOND;
    return answer->given && age_ns <= 20 * SECOND && (agree || !answer->truth.active);
}

/* One check, held against what was before it: while it waits, time may go on. */
static void check_rules(opsgate *gate, uint64_t seed, int step, int64_t calm_since_ns)
{
    struct simulated_answer before[2], after[2];
    struct stage stage = simulated_stage();
    int64_t now_ns = stage.clocks.true_ns;
    uint64_t unknown_before = count(gate).unknown;
    simulated_answers(before);
    int blocked = simulated_check(gate);
    bool unknown = count(gate).unknown != unknown_before;
    simulated_answers(after);
    met.blocked += (uint64_t)blocked;
    met.unknown += unknown;
    bool blind = before[0].given && clockwork_blind(&before[0].asked, &stage.clocks);
    met.blind += blind && blocked;
    if (blocked && !blind && !may_close(&before[0], now_ns) && !may_close(&after[0], now_ns))
        violate(seed, step, "closed by knowledge older than 20 s");
    if (blocked && !blind && stage_wrongly_closed(&stage))
        violate(seed, step, stage_wrongly_closed(&stage));
    if (unknown && is_sure(&before[0], &stage.clocks))
        violate(seed, step, "unknown against a young answer");
    bool calm = now_ns - calm_since_ns > 22 * SECOND && now_ns - stage.changed_ns > 22 * SECOND;
    if (calm && !stage.down && now_ns - stage.down_ns > 22 * SECOND && (unknown || blocked != stage.active))
        violate(seed, step, "in calm weather it does not tell the truth");
    met.calm_closed += calm && !stage.down && blocked;
    met.calm_open += calm && !stage.down && !blocked;
}

/* Any that keeps the promise. */
static opsgate_config draw_config(struct sim_rng *rng)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    config.refresh_ms = (unsigned)sim_between(rng, 1000, 15000);
    config.timeout_ms = (unsigned)sim_between(rng, 100, 19000 - config.refresh_ms < 9000 ? 19000 - config.refresh_ms : 9000);
    config.first_wait_ms = (unsigned)sim_between(rng, 0, 2) * 500;
    return config;
}

static void do_run(uint64_t seed)
{
    struct sim_rng rng = {.state = seed};
    opsgate_config config = draw_config(&rng);
    simulated_reset(seed);
    simulated_manner((struct simulated_manner){.most_ns = config.timeout_ms * MS / 2});
    simulated_tick(sim_between(&rng, 0, 10) * MS);
    opsgate *gate = simulated_open(&config);
    int64_t calm_since_ns = 0;
    unsigned trouble_count = 0;
    bool calm_run = sim_chance(&rng, 300);
    for (int step = 0; step < STEPS; step++) {
        if (calm_run)
            simulated_pass(SECOND / 2);
        if (!calm_run || step % 50 == 0)
            (void)simulated_step(&rng);
        if (calm_run && step % 70 == 0)
            simulated_window(!simulated_stage().active);
        struct clockwork clocks = simulated_stage().clocks;
        if (clocks.trouble_count != trouble_count)
            calm_since_ns = clocks.true_ns;
        trouble_count = clocks.trouble_count;
        check_rules(gate, seed, step, calm_since_ns);
    }
    simulated_close(gate);
}

static uint64_t first_seed = 1, seed_count = SEEDS_DEFAULT;

static void whatever_happens_the_rules_hold(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++)
        do_run(seed);
}

static void the_runs_met_everything(void **state)
{
    (void)state;
    if (seed_count < SEEDS_DEFAULT)
        skip();
    assert_true(met.blocked > 100);
    assert_true(met.unknown > 100);
    assert_true(met.calm_closed > 20);
    assert_true(met.calm_open > 20);
    assert_true(met.blind * 20 < met.blocked); /* hardly anything was let off */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_closes_within_20_s_of_the_start_and_opens_within_20_s_of_the_end),
        cmocka_unit_test(a_source_that_answers_leaves_no_check_without_knowledge),
        cmocka_unit_test(a_gate_asks_once_in_a_refresh_and_each_second_while_it_hears_nothing),
        cmocka_unit_test(the_old_answer_holds_for_20_s_and_then_the_gate_opens),
        cmocka_unit_test(a_clock_that_is_late_makes_no_knowledge_younger),
        cmocka_unit_test(an_overdue_answer_is_counted_stale),
        cmocka_unit_test(after_a_freeze_the_first_check_waits_for_the_truth),
        cmocka_unit_test(after_a_freeze_in_the_middle_of_a_question_it_asks_again_at_once),
        cmocka_unit_test(after_a_freeze_a_source_that_is_down_opens_the_gate),
        cmocka_unit_test(many_short_freezes_do_not_add_up_unseen),
        cmocka_unit_test(a_freeze_shorter_than_the_clocks_may_differ_still_counts),
        cmocka_unit_test(setting_the_wall_clock_makes_the_gate_ask_again),
        cmocka_unit_test(checks_that_find_the_source_down_neither_wait_nor_ask),
        cmocka_unit_test(whatever_happens_the_rules_hold),
        cmocka_unit_test(the_runs_met_everything),
    };
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : first_seed;
    seed_count = argc > 2 ? strtoull(argv[2], NULL, 10) : seed_count;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
