/*
 * Audit records as log events, in the order of the chain.
 *
 * CloudWatch Logs shows a stream's events in the order of their timestamps, wants those of a batch in that order, and
 * refuses what is older than 14 days or than the group's retention, more than two hours in the future, or more than 24 hours
 * from the batch's first (Amazon CloudWatch Logs API Reference, PutLogEvents). A record that waited for long, or whose clock
 * was wrong, must not be lost for that and must keep its place: so an event's timestamp is the record's time, moved as
 * little as is needed to be near now and not before the event ahead of it. The record's own time is in its text.
 */
#include "adapters/aws/log_sink.h"

#include "adapters/aws/json_ask.h"
#include "base/json.h"
#include "base/mem.h"

enum {
    BATCH_MAX_BYTES = 1024 * 1024, /* texts and EVENT_OVERHEAD_BYTES for each */
    EVENT_OVERHEAD_BYTES = 26,
};

#define OLDEST_MS (20 * OPS_HOUR_MS)
#define NEWEST_MS (1 * OPS_HOUR_MS)

#define GET_EVENTS "Logs_20140328.GetLogEvents"
#define PUT_EVENTS "Logs_20140328.PutLogEvents"
#define DESCRIBE_GROUPS "Logs_20140328.DescribeLogGroups"
#define CREATE_STREAM "Logs_20140328.CreateLogStream"

struct aws_log_sink {
    struct ops_log_sink base;
    struct ops_aws_client *client;
    struct ops_clock *clock;
    char *group;
    char *stream;
    bool knows_last;
    int64_t last_ms; /* timestamp of the newest event in the stream */
};

/* What keeps audit records from being delivered is the sink's trouble, whatever the service calls it. */
static enum ops_status sink_trouble(const struct aws_log_sink *sink, enum ops_status status, struct ops_error *error)
{
    if (status == OPS_TARGET_MISSING)
        return ops_fail(error, OPS_STORE_UNAVAILABLE,
                        "The log group %s does not exist in %s; 'g3nops aws-bootstrap --engine aws' makes it.", sink->group,
                        ops_aws_client_region(sink->client));
    return status == OPS_TARGET_ERROR || status == OPS_LIMIT ? OPS_STORE_UNAVAILABLE : status;
}

static enum ops_status create_stream(const struct aws_log_sink *sink, struct ops_error *error)
{
    json_t *answer = NULL;
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status = ops_aws_json_ask(
        sink->client, OPS_AWS_LOGS, CREATE_STREAM,
        json_pack("{s:s, s:s}", "logGroupName", sink->group, "logStreamName", sink->stream), &answer, &reason);
    /* Somebody else made it just now. */
    if (status == OPS_TARGET_ERROR && strstr(reason.text, "ResourceAlreadyExistsException"))
        status = OPS_OK;
    else if (status != OPS_OK)
        status = sink_trouble(sink, ops_fail(error, status, "%s", ops_error_text(&reason, status)), error);
    ops_error_release(&reason);
    json_decref(answer);
    return status;
}

/* Learns where the stream's time has got to, so that this process goes on behind what another has written. */
static enum ops_status learn_last(struct aws_log_sink *sink, struct ops_error *error)
{
    if (sink->knows_last)
        return OPS_OK;
    json_t *answer = NULL;
    enum ops_status status = ops_aws_json_ask(sink->client, OPS_AWS_LOGS, GET_EVENTS,
                                              json_pack("{s:s, s:s, s:i, s:b}", "logGroupName", sink->group, "logStreamName",
                                                        sink->stream, "limit", 1, "startFromHead", 0),
                                              &answer, error);
    if (status == OPS_TARGET_MISSING)
        status = create_stream(sink, error);
    if (status == OPS_OK) {
        const json_t *newest = json_array_get(json_object_get(answer, "events"), 0);
        sink->last_ms = ops_json_integer(newest, "timestamp", 0);
        sink->knows_last = true;
    }
    json_decref(answer);
    return status == OPS_UNKNOWN ? OPS_STORE_UNAVAILABLE : sink_trouble(sink, status, error);
}

static int64_t timestamp_of(const struct ops_log_event *event, int64_t now_ms, int64_t last_ms)
{
    int64_t at_ms = event->at_ms < now_ms - OLDEST_MS ? now_ms - OLDEST_MS : event->at_ms;
    if (at_ms > now_ms + NEWEST_MS)
        at_ms = now_ms + NEWEST_MS;
    return at_ms < last_ms ? last_ms : at_ms;
}

/* How many of the events fit one batch; at least one. */
static size_t batch_of(const struct ops_log_event *events, size_t count)
{
    size_t bytes = 0, taken = 0;
    while (taken < count) {
        bytes += events[taken].text.length + EVENT_OVERHEAD_BYTES;
        if (bytes > BATCH_MAX_BYTES && taken > 0)
            break;
        taken++;
    }
    return taken;
}

