#include "surfaces/wire/server.h"

#include "base/api_version.h"
#include "base/mem.h"
#include "surfaces/wire/access.h"
#include "surfaces/wire/bodies.h"
#include "surfaces/wire/crowd.h"
#include "surfaces/wire/proof.h"
#include "surfaces/wire/queue.h"
#include "surfaces/wire/tls.h"
#include "surfaces/wire/waiting.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

const char ops_wire_json_type[] = "application/json; charset=utf-8";

/* Of a daemon's flags, MHD_USE_PEDANTIC_CHECKS, which the header of 0.9.75 warns of: it is what
 * MHD_OPTION_CLIENT_DISCIPLINE_LVL 1 is called in later libraries by those who don't have their header. */
enum { BE_PEDANTIC = 32 };

/* What the library keeps of each header, cookie and argument, and what it needs besides to begin an answer. */
enum { HEADER_RECORD_BYTES = 64, REPLY_BYTES = 2048 };

/* Of a target as much as tells what is asked for, and of a head that is refused a line for each header of ours. */
enum { TARGET_BEGIN_SIZE = 256, HEADERS_OF_REPLY_MAX = 6 + OPS_WIRE_HEADERS_MAX, SECONDS_SIZE = 24, HEAD_SIZE = 4096 };

enum { LOG_LINE_SIZE = 200, UPLOAD_INCREMENT_BYTES = 4096, DRAIN_NAP_MS = 2, SCRATCH_MAX_BYTES = 64 * 1024 };

struct ops_wire_server {
    struct ops_wire_config config;
    struct MHD_Daemon *daemon;
    struct ops_crowd *crowd;
    struct ops_waiting *waiting; /* NULL: nobody waits here */
    struct ops_slot tls; /* what new connections are shown; where config.tls, which says no more than that, is not NULL */
    pthread_key_t reply_key; /* of each thread's struct ops_wire_reply */
    atomic_uint reply_count; /* threads that have answered so far */
    atomic_uint under_way;   /* requests whose headers are read, or which were refused, and whose answer is not sent */
    struct ops_bodies bodies;
    atomic_bool stopping;
    atomic_bool awaiting; /* a thread waits for what a client still sends that was refused */
    pthread_t starter;    /* the library's words are kept while, and where, it starts */
    atomic_bool started;
    char log_line[LOG_LINE_SIZE];
};

/* What is kept of a connection, as long as it lasts: the library's socket context. */
struct visit {
    struct ops_wire_server *server;
    struct ops_guest guest;
    struct ops_shared *tls;         /* held; NULL: no TLS */
    bool is_refused;                /* by the library, which counts as a request under way until the connection ends */
    const char *target_end;         /* of the request line that was read last */
    char target[TARGET_BEGIN_SIZE]; /* its begin, without a query; "" before it is read */
};

/* A body as it comes in. */
struct body {
    struct ops_body_bytes bytes;
    uint64_t received_bytes;
    enum ops_status status;
    int64_t began_ns; /* to be answered; 0: never yet */
    struct ops_turn turn;
    struct ops_waiter waiter;
};

/* Stands for every request that has none, which then needs no memory of its own. */
static struct body no_body;

/* ---- replies ---- */

static void reply_free(void *block)
{
    struct ops_wire_reply *reply = block;
    ops_answer_release(&reply->answer);
    ops_buf_release(&reply->scratch);
    ops_mem_free(reply);
}

static struct ops_wire_reply *reply_of_thread(struct ops_wire_server *server)
{
    struct ops_wire_reply *reply = pthread_getspecific(server->reply_key);
    if (reply)
        return reply;
    reply = ops_mem_zeroed(1, sizeof *reply);
    if (!reply)
        return NULL;
    ops_answer_init(&reply->answer);
    ops_buf_init(&reply->scratch, SCRATCH_MAX_BYTES);
    reply->line = atomic_fetch_add_explicit(&server->reply_count, 1, memory_order_relaxed);
    if (pthread_setspecific(server->reply_key, reply) == 0)
        return reply;
    reply_free(reply);
    return NULL;
}

