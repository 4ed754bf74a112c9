#include "app/removal.h"

#include "app/planned.h"
#include "app/trail.h"
#include "base/json.h"
#include "core/task.h"

/* That its five minutes are over is what "running" says: a clock that was set back afterwards takes nothing of it. */
static bool warrant_holds(struct ops_app *app, const struct ops_removal_warrant *warrant)
{
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    return !ops_vacuum_dry_run(warrant->vacuum) && ops_vacuum_is(warrant->vacuum, OPS_VACUUM_RUNNING) &&
           now_ms + OPS_REMOVAL_NEEDS_MS <= warrant->mutex_expires_ms &&
           ops_task_lease_fresh(warrant->lease_until_ms,
                                ops_clock_monotonic_ms(app->ports.clock) - warrant->lease_renewed_ms, now_ms);
}

/* What the plan says of the target. */
static const json_t *planned_target(const struct ops_removal_warrant *warrant)
{
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(warrant->vacuum, "targets"), i, target)
        if (ops_plan_target_kind(target) == warrant->kind &&
            strcmp(ops_json_text(target, "name", ""), warrant->target_name) == 0)
            return target;
    return NULL;
}

/* As ops_plan_make does, but by the manifest of now: it may protect more than the one that the plan was made by. */
static const char *protected_resource(const struct ops_guard *guard, const struct ops_removal_warrant *warrant)
{
    return ops_guard_named(guard, warrant->kind, warrant->target_name, json_object_get(planned_target(warrant), "location"));
}

/* The same thing may go by a name that another manifest protects, or have the file of a table in it that only that one
 * names. The engine is asked for its names once for each manifest:
 * that may take it a while. */
static enum ops_status check_names(struct ops_app *app, const struct ops_removal_warrant *warrant, struct ops_target *target,
                                   struct ops_error *error)
{
    int64_t number = atomic_load(&app->manifest_number);
    if (*warrant->manifest_number == number)
        return OPS_OK;
    enum ops_status status = ops_planned_check(app, planned_target(warrant), error);
    if (status == OPS_OK)
        status = ops_planned_keep(app, target, error);
    if (status == OPS_OK)
        *warrant->manifest_number = number;
    return status;
}

static enum ops_status check_guard(struct ops_app *app, const struct ops_removal_warrant *warrant,
                                   const struct ops_key *keys, size_t count, struct ops_error *error)
{
    const struct ops_manifest *manifest;
    struct ops_shared *held = ops_app_hold_manifest(app, &manifest);
    const char *reason = protected_resource(&manifest->guard, warrant);
    for (size_t i = 0; !reason && i < count; i++)
        reason = ops_guard_record(&manifest->guard, warrant->kind, &keys[i]);
    ops_shared_let_go(held);
    if (!reason)
        return OPS_OK;
    return ops_fail(error, OPS_PROTECTED, "A deletion in %s was stopped: %s.", warrant->target_name, reason);
}

static enum ops_status remove_by_manifest(struct ops_app *app, const struct ops_removal_warrant *warrant,
                                          struct ops_target *target, const struct ops_key *keys, size_t count,
                                          enum ops_removal *ret_outcomes, struct ops_error *error)
{
    if (!warrant_holds(app, warrant))
        return OPS_CONFLICT;
    if (ops_trail_held(app))
        return OPS_CONFLICT;
    enum ops_status status = check_guard(app, warrant, keys, count, error);
    if (status == OPS_OK)
        status = check_names(app, warrant, target, error);
    return status == OPS_OK ? ops_target_remove(target, keys, count, ret_outcomes, error) : status;
}

enum ops_status ops_removal(struct ops_app *app, const struct ops_removal_warrant *warrant, struct ops_target *target,
                            const struct ops_key *keys, size_t count, enum ops_removal *ret_outcomes,
                            struct ops_error *error)
{
    /* A manifest that protects more counts from the moment that it is in, also for what is under way: it waits for us, and
     * we for it. Only then is the warrant looked at, since a wait may have outlived it. */
    (void)pthread_rwlock_rdlock(&app->removing); /* so many readers that it could fail there can't be */
    enum ops_status status = remove_by_manifest(app, warrant, target, keys, count, ret_outcomes, error);
    (void)pthread_rwlock_unlock(&app->removing);
    return status;
}
