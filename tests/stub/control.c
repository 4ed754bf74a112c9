/* The control routes: fill, script faults, and ask for the truth. */
#include "stub/call.h"

#include "stub/bucket.h"
#include "stub/fill.h"
#include "stub/log_group.h"
#include "stub/table.h"

#include <inttypes.h>
#include <stdlib.h>

#define PREFIX "/_stub/"

enum { ITEMS_DEFAULT = 1000 };

bool stub_is_control(const struct stub_request *request)
{
    return ops_view_starts_with(request->path, ops_view_of(PREFIX));
}

struct control {
    struct stub_world *world;
    const struct stub_request *request;
    struct stub_answer *answer;
    json_t *input;
    struct ops_buf problem;
};

/* ---- State ---- */

struct members {
    struct ops_buf *body;
    size_t count;
};

static void member(struct members *members, struct ops_view name)
{
    if (members->count++)
        ops_buf_append_char(members->body, ',');
    stub_append_json_string(members->body, name);
    ops_buf_append_char(members->body, ':');
}

static void append_deletions(struct ops_buf *body, uint64_t deleted, uint64_t again)
{
    ops_buf_append_format(body, ",\"deleted\":%" PRIu64 ",\"deleted_again\":%" PRIu64 "}", deleted, again);
}

static void append_table(struct ops_buf *body, const void *thing)
{
    const struct stub_table *table = thing;
    ops_buf_append_format(body, "{\"items\":%zu", table->item_count);
    append_deletions(body, table->deleted_count, table->deleted_again_count);
}

static void append_bucket(struct ops_buf *body, const void *thing)
{
    const struct stub_bucket *bucket = thing;
    ops_buf_append_format(body, "{\"objects\":%zu,\"versions\":%zu,\"delete_markers\":%zu,\"uploads\":%zu,",
                          stub_bucket_object_count(bucket), bucket->gone.count - bucket->gone.set_count,
                          bucket->unmarked.count - bucket->unmarked.set_count,
                          bucket->uploads_gone.count - bucket->uploads_gone.set_count);
    ops_buf_append_format(body, "\"markers_made\":%" PRIu64, bucket->markers_made_count);
    append_deletions(body, bucket->deleted_count, bucket->deleted_again_count);
}

static void append_log_group(struct ops_buf *body, const void *thing)
{
    const struct stub_log_group *group = thing;
    size_t events = 0;
    for (size_t i = 0; i < group->streams.count; i++)
        events += json_array_size(group->streams.entries[i].thing);
    ops_buf_append_format(body, "{\"streams\":%zu,\"events\":%zu,\"retention_days\":%d", group->streams.count, events,
                          (int)group->retention_days);
    append_deletions(body, group->deleted_count, group->deleted_again_count);
}

static void append_map(struct ops_buf *body, const char *name, const struct stub_map *map,
                       void (*append)(struct ops_buf *body, const void *thing))
{
    struct members members = {body, 0};
    ops_buf_append_format(body, "\"%s\":{", name);
    for (size_t i = 0; i < map->count; i++) {
        member(&members, ops_view_of(map->entries[i].name));
        append(body, map->entries[i].thing);
    }
    ops_buf_append_text(body, "},");
}

static void append_requests(const struct control *control)
{
    struct ops_buf *body = &control->answer->body;
    size_t count = 0;
    ops_buf_append_text(body, "\"requests\":{");
    for (int service = 0; service < STUB_SERVICE_COUNT; service++) {
        const struct stub_operation *operation = stub_operations((enum stub_service)service);
        for (size_t i = 0;; i++) {
            const char *name = operation[i].name;
            uint64_t requests = control->world->request_counts[service][i];
            if (requests)
                ops_buf_append_format(body, "%s\"%s.%s\":%" PRIu64, count++ ? "," : "",
                                      stub_service_name((enum stub_service)service), name ? name : "unknown", requests);
            if (!name)
                break;
        }
    }
    ops_buf_append_text(body, "},");
}

static void append_faults(const struct control *control)
{
    struct ops_buf *body = &control->answer->body;
    size_t count = 0;
    ops_buf_append_text(body, "\"faults\":{");
    for (int i = 0; i < STUB_FAULT_COUNT; i++)
        if (control->world->faults.counts[i])
            ops_buf_append_format(body, "%s\"%s\":%" PRIu64, count++ ? "," : "", stub_fault_name((enum stub_fault)i),
                                  control->world->faults.counts[i]);
    ops_buf_append_char(body, '}');
}

static bool get_state(struct control *control)
{
    struct ops_buf *body = &control->answer->body;
    ops_buf_append_char(body, '{');
    append_map(body, "tables", &control->world->tables, append_table);
    append_map(body, "buckets", &control->world->buckets, append_bucket);
    append_map(body, "log_groups", &control->world->log_groups, append_log_group);
    append_requests(control);
    append_faults(control);
    ops_buf_append_char(body, '}');
    return true;
}

