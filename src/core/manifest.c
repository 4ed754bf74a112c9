#include "core/manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "core/manifest_read.h"

#include <strings.h>

enum { PROTECTED_NAMES_MAX = 1000 };

static const char *const resource_arrays[OPS_TARGET_KIND_COUNT] = {
    [OPS_TABLE] = "tables",
    [OPS_BUCKET] = "buckets",
    [OPS_LOG_GROUP] = "log_groups",
};

static const struct ops_place document_place = {.member = "the manifest"};

static enum ops_status read_protected(struct ops_reader *reader, struct ops_manifest *manifest)
{
    const struct ops_place place = {.parent = &document_place, .member = "protected"};
    const json_t *names = ops_reader_array(reader, &document_place, manifest->document, "protected", PROTECTED_NAMES_MAX);
    size_t count = json_array_size(names);
    if (count == 0)
        return OPS_OK;
    manifest->protected_names = ops_mem_zeroed(count, sizeof *manifest->protected_names);
    if (!manifest->protected_names)
        return OPS_NO_MEMORY;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ops_place here = {.parent = &place, .index = i};
        const char *name = ops_reader_text(reader, &here, json_array_get(names, i), ops_check_text);
        if (name)
            manifest->protected_names[kept++] = name;
    }
    manifest->guard = (struct ops_guard){manifest->protected_names, kept};
    return OPS_OK;
}

static void read_sessions(struct ops_reader *reader, struct ops_manifest *manifest)
{
    static const char *const members[] = {"sessions_table", "users_table", NULL};
    const struct ops_place place = {.parent = &document_place, .member = "sessions"};
    json_t *sessions = json_object_get(manifest->document, "sessions");
    if (!sessions || !ops_reader_object(reader, &place, sessions, members))
        return;
    manifest->sessions_table = ops_reader_member(reader, &place, sessions, "sessions_table", ops_check_plain_name);
    manifest->users_table = ops_reader_member(reader, &place, sessions, "users_table", ops_check_plain_name);
}

/* A path's next segment, past "/", "//" and "/./": what names the same file without asking the file system. */
static struct ops_view next_segment(const char **path)
{
    for (;;) {
        const char *start = *path + strspn(*path, "/");
        struct ops_view segment = ops_view(start, strcspn(start, "/"));
        *path = start + segment.length;
        if (!ops_view_is(segment, "."))
            return segment;
    }
}

static bool same_path(const char *a, const char *b)
{
    if ((a[0] == '/') != (b[0] == '/'))
        return false;
    for (;;) {
        struct ops_view a_segment = next_segment(&a);
        struct ops_view b_segment = next_segment(&b);
        if (!ops_view_equal(a_segment, b_segment))
            return false;
        if (a_segment.length == 0)
            return true;
    }
}

/* SQLite's names of tables ignore the case of ASCII letters. */
static bool same_location(const json_t *a, const json_t *b)
{
    const char *a_file = ops_json_text(a, "file", NULL), *b_file = ops_json_text(b, "file", NULL);
    const char *a_table = ops_json_text(a, "table", NULL), *b_table = ops_json_text(b, "table", NULL);
    return a_file && b_file && a_table && b_table && same_path(a_file, b_file) && strcasecmp(a_table, b_table) == 0;
}

static void check_unlike_others(struct ops_reader *reader, const struct ops_place *place,
                                const struct ops_manifest *manifest, const struct ops_manifest_target *target)
{
    const struct ops_place name_place = {.parent = place, .member = "name"};
    const struct ops_place sqlite_place = {.parent = place, .member = "sqlite"};
    for (const struct ops_manifest_target *other = manifest->targets; other < target; other++) {
        if (other->kind != target->kind)
            continue;
        if (other->name && target->name && strcmp(other->name, target->name) == 0)
            ops_reader_problem(reader, &name_place, "is already listed by service", other->service);
        else if (same_location(other->location, target->location))
            ops_reader_problem(reader, &sqlite_place, "is the same SQL table as that of", other->name ? other->name : "?");
    }
}

static void read_resources(struct ops_reader *reader, const struct ops_place *service_place, const json_t *service,
                           const char *code, enum ops_target_kind kind, struct ops_manifest *manifest)
{
    const struct ops_place place = {.parent = service_place, .member = resource_arrays[kind]};
    const json_t *resources = ops_reader_array(reader, service_place, service, resource_arrays[kind],
                                               OPS_MANIFEST_TARGETS_MAX);
    for (size_t i = 0; i < json_array_size(resources) && manifest->target_count < OPS_MANIFEST_TARGETS_MAX; i++) {
        const struct ops_place here = {.parent = &place, .index = i};
        struct ops_manifest_target *target = &manifest->targets[manifest->target_count++];
        *target = (struct ops_manifest_target){.service = code, .kind = kind};
        ops_reader_target(reader, &here, json_array_get(resources, i), manifest, target);
        check_unlike_others(reader, &here, manifest, target);
    }
}

static void check_code_is_new(struct ops_reader *reader, const struct ops_place *place, const json_t *services,
                              size_t index, const char *code)
{
    const struct ops_place here = {.parent = place, .member = "code"};
    for (size_t i = 0; i < index; i++) {
        const char *other = ops_json_text(json_array_get(services, i), "code", NULL);
        if (other && strcmp(other, code) == 0) {
            ops_reader_problem(reader, &here, "is already the code of another service:", code);
            return;
        }
    }
}