static void reply_reset(struct ops_wire_reply *reply)
{
    reply->http_status = 0;
    reply->answer.request_id[0] = '\0';
    reply->body = ops_view(NULL, 0);
    reply->body_is_static = false;
    reply->content_type = NULL;
    reply->retry_after_seconds = 0;
    reply->is_probe = false;
    reply->wait_ms = 0;
    reply->header_count = 0;
    reply->request_id[0] = '\0';
}

void ops_wire_reply_answer(struct ops_wire_reply *reply)
{
    reply->http_status = reply->answer.http_status;
    reply->retry_after_seconds = reply->answer.retry_after_seconds;
    reply->body = ops_buf_view(&reply->answer.body);
    reply->body_is_static = false;
    reply->content_type = ops_wire_json_type;
}

void ops_wire_reply_header(struct ops_wire_reply *reply, const char *name, const char *value)
{
    if (reply->header_count < OPS_WIRE_HEADERS_MAX)
        reply->headers[reply->header_count++] = (struct ops_wire_header){name, value};
}

/* The library only reads what it is to copy or keep, but asks for a pointer without const. */
static void *without_const(const char *data)
{
    union {
        const char *in;
        void *out;
    } cast = {.in = data ? data : ""};
    return cast.out;
}

/* A small body is copied, so that the thread keeps its buffer; a large one goes over whole, so that the thread does not. */
static struct MHD_Response *response_of(struct ops_wire_reply *reply)
{
    struct ops_view body = reply->body;
    struct ops_buf *own = &reply->answer.body;
    if (body.data && body.data == own->data && body.length >= OPS_WIRE_HANDOVER_MIN_BYTES) {
        char *block = ops_buf_take(own);
        struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(body.length, block, ops_mem_free);
        if (!response)
            ops_mem_free(block);
        return response;
    }
    enum MHD_ResponseMemoryMode mode = reply->body_is_static ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY;
    return MHD_create_response_from_buffer(body.length, without_const(body.data), mode);
}

struct reply_headers {
    struct ops_wire_header all[HEADERS_OF_REPLY_MAX];
    size_t count;
    char seconds[SECONDS_SIZE];
};

static void list_header(struct reply_headers *headers, const char *name, const char *value)
{
    headers->all[headers->count++] = (struct ops_wire_header){name, value};
}

static void list_headers(const struct ops_wire_reply *reply, bool closing, struct reply_headers *headers)
{
    headers->count = 0;
    list_header(headers, "Cache-Control", "no-store");
    list_header(headers, "X-Content-Type-Options", "nosniff");
    list_header(headers, OPS_API_VERSION_HEADER, OPS_API_VERSION);
    if (reply->content_type)
        list_header(headers, "Content-Type", reply->content_type);
    if (reply->retry_after_seconds > 0) {
        (void)snprintf(headers->seconds, sizeof headers->seconds, "%lld", (long long)reply->retry_after_seconds);
        list_header(headers, "Retry-After", headers->seconds);
    }
    if (closing)
        list_header(headers, "Connection", "close");
    for (size_t i = 0; i < reply->header_count; i++)
        list_header(headers, reply->headers[i].name, reply->headers[i].value);
}

static bool add_headers(struct MHD_Response *response, const struct ops_wire_reply *reply, bool closing)
{
    struct reply_headers headers;
    bool added = true;
    list_headers(reply, closing, &headers);
    for (size_t i = 0; i < headers.count; i++)
        added = added && MHD_add_response_header(response, headers.all[i].name, headers.all[i].value) == MHD_YES;
    return added;
}

/* Nothing is read any more behind a request whose end is in doubt. That of one in chunks is: the library takes line ends in
 * their sizes that others don't. */
