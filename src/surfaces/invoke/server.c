#include "surfaces/invoke/server.h"

#include "base/json.h"
#include "base/mem.h"
#include "surfaces/invoke/function_name.h"
#include "surfaces/invoke/guard.h"
#include "surfaces/wire/listen.h"
#include "surfaces/wire/percent.h"
#include "surfaces/wire/server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_BEFORE "/2015-03-31/functions/"
#define PATH_AFTER "/invocations"
#define ERROR_TYPE_HEADER "x-amzn-ErrorType"

/* stats.call of a request that reaches no operation. */
#define NO_OPERATION "invoke"

struct ops_invoke_server {
    struct ops_app *app;
    struct ops_wire_server *wire;
    struct ops_listener listener;
    char bound[OPS_ADDRESS_SIZE]; /* "" for a unix socket */
};

/* ---- refusals, in Lambda's words and ours ---- */

struct refusal {
    int http_status;
    const char *type; /* x-amzn-ErrorType */
    enum ops_status status;
};

static const struct refusal unknown_path = {MHD_HTTP_NOT_FOUND, "UnknownOperationException", OPS_ROUTE_NOT_FOUND};
static const struct refusal wrong_method = {MHD_HTTP_METHOD_NOT_ALLOWED, "UnknownOperationException",
                                            OPS_METHOD_NOT_ALLOWED};
static const struct refusal unknown_function = {MHD_HTTP_NOT_FOUND, "ResourceNotFoundException", OPS_ROUTE_NOT_FOUND};
static const struct refusal bad_parameter = {MHD_HTTP_BAD_REQUEST, "InvalidParameterValueException", OPS_INVALID_FIELD};
static const struct refusal denied = {MHD_HTTP_FORBIDDEN, "AccessDeniedException", OPS_INVALID_FIELD};
static const struct refusal bad_content = {MHD_HTTP_BAD_REQUEST, "InvalidRequestContentException", OPS_INVALID_JSON};
static const struct refusal too_large = {MHD_HTTP_CONTENT_TOO_LARGE, "RequestTooLargeException", OPS_PAYLOAD_TOO_LARGE};
static const struct refusal no_memory = {MHD_HTTP_INTERNAL_SERVER_ERROR, "ServiceException", OPS_NO_MEMORY};

/* The envelope with Lambda's two members in front, so that an SDK finds its message and a person finds ours. Where that
 * does not fit, the envelope alone will do. */
static void put_lambda_words(struct ops_wire_reply *reply, int http_status, const char *message)
{
    struct ops_view envelope = ops_buf_view(&reply->answer.body);
    json_t *text = json_string(message);
    ops_buf_clear(&reply->scratch);
    ops_buf_append_format(&reply->scratch, "{\"Type\":\"%s\",\"Message\":", http_status < 500 ? "User" : "Service");
    if (text && envelope.length > 1 && ops_json_append(text, &reply->scratch) == OPS_OK) {
        ops_buf_append_char(&reply->scratch, ',');
        ops_buf_append(&reply->scratch, envelope.data + 1, envelope.length - 1);
        if (ops_buf_status(&reply->scratch) == OPS_OK)
            reply->body = ops_buf_view(&reply->scratch);
    }
    json_decref(text);
}

/* error holds the sentence, or nothing for the status's own; it is released. */
static void refuse(struct ops_invoke_server *server, const struct refusal *refusal, struct ops_error *error,
                   struct ops_wire_reply *reply)
{
    ops_app_refuse(server->app, NO_OPERATION, refusal->status, error, &reply->answer);
    ops_wire_reply_answer(reply);
    reply->http_status = refusal->http_status;
    put_lambda_words(reply, refusal->http_status, ops_error_text(error, refusal->status));
    ops_wire_reply_header(reply, ERROR_TYPE_HEADER, refusal->type);
    ops_error_release(error);
}

/* ---- requests ---- */

enum invocation { INVOKE_AND_ANSWER, INVOKE_AND_ACCEPT, INVOKE_NOT, INVOCATION_UNKNOWN };

