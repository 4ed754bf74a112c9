#include "app/work.h"

#include "app/audit.h"
#include "app/closing.h"
#include "app/keys.h"
#include "app/secret.h"
#include "app/tell.h"
#include "app/trail.h"
#include "app/use_cases.h"
#include "app/vacuums.h"
#include "app/veto.h"
#include "app/windows.h"
#include "base/json.h"

#include <stdio.h>

static const struct ops_who nobody = {.actor = NULL};

static enum ops_status sweep_windows(struct ops_app *app, int64_t now_ms, size_t *ret_started, struct ops_error *error)
{
    json_t *active = NULL, *next = NULL, *started = NULL;
    enum ops_status status = ops_windows_active(app, &active, error);
    if (status == OPS_OK && !active)
        status = ops_windows_next(app, &next, error);
    if (status == OPS_OK && next && ops_window_due(next, now_ms)) {
        status = ops_windows_start(app, next, "sweep", &nobody, now_ms, &started, error);
        *ret_started += status == OPS_OK;
        /* Someone else was quicker, and what they did is as good. */
        if (status == OPS_CONFLICT || status == OPS_MAINTENANCE_ALREADY_ACTIVE)
            status = OPS_OK;
    }
    json_decref(active);
    json_decref(next);
    json_decref(started);
    return status;
}

static enum ops_status start_vacuum(struct ops_app *app, const json_t *vacuum, int64_t now_ms, struct ops_error *error)
{
    json_t *running = NULL;
    struct ops_who who = ops_vacuum_who(vacuum);
    struct ops_audit_event event = {.data = NULL};
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    enum ops_status status = ops_vacuum_start(vacuum, now_ms, &running);
    if (status == OPS_OK)
        status = ops_vacuums_event(running, OPS_AUDIT_VACUUM_STARTED, &who, &event);
    if (status == OPS_OK) {
        ops_vacuums_put(&txn, vacuum, json_incref(running));
        ops_vacuums_check_mutex(&txn, vacuum);
        status = ops_change_commit(app, &txn, &event, 1, now_ms, error);
    }
    ops_txn_release(&txn);
    json_decref(event.data);
    json_decref(running);
    return status;
}

/* Whether it was cancelled in time though that could not be written, and so is not started: it is written now, if it can be.
 */
static bool is_vetoed(struct ops_app *app, const json_t *vacuum, int64_t now_ms, enum ops_status *ret_status,
                      struct ops_error *error)
{
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    struct ops_veto veto;
    json_t *cancelled = NULL;
    if (!ops_veto_find(app, id, &veto))
        return false;
    const struct ops_who who = {.actor = veto.actor[0] ? veto.actor : NULL,
                                .peer = veto.peer[0] ? veto.peer : NULL,
                                .reason = veto.reason[0] ? veto.reason : NULL};
    *ret_status = ops_vacuum_cancel_held(vacuum, veto.asked_ms, &cancelled, error);
    if (*ret_status == OPS_OK)
        *ret_status = ops_vacuums_end(app, vacuum, cancelled, &who, now_ms, error);
    if (*ret_status == OPS_OK || *ret_status == OPS_VACUUM_NOT_PENDING)
        ops_veto_forget(app, id);
    return true;
}

static void tell_standing(struct ops_app *app, const json_t *vacuum, int64_t now_ms, struct ops_sweep_result *result)
{
    char reason[OPS_PROGRESS_REASON_SIZE];
    if (ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING)) {
        ops_progress_look(app, vacuum);
        ops_tell_progress(app, vacuum);
    }
    if (ops_progress_stands_seconds(app, vacuum, now_ms, reason) > 0)
        (void)snprintf(result->standing, sizeof result->standing, "The vacuum %s stands still. %s",
                       ops_json_text(vacuum, "vacuum_id", ""), reason);
}

/* A page may still be in hand: then it is a later sweep's. */
static enum ops_status end_expired(struct ops_app *app, const json_t *vacuum, struct ops_mutex *mutex, int64_t now_ms,
                                   size_t *ret_failed, struct ops_error *error)
{
    json_t *expired = NULL;
    struct ops_who who = ops_vacuum_who(vacuum);
    enum ops_status status = ops_closing_settle(app, vacuum, mutex, error);
    if (status == OPS_OK)
        status = ops_vacuums_expired(app, vacuum, mutex, now_ms, &expired, error);
    if (status == OPS_OK)
        status = ops_vacuums_end(app, vacuum, expired, &who, now_ms, error);
    *ret_failed += status == OPS_OK;
    return status == OPS_VACUUM_IN_PROGRESS ? OPS_OK : status;
}

