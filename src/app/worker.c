/*
 * A worker: without a claim, a step looks for work: it plans a vacuum that has no plan, claims a task, or ends a pass. With
 * a claim, a step is one of its errand.
 */
#include "app/work.h"

#include "app/errand.h"
#include "app/keys.h"
#include "app/planning.h"
#include "app/settle.h"
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
    struct ops_errand errand;
};

enum ops_status ops_worker_new(struct ops_app *app, const char *name, struct ops_worker **ret_worker)
{
    struct ops_worker *worker = ops_mem_zeroed(1, sizeof *worker);
    if (!worker)
        return OPS_NO_MEMORY;
    worker->app = app;
    (void)snprintf(worker->name, sizeof worker->name, "%s", name);
    ops_errand_init(&worker->errand, app);
    *ret_worker = worker;
    return OPS_OK;
}

void ops_worker_only(struct ops_worker *worker, const char *id)
{
    (void)snprintf(worker->only_vacuum, sizeof worker->only_vacuum, "%s", id);
}

void ops_worker_free(struct ops_worker *worker)
{
    if (!worker)
        return;
    ops_errand_give_up(&worker->errand);
    ops_mem_free(worker);
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
        status = ops_settle_receipts(app, vacuum, tasks, &settled, error);
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

/* Whether a vacuum may be worked on now; one whose mutex has expired is the sweep's to end. */
static enum ops_status may_work(struct ops_app *app, const json_t *vacuum, bool *ret_may, struct ops_error *error)
{
    *ret_may = ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING);
    if (!*ret_may || ops_vacuum_dry_run(vacuum))
        return OPS_OK;
    struct ops_mutex mutex;
    enum ops_status status = ops_vacuums_mutex(app, &mutex, error);
    if (status == OPS_OK)
        *ret_may = mutex.fence == ops_vacuum_fence(vacuum) && ops_mutex_held(&mutex) &&
                   !ops_mutex_expired(&mutex, ops_clock_now_ms(app->ports.clock));
    return status;
}

static enum ops_status plan(struct ops_worker *worker, const json_t *vacuum, int64_t *ret_wait_ms, struct ops_error *error)
{
    bool busy;
    enum ops_status status = ops_planning_step(worker->app, vacuum, &busy, error);
    *ret_wait_ms = busy ? CROWDED_WAIT_MS : 0;
    return status;
}

/* Does what one vacuum needs next. *ret_wait_ms is set when there was something: that long until more may follow. */
static enum ops_status work_on(struct ops_worker *worker, const char *id, int64_t *ret_wait_ms, struct ops_error *error)
{
    json_t *vacuum = NULL, *tasks = NULL;
    enum ops_status status = ops_vacuums_load(worker->app, id, &vacuum, error);
    bool may = false;
    if (status == OPS_OK)
        status = may_work(worker->app, vacuum, &may, error);
    if (status == OPS_OK && may && !ops_vacuum_planned(vacuum)) {
        status = plan(worker, vacuum, ret_wait_ms, error);
    } else if (status == OPS_OK && may) {
        enum ops_claim_outcome outcome;
        status = ops_claim_take(worker->app, worker->name, vacuum, &worker->errand.claim, &outcome, &tasks, error);
        if (status == OPS_OK && outcome == OPS_CLAIM_GOT)
            ops_errand_begin(&worker->errand);
        if (status != OPS_OK || outcome != OPS_CLAIM_WAIT)
            *ret_wait_ms = 0;
        if (status == OPS_OK && outcome == OPS_CLAIM_DONE)
            status = end_pass(worker->app, vacuum, tasks, ret_wait_ms, error);
    }
    json_decref(tasks);
    json_decref(vacuum);
    if (status != OPS_OK && status != OPS_CONFLICT && status != OPS_VACUUM_NOT_FOUND)
        ops_progress_trouble(worker->app, id, ops_error_text(error, status));
    return status == OPS_CONFLICT || status == OPS_VACUUM_NOT_FOUND ? OPS_OK : status;
}

static bool is_mine(const struct ops_worker *worker, const char *id)
{
    return !worker->only_vacuum[0] || strcmp(worker->only_vacuum, id) == 0;
}

static enum ops_status look_for_work(struct ops_worker *worker, int64_t *ret_wait_ms, struct ops_error *error)
{
    *ret_wait_ms = IDLE_WAIT_MS;
    json_t *ids = NULL;
    enum ops_status status = ops_vacuums_open_ids(worker->app, &ids, error);
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id)
        if (status == OPS_OK && *ret_wait_ms == IDLE_WAIT_MS && is_mine(worker, json_string_value(id)))
            status = work_on(worker, json_string_value(id), ret_wait_ms, error);
    if (status != OPS_OK)
        *ret_wait_ms = IDLE_WAIT_MS;
    json_decref(ids);
    return status;
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
    return status;
}
