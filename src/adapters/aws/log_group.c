/*
 * A log group as a vacuum target: its streams go, the group stays with its retention, filters and tags.
 *
 * Source: Amazon CloudWatch Logs API Reference, DescribeLogStreams (pages of 50, in the order of their names) and
 * DeleteLogStream (one at a time, a few a second in an account; the pacer finds how many).
 *
 * A page goes on behind the name at which the one before ended. The service itself goes on by a token, which lasts a day and
 * of which it does not say what becomes when the streams that it came with are deleted. So a token is used only while
 * nothing was removed since it came; otherwise the streams are read from the first one again, over those that stay.
 */
#include "adapters/aws/answer.h"
#include "adapters/aws/json_ask.h"
#include "adapters/aws/stack.h"
#include "base/json.h"
#include "base/mem.h"

enum {
    LOG_PAGE_MAX = 50,
    WALK_MAX_REQUESTS = 20,
    REQUEST_MAX_BYTES = 8 * 1024,
    ANSWER_MAX_BYTES = 64 * 1024,
    STREAM_NAME_MAX_BYTES = 4 * 1024, /* the service allows 512 characters */
    SHOWN_MAX = 120,
    BEGIN_WITHIN_MS = 4 * 1000,
    TIMEOUT_MS = 6 * 1000,
};

/* A call that was refused for its keys or its time is sent once more, so there may be two rounds. */
_Static_assert(2 * (BEGIN_WITHIN_MS + TIMEOUT_MS) < OPS_REMOVE_MAX_MS, "a removal is over in time");

#define DESCRIBE_GROUPS "Logs_20140328.DescribeLogGroups"
#define DESCRIBE_STREAMS "Logs_20140328.DescribeLogStreams"
#define DELETE_STREAM "Logs_20140328.DeleteLogStream"

struct log_group {
    struct ops_target target;
    struct ops_aws_stack *stack;
    char *name;
    char *walked_to;       /* the cursor that token goes on from */
    json_t *token;         /* NULL: from the first stream */
    struct ops_buf walked; /* the last stream that was named on the way to there; "": none */
};

static struct log_group *log_group(struct ops_target *self)
{
    return (struct log_group *)self;
}

/* A cursor is {"after": NAME}, so that a stranger's is told from ours. */
static enum ops_status read_cursor(const struct log_group *group, const char *cursor, char **ret_after,
                                   struct ops_error *error)
{
    json_t *object = NULL;
    enum ops_status status = ops_json_parse_object(ops_view_of(cursor), &object, NULL);
    const char *after = ops_json_text(object, "after", NULL);
    if (status == OPS_OK && after) {
        *ret_after = ops_mem_strdup(after);
        status = *ret_after ? OPS_OK : OPS_NO_MEMORY;
    } else if (status != OPS_NO_MEMORY) {
        status = ops_fail(error, OPS_TARGET_ERROR, "The cursor does not belong to %s.", group->name);
    }
    json_decref(object);
    return status;
}

static enum ops_status write_cursor(const char *after, struct ops_buf *cursor)
{
    json_t *object = json_pack("{s:s}", "after", after);
    enum ops_status status = object ? ops_json_append(object, cursor) : OPS_NO_MEMORY;
    json_decref(object);
    return status;
}

/* Forgets where the service was: the next page is read from the first stream on. */
static void forget_walk(struct log_group *group)
{
    json_decref(group->token);
    ops_mem_free(group->walked_to);
    group->token = NULL;
    group->walked_to = NULL;
    ops_buf_clear(&group->walked);
}

static enum ops_status add_stream(struct ops_key_page *page, const char *name, json_t *names)
{
    struct ops_key *key = ops_key_page_add(page);
    if (!key)
        return OPS_NO_MEMORY;
    key->guarded.length = key->id.length = strlen(name);
    ops_buf_append_text(&page->storage, name);
    return json_array_append_new(names, json_string(name)) == 0 ? ops_buf_status(&page->storage) : OPS_NO_MEMORY;
}

static void set_views(struct ops_key_page *page)
{
    const char *at = page->storage.data;
    for (size_t i = 0; i < page->count; i++) {
        page->keys[i].guarded.data = page->keys[i].id.data = at;
        at += page->keys[i].id.length;
    }
}

static enum ops_status unreadable(const struct log_group *group, struct ops_error *error)
{
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "CloudWatch Logs named a stream of %s that can't be read.", group->name);
}

static enum ops_status misleads(const struct log_group *group, const char *how, const char *where, struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_ERROR, "CloudWatch Logs gave a list of the streams of %s that %s %.*s.", group->name,
                    how, SHOWN_MAX, where);
}

