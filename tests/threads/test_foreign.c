/* Whoever forks, or ends the process, waits for those inside, but not for those at rest, and not for ever. */
#include "base/foreign.h"

#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { BRIEF_MS = 50, LONG_MS = 30000, ROUNDS = 200, WORKERS = 3 };

static void pause_ms(long wait_ms)
{
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}

struct worker {
    pthread_t thread;
    bool rests;
    atomic_bool is_there;
    atomic_bool over;
};

static void *work(void *context)
{
    struct worker *worker = context;
    (void)!ops_foreign_enter(); /* the process is not ending */
    if (worker->rests)
        ops_foreign_rest();
    atomic_store(&worker->is_there, true);
    while (!atomic_load(&worker->over))
        pause_ms(1);
    if (worker->rests)
        ops_foreign_resume();
    ops_foreign_leave();
    return NULL;
}

static void start(struct worker *worker)
{
    assert_int_equal(pthread_create(&worker->thread, NULL, work, worker), 0);
    while (!atomic_load(&worker->is_there))
        pause_ms(1);
}

static void end(struct worker *worker)
{
    atomic_store(&worker->over, true);
    assert_int_equal(pthread_join(worker->thread, NULL), 0);
}

static void nobody_is_waited_for_for_ever(void **state)
{
    struct worker worker = {.rests = false};
    (void)state;
    start(&worker);
    assert_false(ops_foreign_stop(BRIEF_MS));
    end(&worker);
    assert_true(ops_foreign_stop(BRIEF_MS));
    ops_foreign_go_on();
}

static void who_rests_is_not_waited_for_and_goes_on_afterwards(void **state)
{
    struct worker worker = {.rests = true};
    (void)state;
    start(&worker);
    assert_true(ops_foreign_stop(LONG_MS));
    ops_foreign_go_on();
    end(&worker);
}

static void who_is_inside_itself_does_not_wait_for_itself(void **state)
{
    (void)state;
    assert_true(ops_foreign_enter());
    assert_false(ops_foreign_stop(LONG_MS));
    ops_foreign_leave();
}

static void outside_there_is_nothing_to_rest_from(void **state)
{
    (void)state;
    ops_foreign_rest();
    ops_foreign_resume();
    assert_true(ops_foreign_stop(BRIEF_MS));
    ops_foreign_go_on();
}

static void in_a_child_nobody_is_inside(void **state)
{
    (void)state;
    ops_foreign_go_anew(ops_foreign_stop(BRIEF_MS));
    assert_true(ops_foreign_enter());
    ops_foreign_go_anew(ops_foreign_stop(BRIEF_MS));
    assert_true(ops_foreign_stop(BRIEF_MS));
    ops_foreign_go_on();
}

struct crowd {
    atomic_bool over;
    atomic_int inside_count;
};

static void *come_and_go(void *context)
{
    struct crowd *crowd = context;
    while (!atomic_load(&crowd->over)) {
        (void)!ops_foreign_enter(); /* likewise */
        atomic_fetch_add(&crowd->inside_count, 1);
        atomic_fetch_sub(&crowd->inside_count, 1);
        ops_foreign_rest();
        ops_foreign_resume();
        atomic_fetch_add(&crowd->inside_count, 1);
        atomic_fetch_sub(&crowd->inside_count, 1);
        ops_foreign_leave();
    }
    return NULL;
}

static void while_all_are_stopped_nobody_is_inside(void **state)
{
    struct crowd crowd = {.over = false};
    pthread_t threads[WORKERS];
    (void)state;
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
    for (int round = 0; round < ROUNDS; round++) {
        assert_true(ops_foreign_stop(LONG_MS)); /* it gets its turn, however many come */
        assert_int_equal(atomic_load(&crowd.inside_count), 0);
        ops_foreign_go_on();
    }
    atomic_store(&crowd.over, true);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_waited_for_for_ever),
        cmocka_unit_test(who_rests_is_not_waited_for_and_goes_on_afterwards),
        cmocka_unit_test(who_is_inside_itself_does_not_wait_for_itself),
        cmocka_unit_test(outside_there_is_nothing_to_rest_from),
        cmocka_unit_test(in_a_child_nobody_is_inside),
        cmocka_unit_test(while_all_are_stopped_nobody_is_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
