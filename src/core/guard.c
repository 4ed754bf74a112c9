#include "core/guard.h"

#include "base/json.h"

#include <strings.h>

struct protected_name {
    enum ops_target_kind kind;
    const char *name;
    const char *reason;
};

static const struct protected_name protected_names[] = {
    {OPS_TABLE, OPS_PROTECTED_TABLE, "ops_main is where OPS keeps its own records"},
    {OPS_LOG_GROUP, OPS_AUDIT_LOG_GROUP, "the audit trail is never deleted"},
    {OPS_BUCKET, "doc.g3nretailstack.com", "the documentation site is never deleted"},
    {OPS_BUCKET, "mcp.g3nretailstack.com", "the MCP site is never deleted"},
};

static const char kept_reason[] = "it is the file of a table, or belongs to g3nops itself";
static const char prefix_reason[] = "names that start with " OPS_PROTECTED_PREFIX " are protected";

static bool has_prefix(struct ops_view name)
{
    return ops_view_starts_with(name, ops_view(OPS_PROTECTED_PREFIX, sizeof OPS_PROTECTED_PREFIX - 1));
}

/* Only in a log group's name does a slash begin a name within the name. */
static bool has_protected_segment(enum ops_target_kind kind, const char *name, bool any_case)
{
    if (has_prefix(ops_view_of(name)))
        return true;
    if (any_case && strncasecmp(name, OPS_PROTECTED_PREFIX, sizeof OPS_PROTECTED_PREFIX - 1) == 0)
        return true;
    if (kind != OPS_LOG_GROUP)
        return false;
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/'))
        if (has_prefix(ops_view_of(slash + 1)))
            return true;
    return false;
}

static const char *ask_name(const struct ops_guard *guard, enum ops_target_kind kind, const char *name, bool any_case)
{
    int (*const compare)(const char *, const char *) = any_case ? strcasecmp : strcmp; /* both in the C locale */
    for (size_t i = 0; i < sizeof protected_names / sizeof protected_names[0]; i++)
        if (protected_names[i].kind == kind && compare(protected_names[i].name, name) == 0)
            return protected_names[i].reason;
    if (has_protected_segment(kind, name, any_case))
        return prefix_reason;
    for (size_t i = 0; i < guard->more_count; i++)
        if (compare(guard->more_names[i], name) == 0)
            return "the manifest lists it as protected";
    return NULL;
}

const char *ops_guard_resource(const struct ops_guard *guard, enum ops_target_kind kind, const char *name)
{
    return ask_name(guard, kind, name, false);
}

const char *ops_guard_sql_name(const struct ops_guard *guard, const char *name)
{
    return ask_name(guard, OPS_TABLE, name, true);
}

const char *ops_guard_named(const struct ops_guard *guard, enum ops_target_kind kind, const char *name,
                            const json_t *location)
{
    if (kind != OPS_TABLE || !location)
        return ops_guard_resource(guard, kind, name);
    const char *reason = ops_guard_sql_name(guard, name), *table = ops_json_text(location, "table", NULL);
    return reason || !table ? reason : ops_guard_sql_name(guard, table);
}

static const char *ask_alias(const struct ops_guard *guard, const struct ops_alias *alias, bool any_case)
{
    const char *reason = ask_name(guard, alias->kind, alias->name, any_case);
    return reason || !alias->key[0] ? reason : ops_guard_key(guard, alias->kind, ops_view_of(alias->key));
}

const char *ops_guard_thing(const struct ops_guard *guard, enum ops_target_kind kind, const char *name,
                            const struct ops_identity *identity)
{
    const char *reason = ask_name(guard, kind, name, identity->any_case);
    if (!reason && identity->own)
        reason = "it belongs to g3nops itself";
    for (size_t i = 0; !reason && i < identity->alias_count; i++)
        reason = ask_alias(guard, &identity->aliases[i], identity->any_case);
    return reason;
}

const char *ops_guard_key(const struct ops_guard *guard, enum ops_target_kind kind, struct ops_view key)
{
    /* The manifest's names are resources; keys, objects and streams have the one rule, whatever they are in. */
    (void)guard;
    (void)kind;
    return has_prefix(key) ? prefix_reason : NULL;
}

const char *ops_guard_record(const struct ops_guard *guard, enum ops_target_kind kind, const struct ops_key *key)
{
    const char *reason = key->kept ? kept_reason : ops_guard_key(guard, kind, key->guarded);
    struct ops_view value;
    for (size_t offset = 0; !reason && ops_key_next_guarded(key, &offset, &value);)
        reason = ops_guard_key(guard, kind, value);
    return reason;
}
