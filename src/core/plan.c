#include "core/plan.h"

#include "base/instant.h"
#include "base/json.h"

enum { SCOPE_VALUE_MAX = OPS_MANIFEST_NAME_MAX + OPS_ORGCODE_MAX };

static const char *const type_names[] = {[OPS_VACUUM_ALL] = "all", [OPS_VACUUM_ORG] = "org"};

const char *ops_vacuum_type_name(enum ops_vacuum_type type)
{
    return type_names[type];
}

/* Why a target is left alone, or NULL: then the next rule is asked. */
typedef const char *(*skip_rule_fn)(const struct ops_manifest *manifest, const struct ops_manifest_target *target);

/* A table entry that lives in somebody's SQLite file has two names, and neither may be a protected one. */
static const char *skip_protected(const struct ops_manifest *manifest, const struct ops_manifest_target *target)
{
    return ops_guard_named(&manifest->guard, target->kind, target->name, target->location);
}

static const char *skip_own(const struct ops_manifest *manifest, const struct ops_manifest_target *target)
{
    (void)manifest;
    return strcmp(target->service, "ops") == 0 ? "belongs to OPS itself" : NULL;
}

static bool is_table(const struct ops_manifest_target *target, const char *name)
{
    return target->kind == OPS_TABLE && name && strcmp(target->name, name) == 0;
}

static const char *skip_users(const struct ops_manifest *manifest, const struct ops_manifest_target *target)
{
    return is_table(target, manifest->users_table) ? "vacuum org keeps UAS users" : NULL;
}

static const char *skip_sessions(const struct ops_manifest *manifest, const struct ops_manifest_target *target)
{
    return is_table(target, manifest->sessions_table) ? "vacuum org keeps USM sessions" : NULL;
}

static const char *skip_logs(const struct ops_manifest *manifest, const struct ops_manifest_target *target)
{
    (void)manifest;
    return target->kind == OPS_LOG_GROUP ? "vacuum org keeps all log groups" : NULL;
}

static const char *skip_by_manifest(const struct ops_manifest *manifest, const struct ops_manifest_target *target)
{
    (void)manifest;
    if (!target->org.skip)
        return NULL;
    return target->org.skip_reason ? target->org.skip_reason : "the manifest says that vacuum org skips it";
}

struct skip_rule {
    skip_rule_fn reason;
    bool org_only;
};

static const struct skip_rule skip_rules[] = {
    {skip_protected, false}, {skip_own, false}, {skip_users, true},
    {skip_sessions, true},   {skip_logs, true}, {skip_by_manifest, true},
};

static const char *skip_reason(const struct ops_manifest *manifest, const struct ops_manifest_target *target,
                               enum ops_vacuum_type type)
{
    const char *reason = NULL;
    for (size_t i = 0; !reason && i < sizeof skip_rules / sizeof skip_rules[0]; i++)
        if (type == OPS_VACUUM_ORG || !skip_rules[i].org_only)
            reason = skip_rules[i].reason(manifest, target);
    return reason;
}

/* The rules of a bucket or log group hold for what lies in it. */
static const char *container_reason(const struct ops_manifest *manifest, enum ops_vacuum_type type,
                                    const struct ops_alias *alias)
{
    for (size_t i = 0; alias->kind != OPS_TABLE && i < manifest->target_count; i++) {
        const struct ops_manifest_target *other = &manifest->targets[i];
        if (other->kind == alias->kind && strcmp(other->name, alias->name) == 0)
            return skip_reason(manifest, other, type);
    }
    return NULL;
}

const char *ops_plan_keep_reason(const struct ops_manifest *manifest, enum ops_vacuum_type type, size_t index,
                                 const struct ops_identity *identity)
{
    const struct ops_manifest_target *target = &manifest->targets[index];
    const char *reason = skip_reason(manifest, target, type);
    if (!reason)
        reason = ops_guard_thing(&manifest->guard, target->kind, target->name, identity);
    for (size_t i = 0; !reason && i < identity->alias_count; i++)
        reason = container_reason(manifest, type, &identity->aliases[i]);
    return reason;
}

static enum ops_status set_counters(json_t *element)
{
    static const char *const counters[] = {"matched", "deleted", "failed", "protected"};
    enum ops_status status = OPS_OK;
    for (size_t i = 0; status == OPS_OK && i < sizeof counters / sizeof counters[0]; i++)
        status = ops_json_set_integer(element, counters[i], 0);
    return status;
}

