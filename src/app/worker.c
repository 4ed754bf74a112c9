/*
 * A worker: without a claim, a step looks for work: it takes a free task from the board and claims it, or, when it is time
 * for one of the workers to look into the store for all (app/board.h), it looks, and then plans the vacuum or ends the pass
 * that it found in need of it. With a claim, a step is one of its errand.
 */
#include "app/work.h"

#include "app/board.h"
#include "app/errand.h"
#include "app/keys.h"
#include "app/planning.h"
#include "app/settle.h"
#include "app/trail.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/pass.h"

#include <stdio.h>

enum { IDLE_WAIT_MS = 1000, CROWDED_WAIT_MS = OPS_PLANNING_CROWDED_WAIT_MS };

struct ops_worker {
    struct ops_app *app;
    char name[OPS_WORKER_NAME_SIZE];
    char only_vacuum[OPS_ULID_SIZE];
    struct ops_board *board; /* the app's, or its own */
    struct ops_board own_board;
    struct ops_errand errand;
    char claimed_vacuum[OPS_ULID_SIZE]; /* of the errand's claim */
    json_int_t claimed_number;
};

enum ops_status ops_worker_new(struct ops_app *app, const char *name, struct ops_worker **ret_worker)
{
    struct ops_worker *worker = ops_mem_zeroed(1, sizeof *worker);
    if (!worker)
        return OPS_NO_MEMORY;
    worker->app = app;
    (void)snprintf(worker->name, sizeof worker->name, "%s", name);
    ops_board_init(&worker->own_board);
    worker->board = &app->board;
    ops_errand_init(&worker->errand, app);
    *ret_worker = worker;
    return OPS_OK;
}

/* It looks for itself, and at once: whoever waits for it does not wait until the others look again. */
void ops_worker_only(struct ops_worker *worker, const char *id)
{
    (void)snprintf(worker->only_vacuum, sizeof worker->only_vacuum, "%s", id);
    worker->board = &worker->own_board;
}

/* Tells the others when the claim is over. */
static void note_end(struct ops_worker *worker)
{
    if (!worker->errand.has_claim)
        ops_board_end_task(worker->board, worker->claimed_vacuum, worker->claimed_number,
                           worker->errand.finished ? OPS_BOARD_DONE : OPS_BOARD_LOST);
}

void ops_worker_free(struct ops_worker *worker)
{
    if (!worker)
        return;
    bool had_claim = worker->errand.has_claim;
    ops_errand_give_up(&worker->errand);
    if (had_claim)
        note_end(worker);
    ops_board_release(&worker->own_board);
    ops_mem_free(worker);
}

void ops_app_end_work(struct ops_app *app)
{
    ops_catalogue_end(app->ports.catalogue);
}

static enum ops_status write_next_pass(struct ops_app *app, const json_t *vacuum, json_t *in_pass, struct ops_error *error)
{
    json_t *next = NULL;
    enum ops_status status = ops_vacuum_next_pass(vacuum, in_pass, &next);
    if (status != OPS_OK)
        return status;
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    ops_vacuums_put(&txn, vacuum, next);
    ops_vacuums_check_mutex(&txn, vacuum);
    status = ops_store_transact(app->ports.store, &txn, error);
    ops_txn_release(&txn);
    return status;
}

/* What follows when every task of a pass is done. */
static enum ops_status end_pass(struct ops_app *app, const json_t *vacuum, const json_t *tasks, int64_t *ret_wait_ms,
                                struct ops_error *error)
{
    struct ops_error remains = OPS_ERROR_INIT;
    struct ops_pass_result result;
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    enum ops_status status = ops_pass_result(vacuum, tasks, &result, &remains);
    bool ends = result.outcome == OPS_PASS_CLEAN || result.outcome == OPS_PASS_REMAINS, settled = false;
    if (status == OPS_OK && ends)
        status = ops_settle_receipts(app, vacuum, ops_vacuum_fence(vacuum), tasks, &settled, error);
    if (status == OPS_OK && settled)
        result.outcome = OPS_PASS_GOES_ON; /* the next step reads what they come to now */
    if (status == OPS_OK && result.outcome == OPS_PASS_SURVEY)
        status = ops_planning_survey_again(app, vacuum, result.in_pass, ret_wait_ms, error);
    else if (status == OPS_OK && result.outcome == OPS_PASS_AGAIN)
        status = write_next_pass(app, vacuum, result.in_pass, error);
    else if (status == OPS_OK && result.outcome == OPS_PASS_CLEAN)
        status = ops_vacuums_finish(app, vacuum, OPS_OK, NULL, now_ms, error);
    else if (status == OPS_OK && result.outcome == OPS_PASS_REMAINS)
        status = ops_vacuums_finish(app, vacuum, result.failure, &remains, now_ms, error);
    ops_error_release(&remains);
    json_decref(result.in_pass);
    return status;
}

