#include "app/use_cases.h"

#include "app/closing.h"
#include "app/keys.h"
#include "app/results.h"
#include "app/trail.h"
#include "app/vacuums.h"
#include "app/veto.h"
#include "app/work.h"
#include "base/json.h"

static enum ops_status show_standing(struct ops_call_context *context, const json_t *vacuum, json_t *data)
{
    char reason[OPS_PROGRESS_REASON_SIZE];
    int64_t seconds = ops_progress_stands_seconds(context->app, vacuum, context->now_ms, reason);
    if (seconds == 0)
        return OPS_OK;
    return ops_json_set(
        data, "standing_still",
        json_pack("{s:I, s:o}", "seconds", (json_int_t)seconds, "reason", ops_json_any_text(ops_view_of(reason))));
}

/* What the caller sees of a vacuum now: while it runs, with the counters of its tasks. */
static enum ops_status show(struct ops_call_context *context, const json_t *vacuum, json_t **ret_data)
{
    json_t *targets = NULL;
    enum ops_status status = OPS_OK;
    if (ops_vacuum_open(vacuum))
        status = ops_vacuums_tally(context->app, vacuum, &targets, &context->error);
    if (status == OPS_OK)
        status = ops_vacuum_view(vacuum, targets, ret_data);
    json_decref(targets);
    if (status == OPS_OK)
        status = show_standing(context, vacuum, *ret_data);
    context->revision = ops_json_integer(vacuum, "revision", 0);
    return status;
}

