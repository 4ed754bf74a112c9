#include "surfaces/cli/client.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    ANSWER_MAX_BYTES = 16 * 1024 * 1024,
    REQUEST_MAX_BYTES = 1024 * 1024,
    SERVE_FILE_MAX_BYTES = 64 * 1024,
    URL_MAX_BYTES = 32 * 1024,
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

/* Reads a small file whole; false when that can't be done. */
static bool read_file(const char *path, struct ops_buf *buf)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    char chunk[4096];
    ssize_t count;
    while ((count = read(fd, chunk, sizeof chunk)) > 0)
        ops_buf_append(buf, chunk, (size_t)count);
    (void)close(fd);
    return count == 0 && ops_buf_status(buf) == OPS_OK;
}

/* What the service that runs on the data directory says about itself; NULL without one. */
static json_t *read_serve_file(const char *data_dir)
{
    struct ops_buf path, text;
    json_t *served = NULL;
    ops_buf_init(&path, 8192);
    ops_buf_init(&text, SERVE_FILE_MAX_BYTES);
    ops_buf_append_format(&path, "%s/serve.json", data_dir);
    if (ops_buf_status(&path) == OPS_OK && read_file(ops_buf_text(&path), &text) &&
        ops_json_parse_object(ops_buf_view(&text), &served, NULL) != OPS_OK)
        served = NULL;
    ops_buf_release(&path);
    ops_buf_release(&text);
    return served;
}

static const char *given_endpoint(const struct ops_cli *cli)
{
    const char *given = ops_cli_text_if(cli, "--endpoint");
    return given ? given : ops_cli_env("G3NOPS_ENDPOINT");
}

static bool with_aws(const struct ops_cli *cli)
{
    const char *engine = ops_cli_text_if(cli, "--engine");
    return engine && strcmp(engine, "aws") == 0;
}

