#include "surfaces/cli/client.h"

#include "base/json.h"
#include "base/mem.h"
#include "surfaces/cli/whom.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    ANSWER_MAX_BYTES = 16 * 1024 * 1024,
    REQUEST_MAX_BYTES = 1024 * 1024,
    URL_MAX_BYTES = 32 * 1024,
    PROOFS_MAX = 3, /* the connection that it was given on may have been closed since */
};

void ops_cli_reply_init(struct ops_cli_reply *reply)
{
    ops_buf_init(&reply->body, ANSWER_MAX_BYTES);
    reply->envelope = NULL;
}

void ops_cli_reply_release(struct ops_cli_reply *reply)
{
    json_decref(reply->envelope);
    ops_buf_release(&reply->body);
    ops_cli_reply_init(reply);
}

bool ops_cli_reply_success(const struct ops_cli_reply *reply)
{
    return ops_json_flag(reply->envelope, "success", false);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void append_percent(struct ops_buf *buf, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text))
            ops_buf_append_char(buf, *text);
        else
            ops_buf_append_format(buf, "%%%02X", (unsigned char)*text);
    }
}

static void append_query(struct ops_buf *url, const json_t *input)
{
    const char *name;
    json_t *value;
    char separator = '?';
    json_object_foreach((json_t *)(uintptr_t)input, name, value) {
        ops_buf_append_char(url, separator);
        append_percent(url, name);
        ops_buf_append_char(url, '=');
        if (json_is_integer(value))
            ops_buf_append_format(url, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else
            append_percent(url, json_is_string(value) ? json_string_value(value) : json_is_true(value) ? "true" : "false");
        separator = '&';
    }
}

/* What every URL of an endpoint begins with. */
static enum ops_status make_base(const char *endpoint, struct ops_buf *base, struct ops_error *error)
{
    size_t length = strlen(endpoint);
    bool local = starts_with(endpoint, "unix:") && length > 5;
    bool tcp = (starts_with(endpoint, "http://") && length > 7) || (starts_with(endpoint, "https://") && length > 8);
    char shown[OPS_URL_SHOWN_SIZE];
    if (!local && !tcp)
        return ops_fail(error, OPS_USAGE, "An endpoint is http://..., https://... or unix:PATH, not '%s'.",
                        ops_url_show(endpoint, shown));
    while (tcp && endpoint[length - 1] == '/')
        length--;
    if (local)
        ops_buf_append_text(base, "http://localhost");
    else
        ops_buf_append(base, endpoint, length);
    return ops_buf_status(base);
}

static enum ops_status make_url(const struct ops_cli_request *request, const char *base, struct ops_buf *url)
{
    ops_buf_append_text(url, base);
    if (request->via == OPS_VIA_HTTP) {
        ops_buf_append_text(url, request->target);
        append_query(url, request->input);
    } else {
        ops_buf_append_format(url, "/2015-03-31/functions/%s/invocations", request->target);
    }
    return ops_buf_status(url);
}

/* The secret code as a JSON string's inside, into room for six characters a byte. */
static size_t escape_secret(const struct ops_cli_secret *secret, char *out)
{
    static const char digits[] = "0123456789abcdef";
    char *start = out;
    for (size_t i = 0; i < secret->length; i++) {
        unsigned char c = (unsigned char)secret->bytes[i];
        if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out++ = (char)c;
        } else if (c < 0x20) {
            memcpy(out, "\\u00", 4);
            out[4] = digits[c >> 4];
            out[5] = digits[c & 15];
            out += 6;
        } else {
            *out++ = (char)c;
        }
    }
    return (size_t)(out - start);
}

