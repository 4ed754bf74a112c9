/* CloudWatch Logs. Source: Amazon CloudWatch Logs API Reference. */
#include "stub/log_group.h"

#include "stub/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PAGE_MAX = 50,
    EVENTS_PAGE_MAX = 10000,
    EVENTS_BATCH_MAX = 10000,
    BATCH_MAX_BYTES = 1048576,
    EVENT_OVERHEAD_BYTES = 26, /* PutLogEvents: what each event counts beside its message */
};

static void release_json(void *json)
{
    json_decref(json);
}

struct stub_log_group *stub_log_group_new(struct ops_view name, int64_t created_ms)
{
    struct stub_log_group *group = stub_zeroed(1, sizeof *group);
    group->name = stub_copy(name);
    group->created_ms = created_ms;
    return group;
}

void stub_log_group_add(struct stub_log_group *group, struct ops_view stream)
{
    stub_map_set(&group->streams, stream, stub_json(json_array()));
}

void stub_log_group_release(void *context)
{
    struct stub_log_group *group = context;
    stub_map_release(&group->streams, release_json);
    ops_mem_free(group->name);
    ops_mem_free(group);
}

/* ---- What a call is about ---- */

static struct ops_view input_text(const struct stub_call *call, const char *name)
{
    return stub_json_view(json_object_get(call->input, name));
}

static void refuse_missing(struct stub_call *call, const char *what)
{
    stub_refuse(call, 400, "ResourceNotFoundException", "The specified log %s does not exist.", what);
}

/* Both return NULL when the call has been refused. */
static struct stub_log_group *group_of(struct stub_call *call)
{
    struct stub_log_group *group = stub_map_get(&call->world->log_groups, input_text(call, "logGroupName"));
    if (!group)
        refuse_missing(call, "group");
    return group;
}

static json_t *stream_of(struct stub_call *call)
{
    struct stub_log_group *group = group_of(call);
    json_t *stream = group ? stub_map_get(&group->streams, input_text(call, "logStreamName")) : NULL;
    if (group && !stream)
        refuse_missing(call, "stream");
    return stream;
}

static void refuse_existing(struct stub_call *call, const char *what)
{
    stub_refuse(call, 400, "ResourceAlreadyExistsException", "The specified log %s already exists", what);
}

static void refuse_parameter(struct stub_call *call, const char *problem)
{
    stub_refuse(call, 400, "InvalidParameterException", "%s", problem);
}

/* ---- Groups ---- */

static void create_log_group(struct stub_call *call)
{
    struct ops_view name = input_text(call, "logGroupName");
    if (!name.length)
        refuse_parameter(call, "1 validation error detected: logGroupName must not be empty");
    else if (stub_map_get(&call->world->log_groups, name))
        refuse_existing(call, "group");
    else
        stub_map_set(&call->world->log_groups, name, stub_log_group_new(name, call->answer->now_ms));
}

static void put_retention_policy(struct stub_call *call)
{
    struct stub_log_group *group = group_of(call);
    if (group)
        group->retention_days = json_integer_value(json_object_get(call->input, "retentionInDays"));
}

/* A page of a map's names that begin with a prefix. A token is the last name that was given. */
struct page {
    const struct stub_map *map;
    struct ops_view prefix;
    size_t at;
    size_t end; /* no more than the limit from at */
    bool more;
};

static bool page_open(struct stub_call *call, const struct stub_map *map, const char *prefix_name, struct page *ret_page)
{
    struct ops_view token = input_text(call, "nextToken");
    const json_t *limit_json = json_object_get(call->input, "limit");
    json_int_t limit = limit_json ? json_integer_value(limit_json) : PAGE_MAX;
    if (limit < 1 || limit > PAGE_MAX) {
        refuse_parameter(call, "1 validation error detected: limit must be between 1 and 50");
        return false;
    }
    struct page page = {.map = map, .prefix = input_text(call, prefix_name)};
    page.at = stub_map_seek(map, token.length ? token : page.prefix);
    if (token.length && page.at < map->count && ops_view_is(token, map->entries[page.at].name))
        page.at++;
    page.end = page.at;
    while (page.end < map->count && page.end < page.at + (size_t)limit &&
           ops_view_starts_with(ops_view_of(map->entries[page.end].name), page.prefix))
        page.end++;
    page.more = page.end > page.at && page.end < map->count && page.end == page.at + (size_t)limit &&
                ops_view_starts_with(ops_view_of(map->entries[page.end].name), page.prefix);
    *ret_page = page;
    return true;
}

