/* The account's buckets, in whatever region. Source: Amazon S3 API Reference, "ListBuckets". */
#include "adapters/aws/percent.h"
#include "adapters/aws/stack.h"
#include "adapters/aws/xml.h"

enum {
    ANSWER_MAX_BYTES = 4 * 1024 * 1024,
    TOKEN_MAX_BYTES = 4 * 1024,
    QUERY_MAX_BYTES = 3 * TOKEN_MAX_BYTES + 64,
    PAGES_MAX = 10 * 1000, /* of a thousand buckets each: ten times what an account may have */
    TOKEN_SHOWN_MAX = 120,
    TOKEN_DEPTH = 2,
    NAME_DEPTH = 4,
};

struct names {
    ops_on_resource_fn on_resource;
    void *context;
    int depth;
    bool in_root;
    bool reports;  /* the document is known to be whole */
    bool reported; /* the last status is on_resource's */
    struct ops_buf token;
    struct ops_buf name;
};

static bool is_name(const struct names *names, const char *name)
{
    return names->depth == NAME_DEPTH && strcmp(name, "Name") == 0;
}

static bool is_token(const struct names *names, const char *name)
{
    return names->depth == TOKEN_DEPTH && strcmp(name, "ContinuationToken") == 0;
}

static bool on_begin(void *context, const char *name)
{
    struct names *names = context;
    names->depth++;
    if (names->depth == 1)
        names->in_root = strcmp(name, "ListAllMyBucketsResult") == 0;
    return is_name(names, name) || is_token(names, name);
}

static enum ops_status report(struct names *names, struct ops_view text)
{
    ops_buf_clear(&names->name);
    ops_buf_append_view(&names->name, text);
    enum ops_status status = ops_buf_status(&names->name);
    if (status != OPS_OK)
        return status;
    status = ops_resource_found(names->on_resource, names->context, OPS_BUCKET, ops_buf_text(&names->name));
    names->reported = status != OPS_OK;
    return status;
}

static enum ops_status on_end(void *context, const char *name, struct ops_view text)
{
    struct names *names = context;
    enum ops_status status = names->in_root ? OPS_OK : OPS_CORRUPT;
    if (status == OPS_OK && is_name(names, name) && names->reports)
        status = report(names, text);
    if (status == OPS_OK && is_token(names, name)) {
        ops_buf_append_view(&names->token, text);
        status = ops_buf_status(&names->token);
    }
    names->depth--;
    return status;
}

static enum ops_status read_names(struct names *names, struct ops_view answer, bool reports)
{
    const struct ops_xml_handler handler = {.context = names, .begin = on_begin, .end = on_end};
    names->depth = 0;
    names->reports = reports;
    names->reported = false;
    ops_buf_clear(&names->token);
    return ops_xml_read(answer, &handler);
}

static enum ops_status status_of(const struct ops_aws_call *call, struct ops_error *error)
{
    enum ops_status status = call->status;
    if (status == OPS_OK || status == OPS_NO_MEMORY)
        return status;
    if (status == OPS_UNKNOWN)
        status = OPS_STORE_UNAVAILABLE;
    else if (status == OPS_TARGET_MISSING || status == OPS_LIMIT)
        status = OPS_TARGET_ERROR;
    return ops_fail(error, status, "The account's buckets can't be listed: %s", ops_error_text(&call->error, call->status));
}

static enum ops_status write_query(struct ops_buf *query, const struct ops_buf *token)
{
    ops_buf_clear(query);
    ops_buf_append_text(query, "max-buckets=1000");
    if (token->length > 0) {
        ops_buf_append_text(query, "&continuation-token=");
        ops_aws_percent_append(query, ops_buf_view(token), false);
    }
    return ops_buf_status(query);
}

/* Nothing is reported of an answer that turns out to be half of one. */
static enum ops_status take_names(struct names *names, struct ops_view answer)
{
    enum ops_status status = read_names(names, answer, false);
    return status == OPS_OK ? read_names(names, answer, true) : status;
}

static enum ops_status list_on(struct ops_aws_stack *stack, const struct ops_buf *query, struct names *names,
                               struct ops_error *error)
{
    struct ops_aws_call call;
    ops_aws_call_init(&call, OPS_AWS_S3, ANSWER_MAX_BYTES);
    call.method = "GET";
    call.operation = "ListBuckets";
    call.query = ops_buf_text(query);
    enum ops_status status = OPS_OK;
    for (int attempt = 1;; attempt++) {
        ops_aws_call_send_patiently(stack->client, &call);
        status = status_of(&call, error);
        if (status != OPS_OK)
            break;
        status = take_names(names, ops_buf_view(&call.response.body));
        if (names->reported || (status != OPS_CORRUPT && status != OPS_LIMIT))
            break;
        status = ops_fail(error, OPS_TARGET_ERROR, "S3 gave a list of buckets that can't be read.");
        if (attempt == OPS_AWS_TRIES_MAX)
            break;
        ops_aws_client_back_off(stack->client, attempt);
    }
    ops_aws_call_release(&call);
    return status;
}

enum ops_status ops_aws_buckets_list(struct ops_aws_stack *stack, ops_on_resource_fn on_resource, void *context,
                                     struct ops_error *error)
{
    struct names names = {.on_resource = on_resource, .context = context};
    struct ops_buf query, began;
    ops_buf_init(&names.token, TOKEN_MAX_BYTES);
    ops_buf_init(&names.name, OPS_XML_TEXT_MAX_BYTES);
    ops_buf_init(&query, QUERY_MAX_BYTES);
    ops_buf_init(&began, TOKEN_MAX_BYTES);
    enum ops_status status;
    size_t pages = 0;
    do {
        ops_buf_clear(&began);
        ops_buf_append_view(&began, ops_buf_view(&names.token));
        status = ops_buf_status(&began);
        if (status == OPS_OK)
            status = write_query(&query, &began);
        if (status == OPS_OK)
            status = list_on(stack, &query, &names, error);
        bool more = status == OPS_OK && names.token.length > 0;
        if (more && (++pages == PAGES_MAX || ops_view_equal(ops_buf_view(&names.token), ops_buf_view(&began))))
            status = ops_fail(error, OPS_TARGET_ERROR, "S3 gives a list of buckets that does not end: it goes on at %.*s.",
                              TOKEN_SHOWN_MAX, ops_buf_text(&names.token));
    } while (status == OPS_OK && names.token.length > 0);
    ops_buf_release(&began);
    ops_buf_release(&names.token);
    ops_buf_release(&names.name);
    ops_buf_release(&query);
    return status;
}
