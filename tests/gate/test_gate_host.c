/* What the process around a gate does to it: no thread or no memory for it, signals, threads that are cancelled. The linker
 * puts what stands here in the place of pthread_create and aligned_alloc (--wrap). */
#include "gate/gate.h"
#include "gate/script.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { CHECKS = 200, ALARM_S = 60, LONG_WAIT_MS = 10000 };

static atomic_bool no_threads, no_gates;
static atomic_uint refused_count;

int __real_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    if (!atomic_load(&no_threads))
        return __real_pthread_create(ret_thread, attributes, run, context);
    atomic_fetch_add(&refused_count, 1);
    return EAGAIN;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return atomic_load(&no_gates) ? NULL : __real_aligned_alloc(alignment, size);
}

/* What hangs fails. */
static int set_up(void **state)
{
    (void)state;
    atomic_store(&no_threads, false);
    atomic_store(&no_gates, false);
    atomic_store(&refused_count, 0);
    (void)alarm(ALARM_S);
    return 0;
}

static opsgate_config patient_config(void)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    config.refresh_ms = 15000;
    config.first_wait_ms = LONG_WAIT_MS;
    return config;
}

/* ---- Opening ---- */

static void expect_refusal(opsgate_status wanted, const char *part)
{
    static const char *const paths[] = {"/healthz", NULL};
    struct script script = {0};
    opsgate_config config = {sizeof config, NULL, script_ask, &script, 5000, 2000, 250, paths, "billing"};
    char why[OPSGATE_ERROR_SIZE] = "?";
    opsgate *const untouched = (opsgate *)(void *)&script, *gate = untouched;
    alloc_fault_install(0);
    assert_int_equal(opsgate_open(&config, &gate, why), wanted);
    if (!strstr(why, part))
        fail_msg("%s", why);
    assert_ptr_equal(gate, untouched);
    assert_int_equal(opsgate_open(&config, &gate, NULL), wanted);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    assert_int_equal(atomic_load(&script.begun_count), 0);
}

static void without_a_thread_there_is_no_gate_and_the_reason_says_so(void **state)
{
    sigset_t before, after;
    (void)state;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    atomic_store(&no_threads, true);
    expect_refusal(OPSGATE_NO_THREAD, "thread");
    assert_int_equal(atomic_load(&refused_count), 2);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (int number = 1; number < NSIG; number++)
        assert_int_equal(sigismember(&after, number), sigismember(&before, number));
    atomic_store(&no_threads, false);
    struct script script = {.answer = 1};
    opsgate_config config = patient_config();
    opsgate *gate = script_open(&script, &config);
    assert_int_equal(opsgate_check(gate), 1);
    opsgate_close(gate);
}

static void without_memory_for_the_gate_itself_there_is_none(void **state)
{
    (void)state;
    atomic_store(&no_gates, true);
    expect_refusal(OPSGATE_NO_MEMORY, "memory");
}

/* 0, or the number of what was wrong. */
static int check_without_a_thread(opsgate *gate)
{
    opsgate_counters counters;
    (void)alarm(ALARM_S);
    atomic_store(&no_threads, true);
    int64_t began_ms = script_now_ms();
    for (int i = 0; i < CHECKS; i++)
        if (opsgate_check(gate) != 0)
            return 1;
    if (script_now_ms() - began_ms >= LONG_WAIT_MS)
        return 2;
    if (atomic_load(&refused_count) != 1)
        return 3;
    opsgate_count(gate, &counters);
    if (counters.unknown != CHECKS)
        return 4;
    opsgate_close(gate);
    return 0;
}

static void a_child_that_gets_no_thread_is_open_waits_for_nothing_and_does_not_try_in_each_check(void **state)
{
    struct script script = {.answer = 1};
    opsgate_config config = patient_config();
    int result;
    (void)state;
    opsgate *gate = script_open(&script, &config);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(check_without_a_thread(gate));
    assert_int_equal(waitpid(child, &result, 0), child);
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        fail_msg("the child ended with %#x", (unsigned)result);
    assert_int_equal(opsgate_check(gate), 1);
    opsgate_close(gate);
}

