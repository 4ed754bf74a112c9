#include "app/planned.h"

#include "app/keep.h"
#include "base/json.h"
#include "core/plan.h"

#define WENT_AWAY                                                                                                           \
    "It was there when the vacuum was planned and does not exist now: is a volume not mounted? Whether it was dropped "     \
    "can't be told."

/* A thing may get another name, or another thing its name, at any time: so both are looked at again. */
static enum ops_status check_thing(struct ops_app *app, const struct ops_target_spec *spec, const json_t *doc,
                                   struct ops_error *error)
{
    struct ops_identity identity;
    enum ops_status status = ops_catalogue_identify(app->ports.catalogue, spec, &identity, error);
    if (status != OPS_OK)
        return status;
    const struct ops_manifest *manifest;
    struct ops_shared *held = ops_app_hold_manifest(app, &manifest);
    const char *reason = ops_guard_thing(&manifest->guard, spec->kind, spec->name, &identity);
    ops_shared_let_go(held);
    if (reason)
        return ops_fail(error, OPS_TARGET_ERROR, "It is protected: %s.", reason);
    const char *planned = ops_json_text(doc, "identity", "");
    if (planned[0] && identity.text[0] && strcmp(planned, identity.text) != 0)
        return ops_fail(error, OPS_TARGET_ERROR, "What is there now is not what was planned; it is not touched.");
    return OPS_OK;
}

enum ops_status ops_planned_check(struct ops_app *app, const json_t *doc, struct ops_error *error)
{
    struct ops_target_spec spec;
    struct ops_scope scope;
    enum ops_status status = ops_plan_target_read(doc, &spec, &scope);
    return status == OPS_OK ? check_thing(app, &spec, doc, error) : status;
}

enum ops_status ops_planned_keep(struct ops_app *app, struct ops_target *target, struct ops_error *error)
{
    const struct ops_manifest *manifest;
    struct ops_shared *held = ops_app_hold_manifest(app, &manifest);
    enum ops_status status = ops_keep_tables(manifest, target, error);
    ops_shared_let_go(held);
    return status;
}

enum ops_status ops_planned_open(struct ops_app *app, const json_t *doc, struct ops_target **ret_target,
                                 struct ops_error *error)
{
    struct ops_target_spec spec;
    struct ops_scope scope;
    struct ops_target *target = NULL;
    enum ops_status status = ops_plan_target_read(doc, &spec, &scope);
    if (status == OPS_OK)
        status = check_thing(app, &spec, doc, error);
    if (status == OPS_OK)
        status = ops_catalogue_open(app->ports.catalogue, &spec, &scope, &target, error);
    if (status == OPS_OK)
        status = ops_planned_keep(app, target, error);
    /* What was opened is what was there in between: once more, or another thing could have come just then. */
    if (status == OPS_OK)
        status = check_thing(app, &spec, doc, error);
    if (status == OPS_OK && ops_json_integer(doc, "segments", 1) != (json_int_t)target->segment_count)
        status = ops_fail(error, OPS_TARGET_ERROR, "It is not read in as many segments as when the vacuum was planned.");
    if (status == OPS_OK)
        *ret_target = target;
    else
        ops_target_close(target);
    return status;
}

bool ops_planned_lasts(enum ops_status status)
{
    return status == OPS_TARGET_ERROR || status == OPS_TARGET_MISSING || status == OPS_LIMIT || status == OPS_PROTECTED;
}

const char *ops_planned_trouble(enum ops_status status, const struct ops_error *error)
{
    return status == OPS_TARGET_MISSING ? WENT_AWAY : ops_error_text(error, status);
}
