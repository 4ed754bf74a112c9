#include "stub/http.h"

#include "stub/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_MAX_BYTES = 64 * 1024,
    BODY_MAX_BYTES = 32 * 1024 * 1024,
    READ_BYTES = 64 * 1024,
    EVENTS_MAX = 64,
    BACKLOG = 512,
};

/* A connection reads a request, answers it, and only then looks at the next one. */
struct connection {
    int fd;
    struct ops_buf in;
    size_t needed; /* bytes of the request that is being read, once its head is known */
    bool continued;
    struct ops_buf out;
    size_t sent;
    bool answering;
    bool closing; /* when out has gone */
    enum stub_ending ending;
    int64_t due_ms; /* monotonic; the answer goes out then */
    uint32_t watched;
    struct connection *previous, *next; /* of the loop's list */
};

struct loop {
    struct stub_server *server;
    pthread_t thread;
    int epoll;
    struct connection *connections;
    size_t waiting_count; /* answers that are not due yet */
    char input[READ_BYTES];
    time_t date_second;
    char date[64];
};

struct stub_server {
    int listener;
    int stop;
    uint16_t port;
    stub_answer_fn answer;
    void *context;
    size_t loop_count;
    struct loop *loops;
};

int64_t stub_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* can't fail for this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail for this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Reading a request ---- */

enum parsed { PARSED_PART, PARSED_WHOLE, PARSED_BAD };

static struct ops_view trimmed(const char *data, const char *end)
{
    while (data < end && (*data == ' ' || *data == '\t'))
        data++;
    while (data < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return ops_view(data, (size_t)(end - data));
}

/* "POST /path?query HTTP/1.1" */
static bool parse_request_line(const char *line, const char *end, struct stub_request *request)
{
    const char *path = memchr(line, ' ', (size_t)(end - line));
    const char *version = path ? memchr(path + 1, ' ', (size_t)(end - path - 1)) : NULL;
    if (!version || path[1] != '/')
        return false;
    request->method = ops_view(line, (size_t)(path - line));
    path++;
    const char *query = memchr(path, '?', (size_t)(version - path));
    request->path = ops_view(path, (size_t)((query ? query : version) - path));
    request->query = query ? ops_view(query + 1, (size_t)(version - query - 1)) : ops_view("", 0);
    return true;
}

static bool parse_header(const char *line, const char *end, struct stub_request *request)
{
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (!colon || request->header_count == STUB_HEADERS_MAX)
        return false;
    request->headers[request->header_count++] =
        (struct stub_header){ops_view(line, (size_t)(colon - line)), trimmed(colon + 1, end)};
    return true;
}

/* head ends with the CR LF of its last line. */
static bool parse_head(struct ops_view head, struct stub_request *request)
{
    const char *line = head.data, *end = head.data + head.length;
    request->header_count = 0;
    for (bool first = true; line < end; first = false) {
        const char *newline = memchr(line, '\r', (size_t)(end - line));
        if (!newline || newline[1] != '\n') /* there is a CR LF at the end */
            return false;
        if (!(first ? parse_request_line(line, newline, request) : parse_header(line, newline, request)))
            return false;
        line = newline + 2;
    }
    return true;
}

/* Bodies come with their length: no AWS client sends chunks to the operations that are here. */
static bool body_length(const struct stub_request *request, size_t *ret_length)
{
    struct ops_view text = stub_request_header(request, "content-length");
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || length > BODY_MAX_BYTES)
            return false;
        length = length * 10 + (size_t)(text.data[i] - '0');
    }
    *ret_length = length;
    return length <= BODY_MAX_BYTES && !stub_request_header(request, "transfer-encoding").length;
}

static enum parsed parse(struct connection *connection, struct stub_request *request)
{
    struct ops_view in = ops_buf_view(&connection->in);
    if (connection->needed > in.length)
        return PARSED_PART;
    const char *blank = memmem(in.data, in.length, "\r\n\r\n", 4);
    if (!blank)
        return in.length > HEAD_MAX_BYTES ? PARSED_BAD : PARSED_PART;
    size_t head = (size_t)(blank - in.data) + 4, body;
    if (!parse_head(ops_view(in.data, head - 2), request) || !body_length(request, &body))
        return PARSED_BAD;
    connection->needed = head + body;
    request->body = ops_view(in.data + head, body);
    return connection->needed > in.length ? PARSED_PART : PARSED_WHOLE;
}

/* ---- Connections ---- */

static void watch(struct loop *loop, struct connection *connection, uint32_t events)
{
    if (connection->watched == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, connection->fd, &event) != 0)
        stub_give_up("epoll_ctl failed");
    connection->watched = events;
}