/* The payload with the secret code spliced in, in one block that was never moved: no copy stays behind in freed memory. */
static enum ops_status make_body(const struct ops_cli_request *request, char **ret_body, size_t *ret_length)
{
    static const char member[] = "{\"secret_code\":\"";
    struct ops_buf payload;
    ops_buf_init(&payload, REQUEST_MAX_BYTES);
    enum ops_status status = ops_json_append(request->input, &payload);
    size_t room = payload.length + sizeof member + 8 + (request->secret ? 6 * request->secret->length : 0);
    char *body = status == OPS_OK ? ops_mem_alloc(room) : NULL;
    if (body) {
        size_t length = 0;
        if (request->secret) {
            memcpy(body, member, sizeof member - 1);
            length = sizeof member - 1;
            length += escape_secret(request->secret, body + length);
            body[length++] = '"';
            body[length++] = json_object_size(request->input) ? ',' : '}';
        }
        /* After the secret the payload goes on behind its opening brace; an empty one is closed already. */
        size_t skip = !request->secret ? 0 : json_object_size(request->input) ? 1 : payload.length;
        memcpy(body + length, payload.data + skip, payload.length - skip);
        *ret_length = length + payload.length - skip;
        *ret_body = body;
    }
    ops_buf_release(&payload);
    return status == OPS_OK && !body ? OPS_NO_MEMORY : status;
}

static void add_header(struct ops_http_request *request, const char *name, const char *value)
{
    request->headers[request->header_count++] = (struct ops_http_header){name, value};
}

/* Names what to do, beside what happened. data_dir is NULL where --endpoint said whom to ask. */
static enum ops_status not_reached(enum ops_status status, const char *endpoint, const char *data_dir,
                                   struct ops_error *error)
{
    char what[OPS_ERROR_TEXT_SIZE];
    (void)snprintf(what, sizeof what, "%s", ops_error_text(error, status));
    if (status == OPS_UNKNOWN)
        return ops_fail(error, OPS_UNREACHABLE,
                        "The service at %s did not answer, so the request may or may not have been carried "
                        "out; look before you try again. (%s)",
                        endpoint, what);
    if (!data_dir)
        return ops_fail(error, OPS_UNREACHABLE, "The service at %s can't be reached; is it running there? (%s)", endpoint,
                        what);
    return ops_fail(error, OPS_UNREACHABLE,
                    "The service at %s can't be reached; is 'g3nops serve' running with --data %s? (%s)", endpoint, data_dir,
                    what);
}

static enum ops_status read_reply(const struct ops_http_response *response, const char *endpoint,
                                  struct ops_cli_reply *reply, struct ops_error *error)
{
    enum ops_status status = ops_json_parse_object(ops_buf_view(&response->body), &reply->envelope, NULL);
    if (status == OPS_NO_MEMORY)
        return status;
    if (status != OPS_OK || !json_is_boolean(json_object_get(reply->envelope, "success")))
        return ops_fail(error, OPS_UNREACHABLE,
                        "What answers at %s (HTTP status %d) is not g3nops, or not this version of it.", endpoint,
                        response->status);
    return OPS_OK;
}

/* Not by its beginning alone: localhost.example.com is somebody else's. */
static bool names_loopback(const char *authority)
{
    size_t host = strcspn(authority, "/?#");
    const char *address_end = authority[0] == '[' ? memchr(authority, ']', host) : NULL;
    const char *port = memchr(address_end ? address_end : authority, ':', address_end ? host - (size_t)(address_end - authority) : host);
    size_t length = port ? (size_t)(port - authority) : host;
    struct ops_view name = ops_view(authority, length);
    return ops_view_is(name, "localhost") || ops_view_is(name, "[::1]") ||
           (starts_with(authority, "127.") && strspn(authority, "0123456789.") >= length);
}

/* Loopback and sockets stay on this machine; anybody on the way reads what is not encrypted. A session is for reading and ends
 * soon; a secret code deletes, and no service of ours takes one over such a way. */
static enum ops_status check_way(struct ops_cli *cli, const struct ops_cli_request *request, const char *endpoint,
                                 struct ops_error *error)
{
    if (!starts_with(endpoint, "http://") || names_loopback(endpoint + strlen("http://")))
        return OPS_OK;
    if (request->secret)
        return ops_fail(error, OPS_USAGE,
                        "The secret code is not sent to %s: everybody on the way could read it. What changes something goes by "
                        "the socket of 'g3nops serve', on its machine.",
                        endpoint);
    if (request->session_guid)
        ops_cli_warn(cli, "what is secret travels to %s unencrypted; https:// would protect it", endpoint);
    return OPS_OK;
}