static bool closes(const struct ops_wire_server *server, const struct ops_wire_request *request)
{
    return atomic_load_explicit(&server->stopping, memory_order_relaxed) || request->fault ||
           ops_wire_request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING).data;
}

/* MHD_NO makes the library close the connection: without memory for an answer that is all that is left. */
static enum MHD_Result send_reply(struct ops_wire_server *server, const struct ops_wire_request *request,
                                  struct ops_wire_reply *reply)
{
    struct MHD_Response *response = response_of(reply);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (add_headers(response, reply, closes(server, request)))
        result = ops_queue_response(request->connection, (unsigned)reply->http_status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- requests ---- */

struct ops_view ops_wire_request_header(const struct ops_wire_request *request, const char *name)
{
    const char *value = NULL;
    size_t length = 0;
    if (MHD_lookup_connection_value_n(request->connection, MHD_HEADER_KIND, name, strlen(name), &value, &length) != MHD_YES)
        return ops_view(NULL, 0);
    return ops_view(value, value ? length : 0);
}

struct ops_view ops_wire_request_host(const struct ops_wire_request *request)
{
    return request->authority.data ? request->authority : ops_wire_request_header(request, MHD_HTTP_HEADER_HOST);
}

/* NULL: there was no memory for one, and the connection is at its end. */
static struct visit *visit_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* False: the connection has to go, and nothing is to be begun for it. */
static bool enter_phase(struct ops_wire_server *server, struct MHD_Connection *connection, enum ops_guest_phase phase)
{
    struct visit *visit = visit_of(connection);
    return visit && ops_crowd_phase(server->crowd, &visit->guest, phase);
}

struct query_visit {
    ops_wire_on_argument_fn on_argument;
    void *context;
};

static enum MHD_Result visit_argument(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_size,
                                      const char *value, size_t value_size)
{
    (void)kind; /* the only kind that was asked for */
    struct query_visit *visit = cls;
    visit->on_argument(visit->context, ops_view(key, key_size), ops_view(value, value ? value_size : 0));
    return MHD_YES;
}

void ops_wire_query(const struct ops_wire_request *request, ops_wire_on_argument_fn on_argument, void *context)
{
    struct query_visit visit = {on_argument, context};
    (void)MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, visit_argument, &visit); /* the count */
}

static void leave(struct ops_wire_server *server, struct body *body)
{
    if (body->turn.ticket)
        server->config.leave(server->config.context, &body->turn);
}

/* Whether the reply is ready. If not, the library is to come again with this request. */
static bool make_reply(struct ops_wire_server *server, struct ops_wire_request *request, struct body *body,
                       struct ops_wire_reply *reply)
{
    const struct ops_wire_config *config = &server->config;
    request->turn = server->waiting && body != &no_body ? &body->turn : NULL;
    reply_reset(reply);
    if (!request->fault && ops_wire_prove(config->proof_token, config->surface, request, reply))
        return true;
    config->answer(config->context, request, reply);
    if (reply->wait_ms <= 0)
        return true;
    if (ops_waiting_add(server->waiting, &body->waiter, request->connection, reply->wait_ms))
        return false;
    leave(server, body);
    request->turn = NULL;
    reply_reset(reply);
    config->answer(config->context, request, reply);
    return true;
}

/* no_body is everybody's, and stays as it is. */
static int64_t began_ns(struct body *body)
{
    if (body->began_ns == 0 && body != &no_body)
        body->began_ns = ops_traffic_now_ns();
    return body == &no_body ? ops_traffic_now_ns() : body->began_ns;
}

static enum MHD_Result answer_request(struct ops_wire_server *server, struct ops_wire_request *request, struct body *body)
{
    struct ops_wire_reply *reply = reply_of_thread(server);
    if (!reply || (body->waiter.connection && ops_waiting_gone(request->connection)) ||
        !enter_phase(server, request->connection, OPS_GUEST_ANSWER))
        return MHD_NO;
    const struct ops_wire_config *config = &server->config;
    int64_t at_ns = config->traffic ? began_ns(body) : 0;
    if (!make_reply(server, request, body, reply))
        return MHD_YES;
    if (body != &no_body)
        ops_bodies_forget(&server->bodies, &body->bytes); /* before the client knows that it was read */
    enum MHD_Result result = send_reply(server, request, reply);
    (void)enter_phase(server, request->connection, OPS_GUEST_SEND); /* whoever is told to go is, however this went */
    if (!config->traffic || result != MHD_YES)
        return result;
    int64_t duration_ns = ops_traffic_now_ns() - at_ns;
    ops_traffic_count(config->traffic, config->surface, reply->line, reply->http_status, duration_ns);
    ops_access_tell(config->access_log, config->surface, request, reply, duration_ns);
    return result;
}

/* ---- refusals that the library has no part in ---- */

static void append_reply(struct ops_buf *buf, const struct ops_wire_reply *reply)
{
    struct reply_headers headers;
    struct tm now;
    char date[64];
    time_t seconds = time(NULL);
    list_headers(reply, true, &headers);
    ops_buf_append_format(buf, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n", reply->http_status,
                          MHD_get_reason_phrase_for((unsigned)reply->http_status), reply->body.length);
    if (gmtime_r(&seconds, &now) && strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &now) > 0)
        ops_buf_append_format(buf, "Date: %s\r\n", date);
    for (size_t i = 0; i < headers.count; i++)
        ops_buf_append_format(buf, "%s: %s\r\n", headers.all[i].name, headers.all[i].value);
    ops_buf_append_text(buf, "\r\n");
}