static enum ops_status make_request(const struct aws_log_sink *sink, const struct ops_log_event *events, size_t count,
                                    json_t **ret_request, int64_t *last_ms)
{
    int64_t now_ms = ops_clock_now_ms(sink->clock);
    json_t *list = json_array();
    bool complete = list;
    for (size_t i = 0; i < count && complete; i++) {
        *last_ms = timestamp_of(&events[i], now_ms, *last_ms);
        complete = json_array_append_new(list, json_pack("{s:I, s:s%}", "timestamp", (json_int_t)*last_ms, "message",
                                                         events[i].text.data, events[i].text.length)) == 0;
    }
    *ret_request = complete ? json_pack("{s:s, s:s, s:O}", "logGroupName", sink->group, "logStreamName", sink->stream,
                                        "logEvents", list)
                            : NULL;
    json_decref(list);
    return *ret_request ? OPS_OK : OPS_NO_MEMORY;
}

/* PutLogEvents says 200 also when it has thrown some events away. */
static enum ops_status check_taken(const struct aws_log_sink *sink, const json_t *answer, struct ops_error *error)
{
    if (!json_is_object(json_object_get(answer, "rejectedLogEventsInfo")))
        return OPS_OK;
    return ops_fail(error, OPS_STORE_UNAVAILABLE,
                    "CloudWatch Logs refused audit records for their time; is the clock of this machine right? "
                    "(log group %s)",
                    sink->group);
}

static enum ops_status put_batch(struct aws_log_sink *sink, const struct ops_log_event *events, size_t count,
                                 struct ops_error *error)
{
    json_t *request = NULL, *answer = NULL;
    int64_t last_ms = sink->last_ms;
    enum ops_status status = make_request(sink, events, count, &request, &last_ms);
    if (status == OPS_OK)
        status = ops_aws_json_ask_once(sink->client, OPS_AWS_LOGS, PUT_EVENTS, request, &answer, error);
    if (status == OPS_OK)
        status = check_taken(sink, answer, error);
    if (status == OPS_OK)
        sink->last_ms = last_ms;
    else if (status == OPS_TARGET_MISSING || status == OPS_UNKNOWN)
        sink->knows_last = false; /* the stream has gone, or holds more than we know */
    json_decref(answer);
    return sink_trouble(sink, status, error);
}

static enum ops_status aws_log_sink_append(struct ops_log_sink *self, const struct ops_log_event *events, size_t count,
                                           struct ops_error *error)
{
    struct aws_log_sink *sink = (struct aws_log_sink *)self;
    enum ops_status status = learn_last(sink, error);
    size_t sent = 0;
    while (sent < count && status == OPS_OK) {
        size_t batch = batch_of(events + sent, count - sent);
        status = put_batch(sink, events + sent, batch, error);
        if (status == OPS_OK)
            sent += batch;
    }
    /* Some are there already, so that "none is" would not be true. */
    return status != OPS_OK && sent > 0 ? OPS_UNKNOWN : status;
}

/* ---- reading ---- */

enum { READ_PAGE_MAX = 10000 /* events; GetLogEvents gives a megabyte at a time at most */, TAIL_PAGES_MAX = 50 };

/* Who reads the end is about to start, or comes again soon: there is no patience in that. */
static enum ops_status ask_events(const struct aws_log_sink *sink, bool from_head, size_t limit, const json_t *token,
                                  json_t **ret_answer, struct ops_error *error)
{
    json_t *request = ops_json_pack("{s:s, s:s, s:b, s:I, s:O*}", "logGroupName", sink->group, "logStreamName", sink->stream,
                                    "startFromHead", from_head, "limit", (json_int_t)limit, "nextToken", token);
    enum ops_status status = from_head
                                 ? ops_aws_json_ask(sink->client, OPS_AWS_LOGS, GET_EVENTS, request, ret_answer, error)
                                 : ops_aws_json_ask_once(sink->client, OPS_AWS_LOGS, GET_EVENTS, request, ret_answer, error);
    return status == OPS_UNKNOWN ? OPS_STORE_UNAVAILABLE : status;
}

/* *number: how many of the stream came before; NULL: not counted. */
static enum ops_status give_events(const struct aws_log_sink *sink, const json_t *events, uint64_t *number,
                                   ops_on_log_event_fn on_event, void *context)
{
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < json_array_size(events) && status == OPS_OK; i++) {
        const json_t *message = json_object_get(json_array_get(events, i), "message");
        const struct ops_log_place place = {.stream = sink->stream, .noun = "event", .number = number ? ++*number : 0};
        status = on_event(context, &place, ops_view(json_string_value(message), json_string_length(message)));
    }
    return status;
}

/* From the first event on. The end is where the service gives the token back that it was asked with: a page may be empty
 * before (Amazon CloudWatch Logs API Reference, GetLogEvents). */