static void accept_one(struct loop *loop)
{
    int fd = accept4(loop->server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return; /* another thread was faster, or the client has gone */
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only slower without */
    struct connection *connection = stub_zeroed(1, sizeof *connection);
    connection->fd = fd;
    stub_buf_init(&connection->in);
    stub_buf_init(&connection->out);
    connection->next = loop->connections;
    if (loop->connections)
        loop->connections->previous = connection;
    loop->connections = connection;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        stub_give_up("epoll_ctl failed");
    connection->watched = EPOLLIN;
}

static void set_due(struct loop *loop, struct connection *connection, int64_t due_ms)
{
    loop->waiting_count += (due_ms != 0);
    loop->waiting_count -= (connection->due_ms != 0);
    connection->due_ms = due_ms;
}

static void end_connection(struct loop *loop, struct connection *connection, bool reset)
{
    set_due(loop, connection, 0);
    if (reset) {
        struct linger hard = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard); /* close is soft without */
    }
    (void)close(connection->fd); /* nothing of ours is waiting in it */
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        loop->connections = connection->next;
    ops_buf_release(&connection->in);
    ops_buf_release(&connection->out);
    ops_mem_free(connection);
}

/* ---- Answering ---- */

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *words;
    } reasons[] = {{200, "OK"},        {204, "No Content"}, {400, "Bad Request"},           {403, "Forbidden"},
                   {404, "Not Found"}, {409, "Conflict"},   {500, "Internal Server Error"}, {503, "Service Unavailable"}};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].words;
    return "Other";
}

/* The Date header's value; made once a second. */
static const char *date(struct loop *loop, int64_t now_ms)
{
    time_t second = (time_t)(now_ms / 1000);
    if (second != loop->date_second) {
        struct tm parts;
        (void)gmtime_r(&second, &parts);
        (void)strftime(loop->date, sizeof loop->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        loop->date_second = second;
    }
    return loop->date;
}

static void render(struct loop *loop, struct connection *connection, const struct stub_answer *answer, bool bodiless)
{
    struct ops_buf *out = &connection->out;
    ops_buf_append_format(out, "HTTP/1.1 %d %s\r\nServer: stub\r\nDate: %s\r\n", answer->status, reason(answer->status),
                          date(loop, answer->now_ms));
    if (answer->content_type)
        ops_buf_append_format(out, "Content-Type: %s\r\n", answer->content_type);
    if (answer->status != 204)
        ops_buf_append_format(out, "Content-Length: %zu\r\n", answer->body.length);
    ops_buf_append_view(out, ops_buf_view(&answer->headers));
    ops_buf_append_text(out, "\r\n");
    size_t body = bodiless ? 0 : answer->body.length;
    if (answer->ending != STUB_WHOLE)
        body /= 2;
    ops_buf_append(out, ops_buf_text(&answer->body), body);
    if (answer->ending == STUB_RESET_AT_ONCE)
        ops_buf_clear(out);
    if (ops_buf_status(out) != OPS_OK || ops_buf_status(&answer->body) != OPS_OK)
        stub_give_up("out of memory");
}

static void answer_request(struct loop *loop, struct connection *connection, const struct stub_request *request)
{
    struct stub_answer answer = {.status = 200, .now_ms = stub_now_ms()};
    stub_buf_init(&answer.headers);
    stub_buf_init(&answer.body);
    loop->server->answer(loop->server->context, request, &answer);
    struct ops_view kept = stub_request_header(request, "connection");
    connection->closing = answer.ending != STUB_WHOLE || (kept.length == 5 && strncasecmp(kept.data, "close", 5) == 0);
    connection->ending = answer.ending;
    set_due(loop, connection, answer.delay_ms ? monotonic_ms() + answer.delay_ms : 0);
    connection->answering = true;
    render(loop, connection, &answer, ops_view_is(request->method, "HEAD"));
    ops_buf_release(&answer.headers);
    ops_buf_release(&answer.body);
}

/* Forgets the request that was answered. What came behind it moves to the front. */
static void consume(struct connection *connection)
{
    size_t left = connection->in.length - connection->needed;
    memmove(connection->in.data, connection->in.data + connection->needed, left + 1);
    connection->in.length = left;
    connection->needed = 0;
    connection->continued = false;
}

enum sending { SENT, BLOCKED, GONE };

static enum sending send_out(struct loop *loop, struct connection *connection)
{
    while (connection->sent < connection->out.length) {
        ssize_t count = send(connection->fd, connection->out.data + connection->sent,
                             connection->out.length - connection->sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            watch(loop, connection, EPOLLOUT);
            return BLOCKED;
        }
        if (count < 0 && errno != EINTR)
            return GONE;
        connection->sent += count > 0 ? (size_t)count : 0;
    }
    ops_buf_clear(&connection->out);
    connection->sent = 0;
    return SENT;
}

static void refuse_head(struct connection *connection)
{
    ops_buf_append_text(&connection->out, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    connection->answering = true;
    connection->closing = true;
    connection->ending = STUB_WHOLE;
    connection->needed = connection->in.length;
}

/* A client with a large body waits for this before it sends it (RFC 9110, section 10.1.1). */
static void welcome_body(struct connection *connection, const struct stub_request *request)
{
    if (connection->continued || !connection->needed || !stub_request_header(request, "expect").length)
        return;
    ops_buf_append_text(&connection->out, "HTTP/1.1 100 Continue\r\n\r\n");
    connection->continued = true;
}

/* Looks for a request in what has come; false when there is none to answer yet. */
static bool begin_answer(struct loop *loop, struct connection *connection)
{
    struct stub_request request;
    request.header_count = 0;
    switch (parse(connection, &request)) {
    case PARSED_PART:
        welcome_body(connection, &request);
        return false;
    case PARSED_BAD:
        refuse_head(connection);
        break;
    case PARSED_WHOLE:
        answer_request(loop, connection, &request);
        break;
    }
    consume(connection);
    return true;
}

/* Does all that can be done at once. */
static void proceed(struct loop *loop, struct connection *connection)
{
    for (;;) {
        if (!connection->answering && !begin_answer(loop, connection) && connection->out.length == 0)
            break;
        if (connection->answering && connection->due_ms > monotonic_ms()) {
            watch(loop, connection, 0);
            return;
        }
        enum sending sending = send_out(loop, connection);
        if (sending == BLOCKED)
            return;
        if (sending == GONE || (connection->answering && connection->closing)) {
            end_connection(loop, connection, connection->ending >= STUB_RESET_HALFWAY);
            return;
        }
        connection->answering = false;
        set_due(loop, connection, 0);
    }
    watch(loop, connection, EPOLLIN);
}

static void on_readable(struct loop *loop, struct connection *connection)
{
    ssize_t count = recv(connection->fd, loop->input, sizeof loop->input, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        end_connection(loop, connection, false);
        return;
    }
    ops_buf_append(&connection->in, loop->input, (size_t)count);
    if (ops_buf_status(&connection->in) != OPS_OK)
        stub_give_up("out of memory");
    proceed(loop, connection);
}

static void on_event(struct loop *loop, struct connection *connection, uint32_t events)
{
    if (events & EPOLLOUT)
        proceed(loop, connection);
    else if (events & EPOLLIN)
        on_readable(loop, connection);
    else
        end_connection(loop, connection, false); /* the client has gone while its answer waited */
}

/* ---- The loop ---- */

/* How long until the first answer that waits is due; -1 when none waits. */
static int until_due(const struct loop *loop)
{
    if (!loop->waiting_count)
        return -1;
    int64_t first = INT64_MAX;
    for (const struct connection *connection = loop->connections; connection; connection = connection->next)
        if (connection->due_ms && connection->due_ms < first)
            first = connection->due_ms;
    int64_t left = first - monotonic_ms();
    return left < 0 ? 0 : (int)(left < 60000 ? left : 60000);
}

static void send_due(struct loop *loop)
{
    int64_t now_ms = monotonic_ms();
    for (struct connection *connection = loop->connections, *next; connection; connection = next) {
        next = connection->next;
        if (connection->due_ms && connection->due_ms <= now_ms)
            proceed(loop, connection);
    }
}

static void *run(void *context)
{
    struct loop *loop = context;
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int timeout = until_due(loop);
        int count = epoll_wait(loop->epoll, events, EVENTS_MAX, timeout);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == loop)
                return NULL;
            if (events[i].data.ptr)
                on_event(loop, events[i].data.ptr, events[i].events);
            else
                accept_one(loop);
        }
        if (timeout >= 0)
            send_due(loop);
    }
}