/* takes service and name, either of which may be NULL for want of memory: so every step is taken, whatever came before. */
static enum ops_status element_new(json_t *service, enum ops_target_kind kind, json_t *name, const char *element_status,
                                   json_t **ret_element)
{
    json_t *element = json_object();
    bool complete = ops_json_set(element, "service", service) == OPS_OK;
    complete = ops_json_set_text(element, "kind", ops_target_kind_name(kind)) == OPS_OK && complete;
    complete = ops_json_set(element, "name", name) == OPS_OK && complete;
    complete = ops_json_set_text(element, "status", element_status) == OPS_OK && complete;
    complete = set_counters(element) == OPS_OK && complete;
    if (complete)
        *ret_element = element;
    else
        json_decref(element);
    return complete ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status set_scope_value(json_t *scope, const struct ops_org_rule *rule, const char *orgcode)
{
    if (!rule->pattern)
        return ops_json_set_text(scope, "value", orgcode);
    struct ops_buf value;
    ops_buf_init(&value, SCOPE_VALUE_MAX);
    enum ops_status status = ops_pattern_expand(rule->pattern, ops_view_of(orgcode), &value);
    if (status == OPS_OK)
        status = ops_json_set_text(scope, "value", ops_buf_text(&value));
    ops_buf_release(&value);
    return status;
}

/* orgcode NULL: every record. */
static enum ops_status set_scope(json_t *element, const struct ops_org_rule *rule, const char *orgcode)
{
    json_t *scope = json_object();
    enum ops_scope_by by = orgcode ? rule->by : OPS_SCOPE_ALL;
    enum ops_status status = ops_json_set_text(scope, "by", ops_scope_by_name(by));
    if (status == OPS_OK && orgcode && rule->attribute)
        status = ops_json_set_text(scope, "attribute", rule->attribute);
    if (status == OPS_OK && orgcode && rule->index)
        status = ops_json_set_text(scope, "index", rule->index);
    if (status == OPS_OK && orgcode)
        status = set_scope_value(scope, rule, orgcode);
    if (status == OPS_OK && orgcode && rule->ignore_incomparable)
        status = ops_json_set_text(scope, "incomparable", "ignore");
    if (status == OPS_OK)
        return ops_json_set(element, "scope", scope);
    json_decref(scope);
    return status;
}

static enum ops_status set_touched(json_t *element, const struct ops_manifest_target *target, const char *orgcode)
{
    enum ops_status status = set_scope(element, &target->org, orgcode);
    if (status == OPS_OK && orgcode && target->org.ignore_incomparable)
        status = ops_json_set_text(element, "ignored_reason", target->org.ignore_reason);
    if (status == OPS_OK && target->location)
        status = ops_json_set(element, "location", ops_json_copy(target->location));
    return status;
}

static enum ops_status plan_target(const struct ops_manifest *manifest, const struct ops_manifest_target *target,
                                   enum ops_vacuum_type type, const char *orgcode, json_t *targets)
{
    const char *reason = skip_reason(manifest, target, type);
    json_t *element = NULL;
    enum ops_status status = element_new(json_string(target->service), target->kind, json_string(target->name),
                                         reason ? "skipped" : "pending", &element);
    if (status == OPS_OK)
        status = reason ? ops_json_set_text(element, "skipped_reason", reason) : set_touched(element, target, orgcode);
    if (status == OPS_OK)
        return json_array_append_new(targets, element) == 0 ? OPS_OK : OPS_NO_MEMORY;
    json_decref(element);
    return status;
}

enum ops_status ops_plan_make(const struct ops_manifest *manifest, enum ops_vacuum_type type, const char *orgcode,
                              json_t **ret_targets)
{
    if (type == OPS_VACUUM_ORG ? !ops_orgcode_valid(ops_view_of(orgcode)) : orgcode != NULL)
        return OPS_INVALID_FIELD;
    json_t *targets = json_array();
    enum ops_status status = targets ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; status == OPS_OK && i < manifest->target_count; i++)
        status = plan_target(manifest, &manifest->targets[i], type, orgcode, targets);
    if (status == OPS_OK)
        *ret_targets = targets;
    else
        json_decref(targets);
    return status;
}