/* Whether a vacuum may be worked on now; one whose mutex has expired is the sweep's to end. A store that was put back may
 * not know that it was cancelled. */
static enum ops_status may_work(struct ops_app *app, const json_t *vacuum, bool *ret_may, int64_t *ret_mutex_expires_ms,
                                struct ops_error *error)
{
    *ret_may = ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING);
    *ret_mutex_expires_ms = INT64_MAX;
    if (!*ret_may || ops_vacuum_dry_run(vacuum))
        return OPS_OK;
    struct ops_mutex mutex;
    enum ops_status status = ops_vacuums_mutex(app, &mutex, error);
    if (status == OPS_OK)
        *ret_may = mutex.fence == ops_vacuum_fence(vacuum) && ops_mutex_held(&mutex) &&
                   !ops_mutex_expired(&mutex, ops_clock_now_ms(app->ports.clock)) && ops_trail_may_vacuum(app);
    *ret_mutex_expires_ms = mutex.expires_ms;
    return status;
}

/* ---- Looking ---- */

/* What a look found that is one worker's alone. */
struct job {
    enum ops_board_need need; /* PLAN, END; else there is none */
    struct ops_shared *vacuum;
};

static int64_t monotonic_ms(const struct ops_worker *worker)
{
    return ops_clock_monotonic_ms(worker->app->ports.clock);
}

static enum ops_status show_tasks(struct ops_worker *worker, const json_t *vacuum, enum ops_board_need *ret_need,
                                  struct ops_error *error)
{
    struct ops_app *app = worker->app;
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    json_t *tasks = NULL;
    enum ops_status status = ops_vacuums_tasks(app, id, ops_pass_first_task(vacuum), &tasks, error);
    *ret_need = ops_board_show_tasks(worker->board, id, tasks, monotonic_ms(worker), ops_clock_now_ms(app->ports.clock));
    json_decref(tasks);
    return status;
}

/* takes vacuum. */
static enum ops_status show(struct ops_worker *worker, json_t *vacuum, int64_t mutex_expires_ms, struct job *job,
                            struct ops_error *error)
{
    struct ops_shared *held = NULL;
    enum ops_board_need need = OPS_BOARD_NEEDS_NOTHING;
    enum ops_status status = ops_board_show(worker->board, vacuum, mutex_expires_ms, monotonic_ms(worker), &held, &need);
    if (status == OPS_OK && need == OPS_BOARD_NEEDS_TASKS)
        status = show_tasks(worker, ops_shared_thing(held), &need, error);
    if (status == OPS_OK && need != OPS_BOARD_NEEDS_NOTHING)
        *job = (struct job){need, held};
    else
        ops_shared_let_go(held);
    return status;
}

static enum ops_status look_at(struct ops_worker *worker, const char *id, struct job *job, struct ops_error *error)
{
    if (ops_board_is_at_work(worker->board, id))
        return OPS_OK;
    json_t *vacuum = NULL;
    bool may = false;
    int64_t mutex_expires_ms;
    enum ops_status status = ops_vacuums_load(worker->app, id, &vacuum, error);
    if (status == OPS_OK)
        status = may_work(worker->app, vacuum, &may, &mutex_expires_ms, error);
    if (status == OPS_OK && may)
        return show(worker, vacuum, mutex_expires_ms, job, error);
    if (status == OPS_OK)
        ops_board_forget(worker->board, id);
    json_decref(vacuum);
    return status == OPS_VACUUM_NOT_FOUND ? OPS_OK : status;
}

static bool is_mine(const struct ops_worker *worker, const char *id)
{
    return !worker->only_vacuum[0] || strcmp(worker->only_vacuum, id) == 0;
}

/* Up to the first vacuum that needs something done for which the look must be over. */
static enum ops_status look(struct ops_worker *worker, struct job *job, struct ops_error *error)
{
    json_t *ids = NULL;
    enum ops_status status = ops_vacuums_open_ids(worker->app, &ids, error);
    if (status == OPS_OK)
        ops_board_keep(worker->board, ids);
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id)
        if (status == OPS_OK && !job->vacuum && is_mine(worker, json_string_value(id)))
            status = look_at(worker, json_string_value(id), job, error);
    json_decref(ids);
    return status;
}

/* ---- What a look leads to ---- */

static enum ops_status plan(struct ops_worker *worker, const json_t *vacuum, int64_t *ret_wait_ms, struct ops_error *error)
{
    bool busy;
    enum ops_status status = ops_planning_step(worker->app, vacuum, &busy, error);
    *ret_wait_ms = busy ? CROWDED_WAIT_MS : 0;
    return status;
}

