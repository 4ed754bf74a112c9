#include "core/manifest_read.h"

#include "base/json.h"

enum {
    KEY_COLUMNS_MAX = 4,
    COLUMNS_MAX = 64,
};

struct kind_form {
    const char *const *members;
    ops_text_check_fn check_name;
    const char *org_complaint; /* for an org rule that this kind does not take */
};

static const struct kind_form kind_forms[OPS_TARGET_KIND_COUNT] = {
    [OPS_TABLE] = {(const char *const[]){"name", "org", "sqlite", "incomparable", "reason", "fts", NULL},
                   ops_check_plain_name, "must be attribute, index, key_prefix, key or skip, not"},
    [OPS_BUCKET] = {(const char *const[]){"name", "org", NULL}, ops_check_plain_name,
                    "must be key_prefix, key or skip for a bucket, not"},
    [OPS_LOG_GROUP] = {(const char *const[]){"name", "org", NULL}, ops_check_log_group_name,
                       "must be skip for a log group, since vacuum org touches none, not"},
};

static const char *check_incomparable(const char *text)
{
    return strcmp(text, "ignore") == 0 ? NULL : "must be \"ignore\", not";
}

/* "incomparable": "ignore" and the reason for it, in the entry or in its "org": both mean the same. */
static void read_incomparable(struct ops_reader *reader, const struct ops_place *place, const json_t *object,
                              struct ops_manifest_target *target)
{
    const struct ops_place reason_place = {.parent = place, .member = "reason"};
    if (json_object_get(object, "incomparable"))
        target->org.ignore_incomparable =
            ops_reader_member(reader, place, object, "incomparable", check_incomparable) != NULL;
    else if (json_object_get(object, "reason"))
        ops_reader_problem(reader, &reason_place, "belongs to \"incomparable\", which is not there", NULL);
    if (json_object_get(object, "incomparable"))
        target->org.ignore_reason = ops_reader_member(reader, place, object, "reason", ops_check_text);
}

static void read_attribute(struct ops_reader *reader, const struct ops_place *place, const json_t *org,
                           struct ops_manifest_target *target)
{
    target->org.attribute = ops_reader_member(reader, place, org, "name", ops_check_text);
    read_incomparable(reader, place, org, target);
}

static void read_index(struct ops_reader *reader, const struct ops_place *place, const json_t *org,
                       struct ops_manifest_target *target)
{
    target->org.index = ops_reader_member(reader, place, org, "index", ops_check_text);
    read_attribute(reader, place, org, target);
}

static void read_key_prefix(struct ops_reader *reader, const struct ops_place *place, const json_t *org,
                            struct ops_manifest_target *target)
{
    target->org.pattern = ops_reader_member(reader, place, org, "pattern", ops_check_prefix_pattern);
}

static void read_key(struct ops_reader *reader, const struct ops_place *place, const json_t *org,
                     struct ops_manifest_target *target)
{
    target->org.pattern = ops_reader_member(reader, place, org, "pattern", ops_check_pattern);
}

/* A log group's skip needs no reason: vacuum org has its own. */
static void read_skip(struct ops_reader *reader, const struct ops_place *place, const json_t *org,
                      struct ops_manifest_target *target)
{
    target->org.skip = true;
    if (target->kind != OPS_LOG_GROUP || json_object_get(org, "reason"))
        target->org.skip_reason = ops_reader_member(reader, place, org, "reason", ops_check_text);
}

struct org_form {
    const char *by;
    enum ops_scope_by scope; /* has no meaning for skip */
    bool kinds[OPS_TARGET_KIND_COUNT];
    const char *const *members;
    void (*read)(struct ops_reader *reader, const struct ops_place *place, const json_t *org,
                 struct ops_manifest_target *target);
};

static const struct org_form org_forms[] = {
    {"attribute",
     OPS_SCOPE_ATTRIBUTE,
     {[OPS_TABLE] = true},
     (const char *const[]){"by", "name", "incomparable", "reason", NULL},
     read_attribute},
    {"index",
     OPS_SCOPE_INDEX,
     {[OPS_TABLE] = true},
     (const char *const[]){"by", "index", "name", "incomparable", "reason", NULL},
     read_index},
    {"key_prefix",
     OPS_SCOPE_KEY_PREFIX,
     {[OPS_TABLE] = true, [OPS_BUCKET] = true},
     (const char *const[]){"by", "pattern", NULL},
     read_key_prefix},
    {"key",
     OPS_SCOPE_KEY,
     {[OPS_TABLE] = true, [OPS_BUCKET] = true},
     (const char *const[]){"by", "pattern", NULL},
     read_key},
    {"skip",
     OPS_SCOPE_ALL,
     {[OPS_TABLE] = true, [OPS_BUCKET] = true, [OPS_LOG_GROUP] = true},
     (const char *const[]){"by", "reason", NULL},
     read_skip},
};