static enum ops_status read_all(struct aws_log_sink *sink, ops_on_log_event_fn on_event, void *context,
                                struct ops_error *error)
{
    json_t *token = NULL;
    uint64_t number = 0;
    bool more = true;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && more) {
        json_t *answer = NULL;
        status = ask_events(sink, true, READ_PAGE_MAX, token, &answer, error);
        if (status == OPS_OK)
            status = give_events(sink, json_object_get(answer, "events"), &number, on_event, context);
        json_t *next = json_object_get(answer, "nextForwardToken");
        more = json_is_string(next) && !(token && json_equal(next, token));
        json_decref(token);
        token = json_incref(next);
        json_decref(answer);
    }
    json_decref(token);
    return status;
}

/* Page by page backwards, until there are enough: the latest page is the last of pages. */
static enum ops_status collect_pages(struct aws_log_sink *sink, size_t last, json_t *pages, size_t *ret_count,
                                     struct ops_error *error)
{
    json_t *token = NULL;
    bool more = true;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && more && *ret_count < last && json_array_size(pages) < TAIL_PAGES_MAX) {
        json_t *answer = NULL;
        status = ask_events(sink, false, last - *ret_count, token, &answer, error);
        json_t *events = json_object_get(answer, "events"), *next = json_object_get(answer, "nextBackwardToken");
        *ret_count += json_array_size(events);
        if (status == OPS_OK && json_is_array(events) && json_array_insert(pages, 0, events) != 0)
            status = OPS_NO_MEMORY;
        more = json_is_string(next) && !(token && json_equal(next, token));
        json_decref(token);
        token = json_incref(next);
        json_decref(answer);
    }
    json_decref(token);
    return status;
}

static enum ops_status read_last(struct aws_log_sink *sink, size_t last, ops_on_log_event_fn on_event, void *context,
                                 struct ops_error *error)
{
    json_t *pages = json_array();
    size_t count = 0;
    enum ops_status status = pages ? collect_pages(sink, last, pages, &count, error) : OPS_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(pages) && status == OPS_OK; i++)
        status = give_events(sink, json_array_get(pages, i), NULL, on_event, context);
    json_decref(pages);
    return status;
}

/* A stream or group that does not exist holds nothing; that it is missing is told when something is to be written to it. */
static enum ops_status aws_log_sink_read(struct ops_log_sink *self, size_t last, ops_on_log_event_fn on_event, void *context,
                                         struct ops_error *error)
{
    struct aws_log_sink *sink = (struct aws_log_sink *)self;
    enum ops_status status =
        last > 0 ? read_last(sink, last, on_event, context, error) : read_all(sink, on_event, context, error);
    return status == OPS_TARGET_MISSING ? OPS_OK : sink_trouble(sink, status, error);
}

static enum ops_status aws_log_sink_keeps(struct ops_log_sink *self, int64_t *ret_keeps_ms, struct ops_error *error)
{
    struct aws_log_sink *sink = (struct aws_log_sink *)self;
    json_t *answer = NULL;
    enum ops_status status =
        ops_aws_json_ask(sink->client, OPS_AWS_LOGS, DESCRIBE_GROUPS,
                         json_pack("{s:s, s:i}", "logGroupNamePrefix", sink->group, "limit", 1), &answer, error);
    const json_t *found = json_array_get(json_object_get(answer, "logGroups"), 0);
    if (status == OPS_OK && strcmp(ops_json_text(found, "logGroupName", ""), sink->group) == 0)
        *ret_keeps_ms = ops_json_integer(found, "retentionInDays", 0) * OPS_DAY_MS;
    json_decref(answer);
    return sink_trouble(sink, status == OPS_UNKNOWN ? OPS_STORE_UNAVAILABLE : status, error);
}

static void aws_log_sink_release(struct ops_log_sink *self)
{
    struct aws_log_sink *sink = (struct aws_log_sink *)self;
    ops_mem_free(sink->group);
    ops_mem_free(sink->stream);
    ops_mem_free(sink);
}

static const struct ops_log_sink_ops aws_log_sink_ops = {
    .append = aws_log_sink_append,
    .read = aws_log_sink_read,
    .keeps = aws_log_sink_keeps,
    .release = aws_log_sink_release,
};

enum ops_status ops_aws_log_sink_new(struct ops_aws_client *client, struct ops_clock *clock, const char *group,
                                     const char *stream, struct ops_log_sink **ret_sink)
{
    struct aws_log_sink *sink = ops_mem_zeroed(1, sizeof *sink);
    if (!sink)
        return OPS_NO_MEMORY;
    *sink = (struct aws_log_sink){.base.ops = &aws_log_sink_ops,
                                  .client = client,
                                  .clock = clock,
                                  .group = ops_mem_strdup(group),
                                  .stream = ops_mem_strdup(stream)};
    if (!sink->group || !sink->stream) {
        aws_log_sink_release(&sink->base);
        return OPS_NO_MEMORY;
    }
    *ret_sink = &sink->base;
    return OPS_OK;
}