static enum ops_status end_pass_of(struct ops_worker *worker, const json_t *vacuum, int64_t *ret_wait_ms,
                                   struct ops_error *error)
{
    json_t *tasks = NULL;
    enum ops_status status = ops_vacuums_tasks(worker->app, ops_json_text(vacuum, "vacuum_id", ""), 0, &tasks, error);
    *ret_wait_ms = 0;
    if (status == OPS_OK)
        status = end_pass(worker->app, vacuum, tasks, ret_wait_ms, error);
    json_decref(tasks);
    return status;
}

static enum ops_status do_job(struct ops_worker *worker, struct job *job, int64_t *ret_wait_ms, struct ops_error *error)
{
    const json_t *vacuum = ops_shared_thing(job->vacuum);
    enum ops_status status = job->need == OPS_BOARD_NEEDS_PLAN ? plan(worker, vacuum, ret_wait_ms, error)
                                                               : end_pass_of(worker, vacuum, ret_wait_ms, error);
    if (status == OPS_CONFLICT || status == OPS_VACUUM_NOT_FOUND)
        status = OPS_OK;
    if (status != OPS_OK) {
        *ret_wait_ms = IDLE_WAIT_MS;
        ops_progress_trouble(worker->app, ops_json_text(vacuum, "vacuum_id", ""), ops_error_text(error, status));
    }
    if (status == OPS_VACUUM_IN_PROGRESS)
        status = OPS_OK; /* a target is waited for: no trouble of a worker, and whoever asks for the vacuum is told */
    ops_board_end_work(worker->board, ops_json_text(vacuum, "vacuum_id", ""), monotonic_ms(worker), *ret_wait_ms);
    ops_shared_let_go(job->vacuum);
    return status;
}

/* takes free_task->vacuum. */
static enum ops_status claim(struct ops_worker *worker, const struct ops_free_task *free_task, int64_t *ret_wait_ms,
                             struct ops_error *error)
{
    const json_t *vacuum = ops_shared_thing(free_task->vacuum);
    (void)snprintf(worker->claimed_vacuum, sizeof worker->claimed_vacuum, "%s", ops_json_text(vacuum, "vacuum_id", ""));
    worker->claimed_number = free_task->number;
    *ret_wait_ms = 0;
    enum ops_status status = ops_claim_take(worker->app, worker->name, free_task, &worker->errand.claim, error);
    if (status == OPS_OK) {
        ops_errand_begin(&worker->errand);
        return OPS_OK;
    }
    ops_board_end_task(worker->board, worker->claimed_vacuum, worker->claimed_number, OPS_BOARD_LOST);
    if (status == OPS_CONFLICT)
        return OPS_OK;
    *ret_wait_ms = IDLE_WAIT_MS;
    ops_progress_trouble(worker->app, worker->claimed_vacuum, ops_error_text(error, status));
    return status;
}

static enum ops_status look_for_work(struct ops_worker *worker, int64_t *ret_wait_ms, struct ops_error *error)
{
    struct job job = {.vacuum = NULL};
    struct ops_free_task free_task;
    uint32_t draw;
    enum ops_status status = OPS_OK;
    if (ops_board_begin_look(worker->board, monotonic_ms(worker))) {
        status = look(worker, &job, error);
        ops_board_end_look(worker->board);
    }
    *ret_wait_ms = IDLE_WAIT_MS;
    if (job.vacuum)
        return do_job(worker, &job, ret_wait_ms, error);
    if (status != OPS_OK)
        return status;
    ops_random_fill(worker->app->ports.random, (uint8_t *)&draw, sizeof draw);
    if (ops_board_take(worker->board, monotonic_ms(worker), draw, &free_task))
        return claim(worker, &free_task, ret_wait_ms, error);
    *ret_wait_ms = ops_board_wait_ms(worker->board, monotonic_ms(worker));
    return OPS_OK;
}

static bool pace_enter(struct ops_worker *worker)
{
    struct ops_app *app = worker->app;
    pthread_mutex_lock(&app->pace_lock);
    bool may = ops_pace_enter(&app->pace, ops_clock_monotonic_ms(app->ports.clock));
    pthread_mutex_unlock(&app->pace_lock);
    return may;
}

static void pace_leave(struct ops_worker *worker)
{
    struct ops_app *app = worker->app;
    pthread_mutex_lock(&app->pace_lock);
    ops_pace_leave(&app->pace, worker->errand.throttled, ops_clock_monotonic_ms(app->ports.clock));
    pthread_mutex_unlock(&app->pace_lock);
}

enum ops_status ops_worker_step(struct ops_worker *worker, int64_t *ret_wait_ms, struct ops_error *error)
{
    if (!worker->errand.has_claim)
        return look_for_work(worker, ret_wait_ms, error);
    if (!pace_enter(worker)) {
        *ret_wait_ms = CROWDED_WAIT_MS;
        return OPS_OK;
    }
    enum ops_status status = ops_errand_step(&worker->errand, ret_wait_ms, error);
    pace_leave(worker);
    note_end(worker);
    return status;
}