static void page_close(const struct page *page, struct ops_buf *body)
{
    ops_buf_append_char(body, ']');
    if (page->more) {
        ops_buf_append_text(body, ",\"nextToken\":");
        stub_append_json_string(body, ops_view_of(page->map->entries[page->end - 1].name));
    }
    ops_buf_append_char(body, '}');
}

static void append_arn(struct ops_buf *body, const char *group, const char *stream)
{
    ops_buf_append_format(body, "\"arn\":\"arn:aws:logs:" STUB_REGION ":" STUB_ACCOUNT ":log-group:%s:%s%s\"", group,
                          stream ? "log-stream:" : "*", stream ? stream : "");
}

static void append_group(struct ops_buf *body, const struct stub_log_group *group)
{
    ops_buf_append_text(body, "{\"logGroupName\":");
    stub_append_json_string(body, ops_view_of(group->name));
    ops_buf_append_format(body, ",\"creationTime\":%" PRId64 ",\"metricFilterCount\":0,\"storedBytes\":0,",
                          group->created_ms);
    if (group->retention_days)
        ops_buf_append_format(body, "\"retentionInDays\":%d,", (int)group->retention_days);
    append_arn(body, group->name, NULL);
    ops_buf_append_char(body, '}');
}

static void describe_log_groups(struct stub_call *call)
{
    struct ops_buf *body = &call->answer->body;
    struct page page;
    if (!page_open(call, &call->world->log_groups, "logGroupNamePrefix", &page))
        return;
    ops_buf_append_text(body, "{\"logGroups\":[");
    for (size_t i = page.at; i < page.end; i++) {
        if (i > page.at)
            ops_buf_append_char(body, ',');
        append_group(body, page.map->entries[i].thing);
    }
    page_close(&page, body);
}

/* ---- Streams ---- */

static void create_log_stream(struct stub_call *call)
{
    struct ops_view name = input_text(call, "logStreamName");
    struct stub_log_group *group = group_of(call);
    if (!group)
        return;
    if (!name.length)
        refuse_parameter(call, "1 validation error detected: logStreamName must not be empty");
    else if (stub_map_get(&group->streams, name))
        refuse_existing(call, "stream");
    else
        stub_log_group_add(group, name);
}

static void delete_log_stream(struct stub_call *call)
{
    struct stub_log_group *group = group_of(call);
    if (!group)
        return;
    json_t *stream = stub_map_remove(&group->streams, input_text(call, "logStreamName"));
    if (stream) {
        group->deleted_count++;
        json_decref(stream);
    } else {
        group->deleted_again_count++;
        refuse_missing(call, "stream");
    }
}

static void append_stream(struct ops_buf *body, const struct stub_log_group *group, const char *name, const json_t *events)
{
    ops_buf_append_text(body, "{\"logStreamName\":");
    stub_append_json_string(body, ops_view_of(name));
    ops_buf_append_format(body, ",\"creationTime\":%" PRId64 ",\"storedBytes\":0,", group->created_ms);
    size_t count = json_array_size(events);
    if (count) {
        json_int_t first = json_integer_value(json_object_get(json_array_get(events, 0), "timestamp"));
        json_int_t last = json_integer_value(json_object_get(json_array_get(events, count - 1), "timestamp"));
        ops_buf_append_format(body, "\"firstEventTimestamp\":%" JSON_INTEGER_FORMAT ",", first);
        ops_buf_append_format(body, "\"lastEventTimestamp\":%" JSON_INTEGER_FORMAT ",", last);
    }
    append_arn(body, group->name, name);
    ops_buf_append_char(body, '}');
}

static void describe_log_streams(struct stub_call *call)
{
    const struct stub_log_group *group = group_of(call);
    struct ops_buf *body = &call->answer->body;
    struct page page;
    if (!group || !page_open(call, &group->streams, "logStreamNamePrefix", &page))
        return;
    ops_buf_append_text(body, "{\"logStreams\":[");
    for (size_t i = page.at; i < page.end; i++) {
        if (i > page.at)
            ops_buf_append_char(body, ',');
        append_stream(body, group, page.map->entries[i].name, page.map->entries[i].thing);
    }
    page_close(&page, body);
}