enum ops_status ops_plan_warn(json_t *target, const char *text)
{
    json_t *warnings = json_object_get(target, "warnings");
    if (!warnings && ops_json_set(target, "warnings", json_array()) != OPS_OK)
        return OPS_NO_MEMORY;
    warnings = json_object_get(target, "warnings");
    return json_array_append_new(warnings, ops_json_any_text(ops_view_of(text))) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

enum ops_status ops_plan_warn_once(json_t *target, const char *text)
{
    size_t i;
    json_t *warning;
    json_array_foreach(json_object_get(target, "warnings"), i, warning)
        if (json_is_string(warning) && strcmp(json_string_value(warning), text) == 0)
            return OPS_OK;
    return ops_plan_warn(target, text);
}

enum ops_status ops_plan_skip(json_t *target, const char *reason)
{
    json_t *skipped = json_string("skipped");
    if (!skipped || ops_json_set_text(target, "skipped_reason", reason) != OPS_OK) {
        json_decref(skipped);
        return OPS_NO_MEMORY;
    }
    if (json_object_set_new(target, "status", skipped) != 0) {
        (void)json_object_del(target, "skipped_reason"); /* it is there */
        return OPS_NO_MEMORY;
    }
    static const char *const touched_only[] = {"scope",      "location",   "segments",      "split",
                                               "plan_error", "plan_tries", "ignored_reason"};
    for (size_t i = 0; i < sizeof touched_only / sizeof touched_only[0]; i++)
        (void)json_object_del(target, touched_only[i]); /* absent is fine */
    return OPS_OK;
}

static enum ops_status set_tries(json_t *target, const char *reason, json_int_t tries)
{
    enum ops_status status = ops_json_set(target, "plan_error", ops_json_any_text(ops_view_of(reason)));
    return status == OPS_OK ? ops_json_set_integer(target, "plan_tries", tries) : status;
}

enum ops_status ops_plan_defer(json_t *target, const char *reason)
{
    return set_tries(target, reason, ops_plan_tries(target) + 1);
}

enum ops_status ops_plan_give_up(json_t *target, const char *reason)
{
    return set_tries(target, reason, OPS_PLAN_TRIES_MAX);
}

bool ops_plan_deferred(const json_t *target)
{
    return ops_plan_tries(target) > 0;
}

bool ops_plan_may_be_tried(const json_t *target)
{
    return ops_plan_deferred(target) && ops_plan_tries(target) < OPS_PLAN_TRIES_MAX;
}

const char *ops_plan_defer_reason(const json_t *target)
{
    return ops_plan_deferred(target) ? ops_json_text(target, "plan_error", "") : NULL;
}

int64_t ops_plan_retry_wait_ms(json_int_t tries)
{
    return OPS_SECOND_MS << (tries < OPS_PLAN_TRIES_MAX ? tries - 1 : OPS_PLAN_TRIES_MAX - 1);
}

json_int_t ops_plan_tries(const json_t *target)
{
    return ops_json_integer(target, "plan_tries", 0);
}

enum ops_status ops_plan_cut(json_t *target, json_int_t segments, const char *split)
{
    enum ops_status status = ops_json_set_integer(target, "segments", segments);
    if (status == OPS_OK && split)
        status = ops_json_set_text(target, "split", split);
    (void)json_object_del(target, "plan_error"); /* absent is fine; likewise below */
    (void)json_object_del(target, "plan_tries");
    return status;
}

/* By name, or by being the thing that one of them is. */
static bool is_planned(const struct ops_manifest *manifest, const json_t *targets, const struct ops_resource *resource)
{
    for (size_t i = 0; i < manifest->target_count; i++) {
        const struct ops_manifest_target *target = &manifest->targets[i];
        const char *identity = ops_json_text(json_array_get(targets, i), "identity", "");
        if (target->kind == resource->kind && !target->location && strcmp(target->name, resource->name) == 0)
            return true;
        if (resource->identity[0] && strcmp(identity, resource->identity) == 0)
            return true;
    }
    return false;
}

/* Whether name may be appended: it has not been yet, and there is room. Elements without a service are those that
 * ops_plan_note_existing appended. */
static bool may_note(const json_t *targets, enum ops_target_kind kind, const json_t *name)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(targets); i++) {
        const json_t *target = json_array_get(targets, i);
        if (!json_is_null(json_object_get(target, "service")))
            continue;
        count++;
        if (json_equal(json_object_get(target, "name"), name) &&
            strcmp(ops_json_text(target, "kind", ""), ops_target_kind_name(kind)) == 0)
            return false;
    }
    return count < OPS_PLAN_UNCLASSIFIED_MAX;
}

/* takes name. */
static enum ops_status note(json_t *targets, const struct ops_resource *resource, json_t *name, const char *skipped_reason)
{
    json_t *element = NULL;
    enum ops_status status =
        element_new(json_null(), resource->kind, name, skipped_reason ? "skipped" : "unclassified", &element);
    if (status == OPS_OK && skipped_reason)
        status = ops_json_set_text(element, "skipped_reason", skipped_reason);
    else if (status == OPS_OK && resource->note)
        status = ops_plan_warn(element, resource->note);
    if (status == OPS_OK)
        return json_array_append_new(targets, element) == 0 ? OPS_OK : OPS_NO_MEMORY;
    json_decref(element);
    return status;
}