/* A cursor is a name, so a stream that is named out of order would be passed over. */
static enum ops_status note_order(struct log_group *group, const char *name, struct ops_error *error)
{
    if (group->walked.length > 0 && strcmp(name, ops_buf_text(&group->walked)) <= 0)
        return misleads(group, "is not in the order of their names: it goes back to", name, error);
    ops_buf_clear(&group->walked);
    ops_buf_append_text(&group->walked, name);
    return ops_buf_status(&group->walked);
}

/* Adds those streams of an answer that come behind after. */
static enum ops_status add_streams(struct log_group *group, const json_t *answer, const char *after, size_t limit,
                                   struct ops_key_page *page, json_t *names, struct ops_error *error)
{
    const json_t *streams = json_object_get(answer, "logStreams");
    enum ops_status status = json_is_array(streams) ? OPS_OK : unreadable(group, error);
    for (size_t i = 0; i < json_array_size(streams) && status == OPS_OK; i++) {
        const char *name = ops_json_text(json_array_get(streams, i), "logStreamName", "");
        status = name[0] ? note_order(group, name, error) : unreadable(group, error);
        if (status != OPS_OK || strcmp(name, after) <= 0)
            continue;
        status = page->count < limit ? add_stream(page, name, names)
                                     : misleads(group, "is longer than it was asked for, by", name, error);
    }
    return status;
}

static bool is_same_token(const json_t *token, const json_t *began)
{
    return json_is_string(token) && began && json_equal(token, began);
}

/* Asks for the streams that the service gives next, and keeps its token. */
static enum ops_status walk(struct log_group *group, size_t limit, json_t **ret_answer, struct ops_error *error)
{
    enum ops_status status = ops_aws_json_ask_once(group->stack->client, OPS_AWS_LOGS, DESCRIBE_STREAMS,
                                                   ops_json_pack("{s:s, s:I, s:O*}", "logGroupName", group->name, "limit",
                                                                 (json_int_t)limit, "nextToken", group->token),
                                                   ret_answer, error);
    if (status != OPS_OK)
        return status == OPS_UNKNOWN ? OPS_STORE_UNAVAILABLE : status; /* nothing was asked but to read */
    json_t *token = json_object_get(*ret_answer, "nextToken");
    if (is_same_token(token, group->token))
        return misleads(group, "goes on where it began, at", json_string_value(token), error);
    json_decref(group->token);
    group->token = json_is_string(token) ? json_incref(token) : NULL;
    return OPS_OK;
}

static enum ops_status fill_page(struct log_group *group, const char *after, size_t limit, struct ops_key_page *page,
                                 struct ops_error *error)
{
    json_t *names = json_array();
    enum ops_status status = names ? OPS_OK : OPS_NO_MEMORY;
    bool more = true;
    for (int request = 0; request < WALK_MAX_REQUESTS && more && page->count == 0 && status == OPS_OK; request++) {
        json_t *answer = NULL;
        status = walk(group, limit, &answer, error);
        if (status == OPS_OK)
            status = add_streams(group, answer, after, limit, page, names, error);
        more = group->token;
        json_decref(answer);
    }
    set_views(page);
    page->last = !more;
    if (status == OPS_OK && page->count > 0)
        status = ops_json_append(names, &page->receipt);
    if (status == OPS_OK && more)
        status =
            write_cursor(page->count ? json_string_value(json_array_get(names, page->count - 1)) : after, &page->cursor);
    json_decref(names);
    return status;
}

static enum ops_status log_group_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                      struct ops_key_page *ret_page, struct ops_error *error)
{
    (void)segment;
    struct log_group *group = log_group(self);
    char *after = NULL;
    enum ops_status status = cursor[0] ? read_cursor(group, cursor, &after, error) : OPS_OK;
    if (status != OPS_OK)
        return status;
    if (!cursor[0] || !group->walked_to || strcmp(group->walked_to, cursor) != 0)
        forget_walk(group);
    status = fill_page(group, after ? after : "", limit < LOG_PAGE_MAX ? limit : LOG_PAGE_MAX, ret_page, error);
    ops_mem_free(after);
    ops_mem_free(group->walked_to);
    group->walked_to =
        status == OPS_OK ? ops_mem_strdup(ops_buf_text(&ret_page->cursor)) : NULL; /* NULL: no token is used */
    if (status != OPS_OK)
        ops_key_page_clear(ret_page);
    return status;
}

