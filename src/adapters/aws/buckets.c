/* The account's buckets, in whatever region. Source: Amazon S3 API Reference, "ListBuckets". */
#include "adapters/aws/percent.h"
#include "adapters/aws/stack.h"
#include "adapters/aws/xml.h"

enum {
    ANSWER_MAX_BYTES = 4 * 1024 * 1024,
    TOKEN_MAX_BYTES = 4 * 1024,
    QUERY_MAX_BYTES = 3 * TOKEN_MAX_BYTES + 64,
    PAGES_MAX = 10 * 1000, /* of a thousand buckets each: ten times what an account may have */
    TOKEN_DEPTH = 2,
    NAME_DEPTH = 4,
};

struct names {
    ops_on_resource_fn on_resource;
    void *context;
    int depth;
    bool in_root;
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
    if (status == OPS_OK && is_name(names, name))
        status = report(names, text);
    if (status == OPS_OK && is_token(names, name)) {
        ops_buf_append_view(&names->token, text);
        status = ops_buf_status(&names->token);
    }
    names->depth--;
    return status;
}

static enum ops_status read_names(struct names *names, struct ops_view answer, struct ops_error *error)
{
    const struct ops_xml_handler handler = {.context = names, .begin = on_begin, .end = on_end};
    names->depth = 0;
    names->reported = false;
    ops_buf_clear(&names->token);
    enum ops_status status = ops_xml_read(answer, &handler);
    if (names->reported || (status != OPS_CORRUPT && status != OPS_LIMIT))
        return status;
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "S3 gave a list of buckets that can't be read.");
}

static enum ops_status status_of(const struct ops_aws_call *call, struct ops_error *error)
{
    enum ops_status status = call->status;
    if (status == OPS_OK || status == OPS_NO_MEMORY)
        return status;
    if (status == OPS_UNKNOWN || status == OPS_LIMIT)
        status = OPS_STORE_UNAVAILABLE;
    else if (status == OPS_TARGET_MISSING)
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

static enum ops_status list_on(struct ops_aws_stack *stack, const struct ops_buf *query, struct names *names,
                               struct ops_error *error)
{
    struct ops_aws_call call;
    ops_aws_call_init(&call, OPS_AWS_S3, ANSWER_MAX_BYTES);
    call.method = "GET";
    call.query = ops_buf_text(query);
    ops_aws_call_send_patiently(stack->client, &call);
    enum ops_status status = status_of(&call, error);
    if (status == OPS_OK)
        status = read_names(names, ops_buf_view(&call.response.body), error);
    ops_aws_call_release(&call);
    return status;
}

enum ops_status ops_aws_buckets_list(struct ops_aws_stack *stack, ops_on_resource_fn on_resource, void *context,
                                     struct ops_error *error)
{
    struct names names = {.on_resource = on_resource, .context = context};
    struct ops_buf query;
    ops_buf_init(&names.token, TOKEN_MAX_BYTES);
    ops_buf_init(&names.name, OPS_XML_TEXT_MAX_BYTES);
    ops_buf_init(&query, QUERY_MAX_BYTES);
    enum ops_status status;
    size_t pages = 0;
    do {
        status = write_query(&query, &names.token);
        if (status == OPS_OK)
            status = list_on(stack, &query, &names, error);
        if (status == OPS_OK && ++pages == PAGES_MAX && names.token.length > 0)
            status = ops_fail(error, OPS_TARGET_ERROR, "S3 gives a list of buckets that does not end.");
    } while (status == OPS_OK && names.token.length > 0);
    ops_buf_release(&names.token);
    ops_buf_release(&names.name);
    ops_buf_release(&query);
    return status;
}