static const struct org_form *find_org_form(const char *by, enum ops_target_kind kind)
{
    for (size_t i = 0; i < sizeof org_forms / sizeof org_forms[0]; i++)
        if (strcmp(org_forms[i].by, by) == 0 && org_forms[i].kinds[kind])
            return &org_forms[i];
    return NULL;
}

static void read_org(struct ops_reader *reader, const struct ops_place *parent, json_t *org,
                     struct ops_manifest_target *target)
{
    const struct ops_place place = {.parent = parent, .member = "org"};
    const struct ops_place by_place = {.parent = &place, .member = "by"};
    if (!json_is_object(org)) {
        ops_reader_problem(reader, &place, "must be an object", NULL);
        return;
    }
    const char *by = ops_reader_text(reader, &by_place, json_object_get(org, "by"), ops_check_text);
    const struct org_form *form = by ? find_org_form(by, target->kind) : NULL;
    if (by && !form)
        ops_reader_problem(reader, &by_place, kind_forms[target->kind].org_complaint, by);
    if (!form)
        return;
    target->org.by = form->scope;
    (void)ops_reader_object(reader, &place, org, form->members); /* it is an object: only its members are in question */
    form->read(reader, &place, org, target);
}

/* Only a rule that compares an attribute can meet one that can't be compared. */
static void read_entry_incomparable(struct ops_reader *reader, const struct ops_place *place, const json_t *entry,
                                    struct ops_manifest_target *target)
{
    const struct ops_place here = {.parent = place, .member = "incomparable"};
    bool given = json_object_get(entry, "incomparable") != NULL;
    if (given && !target->org.attribute)
        ops_reader_problem(reader, &here, "belongs to an \"org\" by attribute or by index", NULL);
    else if (given && json_object_get(json_object_get(entry, "org"), "incomparable"))
        ops_reader_problem(reader, &here, "is in \"org\" already", NULL);
    else
        read_incomparable(reader, place, entry, target);
}

static bool is_session_table(const struct ops_manifest *manifest, const char *name)
{
    return (manifest->sessions_table && strcmp(manifest->sessions_table, name) == 0) ||
           (manifest->users_table && strcmp(manifest->users_table, name) == 0);
}

/* Why vacuum org can do without a rule for the target, or NULL: then silence must mean neither "skip" nor "all". */
static const char *reason_without_org(const struct ops_manifest *manifest, const struct ops_manifest_target *target,
                                      const json_t *sqlite)
{
    if (target->kind == OPS_LOG_GROUP)
        return "log groups are not divided by tenant";
    if (strcmp(target->service, "ops") == 0)
        return "belongs to OPS itself";
    if (target->kind == OPS_TABLE && is_session_table(manifest, target->name))
        return "holds users or sessions";
    return ops_guard_named(&manifest->guard, target->kind, target->name, sqlite);
}

static void do_without_org(struct ops_reader *reader, const struct ops_place *parent, const struct ops_manifest *manifest,
                           const json_t *sqlite, struct ops_manifest_target *target)
{
    const struct ops_place place = {.parent = parent, .member = "org"};
    target->org.skip = true;
    target->org.skip_reason = target->name ? reason_without_org(manifest, target, sqlite) : NULL;
    if (target->name && !target->org.skip_reason)
        ops_reader_problem(reader, &place,
                           "is required: say how a tenant's records are found, or {\"by\": \"skip\"} with a reason", NULL);
}