static void write_reply(struct ops_wire_server *server, const struct ops_wire_request *request, struct ops_wire_reply *reply)
{
    struct ops_buf buf;
    bool has_body = strcmp(request->method, MHD_HTTP_METHOD_HEAD) != 0;
    ops_buf_init(&buf, reply->body.length + HEAD_SIZE);
    append_reply(&buf, reply);
    if (has_body)
        ops_buf_append_view(&buf, reply->body);
    bool is_only = !atomic_exchange(&server->awaiting, true);
    if (ops_buf_status(&buf) == OPS_OK)
        ops_queue_directly(request->connection, ops_buf_view(&buf), is_only || server->config.awaits_rest);
    if (is_only)
        atomic_store(&server->awaiting, false);
    ops_buf_release(&buf);
}

/* What it wants to be answered with is written at once; then the connection has to be closed. */
static void refuse_directly(struct ops_wire_server *server, const struct ops_wire_request *request)
{
    struct ops_wire_reply *reply = reply_of_thread(server);
    const struct ops_wire_config *config = &server->config;
    if (!reply || !enter_phase(server, request->connection, OPS_GUEST_ANSWER))
        return;
    int64_t began_ns = config->traffic ? ops_traffic_now_ns() : 0;
    reply_reset(reply);
    config->answer(config->context, request, reply);
    write_reply(server, request, reply);
    (void)enter_phase(server, request->connection, OPS_GUEST_SEND); /* it is at its end anyway */
    if (!config->traffic)
        return;
    int64_t duration_ns = ops_traffic_now_ns() - began_ns;
    ops_traffic_count(config->traffic, config->surface, reply->line, reply->http_status, duration_ns);
    ops_access_tell(config->access_log, config->surface, request, reply, duration_ns);
}

static void split_target(struct ops_wire_request *request);

/* Of a request that the library gave up there is no more than the begin of its line, at the most. */
static void on_refusal(struct MHD_Connection *connection, unsigned http_status)
{
    struct visit *visit = visit_of(connection);
    if (!visit)
        return;
    struct ops_wire_request request = {.connection = connection, .method = "-", .target = visit->target};
    if (!visit->is_refused)
        atomic_fetch_add_explicit(&visit->server->under_way, 1, memory_order_relaxed);
    visit->is_refused = true;
    split_target(&request);
    request.fault = ops_framing_refused(connection, http_status);
    refuse_directly(visit->server, &request);
}

