/* A gate's knowledge in simulated time: one writer and several readers at the same instants, while windows start and end,
 * the source fails, the machine freezes and thaws, and somebody sets the clock. After every step each reader's verdict is
 * held against the rules of safety, and against what follows from the knowledge before or after the writer's change.
 *
 *   test_gate_cell_sim [FIRST [SEEDS]]
 */
#include "gate/cell.h"
#include "gate/stage.h"

#include "support/cmocka_all.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#define FRESH_NS (8 * OPS_GATE_SECOND)
#define ANSWER_AGE_NS OPS_GATE_ANSWER_AGE_MAX_NS

enum { READERS = 3, STEPS = 400, SEEDS_DEFAULT = 120, LOOKS = 6 };

/* What one answer taught, with what its reader can't know. */
struct lesson {
    struct ops_gate_knowledge knowledge;
    int64_t ahead_ns;
    int64_t truth_ns;      /* true time */
    struct clockwork then; /* when it was asked */
};

struct question {
    bool under_way;
    bool told; /* by a source that was up */
    unsigned steps_left;
    struct clockwork then;
    struct stage_truth truth;
};

struct run {
    uint64_t seed;
    int step;
    struct sim_rng rng;
    struct stage stage;
    struct question question;
    struct lesson before, after; /* the writer's change */
    bool changes;
    struct ops_gate_cell cell;
    pthread_barrier_t start, end;
    bool over;
    unsigned seen[READERS]; /* a bit for each verdict */
    uint64_t verdicts[OPS_GATE_VERDICT_COUNT];
    uint64_t events[CLOCKWORK_EVENT_COUNT];
    uint64_t blind_count;
};

static struct run run;

/* ---- Readers ---- */

static int64_t monotonic(void *context)
{
    return ((const struct clockwork *)context)->monotonic_ns;
}

static int64_t wall(void *context)
{
    return ((const struct clockwork *)context)->wall_ns;
}

static void *read_on(void *context)
{
    unsigned *seen = context;
    for (;;) {
        (void)pthread_barrier_wait(&run.start);
        if (run.over)
            return NULL;
        for (int i = 0; i < LOOKS; i++)
            *seen |= 1U << ops_gate_cell_judge(&run.cell, monotonic, wall, &run.stage.clocks);
        (void)pthread_barrier_wait(&run.end);
    }
}

/* ---- The writer ---- */

static void step_question(struct question *question)
{
    if (!question->under_way) {
        if (sim_chance(&run.rng, 400))
            *question = (struct question){.under_way = true, .steps_left = sim_below(&run.rng, 4), .then = run.stage.clocks};
        return;
    }
    if (!question->told && !run.stage.down) {
        question->told = true;
        question->truth = stage_tell(&run.stage, sim_between(&run.rng, 0, ANSWER_AGE_NS));
    }
    if (question->steps_left > 0) {
        question->steps_left--;
        return;
    }
    question->under_way = false;
    run.changes = question->told;
    if (!question->told)
        return;
    run.after = (struct lesson){
        .knowledge = ops_gate_learn(question->then.monotonic_ns, ANSWER_AGE_NS, question->truth.active),
        .ahead_ns = clockwork_ahead_ns(&question->then),
        .truth_ns = question->truth.at_ns,
        .then = question->then,
    };
}

/* ---- The rules ---- */

static void violate(const char *rule, unsigned verdict)
{
    fail_msg("seed %" PRIu64 ", step %d: %s (verdict %u)", run.seed, run.step, rule, verdict);
}

/* What follows from a lesson, said in another way than the cell does. */
static enum ops_gate_verdict expect(const struct lesson *lesson, int64_t ahead_ns)
{
    const struct clockwork *now = &run.stage.clocks;
    int64_t age_ns = now->monotonic_ns - lesson->knowledge.learned_ns;
    int64_t apart_ns = now->wall_ns - (now->monotonic_ns + ahead_ns);
    int64_t longest_ns = apart_ns > 0 ? age_ns + apart_ns : age_ns;
    bool knows = lesson->knowledge.known && age_ns <= 20 * OPS_GATE_SECOND;
    bool sure = llabs(apart_ns) <= OPS_GATE_SECOND && longest_ns <= 20 * OPS_GATE_SECOND;
    if (knows && lesson->knowledge.active)
        return sure ? OPS_GATE_BLOCKED : OPS_GATE_UNKNOWN;
    return !knows ? OPS_GATE_UNKNOWN : age_ns > FRESH_NS ? OPS_GATE_STALE : OPS_GATE_FRESH;
}