static void read_service(struct ops_reader *reader, const json_t *services, size_t index, struct ops_manifest *manifest)
{
    static const char *const members[] = {"code", "tables", "buckets", "log_groups", NULL};
    const struct ops_place parent = {.parent = &document_place, .member = "services"};
    const struct ops_place place = {.parent = &parent, .index = index};
    json_t *service = json_array_get(services, index);
    if (!ops_reader_object(reader, &place, service, members))
        return;
    const char *code = ops_reader_member(reader, &place, service, "code", ops_check_service_code);
    if (code)
        check_code_is_new(reader, &place, services, index, code);
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT; kind++)
        read_resources(reader, &place, service, code ? code : "?", (enum ops_target_kind)kind, manifest);
}

static size_t count_resources(const json_t *services)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(services); i++)
        for (int kind = 0; kind < OPS_TARGET_KIND_COUNT; kind++)
            count += json_array_size(json_object_get(json_array_get(services, i), resource_arrays[kind]));
    return count;
}

static enum ops_status read_services(struct ops_reader *reader, struct ops_manifest *manifest)
{
    const struct ops_place place = {.parent = &document_place, .member = "services"};
    if (!json_object_get(manifest->document, "services"))
        ops_reader_problem(reader, &place, "is required", NULL);
    const json_t *services = ops_reader_array(reader, &document_place, manifest->document, "services",
                                              OPS_MANIFEST_TARGETS_MAX);
    size_t count = count_resources(services);
    if (count > OPS_MANIFEST_TARGETS_MAX) {
        ops_reader_problem(reader, &place, "has more than 500 tables, buckets and log groups", NULL);
        count = OPS_MANIFEST_TARGETS_MAX;
    }
    manifest->targets = ops_mem_zeroed(count, sizeof *manifest->targets);
    if (!manifest->targets)
        return OPS_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(services); i++)
        read_service(reader, services, i, manifest);
    return OPS_OK;
}

static void check_table_is_listed(struct ops_reader *reader, const struct ops_manifest *manifest, const char *member,
                                  const char *table)
{
    const struct ops_place place = {.parent = &document_place, .member = "sessions"};
    const struct ops_place here = {.parent = &place, .member = member};
    for (size_t i = 0; table && i < manifest->target_count; i++) {
        const struct ops_manifest_target *target = &manifest->targets[i];
        if (target->kind == OPS_TABLE && target->name && strcmp(target->name, table) == 0)
            return;
    }
    if (table)
        ops_reader_problem(reader, &here, "names a table that no service lists:", table);
}

/* What is protected and where sessions are comes first: whether a target may go without a rule depends on both. */
static enum ops_status read_document(struct ops_reader *reader, struct ops_manifest *manifest)
{
    static const char *const members[] = {"stack", "protected", "sessions", "services", NULL};
    if (!ops_reader_object(reader, &document_place, manifest->document, members))
        return OPS_OK;
    manifest->stack = ops_reader_member(reader, &document_place, manifest->document, "stack", ops_check_text);
    read_sessions(reader, manifest);
    enum ops_status status = read_protected(reader, manifest);
    if (status == OPS_OK)
        status = read_services(reader, manifest);
    if (status != OPS_OK)
        return status;
    check_table_is_listed(reader, manifest, "sessions_table", manifest->sessions_table);
    check_table_is_listed(reader, manifest, "users_table", manifest->users_table);
    return OPS_OK;
}

enum ops_status ops_manifest_init(struct ops_manifest *manifest, json_t *document, struct ops_buf *problems)
{
    struct ops_reader reader = {.problems = problems};
    struct ops_manifest made = {.document = json_incref(document)};
    enum ops_status status = read_document(&reader, &made);
    ops_reader_finish(&reader);
    if (status == OPS_OK && reader.no_memory)
        status = OPS_NO_MEMORY;
    if (status == OPS_OK && reader.problem_count > 0)
        status = problems && ops_buf_status(problems) == OPS_NO_MEMORY ? OPS_NO_MEMORY : OPS_INVALID_FIELD;
    if (status == OPS_OK)
        *manifest = made;
    else
        ops_manifest_release(&made);
    return status;
}

void ops_manifest_release(struct ops_manifest *manifest)
{
    for (size_t i = 0; i < manifest->target_count; i++)
        json_decref(manifest->targets[i].made_location);
    ops_mem_free(manifest->targets);
    ops_mem_free(manifest->protected_names);
    json_decref(manifest->document);
    *manifest = (struct ops_manifest){.document = NULL};
}

bool ops_orgcode_valid(struct ops_view orgcode)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    if (orgcode.length < 1 || orgcode.length > OPS_ORGCODE_MAX)
        return false;
    for (size_t i = 0; i < orgcode.length; i++)
        if (!memchr(allowed, orgcode.data[i], sizeof allowed - 1))
            return false;
    return true;
}

enum ops_status ops_pattern_expand(const char *pattern, struct ops_view orgcode, struct ops_buf *buf)
{
    const char *found = strstr(pattern, OPS_ORG_PLACEHOLDER);
    if (!found || !ops_orgcode_valid(orgcode))
        return OPS_INVALID_FIELD;
    ops_buf_append(buf, pattern, (size_t)(found - pattern));
    ops_buf_append_view(buf, orgcode);
    ops_buf_append_text(buf, found + sizeof OPS_ORG_PLACEHOLDER - 1);
    return ops_buf_status(buf);
}