/* A proof and the request that it is for go over one connection, so that nobody else can get in between. */
static enum ops_status exchange_proven(struct ops_cli *cli, const struct ops_cli_whom *whom, const char *base,
                                       struct ops_http_request *http, struct ops_http_response *response,
                                       struct ops_error *error)
{
    bool has_to_prove = whom->data_dir && whom->instance.token[0];
    http->on_open_connection = has_to_prove;
    enum ops_status status = OPS_UNREACHABLE;
    for (int i = 0; i < PROOFS_MAX && status == OPS_UNREACHABLE; i++) {
        enum ops_status proven = has_to_prove ? ops_cli_prove(cli, whom, base, http->socket_path, error) : OPS_OK;
        if (proven != OPS_OK)
            return proven;
        status = ops_http_exchange(cli->host->http, http, response, error);
        if (!has_to_prove)
            break;
    }
    return status;
}

static enum ops_status send_to(struct ops_cli *cli, const struct ops_cli_request *request, const struct ops_cli_whom *whom,
                               const char *base, struct ops_http_request *http, struct ops_cli_reply *reply,
                               struct ops_error *error)
{
    struct ops_http_response response;
    char shown[OPS_URL_SHOWN_SIZE];
    ops_http_response_init(&response, ANSWER_MAX_BYTES);
    enum ops_status status = check_way(cli, request, ops_url_show(whom->endpoint, shown), error);
    if (status == OPS_OK)
        status = exchange_proven(cli, whom, base, http, &response, error);
    if (status == OPS_OK)
        status = read_reply(&response, shown, reply, error);
    else if (status == OPS_UNREACHABLE || status == OPS_UNKNOWN)
        status = not_reached(status, shown, whom->data_dir, error);
    ops_buf_release(&reply->body);
    reply->body = response.body; /* hands the memory over */
    return status;
}

/* What the function of an account says is either our envelope or that the function broke down. */
static enum ops_status read_function(const struct ops_http_response *response, const char *function,
                                     struct ops_cli_reply *reply, struct ops_error *error)
{
    enum ops_status status = read_reply(response, function, reply, error);
    const char *message = ops_json_text(reply->envelope, "errorMessage", NULL);
    if (status == OPS_UNREACHABLE && message)
        return ops_fail(error, OPS_UNREACHABLE,
                        "The function %s broke down, so the request may or may not have been carried out; look before you "
                        "try again. (%.300s)",
                        function, message);
    return status;
}

/* With --engine aws and no endpoint a mutation goes to the function in the account. */
static enum ops_status invoke_function(struct ops_cli *cli, const struct ops_cli_request *request,
                                       struct ops_cli_reply *reply, struct ops_error *error)
{
    char *body = NULL;
    size_t body_length = 0;
    struct ops_http_response response;
    ops_http_response_init(&response, ANSWER_MAX_BYTES);
    enum ops_status status = make_body(request, &body, &body_length);
    const struct ops_cli_invocation invocation = {
        .function = request->target, .payload = ops_view(body, body_length), .timeout_ms = request->timeout_ms};
    if (status == OPS_OK)
        status = cli->host->invoke(cli, cli->host->context, &invocation, &response, error);
    if (status == OPS_OK)
        status = read_function(&response, request->target, reply, error);
    else if (status == OPS_UNKNOWN)
        status = not_reached(status, request->target, NULL, error);
    if (body)
        explicit_bzero(body, body_length);
    ops_mem_free(body);
    ops_buf_release(&reply->body);
    reply->body = response.body; /* hands the memory over */
    return status;
}

