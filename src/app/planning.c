#include "app/planning.h"

#include "app/keys.h"
#include "app/vacuums.h"
#include "base/json.h"

enum { VACUUMS_LOOKED_AT = 20 };

/* For how long a plan is tried after the vacuum has started. */
#define PLANNING_MAX_MS (5 * OPS_MINUTE_MS)

static bool is_pending(const json_t *target)
{
    return strcmp(ops_json_text(target, "status", ""), "pending") == 0;
}

static enum ops_status note_segments(json_t *target, const struct ops_target *opened)
{
    enum ops_status status = ops_json_set_integer(target, "segments", (json_int_t)opened->segment_count);
    if (status == OPS_OK && opened->split)
        status = ops_json_set_text(target, "split", opened->split);
    return status;
}

/* Asks the target itself whether it exists and in how many segments it is read. One that exists but can't be opened stays
 * in the plan: its task will say why it failed, and the vacuum does not pass for complete. */
static enum ops_status survey_target(struct ops_app *app, json_t *target, struct ops_error *error)
{
    struct ops_target_spec spec;
    struct ops_scope scope;
    struct ops_target *opened = NULL;
    enum ops_status status = ops_plan_target_read(target, &spec, &scope);
    if (status == OPS_OK)
        status = ops_catalogue_open(app->ports.catalogue, &spec, &scope, &opened, error);
    if (status == OPS_OK)
        status = note_segments(target, opened);
    else if (status == OPS_TARGET_ERROR)
        status = ops_json_set_integer(target, "segments", 1);
    else if (status == OPS_TARGET_MISSING)
        status = ops_plan_skip(target, "does not exist");
    ops_target_close(opened);
    return status;
}

struct note_context {
    const struct ops_manifest *manifest;
    json_t *targets;
};

static enum ops_status note_existing(void *context, enum ops_target_kind kind, const char *name)
{
    struct note_context *note = context;
    return ops_plan_note_existing(note->manifest, note->targets, kind, name);
}

static enum ops_status make_targets(struct ops_app *app, const json_t *vacuum, enum ops_vacuum_type type,
                                    json_t **ret_targets, struct ops_error *error)
{
    json_t *targets = NULL;
    const struct ops_manifest *manifest;
    struct ops_shared *held = ops_app_hold_manifest(app, &manifest);
    enum ops_status status = ops_plan_make(manifest, type, ops_json_text(vacuum, "orgcode", NULL), &targets);
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
        if (status == OPS_OK && is_pending(target))
            status = survey_target(app, target, error);
    struct note_context note = {manifest, targets};
    if (status == OPS_OK)
        status = ops_catalogue_list(app->ports.catalogue, note_existing, &note, error);
    if (status == OPS_OK)
        *ret_targets = targets;
    else
        json_decref(targets);
    ops_shared_let_go(held);
    return status;
}

/* How many records the latest dry run of the same plan found: what progress is measured by. -1: there was none. */
static json_int_t expected_records(struct ops_app *app, const char *plan_sha256)
{
    json_t *vacuums = NULL;
    json_int_t expected = -1;
    /* Without an answer there is no estimate, and nothing is lost. */
    if (ops_vacuums_latest(app, VACUUMS_LOOKED_AT, &vacuums, NULL) != OPS_OK)
        return expected;
    size_t i;
    json_t *other;
    json_array_foreach(vacuums, i, other)
        if (expected < 0 && ops_vacuum_dry_run(other) && ops_vacuum_is(other, OPS_VACUUM_COMPLETED) &&
            strcmp(ops_json_text(other, "plan_sha256", ""), plan_sha256) == 0)
            expected = ops_json_integer(json_object_get(other, "totals"), "matched", -1);
    json_decref(vacuums);
    return expected;
}

