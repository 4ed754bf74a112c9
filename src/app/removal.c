#include "app/removal.h"

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

static enum ops_status check_guard(struct ops_app *app, const struct ops_removal_warrant *warrant,
                                   const struct ops_key *keys, size_t count, struct ops_error *error)
{
    const struct ops_guard *guard = &app->manifest->guard;
    const char *reason = ops_guard_resource(guard, warrant->kind, warrant->target_name);
    for (size_t i = 0; !reason && i < count; i++)
        reason = ops_guard_key(guard, warrant->kind, keys[i].guarded);
    if (!reason)
        return OPS_OK;
    return ops_fail(error, OPS_PROTECTED, "A deletion in %s was stopped: %s.", warrant->target_name, reason);
}

enum ops_status ops_removal(struct ops_app *app, const struct ops_removal_warrant *warrant, struct ops_target *target,
                            const struct ops_key *keys, size_t count, enum ops_removal *ret_outcomes,
                            struct ops_error *error)
{
    if (!warrant_holds(app, warrant))
        return OPS_CONFLICT;
    enum ops_status status = check_guard(app, warrant, keys, count, error);
    return status == OPS_OK ? ops_target_remove(target, keys, count, ret_outcomes, error) : status;
}
