/* What happens to every call, whichever service it goes to: who asks, is the clock right, does a fault strike, carry it out,
 * spoil the answer. */
#include "stub/call.h"

#include "base/instant.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- Refusals ---- */

/* What stands for a character; NULL: itself. */
static const char *entity(char c, char room[static 8])
{
    static const char *const entities[64] = {['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;"};
    unsigned char byte = (unsigned char)c;
    if (byte >= ' ')
        return byte < 64 ? entities[byte] : NULL;
    (void)snprintf(room, 8, "&#x%x;", byte); /* as S3 does, though XML 1.0 has no such character */
    return room;
}

void stub_append_xml(struct ops_buf *buf, struct ops_view text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.length; i++) {
        char room[8];
        const char *instead = entity(text.data[i], room);
        if (!instead)
            continue;
        ops_buf_append(buf, text.data + start, i - start);
        ops_buf_append_text(buf, instead);
        start = i + 1;
    }
    ops_buf_append(buf, text.data + start, text.length - start);
}

void stub_append_element(struct ops_buf *buf, const char *name, struct ops_view text)
{
    ops_buf_append_char(buf, '<');
    ops_buf_append_text(buf, name);
    ops_buf_append_char(buf, '>');
    stub_append_xml(buf, text);
    ops_buf_append_text(buf, "</");
    ops_buf_append_text(buf, name);
    ops_buf_append_char(buf, '>');
}

static void json_error(struct stub_call *call, const char *code, struct ops_view message)
{
    struct ops_buf *body = &call->answer->body;
    call->answer->content_type =
        call->service == STUB_DYNAMODB ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
    ops_buf_append_text(body, "{\"__type\":\"");
    if (call->service == STUB_DYNAMODB)
        ops_buf_append_text(body, "com.amazonaws.dynamodb.v20120810#");
    ops_buf_append_text(body, code);
    ops_buf_append_text(body, "\",\"message\":");
    stub_append_json_string(body, message);
    ops_buf_append_char(body, '}');
}

static void s3_error(struct stub_call *call, const char *code, struct ops_view message)
{
    struct ops_buf *body = &call->answer->body;
    call->answer->content_type = "application/xml";
    ops_buf_append_text(body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    stub_append_element(body, "Code", ops_view_of(code));
    stub_append_element(body, "Message", message);
    if (call->bucket.length)
        stub_append_element(body, "BucketName", ops_buf_view(&call->bucket));
    stub_append_element(body, "RequestId", ops_view_of("STUBREQUEST00000"));
    ops_buf_append_text(body, "<HostId>stub</HostId></Error>");
}

static void sts_error(struct stub_call *call, const char *code, struct ops_view message)
{
    struct ops_buf *body = &call->answer->body;
    call->answer->content_type = "text/xml";
    ops_buf_append_text(body,
                        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>");
    stub_append_element(body, "Code", ops_view_of(code));
    stub_append_element(body, "Message", message);
    ops_buf_append_text(body, "</Error><RequestId>stub</RequestId></ErrorResponse>");
}

static void refuse(struct stub_call *call, int status, const char *code, struct ops_view message)
{
    static void (*const forms[])(struct stub_call *, const char *, struct ops_view) = {json_error, s3_error, json_error,
                                                                                       sts_error};
    call->answer->status = status;
    ops_buf_clear(&call->answer->body);
    forms[call->service](call, code, message);
}

static void refuse_formatted(struct stub_call *call, int status, const char *code, const char *format, va_list args)
{
    char message[1024];
    (void)vsnprintf(message, sizeof message, format, args); /* a long one is cut */
    refuse(call, status, code, ops_view_of(message));
}

void stub_refuse(struct stub_call *call, int status, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    refuse_formatted(call, status, code, format, args);
    va_end(args);
}

void stub_refuse_invalid(struct stub_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    refuse_formatted(call, 400, "ValidationException", format, args);
    va_end(args);
}

/* ---- Faults that are refusals ---- */

struct refusal {
    int status;
    const char *code;
    const char *message;
};

/* Words from the services' pages "Common errors", "Error responses" and "Error handling". In the order of the services. */
static const struct refusal throttled[] = {
    {400, "ProvisionedThroughputExceededException",
     "The level of configured provisioned throughput for the table was exceeded."},
    {503, "SlowDown", "Please reduce your request rate."},
    {400, "ThrottlingException", "Rate exceeded"},
    {400, "Throttling", "Rate exceeded"},
};
static const struct refusal internal_errors[] = {
    {500, "InternalServerError", "Internal server error"},
    {500, "InternalError", "We encountered an internal error. Please try again."},
    {500, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure."},
    {500, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure."},
};
static const struct refusal unavailable[] = {
    {503, "ServiceUnavailable", "The service is currently unavailable or busy."},
    {503, "ServiceUnavailable", "Service is unable to handle request."},
    {503, "ServiceUnavailableException", "The service cannot complete the request."},
    {503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."},
};
static const struct refusal not_implemented[] = {
    {400, "UnknownOperationException", ""},
    {501, "NotImplemented", "A header you provided implies functionality that is not implemented"},
    {400, "UnknownOperationException", ""},
    {400, "InvalidAction", "The action or operation requested is invalid."},
};
static const struct refusal expired[] = {
    {400, "ExpiredTokenException", "The security token included in the request is expired"},
    {400, "ExpiredToken", "The provided token has expired."},
    {400, "ExpiredTokenException", "The security token included in the request is expired"},
    {403, "ExpiredToken", "The security token included in the request is expired"},
};
static const struct refusal unsigned_calls[] = {
    {400, "MissingAuthenticationToken", "Missing Authentication Token"},
    {403, "AccessDenied", "Access Denied"},
    {400, "MissingAuthenticationTokenException", "Missing Authentication Token"},
    {403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
};
/* Not a 200 with an <Error> but the words of one: InternalError is what CopyObject and DeleteObjects hide there. */
static const struct refusal in_200[] = {
    {200, "InternalError", ""},
    {200, "InternalError", "We encountered an internal error. Please try again."},
};

static const struct refusal *const fault_refusals[STUB_FAULT_COUNT] = {
    [STUB_FAULT_THROTTLE] = throttled,
    [STUB_FAULT_SLOW_DOWN] = throttled,
    [STUB_FAULT_INTERNAL_ERROR] = internal_errors,
    [STUB_FAULT_UNAVAILABLE] = unavailable,
    [STUB_FAULT_EXPIRED_TOKEN] = expired,
    [STUB_FAULT_ERROR_IN_200] = in_200,
    [STUB_FAULT_NOT_IMPLEMENTED] = not_implemented,
};

static void refuse_as(struct stub_call *call, const struct refusal *refusals, const char *code)
{
    const struct refusal *refusal = &refusals[call->service];
    refuse(call, refusal->status, code && code[0] ? code : refusal->code, ops_view_of(refusal->message));
}

/* In the words of IAM, which name the action. */
static void deny(struct stub_call *call)
{
    bool is_xml = call->service == STUB_S3 || call->service == STUB_STS;
    const char *code = is_xml ? "AccessDenied" : "AccessDeniedException";
    stub_refuse(call, is_xml ? 403 : 400, call->rule->code[0] ? call->rule->code : code,
                "User: arn:aws:sts::" STUB_ACCOUNT ":assumed-role/g3nops/i-1 is not authorized to perform: %s:%s because no "
                "identity-based policy allows it",
                stub_service_name(call->service), call->operation->name ? call->operation->name : "*");
}

/* ---- Faults of the wire ---- */

static void make_garbage(struct stub_answer *answer)
{
    static const char garbage[] = "\x00\xff<{\"]]>\xc3(\x1b[0m not what you asked for &&& {{{{";
    ops_buf_clear(&answer->body);
    ops_buf_append(&answer->body, garbage, sizeof garbage - 1);
    answer->status = 200;
}

static void spoil(struct stub_call *call)
{
    struct stub_answer *answer = call->answer;
    switch (call->rule->fault) {
    case STUB_FAULT_TRUNCATE:
        answer->ending = STUB_CUT;
        break;
    case STUB_FAULT_GARBAGE:
        make_garbage(answer);
        break;
    case STUB_FAULT_SLOW:
        answer->delay_ms = (int64_t)call->rule->delay_ms;
        break;
    case STUB_FAULT_RESET:
        answer->ending = STUB_RESET_HALFWAY;
        break;
    case STUB_FAULT_RESET_BEFORE:
    case STUB_FAULT_LOST_ANSWER:
        answer->ending = STUB_RESET_AT_ONCE;
        break;
    case STUB_FAULT_ACCESS_DENIED:
        deny(call);
        break;
    default:
        if (fault_refusals[call->rule->fault])
            refuse_as(call, fault_refusals[call->rule->fault], call->rule->code);
        break;
    }
}

/* ---- Who asks, and when ---- */

enum { SKEW_MAX_SECONDS = 300 };

/* "20260102T030405Z" */
static bool read_amz_date(struct ops_view text, int64_t *ret_second)
{
    char copy[32];
    struct tm parts = {.tm_sec = 0};
    if (text.length >= sizeof copy)
        return false;
    (void)snprintf(copy, sizeof copy, "%.*s", (int)text.length, text.data ? text.data : "");
    const char *end = strptime(copy, "%Y%m%dT%H%M%SZ", &parts);
    *ret_second = end && !*end ? (int64_t)timegm(&parts) : 0;
    return end && !*end;
}

static const char *amz_date(int64_t second, char text[static 20])
{
    time_t at = (time_t)second;
    struct tm parts;
    (void)gmtime_r(&at, &parts);
    (void)strftime(text, 20, "%Y%m%dT%H%M%SZ", &parts);
    return text;
}

static void refuse_s3_skew(struct stub_call *call, struct ops_view signed_text, int64_t now)
{
    struct ops_buf *body = &call->answer->body;
    char server[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(now * OPS_SECOND_MS, server);
    refuse(call, 403, "RequestTimeTooSkewed",
           ops_view_of("The difference between the request time and the current time is too large."));
    body->length -= sizeof "</Error>" - 1;
    stub_append_element(body, "RequestTime", signed_text);
    stub_append_element(body, "ServerTime", ops_view_of(server));
    ops_buf_append_format(body, "<MaxAllowedSkewMilliseconds>%d</MaxAllowedSkewMilliseconds></Error>",
                          SKEW_MAX_SECONDS * 1000);
}

/* Whether the request is refused for its date. Without a clock_skew rule no date is wrong: clients under a fake clock are
 * welcome. */
static bool refuse_skew(struct stub_call *call)
{
    const struct stub_rule *rule = stub_faults_skew(&call->world->faults, call->service);
    int64_t then, now = call->answer->now_ms / 1000;
    struct ops_view text = stub_request_header(call->request, "x-amz-date");
    if (!rule || !read_amz_date(text, &then) || llabs(then - now) <= SKEW_MAX_SECONDS)
        return false;
    call->world->faults.counts[STUB_FAULT_CLOCK_SKEW]++;
    if (call->service == STUB_S3) {
        refuse_s3_skew(call, text, now);
        return true;
    }
    bool late = then < now;
    char signed_at[20], limit[20], server[20];
    stub_refuse(call, call->service == STUB_STS ? 403 : 400,
                call->service == STUB_STS ? "SignatureDoesNotMatch" : "InvalidSignatureException",
                late ? "Signature expired: %s is now earlier than %s (%s - 5 min.)"
                     : "Signature not yet current: %s is still later than %s (%s + 5 min.)",
                amz_date(then, signed_at), amz_date(now + (late ? -SKEW_MAX_SECONDS : SKEW_MAX_SECONDS), limit),
                amz_date(now, server));
    return true;
}

static bool refuse_caller(struct stub_call *call)
{
    if (!stub_request_header(call->request, "authorization").length) {
        refuse_as(call, unsigned_calls, NULL);
        return true;
    }
    if (stub_faults_is_expired(&call->world->faults, stub_faults_identity(call->request))) {
        refuse_as(call, expired, NULL);
        return true;
    }
    return refuse_skew(call);
}

/* ---- The way of a call ---- */

static const struct stub_operation *operation_named(enum stub_service service, struct ops_view name)
{
    const struct stub_operation *operation = stub_operations(service);
    while (operation->name && !ops_view_is(name, operation->name))
        operation++;
    return operation;
}

static const struct stub_operation *sts_route(const struct stub_request *request)
{
    struct stub_request form = {.query = request->body};
    struct ops_buf action;
    stub_buf_init(&action);
    (void)stub_request_parameter(&form, "Action", &action);
    const struct stub_operation *operation = operation_named(STUB_STS, ops_buf_view(&action));
    ops_buf_release(&action);
    return operation;
}

static void route(struct stub_call *call)
{
    static const char dynamodb[] = "DynamoDB_20120810.", logs[] = "Logs_20140328.";
    struct ops_view target = stub_request_header(call->request, "x-amz-target");
    struct ops_view type = stub_request_header(call->request, "content-type");
    if (target.length) {
        call->service = ops_view_starts_with(target, ops_view_of(logs)) ? STUB_LOGS : STUB_DYNAMODB;
        size_t skip = call->service == STUB_LOGS ? sizeof logs - 1 : sizeof dynamodb - 1;
        if (skip > target.length)
            skip = target.length;
        call->operation = operation_named(call->service, ops_view(target.data + skip, target.length - skip));
    } else if (ops_view_starts_with(type, ops_view_of("application/x-www-form-urlencoded"))) {
        call->service = STUB_STS;
        call->operation = sts_route(call->request);
    } else {
        call->service = STUB_S3;
        call->operation = stub_s3_route(call);
    }
}

static void carry_out(struct stub_call *call)
{
    bool is_json = call->service == STUB_DYNAMODB || call->service == STUB_LOGS;
    if (is_json)
        call->answer->content_type =
            call->service == STUB_DYNAMODB ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
    if (is_json && !call->operation->reads_body) {
        call->input = json_loadb(call->request->body.data, call->request->body.length, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(call->input)) {
            stub_refuse(call, 400, "SerializationException", "The body is no JSON object");
            return;
        }
    }
    call->operation->carry_out(call);
}

static void answer_call(struct stub_call *call)
{
    struct stub_world *world = call->world;
    world->request_counts[call->service][call->operation - stub_operations(call->service)]++;
    const struct stub_rule *skew = stub_faults_skew(&world->faults, call->service);
    if (skew)
        call->answer->now_ms += skew->offset_seconds * 1000;
    if (refuse_caller(call))
        return;
    call->rule =
        stub_faults_draw(&world->faults, call->service, call->operation->name ? call->operation->name : "", call->request);
    if (call->rule && call->rule->fault == STUB_FAULT_EXPIRED_TOKEN)
        stub_faults_expire(&world->faults, stub_faults_identity(call->request));
    if (!call->rule || call->rule->done)
        carry_out(call);
    if (call->rule)
        spoil(call);
}

static void append_request_id(const struct stub_call *call)
{
    static const char *const names[] = {"x-amzn-RequestId", "x-amz-request-id", "x-amzn-RequestId", "x-amzn-RequestId"};
    ops_buf_append_format(&call->answer->headers, "%s: STUB%016" PRIX64 "\r\n", names[call->service],
                          ++call->world->last_request);
}

void stub_world_answer(void *context, const struct stub_request *request, struct stub_answer *answer)
{
    struct stub_world *world = context;
    struct stub_call call = {.world = world, .request = request, .answer = answer};
    bool is_control = stub_is_control(request);
    stub_buf_init(&call.bucket);
    stub_buf_init(&call.key);
    if (!is_control)
        route(&call);
    (void)pthread_mutex_lock(&world->lock); /* an ordinary mutex: can't fail */
    if (is_control) {
        stub_control(world, request, answer);
    } else {
        append_request_id(&call);
        answer_call(&call);
    }
    (void)pthread_mutex_unlock(&world->lock);
    json_decref(call.input);
    ops_buf_release(&call.bucket);
    ops_buf_release(&call.key);
}