/* ---- Items ---- */

static size_t items_limit(const struct control *control)
{
    struct ops_buf text;
    stub_buf_init(&text);
    bool given = stub_request_parameter(control->request, "limit", &text);
    size_t limit = given ? strtoul(ops_buf_text(&text), NULL, 10) : ITEMS_DEFAULT;
    ops_buf_release(&text);
    return limit;
}

static void append_items(const struct control *control, const struct stub_table *table)
{
    struct stub_span span = {.end = table->ops->length(table), .org = STUB_ORG_NONE};
    size_t limit = items_limit(control);
    struct ops_buf *body = &control->answer->body;
    for (size_t at = 0, count = 0; count < limit && table->ops->step(table, &span, true, &at); at++, count++) {
        if (count)
            ops_buf_append_char(body, ',');
        stub_table_append(table, at, NULL, body);
    }
}

static void append_bucket_keys(const struct control *control, const struct stub_bucket *bucket)
{
    size_t limit = items_limit(control), count = 0;
    struct ops_buf *body = &control->answer->body;
    for (size_t n = 0; count < limit && (n = stub_bucket_next(bucket, n)) < bucket->keys.count; n++) {
        char room[STUB_KEY_SIZE];
        if (count++)
            ops_buf_append_char(body, ',');
        stub_append_json_string(body, stub_keys_text(&bucket->keys, n, room));
    }
}

static void append_streams(const struct control *control, const struct stub_log_group *group)
{
    struct members members = {&control->answer->body, 0};
    ops_buf_append_char(members.body, '{');
    for (size_t i = 0; i < group->streams.count && i < items_limit(control); i++) {
        member(&members, ops_view_of(group->streams.entries[i].name));
        stub_append_json(members.body, group->streams.entries[i].thing);
    }
    ops_buf_append_char(members.body, '}');
}

/* The thing that a parameter names, or NULL. */
static void *thing_named(const struct control *control, const char *parameter, const struct stub_map *map)
{
    struct ops_buf name;
    stub_buf_init(&name);
    void *thing = stub_request_parameter(control->request, parameter, &name) ? stub_map_get(map, ops_buf_view(&name)) : NULL;
    ops_buf_release(&name);
    return thing;
}

static bool get_items(struct control *control)
{
    const struct stub_table *table = thing_named(control, "table", &control->world->tables);
    const struct stub_bucket *bucket = thing_named(control, "bucket", &control->world->buckets);
    const struct stub_log_group *group = thing_named(control, "log_group", &control->world->log_groups);
    struct ops_buf *body = &control->answer->body;
    if (!table && !bucket && !group) {
        ops_buf_append_text(&control->problem, "there is no such table, bucket or log group");
        return false;
    }
    ops_buf_append_char(body, '[');
    if (table)
        append_items(control, table);
    else if (bucket)
        append_bucket_keys(control, bucket);
    else
        append_streams(control, group);
    ops_buf_append_char(body, ']');
    return true;
}

/* ---- Routes ---- */

static bool post_reset(struct control *control)
{
    stub_world_clear(control->world);
    return true;
}

static bool post_fill(struct control *control)
{
    return stub_fill(control->world, control->input, &control->problem);
}

static bool post_faults(struct control *control)
{
    return stub_faults_set(&control->world->faults, control->input, &control->problem);
}

static const struct {
    const char *method;
    const char *path;
    bool (*answer)(struct control *control);
} routes[] = {
    {"POST", PREFIX "reset", post_reset}, {"POST", PREFIX "fill", post_fill}, {"POST", PREFIX "faults", post_faults},
    {"GET", PREFIX "state", get_state},   {"GET", PREFIX "items", get_items},
};

static bool answer_route(struct control *control)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (ops_view_is(control->request->method, routes[i].method) && ops_view_is(control->request->path, routes[i].path))
            return routes[i].answer(control);
    ops_buf_append_text(&control->problem, "there is no such control route");
    return false;
}

void stub_control(struct stub_world *world, const struct stub_request *request, struct stub_answer *answer)
{
    struct control control = {.world = world, .request = request, .answer = answer};
    stub_buf_init(&control.problem);
    control.input = json_loadb(request->body.data, request->body.length, JSON_REJECT_DUPLICATES, NULL);
    answer->content_type = "application/json";
    if (!answer_route(&control)) {
        answer->status = 400;
        ops_buf_clear(&answer->body);
        ops_buf_append_text(&answer->body, "{\"problem\":");
        stub_append_json_string(&answer->body, ops_buf_view(&control.problem));
        ops_buf_append_char(&answer->body, '}');
    } else if (!answer->body.length) {
        ops_buf_append_text(&answer->body, "{}");
    }
    json_decref(control.input);
    ops_buf_release(&control.problem);
}