static void start_loop(struct stub_server *server, struct loop *loop)
{
    loop->server = server;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event listening = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = NULL};
    struct epoll_event stopping = {.events = EPOLLIN, .data.ptr = loop};
    if (loop->epoll < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, server->listener, &listening) != 0 ||
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, server->stop, &stopping) != 0 ||
        pthread_create(&loop->thread, NULL, run, loop) != 0)
        stub_give_up("a thread can't be started");
}

static void listen_on(struct stub_server *server, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int on = 1;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->listener < 0 || setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(server->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(server->listener, BACKLOG) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &length) != 0)
        stub_give_up("the port can't be listened on");
    server->port = ntohs(address.sin_port);
}

struct stub_server *stub_server_start(uint16_t port, size_t thread_count, stub_answer_fn answer, void *context)
{
    struct stub_server *server = stub_zeroed(1, sizeof *server);
    server->answer = answer;
    server->context = context;
    listen_on(server, port);
    server->stop = eventfd(0, EFD_CLOEXEC);
    if (server->stop < 0)
        stub_give_up("no eventfd");
    server->loop_count = thread_count;
    server->loops = stub_zeroed(thread_count, sizeof *server->loops);
    for (size_t i = 0; i < thread_count; i++)
        start_loop(server, &server->loops[i]);
    return server;
}

uint16_t stub_server_port(const struct stub_server *server)
{
    return server->port;
}

void stub_server_stop(struct stub_server *server)
{
    if (eventfd_write(server->stop, 1) != 0)
        stub_give_up("no eventfd");
    for (size_t i = 0; i < server->loop_count; i++) {
        struct loop *loop = &server->loops[i];
        (void)pthread_join(loop->thread, NULL); /* our own thread, joined once */
        while (loop->connections)
            end_connection(loop, loop->connections, false);
        (void)close(loop->epoll);
    }
    (void)close(server->stop);
    (void)close(server->listener);
    ops_mem_free(server->loops);
    ops_mem_free(server);
}