static enum ops_status refuse_second(const struct ops_mutex *mutex, struct ops_error *error)
{
    char expires[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(mutex->expires_ms, expires);
    (void)ops_fail(error, OPS_VACUUM_IN_PROGRESS, "The vacuum %s is pending or running.", mutex->holder);
    ops_error_detail(error, "vacuum_id", mutex->holder);
    ops_error_detail(error, "expires_at", expires);
    return OPS_VACUUM_IN_PROGRESS;
}

static void put_open(struct ops_txn *txn, const char *id)
{
    ops_txn_put(txn, OPS_PK_VACUUM_OPEN, id, json_pack("{s:s}", "vacuum_id", id));
}

/* While its last pages can't be counted it is not ended, and the new one has to wait. mutex becomes the closed one. */
static enum ops_status settle_expired(struct ops_call_context *context, const json_t *old, struct ops_mutex *mutex)
{
    struct ops_error why = OPS_ERROR_INIT;
    struct ops_error *error = &context->error;
    enum ops_status status = ops_closing_settle(context->app, old, mutex, &why);
    const char *text = ops_error_text(&why, status);
    if (status != OPS_OK && mutex->fence == ops_vacuum_fence(old)) {
        (void)ops_fail(error, status, "%s", text); /* it could not be closed: that is the store's trouble */
    } else if (status != OPS_OK && status != OPS_CONFLICT && status != OPS_NO_MEMORY) {
        status = refuse_second(mutex, error);
        (void)ops_fail(error, status, "The vacuum %s has run out of its time and is not ended yet. %s", mutex->holder, text);
        ops_error_detail(error, "vacuum_id", mutex->holder);
    }
    ops_error_release(&why);
    return status;
}

/* Refused while another has the mutex by right. *ret_old: the vacuum that holds it and has run out of its time; NULL: the
 * mutex is free. */
static enum ops_status free_mutex(struct ops_call_context *context, struct ops_mutex *mutex, json_t **ret_old)
{
    json_t *old = NULL;
    enum ops_status status = ops_vacuums_mutex(context->app, mutex, &context->error);
    if (status != OPS_OK || !ops_mutex_held(mutex))
        return status;
    status = ops_vacuums_load(context->app, mutex->holder, &old, &context->error);
    if (status == OPS_OK)
        status = ops_closing_due(old, mutex, context->now_ms) ? settle_expired(context, old, mutex)
                                                              : refuse_second(mutex, &context->error);
    if (status == OPS_OK)
        *ret_old = old;
    else
        json_decref(old);
    return status;
}

/* Ends the vacuum whose mutex is taken over: its record in this transaction, its event in *ret_event. */
static enum ops_status put_expired(struct ops_call_context *context, struct ops_txn *txn, const json_t *old,
                                   const struct ops_mutex *mutex, struct ops_audit_event *ret_event, json_t **ret_expired)
{
    enum ops_status status = ops_vacuums_expired(context->app, old, mutex, context->now_ms, ret_expired, &context->error);
    if (status == OPS_OK) {
        struct ops_who who = ops_vacuum_who(*ret_expired);
        status = ops_vacuums_event(*ret_expired, OPS_AUDIT_VACUUM_FAILED, &who, ret_event);
    }
    if (status == OPS_OK)
        status = ops_results_put(context->app, txn, *ret_expired, &context->error);
    if (status == OPS_OK) {
        ops_vacuums_put(txn, old, json_incref(*ret_expired));
        ops_txn_delete(txn, OPS_PK_VACUUM_OPEN, mutex->holder);
    }
    return status;
}

/* Writes a request that deletes: record, mutex and audit, and the end of the one whose mutex has expired. */
static enum ops_status write_request(struct ops_call_context *context, const char *id, struct ops_vacuum_request *request,
                                     json_t **ret_vacuum)
{
    struct ops_mutex before;
    json_t *old = NULL, *expired = NULL;
    enum ops_status status = free_mutex(context, &before, &old);
    if (status != OPS_OK)
        return status;
    struct ops_who who = ops_call_who(context);
    struct ops_mutex taken = ops_mutex_take(&before, id, context->now_ms);
    request->fence = taken.fence;
    struct ops_audit_event events[2] = {{.data = NULL}, {.data = NULL}};
    size_t event_count = 0;
    struct ops_txn txn;
    ops_change_begin(context->app, &txn, context->now_ms);
    if (old)
        status = put_expired(context, &txn, old, &before, &events[event_count++], &expired);
    if (status == OPS_OK)
        status = ops_vacuum_request(id, request, context->now_ms, ret_vacuum);
    if (status == OPS_OK)
        status = ops_vacuums_event(*ret_vacuum, OPS_AUDIT_VACUUM_REQUESTED, &who, &events[event_count++]);
    if (status == OPS_OK) {
        ops_vacuums_put(&txn, NULL, json_incref(*ret_vacuum));
        ops_vacuums_put_sequence(&txn, request->sequence);
        put_open(&txn, id);
        ops_vacuums_put_mutex(&txn, &before, &taken);
        status = ops_change_commit(context->app, &txn, events, event_count, context->now_ms, &context->error);
    }
    ops_txn_release(&txn);
    json_decref(events[0].data);
    json_decref(events[1].data);
    json_decref(expired);
    json_decref(old);
    return status;
}

static enum ops_status write_dry_run(struct ops_call_context *context, const char *id,
                                     const struct ops_vacuum_request *request, json_t **ret_vacuum)
{
    struct ops_audit_event event = {.data = NULL};
    struct ops_who who = ops_call_who(context);
    struct ops_txn txn;
    ops_change_begin(context->app, &txn, context->now_ms);
    enum ops_status status = ops_vacuum_request(id, request, context->now_ms, ret_vacuum);
    if (status == OPS_OK)
        status = ops_vacuums_event(*ret_vacuum, OPS_AUDIT_VACUUM_DRY_RUN, &who, &event);
    if (status == OPS_OK) {
        ops_vacuums_put(&txn, NULL, json_incref(*ret_vacuum));
        ops_vacuums_put_sequence(&txn, request->sequence);
        put_open(&txn, id);
        status = ops_change_commit(context->app, &txn, &event, 1, context->now_ms, &context->error);
    }
    ops_txn_release(&txn);
    json_decref(event.data);
    return status;
}

/* A dry run over a small stack is over in the blink of an eye: the request itself takes its steps for a while, so that the
 * caller gets the report at once. What is left then is the workers'. */
static void advance_dry_run(struct ops_call_context *context, const char *id, json_t **vacuum)
{
    struct ops_app *app = context->app;
    int64_t until_ms = ops_clock_monotonic_ms(app->ports.clock) + app->inline_dry_run_ms;
    struct ops_worker *worker = NULL;
    if (app->inline_dry_run_ms == 0 || ops_worker_new(app, "request", &worker) != OPS_OK)
        return;
    ops_worker_only(worker, id);
    int64_t wait_ms = 0;
    struct ops_error error = OPS_ERROR_INIT; /* a target that is given up takes its reason from there */
    while (wait_ms == 0 && ops_clock_monotonic_ms(app->ports.clock) < until_ms &&
           ops_worker_step(worker, &wait_ms, &error) == OPS_OK)
        ;
    ops_error_release(&error);
    ops_worker_free(worker);
    json_t *now = NULL;
    if (ops_vacuums_load(app, id, &now, NULL) == OPS_OK) {
        json_decref(*vacuum);
        *vacuum = now;
    }
}

static enum ops_status request_vacuum(struct ops_call_context *context, enum ops_vacuum_type type, json_t **ret_data)
{
    char id[OPS_ULID_SIZE];
    ops_random_ulid(context->app->ports.random, context->now_ms, id);
    struct ops_who who = ops_call_who(context);
    struct ops_vacuum_request request = {
        .type = type,
        .orgcode = type == OPS_VACUUM_ORG ? ops_input_text(context, "orgcode") : NULL,
        .dry_run = ops_input_flag(context, "dry_run"),
        .actor = who.actor,
        .peer = who.peer,
        .reason = who.reason,
        .plan_sha256 = ops_input_text(context, "plan_sha256"),
    };
    json_t *vacuum = NULL;
    enum ops_status status = request.dry_run ? OPS_OK : ops_trail_check(context->app, &context->error);
    if (status == OPS_OK)
        status = ops_vacuums_next_sequence(context->app, &request.sequence, &context->error);
    if (status == OPS_OK)
        status =
            request.dry_run ? write_dry_run(context, id, &request, &vacuum) : write_request(context, id, &request, &vacuum);
    if (status == OPS_OK && request.dry_run)
        advance_dry_run(context, id, &vacuum);
    if (status == OPS_OK)
        status = show(context, vacuum, ret_data);
    json_decref(vacuum);
    return status;
}

enum ops_status ops_run_vacuum_all(struct ops_call_context *context, json_t **ret_data)
{
    const char *phrase = ops_input_text(context, "confirmation_phrase");
    if (!ops_input_flag(context, "dry_run") && (!phrase || strcmp(phrase, OPS_VACUUM_PHRASE) != 0)) {
        (void)ops_fail(&context->error, OPS_CONFIRMATION_PHRASE_MISMATCH, "confirmation_phrase must be exactly '%s'.",
                       OPS_VACUUM_PHRASE);
        ops_error_detail(&context->error, "field", "confirmation_phrase");
        ops_error_detail(&context->error, "expected", OPS_VACUUM_PHRASE);
        return OPS_CONFIRMATION_PHRASE_MISMATCH;
    }
    return request_vacuum(context, OPS_VACUUM_ALL, ret_data);
}

enum ops_status ops_run_vacuum_org(struct ops_call_context *context, json_t **ret_data)
{
    return request_vacuum(context, OPS_VACUUM_ORG, ret_data);
}

/* What the store could not take must not let the vacuum start. */
static enum ops_status keep_from_starting(struct ops_call_context *context, const json_t *vacuum, const struct ops_who *who,
                                          enum ops_status status)
{
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    if (status == OPS_OK)
        ops_veto_forget(context->app, id);
    if (!ops_veto_is_for(status))
        return status;
    ops_veto_add(context->app, id, who, context->now_ms);
    char why[OPS_ERROR_TEXT_SIZE];
    (void)snprintf(why, sizeof why, "%s", ops_error_text(&context->error, status));
    (void)ops_fail(
        &context->error, status,
        "The cancel can't be written yet: %.300s This service does not start the vacuum while it runs, and writes the "
        "cancel as soon as the store takes it.",
        why);
    ops_error_detail(&context->error, "vacuum_id", id);
    ops_error_detail_json(&context->error, "kept_from_starting", json_true());
    return status;
}

enum ops_status ops_run_vacuum_cancel(struct ops_call_context *context, json_t **ret_data)
{
    json_t *vacuum = NULL, *cancelled = NULL;
    char why[OPS_TRAIL_WORDS_SIZE];
    struct ops_who who = ops_call_who(context);
    enum ops_status status = ops_vacuums_load(context->app, ops_input_text(context, "vacuum_id"), &vacuum, &context->error);
    if (status == OPS_OK)
        status = ops_trail_keeps_seconds(context->app, why) > 0
                     ? ops_vacuum_cancel_held(vacuum, context->now_ms, &cancelled, &context->error)
                     : ops_vacuum_cancel(vacuum, context->now_ms, &cancelled, &context->error);
    if (status == OPS_OK) {
        status = ops_vacuums_end(context->app, vacuum, json_incref(cancelled), &who, context->now_ms, &context->error);
        status = keep_from_starting(context, vacuum, &who, status);
    }
    if (status == OPS_OK)
        status = show(context, cancelled, ret_data);
    json_decref(vacuum);
    json_decref(cancelled);
    return status;
}

/* The one that is open, if there is one: who asks without an id asks for what can still be stopped. Else the latest. */
static enum ops_status load_current(struct ops_call_context *context, json_t **ret_vacuum)
{
    json_t *vacuums = NULL;
    enum ops_status status = ops_vacuums_open(context->app, &vacuums, &context->error);
    if (status == OPS_OK && json_array_size(vacuums) == 0) {
        json_decref(vacuums);
        status = ops_vacuums_latest(context->app, 1, &vacuums, &context->error);
    }
    if (status != OPS_OK)
        return status;
    const char *id = ops_json_text(json_array_get(vacuums, 0), "vacuum_id", NULL);
    status = id ? ops_vacuums_load(context->app, id, ret_vacuum, &context->error)
                : ops_fail(&context->error, OPS_VACUUM_NOT_FOUND, "No vacuum has ever been asked for.");
    json_decref(vacuums);
    return status;
}

enum ops_status ops_run_vacuum_status(struct ops_call_context *context, json_t **ret_data)
{
    const char *id = ops_input_text(context, "vacuum_id");
    json_t *vacuum = NULL;
    enum ops_status status =
        id ? ops_vacuums_load(context->app, id, &vacuum, &context->error) : load_current(context, &vacuum);
    if (status == OPS_OK)
        status = show(context, vacuum, ret_data);
    json_decref(vacuum);
    return status;
}
