#include "adapters/aws/bucket.h"

#include "adapters/aws/answer.h"

#include <strings.h>

enum { LIST_ANSWER_MAX_BYTES = 16 * 1024 * 1024 };

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
                                       struct ops_error *error)
{
    const char *here = ops_aws_client_region(bucket->stack->client);
    const char *region = ops_aws_answer_header(call, "x-amz-bucket-region");
    if (region[0] && strcmp(region, here) != 0)
        return ops_fail(error, OPS_TARGET_ERROR, "The bucket %s is in region %s, and not in %s.", bucket->name, region,
                        here);
    if (call->response.status == 403)
        return ops_fail(error, OPS_TARGET_ERROR,
                        "The bucket %s does not belong to account %s, or the account may not use it so: %s", bucket->name,
                        bucket->account, ops_error_text(&call->error, call->status));
    return ops_fail(error, OPS_TARGET_ERROR, "%s", ops_error_text(&call->error, call->status));
}

enum ops_status ops_s3_call_status(const struct ops_s3_bucket *bucket, const struct ops_aws_call *call,
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
            return explain_refusal(bucket, call, error);
        break;
    default:
        break;
    }
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s", ops_error_text(&call->error, call->status));
}

enum ops_status ops_s3_get(struct ops_s3_bucket *bucket, bool patiently, struct ops_error *error)
{
    struct ops_aws_pacer *pacer = &bucket->stack->pacers[OPS_AWS_S3];
    struct ops_aws_call call;
    ops_s3_call_init(bucket, &call, "GET", LIST_ANSWER_MAX_BYTES);
    call.query = ops_buf_text(&bucket->query);
    /* The memory of the last answer is used again. */
    ops_buf_clear(&bucket->answer);
    bucket->answer.limit_bytes = call.response.body.limit_bytes;
    call.response.body = bucket->answer;
    size_t taken = ops_aws_pacer_enter(pacer, 1);
    if (patiently)
        ops_aws_call_send_patiently(bucket->stack->client, &call);
    else
        ops_aws_call_send(bucket->stack->client, &call);
    ops_aws_pacer_leave(pacer, taken, call.status == OPS_THROTTLED);
    enum ops_status status = ops_s3_call_status(bucket, &call, error);
    bucket->answer = call.response.body;
    ops_buf_init(&call.response.body, 0);
    ops_aws_call_release(&call);
    return status;
}