static enum invocation invocation_of(const struct ops_wire_request *request)
{
    static const struct {
        const char *name;
        enum invocation invocation;
    } types[] = {{"RequestResponse", INVOKE_AND_ANSWER}, {"Event", INVOKE_AND_ACCEPT}, {"DryRun", INVOKE_NOT}};
    struct ops_view type = ops_wire_request_header(request, "X-Amz-Invocation-Type");
    if (type.length == 0)
        return INVOKE_AND_ANSWER;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (ops_view_is(type, types[i].name))
            return types[i].invocation;
    return INVOCATION_UNKNOWN;
}

/* The path segment between the fixed parts. */
static bool function_segment(struct ops_view path, struct ops_view *ret_segment)
{
    const struct ops_view before = ops_view_of(PATH_BEFORE);
    const struct ops_view after = ops_view_of(PATH_AFTER);
    if (path.length <= before.length + after.length || !ops_view_starts_with(path, before) ||
        !ops_view_is(ops_view(path.data + path.length - after.length, after.length), PATH_AFTER))
        return false;
    *ret_segment = ops_view(path.data + before.length, path.length - before.length - after.length);
    return !memchr(ret_segment->data, '/', ret_segment->length);
}

struct qualifier {
    struct ops_buf text;
    enum ops_status status;
};

static void on_argument(void *context, struct ops_view name, struct ops_view value)
{
    struct qualifier *qualifier = context;
    if (ops_view_is(name, "Qualifier"))
        qualifier->status = ops_percent_decode(value, &qualifier->text);
}

static enum ops_status read_function_name(const struct ops_wire_request *request, struct ops_view segment,
                                          struct ops_function_name *ret_name)
{
    struct qualifier qualifier = {.status = OPS_OK};
    ops_buf_init(&qualifier.text, OPS_FUNCTION_QUALIFIER_MAX);
    ops_wire_query(request, on_argument, &qualifier);
    enum ops_status status = qualifier.status == OPS_LIMIT ? OPS_INVALID_FIELD : qualifier.status;
    if (status == OPS_OK)
        status = ops_function_name_parse(segment, ops_buf_view(&qualifier.text), ret_name);
    ops_buf_release(&qualifier.text);
    return status;
}

/* Which operation is meant, or why none is. */
static const struct refusal *find_operation(const struct ops_wire_request *request, struct ops_wire_reply *reply,
                                            const struct ops_operation **ret_operation, struct ops_error *error)
{
    struct ops_view segment;
    struct ops_function_name function;
    if (!function_segment(request->path, &segment))
        return &unknown_path;
    if (strcmp(request->method, "POST") != 0) {
        ops_wire_reply_header(reply, "Allow", "POST");
        return &wrong_method;
    }
    enum ops_status status = read_function_name(request, segment, &function);
    if (status != OPS_OK) {
        (void)ops_fail(error, status, "The function's name or qualifier is not one that Lambda takes.");
        ops_error_detail(error, "field", "FunctionName");
        return status == OPS_NO_MEMORY ? &no_memory : &bad_parameter;
    }
    *ret_operation = ops_operation_by_function(ops_view_of(function.name));
    if (*ret_operation)
        return NULL;
    (void)ops_fail(error, OPS_ROUTE_NOT_FOUND, "Function not found: %s", function.name);
    ops_error_detail(error, "function", function.name);
    return &unknown_function;
}

static const struct refusal *check_body(const struct ops_wire_request *request, struct ops_error *error)
{
    if (request->body_status == OPS_NO_MEMORY)
        return &no_memory;
    if (request->body_status == OPS_THROTTLED) {
        (void)ops_fail(error, OPS_PAYLOAD_TOO_LARGE,
                       "There is no room for this payload now: others that are under way take all of it.");
        ops_error_detail_integer(error, "retry_after_seconds", 1);
        return &too_large;
    }
    if (request->body_status != OPS_PAYLOAD_TOO_LARGE)
        return NULL;
    (void)ops_fail(error, OPS_PAYLOAD_TOO_LARGE, "The payload is larger than %d bytes.", (int)OPS_INVOKE_BODY_MAX);
    ops_error_detail_integer(error, "limit_bytes", OPS_INVOKE_BODY_MAX);
    return &too_large;
}

