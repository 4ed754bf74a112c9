#include "surfaces/http/server.h"

#include "base/json.h"
#include "base/mem.h"
#include "surfaces/http/metrics.h"
#include "surfaces/http/query.h"
#include "surfaces/wire/host.h"
#include "surfaces/wire/listen.h"
#include "surfaces/wire/prometheus.h"
#include "surfaces/wire/server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#define BASE_PATH "/ops"

static const char plain_type[] = "text/plain; charset=utf-8";

struct ops_http_server;

/* A path that answers a text of its own, outside the envelope. */
struct page {
    const char *path;
    const char *content_type;
    struct ops_view text; /* "" and no write: there is no such page */
    /* Where the text is another each time. *ret_http_status is 200. */
    enum ops_status (*write)(struct ops_http_server *server, struct ops_buf *buf, int *ret_http_status);
    bool is_probe; /* asked by whoever watches over the process, by whatever address it has */
};

enum { PAGE_OPENAPI, PAGE_METRICS, PAGE_HEALTH, PAGE_READY, PAGE_COUNT };

enum { CALL_NAME_SIZE = 160 };

struct ops_http_server {
    struct ops_app *app;
    struct ops_wire_server *wire;
    uint16_t port;
    char bound[OPS_ADDRESS_SIZE];
    struct page pages[PAGE_COUNT];
    struct ops_traffic *traffic; /* NULL: not counted, and no metrics */
    struct ops_metrics *metrics;
    const char *const *hosts; /* NULL: any */
    ops_http_ready_fn ready;  /* NULL: the store alone counts */
    void *ready_context;
};

