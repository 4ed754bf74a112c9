/* What a child finds after fork: a gate that knows nothing, asks for itself and leaves the parent's alone. */
#include "gate/script.h"
#include "gate/tally.h"

#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 30, CHECKERS = 3, ALARM_S = 120 };

/* TSan does not survive a child that starts a thread. */
#ifdef __SANITIZE_THREAD__
static const bool child_may_not_have_threads = true;
#else
static const bool child_may_not_have_threads = false;
#endif

static opsgate *open_patient(struct script *script, unsigned refresh_ms)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    config.refresh_ms = refresh_ms;
    config.timeout_ms = 1000;
    config.first_wait_ms = 10000;
    return script_open(script, &config);
}

/* A child's life: 0, or the number of what it found wrong. It must not use the test's own ways to fail. */
typedef int (*child_fn)(opsgate *gate, struct script *script);

static void in_child(child_fn live, opsgate *gate, struct script *script)
{
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(ALARM_S); /* a child that hangs ends, and fails */
        _exit(live(gate, script));
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        fail_msg("the child ended with %#x", (unsigned)result);
}

/* ---- The child asks for itself ---- */

/* The script's memory is the child's own: the parent's stays as it was. */
static int see_another_answer(opsgate *gate, struct script *script)
{
    unsigned ended_before = atomic_load(&script->ended_count);
    opsgate_counters before, after;
    opsgate_count(gate, &before);
    if (before.age_ms != -1)
        return 1;
    atomic_store(&script->answer, 0);
    if (opsgate_check(gate) != 0)
        return 2;
    opsgate_count(gate, &after);
    if (after.fresh != before.fresh + 1) /* open by an answer, not because nothing is known */
        return 3;
    if (atomic_load(&script->ended_count) != ended_before + 1)
        return 4;
    opsgate_close(gate);
    return 0;
}

static void a_child_asks_for_itself_and_does_not_disturb_its_parent(void **state)
{
    struct script script = {.answer = 1};
    (void)state;
    opsgate *gate = open_patient(&script, 1000);
    assert_int_equal(opsgate_check(gate), 1);
    in_child(see_another_answer, gate, &script);
    assert_int_equal(opsgate_check(gate), 1);
    assert_true(script_wait_ended(&script, atomic_load(&script.ended_count) + 2)); /* its thread goes on */
    atomic_store(&script.answer, 0);
    assert_true(script_wait_check(gate, 0));
    opsgate_close(gate);
}

static int see_a_window(opsgate *gate, struct script *script)
{
    atomic_store(&script->hangs, false);
    if (opsgate_check(gate) != 1)
        return 1;
    opsgate_response *response = opsgate_respond(gate, NULL);
    const char *id = response ? script_header(response, "x-ops-maintenance") : NULL;
    if (!id || strcmp(id, SCRIPT_WINDOW_ID) != 0)
        return 2;
    opsgate_response_free(response);
    opsgate_close(gate);
    return 0;
}

static void a_fork_while_a_question_is_under_way_is_like_any_other(void **state)
{
    struct script script = {.answer = 1, .hangs = true, .window = "{\"maintenance_id\": \"" SCRIPT_WINDOW_ID "\"}"};
    (void)state;
    opsgate *gate = open_patient(&script, 15000);
    while (atomic_load(&script.begun_count) == 0)
        script_pause_ms(1);
    in_child(see_a_window, gate, &script);
    assert_int_equal(atomic_load(&script.ended_count), 0);
    atomic_store(&script.hangs, false);
    assert_int_equal(opsgate_check(gate), 1);
    opsgate_close(gate);
}

static int close_at_once(opsgate *gate, struct script *script)
{
    (void)script;
    opsgate_close(gate);
    return 0;
}

static void a_child_may_close_what_it_never_used(void **state)
{
    struct script script = {.answer = 1};
    (void)state;
    opsgate *gate = open_patient(&script, 15000);
    assert_int_equal(opsgate_check(gate), 1);
    in_child(close_at_once, gate, &script);
    assert_int_equal(opsgate_check(gate), 1);
    opsgate_close(gate);
}

static int fork_once_more(opsgate *gate, struct script *script)
{
    int result;
    if (opsgate_check(gate) != 1)
        return 10;
    pid_t child = fork();
    if (child == 0)
        _exit(see_another_answer(gate, script));
    if (child < 0 || waitpid(child, &result, 0) != child || !WIFEXITED(result))
        return 11;
    if (WEXITSTATUS(result) != 0 || opsgate_check(gate) != 1)
        return 12;
    opsgate_close(gate);
    return WEXITSTATUS(result);
}

static void a_childs_child_asks_for_itself_too(void **state)
{
    struct script script = {.answer = 1};
    (void)state;
    opsgate *gate = open_patient(&script, 15000);
    assert_int_equal(opsgate_check(gate), 1);
    in_child(fork_once_more, gate, &script);
    opsgate_close(gate);
}

/* ---- Children of one parent have each their own chance ---- */

struct told {
    char request_id[64];
};

static void tell_request_id(opsgate *gate, struct told *told)
{
    static const char name[] = "\"request_id\":\"";
    opsgate_response *response = opsgate_respond(gate, NULL);
    const char *found = response ? strstr(response->body, name) : NULL;
    if (found)
        (void)snprintf(told->request_id, sizeof told->request_id, "%.26s", found + sizeof name - 1);
    opsgate_response_free(response);
}