/* Of a head that takes so much of the connection's memory that there is none for the answer's. */
static bool is_too_long(const struct ops_wire_server *server, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    int count =
        MHD_get_connection_values_n(connection, MHD_HEADER_KIND | MHD_COOKIE_KIND | MHD_GET_ARGUMENT_KIND, NULL, NULL);
    const char *cookie;
    size_t cookie_length = 0;
    (void)MHD_lookup_connection_value_n(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_COOKIE, strlen(MHD_HTTP_HEADER_COOKIE),
                                        &cookie, &cookie_length); /* which is copied; 0 for none */
    size_t taken = (info ? info->header_size : 0) + (size_t)(count > 0 ? count : 0) * HEADER_RECORD_BYTES + cookie_length;
    return taken + REPLY_BYTES > server->config.connection_memory_bytes;
}

/* UINT64_MAX for a body of unknown length. The library has refused what is not a number. */
static uint64_t declared_length(const struct ops_wire_request *request)
{
    if (ops_wire_request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING).data)
        return UINT64_MAX;
    struct ops_view length = ops_wire_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length.data ? strtoull(length.data, NULL, 10) : 0;
}

static bool waits_for_continue(const struct ops_wire_request *request)
{
    struct ops_view expect = ops_wire_request_header(request, MHD_HTTP_HEADER_EXPECT);
    return expect.data && strcasecmp(expect.data, "100-continue") == 0;
}

/* A reply in the first call closes the connection, and what the client is still sending may make it miss the reply. So it is
 * given only to a client that waits before it sends, or would send more than we care to read. */
static bool answer_at_once(const struct ops_wire_request *request, uint64_t length)
{
    if (request->body_status == OPS_OK)
        return false;
    return request->body_status == OPS_NO_MEMORY || length > OPS_WIRE_DISCARD_MAX_BYTES || waits_for_continue(request);
}

static enum MHD_Result begin_body(struct ops_wire_server *server, struct ops_wire_request *request, uint64_t length,
                                  void **ret_state)
{
    request->has_body = true;
    if (length != UINT64_MAX && length > server->config.body_max_bytes)
        request->body_status = OPS_PAYLOAD_TOO_LARGE;
    struct body *body = answer_at_once(request, length) ? NULL : ops_mem_zeroed(1, sizeof *body);
    if (!body) {
        *ret_state = &no_body;
        request->body_status = request->body_status == OPS_OK ? OPS_NO_MEMORY : request->body_status;
        return answer_request(server, request, &no_body);
    }
    ops_body_bytes_init(&body->bytes, server->config.body_max_bytes);
    body->status = request->body_status;
    *ret_state = body;
    return MHD_YES;
}

static enum MHD_Result begin_request(struct ops_wire_server *server, struct ops_wire_request *request, const char *version,
                                     void **ret_state)
{
    atomic_fetch_add_explicit(&server->under_way, 1, memory_order_relaxed);
    *ret_state = &no_body;
    const struct visit *visit = visit_of(request->connection);
    if (!visit)
        return MHD_NO;
    const struct ops_request_line line = {request->method, request->target, visit->target_end, version, request->authority};
    request->fault =
        is_too_long(server, request->connection) ? &ops_framing_too_long : ops_framing_fault(request->connection, &line);
    if (request->fault == &ops_framing_too_long) {
        refuse_directly(server, request);
        return MHD_NO;
    }
    if (request->fault)
        return answer_request(server, request, &no_body);
    uint64_t length = declared_length(request);
    if (length == 0)
        return MHD_YES;
    return enter_phase(server, request->connection, OPS_GUEST_BODY) ? begin_body(server, request, length, ret_state)
                                                                    : MHD_NO;
}

