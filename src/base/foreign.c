#include "base/foreign.h"

#include "base/wait.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { END_WITHIN_MS = 1000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* whoever has stopped the others keeps it until they go on */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct { /* under mutex */
    unsigned running_count;
    bool stopping; /* somebody waits until nobody runs: nobody begins to */
} synced;
static atomic_bool is_over; /* from then on nobody begins to */

static _Thread_local bool is_inside;

/* ---- Those inside ---- */

static bool begin_to_run(void)
{
    pthread_mutex_lock(&mutex);
    while (synced.stopping)
        pthread_cond_wait(&changed, &mutex);
    bool may_run = !atomic_load(&is_over);
    synced.running_count += may_run;
    pthread_mutex_unlock(&mutex);
    return may_run;
}

static void stop_running(void)
{
    pthread_mutex_lock(&mutex);
    synced.running_count--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

bool ops_foreign_enter(void)
{
    is_inside = begin_to_run();
    return is_inside;
}

void ops_foreign_leave(void)
{
    is_inside = false;
    stop_running();
}

void ops_foreign_rest(void)
{
    if (is_inside)
        stop_running();
}

void ops_foreign_resume(void)
{
    if (!is_inside || begin_to_run())
        return;
    for (;;)
        (void)pause(); /* until the process is gone */
}

/* ---- Those who stop them ---- */

static void let_run_locked(void)
{
    synced.stopping = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

bool ops_foreign_stop(int64_t within_ms)
{
    const struct timespec until = ops_wait_until(within_ms);
    bool in_time = !is_inside;
    pthread_mutex_lock(&mutex);
    synced.stopping = true;
    while (in_time && synced.running_count > 0)
        in_time = pthread_cond_clockwait(&changed, &mutex, CLOCK_MONOTONIC, &until) == 0;
    bool stopped = synced.running_count == 0;
    if (!stopped)
        let_run_locked();
    return stopped;
}

void ops_foreign_go_on(void)
{
    let_run_locked();
}

/* The condition may have waiters that are not there any more; the mutex is ours where we stopped the others. */
void ops_foreign_go_anew(bool stopped)
{
    synced.running_count = 0;
    synced.stopping = is_inside = false;
    (void)pthread_cond_init(&changed, NULL); /* neither can fail on Linux */
    if (stopped)
        pthread_mutex_unlock(&mutex);
    else
        (void)pthread_mutex_init(&mutex, NULL);
}

/* ---- The end ---- */

static void end(void)
{
    atomic_store(&is_over, true);
    if (ops_foreign_stop(END_WITHIN_MS))
        ops_foreign_go_on();
}

/* OpenSSL calls it before it frees anything. Without memory for it the process ends as it would without. */
void ops_foreign_end_at_exit(void)
{
    (void)OPENSSL_atexit(end);
}

bool ops_foreign_is_over(void)
{
    return atomic_load(&is_over);
}
