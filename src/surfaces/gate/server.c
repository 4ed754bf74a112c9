#include "surfaces/gate/server.h"

#include "base/mem.h"
#include "surfaces/gate/metrics.h"
#include "surfaces/wire/listen.h"
#include "surfaces/wire/prometheus.h"
#include "surfaces/wire/server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A head may be longer than any that Envoy lets through with what it adds (60 KiB, many headers): to a proxy an answer to
 * another question is none, and lets its request pass. */
enum { ADDRESS_SIZE = 512, TEXT_SIZE = 2048, CONNECTION_MEMORY_BYTES = 96 * 1024 };

struct ops_gate_server {
    opsgate *gate;
    struct ops_wire_server *wire;
    struct ops_listener listener;
    char address[ADDRESS_SIZE];
};

struct route {
    const char *path;
    bool is_prefix;
    void (*answer)(struct ops_gate_server *server, const struct ops_wire_request *request, struct ops_wire_reply *reply,
                   const struct route *route);
    int open_status;
    int closed_status;
};

/* ---- What the proxy was asked for ---- */

/* As a C string, NULL for none; cut when it is longer than any path that a configuration would name. */
static const char *text_of(struct ops_view value, char text[static TEXT_SIZE])
{
    if (value.length == 0)
        return NULL;
    (void)snprintf(text, TEXT_SIZE, "%.*s", (int)(value.length < TEXT_SIZE ? value.length : TEXT_SIZE - 1), value.data);
    return text;
}

static struct ops_view first_header(const struct ops_wire_request *request, const char *const names[2])
{
    struct ops_view value = ops_wire_request_header(request, names[0]);
    return value.length > 0 ? value : ops_wire_request_header(request, names[1]);
}

/* Who puts its own path behind ours says by that what it was asked for, and by the method. */
static bool is_blocked(const struct ops_gate_server *server, const struct ops_wire_request *request,
                       const struct route *route)
{
    static const char *const method_names[2] = {"X-Original-Method", "X-Forwarded-Method"};
    static const char *const path_names[2] = {"X-Original-URI", "X-Forwarded-Uri"};
    char method_text[TEXT_SIZE], path_text[TEXT_SIZE];
    struct ops_view method = first_header(request, method_names), path = first_header(request, path_names);
    size_t length = strlen(route->path);
    if (method.length == 0 && route->is_prefix)
        method = ops_view_of(request->method);
    if (path.length == 0 && route->is_prefix)
        path = ops_view(request->path.data + length, request->path.length - length);
    return opsgate_check_request(server->gate, text_of(method, method_text), text_of(path, path_text));
}

/* ---- Replies ---- */

static void reply_empty(struct ops_wire_reply *reply, int http_status)
{
    reply->http_status = http_status;
    reply->body = ops_view("", 0);
    reply->body_is_static = true;
}

static void reply_text(struct ops_wire_reply *reply, int http_status, const char *text)
{
    reply->http_status = http_status;
    reply->content_type = "text/plain; charset=utf-8";
    reply->body = ops_view_of(text);
    reply->body_is_static = true;
}

/* The response goes away before the reply is sent, so what counts of it is copied into the reply. */
static void copy_headers(const opsgate_response *response, struct ops_wire_reply *reply)
{
    static const char id_name[] = "x-ops-maintenance", retry_name[] = "Retry-After";
    for (size_t i = 0; i < response->header_count; i++) {
        const opsgate_header *header = &response->headers[i];
        if (strcmp(header->name, retry_name) == 0)
            reply->retry_after_seconds = atoll(header->value);
        if (strcmp(header->name, id_name) != 0)
            continue;
        (void)snprintf(reply->request_id, sizeof reply->request_id, "%s", header->value);
        ops_wire_reply_header(reply, id_name, reply->request_id);
    }
}

static void reply_blocked(const struct ops_gate_server *server, const struct ops_wire_request *request,
                          struct ops_wire_reply *reply, int http_status)
{
    char accept[TEXT_SIZE];
    struct ops_buf *body = &reply->answer.body; /* scratch is too small for a window with many updates */
    opsgate_response *response = opsgate_respond(server->gate, text_of(ops_wire_request_header(request, "Accept"), accept));
    if (!response) {
        reply_empty(reply, http_status);
        return;
    }
    bool html = strncmp(response->headers[0].value, "text/html", strlen("text/html")) == 0;
    copy_headers(response, reply);
    ops_buf_clear(body);
    ops_buf_append(body, response->body, response->body_length);
    reply->http_status = http_status;
    reply->content_type = html ? "text/html; charset=utf-8" : ops_wire_json_type;
    reply->body = ops_buf_view(body); /* empty when there is no memory for it; status and headers say enough */
    opsgate_response_free(response);
}

/* ---- Routes ---- */

static void answer_check(struct ops_gate_server *server, const struct ops_wire_request *request,
                         struct ops_wire_reply *reply, const struct route *route)
{
    if (is_blocked(server, request, route))
        reply_blocked(server, request, reply, route->closed_status);
    else
        reply_empty(reply, route->open_status);
}

static void answer_closed(struct ops_gate_server *server, const struct ops_wire_request *request,
                          struct ops_wire_reply *reply, const struct route *route)
{
    reply_blocked(server, request, reply, route->closed_status);
}