static enum ops_status sweep_vacuum(struct ops_app *app, const char *id, int64_t now_ms, struct ops_sweep_result *result,
                                    struct ops_error *error)
{
    json_t *vacuum = NULL;
    struct ops_mutex mutex;
    enum ops_status status = ops_vacuums_load(app, id, &vacuum, error);
    if (status == OPS_OK)
        status = ops_vacuums_mutex(app, &mutex, error);
    if (status == OPS_OK)
        tell_standing(app, vacuum, now_ms, result);
    if (status == OPS_OK && !ops_vacuum_dry_run(vacuum)) {
        bool mine = strcmp(mutex.holder, id) == 0;
        if (mine && ops_closing_due(vacuum, &mutex, now_ms) && ops_vacuum_open(vacuum)) {
            status = end_expired(app, vacuum, &mutex, now_ms, &result->vacuums_failed, error);
        } else if (!is_vetoed(app, vacuum, now_ms, &status, error) && mine && ops_vacuum_due(vacuum, now_ms) &&
                   ops_trail_may_vacuum(app)) {
            status = start_vacuum(app, vacuum, now_ms, error);
            result->vacuums_started += status == OPS_OK;
        }
    }
    json_decref(vacuum);
    return status == OPS_CONFLICT || status == OPS_VACUUM_NOT_FOUND ? OPS_OK : status;
}

static enum ops_status sweep_vacuums(struct ops_app *app, int64_t now_ms, struct ops_sweep_result *result,
                                     struct ops_error *error)
{
    json_t *ids = NULL;
    enum ops_status status = ops_vacuums_open_ids(app, &ids, error);
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id) {
        enum ops_status swept = sweep_vacuum(app, json_string_value(id), now_ms, result, status == OPS_OK ? error : NULL);
        if (status == OPS_OK)
            status = swept;
    }
    json_decref(ids);
    return status;
}

/* One part after another, whatever becomes of the one before; the first failure counts. */
struct sweep {
    struct ops_sweep_result *result;
    struct ops_error *error;
    enum ops_status first;
};

static struct ops_error *error_of(const struct sweep *sweep)
{
    return sweep->first == OPS_OK ? sweep->error : NULL;
}

static void note(struct sweep *sweep, enum ops_sweep_part part, enum ops_status status)
{
    if (sweep->first != OPS_OK || status == OPS_OK)
        return;
    sweep->first = status;
    sweep->result->failed_at = part;
}

enum ops_status ops_app_sweep(struct ops_app *app, struct ops_sweep_result *ret_result, struct ops_error *error)
{
    struct sweep sweep = {.result = ret_result, .error = error, .first = OPS_OK};
    *ret_result = (struct ops_sweep_result){0};
    note(&sweep, OPS_SWEEP_LOOKS_AT_CLOCK, ops_clock_watch_look(app, error));
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    note(&sweep, OPS_SWEEP_WINDOWS, sweep_windows(app, now_ms, &ret_result->maintenance_started, error_of(&sweep)));
    note(&sweep, OPS_SWEEP_VACUUMS, sweep_vacuums(app, now_ms, ret_result, error_of(&sweep)));
    if (sweep.first == OPS_OK)
        atomic_store(&app->swept_ms, now_ms);
    note(&sweep, OPS_SWEEP_SECRETS, ops_secret_tell_repeats(app, error_of(&sweep)));
    note(&sweep, OPS_SWEEP_DELIVERS, ops_audit_deliver(app, &ret_result->audit_delivered, error_of(&sweep)));
    return sweep.first;
}

enum ops_status ops_run_sweep(struct ops_call_context *context, json_t **ret_data)
{
    struct ops_sweep_result result;
    enum ops_status status = ops_app_sweep(context->app, &result, &context->error);
    if (status != OPS_OK)
        return status;
    *ret_data = json_pack("{s:I, s:I, s:I, s:I}", "maintenance_started", (json_int_t)result.maintenance_started,
                          "vacuums_started", (json_int_t)result.vacuums_started, "vacuums_failed",
                          (json_int_t)result.vacuums_failed, "audit_delivered", (json_int_t)result.audit_delivered);
    return *ret_data ? OPS_OK : OPS_NO_MEMORY;
}