static enum ops_status exchange_with_endpoint(struct ops_cli *cli, const struct ops_cli_request *request,
                                              const struct ops_cli_whom *whom, struct ops_cli_reply *reply,
                                              struct ops_error *error)
{
    struct ops_buf base, url;
    char *body = NULL;
    size_t body_length = 0;
    ops_buf_init(&base, URL_MAX_BYTES);
    ops_buf_init(&url, URL_MAX_BYTES);
    enum ops_status status = make_base(whom->endpoint, &base, error);
    if (status == OPS_OK)
        status = make_url(request, ops_buf_text(&base), &url);
    if (status == OPS_OK && request->via == OPS_VIA_INVOKE)
        status = make_body(request, &body, &body_length);
    struct ops_http_request http = {.method = request->via == OPS_VIA_HTTP ? "GET" : "POST",
                                    .url = ops_buf_text(&url),
                                    .body = ops_view(body, body_length),
                                    .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                    .timeout_ms = request->timeout_ms};
    if (starts_with(whom->endpoint, "unix:"))
        http.socket_path = whom->endpoint + strlen("unix:");
    add_header(&http, "accept", "application/json");
    if (request->via == OPS_VIA_INVOKE)
        add_header(&http, "content-type", "application/json");
    if (request->session_guid)
        add_header(&http, "x-session-guid", request->session_guid);
    if (status == OPS_OK)
        status = send_to(cli, request, whom, ops_buf_text(&base), &http, reply, error);
    if (body)
        explicit_bzero(body, body_length);
    ops_mem_free(body);
    ops_buf_release(&base);
    ops_buf_release(&url);
    return status;
}

enum ops_status ops_cli_exchange(struct ops_cli *cli, const struct ops_cli_request *request, struct ops_cli_reply *reply,
                                 struct ops_error *error)
{
    struct ops_cli_whom whom;
    ops_cli_reply_release(reply);
    enum ops_status status = ops_cli_whom(cli, request->via, &whom, error);
    if (status == OPS_OK && whom.endpoint[0])
        status = cli->host->http ? exchange_with_endpoint(cli, request, &whom, reply, error) : OPS_INTERNAL_ERROR;
    else if (status == OPS_OK)
        status = invoke_function(cli, request, reply, error);
    if (status == OPS_OK)
        ops_cli_note_whom(cli, &whom, request->target);
    explicit_bzero(&whom, sizeof whom);
    return status;
}

/* The service's envelope byte for byte, and answered_by as one member more: before its last brace, since it was read as an
 * object. */
static int print_raw(struct ops_cli *cli, const struct ops_cli_reply *reply, int code)
{
    struct ops_buf line, who;
    struct ops_view body = ops_buf_view(&reply->body);
    ops_buf_init(&line, OPS_CLI_OUTPUT_MAX_BYTES);
    ops_buf_init(&who, OPS_CLI_OUTPUT_MAX_BYTES);
    while (body.length > 0 && body.data[body.length - 1] != '}')
        body.length--;
    if (cli->answered_by && body.length > 0 && ops_json_append(cli->answered_by, &who) == OPS_OK) {
        ops_buf_append(&line, body.data, body.length - 1);
        ops_buf_append_format(&line, ",\"answered_by\":%s}", ops_buf_text(&who));
    } else {
        ops_buf_append_view(&line, ops_buf_view(&reply->body));
    }
    ops_buf_release(&who);
    if (line.length == 0 || line.data[line.length - 1] != '\n')
        ops_buf_append_char(&line, '\n');
    code = ops_cli_write(cli, &line, code);
    ops_buf_release(&line);
    return code;
}

int ops_cli_print_reply(struct ops_cli *cli, const struct ops_cli_reply *reply)
{
    bool success = ops_cli_reply_success(reply);
    if (cli->json)
        return print_raw(cli, reply, success ? OPS_EXIT_DONE : OPS_EXIT_REFUSED);
    if (!success) {
        ops_cli_print_error(cli, json_object_get(reply->envelope, "error"));
        return OPS_EXIT_REFUSED;
    }
    struct ops_buf buf;
    struct ops_style style = ops_cli_style(cli, OPS_STREAM_OUT);
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    enum ops_status status = cli->args.command->render(json_object_get(reply->envelope, "data"), &style, &buf);
    int code = status == OPS_OK ? ops_cli_write(cli, &buf, OPS_EXIT_DONE) : ops_cli_fail(cli, status, NULL);
    ops_buf_release(&buf);
    return code;
}