static void answer_metrics(struct ops_gate_server *server, const struct ops_wire_request *request,
                           struct ops_wire_reply *reply, const struct route *route)
{
    (void)request;
    ops_gate_metrics_append(server->gate, &reply->scratch);
    if (ops_buf_status(&reply->scratch) != OPS_OK) {
        reply_text(reply, MHD_HTTP_INTERNAL_SERVER_ERROR, "There is no memory for it.\n"); /* half of it would be a lie */
        return;
    }
    reply->http_status = route->open_status;
    reply->content_type = ops_prometheus_type;
    reply->body = ops_buf_view(&reply->scratch);
}

static void answer_health(struct ops_gate_server *server, const struct ops_wire_request *request,
                          struct ops_wire_reply *reply, const struct route *route)
{
    (void)server, (void)request;
    reply_text(reply, route->open_status, "ok\n");
}

/* What was asked can't be read, whether by what a proxy's client sent or by mistake. A refusal would be no answer to the
 * proxy, and its request would pass; so it gets what everybody gets just now, and no method or path is an excuse. */
static void answer_unread(struct ops_gate_server *server, const struct ops_wire_request *request,
                          struct ops_wire_reply *reply, const struct route *route)
{
    if (route->answer == answer_closed || opsgate_check(server->gate))
        reply_blocked(server, request, reply, route->closed_status);
    else
        reply_empty(reply, route->open_status);
}

/* Where not even the path can be read, both numbers mean the same to every proxy: 2xx to nginx, 200 to Envoy. */
static const struct route unread_route = {"", false, answer_check, MHD_HTTP_OK, MHD_HTTP_FORBIDDEN};

static const struct route routes[] = {
    {"/gate", false, answer_check, MHD_HTTP_NO_CONTENT, MHD_HTTP_SERVICE_UNAVAILABLE},
    {"/gate/ok", true, answer_check, MHD_HTTP_OK, MHD_HTTP_FORBIDDEN},
    {"/gate/deny", false, answer_check, MHD_HTTP_NO_CONTENT, MHD_HTTP_FORBIDDEN},
    {"/gate/answer", true, answer_closed, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_SERVICE_UNAVAILABLE},
    {"/metrics", false, answer_metrics, MHD_HTTP_OK, 0},
    {"/healthz", false, answer_health, MHD_HTTP_OK, 0},
};

/* A prefix ends where a part of the path ends. */
static bool is_at(const struct route *route, struct ops_view path)
{
    size_t length = strlen(route->path);
    bool begins = path.length >= length && memcmp(path.data, route->path, length) == 0;
    return begins && (path.length == length || (route->is_prefix && path.data[length] == '/'));
}

static const struct route *route_of(const struct ops_wire_request *request)
{
    if (request->fault && request->path.length == 0)
        return &unread_route;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (is_at(&routes[i], request->path))
            return &routes[i];
    return NULL;
}

static bool tells_of_gate(const struct route *route)
{
    return route && (route->answer == answer_check || route->answer == answer_closed);
}

static void answer(void *context, const struct ops_wire_request *request, struct ops_wire_reply *reply)
{
    ops_buf_clear(&reply->scratch);
    const struct route *route = route_of(request);
    if (request->fault && tells_of_gate(route))
        answer_unread(context, request, reply, route);
    else if (request->fault)
        reply_text(reply, request->fault->http_status ? request->fault->http_status : MHD_HTTP_BAD_REQUEST,
                   request->fault->sentence);
    else if (route)
        route->answer(context, request, reply, route);
    else
        reply_text(reply, MHD_HTTP_NOT_FOUND,
                   "There is /gate, /gate/ok, /gate/deny, /gate/answer, /metrics and /healthz.\n");
}

/* ---- Start and stop ---- */

static enum ops_status start(struct ops_gate_server *server, const struct ops_gate_server_config *config,
                             struct ops_error *error)
{
    /* Nobody reads a body here: what comes of one is dropped as it comes. */
    const struct ops_wire_config wire = {.answer = answer,
                                         .context = server,
                                         .body_max_bytes = 0,
                                         .connection_memory_bytes = CONNECTION_MEMORY_BYTES,
                                         .awaits_rest = true,
                                         .threads = config->threads};
    const char *scheme = ops_listens_on_unix(config->listen) ? "" : "http://";
    enum ops_status status = ops_listen(config->listen, false, &server->listener, error);
    if (status != OPS_OK)
        return status;
    (void)snprintf(server->address, sizeof server->address, "%s%s", scheme, server->listener.address);
    status = ops_wire_server_start(server->listener.fd, &wire, &server->wire, error);
    if (status == OPS_OK)
        return OPS_OK;
    ops_listener_unlink(&server->listener);
    (void)close(server->listener.fd); /* nothing was written to it */
    return status;
}

enum ops_status ops_gate_server_start(opsgate *gate, const struct ops_gate_server_config *config,
                                      struct ops_gate_server **ret_server, struct ops_error *error)
{
    struct ops_gate_server *server = ops_mem_zeroed(1, sizeof *server);
    if (!server)
        return OPS_NO_MEMORY;
    server->gate = gate;
    enum ops_status status = start(server, config, error);
    if (status == OPS_OK)
        *ret_server = server;
    else
        ops_mem_free(server);
    return status;
}

const char *ops_gate_server_address(const struct ops_gate_server *server)
{
    return server->address;
}

void ops_gate_server_stop(struct ops_gate_server *server)
{
    if (!server)
        return;
    ops_listener_unlink(&server->listener);
    ops_wire_server_stop(server->wire);
    ops_mem_free(server);
}
