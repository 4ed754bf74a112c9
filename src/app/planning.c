#include "app/planning.h"

#include "app/keys.h"
#include "app/place.h"
#include "app/seen.h"
#include "app/survey.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "core/plan.h"

#include <stdio.h>

enum {
    VACUUMS_LOOKED_AT = 20,
    /* Room is left for what a record still gets: counters, the first reasons, an error. */
    VACUUM_RECORD_MAX_BYTES = OPS_STORE_DOC_MAX_BYTES - 96 * 1024,
};

/* For how long a plan is tried after it could not be made for the first time. */
#define PLANNING_MAX_MS (5 * OPS_MINUTE_MS)

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

/* A plan as it was made, before it is fixed. */
struct made_plan {
    enum ops_vacuum_type type;
    json_t *targets;
    json_t *place;
    json_t *unlisted; /* or NULL */
    size_t gone_count;
    char sha256[OPS_SHA256_HEX_SIZE];
};

static void made_plan_release(struct made_plan *plan)
{
    json_decref(plan->targets);
    json_decref(plan->place);
    json_decref(plan->unlisted);
}

static enum ops_status write_planned(struct ops_app *app, const json_t *vacuum, json_t *planned, struct ops_error *error)
{
    enum ops_status status = ops_vacuum_trim(planned, VACUUM_RECORD_MAX_BYTES);
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    if (status == OPS_OK) {
        ops_vacuums_put(&txn, vacuum, json_incref(planned));
        ops_vacuums_check_mutex(&txn, vacuum);
        status = ops_store_transact(app->ports.store, &txn, error);
    }
    ops_txn_release(&txn);
    return status;
}

static enum ops_status fix_plan(struct ops_app *app, const json_t *vacuum, const struct made_plan *plan,
                                struct ops_error *error)
{
    json_t *planned = NULL;
    enum ops_status status = ops_vacuum_fix_plan(vacuum, plan->targets, plan->sha256, &planned);
    json_int_t expected = status == OPS_OK ? expected_records(app, plan->sha256) : -1;
    if (expected >= 0)
        status = ops_json_set_integer(planned, "expected_records", expected);
    if (status == OPS_OK)
        status = ops_json_set(planned, "place", json_incref(plan->place));
    if (status == OPS_OK && plan->unlisted)
        status = ops_json_set(planned, "unlisted", json_incref(plan->unlisted));
    if (status == OPS_OK)
        status = write_planned(app, vacuum, planned, error);
    json_decref(planned);
    return status;
}

/* What the manifest that counts now makes of the stack as it is now. */
static enum ops_status survey(struct ops_app *app, const struct ops_manifest *manifest, const json_t *vacuum,
                              struct made_plan *plan, struct ops_error *error)
{
    const struct ops_survey survey = {.catalogue = app->ports.catalogue, .manifest = manifest};
    enum ops_status status = ops_plan_make(manifest, plan->type, ops_json_text(vacuum, "orgcode", NULL), &plan->targets);
    if (status == OPS_OK)
        status = ops_survey_targets(&survey, plan->type, plan->targets, error);
    if (status == OPS_OK)
        status = ops_seen_compare(app, plan->targets, &plan->gone_count, error);
    return status == OPS_OK ? ops_survey_existing(&survey, plan->targets, &plan->unlisted) : status;
}

static enum ops_status make_plan(struct ops_app *app, const json_t *vacuum, struct made_plan *plan, struct ops_error *error)
{
    const struct ops_manifest *manifest;
    struct ops_shared *held = ops_app_hold_manifest(app, &manifest);
    enum ops_status status = ops_vacuum_type(vacuum, &plan->type);
    if (status == OPS_OK)
        status = survey(app, manifest, vacuum, plan, error);
    ops_shared_let_go(held);
    if (status == OPS_OK)
        status = ops_place_load(app, &plan->place, error);
    if (status == OPS_OK)
        status = ops_plan_sha256(plan->type, ops_json_text(vacuum, "orgcode", NULL), plan->place, plan->targets,
                                 plan->sha256);
    return status;
}