/* One call for each of many streams, sent side by side. */
struct stream_calls {
    struct ops_aws_call calls[LOG_PAGE_MAX];
    struct ops_buf texts[LOG_PAGE_MAX];
    size_t count;
};

static enum ops_status add_call(struct stream_calls *calls, const char *target, json_t *request)
{
    struct ops_buf *text = &calls->texts[calls->count];
    struct ops_aws_call *call = &calls->calls[calls->count++];
    ops_buf_init(text, REQUEST_MAX_BYTES);
    ops_aws_call_init(call, OPS_AWS_LOGS, ANSWER_MAX_BYTES);
    call->timeout_ms = TIMEOUT_MS;
    enum ops_status status = request ? ops_json_append(request, text) : OPS_NO_MEMORY;
    ops_aws_call_json(call, target, ops_buf_view(text));
    json_decref(request);
    return status;
}

static void send_calls(struct log_group *group, struct stream_calls *calls)
{
    struct ops_aws_pacer *pacer = &group->stack->pacers[OPS_AWS_LOGS];
    size_t width = ops_aws_pacer_enter(pacer, calls->count);
    ops_aws_call_send_all(group->stack->client, calls->calls, calls->count, width, BEGIN_WITHIN_MS);
    bool throttled = false;
    for (size_t i = 0; i < calls->count; i++)
        throttled = throttled || calls->calls[i].status == OPS_THROTTLED;
    ops_aws_pacer_leave(pacer, width, throttled);
}

static void release_calls(struct stream_calls *calls)
{
    for (size_t i = 0; calls && i < calls->count; i++) {
        ops_aws_call_release(&calls->calls[i]);
        ops_buf_release(&calls->texts[i]);
    }
    ops_mem_free(calls);
}

/* A stream that does not exist and a group that does not are one code (Amazon CloudWatch Logs API Reference,
 * DeleteLogStream), and the sentences are the services' own: so the group is asked for where anything is missing.
 * OPS_TARGET_MISSING: it is. */
static enum ops_status check_group(struct log_group *group, const struct stream_calls *calls, struct ops_error *error)
{
    json_t *answer = NULL;
    size_t i = 0;
    while (i < calls->count && calls->calls[i].status != OPS_TARGET_MISSING)
        i++;
    if (i == calls->count)
        return OPS_OK;
    enum ops_status status =
        ops_aws_json_ask_once(group->stack->client, OPS_AWS_LOGS, DESCRIBE_STREAMS,
                              json_pack("{s:s, s:i}", "logGroupName", group->name, "limit", 1), &answer, error);
    json_decref(answer);
    if (status == OPS_TARGET_MISSING)
        return ops_fail(error, status, "The log group %s does not exist any more.", group->name);
    return status == OPS_UNKNOWN ? OPS_STORE_UNAVAILABLE : status;
}

/* A stream that is not there any more is removed, whoever did it. */
static enum ops_removal outcome_of(const struct ops_aws_call *call)
{
    if (call->status == OPS_OK || call->status == OPS_TARGET_MISSING)
        return OPS_REMOVED;
    bool busy = strcmp(call->code, "OperationAbortedException") == 0;
    return call->status == OPS_TARGET_ERROR && !busy ? OPS_FAILED : OPS_RETRY;
}

static void say_refused(const struct log_group *group, const struct ops_key *key, const struct ops_aws_call *call,
                        struct ops_error *error)
{
    char reason[OPS_AWS_REASON_SIZE];
    (void)ops_fail(error, OPS_TARGET_ERROR, "%s", ops_error_text(&call->error, OPS_TARGET_ERROR));
    ops_remarks_add(group->target.remarks, OPS_REMARK_REFUSED, key->id, ops_aws_answer_reason(call, reason));
}

static enum ops_status log_group_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                        enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct log_group *group = log_group(self);
    struct stream_calls *calls = ops_mem_zeroed(1, sizeof *calls);
    enum ops_status status = calls ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < count && status == OPS_OK; i++)
        status = add_call(
            calls, DELETE_STREAM,
            json_pack("{s:s, s:s%}", "logGroupName", group->name, "logStreamName", keys[i].id.data, keys[i].id.length));
    if (status == OPS_OK) {
        forget_walk(group);
        send_calls(group, calls);
        status = check_group(group, calls, error);
    }
    for (size_t i = 0; i < count && status == OPS_OK; i++) {
        ret_outcomes[i] = outcome_of(&calls->calls[i]);
        if (ret_outcomes[i] == OPS_FAILED)
            say_refused(group, &keys[i], &calls->calls[i], error);
        else if (ret_outcomes[i] == OPS_RETRY)
            ops_aws_answer_note(&calls->calls[i], error);
    }
    release_calls(calls);
    return status;
}