static void read_key_columns(struct ops_reader *reader, const struct ops_place *parent, const json_t *sqlite)
{
    const struct ops_place place = {.parent = parent, .member = "key"};
    const json_t *columns = json_object_get(sqlite, "key");
    size_t count = json_array_size(columns);
    if (!columns)
        return; /* the adapter takes the primary key, or the rowid */
    if (count < 1 || count > KEY_COLUMNS_MAX) {
        ops_reader_problem(reader, &place, "must be an array of 1 to 4 column names", NULL);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct ops_place here = {.parent = &place, .index = i};
        const json_t *column = json_array_get(columns, i);
        const char *name = ops_reader_text(reader, &here, column, ops_check_text);
        for (size_t k = 0; name && k < i; k++)
            if (json_equal(column, json_array_get(columns, k)))
                ops_reader_problem(reader, &here, "names a column twice:", name);
    }
}

static void read_columns(struct ops_reader *reader, const struct ops_place *parent, json_t *columns,
                         const struct ops_manifest_target *target)
{
    const struct ops_place place = {.parent = parent, .member = "columns"};
    size_t count = json_object_size(columns);
    if (count < 1 || count > COLUMNS_MAX) {
        ops_reader_problem(reader, &place, "must be an object of 1 to 64 columns, by attribute", NULL);
        return;
    }
    const char *attribute;
    json_t *column;
    json_object_foreach(columns, attribute, column) {
        const struct ops_place here = {.parent = &place, .member = attribute};
        const char *complaint = ops_check_text(attribute);
        if (complaint)
            ops_reader_problem(reader, &here, complaint, attribute);
        (void)ops_reader_text(reader, &here, column, ops_check_text); /* complaints are all that is wanted */
    }
    if (target->org.attribute && !json_object_get(columns, target->org.attribute))
        ops_reader_problem(reader, &place, "has no column for the attribute of \"org\",", target->org.attribute);
}

static const char *check_fts(const char *text)
{
    return strcmp(text, "rebuild") == 0 ? NULL : "must be \"rebuild\", not";
}

/* "fts" of the entry means the same as "fts" in its "sqlite", where the adapter looks. */
static void read_fts(struct ops_reader *reader, const struct ops_place *place, const json_t *entry,
                     struct ops_manifest_target *target)
{
    const struct ops_place here = {.parent = place, .member = "fts"};
    json_t *fts = json_object_get(entry, "fts");
    if (!fts || !ops_reader_text(reader, &here, fts, check_fts))
        return;
    if (!json_object_get(entry, "sqlite"))
        ops_reader_problem(reader, &here, "belongs to a table with \"sqlite\"", NULL);
    if (!target->location)
        return;
    target->made_location = ops_json_copy(target->location);
    reader->no_memory = ops_json_set(target->made_location, "fts", ops_json_copy(fts)) != OPS_OK || reader->no_memory;
    target->location = target->made_location;
}

static void read_sqlite(struct ops_reader *reader, const struct ops_place *parent, json_t *sqlite,
                        struct ops_manifest_target *target)
{
    static const char *const members[] = {"file", "table", "key", "columns", "fts", NULL};
    const struct ops_place place = {.parent = parent, .member = "sqlite"};
    if (!ops_reader_object(reader, &place, sqlite, members))
        return;
    json_t *columns = json_object_get(sqlite, "columns");
    (void)ops_reader_member(reader, &place, sqlite, "file", ops_check_path); /* likewise */
    (void)ops_reader_member(reader, &place, sqlite, "table", ops_check_text);
    read_key_columns(reader, &place, sqlite);
    if (json_object_get(sqlite, "fts"))
        (void)ops_reader_member(reader, &place, sqlite, "fts", check_fts); /* likewise */
    if (columns)
        read_columns(reader, &place, columns, target);
    target->location = sqlite;
}

void ops_reader_target(struct ops_reader *reader, const struct ops_place *place, json_t *value,
                       const struct ops_manifest *manifest, struct ops_manifest_target *target)
{
    const struct kind_form *form = &kind_forms[target->kind];
    if (!ops_reader_object(reader, place, value, form->members))
        return;
    json_t *org = json_object_get(value, "org");
    json_t *sqlite = json_object_get(value, "sqlite");
    target->name = ops_reader_member(reader, place, value, "name", form->check_name);
    if (org)
        read_org(reader, place, org, target);
    else
        do_without_org(reader, place, manifest, sqlite, target);
    if (target->kind == OPS_TABLE)
        read_entry_incomparable(reader, place, value, target);
    if (sqlite && target->kind == OPS_TABLE)
        read_sqlite(reader, place, sqlite, target);
    if (target->kind == OPS_TABLE)
        read_fts(reader, place, value, target);
}