/* SDKs show x-amzn-RequestId to people, who look for it in the audit trail; so it is the envelope's own. Quotes inside texts
 * are escaped in JSON, hence the name in plain quotes is a member's; the last one is that of stats. */
static void put_request_id(struct ops_wire_reply *reply)
{
    static const char member[] = "\"request_id\":\"";
    struct ops_view text = ops_buf_view(&reply->answer.body);
    for (size_t at = text.length; at-- > 0;) {
        if (text.length - at < sizeof member || text.data[at] != '"' ||
            memcmp(text.data + at, member, sizeof member - 1) != 0)
            continue;
        const char *value = text.data + at + sizeof member - 1;
        const char *end = memchr(value, '"', text.length - at - (sizeof member - 1));
        if (!end || (size_t)(end - value) >= sizeof reply->request_id)
            return;
        memcpy(reply->request_id, value, (size_t)(end - value));
        reply->request_id[end - value] = '\0';
        ops_wire_reply_header(reply, "x-amzn-RequestId", reply->request_id);
        return;
    }
}

static bool crashed(enum ops_status status)
{
    return status == OPS_INTERNAL_ERROR || status == OPS_NO_MEMORY;
}

/* What remains after the envelope is written: Lambda's status and headers. */
static void put_outcome(enum invocation invocation, struct ops_wire_reply *reply)
{
    ops_wire_reply_answer(reply);
    reply->http_status = MHD_HTTP_OK;
    reply->retry_after_seconds = 0; /* it belongs to HTTP statuses that this surface does not use */
    ops_wire_reply_header(reply, "X-Amz-Executed-Version", "$LATEST");
    put_request_id(reply);
    if (invocation == INVOKE_AND_ACCEPT) {
        reply->http_status = MHD_HTTP_ACCEPTED;
        reply->body = ops_view(NULL, 0);
        reply->content_type = NULL;
    } else if (crashed(reply->answer.status)) {
        ops_wire_reply_header(reply, "X-Amz-Function-Error", "Unhandled");
    }
}

/* Lambda looks no further than that: what is JSON is the function's to judge. */
static bool is_json(struct ops_view payload)
{
    json_t *value = NULL;
    bool is_so = ops_json_load(payload, JSON_DECODE_ANY | JSON_ALLOW_NUL, &value, NULL) == OPS_OK;
    json_decref(value);
    return is_so;
}

/* An empty payload is {}. One that is no object is refused as an operation would; but whoever waits for no answer learns it
 * by Lambda's 400. */
static void run(struct ops_invoke_server *server, const struct ops_wire_request *request, struct ops_call *call,
                enum invocation invocation, struct ops_wire_reply *reply)
{
    struct ops_error error = OPS_ERROR_INIT;
    json_t *input = NULL;
    enum ops_status status = OPS_OK;
    if (request->body.length > 0)
        status = ops_json_parse_object(request->body, &input, &error);
    if (status == OPS_INVALID_JSON && (invocation == INVOKE_AND_ACCEPT || !is_json(request->body))) {
        refuse(server, &bad_content, &error, reply);
        return;
    }
    call->input = input;
    call->turn = request->turn;
    ops_wire_request_peer(request, &call->peer);
    if (status == OPS_OK)
        ops_app_answer(server->app, call, &reply->answer);
    else
        ops_app_refuse(server->app, call->operation->name, status, &error, &reply->answer);
    reply->wait_ms = reply->answer.wait_ms;
    if (reply->wait_ms == 0)
        put_outcome(invocation, reply);
    json_decref(input);
    ops_error_release(&error);
}