enum ops_status ops_plan_note_existing(const struct ops_manifest *manifest, json_t *targets,
                                       const struct ops_resource *resource)
{
    if (is_planned(manifest, targets, resource))
        return OPS_OK;
    json_t *shown = ops_json_any_text(ops_view_of(resource->name));
    if (!shown)
        return OPS_NO_MEMORY;
    const char *reason = resource->guarded ? ops_guard_sql_name(&manifest->guard, resource->guarded)
                                           : ops_guard_resource(&manifest->guard, resource->kind, resource->name);
    if (may_note(targets, resource->kind, shown))
        return note(targets, resource, shown, reason);
    json_decref(shown);
    return OPS_OK;
}

/* What a scope must have, and must not lack, for each way of finding records. */
struct scope_form {
    bool attribute;
    bool index;
    bool value;
};

static const struct scope_form scope_forms[OPS_SCOPE_BY_COUNT] = {
    [OPS_SCOPE_ALL] = {false, false, false}, [OPS_SCOPE_ATTRIBUTE] = {true, false, true},
    [OPS_SCOPE_INDEX] = {true, true, true},  [OPS_SCOPE_KEY_PREFIX] = {false, false, true},
    [OPS_SCOPE_KEY] = {false, false, true},
};

static bool read_kind(const char *name, enum ops_target_kind *ret_kind)
{
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT; kind++)
        if (strcmp(name, ops_target_kind_name((enum ops_target_kind)kind)) == 0) {
            *ret_kind = (enum ops_target_kind)kind;
            return true;
        }
    return false;
}

static bool read_by(const char *name, enum ops_scope_by *ret_by)
{
    for (int by = 0; by < OPS_SCOPE_BY_COUNT; by++)
        if (strcmp(name, ops_scope_by_name((enum ops_scope_by)by)) == 0) {
            *ret_by = (enum ops_scope_by)by;
            return true;
        }
    return false;
}

/* A member must be a non-empty text where it is wanted and absent where not: a scope that lost its value, or gained one
 * that would be ignored, must not become a wider one. */
static bool read_scope_member(const json_t *scope, const char *name, bool wanted, const char **ret_text)
{
    *ret_text = ops_json_text(scope, name, NULL);
    return wanted ? *ret_text && **ret_text : !json_object_get(scope, name);
}

/* Only where an attribute is compared, and with the one value that it has. */
static bool read_incomparable(const json_t *scope, bool compared, bool *ret_ignore)
{
    const json_t *member = json_object_get(scope, "incomparable");
    *ret_ignore = member != NULL;
    return !member || (compared && json_is_string(member) && strcmp(json_string_value(member), "ignore") == 0);
}

static bool read_scope(const json_t *json, struct ops_scope *ret_scope)
{
    if (!read_by(ops_json_text(json, "by", ""), &ret_scope->by))
        return false;
    const struct scope_form *form = &scope_forms[ret_scope->by];
    return read_scope_member(json, "attribute", form->attribute, &ret_scope->attribute) &&
           read_scope_member(json, "index", form->index, &ret_scope->index) &&
           read_scope_member(json, "value", form->value, &ret_scope->value) &&
           read_incomparable(json, form->attribute, &ret_scope->ignore_incomparable);
}

enum ops_target_kind ops_plan_target_kind(const json_t *target)
{
    enum ops_target_kind kind = OPS_TABLE;
    (void)read_kind(ops_json_text(target, "kind", ""), &kind); /* a corrupt one is refused where it is read */
    return kind;
}

enum ops_status ops_plan_target_read(const json_t *target, struct ops_target_spec *ret_spec, struct ops_scope *ret_scope)
{
    struct ops_target_spec spec = {
        .name = ops_json_text(target, "name", NULL),
        .location = json_object_get(target, "location"),
        .split = ops_json_text(target, "split", NULL),
    };
    struct ops_scope scope = {.by = OPS_SCOPE_ALL};
    if (!spec.name || !read_kind(ops_json_text(target, "kind", ""), &spec.kind) ||
        (spec.location && !json_is_object(spec.location)) || !read_scope(json_object_get(target, "scope"), &scope))
        return OPS_CORRUPT;
    *ret_spec = spec;
    *ret_scope = scope;
    return OPS_OK;
}