/* What stats.call says: method and path, without the base path; as much of it as fits, and as can be shown. */
static void name_call(const struct ops_wire_request *request, char ret_name[static CALL_NAME_SIZE])
{
    const struct ops_view base = ops_view_of(BASE_PATH "/");
    struct ops_view path = request->path;
    if (ops_view_starts_with(path, base))
        path = ops_view(path.data + strlen(BASE_PATH), path.length - strlen(BASE_PATH));
    (void)snprintf(ret_name, CALL_NAME_SIZE, "%.32s %.*s", request->method, (int)path.length, path.data);
    for (char *c = ret_name; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

enum method { METHOD_GET, METHOD_POST, METHOD_OTHER };

static enum method method_of(const struct ops_wire_request *request)
{
    static const struct {
        const char *name;
        enum method method;
    } methods[] = {{"GET", METHOD_GET}, {"HEAD", METHOD_GET}, {"POST", METHOD_POST}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(request->method, methods[i].name) == 0)
            return methods[i].method;
    return METHOD_OTHER;
}

/* Whether the media type, whatever its parameters, is application/json. */
static bool is_json(struct ops_view content_type)
{
    static const char wanted[] = "application/json";
    size_t length = 0;
    while (length < content_type.length && !strchr("; \t", content_type.data[length]))
        length++;
    return length == sizeof wanted - 1 && strncasecmp(content_type.data, wanted, length) == 0;
}

static enum ops_status refuse_method(struct ops_wire_reply *reply, const char *method, const char *allow,
                                     struct ops_error *error)
{
    ops_wire_reply_header(reply, "Allow", allow);
    enum ops_status status = ops_fail(error, OPS_METHOD_NOT_ALLOWED, "This path answers %s, not %.32s.", allow, method);
    ops_error_detail(error, "allow", allow);
    return status;
}

/* It is not its own size, so a later try may be better (RFC 9110, section 15.5.14). */
static enum ops_status refuse_crowded(struct ops_error *error)
{
    enum ops_status status = ops_fail(error, OPS_PAYLOAD_TOO_LARGE,
                                      "There is no room for this body now: others that are under way take all of it.");
    ops_error_detail_integer(error, "retry_after_seconds", 1);
    return status;
}

static enum ops_status refuse_large(struct ops_error *error)
{
    enum ops_status status =
        ops_fail(error, OPS_PAYLOAD_TOO_LARGE, "The body is larger than %d bytes.", (int)OPS_HTTP_BODY_MAX_BYTES);
    ops_error_detail_integer(error, "limit_bytes", OPS_HTTP_BODY_MAX_BYTES);
    return status;
}

static enum ops_status read_get(const struct ops_wire_request *request, struct ops_query_inputs *query,
                                struct ops_call *call)
{
    if (request->has_body)
        return OPS_BODY_NOT_ALLOWED;
    call->input = query->values;
    call->from_query = true;
    return query->status;
}

/* A query beside a body would be read by nobody: better refused by name than ignored. */
static enum ops_status refuse_query(struct ops_query_inputs *query)
{
    if (query->status != OPS_OK)
        return query->status;
    const char *name = json_object_iter_key(json_object_iter(query->values));
    enum ops_status status =
        ops_fail(&query->error, OPS_UNKNOWN_FIELD, "A POST takes its fields from the body, not the query.");
    ops_error_detail(&query->error, "field", name);
    return status;
}

static enum ops_status read_post(const struct ops_wire_request *request, struct ops_query_inputs *query, json_t **ret_body)
{
    if (!is_json(ops_wire_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE)))
        return OPS_UNSUPPORTED_MEDIA_TYPE;
    if (request->body_status == OPS_THROTTLED)
        return refuse_crowded(&query->error);
    if (request->body_status != OPS_OK)
        return request->body_status == OPS_PAYLOAD_TOO_LARGE ? refuse_large(&query->error) : request->body_status;
    if (query->status != OPS_OK || query->values)
        return refuse_query(query);
    if (request->body.length == 0)
        return ops_fail(&query->error, OPS_INVALID_JSON, "The body is empty; send a JSON object, {} for no fields.");
    return ops_json_parse_object(request->body, ret_body, &query->error);
}

static enum ops_status write_readiness(struct ops_http_server *server, struct ops_buf *buf, int *ret_http_status)
{
    struct ops_measures measures;
    ops_metrics_read(server->metrics, &measures);
    if (!measures.store_up)
        ops_buf_append_text(buf, "store: it can't be read\n");
    if (server->ready)
        server->ready(server->ready_context, buf);
    if (buf->length == 0)
        ops_buf_append_text(buf, "ok\n");
    else
        *ret_http_status = MHD_HTTP_SERVICE_UNAVAILABLE;
    return ops_buf_status(buf);
}

static enum ops_status write_metrics(struct ops_http_server *server, struct ops_buf *buf, int *ret_http_status)
{
    struct ops_measures measures;
    (void)ret_http_status; /* what can't be read is left out */
    ops_metrics_read(server->metrics, &measures);
    ops_http_metrics_append(&measures, server->traffic, buf);
    return ops_buf_status(buf);
}

static const struct page *page_of(const struct ops_http_server *server, struct ops_view path)
{
    for (size_t i = 0; i < PAGE_COUNT; i++)
        if ((server->pages[i].text.length || server->pages[i].write) && ops_view_is(path, server->pages[i].path))
            return &server->pages[i];
    return NULL;
}

static enum ops_status reply_page(struct ops_http_server *server, const struct page *page,
                                  const struct ops_wire_request *request, struct ops_wire_reply *reply,
                                  struct ops_error *error)
{
    if (method_of(request) != METHOD_GET)
        return refuse_method(reply, request->method, "GET, HEAD", error);
    if (request->has_body)
        return OPS_BODY_NOT_ALLOWED;
    ops_buf_clear(&reply->scratch);
    reply->http_status = MHD_HTTP_OK;
    enum ops_status status = page->write ? page->write(server, &reply->scratch, &reply->http_status) : OPS_OK;
    if (status != OPS_OK)
        return status;
    reply->is_probe = page->is_probe;
    reply->content_type = page->content_type;
    reply->body = page->write ? ops_buf_view(&reply->scratch) : page->text;
    reply->body_is_static = !page->write;
    return OPS_OK;
}

/* Fills call, up to the operation at least where there is one. *ret_body is the caller's. */
static enum ops_status read_call(const struct ops_wire_request *request, struct ops_query_inputs *query,
                                 struct ops_wire_reply *reply, struct ops_call *call, json_t **ret_body)
{
    call->operation = ops_operation_by_route(request->path);
    if (!call->operation)
        return OPS_ROUTE_NOT_FOUND;
    call->session_guid = ops_wire_request_header(request, "x-session-guid");
    enum method method = method_of(request);
    if (method == METHOD_GET)
        return read_get(request, query, call);
    if (method != METHOD_POST || !call->operation->takes_post)
        return refuse_method(reply, request->method, call->operation->takes_post ? "GET, HEAD, POST" : "GET, HEAD",
                             &query->error);
    enum ops_status status = read_post(request, query, ret_body);
    call->input = *ret_body;
    return status;
}

static void answer_operation(struct ops_http_server *server, const struct ops_wire_request *request, const char *call_name,
                             struct ops_query_inputs *query, struct ops_wire_reply *reply)
{
    struct ops_call call = {.name = call_name};
    json_t *body = NULL;
    enum ops_status status = read_call(request, query, reply, &call, &body);
    if (status == OPS_OK)
        ops_app_answer(server->app, &call, &reply->answer);
    else
        ops_app_refuse(server->app, call_name, status, &query->error, &reply->answer);
    ops_wire_reply_answer(reply);
    json_decref(body);
}

/* Pages of other hosts that have come to mean this one (DNS rebinding) are not answered; this machine's own programs are,
 * by whatever loopback address they know it. */
static bool is_for_us(const struct ops_http_server *server, const struct ops_wire_request *request)
{
    struct ops_host host;
    if (!server->hosts)
        return true;
    if (!ops_host_read(ops_wire_request_host(request), &host))
        return false;
    for (const char *const *name = server->hosts; *name; name++)
        if (ops_host_is(host.name, *name))
            return true;
    return ops_host_is_loopback(host.name);
}

static enum ops_status check_request(const struct ops_http_server *server, const struct ops_wire_request *request,
                                     const struct page *page, struct ops_query_inputs *query, int *ret_http_status)
{
    *ret_http_status = 0;
    if (request->fault) {
        (void)ops_fail(&query->error, OPS_INVALID_FIELD, "%s", request->fault->sentence);
        ops_error_detail(&query->error, "field", request->fault->field);
        *ret_http_status = request->fault->http_status;
        return OPS_INVALID_FIELD;
    }
    if (!(page && page->is_probe) && !is_for_us(server, request)) {
        (void)ops_fail(&query->error, OPS_INVALID_FIELD, "This is not the host that the request is for.");
        ops_error_detail(&query->error, "field", MHD_HTTP_HEADER_HOST);
        *ret_http_status = MHD_HTTP_MISDIRECTED_REQUEST;
        return OPS_INVALID_FIELD;
    }
    return query->has_credential ? OPS_CREDENTIAL_IN_QUERY : OPS_OK;
}

/* http_status 0: the status's own. */
static void reply_refusal(struct ops_http_server *server, const char *call_name, enum ops_status status, int http_status,
                          const struct ops_error *error, struct ops_wire_reply *reply)
{
    ops_app_refuse(server->app, call_name, status, status == OPS_CREDENTIAL_IN_QUERY ? NULL : error, &reply->answer);
    ops_wire_reply_answer(reply);
    if (http_status)
        reply->http_status = http_status;
}

static void answer(void *context, const struct ops_wire_request *request, struct ops_wire_reply *reply)
{
    struct ops_http_server *server = context;
    struct ops_query_inputs query;
    char call_name[CALL_NAME_SIZE];
    int http_status;
    name_call(request, call_name);
    ops_query_inputs_init(&query, request);
    const struct page *page = page_of(server, request->path);
    enum ops_status status = check_request(server, request, page, &query, &http_status);
    if (status == OPS_OK && page)
        status = reply_page(server, page, request, reply, &query.error);
    else if (status == OPS_OK)
        answer_operation(server, request, call_name, &query, reply);
    if (status != OPS_OK)
        reply_refusal(server, call_name, status, http_status, &query.error, reply);
    ops_query_inputs_release(&query);
}

static enum ops_status start_wire(struct ops_http_server *server, const struct ops_http_config *config,
                                  struct ops_error *error)
{
    int fd = -1;
    struct ops_tcp_options tcp = {.host = config->host, .port = config->port};
    struct ops_wire_config wire = {
        .answer = answer,
        .context = server,
        .body_max_bytes = OPS_HTTP_BODY_MAX_BYTES,
        .threads = config->threads,
        .limits = config->limits,
        .tls = config->tls,
        .traffic = config->traffic,
        .access_log = config->access_log,
        .surface = OPS_SURFACE_HTTP,
        .proof_token = config->proof_token,
    };
    if (wire.limits.connections_per_party == 0)
        wire.limits.connections_per_party = OPS_HTTP_CONNECTIONS_PER_ADDRESS;
    enum ops_status status = ops_listen_tcp(&tcp, &fd, &server->port, error);
    if (status != OPS_OK) {
        ops_shared_let_go(config->tls);
        return status;
    }
    ops_tcp_bound_address(fd, server->bound);
    status = ops_wire_server_start(fd, &wire, &server->wire, error);
    if (status != OPS_OK)
        (void)close(fd); /* nothing was written to it */
    return status;
}

static void fill_pages(struct ops_http_server *server, const struct ops_http_config *config)
{
    struct page *pages = server->pages;
    pages[PAGE_OPENAPI] =
        (struct page){BASE_PATH "/openapi.yaml", .content_type = "application/yaml", .text = config->openapi};
    if (config->traffic)
        pages[PAGE_METRICS] = (struct page){"/metrics", .content_type = ops_prometheus_type, .write = write_metrics};
    pages[PAGE_HEALTH] =
        (struct page){"/healthz", .content_type = plain_type, .text = ops_view_of("ok\n"), .is_probe = true};
    pages[PAGE_READY] = (struct page){"/readyz", .content_type = plain_type, .write = write_readiness, .is_probe = true};
}

enum ops_status ops_http_server_start(struct ops_app *app, const struct ops_http_config *config,
                                      struct ops_http_server **ret_server, struct ops_error *error)
{
    struct ops_http_server *server = ops_mem_zeroed(1, sizeof *server);
    if (!server) {
        ops_shared_let_go(config->tls);
        return OPS_NO_MEMORY;
    }
    server->app = app;
    server->traffic = config->traffic;
    server->hosts = config->hosts;
    server->ready = config->ready;
    server->ready_context = config->ready_context;
    fill_pages(server, config);
    enum ops_status status = ops_metrics_new(app, &server->metrics);
    if (status == OPS_OK)
        status = start_wire(server, config, error);
    else
        ops_shared_let_go(config->tls);
    if (status != OPS_OK) {
        ops_metrics_free(server->metrics);
        ops_mem_free(server);
        return status;
    }
    *ret_server = server;
    return OPS_OK;
}

uint16_t ops_http_server_port(const struct ops_http_server *server)
{
    return server->port;
}

const char *ops_http_server_bound(const struct ops_http_server *server)
{
    return server->bound;
}

void ops_http_server_replace_tls(struct ops_http_server *server, struct ops_shared *tls)
{
    ops_wire_server_replace_tls(server->wire, tls);
}

void ops_http_server_stop(struct ops_http_server *server)
{
    if (!server)
        return;
    ops_wire_server_stop(server->wire);
    ops_metrics_free(server->metrics);
    ops_mem_free(server);
}