/* ---- Events ---- */

/* Refuses a batch that PutLogEvents would refuse; true when it may be taken. Events of any age are taken: clients under a
 * fake clock are welcome. */
static bool check_events(struct stub_call *call, const json_t *events)
{
    size_t i, bytes = 0;
    json_t *event;
    json_int_t before = 0;
    const char *problem = NULL;
    if (json_array_size(events) < 1 || json_array_size(events) > EVENTS_BATCH_MAX)
        problem = "1 validation error detected: logEvents must have 1 to 10000 members";
    json_array_foreach(events, i, event) {
        json_int_t timestamp = json_integer_value(json_object_get(event, "timestamp"));
        bytes += json_string_length(json_object_get(event, "message")) + EVENT_OVERHEAD_BYTES;
        if (timestamp < before)
            problem = "Log events in a single PutLogEvents request must be in chronological order.";
        if (!json_string_length(json_object_get(event, "message")))
            problem = "1 validation error detected: message must not be empty";
        before = timestamp;
    }
    if (bytes > BATCH_MAX_BYTES)
        problem = "Upload too large: more than 1048576 bytes";
    if (problem)
        refuse_parameter(call, problem);
    return !problem;
}

static void put_log_events(struct stub_call *call)
{
    json_t *stream = stream_of(call), *event;
    const json_t *events = json_object_get(call->input, "logEvents");
    size_t i;
    if (!stream || !check_events(call, events))
        return;
    json_array_foreach(events, i, event) {
        json_t *ingestion = json_integer(call->answer->now_ms);
        if (json_object_set_new(event, "ingestionTime", ingestion) != 0 || json_array_append(stream, event) != 0)
            stub_give_up("out of memory");
    }
    ops_buf_append_format(&call->answer->body, "{\"nextSequenceToken\":\"%056zu\"}", json_array_size(stream));
}

/* A token is a direction and a position: "f/12". Without one, from the head or from the tail. */
static void events_window(const struct stub_call *call, size_t count, size_t limit, size_t *ret_first, size_t *ret_end)
{
    struct ops_view token = input_text(call, "nextToken");
    bool from_head = json_is_true(json_object_get(call->input, "startFromHead"));
    size_t position = token.length > 2 ? strtoul(token.data + 2, NULL, 10) : from_head ? 0 : count;
    bool forward = token.length > 2 ? token.data[0] == 'f' : from_head;
    if (position > count)
        position = count;
    *ret_first = forward ? position : position > limit ? position - limit : 0;
    *ret_end = !forward ? position : count - position > limit ? position + limit : count;
}

static void get_log_events(struct stub_call *call)
{
    const json_t *stream = stream_of(call);
    const json_t *limit = json_object_get(call->input, "limit");
    struct ops_buf *body = &call->answer->body;
    size_t first, end;
    if (!stream)
        return;
    size_t most = limit ? (size_t)json_integer_value(limit) : EVENTS_PAGE_MAX;
    events_window(call, json_array_size(stream), most < EVENTS_PAGE_MAX ? most : EVENTS_PAGE_MAX, &first, &end);
    ops_buf_append_text(body, "{\"events\":[");
    for (size_t i = first; i < end; i++) {
        if (i > first)
            ops_buf_append_char(body, ',');
        stub_append_json(body, json_array_get(stream, i));
    }
    ops_buf_append_format(body, "],\"nextForwardToken\":\"f/%zu\",\"nextBackwardToken\":\"b/%zu\"}", end, first);
}

static void unknown_operation(struct stub_call *call)
{
    stub_refuse(call, 400, "UnknownOperationException", "The stub does not know this operation.");
}

extern const struct stub_operation stub_logs_operations[];
const struct stub_operation stub_logs_operations[] = {
    {"CreateLogGroup", create_log_group, false},
    {"PutRetentionPolicy", put_retention_policy, false},
    {"DescribeLogGroups", describe_log_groups, false},
    {"CreateLogStream", create_log_stream, false},
    {"DeleteLogStream", delete_log_stream, false},
    {"DescribeLogStreams", describe_log_streams, false},
    {"PutLogEvents", put_log_events, false},
    {"GetLogEvents", get_log_events, false},
    {NULL, unknown_operation, true},
};