/* The names of what has gone, for whoever has to look where it is. */
static json_t *gone_names(const json_t *targets)
{
    json_t *names = json_array();
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
        if (json_object_get(target, "gone"))
            (void)json_array_append(names,
                                    json_object_get(target, "name")); /* without memory it is left out of the details */
    return names;
}

/* Whether this plan is the one that the operator had before them; where something has gone they must have had one. */
static enum ops_status check_reviewed(const json_t *vacuum, const struct made_plan *plan, struct ops_error *error)
{
    enum ops_status status = ops_vacuum_expect_plan(vacuum, plan->sha256, error);
    if (status != OPS_OK || ops_vacuum_dry_run(vacuum) || plan->gone_count == 0 || ops_vacuum_expects_plan(vacuum))
        return status;
    json_t *gone = gone_names(plan->targets);
    const char *first = json_string_value(json_array_get(gone, 0));
    (void)ops_fail(error, OPS_PLAN_DRIFTED,
                   "%zu of the targets that a vacuum or dry run has found have gone, %.200s first; nothing was deleted. Is a "
                   "volume not mounted? If it is as it should be, vacuum with the plan's hash of a new dry run.",
                   plan->gone_count, first ? first : "?");
    ops_error_detail(error, "plan_sha256", plan->sha256);
    ops_error_detail_json(error, "gone", gone);
    return OPS_PLAN_DRIFTED;
}

static enum ops_status plan_and_fix(struct ops_app *app, const json_t *vacuum, struct ops_error *error)
{
    struct made_plan plan = {.targets = NULL};
    enum ops_status status = make_plan(app, vacuum, &plan, error);
    if (status == OPS_OK) {
        struct ops_error drift = OPS_ERROR_INIT;
        if (check_reviewed(vacuum, &plan, &drift) == OPS_OK)
            status = fix_plan(app, vacuum, &plan, error);
        else
            status = ops_vacuums_finish(app, vacuum, OPS_PLAN_DRIFTED, &drift, ops_clock_now_ms(app->ports.clock), error);
        ops_error_release(&drift);
    }
    made_plan_release(&plan);
    return status;
}

static void name_wait(const json_t *vacuum, char ret_name[static OPS_PATIENCE_NAME_SIZE])
{
    (void)snprintf(ret_name, OPS_PATIENCE_NAME_SIZE, "plan %s", ops_json_text(vacuum, "vacuum_id", ""));
}

/* Whether no further try should be made. What may pass is waited for, but not for ever: an operator who sees neither
 * progress nor a reason is worse off than one who is told that it did not work. */
static bool hopeless(struct ops_app *app, const json_t *vacuum, enum ops_status status)
{
    char wait[OPS_PATIENCE_NAME_SIZE];
    if (status == OPS_TARGET_ERROR || status == OPS_LIMIT)
        return true; /* another try would end likewise */
    bool may_pass = status == OPS_THROTTLED || status == OPS_STORE_UNAVAILABLE || status == OPS_UNKNOWN;
    name_wait(vacuum, wait);
    return may_pass && ops_app_waits(app, wait) > PLANNING_MAX_MS;
}

