#include "support/http_server.h"

#include "support/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 32, REQUEST_MAX = 2 * 1024 * 1024 };

struct http_connection {
    int fd;
    int served;   /* requests before this one */
    bool waiting; /* in /gather */
    size_t length;
    char request[REQUEST_MAX];
};

/* What is to become of the connection. */
enum after { GOES_ON, CLOSES, RESETS };

static void send_bytes(struct http_connection *connection, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void send_text(struct http_connection *connection, const char *text)
{
    send_bytes(connection, text, strlen(text));
}

static void send_answer(struct http_connection *connection, int status, const char *headers, const char *body, size_t length)
{
    char head[HTTP_SERVER_LONG_BYTES + 256];
    (void)snprintf(head, sizeof head, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n", status, headers, length);
    send_text(connection, head);
    if (strncmp(connection->request, "HEAD ", 5) != 0)
        send_bytes(connection, body, length);
}

static enum after answer_echo(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server, (void)path;
    send_answer(connection, 200, "", connection->request, connection->length);
    return GOES_ON;
}

static enum after answer_status(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server;
    send_answer(connection, atoi(path + 1), "", "", 0);
    return GOES_ON;
}

static enum after answer_moved(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server, (void)path;
    send_answer(connection, 302, "Location: /echo\r\n", "", 0);
    return GOES_ON;
}

static enum after answer_big(struct http_server *server, struct http_connection *connection, const char *path)
{
    static char big[HTTP_SERVER_BIG_BYTES]; /* zeros */
    (void)server, (void)path;
    send_answer(connection, 200, "", big, sizeof big);
    return GOES_ON;
}

static enum after answer_chunked(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server, (void)path;
    send_text(connection, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n3\r\nole\r\n0\r\n\r\n");
    return GOES_ON;
}

static enum after answer_headers(struct http_server *server, struct http_connection *connection, const char *path)
{
    char headers[HTTP_SERVER_LONG_BYTES + 128], text[HTTP_SERVER_LONG_BYTES + 1];
    (void)server, (void)path;
    memset(text, 'l', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)snprintf(headers, sizeof headers, "X-Short: short\r\nX-Twice: one\r\nX-Long: %s\r\nX-Twice: two\r\n", text);
    send_answer(connection, 200, headers, "", 0);
    return GOES_ON;
}

static enum after answer_gather(struct http_server *server, struct http_connection *connection, const char *path)
{
    int waiting = 0;
    connection->waiting = true;
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        waiting += server->connections[i].waiting;
    for (int i = 0; i < CONNECTIONS_MAX && waiting >= atoi(path + strlen("/gather/")); i++) {
        if (server->connections[i].waiting)
            send_answer(&server->connections[i], 200, "", "", 0);
        server->connections[i].waiting = false;
    }
    return GOES_ON;
}

/* Says that no more will come, and returns when the other side's kernel has it. */
static void wait_for_end_to_arrive(int fd)
{
    struct tcp_info info = {.tcpi_state = TCP_FIN_WAIT1};
    socklen_t size = sizeof info;
    (void)shutdown(fd, SHUT_WR);
    while (info.tcpi_state == TCP_FIN_WAIT1 && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
        ;
}

static enum after answer_last(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server, (void)path;
    send_answer(connection, 200, "", "", 0);
    wait_for_end_to_arrive(connection->fd);
    return CLOSES;
}

static enum after answer_used(struct http_server *server, struct http_connection *connection, const char *path)
{
    return connection->served > 0 ? CLOSES : answer_echo(server, connection, path);
}

static enum after answer_close(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server, (void)connection, (void)path;
    return CLOSES;
}

static enum after answer_cut(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server, (void)path;
    send_text(connection, "HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf!");
    return CLOSES;
}

static enum after answer_cut_chunked(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server, (void)path;
    send_text(connection, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n");
    return CLOSES;
}

static enum after answer_reset(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)answer_cut(server, connection, path);
    return RESETS;
}

static enum after answer_silent(struct http_server *server, struct http_connection *connection, const char *path)
{
    (void)server, (void)connection, (void)path;
    return GOES_ON;
}

/* The first that fits. */
static const struct {
    const char *path;
    enum after (*answer)(struct http_server *server, struct http_connection *connection, const char *path);
} routes[] = {
    {"/echo", answer_echo},       {"/moved", answer_moved},
    {"/big", answer_big},         {"/chunked", answer_chunked},
    {"/headers", answer_headers}, {"/gather/", answer_gather},
    {"/last", answer_last},       {"/used", answer_used},
    {"/close", answer_close},     {"/cut-chunked", answer_cut_chunked},
    {"/cut", answer_cut},         {"/reset", answer_reset},
    {"/silent", answer_silent},   {"/", answer_status},
};

static enum after answer(struct http_server *server, struct http_connection *connection)
{
    const char *path = strchr(connection->request, ' ');
    path = path ? path + 1 : "/400";
    if (strncmp(path, "http://", 7) == 0)
        path += 7 + strcspn(path + 7, "/");
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strncmp(path, routes[i].path, strlen(routes[i].path)) == 0)
            return routes[i].answer(server, connection, path);
    return CLOSES;
}

static bool is_whole(const struct http_connection *connection)
{
    const char *end = memmem(connection->request, connection->length, "\r\n\r\n", 4);
    if (!end)
        return false;
    const char *field = memmem(connection->request, (size_t)(end - connection->request), "Content-Length: ", 16);
    size_t whole = (size_t)(end - connection->request) + 4 + (field ? strtoul(field + 16, NULL, 10) : 0);
    return connection->length >= whole;
}

static void close_connection(struct http_connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
    connection->served = 0;
    connection->waiting = false;
    connection->length = 0;
}

static void serve_connection(struct http_server *server, struct http_connection *connection)
{
    ssize_t got = recv(connection->fd, connection->request + connection->length, REQUEST_MAX - 1 - connection->length, 0);
    if (got <= 0) {
        close_connection(connection);
        return;
    }
    connection->length += (size_t)got;
    connection->request[connection->length] = '\0';
    if (!is_whole(connection))
        return;
    atomic_fetch_add(&server->requests, 1);
    enum after after = answer(server, connection);
    connection->length = 0;
    connection->served++;
    if (after == GOES_ON)
        return;
    if (after == RESETS)
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close_connection(connection);
    atomic_fetch_add(&server->closed, 1);
}

static void accept_connection(struct http_server *server)
{
    int fd = accept(server->listener, NULL, NULL);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* a unix socket has no delays */
    atomic_fetch_add(&server->accepted, 1);
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (server->connections[i].fd < 0) {
            server->connections[i].fd = fd;
            return;
        }
    }
    close(fd);
}

static void *serve(void *context)
{
    struct http_server *server = context;
    struct pollfd polled[CONNECTIONS_MAX + 2];
    for (;;) {
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            polled[i] = (struct pollfd){.fd = server->connections[i].fd, .events = POLLIN};
        polled[CONNECTIONS_MAX] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        polled[CONNECTIONS_MAX + 1] = (struct pollfd){.fd = server->stop[0], .events = POLLIN};
        (void)poll(polled, CONNECTIONS_MAX + 2, -1);
        if (polled[CONNECTIONS_MAX + 1].revents)
            return NULL;
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            if (polled[i].revents)
                serve_connection(server, &server->connections[i]);
        if (polled[CONNECTIONS_MAX].revents)
            accept_connection(server);
    }
}

/* The listener is bound. */
static void start(struct http_server *server)
{
    server->connections = calloc(CONNECTIONS_MAX, sizeof *server->connections);
    assert_non_null(server->connections);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        server->connections[i].fd = -1;
    assert_int_equal(listen(server->listener, CONNECTIONS_MAX), 0);
    assert_int_equal(pipe(server->stop), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

void http_server_start(struct http_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    memset(server, 0, sizeof *server);
    scratch_make(server->directory);
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    start(server);
}

void http_server_start_unix(struct http_server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(server, 0, sizeof *server);
    scratch_make(server->directory);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.80s/s", server->directory);
    server->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    start(server);
}

void http_server_stop(struct http_server *server)
{
    assert_int_equal(write(server->stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (server->connections[i].fd >= 0)
            close(server->connections[i].fd);
    assert_int_equal(close(server->listener) + close(server->stop[0]) + close(server->stop[1]), 0);
    free(server->connections);
    scratch_remove(server->directory);
}