/* ---- Threads that check ---- */

/* The test has the mutex, as a thread would that was put aside while it had it. */
static void once_the_first_checks_budget_is_spent_no_check_takes_a_lock(void **state)
{
    static const unsigned first_waits_ms[] = {0, 100};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(first_waits_ms); i++) {
        struct script script = {.hangs = true};
        opsgate_config config = patient_config();
        config.first_wait_ms = first_waits_ms[i];
        opsgate *gate = script_open(&script, &config);
        assert_int_equal(opsgate_check(gate), 0);
        script_pause_ms(50); /* the coarse clock is late */
        assert_int_equal(pthread_mutex_lock(&gate->mutex), 0);
        for (int check = 0; check < CHECKS; check++)
            assert_int_equal(opsgate_check(gate), 0);
        assert_int_equal(pthread_mutex_unlock(&gate->mutex), 0);
        atomic_store(&script.hangs, false);
        opsgate_close(gate);
    }
}

struct waiter {
    opsgate *gate;
    atomic_int blocked;
};

static void *check_once(void *context)
{
    struct waiter *waiter = context;
    atomic_store(&waiter->blocked, opsgate_check(waiter->gate));
    pthread_testcancel();
    return NULL;
}

static void a_thread_that_is_cancelled_while_it_waits_leaves_the_gate_whole(void **state)
{
    struct script script = {.answer = 1, .hangs = true};
    opsgate_config config = patient_config();
    opsgate_counters counters;
    pthread_t thread;
    void *result;
    (void)state;
    struct waiter waiter = {.gate = script_open(&script, &config), .blocked = -1};
    assert_int_equal(pthread_create(&thread, NULL, check_once, &waiter), 0);
    script_pause_ms(100);
    assert_int_equal(pthread_cancel(thread), 0);
    script_pause_ms(100);
    atomic_store(&script.hangs, false);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    opsgate_count(waiter.gate, &counters);
    assert_int_equal(atomic_load(&waiter.blocked), 1);
    assert_int_equal(counters.blocked, 1);
    opsgate_close(waiter.gate);
}

/* ---- Signals ---- */

static int note_mask(void *context, unsigned timeout_ms, char *window, size_t size)
{
    (void)timeout_ms, (void)window, (void)size;
    return pthread_sigmask(SIG_SETMASK, NULL, context) == 0 ? 0 : -1;
}

static void only_what_a_fault_of_its_own_raises_is_delivered_to_the_thread_that_asks(void **state)
{
    static const int own[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    static const int others[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE,   SIGALRM, SIGCHLD,
                                 SIGUSR1, SIGUSR2, SIGPROF, SIGIO,   SIGVTALRM, SIGTSTP, SIGWINCH};
    opsgate_config config = patient_config();
    opsgate *gate = NULL;
    sigset_t mask;
    (void)state;
    config.ask = note_mask;
    config.ask_context = &mask;
    assert_int_equal(opsgate_open(&config, &gate, NULL), OPSGATE_OK);
    assert_int_equal(opsgate_check(gate), 0);
    opsgate_close(gate);
    for (size_t i = 0; i < COUNT_OF(own); i++)
        assert_int_equal(sigismember(&mask, own[i]), 0);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_int_equal(sigismember(&mask, others[i]), 1);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        assert_int_equal(sigismember(&mask, number), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_thread_there_is_no_gate_and_the_reason_says_so, set_up),
        cmocka_unit_test_setup(without_memory_for_the_gate_itself_there_is_none, set_up),
        cmocka_unit_test_setup(a_child_that_gets_no_thread_is_open_waits_for_nothing_and_does_not_try_in_each_check, set_up),
        cmocka_unit_test_setup(once_the_first_checks_budget_is_spent_no_check_takes_a_lock, set_up),
        cmocka_unit_test_setup(a_thread_that_is_cancelled_while_it_waits_leaves_the_gate_whole, set_up),
        cmocka_unit_test_setup(only_what_a_fault_of_its_own_raises_is_delivered_to_the_thread_that_asks, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
