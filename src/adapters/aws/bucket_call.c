#include "adapters/aws/bucket.h"

#include <strings.h>

enum { LIST_ANSWER_MAX_BYTES = 16 * 1024 * 1024, REMARK_NAME_MAX_BYTES = 16 * 1024 };

void ops_s3_call_init(const struct ops_s3_bucket *bucket, struct ops_aws_call *call, const char *method,
                      size_t body_limit_bytes)
{
    ops_aws_call_init(call, OPS_AWS_S3, body_limit_bytes);
    call->method = method;
    call->bucket = bucket->name;
    ops_aws_call_header(call, "x-amz-expected-bucket-owner", bucket->account);
}

bool ops_s3_call_misses_bucket(const struct ops_aws_call *call)
{
    return call->status == OPS_TARGET_MISSING && strcmp(call->code, "NoSuchBucket") == 0;
}

/* S3 names the region of a bucket that is not where it was looked for; with a wrong region in the signature too (Amazon S3
 * User Guide, "Methods for accessing a general purpose bucket"). */
static enum ops_status explain_refusal(const struct ops_s3_bucket *bucket, const struct ops_aws_call *call,
                                       const char *right, struct ops_error *error)
{
    const char *here = ops_aws_client_region(bucket->stack->client);
    const char *region = ops_aws_answer_header(call, "x-amz-bucket-region");
    if (region[0] && strcmp(region, here) != 0)
        return ops_fail(error, OPS_TARGET_ERROR, "The bucket %s is in region %s, and not in %s.", bucket->name, region,
                        here);
    const char *said = ops_error_text(&call->error, call->status);
    if (call->response.status == 403)
        return ops_fail(error, OPS_TARGET_ERROR, "%s (it needs %s, and a bucket that belongs to account %s)", said, right,
                        bucket->account);
    return ops_fail(error, OPS_TARGET_ERROR, "%s", said);
}

enum ops_status ops_s3_call_status(const struct ops_s3_bucket *bucket, const struct ops_aws_call *call, const char *right,
                                   struct ops_error *error)
{
    bool may_pass = ops_aws_answer_rejects_keys(call) || ops_aws_answer_rejects_time(call);
    switch (call->status) {
    case OPS_OK:
    case OPS_NO_MEMORY:
        return call->status;
    case OPS_THROTTLED:
    case OPS_LIMIT:
        return ops_fail(error, call->status, "%s", ops_error_text(&call->error, call->status));
    case OPS_TARGET_MISSING:
    case OPS_TARGET_ERROR:
        if (ops_s3_call_misses_bucket(call))
            return ops_fail(error, OPS_TARGET_MISSING, "The bucket %s does not exist.", bucket->name);
        if (!may_pass)
            return explain_refusal(bucket, call, right, error);
        break;
    default:
        break;
    }
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s", ops_error_text(&call->error, call->status));
}

/* The memory of the last answer is used again. */
static enum ops_status ask_once(struct ops_s3_bucket *bucket, struct ops_s3_question *question, struct ops_error *error)
{
    struct ops_aws_pacer *pacer = &bucket->stack->pacers[OPS_AWS_S3];
    struct ops_aws_call call;
    ops_s3_call_init(bucket, &call, "GET", LIST_ANSWER_MAX_BYTES);
    call.operation = question->operation;
    call.query = ops_buf_text(&bucket->query);
    ops_buf_clear(&bucket->answer);
    bucket->answer.limit_bytes = call.response.body.limit_bytes;
    call.response.body = bucket->answer;
    size_t taken = ops_aws_pacer_enter(pacer, 1);
    if (question->patiently)
        ops_aws_call_send_patiently(bucket->stack->client, &call);
    else
        ops_aws_call_send(bucket->stack->client, &call);
    ops_aws_pacer_leave(pacer, taken, call.status == OPS_THROTTLED);
    enum ops_status status = ops_s3_call_status(bucket, &call, question->right, error);
    question->is_lacking = ops_aws_answer_lacks(&call);
    question->is_denied = status == OPS_TARGET_ERROR && ops_aws_answer_denies(&call);
    memcpy(question->code, call.code, sizeof question->code);
    (void)ops_aws_answer_reason(&call, question->reason);
    bucket->answer = call.response.body;
    ops_buf_init(&call.response.body, 0);
    ops_aws_call_release(&call);
    return status;
}

enum ops_status ops_s3_ask(struct ops_s3_bucket *bucket, struct ops_s3_question *question, struct ops_error *error)
{
    int tries = question->patiently ? OPS_AWS_TRIES_MAX : 1;
    for (int attempt = 1; attempt <= tries; attempt++) {
        enum ops_status status = ask_once(bucket, question, error);
        if (status != OPS_OK)
            return status;
        status = question->read(question->context, ops_buf_view(&bucket->answer));
        if (status != OPS_CORRUPT && status != OPS_LIMIT)
            return status;
        if (attempt < tries)
            ops_aws_client_back_off(bucket->stack->client, attempt);
    }
    return ops_fail(error, question->patiently ? OPS_TARGET_ERROR : OPS_STORE_UNAVAILABLE,
                    "S3 gave an answer to %s of the bucket %s that can't be read.", question->operation, bucket->name);
}

void ops_s3_remark_denied(struct ops_s3_bucket *bucket, enum ops_s3_list list, struct ops_view after, const char *reason)
{
    struct ops_buf name;
    ops_buf_init(&name, REMARK_NAME_MAX_BYTES);
    ops_buf_append_format(&name, "%s%s/", list == OPS_S3_UPLOADS ? "unfinished uploads in " : "", bucket->name);
    ops_buf_append_view(&name, bucket->prefix);
    if (after.length > 0) {
        ops_buf_append_text(&name, " behind ");
        ops_buf_append_view(&name, after);
    }
    ops_remarks_add(bucket->target.remarks, OPS_REMARK_UNREADABLE,
                    ops_buf_status(&name) == OPS_OK ? ops_buf_view(&name) : ops_view_of(bucket->name), reason);
    ops_buf_release(&name);
}
