#include "main/threads.h"

#include "app/clock_watch.h"
#include "app/work.h"
#include "base/mem.h"
#include "base/wait.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MAX_MS = 1000, SWEEP_EVERY_MS = 500, TROUBLE_SIZE = OPS_ERROR_TEXT_SIZE };

/* What troubles are told as, and their ends. */
struct trouble_kind {
    const char *begins; /* events */
    const char *ends;
    const char *words; /* at the end */
};

static const struct trouble_kind sweep_trouble = {"sweep.trouble", "sweep.recovered", "The sweep goes round again."};
static const struct trouble_kind store_trouble = {"store.trouble", "store.recovered", "The record store can be used again."};
static const struct trouble_kind delivery_trouble = {"audit.trouble", "audit.recovered",
                                                     "Audit records are delivered again."};
static const struct trouble_kind worker_trouble = {"worker.trouble", "worker.recovered", "The worker gets on again."};

/* What a thread last had to complain about, so that a trouble that lasts is told once. */
struct trouble {
    const struct trouble_kind *kind; /* NULL: nothing yet */
    char text[TROUBLE_SIZE];         /* "": it is over */
};

struct worker_thread {
    struct ops_threads *threads;
    struct ops_worker *worker;
    pthread_t thread;
    char name[32];
};

struct ops_threads {
    struct ops_app *app;
    struct ops_log *log;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;       /* this and free_count under lock */
    uint64_t free_count; /* how often tasks have become free */
    pthread_t sweeper;
    bool has_sweeper;
    struct ops_pulse sweep_pulse;
    struct worker_thread *workers;
    unsigned worker_count; /* that have a thread */
};

static void note_trouble(struct ops_threads *threads, struct trouble *trouble, const struct trouble_kind *kind,
                         const char *worker, enum ops_status status, const struct ops_error *error)
{
    char text[TROUBLE_SIZE] = "";
    struct ops_log_line line;
    if (status != OPS_OK)
        (void)snprintf(text, sizeof text, "%s", ops_error_text(error, status));
    if (strcmp(text, trouble->text) == 0)
        return;
    if (text[0])
        ops_log_line_init(&line, OPS_LOG_ERROR, kind->begins, text);
    else
        ops_log_line_init(&line, OPS_LOG_INFO, trouble->kind->ends, trouble->kind->words);
    ops_log_line_text(&line, "worker", worker);
    if (text[0])
        ops_log_line_text(&line, "error", ops_status_tag(status));
    ops_log_write(threads->log, &line);
    trouble->kind = kind;
    memcpy(trouble->text, text, sizeof text);
}

/* Whose trouble the sweep's is. */
static const struct trouble_kind *kind_of(const struct ops_sweep_result *result, enum ops_status status)
{
    if (result->failed_at == OPS_SWEEP_DELIVERS)
        return &delivery_trouble;
    bool is_store = ops_status_category(status) == OPS_CATEGORY_UNAVAILABLE || status == OPS_CORRUPT;
    return is_store ? &store_trouble : &sweep_trouble;
}

/* How often tasks had become free until now. Taken before a step, since some may become free while it looks elsewhere. */
static uint64_t free_count(struct ops_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    uint64_t count = threads->free_count;
    pthread_mutex_unlock(&threads->lock);
    return count;
}

/* A worker has found tasks that others may have. */
static void on_free(void *context)
{
    struct ops_threads *threads = context;
    pthread_mutex_lock(&threads->lock);
    threads->free_count++;
    pthread_cond_broadcast(&threads->wake);
    pthread_mutex_unlock(&threads->lock);
}

/* Waits, or returns at once when the end has come, or when tasks have become free since *seen (NULL: that is no matter);
 * false at the end. */