/* A body that is refused is read to its end, since only then is the answer sure to arrive; but not without a limit. */
static enum MHD_Result collect(struct ops_wire_server *server, struct body *body, const char *bytes, size_t length)
{
    body->received_bytes += length;
    if (body->received_bytes > OPS_WIRE_DISCARD_MAX_BYTES)
        return MHD_NO;
    if (body->status == OPS_OK)
        body->status = ops_bodies_append(&server->bodies, &body->bytes, bytes, length);
    explicit_bzero(without_const(bytes), length); /* in the library's own buffer, which it keeps */
    return MHD_YES;
}

/* A target in absolute form, which every server must take (RFC 9112, section 3.2.2), has an authority before its path. */
static void split_target(struct ops_wire_request *request)
{
    static const char *const schemes[] = {"http://", "https://"};
    request->path = ops_view_of(request->target);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]);
        if (strncasecmp(request->target, schemes[i], length) != 0)
            continue;
        const char *authority = request->target + length, *slash = strchr(authority, '/');
        request->authority = ops_view(authority, slash ? (size_t)(slash - authority) : strlen(authority));
        request->path = ops_view_of(slash ? slash : "/");
    }
}

/* The library calls this once when the headers are there, then for each piece of the body, and once more at the end. Only a
 * reply in the last call keeps the connection open. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload_data, size_t *upload_data_size, void **state)
{
    struct ops_wire_server *server = cls;
    struct ops_wire_request request = {.connection = connection, .method = method, .target = url};
    split_target(&request);
    if (!*state)
        return begin_request(server, &request, version, state);
    struct body *body = *state;
    if (*upload_data_size > 0 && body != &no_body) {
        size_t length = *upload_data_size;
        *upload_data_size = 0;
        return collect(server, body, upload_data, length);
    }
    *upload_data_size = 0;
    request.has_body = body != &no_body;
    request.body_status = body->status;
    request.body = ops_buf_view(&body->bytes.buf);
    return answer_request(server, &request, body);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    struct ops_wire_server *server = cls;
    struct body *body = *state;
    if (!body)
        return;
    *state = NULL;
    if (body != &no_body) {
        leave(server, body);
        ops_bodies_forget(&server->bodies, &body->bytes);
        ops_mem_free(body);
    }
    struct visit *visit = visit_of(connection);
    if (visit)
        visit->target[0] = '\0';
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        (void)enter_phase(server, connection, OPS_GUEST_IDLE); /* whoever has to go finds the end soon enough */
    atomic_fetch_sub_explicit(&server->under_way, 1, memory_order_release);
}

/* Leaves names and values as they were sent: the library's own decoding lets broken escapes and NULs pass. */
static size_t leave_encoded(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* Before the library cuts up the target: its end tells whether it is whole. There is nothing to be kept for the request yet.
 */
static void *on_request_line(void *cls, const char *target, struct MHD_Connection *connection)
{
    (void)cls;
    struct visit *visit = visit_of(connection);
    if (!visit)
        return NULL;
    visit->target_end = target ? ops_target_end(target) : NULL;
    (void)snprintf(visit->target, sizeof visit->target, "%.*s", (int)(target ? strcspn(target, "?") : 0),
                   target ? target : "");
    return NULL;
}

/* ---- connections ---- */

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/*
 * With TLS a visit has a hold of what the slot had in it when the connection came: so a certificate that is replaced stays
 * for as long as a session refers to it, and the handshake takes no lock.
 */
static struct visit *begin_visit(struct ops_wire_server *server, int fd)
{
    struct visit *visit = ops_mem_zeroed(1, sizeof *visit);
    if (!visit || !ops_crowd_enter(server->crowd, &visit->guest, fd, ops_party_of_socket(fd))) {
        (void)shutdown(fd, SHUT_RDWR); /* the library closes it */
        ops_mem_free(visit);
        return NULL;
    }
    visit->server = server;
    if (server->config.tls)
        visit->tls = ops_slot_hold(&server->tls);
    return visit;
}

static void end_visit(struct ops_wire_server *server, struct visit *visit)
{
    if (!visit)
        return;
    ops_crowd_leave(server->crowd, &visit->guest);
    if (visit->is_refused)
        atomic_fetch_sub_explicit(&server->under_way, 1, memory_order_release);
    ops_shared_let_go(visit->tls);
    ops_mem_free(visit);
}

/* The library gives a connection a pointer of ours before the first byte is read, TLS's too, and takes leave of it after the
 * end, before it closes the socket. */
static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct ops_wire_server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = begin_visit(server, socket_of(connection));
    } else {
        end_visit(server, *context);
        *context = NULL;
    }
}

