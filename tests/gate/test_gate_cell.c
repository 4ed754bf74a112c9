/* The gate's rule at its borders, and the word that it is read from. */
#include "gate/cell.h"

#include "support/cmocka_all.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND OPS_GATE_SECOND
#define FRESH (8 * SECOND)
#define LEARNED (1000 * SECOND)
#define AHEAD (INT64_C(1795489200) * SECOND)

struct clocks {
    int64_t monotonic_ns;
    int64_t wall_ns;
    int wall_reads;
};

static int64_t monotonic(void *context)
{
    return ((struct clocks *)context)->monotonic_ns;
}

static int64_t wall(void *context)
{
    struct clocks *clocks = context;
    clocks->wall_reads++;
    return clocks->wall_ns;
}

/* ---- decide ---- */

static void knowledge_counts_for_20_seconds_and_not_a_nanosecond_longer(void **state)
{
    (void)state;
    assert_true(ops_gate_counts(0));
    assert_true(ops_gate_counts(20 * SECOND));
    assert_false(ops_gate_counts(20 * SECOND + 1));
    assert_false(ops_gate_counts(INT64_MAX));
}

static void what_comes_from_the_future_does_not_count(void **state)
{
    (void)state;
    assert_false(ops_gate_counts(-1));
    assert_false(ops_gate_counts(INT64_MIN));
}

static void an_answer_is_as_old_as_its_question_and_what_it_was_made_from(void **state)
{
    (void)state;
    struct ops_gate_knowledge knowledge = ops_gate_learn(LEARNED, SECOND, true);
    assert_true(knowledge.known);
    assert_true(knowledge.active);
    assert_int_equal(knowledge.learned_ns, LEARNED - SECOND);
    assert_true(ops_gate_blocks(&knowledge, LEARNED + 19 * SECOND));
    assert_false(ops_gate_blocks(&knowledge, LEARNED + 19 * SECOND + 1));
}

static void only_an_active_window_blocks(void **state)
{
    (void)state;
    const struct ops_gate_knowledge nothing = {.learned_ns = 0}, none = ops_gate_learn(LEARNED, 0, false);
    const struct ops_gate_knowledge one = ops_gate_learn(LEARNED, 0, true);
    assert_false(ops_gate_blocks(&nothing, 0));
    assert_false(ops_gate_blocks(&none, LEARNED));
    assert_true(ops_gate_blocks(&one, LEARNED));
    assert_false(ops_gate_blocks(&one, LEARNED - 1));
}

/* ---- The word ---- */

static void the_word_gives_back_what_was_put_in(void **state)
{
    static const int64_t instants_ns[] = {0, 1, 3, -1, -SECOND, LEARNED, INT64_C(1) << 60, -(INT64_C(1) << 60)};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(instants_ns) * 4; i++) {
        const struct ops_gate_knowledge put = {.learned_ns = instants_ns[i / 4], .known = i & 2, .active = i & 1};
        struct ops_gate_knowledge got = ops_gate_unpack(ops_gate_pack(put));
        assert_int_equal(got.learned_ns, put.learned_ns);
        assert_int_equal(got.known, put.known);
        assert_int_equal(got.active, put.active);
    }
}

static void a_zeroed_word_knows_nothing(void **state)
{
    (void)state;
    assert_false(ops_gate_unpack(0).known);
}

/* ---- The verdict ---- */

enum { NOTHING, OPEN, CLOSED };

struct verdict_row {
    const char *name;
    int known;        /* NOTHING, OPEN or CLOSED */
    int64_t age_ns;   /* by the monotonic clock */
    int64_t apart_ns; /* so much more of it by the wall clock */
    enum ops_gate_verdict verdict;
};