static bool wait_for(struct ops_threads *threads, int64_t wait_ms, const uint64_t *seen)
{
    if (wait_ms > WAIT_MAX_MS)
        wait_ms = WAIT_MAX_MS;
    const struct timespec until = ops_wait_until(wait_ms);
    bool in_time = wait_ms > 0;
    pthread_mutex_lock(&threads->lock);
    while (!threads->stopping && in_time && (!seen || *seen == threads->free_count))
        in_time = ops_wait(&threads->wake, &threads->lock, &until);
    bool going = !threads->stopping;
    pthread_mutex_unlock(&threads->lock);
    return going;
}

/* Said once for each reason, and when it gets on again. */
static void note_standing(struct ops_threads *threads, struct trouble *before, const char *standing)
{
    if (strcmp(before->text, standing) == 0)
        return;
    if (standing[0])
        ops_log_say(threads->log, OPS_LOG_WARN, "vacuum.standing_still", "%s", standing);
    else
        ops_log_say(threads->log, OPS_LOG_INFO, "vacuum.moving", "The vacuum does not stand still any more.");
    (void)snprintf(before->text, sizeof before->text, "%s", standing);
}

/* What the sweep has said of the clock. */
struct clock_told {
    int64_t step_count;
    bool is_apart;
};

static void tell_step(struct ops_threads *threads, const struct ops_clock_step *step)
{
    char at[OPS_INSTANT_TEXT_SIZE], words[TROUBLE_SIZE];
    struct ops_log_line line;
    bool back = step->step_ms < 0;
    ops_instant_format(step->at_ms, at);
    (void)snprintf(words, sizeof words, "The clock was set %s by %lld s, to %s; what waits for a time is due that much %s.",
                   back ? "back" : "forward", (long long)((back ? -step->step_ms : step->step_ms) / OPS_SECOND_MS), at,
                   back ? "later" : "sooner");
    ops_log_line_init(&line, OPS_LOG_WARN, "clock.stepped", words);
    ops_log_line_number(&line, "step_seconds", step->step_ms / OPS_SECOND_MS);
    ops_log_write(threads->log, &line);
}

static void tell_difference(struct ops_threads *threads, const struct ops_clock_news *news)
{
    char words[TROUBLE_SIZE];
    struct ops_log_line line;
    bool behind = news->ahead_ms < 0;
    (void)snprintf(words, sizeof words, "The clock is %s AWS's by %lld s.", behind ? "behind" : "ahead of",
                   (long long)((behind ? -news->ahead_ms : news->ahead_ms) / OPS_SECOND_MS));
    if (news->is_apart)
        ops_log_line_init(&line, OPS_LOG_WARN, "clock.apart", words);
    else
        ops_log_line_init(&line, OPS_LOG_INFO, "clock.agrees", "The clock agrees with AWS's.");
    ops_log_line_number(&line, "ahead_seconds", news->ahead_ms / OPS_SECOND_MS);
    ops_log_write(threads->log, &line);
}

static void tell_of_clock(struct ops_threads *threads, struct clock_told *told)
{
    struct ops_clock_news news;
    ops_app_clock_news(threads->app, &news);
    int64_t new_count = news.step_count - told->step_count;
    if (new_count > OPS_CLOCK_STEPS_KEPT)
        new_count = OPS_CLOCK_STEPS_KEPT; /* the rest is in the metrics */
    while (new_count-- > 0)
        tell_step(threads, &news.steps[new_count]);
    told->step_count = news.step_count;
    if (news.is_apart != told->is_apart)
        tell_difference(threads, &news);
    told->is_apart = news.is_apart;
}

static void *sweep_loop(void *context)
{
    struct ops_threads *threads = context;
    struct trouble trouble = {.kind = NULL}, standing = {.kind = NULL};
    struct clock_told told = {.step_count = 0};
    ops_pulse_of_thread(&threads->sweep_pulse);
    do {
        ops_pulse_beat();
        struct ops_sweep_result result;
        struct ops_error error = OPS_ERROR_INIT;
        enum ops_status status = ops_app_sweep(threads->app, &result, &error);
        note_trouble(threads, &trouble, kind_of(&result, status), NULL, status, &error);
        note_standing(threads, &standing, result.standing);
        ops_error_release(&error);
        tell_of_clock(threads, &told);
    } while (wait_for(threads, SWEEP_EVERY_MS, NULL));
    return NULL;
}