/* ---- TLS ---- */

/* 1.2 and 1.3 only, and only with keys that are made anew for each session and ciphers that authenticate: what is recorded
 * today is not read with a key that is stolen tomorrow. */
static const char tls_priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-MAC-ALL:+AEAD:-SIGN-RSA-SHA1:"
    "-SIGN-ECDSA-SHA1";

/* GnuTLS asks for what to show. The library has put the connection where a session keeps a pointer of its user's. */
static int on_handshake(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                        const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **ret_chain,
                        unsigned *ret_chain_length, gnutls_privkey_t *ret_key)
{
    (void)authorities; /* there is one certificate for everybody */
    (void)authority_count;
    (void)algorithms;
    (void)algorithm_count;
    struct MHD_Connection *connection = gnutls_session_get_ptr(session);
    const struct visit *visit = connection ? visit_of(connection) : NULL;
    if (!visit)
        return GNUTLS_E_CERTIFICATE_ERROR;
    ops_tls_show(visit->tls, ret_chain, ret_chain_length, ret_key);
    return 0;
}

void ops_wire_server_replace_tls(struct ops_wire_server *server, struct ops_shared *tls)
{
    ops_slot_replace(&server->tls, tls);
}

/* ---- start and stop ---- */

static void on_log(void *cls, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void on_log(void *cls, const char *format, va_list args)
{
    struct ops_wire_server *server = cls;
    if (atomic_load(&server->started) || !pthread_equal(server->starter, pthread_self()) || server->log_line[0])
        return;
    (void)vsnprintf(server->log_line, sizeof server->log_line, format, args); /* a cut line is still useful */
    server->log_line[strcspn(server->log_line, "\r\n")] = '\0';
}

static unsigned thread_count(unsigned wanted)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned usual = cores > OPS_WIRE_THREADS_LEAST ? (unsigned)cores : OPS_WIRE_THREADS_LEAST;
    unsigned count = wanted ? wanted : usual;
    return count > OPS_WIRE_THREADS_MAX ? OPS_WIRE_THREADS_MAX : count;
}

/* Who is idle is dropped by the library, unless it drips the bytes of its next head. */
static enum ops_status start_crowd(struct ops_wire_server *server, struct ops_error *error)
{
    enum { MS = 1000 };
    const struct ops_wire_limits *limits = &server->config.limits;
    const struct ops_crowd_config config = {
        .places = limits->connections,
        .party_places = limits->connections_per_party,
        .time_ms = {[OPS_GUEST_HEAD] = (int64_t)limits->head_timeout_seconds * MS,
                    [OPS_GUEST_BODY] = (int64_t)limits->body_timeout_seconds * MS,
                    [OPS_GUEST_SEND] = (int64_t)OPS_WIRE_ANSWER_TIMEOUT_SECONDS * MS,
                    [OPS_GUEST_IDLE] = ((int64_t)limits->idle_timeout_seconds + limits->head_timeout_seconds) * MS}};
    return ops_crowd_start(&config, &server->crowd, error);
}