static void siblings_do_not_roll_the_same_dice(void **state)
{
    enum { SIBLINGS = 3, TIME_LENGTH = 10 /* of a ULID */ };
    struct script script = {.answer = 1};
    struct told *told =
        mmap(NULL, SIBLINGS * sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)state;
    assert_ptr_not_equal(told, MAP_FAILED);
    opsgate *gate = open_patient(&script, 15000);
    assert_int_equal(opsgate_check(gate), 1); /* no question comes between */
    for (int i = 0; i < SIBLINGS; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            tell_request_id(gate, &told[i]);
            _exit(0);
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(strlen(told[i].request_id), 26);
    }
    for (int i = 1; i < SIBLINGS; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(told[i].request_id + TIME_LENGTH, told[j].request_id + TIME_LENGTH);
    assert_int_equal(munmap(told, SIBLINGS * sizeof *told), 0);
    opsgate_close(gate);
}

/* ---- Forks while others check ---- */

struct traffic {
    opsgate *gate;
    atomic_bool over;
    atomic_ullong checks;
};

static void *check_on(void *context)
{
    struct traffic *traffic = context;
    opsgate_counters counters;
    while (!atomic_load(&traffic->over)) {
        (void)opsgate_check(traffic->gate);
        atomic_fetch_add(&traffic->checks, 1);
        opsgate_count(traffic->gate, &counters); /* takes the gate's mutex, and no memory: ASan's is not safe to fork with */
    }
    return NULL;
}

static int check_and_close(opsgate *gate, struct script *script)
{
    (void)script;
    if (opsgate_check(gate) != 1)
        return 1;
    opsgate_close(gate);
    return 0;
}

/* Not under ASan: a child that starts a thread while its parent's were busy may find the sanitizer's own locks held for
 * ever. */
#ifdef __SANITIZE_ADDRESS__
#define SKIP_UNDER_ASAN() skip()
#else
#define SKIP_UNDER_ASAN() (void)0
#endif

static void forks_in_the_middle_of_traffic_harm_neither_side(void **state)
{
    struct script script = {.answer = 1};
    pthread_t threads[CHECKERS];
    opsgate_counters counters;
    (void)state;
    SKIP_UNDER_ASAN();
    struct traffic traffic = {.gate = open_patient(&script, 1000)};
    assert_int_equal(opsgate_check(traffic.gate), 1); /* the first question is over */
    for (int i = 0; i < CHECKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_on, &traffic), 0);
    for (int i = 0; i < FORKS; i++)
        in_child(check_and_close, traffic.gate, &script);
    atomic_store(&traffic.over, true);
    for (int i = 0; i < CHECKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    opsgate_count(traffic.gate, &counters);
    assert_int_equal(counters.fresh + counters.stale + counters.unknown + counters.blocked,
                     atomic_load(&traffic.checks) + 1);
    opsgate_close(traffic.gate);
}

/* ---- Lines ---- */

struct holders {
    pthread_barrier_t all_there;
    atomic_bool over;
};

static void *hold_a_line(void *context)
{
    struct holders *holders = context;
    (void)ops_gate_line();
    (void)pthread_barrier_wait(&holders->all_there);
    while (!atomic_load(&holders->over))
        script_pause_ms(5);
    return NULL;
}

static void *tell_line(void *context)
{
    *(unsigned *)context = ops_gate_line();
    return NULL;
}

static int take_a_line_of_the_dead(opsgate *gate, struct script *script)
{
    pthread_t thread;
    unsigned mine = ops_gate_line(), line = OPS_GATE_SHARED_LINE;
    (void)gate;
    (void)script;
    if (pthread_create(&thread, NULL, tell_line, &line) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    if (line == OPS_GATE_SHARED_LINE)
        return 2;
    return line == mine ? 3 : 0;
}

static void a_child_has_the_lines_of_its_parents_threads(void **state)
{
    struct script script = {0};
    struct holders holders;
    pthread_t threads[OPS_GATE_LINES];
    (void)state;
    opsgate *gate = open_patient(&script, 15000);
    (void)ops_gate_line();
    atomic_init(&holders.over, false);
    assert_int_equal(pthread_barrier_init(&holders.all_there, NULL, OPS_GATE_LINES + 1), 0);
    for (int i = 0; i < OPS_GATE_LINES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_a_line, &holders), 0);
    (void)pthread_barrier_wait(&holders.all_there);
    in_child(take_a_line_of_the_dead, gate, &script);
    atomic_store(&holders.over, true);
    for (int i = 0; i < OPS_GATE_LINES; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&holders.all_there), 0);
    opsgate_close(gate);
}

int main(void)
{
    const struct CMUnitTest quiet_tests[] = {
        cmocka_unit_test(a_child_may_close_what_it_never_used),
        cmocka_unit_test(siblings_do_not_roll_the_same_dice),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_asks_for_itself_and_does_not_disturb_its_parent),
        cmocka_unit_test(a_fork_while_a_question_is_under_way_is_like_any_other),
        cmocka_unit_test(a_childs_child_asks_for_itself_too),
        cmocka_unit_test(forks_in_the_middle_of_traffic_harm_neither_side),
        cmocka_unit_test(a_child_has_the_lines_of_its_parents_threads),
    };
    int failed = cmocka_run_group_tests(quiet_tests, NULL, NULL);
    return failed || child_may_not_have_threads ? failed : cmocka_run_group_tests(tests, NULL, NULL);
}
