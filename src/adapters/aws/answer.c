#include "adapters/aws/answer.h"

#include "adapters/aws/xml.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

enum { HIDDEN_ERROR_WITHIN_BYTES = 512 };

const char *ops_aws_service_title(enum ops_aws_service service)
{
    static const char *const titles[OPS_AWS_SERVICE_COUNT] = {
        [OPS_AWS_DYNAMODB] = "DynamoDB", [OPS_AWS_S3] = "S3",   [OPS_AWS_LOGS] = "CloudWatch Logs",
        [OPS_AWS_LAMBDA] = "Lambda",     [OPS_AWS_STS] = "STS",
    };
    return titles[service];
}

struct code_row {
    const char *code;
    enum ops_status status;
};

/* Amazon DynamoDB Developer Guide, "Error handling with DynamoDB"; Amazon S3 API Reference, "Error responses"; Amazon
 * CloudWatch Logs API Reference, "Common Errors". What is not here is judged by its HTTP status. */
static const struct code_row code_rows[] = {
    {"BandwidthLimitExceeded", OPS_THROTTLED},
    {"NoSuchBucket", OPS_TARGET_MISSING},
    {"NoSuchKey", OPS_TARGET_MISSING},
    {"NoSuchUpload", OPS_TARGET_MISSING},
    {"NotImplemented", OPS_TARGET_ERROR},
    {"ProvisionedThroughputExceededException", OPS_THROTTLED},
    {"RequestLimitExceeded", OPS_THROTTLED},
    {"RequestThrottled", OPS_THROTTLED},
    {"ResourceNotFoundException", OPS_TARGET_MISSING},
    {"SlowDown", OPS_THROTTLED},
    {"TableNotFoundException", OPS_TARGET_MISSING},
    {"Throttling", OPS_THROTTLED},
    {"ThrottlingException", OPS_THROTTLED},
    {"TooManyRequestsException", OPS_THROTTLED},
    {"TransactionInProgressException", OPS_UNKNOWN},
};

/* Of the 5xx those that say that the server can't do such a thing, and never will (RFC 9110, sections 15.6.2 and 15.6.6). */
static bool lasts(int http_status)
{
    return http_status == 501 || http_status == 505;
}

enum ops_status ops_aws_code_status(const char *code, int http_status)
{
    for (size_t i = 0; i < sizeof code_rows / sizeof code_rows[0]; i++)
        if (strcmp(code, code_rows[i].code) == 0)
            return code_rows[i].status;
    if (http_status == 429)
        return OPS_THROTTLED;
    /* A service that broke down on the way may have done it or not. A 404 without the service's own word for it is of
     * another kind: something else listens there, a proxy or a wrong endpoint. To take it for a thing that has gone would
     * end a vacuum as complete that has deleted nothing. */
    if (http_status >= 500 || http_status == 408 || http_status < 300)
        return lasts(http_status) ? OPS_TARGET_ERROR : OPS_UNKNOWN;
    return OPS_TARGET_ERROR;
}

bool ops_aws_answer_hides_error(const struct ops_aws_call *call)
{
    struct ops_view body = ops_buf_view(&call->response.body);
    size_t within = body.length < HIDDEN_ERROR_WITHIN_BYTES ? body.length : HIDDEN_ERROR_WITHIN_BYTES;
    if (call->service != OPS_AWS_S3 || within == 0)
        return false;
    /* The root element: the first one that is no declaration. */
    const char *at = memchr(body.data, '<', within);
    while (at && (size_t)(at - body.data) + 1 < within && (at[1] == '?' || at[1] == '!'))
        at = memchr(at + 1, '<', within - (size_t)(at + 1 - body.data));
    return at && (size_t)(at - body.data) + 7 <= within && (memcmp(at, "<Error>", 7) == 0 || memcmp(at, "<Error ", 7) == 0);
}

/* "com.amazonaws.dynamodb.v20120810#ThrottlingException:http://..." is ThrottlingException. */
static void set_code(struct ops_aws_call *call, const char *type)
{
    const char *hash = strrchr(type, '#');
    const char *name = hash ? hash + 1 : type;
    (void)snprintf(call->code, sizeof call->code, "%.*s", (int)strcspn(name, ":"), name);
}

static void read_json_error(struct ops_aws_call *call)
{
    json_t *body = NULL;
    if (ops_json_parse_object(ops_buf_view(&call->response.body), &body, NULL) != OPS_OK)
        return;
    set_code(call, ops_json_text(body, "__type", ops_json_text(body, "code", "")));
    (void)snprintf(call->message, sizeof call->message, "%s",
                   ops_json_text(body, "message", ops_json_text(body, "Message", "")));
    json_decref(body);
}

static void read_xml_error(struct ops_aws_call *call)
{
    struct ops_view body = ops_buf_view(&call->response.body);
    char text[OPS_ERROR_TEXT_SIZE];
    if (ops_xml_text(body, "Code", text, sizeof text) == OPS_OK)
        (void)snprintf(call->code, sizeof call->code, "%.*s", (int)sizeof call->code - 1, text);
    if (ops_xml_text(body, "Message", text, sizeof text) == OPS_OK)
        (void)snprintf(call->message, sizeof call->message, "%.*s", (int)sizeof call->message - 1, text);
}