/* Whether the answer to a search by prefix, of which a stream of exactly that name is the first, begins with it. */
static enum ops_status count_stream(const struct log_group *group, const struct ops_aws_call *call, const char *name,
                                    size_t *count, struct ops_error *error)
{
    json_t *answer = NULL;
    if (call->status == OPS_TARGET_MISSING || call->status == OPS_THROTTLED || call->status == OPS_TARGET_ERROR ||
        call->status == OPS_NO_MEMORY)
        return call->status;
    if (call->status != OPS_OK)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s", ops_error_text(&call->error, call->status));
    enum ops_status status = ops_json_parse_object(ops_buf_view(&call->response.body), &answer, NULL);
    if (status == OPS_OK) {
        const json_t *first = json_array_get(json_object_get(answer, "logStreams"), 0);
        *count += strcmp(ops_json_text(first, "logStreamName", ""), name) == 0;
    } else if (status != OPS_NO_MEMORY) {
        status = unreadable(group, error);
    }
    json_decref(answer);
    return status;
}

/* One of many that was throttled must not cost the answers to the others: it alone is asked again. */
static void ask_again(struct log_group *group, struct ops_aws_call *call)
{
    if (call->status == OPS_THROTTLED || call->status == OPS_STORE_UNAVAILABLE || call->status == OPS_UNKNOWN)
        ops_aws_call_send_patiently(group->stack->client, call);
}

static enum ops_status recount_names(struct log_group *group, const json_t *names, size_t *ret_count,
                                     struct ops_error *error)
{
    struct stream_calls *calls = ops_mem_zeroed(1, sizeof *calls);
    enum ops_status status = calls ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(names) && status == OPS_OK; i++)
        status = add_call(calls, DESCRIBE_STREAMS,
                          json_pack("{s:s, s:O, s:i}", "logGroupName", group->name, "logStreamNamePrefix",
                                    json_array_get(names, i), "limit", 1));
    if (status == OPS_OK && calls->count > 0)
        send_calls(group, calls);
    for (size_t i = 0; i < json_array_size(names) && status == OPS_OK; i++) {
        ask_again(group, &calls->calls[i]);
        status = count_stream(group, &calls->calls[i], json_string_value(json_array_get(names, i)), ret_count, error);
    }
    release_calls(calls);
    return status;
}