static enum ops_status plan_or_give_up(struct ops_app *app, const json_t *vacuum, struct ops_error *error)
{
    struct ops_error why = OPS_ERROR_INIT;
    char wait[OPS_PATIENCE_NAME_SIZE];
    enum ops_status status = plan_and_fix(app, vacuum, &why);
    name_wait(vacuum, wait);
    if (status == OPS_OK)
        ops_app_waited(app, wait);
    else if (hopeless(app, vacuum, status))
        status = ops_vacuums_finish(app, vacuum, status, &why, ops_clock_now_ms(app->ports.clock), error);
    else
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

/* Gives up what turns out to have gone only now that it can be looked at: others are done already, so the vacuum can't be
 * stopped for it, and it must not pass for complete. A dry run tells it. */
static enum ops_status give_up_gone(const json_t *vacuum, json_t *targets)
{
    enum ops_status status = OPS_OK;
    size_t i;
    json_t *before;
    json_array_foreach(json_object_get(vacuum, "targets"), i, before) {
        json_t *target = json_array_get(targets, i);
        if (status != OPS_OK || !ops_plan_may_be_tried(before) || !json_object_get(target, "gone"))
            continue;
        json_t *given_up = ops_json_copy(before);
        status = given_up ? ops_json_set(given_up, "gone", json_incref(json_object_get(target, "gone"))) : OPS_NO_MEMORY;
        if (status == OPS_OK)
            status = ops_plan_give_up(given_up, "It was there at the last completed vacuum or dry run and does not exist "
                                                "now: is a volume not mounted?");
        if (status == OPS_OK && json_array_set(targets, i, given_up) != 0)
            status = OPS_NO_MEMORY;
        json_decref(given_up);
    }
    return status;
}

/* Which of the targets that were deferred are missing, and have gone. */
static enum ops_status find_gone(struct ops_app *app, const json_t *vacuum, json_t *targets, struct ops_error *error)
{
    json_t *missing = json_array();
    enum ops_status status = missing ? OPS_OK : OPS_NO_MEMORY;
    size_t i, count = 0;
    json_t *before;
    json_array_foreach(json_object_get(vacuum, "targets"), i, before) {
        json_t *target = json_array_get(targets, i);
        bool is_missing = ops_plan_may_be_tried(before) && !ops_plan_deferred(target) &&
                          strcmp(ops_json_text(target, "status", ""), "skipped") == 0;
        if (status == OPS_OK && is_missing && json_array_append(missing, target) != 0)
            status = OPS_NO_MEMORY;
    }
    if (status == OPS_OK && json_array_size(missing) > 0)
        status = ops_seen_compare(app, missing, &count, error);
    json_decref(missing);
    return status == OPS_OK && count > 0 && !ops_vacuum_dry_run(vacuum) ? give_up_gone(vacuum, targets) : status;
}

static enum ops_status survey_again(struct ops_app *app, const json_t *vacuum, const json_t *in_pass, int64_t *ret_wait_ms,
                                    struct ops_error *error)
{
    json_int_t tries = 0;
    json_t *planned = NULL, *targets = ops_json_copy(json_object_get(vacuum, "targets"));
    const struct ops_manifest *manifest;
    struct ops_shared *held = ops_app_hold_manifest(app, &manifest);
    const struct ops_survey survey = {.catalogue = app->ports.catalogue, .manifest = manifest};
    enum ops_status status = targets ? ops_survey_deferred(&survey, targets, &tries, error) : OPS_NO_MEMORY;
    ops_shared_let_go(held);
    if (status == OPS_OK)
        status = find_gone(app, vacuum, targets, error);
    if (status == OPS_OK)
        status = ops_vacuum_replan(vacuum, targets, in_pass, &planned);
    if (status == OPS_OK)
        status = write_planned(app, vacuum, planned, error);
    if (status == OPS_OK && tries > 0)
        *ret_wait_ms = ops_plan_retry_wait_ms(tries);
    json_decref(planned);
    json_decref(targets);
    return status;
}

enum ops_status ops_planning_survey_again(struct ops_app *app, const json_t *vacuum, const json_t *in_pass,
                                          int64_t *ret_wait_ms, struct ops_error *error)
{
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    int64_t now_ms = ops_clock_monotonic_ms(app->ports.clock);
    pthread_mutex_lock(&app->pace_lock);
    *ret_wait_ms = app->survey_not_before_ms - now_ms;
    pthread_mutex_unlock(&app->pace_lock);
    if (*ret_wait_ms > 0)
        return OPS_OK;
    *ret_wait_ms = OPS_PLANNING_CROWDED_WAIT_MS;
    if (!begin_planning(app, id))
        return OPS_OK;
    *ret_wait_ms = 0;
    enum ops_status status = survey_again(app, vacuum, in_pass, ret_wait_ms, error);
    pthread_mutex_lock(&app->pace_lock);
    app->survey_not_before_ms = ops_clock_monotonic_ms(app->ports.clock) + *ret_wait_ms;
    pthread_mutex_unlock(&app->pace_lock);
    end_planning(app, id);
    return status;
}