static bool start_daemon(struct ops_wire_server *server, int listen_fd)
{
    const struct ops_wire_config *config = &server->config;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    unsigned threads = thread_count(config->threads);
    /* Each thread has a part of the library's own limit, and any may come to have all connections. The limit that counts is
     * the crowd's. */
    unsigned connections = threads * 2 * (unsigned)config->limits.connections;
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, threads, NULL}, {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    /* The library takes functions here as numbers and as pointers to data. */
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, without_const(tls_priorities)},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(intptr_t)on_handshake},
        {MHD_OPTION_END, 0, NULL},
    };
    if (ops_framing_needs_strict_library())
        flags |= BE_PEDANTIC;
    if (config->tls)
        flags |= MHD_USE_TLS;
    if (server->waiting)
        flags |= MHD_ALLOW_SUSPEND_RESUME;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_URI_LOG_CALLBACK,
        on_request_line, NULL, MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT, config->limits.idle_timeout_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, config->connection_memory_bytes, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
        (size_t)UPLOAD_INCREMENT_BYTES, MHD_OPTION_ARRAY, config->tls ? tls : none, MHD_OPTION_ARRAY,
        threads > 1 ? pool : none, MHD_OPTION_END);
    return server->daemon != NULL;
}

static void free_server(struct ops_wire_server *server)
{
    ops_waiting_free(server->waiting);
    ops_crowd_end(server->crowd);
    if (server->config.tls)
        ops_slot_release(&server->tls);
    ops_mem_free(server);
}

enum ops_status ops_wire_server_start(int listen_fd, const struct ops_wire_config *config,
                                      struct ops_wire_server **ret_server, struct ops_error *error)
{
    struct ops_wire_server *server = ops_mem_zeroed(1, sizeof *server);
    if (!server) {
        ops_shared_let_go(config->tls);
        return OPS_NO_MEMORY;
    }
    server->config = *config;
    ops_wire_limits_fill(&server->config.limits);
    if (config->connection_memory_bytes == 0)
        server->config.connection_memory_bytes = OPS_WIRE_CONNECTION_MEMORY_BYTES;
    ops_queue_on_refusal(on_refusal);
    ops_bodies_init(&server->bodies, server->config.limits.bodies_max_bytes);
    if (config->tls)
        ops_slot_init(&server->tls, config->tls);
    server->starter = pthread_self();
    if (pthread_key_create(&server->reply_key, reply_free) != 0) {
        free_server(server);
        return ops_fail(error, OPS_IO_ERROR, "The server can't start: the process has no thread-specific key left.");
    }
    enum ops_status status = start_crowd(server, error);
    if (status == OPS_OK && config->leave)
        status = ops_waiting_start(&server->waiting, error);
    if (status == OPS_OK && !start_daemon(server, listen_fd)) {
        status = ops_fail(error, OPS_IO_ERROR, "The server can't start: %s",
                          server->log_line[0] ? server->log_line : "its threads could not be set up.");
        if (server->waiting)
            ops_waiting_end(server->waiting);
    }
    if (status != OPS_OK) {
        (void)pthread_key_delete(server->reply_key); /* it exists */
        free_server(server);
        return status;
    }
    atomic_store(&server->started, true);
    *ret_server = server;
    return OPS_OK;
}

static void nap(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = DRAIN_NAP_MS * 1000000L}, NULL); /* a short nap is fine too */
}

void ops_wire_server_stop(struct ops_wire_server *server)
{
    if (!server)
        return;
    atomic_store(&server->stopping, true);
    if (server->waiting)
        ops_waiting_end(server->waiting); /* the library must have all connections back before it stops */
    /* MHD_quiesce_daemon is no help here: it and the threads of the pool both take the listening socket out of a thread's
     * epoll set, and whoever comes second ends the process (0.9.75). Who still comes is answered and told to close. */
    for (int waited_ms = 0; waited_ms < OPS_WIRE_DRAIN_MAX_MS; waited_ms += DRAIN_NAP_MS) {
        if (atomic_load_explicit(&server->under_way, memory_order_acquire) == 0)
            break;
        nap();
    }
    MHD_stop_daemon(server->daemon); /* joins the threads, which free their replies as they end, and closes the socket */
    (void)pthread_key_delete(server->reply_key); /* it exists */
    free_server(server);
}