static void *work_loop(void *context)
{
    struct worker_thread *self = context;
    struct trouble trouble = {.kind = NULL};
    int64_t wait_ms;
    uint64_t seen;
    do {
        struct ops_error error = OPS_ERROR_INIT;
        seen = free_count(self->threads);
        enum ops_status status = ops_worker_step(self->worker, &wait_ms, &error);
        note_trouble(self->threads, &trouble, &worker_trouble, self->name, status, &error);
        ops_error_release(&error);
    } while (wait_for(self->threads, wait_ms, &seen));
    return NULL;
}

static enum ops_status start_worker(struct ops_threads *threads)
{
    struct worker_thread *worker = &threads->workers[threads->worker_count];
    worker->threads = threads;
    (void)snprintf(worker->name, sizeof worker->name, "worker %u", threads->worker_count + 1);
    enum ops_status status = ops_worker_new(threads->app, worker->name, &worker->worker);
    if (status != OPS_OK)
        return status;
    if (pthread_create(&worker->thread, NULL, work_loop, worker) != 0) {
        ops_worker_free(worker->worker);
        return OPS_NO_MEMORY;
    }
    threads->worker_count++;
    return OPS_OK;
}

static enum ops_status start_all(struct ops_threads *threads, unsigned worker_count)
{
    enum ops_status status = OPS_OK;
    for (unsigned i = 0; i < worker_count && status == OPS_OK; i++)
        status = start_worker(threads);
    if (status == OPS_OK) {
        threads->has_sweeper = pthread_create(&threads->sweeper, NULL, sweep_loop, threads) == 0;
        status = threads->has_sweeper ? OPS_OK : OPS_NO_MEMORY;
    }
    return status;
}

enum ops_status ops_threads_start(struct ops_app *app, unsigned worker_count, struct ops_log *log,
                                  struct ops_threads **ret_threads, struct ops_error *error)
{
    struct ops_threads *threads = ops_mem_zeroed(1, sizeof *threads);
    struct worker_thread *workers = ops_mem_zeroed(worker_count, sizeof *workers);
    if (!threads || !workers) {
        ops_mem_free(threads);
        ops_mem_free(workers);
        return OPS_NO_MEMORY;
    }
    threads->app = app;
    threads->log = log;
    threads->workers = workers;
    ops_wait_init(&threads->wake);
    (void)pthread_mutex_init(&threads->lock, NULL);
    ops_app_on_free(app, on_free, threads);
    enum ops_status status = start_all(threads, worker_count);
    if (status != OPS_OK) {
        ops_threads_stop(threads);
        return ops_fail(error, status, "A thread could not be started.");
    }
    *ret_threads = threads;
    return OPS_OK;
}

const struct ops_pulse *ops_threads_sweep_pulse(const struct ops_threads *threads)
{
    return &threads->sweep_pulse;
}

void ops_threads_stop(struct ops_threads *threads)
{
    if (!threads)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->stopping = true;
    pthread_cond_broadcast(&threads->wake);
    pthread_mutex_unlock(&threads->lock);
    ops_app_end_work(threads->app);
    for (unsigned i = 0; i < threads->worker_count; i++) {
        (void)pthread_join(threads->workers[i].thread, NULL);
        ops_worker_free(threads->workers[i].worker);
    }
    if (threads->has_sweeper)
        (void)pthread_join(threads->sweeper, NULL);
    ops_app_on_free(threads->app, NULL, NULL);
    (void)pthread_cond_destroy(&threads->wake);
    (void)pthread_mutex_destroy(&threads->lock);
    ops_mem_free(threads->workers);
    ops_mem_free(threads);
}