/* By the knowledge before the change or after it, or with the distance of the clocks not there yet. */
static unsigned expected_verdicts(void)
{
    unsigned set = 1U << expect(&run.before, run.before.ahead_ns);
    if (run.changes)
        set |= 1U << expect(&run.after, run.after.ahead_ns) | 1U << expect(&run.after, run.before.ahead_ns);
    return set;
}

/* Closed by knowledge of this lesson: is the truth in it young enough, whatever happened to the machine since? */
static bool may_close(const struct lesson *lesson)
{
    return lesson->knowledge.known && lesson->knowledge.active &&
           run.stage.clocks.true_ns - lesson->truth_ns <= OPS_GATE_KNOWLEDGE_MAX_NS;
}

static bool is_blind(const struct lesson *lesson)
{
    return lesson->knowledge.known && clockwork_blind(&lesson->then, &run.stage.clocks);
}

static void check_closed(unsigned verdict)
{
    if (is_blind(&run.before) || (run.changes && is_blind(&run.after))) {
        run.blind_count++;
        return;
    }
    if (!may_close(&run.before) && !(run.changes && may_close(&run.after)))
        violate("closed by knowledge older than 20 s", verdict);
    const char *rule = stage_wrongly_closed(&run.stage);
    if (rule)
        violate(rule, verdict);
}

static void check_verdicts(unsigned seen)
{
    unsigned expected = expected_verdicts();
    for (unsigned verdict = 0; verdict < OPS_GATE_VERDICT_COUNT; verdict++) {
        if (!(seen >> verdict & 1))
            continue;
        run.verdicts[verdict]++;
        if (verdict == OPS_GATE_BLOCKED)
            check_closed(verdict);
        if (!(expected >> verdict & 1))
            violate("the verdict does not follow from what is known", verdict);
    }
}

/* ---- A run ---- */

static void do_step(void)
{
    run.changes = false;
    run.events[clockwork_step(&run.stage.clocks, &run.rng)]++;
    stage_step(&run.stage, &run.rng);
    step_question(&run.question);
    for (int i = 0; i < READERS; i++)
        run.seen[i] = 0;
    (void)pthread_barrier_wait(&run.start);
    if (run.changes)
        ops_gate_cell_set(&run.cell, run.after.knowledge, run.after.ahead_ns);
    (void)pthread_barrier_wait(&run.end);
    for (int i = 0; i < READERS; i++)
        check_verdicts(run.seen[i]);
    if (run.changes)
        run.before = run.after;
    run.changes = false;
    check_verdicts(1U << ops_gate_cell_judge(&run.cell, monotonic, wall, &run.stage.clocks));
}

static void do_run(uint64_t seed)
{
    run.seed = seed;
    run.rng = (struct sim_rng){.state = seed};
    run.stage = (struct stage)STAGE_INIT;
    run.question = (struct question){.under_way = false};
    run.before = run.after = (struct lesson){.ahead_ns = 0};
    run.cell = (struct ops_gate_cell){.fresh_ns = FRESH_NS};
    for (run.step = 0; run.step < STEPS; run.step++)
        do_step();
}

static uint64_t first_seed = 1, seed_count = SEEDS_DEFAULT;

static void a_gate_is_never_closed_by_old_knowledge_nor_open_against_young(void **state)
{
    pthread_t readers[READERS];
    (void)state;
    assert_int_equal(pthread_barrier_init(&run.start, NULL, READERS + 1), 0);
    assert_int_equal(pthread_barrier_init(&run.end, NULL, READERS + 1), 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &run.seen[i]), 0);
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++)
        do_run(seed);
    run.over = true;
    (void)pthread_barrier_wait(&run.start);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
}

/* Of a default run, which has room for everything. */
static void the_runs_met_everything(void **state)
{
    (void)state;
    if (seed_count < SEEDS_DEFAULT)
        skip();
    for (int verdict = 0; verdict < OPS_GATE_VERDICT_COUNT; verdict++)
        assert_true(run.verdicts[verdict] > 1000);
    for (int event = 0; event < CLOCKWORK_EVENT_COUNT; event++)
        assert_true(run.events[event] > 100);
    assert_true(run.blind_count * 20 < run.verdicts[OPS_GATE_BLOCKED]); /* hardly anything was let off */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_is_never_closed_by_old_knowledge_nor_open_against_young),
        cmocka_unit_test(the_runs_met_everything),
    };
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : first_seed;
    seed_count = argc > 2 ? strtoull(argv[2], NULL, 10) : seed_count;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