static enum ops_status read_receipt(const struct log_group *group, const char *receipt, json_t **ret_names,
                                    struct ops_error *error)
{
    json_t *names = NULL;
    if (ops_json_load(ops_view_of(receipt), JSON_REJECT_DUPLICATES, &names, NULL) == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    bool good = json_is_array(names) && json_array_size(names) <= LOG_PAGE_MAX;
    for (size_t i = 0; good && i < json_array_size(names); i++)
        good = json_is_string(json_array_get(names, i));
    if (good) {
        *ret_names = names;
        return OPS_OK;
    }
    json_decref(names);
    return ops_fail(error, OPS_TARGET_ERROR, "The receipt does not belong to %s.", group->name);
}

static enum ops_status log_group_recount(struct ops_target *self, uint32_t segment, const char *receipt,
                                         struct ops_recount *ret_there, struct ops_error *error)
{
    (void)segment;
    struct log_group *group = log_group(self);
    json_t *names = NULL;
    size_t count = 0;
    enum ops_status status = receipt[0] ? read_receipt(group, receipt, &names, error) : OPS_OK;
    if (status == OPS_OK)
        status = recount_names(group, names, &count, error);
    json_decref(names);
    if (status == OPS_OK)
        *ret_there = (struct ops_recount){.count = count};
    return status;
}

/* Whether the group may be looked into is told by looking. What may pass says nothing of the group. */
static enum ops_status log_group_inspect(struct ops_target *self, struct ops_findings *ret_findings, struct ops_error *error)
{
    struct log_group *group = log_group(self);
    json_t *answer = NULL;
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status =
        ops_aws_json_ask_once(group->stack->client, OPS_AWS_LOGS, DESCRIBE_STREAMS,
                              json_pack("{s:s, s:i}", "logGroupName", group->name, "limit", 1), &answer, &why);
    (void)error;
    if (status == OPS_TARGET_ERROR)
        ops_findings_add(ret_findings, true, "The streams of the log group %s can't be listed: %s", group->name,
                         ops_error_text(&why, status));
    json_decref(answer);
    ops_error_release(&why);
    return status == OPS_NO_MEMORY ? OPS_NO_MEMORY : OPS_OK;
}

static void log_group_close(struct ops_target *self)
{
    forget_walk(log_group(self));
    ops_buf_release(&log_group(self)->walked);
    ops_mem_free(log_group(self)->name);
    ops_mem_free(log_group(self));
}

static const struct ops_target_ops log_group_ops = {
    .page = log_group_page,
    .remove = log_group_remove,
    .recount = log_group_recount,
    .close = log_group_close,
    .inspect = log_group_inspect,
};

/* Log groups whose names begin with name come in the order of their names: the one that is looked for is the first. */
static enum ops_status find_group(struct ops_aws_stack *stack, const char *name, struct ops_error *error)
{
    json_t *answer = NULL;
    enum ops_status status =
        ops_aws_json_ask(stack->client, OPS_AWS_LOGS, DESCRIBE_GROUPS,
                         json_pack("{s:s, s:i}", "logGroupNamePrefix", name, "limit", 1), &answer, error);
    const json_t *found = json_array_get(json_object_get(answer, "logGroups"), 0);
    if (status == OPS_OK && strcmp(ops_json_text(found, "logGroupName", ""), name) != 0)
        status = ops_fail(error, OPS_TARGET_MISSING, "The log group %s does not exist in %s.", name,
                          ops_aws_client_region(stack->client));
    else if (status == OPS_OK && ops_json_flag(found, "deletionProtectionEnabled", false))
        status = ops_fail(error, OPS_TARGET_ERROR,
                          "The log group %s has deletion protection; take it off if its streams are to go.", name);
    json_decref(answer);
    return status == OPS_UNKNOWN ? OPS_STORE_UNAVAILABLE : status;
}

enum ops_status ops_aws_log_group_open(struct ops_aws_stack *stack, const struct ops_target_spec *spec,
                                       const struct ops_scope *scope, struct ops_target **ret_target,
                                       struct ops_error *error)
{
    if (scope->by != OPS_SCOPE_ALL)
        return ops_fail(error, OPS_TARGET_ERROR, "A tenant's records can't be told apart in the log group %s.", spec->name);
    enum ops_status status = find_group(stack, spec->name, error);
    if (status != OPS_OK)
        return status;
    struct log_group *group = ops_mem_zeroed(1, sizeof *group);
    char *name = ops_mem_strdup(spec->name);
    if (!group || !name) {
        ops_mem_free(group);
        ops_mem_free(name);
        return OPS_NO_MEMORY;
    }
    group->target =
        (struct ops_target){.ops = &log_group_ops, .segment_count = 1, .page_max = LOG_PAGE_MAX, .batch_max = LOG_PAGE_MAX};
    group->stack = stack;
    group->name = name;
    ops_buf_init(&group->walked, STREAM_NAME_MAX_BYTES);
    *ret_target = &group->target;
    return OPS_OK;
}

static enum ops_status report_groups(const json_t *answer, ops_on_resource_fn on_resource, void *context)
{
    enum ops_status status = OPS_OK;
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(answer, "logGroups"), i, group) {
        const char *name = ops_json_text(group, "logGroupName", NULL);
        if (status == OPS_OK && name)
            status = ops_resource_found(on_resource, context, OPS_LOG_GROUP, name);
    }
    return status;
}

enum ops_status ops_aws_log_groups_list(struct ops_aws_stack *stack, ops_on_resource_fn on_resource, void *context,
                                        struct ops_error *error)
{
    json_t *token = NULL;
    enum ops_status status;
    do {
        json_t *answer = NULL;
        status = ops_aws_json_ask(stack->client, OPS_AWS_LOGS, DESCRIBE_GROUPS,
                                  ops_json_pack("{s:i, s:O*}", "limit", LOG_PAGE_MAX, "nextToken", token), &answer, error);
        if (status == OPS_UNKNOWN)
            status = OPS_STORE_UNAVAILABLE;
        if (status == OPS_OK)
            status = report_groups(answer, on_resource, context);
        json_t *next = json_object_get(answer, "nextToken");
        if (status == OPS_OK && is_same_token(next, token))
            status = ops_fail(error, OPS_TARGET_ERROR,
                              "CloudWatch Logs goes on with its list of log groups where it began, at %.*s.", SHOWN_MAX,
                              json_string_value(next));
        json_decref(token);
        token = status == OPS_OK && json_is_string(next) ? json_incref(next) : NULL;
        json_decref(answer);
    } while (token);
    return status;
}