static const struct verdict_row verdict_rows[] = {
    {"nothing is known", NOTHING, 0, 0, OPS_GATE_UNKNOWN},
    {"open, just now", OPEN, 0, 0, OPS_GATE_FRESH},
    {"open, on the border of overdue", OPEN, FRESH, 0, OPS_GATE_FRESH},
    {"open, overdue by a nanosecond", OPEN, FRESH + 1, 0, OPS_GATE_STALE},
    {"open, 20 s old", OPEN, 20 * SECOND, 0, OPS_GATE_STALE},
    {"open, a nanosecond older", OPEN, 20 * SECOND + 1, 0, OPS_GATE_UNKNOWN},
    {"open, from the future", OPEN, -1, 0, OPS_GATE_UNKNOWN},
    {"open, clocks far apart", OPEN, SECOND, 3600 * SECOND, OPS_GATE_FRESH},
    {"closed, just now", CLOSED, 0, 0, OPS_GATE_BLOCKED},
    {"closed, overdue", CLOSED, FRESH + 1, 0, OPS_GATE_BLOCKED},
    {"closed, 20 s old", CLOSED, 20 * SECOND, 0, OPS_GATE_BLOCKED},
    {"closed, a nanosecond older", CLOSED, 20 * SECOND + 1, 0, OPS_GATE_UNKNOWN},
    {"closed, from the future", CLOSED, -1, 0, OPS_GATE_UNKNOWN},
    {"closed, clocks a second apart", CLOSED, SECOND, SECOND, OPS_GATE_BLOCKED},
    {"closed, a nanosecond more", CLOSED, SECOND, SECOND + 1, OPS_GATE_UNKNOWN},
    {"closed, a second apart the other way", CLOSED, SECOND, -SECOND, OPS_GATE_BLOCKED},
    {"closed, a nanosecond more that way", CLOSED, SECOND, -SECOND - 1, OPS_GATE_UNKNOWN},
    {"closed, suspended for an hour", CLOSED, SECOND, 3600 * SECOND, OPS_GATE_UNKNOWN},
    {"closed, the wall clock set back by an hour", CLOSED, SECOND, -3600 * SECOND, OPS_GATE_UNKNOWN},
    {"closed, 20 s old by the wall clock", CLOSED, 20 * SECOND - SECOND / 2, SECOND / 2, OPS_GATE_BLOCKED},
    {"closed, a nanosecond older by the wall clock", CLOSED, 20 * SECOND - SECOND / 2, SECOND / 2 + 1, OPS_GATE_UNKNOWN},
    {"closed, younger by the wall clock", CLOSED, 20 * SECOND, -SECOND / 2, OPS_GATE_BLOCKED},
    {"closed, younger only by the wall clock", CLOSED, 20 * SECOND + 1, -SECOND / 2, OPS_GATE_UNKNOWN},
};

static enum ops_gate_verdict judge(const struct verdict_row *row, struct clocks *ret_clocks)
{
    struct ops_gate_cell cell = {.fresh_ns = FRESH};
    if (row->known != NOTHING)
        ops_gate_cell_set(&cell, ops_gate_learn(LEARNED, 0, row->known == CLOSED), AHEAD);
    int64_t now_ns = LEARNED + row->age_ns;
    *ret_clocks = (struct clocks){.monotonic_ns = now_ns, .wall_ns = now_ns + AHEAD + row->apart_ns};
    return ops_gate_cell_judge(&cell, monotonic, wall, ret_clocks);
}

static void every_verdict_at_its_borders(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(verdict_rows); i++) {
        struct clocks clocks;
        enum ops_gate_verdict verdict = judge(&verdict_rows[i], &clocks);
        if (verdict != verdict_rows[i].verdict)
            fail_msg("%s: verdict %d, not %d", verdict_rows[i].name, (int)verdict, (int)verdict_rows[i].verdict);
    }
}

static void an_open_gate_does_not_look_at_the_wall_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(verdict_rows); i++) {
        struct clocks clocks;
        (void)judge(&verdict_rows[i], &clocks);
        if (verdict_rows[i].known != CLOSED)
            assert_int_equal(clocks.wall_reads, 0);
    }
}

static void the_verdict_agrees_with_the_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(verdict_rows); i++) {
        const struct verdict_row *row = &verdict_rows[i];
        struct ops_gate_knowledge knowledge = ops_gate_learn(LEARNED, 0, row->known == CLOSED);
        knowledge.known = row->known != NOTHING;
        bool rule = ops_gate_blocks(&knowledge, LEARNED + row->age_ns);
        if (row->apart_ns == 0 && rule != (row->verdict == OPS_GATE_BLOCKED))
            fail_msg("%s: the rule says %d", row->name, rule);
    }
}

static void knowledge_from_before_the_machine_was_a_second_up_counts(void **state)
{
    struct ops_gate_cell cell = {.fresh_ns = FRESH};
    struct clocks clocks = {.monotonic_ns = SECOND / 2, .wall_ns = SECOND / 2 + AHEAD};
    (void)state;
    ops_gate_cell_set(&cell, ops_gate_learn(SECOND / 4, SECOND, true), AHEAD);
    assert_int_equal(ops_gate_cell_judge(&cell, monotonic, wall, &clocks), OPS_GATE_BLOCKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knowledge_counts_for_20_seconds_and_not_a_nanosecond_longer),
        cmocka_unit_test(what_comes_from_the_future_does_not_count),
        cmocka_unit_test(an_answer_is_as_old_as_its_question_and_what_it_was_made_from),
        cmocka_unit_test(only_an_active_window_blocks),
        cmocka_unit_test(the_word_gives_back_what_was_put_in),
        cmocka_unit_test(a_zeroed_word_knows_nothing),
        cmocka_unit_test(every_verdict_at_its_borders),
        cmocka_unit_test(an_open_gate_does_not_look_at_the_wall_clock),
        cmocka_unit_test(the_verdict_agrees_with_the_rule),
        cmocka_unit_test(knowledge_from_before_the_machine_was_a_second_up_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