/* Where to send a request: --endpoint, its variable, the running service's own word, the default. */
static enum ops_status find_endpoint(struct ops_cli *cli, enum ops_command_via via, struct ops_buf *endpoint,
                                     struct ops_error *error)
{
    const char *given = given_endpoint(cli), *data_dir = NULL;
    if (given) {
        ops_buf_append_text(endpoint, given);
        return ops_buf_status(endpoint);
    }
    enum ops_status status = ops_cli_data_dir(cli, &data_dir, error);
    if (status != OPS_OK)
        return status;
    json_t *served = read_serve_file(data_dir);
    const char *told = ops_json_text(served, via == OPS_VIA_HTTP ? "http" : "invoke", NULL);
    if (told)
        ops_buf_append_text(endpoint, told);
    else if (with_aws(cli))
        status =
            ops_fail(error, OPS_USAGE, "With --engine aws this command reads from the API; give its address by --endpoint.");
    else if (via == OPS_VIA_HTTP)
        ops_buf_append_text(endpoint, "http://127.0.0.1:8080");
    else
        ops_buf_append_format(endpoint, "unix:%s/invoke.sock", data_dir);
    json_decref(served);
    return status == OPS_OK ? ops_buf_status(endpoint) : status;
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

static enum ops_status make_url(const struct ops_cli_request *request, const char *endpoint, struct ops_buf *url,
                                struct ops_error *error)
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
        ops_buf_append_text(url, "http://localhost");
    else
        ops_buf_append(url, endpoint, length);
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

/* Names what to do, beside what happened. */
static enum ops_status not_reached(struct ops_cli *cli, enum ops_status status, const char *endpoint,
                                   struct ops_error *error)
{
    char what[OPS_ERROR_TEXT_SIZE];
    (void)snprintf(what, sizeof what, "%s", ops_error_text(error, status));
    if (status == OPS_UNKNOWN)
        return ops_fail(error, OPS_UNREACHABLE,
                        "The service at %s did not answer, so the request may or may not have been carried "
                        "out; look before you try again. (%s)",
                        endpoint, what);
    if (given_endpoint(cli))
        return ops_fail(error, OPS_UNREACHABLE, "The service at %s can't be reached; is it running there? (%s)", endpoint,
                        what);
    const char *data_dir;
    if (ops_cli_data_dir(cli, &data_dir, NULL) != OPS_OK)
        data_dir = "DIR";
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

/* Loopback and sockets stay on this machine; anything else reads a secret that is not encrypted. */
static void warn_about_plain_text(struct ops_cli *cli, const struct ops_cli_request *request, const char *endpoint)
{
    static const char *const safe[] = {"unix:", "https://", "http://127.", "http://localhost", "http://[::1]"};
    if (!request->secret && !request->session_guid)
        return;
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
        if (starts_with(endpoint, safe[i]))
            return;
    ops_cli_warn(cli, "what is secret travels to %s unencrypted; https:// would protect it", endpoint);
}

static enum ops_status send_to(struct ops_cli *cli, const struct ops_cli_request *request, const char *endpoint,
                               struct ops_http_request *http, struct ops_cli_reply *reply, struct ops_error *error)
{
    struct ops_http_response response;
    char shown[OPS_URL_SHOWN_SIZE];
    ops_http_response_init(&response, ANSWER_MAX_BYTES);
    warn_about_plain_text(cli, request, ops_url_show(endpoint, shown));
    enum ops_status status = ops_http_exchange(cli->host->http, http, &response, error);
    if (status == OPS_OK)
        status = read_reply(&response, shown, reply, error);
    else if (status == OPS_UNREACHABLE || status == OPS_UNKNOWN)
        status = not_reached(cli, status, shown, error);
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
        status = not_reached(cli, status, request->target, error);
    if (body)
        explicit_bzero(body, body_length);
    ops_mem_free(body);
    ops_buf_release(&reply->body);
    reply->body = response.body; /* hands the memory over */
    return status;
}

static enum ops_status exchange_with_endpoint(struct ops_cli *cli, const struct ops_cli_request *request,
                                              struct ops_cli_reply *reply, struct ops_error *error)
{
    struct ops_buf endpoint, url;
    char *body = NULL;
    size_t body_length = 0;
    ops_buf_init(&endpoint, URL_MAX_BYTES);
    ops_buf_init(&url, URL_MAX_BYTES);
    enum ops_status status = find_endpoint(cli, request->via, &endpoint, error);
    if (status == OPS_OK)
        status = make_url(request, ops_buf_text(&endpoint), &url, error);
    if (status == OPS_OK && request->via == OPS_VIA_INVOKE)
        status = make_body(request, &body, &body_length);
    struct ops_http_request http = {.method = request->via == OPS_VIA_HTTP ? "GET" : "POST",
                                    .url = ops_buf_text(&url),
                                    .body = ops_view(body, body_length),
                                    .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                    .timeout_ms = request->timeout_ms};
    if (starts_with(ops_buf_text(&endpoint), "unix:"))
        http.socket_path = ops_buf_text(&endpoint) + strlen("unix:");
    add_header(&http, "accept", "application/json");
    if (request->via == OPS_VIA_INVOKE)
        add_header(&http, "content-type", "application/json");
    if (request->session_guid)
        add_header(&http, "x-session-guid", request->session_guid);
    if (status == OPS_OK)
        status = send_to(cli, request, ops_buf_text(&endpoint), &http, reply, error);
    if (body)
        explicit_bzero(body, body_length);
    ops_mem_free(body);
    ops_buf_release(&endpoint);
    ops_buf_release(&url);
    return status;
}

/* Without the engine they would be passed over, and whoever gives them means the account. */
static enum ops_status check_account_flags(const struct ops_cli *cli, struct ops_error *error)
{
    static const char *const flags[] = {"--region", "--profile"};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (!with_aws(cli) && ops_cli_text_if(cli, flags[i]))
            return ops_fail(error, OPS_USAGE, "%s goes with --engine aws.", flags[i]);
    return OPS_OK;
}

enum ops_status ops_cli_exchange(struct ops_cli *cli, const struct ops_cli_request *request, struct ops_cli_reply *reply,
                                 struct ops_error *error)
{
    ops_cli_reply_release(reply);
    enum ops_status status = check_account_flags(cli, error);
    if (status != OPS_OK)
        return status;
    bool to_account = request->via == OPS_VIA_INVOKE && with_aws(cli) && !given_endpoint(cli);
    if (to_account && cli->host->invoke)
        return invoke_function(cli, request, reply, error);
    if (!cli->host->http)
        return OPS_INTERNAL_ERROR;
    return exchange_with_endpoint(cli, request, reply, error);
}

static int print_raw(struct ops_cli *cli, const struct ops_cli_reply *reply, int code)
{
    struct ops_buf line;
    ops_buf_init(&line, OPS_CLI_OUTPUT_MAX_BYTES);
    ops_buf_append_view(&line, ops_buf_view(&reply->body));
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
