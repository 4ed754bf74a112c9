/* gate_check WHAT THREADS COUNT: asks so many times on each of that many threads, all at once, and prints the nanoseconds
 * that one time took, in CPU time of its thread: where threads wait for each other that is less than it cost. WHAT is one of
 *
 *     check      opsgate_check, a gate whose answer is fresh and open
 *     request    opsgate_check_request with a method and a path, no health paths
 *     blocked    opsgate_check while a window is active
 *     load       an atomic load, which is what no gate can be faster than
 *     clock      a read of the coarse monotonic clock, which tells how old an answer is
 *     mutex      the cache that one writes first: a mutex, the coarse clock, the answer and its age
 */
#include "opsgate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND_NS INT64_C(1000000000)

enum { THREADS_MAX = 64, KNOWLEDGE_MAX_S = 20 };

/* Each side's shared state has its cache lines to itself. */
static opsgate *gate;
static _Alignas(256) _Atomic uint64_t word;
static _Alignas(256) struct {
    pthread_mutex_t mutex;
    int64_t learned_ns;
    int blocked;
} cache = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* ---- What is measured: a loop each, so that no call through a pointer is measured with it ---- */

static long loop_check(long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += opsgate_check(gate);
    return sum;
}

static long loop_request(long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += opsgate_check_request(gate, "GET", "/orders/17?full=1");
    return sum;
}

static long loop_load(long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += (long)atomic_load_explicit(&word, memory_order_acquire);
    return sum;
}

static long loop_clock(long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += (long)read_clock(CLOCK_MONOTONIC_COARSE);
    return sum;
}

static long loop_mutex(long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++) {
        pthread_mutex_lock(&cache.mutex);
        int64_t age_ns = read_clock(CLOCK_MONOTONIC_COARSE) - cache.learned_ns;
        sum += cache.blocked && age_ns <= KNOWLEDGE_MAX_S * SECOND_NS;
        pthread_mutex_unlock(&cache.mutex);
    }
    return sum;
}

struct side {
    const char *name;
    long (*loop)(long count);
    bool has_gate;
    int answer; /* of the gate's source */
};

static const struct side sides[] = {
    {"check", loop_check, true, 0}, {"request", loop_request, true, 0}, {"blocked", loop_check, true, 1},
    {"load", loop_load, false, 0},  {"clock", loop_clock, false, 0},    {"mutex", loop_mutex, false, 0},
};

/* ---- The run ---- */

struct runner {
    const struct side *side;
    long count;
    pthread_barrier_t *start;
    long sum;
    double ns;
};

static void *run(void *context)
{
    struct runner *runner = context;
    (void)runner->side->loop(runner->count / 20 + 1); /* warm */
    (void)pthread_barrier_wait(runner->start);
    int64_t began_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
    runner->sum = runner->side->loop(runner->count);
    runner->ns = (double)(read_clock(CLOCK_THREAD_CPUTIME_ID) - began_ns) / (double)runner->count;
    return NULL;
}

static int ask(void *context, unsigned timeout_ms, char *window, size_t size)
{
    (void)timeout_ms;
    (void)window;
    (void)size;
    return *(const int *)context;
}

static bool open_gate(const struct side *side, int *answer)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    char why[OPSGATE_ERROR_SIZE];
    *answer = side->answer;
    config.ask = ask;
    config.ask_context = answer;
    config.first_wait_ms = 10000;
    if (opsgate_open(&config, &gate, why) == OPSGATE_OK && opsgate_check(gate) == side->answer)
        return true;
    (void)fprintf(stderr, "gate_check: the gate does not open: %s\n", why);
    return false;
}

/* The mean of the threads. The sums are used, so that no compiler leaves a loop out. */
static double measure(const struct side *side, unsigned thread_count, long count)
{
    static struct runner runners[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    pthread_barrier_t start;
    double ns = 0;
    long sum = 0;
    (void)pthread_barrier_init(&start, NULL, thread_count);
    for (unsigned i = 0; i < thread_count; i++) {
        runners[i] = (struct runner){.side = side, .count = count, .start = &start};
        if (pthread_create(&threads[i], NULL, run, &runners[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < thread_count; i++) {
        (void)pthread_join(threads[i], NULL);
        ns += runners[i].ns / thread_count;
        sum += runners[i].sum;
    }
    (void)pthread_barrier_destroy(&start);
    return sum == 1 ? -1 : ns;
}

static const struct side *find_side(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(sides); i++)
        if (strcmp(sides[i].name, name) == 0)
            return &sides[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct side *side = argc == 4 ? find_side(argv[1]) : NULL;
    long thread_count = side ? atol(argv[2]) : 0, count = side ? atol(argv[3]) : 0;
    int answer = 0;
    if (thread_count < 1 || thread_count > THREADS_MAX || count < 1) {
        (void)fprintf(stderr, "usage: gate_check check|request|blocked|load|clock|mutex THREADS COUNT\n");
        return 2;
    }
    cache.learned_ns = read_clock(CLOCK_MONOTONIC_COARSE);
    if (side->has_gate && !open_gate(side, &answer))
        return 1;
    (void)printf("%.2f\n", measure(side, (unsigned)thread_count, count));
    opsgate_close(gate);
    return 0;
}