/* What stands against any request, whatever it asks for. */
static const struct refusal *check_caller(const struct ops_invoke_server *server, const struct ops_wire_request *request,
                                          struct ops_error *error)
{
    if (request->fault) {
        (void)ops_fail(error, OPS_INVALID_FIELD, "%s", request->fault->sentence);
        ops_error_detail(error, "field", request->fault->field);
        return &bad_parameter;
    }
    return ops_invoke_guard(request, server->listener.port, error) == OPS_OK ? NULL : &denied;
}

static void answer(void *context, const struct ops_wire_request *request, struct ops_wire_reply *reply)
{
    struct ops_invoke_server *server = context;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_call call = {.operation = NULL};
    enum invocation invocation = invocation_of(request);
    const struct refusal *refusal = check_caller(server, request, &error);
    if (!refusal)
        refusal = find_operation(request, reply, &call.operation, &error);
    if (!refusal && invocation == INVOCATION_UNKNOWN) {
        (void)ops_fail(&error, OPS_INVALID_FIELD, "The invocation type must be RequestResponse, Event or DryRun.");
        ops_error_detail(&error, "field", "X-Amz-Invocation-Type");
        refusal = &bad_parameter;
    }
    if (!refusal)
        refusal = check_body(request, &error);
    if (refusal) {
        refuse(server, refusal, &error, reply);
        if (request->fault && request->fault->http_status)
            reply->http_status = request->fault->http_status;
    } else if (invocation == INVOKE_NOT) {
        reply->http_status = MHD_HTTP_NO_CONTENT;
    } else {
        run(server, request, &call, invocation, reply);
    }
}

static void leave(void *context, struct ops_turn *turn)
{
    struct ops_invoke_server *server = context;
    ops_turn_leave(server->app, turn);
}

/* ---- start and stop ---- */

static struct ops_wire_limits limits_of(const struct ops_invoke_config *config)
{
    struct ops_wire_limits limits = config->limits;
    if (limits.connections == 0)
        limits.connections = OPS_INVOKE_CONNECTIONS_MAX;
    if (limits.connections_per_party == 0)
        limits.connections_per_party = OPS_INVOKE_CONNECTIONS_PER_PARTY;
    if (limits.bodies_max_bytes == 0)
        limits.bodies_max_bytes = OPS_INVOKE_BODIES_MAX_BYTES;
    return limits;
}

enum ops_status ops_invoke_server_start(struct ops_app *app, const struct ops_invoke_config *config,
                                        struct ops_invoke_server **ret_server, struct ops_error *error)
{
    struct ops_invoke_server *server = ops_mem_zeroed(1, sizeof *server);
    if (!server)
        return OPS_NO_MEMORY;
    server->app = app;
    struct ops_wire_config wire = {
        .answer = answer,
        .leave = leave,
        .context = server,
        .body_max_bytes = OPS_INVOKE_BODY_MAX,
        .threads = config->threads,
        .limits = limits_of(config),
        .traffic = config->traffic,
        .access_log = config->access_log,
        .surface = OPS_SURFACE_INVOKE,
        .proof_token = config->proof_token,
    };
    enum ops_status status = ops_listen(config->listen, true, &server->listener, error);
    if (status != OPS_OK) {
        ops_mem_free(server);
        return status;
    }
    if (!ops_listens_on_unix(config->listen))
        ops_tcp_bound_address(server->listener.fd, server->bound);
    status = ops_wire_server_start(server->listener.fd, &wire, &server->wire, error);
    if (status == OPS_OK) {
        *ret_server = server;
        return OPS_OK;
    }
    ops_listener_unlink(&server->listener);
    (void)close(server->listener.fd); /* nothing was written to it */
    ops_mem_free(server);
    return status;
}

const char *ops_invoke_server_address(const struct ops_invoke_server *server)
{
    return server->listener.address;
}

const char *ops_invoke_server_bound(const struct ops_invoke_server *server)
{
    return server->bound[0] ? server->bound : server->listener.address;
}

void ops_invoke_server_stop(struct ops_invoke_server *server)
{
    if (!server)
        return;
    ops_listener_unlink(&server->listener);
    ops_wire_server_stop(server->wire);
    ops_mem_free(server);
}
