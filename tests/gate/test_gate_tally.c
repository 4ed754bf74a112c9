/* Counters in lines that threads own: none is lost, however many threads come and go. */
#include "gate/tally.h"

#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>

enum { CROWD = 150, ADDS = 40000, GENERATIONS = 1000, FEW = 8 };

struct crowd {
    struct ops_gate_tally *tally;
    pthread_barrier_t all_there; /* everybody has a line, and nobody has gone */
    atomic_uint owners[OPS_GATE_LINES];
};

static struct ops_gate_tally *tally_new(void)
{
    struct ops_gate_tally *tally = aligned_alloc(_Alignof(struct ops_gate_tally), sizeof *tally);
    assert_non_null(tally);
    *tally = (struct ops_gate_tally){.lines = {{{0}}}};
    return tally;
}

static void *add_in_crowd(void *context)
{
    struct crowd *crowd = context;
    unsigned line = ops_gate_line();
    atomic_fetch_add(&crowd->owners[line], 1);
    (void)pthread_barrier_wait(&crowd->all_there);
    for (int i = 0; i < ADDS; i++)
        ops_gate_tally_add(crowd->tally, (enum ops_gate_verdict)(i % OPS_GATE_VERDICT_COUNT));
    if (ops_gate_line() != line) /* once and for all */
        atomic_fetch_add(&crowd->owners[line], CROWD);
    return NULL;
}

static void run_crowd(struct crowd *crowd, unsigned count)
{
    pthread_t threads[CROWD];
    assert_int_equal(pthread_barrier_init(&crowd->all_there, NULL, count), 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_in_crowd, crowd), 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&crowd->all_there), 0);
}

static void assert_all_counted(struct ops_gate_tally *tally, uint64_t count)
{
    for (int verdict = 0; verdict < OPS_GATE_VERDICT_COUNT; verdict++)
        assert_int_equal(ops_gate_tally_sum(tally, (enum ops_gate_verdict)verdict), count / OPS_GATE_VERDICT_COUNT);
}

static void a_thread_has_a_line_of_its_own(void **state)
{
    struct crowd crowd = {.tally = tally_new()};
    (void)state;
    run_crowd(&crowd, FEW);
    for (int line = 0; line < OPS_GATE_SHARED_LINE; line++)
        assert_in_range(atomic_load(&crowd.owners[line]), 0, 1);
    assert_int_equal(atomic_load(&crowd.owners[OPS_GATE_SHARED_LINE]), 0);
    assert_all_counted(crowd.tally, (uint64_t)FEW * ADDS);
    free(crowd.tally);
}

static void more_threads_than_lines_lose_no_count(void **state)
{
    struct crowd crowd = {.tally = tally_new()};
    (void)state;
    run_crowd(&crowd, CROWD);
    for (int line = 0; line < OPS_GATE_SHARED_LINE; line++)
        assert_in_range(atomic_load(&crowd.owners[line]), 0, 1);
    assert_in_range(atomic_load(&crowd.owners[OPS_GATE_SHARED_LINE]), CROWD - OPS_GATE_SHARED_LINE, CROWD);
    assert_all_counted(crowd.tally, (uint64_t)CROWD * ADDS);
    free(crowd.tally);
}

static void *add_once(void *context)
{
    struct crowd *crowd = context;
    atomic_fetch_add(&crowd->owners[ops_gate_line()], 1);
    ops_gate_tally_add(crowd->tally, OPS_GATE_STALE);
    return NULL;
}

static void a_line_is_given_back_when_its_thread_ends(void **state)
{
    struct crowd crowd = {.tally = tally_new()};
    (void)state;
    for (int i = 0; i < GENERATIONS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, add_once, &crowd), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(atomic_load(&crowd.owners[OPS_GATE_SHARED_LINE]), 0);
    assert_int_equal(ops_gate_tally_sum(crowd.tally, OPS_GATE_STALE), GENERATIONS);
    free(crowd.tally);
}

/* ---- A check from a destructor of thread-specific data, after the line was given back ---- */

static pthread_key_t late_key;

static void add_late(void *context)
{
    (void)add_once(context);
}

static void *go_and_add_late(void *context)
{
    (void)add_once(context);
    (void)pthread_setspecific(late_key, context);
    return NULL;
}

static void a_check_in_a_threads_last_moments_counts(void **state)
{
    struct crowd crowd = {.tally = tally_new()};
    (void)state;
    (void)ops_gate_line(); /* the tally's key is made before ours, so its destructor runs before ours */
    assert_int_equal(pthread_key_create(&late_key, add_late), 0);
    for (int i = 0; i < GENERATIONS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, go_and_add_late, &crowd), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(pthread_key_delete(late_key), 0);
    assert_int_equal(atomic_load(&crowd.owners[OPS_GATE_SHARED_LINE]), GENERATIONS);
    assert_int_equal(ops_gate_tally_sum(crowd.tally, OPS_GATE_STALE), 2 * GENERATIONS);
    free(crowd.tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_a_line_of_its_own),
        cmocka_unit_test(more_threads_than_lines_lose_no_count),
        cmocka_unit_test(a_line_is_given_back_when_its_thread_ends),
        cmocka_unit_test(a_check_in_a_threads_last_moments_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