/* What an answer without a body that can be read is called. */
static const char *code_of_status(int http_status)
{
    switch (http_status) {
    case 301:
    case 307:
        return "PermanentRedirect";
    case 403:
        return "AccessDenied";
    default:
        return "";
    }
}

/* "BatchWriteItem" of "DynamoDB_20120810.BatchWriteItem"; for S3 what the caller says, else the method. */
static const char *operation_of(const struct ops_aws_call *call)
{
    if (call->operation)
        return call->operation;
    for (size_t i = 0; i < call->header_count; i++)
        if (strcasecmp(call->headers[i].name, "x-amz-target") == 0 && strchr(call->headers[i].value, '.'))
            return strchr(call->headers[i].value, '.') + 1;
    return call->method;
}

void ops_aws_answer_explain(struct ops_aws_call *call)
{
    int http_status = call->response.status;
    size_t failures_before = ops_mem_failure_count();
    if (call->service == OPS_AWS_S3 || call->service == OPS_AWS_STS)
        read_xml_error(call);
    else
        read_json_error(call);
    if (!call->code[0])
        set_code(call, ops_aws_answer_header(call, "x-amzn-errortype")); /* where Lambda says it, and nowhere else */
    if (!call->code[0])
        (void)snprintf(call->code, sizeof call->code, "%s", code_of_status(http_status));
    /* Without memory the code may be missing, and what it says is not known. */
    bool no_memory = ops_mem_failure_count() != failures_before;
    call->status = no_memory ? OPS_NO_MEMORY : ops_aws_code_status(call->code, http_status);
    /* After the first line comes, for a wrong signature, the whole request with its session token. */
    call->message[strcspn(call->message, "\r\n")] = '\0';
    const char *region = ops_aws_answer_header(call, "x-amz-bucket-region");
    (void)ops_fail(&call->error, call->status, "%s refused %s%s%s with HTTP status %d%s%s%s%s%s%s%s",
                   ops_aws_service_title(call->service), operation_of(call), call->bucket ? " on bucket " : "",
                   call->bucket ? call->bucket : "", http_status, call->code[0] ? ", " : "", call->code,
                   call->message[0] ? ": " : ".", call->message,
                   http_status == 301 && region[0] ? " (the bucket is in region " : "", http_status == 301 ? region : "",
                   http_status == 301 && region[0] ? ")" : "");
}

const char *ops_aws_answer_reason(const struct ops_aws_call *call, char ret_reason[static OPS_AWS_REASON_SIZE])
{
    if (call->code[0])
        (void)snprintf(ret_reason, OPS_AWS_REASON_SIZE, "%s: %s%s%s", operation_of(call), call->code,
                       call->message[0] ? ": " : "", call->message);
    else
        (void)snprintf(ret_reason, OPS_AWS_REASON_SIZE, "%s", ops_error_text(&call->error, call->status));
    return ret_reason;
}

void ops_aws_answer_note(const struct ops_aws_call *call, struct ops_error *error)
{
    char reason[OPS_AWS_REASON_SIZE];
    if (error && !error->text[0])
        (void)ops_fail(error, call->status, "%s", ops_aws_answer_reason(call, reason));
}

bool ops_aws_answer_lacks(const struct ops_aws_call *call)
{
    return call->status == OPS_TARGET_ERROR && (call->response.status == 501 || strcmp(call->code, "NotImplemented") == 0);
}

static bool is_one_of(const char *code, const char *const *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

bool ops_aws_answer_rejects_keys(const struct ops_aws_call *call)
{
    static const char *const codes[] = {
        "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId",         "InvalidClientTokenId",
        "InvalidToken", "TokenRefreshRequired",  "UnrecognizedClientException"};
    return is_one_of(call->code, codes, sizeof codes / sizeof codes[0]);
}

/* A signature that is refused for its time has the same code as one that is refused for its key; the caller compares clocks
 * to tell which it is. */
bool ops_aws_answer_rejects_time(const struct ops_aws_call *call)
{
    static const char *const codes[] = {"InvalidSignatureException", "RequestExpired", "RequestInTheFuture",
                                        "RequestTimeTooSkewed", "SignatureDoesNotMatch"};
    return is_one_of(call->code, codes, sizeof codes / sizeof codes[0]);
}

const char *ops_aws_answer_header(const struct ops_aws_call *call, const char *name)
{
    for (size_t i = 0; i < OPS_HTTP_WANTED_MAX; i++)
        if (call->response.wanted[i].name && strcasecmp(call->response.wanted[i].name, name) == 0)
            return call->response.wanted[i].value;
    return "";
}

int64_t ops_aws_answer_date_ms(const struct ops_aws_call *call)
{
    struct tm tm = {.tm_sec = 0};
    const char *end = strptime(ops_aws_answer_header(call, "date"), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return end && *end == '\0' ? (int64_t)timegm(&tm) * 1000 : -1;
}

bool ops_aws_answer_denies(const struct ops_aws_call *call)
{
    static const char *const codes[] = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled"};
    return call->status == OPS_TARGET_ERROR && is_one_of(call->code, codes, sizeof codes / sizeof codes[0]);
}