static enum ops_status fix_plan(struct ops_app *app, const json_t *vacuum, json_t *targets, const char *plan_sha256,
                                struct ops_error *error)
{
    json_t *planned = NULL;
    enum ops_status status = ops_vacuum_fix_plan(vacuum, targets, plan_sha256, &planned);
    json_int_t expected = status == OPS_OK ? expected_records(app, plan_sha256) : -1;
    if (expected >= 0)
        status = ops_json_set_integer(planned, "expected_records", expected);
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    if (status == OPS_OK) {
        ops_vacuums_put(&txn, vacuum, json_incref(planned));
        ops_vacuums_check_mutex(&txn, vacuum);
        status = ops_store_transact(app->ports.store, &txn, error);
    }
    ops_txn_release(&txn);
    json_decref(planned);
    return status;
}

static enum ops_status make_plan(struct ops_app *app, const json_t *vacuum, struct ops_error *error)
{
    json_t *targets = NULL;
    char plan_sha256[OPS_SHA256_HEX_SIZE];
    enum ops_vacuum_type type;
    enum ops_status status = ops_vacuum_type(vacuum, &type);
    if (status == OPS_OK)
        status = make_targets(app, vacuum, type, &targets, error);
    if (status == OPS_OK)
        status = ops_plan_sha256(type, ops_json_text(vacuum, "orgcode", NULL), targets, plan_sha256);
    if (status == OPS_OK) {
        struct ops_error drift = OPS_ERROR_INIT;
        if (ops_vacuum_expect_plan(vacuum, plan_sha256, &drift) == OPS_OK)
            status = fix_plan(app, vacuum, targets, plan_sha256, error);
        else
            status = ops_vacuums_finish(app, vacuum, OPS_PLAN_DRIFTED, &drift, ops_clock_now_ms(app->ports.clock), error);
        ops_error_release(&drift);
    }
    json_decref(targets);
    return status;
}

/* Whether no further try should be made. What may pass is waited for, but not for ever: an operator who sees neither
 * progress nor a reason is worse off than one who is told that it did not work. */
static bool hopeless(struct ops_app *app, const json_t *vacuum, enum ops_status status)
{
    int64_t started_ms;
    if (status == OPS_TARGET_ERROR || status == OPS_LIMIT)
        return true; /* another try would end likewise */
    bool may_pass = status == OPS_THROTTLED || status == OPS_STORE_UNAVAILABLE || status == OPS_UNKNOWN;
    return may_pass && ops_json_instant(vacuum, "started_at", &started_ms) == OPS_OK &&
           ops_clock_now_ms(app->ports.clock) - started_ms > PLANNING_MAX_MS;
}

static enum ops_status plan_or_give_up(struct ops_app *app, const json_t *vacuum, struct ops_error *error)
{
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = make_plan(app, vacuum, &why);
    if (status != OPS_OK && hopeless(app, vacuum, status))
        status = ops_vacuums_finish(app, vacuum, status, &why, ops_clock_now_ms(app->ports.clock), error);
    else if (status != OPS_OK)
        (void)ops_fail(error, status, "%s", ops_error_text(&why, status));
    ops_error_release(&why);
    return status;
}

/* What a plan takes is asked of the services: two workers that plan the same ask twice and get on half as fast. One of
 * another vacuum, as of a dry run, does not have to wait. */
static bool begin_planning(struct ops_app *app, const char *id)
{
    pthread_mutex_lock(&app->pace_lock);
    bool may = strcmp(app->planned_now, id) != 0;
    if (may && !app->planned_now[0])
        (void)snprintf(app->planned_now, sizeof app->planned_now, "%s", id);
    pthread_mutex_unlock(&app->pace_lock);
    return may;
}

static void end_planning(struct ops_app *app, const char *id)
{
    pthread_mutex_lock(&app->pace_lock);
    if (strcmp(app->planned_now, id) == 0)
        app->planned_now[0] = '\0';
    pthread_mutex_unlock(&app->pace_lock);
}

enum ops_status ops_planning_step(struct ops_app *app, const json_t *vacuum, bool *ret_busy, struct ops_error *error)
{
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    *ret_busy = !begin_planning(app, id);
    if (*ret_busy)
        return OPS_OK;
    enum ops_status status = plan_or_give_up(app, vacuum, error);
    end_planning(app, id);
    return status;
}
