#include "adapters/curl/http_client.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A server with one thread, which answers by the path of the request:
 *   /echo    200 with the request itself, head and body
 *   /cut     the head of an answer and half of its body, then closes
 *   /silent  nothing, ever
 *   /close   closes as soon as it has the request
 *   /moved   302 to /echo
 *   /big     200 with BIG_BYTES bytes
 *   /<n>     status n, no body
 */
enum { BIG_BYTES = 100000, CONNECTIONS_MAX = 32, REQUEST_MAX = 64 * 1024 };

struct server {
    pthread_t thread;
    int listener;
    int stop[2]; /* a pipe */
    int port;
    char directory[SCRATCH_SIZE];
    atomic_int accepted;
};

static void send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void send_answer(int fd, int status, const char *header, const char *body, size_t length)
{
    char head[256];
    int size = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n", status, header, length);
    send_all(fd, head, (size_t)size);
    send_all(fd, body, length);
}

/* False when the connection is to be closed. */
static bool answer(int fd, const char *request, size_t length)
{
    static char big[BIG_BYTES];
    const char *path = strchr(request, ' ');
    path = path ? path + 1 : "/400";
    if (strncmp(path, "/silent", 7) == 0)
        return true;
    if (strncmp(path, "/close", 6) == 0)
        return false;
    if (strncmp(path, "/cut", 4) == 0) {
        static const char half[] = "HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf!";
        send_all(fd, half, sizeof half - 1);
        return false;
    }
    if (strncmp(path, "/echo", 5) == 0)
        send_answer(fd, 200, "", request, length);
    else if (strncmp(path, "/moved", 6) == 0)
        send_answer(fd, 302, "Location: /echo\r\n", "", 0);
    else if (strncmp(path, "/big", 4) == 0)
        send_answer(fd, 200, "", memset(big, 'b', sizeof big), sizeof big);
    else
        send_answer(fd, atoi(path + 1), "", "", 0);
    return true;
}

struct connection {
    int fd;
    size_t length;
    char request[REQUEST_MAX];
};

/* The length of the whole request, 0 while it is not complete. */
static size_t request_length(const struct connection *connection)
{
    const char *end = memmem(connection->request, connection->length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    const char *field = memmem(connection->request, (size_t)(end - connection->request), "Content-Length: ", 16);
    size_t whole = (size_t)(end - connection->request) + 4 + (field ? strtoul(field + 16, NULL, 10) : 0);
    return connection->length >= whole ? whole : 0;
}

static void serve_connection(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->request + connection->length, REQUEST_MAX - 1 - connection->length, 0);
    bool open = got > 0;
    if (open) {
        connection->length += (size_t)got;
        connection->request[connection->length] = '\0';
        size_t whole = request_length(connection);
        if (whole) {
            open = answer(connection->fd, connection->request, whole);
            connection->length = 0;
        }
    }
    if (!open) {
        close(connection->fd);
        connection->fd = -1;
        connection->length = 0;
    }
}

static void accept_connection(struct server *server, struct connection *connections)
{
    int fd = accept(server->listener, NULL, NULL);
    atomic_fetch_add(&server->accepted, 1);
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (connections[i].fd < 0) {
            connections[i].fd = fd;
            return;
        }
    }
    close(fd);
}

static void *serve(void *context)
{
    static struct connection connections[CONNECTIONS_MAX];
    struct server *server = context;
    struct pollfd polled[CONNECTIONS_MAX + 2];
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        connections[i] = (struct connection){.fd = -1};
    for (;;) {
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            polled[i] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
        polled[CONNECTIONS_MAX] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        polled[CONNECTIONS_MAX + 1] = (struct pollfd){.fd = server->stop[0], .events = POLLIN};
        (void)poll(polled, CONNECTIONS_MAX + 2, -1);
        if (polled[CONNECTIONS_MAX + 1].revents)
            break;
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            if (polled[i].revents)
                serve_connection(&connections[i]);
        if (polled[CONNECTIONS_MAX].revents)
            accept_connection(server, connections);
    }
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (connections[i].fd >= 0)
            close(connections[i].fd);
    return NULL;
}

static void server_start(struct server *server, bool unix_socket)
{
    memset(server, 0, sizeof *server);
    scratch_make(server->directory);
    if (unix_socket) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        (void)snprintf(address.sun_path, sizeof address.sun_path, "%.80s/s", server->directory);
        server->listener = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    } else {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof address;
        server->listener = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
        server->port = ntohs(address.sin_port);
    }
    assert_int_equal(listen(server->listener, 16), 0);
    assert_int_equal(pipe(server->stop), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    assert_int_equal(write(server->stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    assert_int_equal(close(server->listener) + close(server->stop[0]) + close(server->stop[1]), 0);
    scratch_remove(server->directory);
}

static struct server server;
static struct ops_http_client *client;

static int set_up(void **state)
{
    (void)state;
    server_start(&server, false);
    return ops_curl_http_client_new(&client) == OPS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ops_http_client_release(client);
    server_stop(&server);
    return 0;
}

/* A GET of a path; the response's body must be released. */
static enum ops_status get(const char *path, struct ops_http_response *ret_response, struct ops_error *error)
{
    char url[128];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    const struct ops_http_request request = {.method = "GET", .url = url, .connect_timeout_ms = 1000, .timeout_ms = 1000};
    ops_http_response_init(ret_response, REQUEST_MAX);
    return ops_http_exchange(client, &request, ret_response, error);
}

static void expect_get(const char *path, enum ops_status expected)
{
    struct ops_http_response response;
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(get(path, &response, &error), expected);
    assert_true((expected == OPS_OK) == (error.text[0] == '\0'));
    ops_buf_release(&response.body);
    ops_error_release(&error);
}

static void what_is_asked_arrives_whole_and_the_answer_too(void **state)
{
    (void)state;
    char url[128];
    struct ops_http_response response;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/echo?a=b", server.port);
    ops_http_response_init(&response, REQUEST_MAX);
    const struct ops_http_request request = {
        .method = "POST",
        .url = url,
        .headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}, {"X-Session-Guid", "g"}},
        .header_count = 3,
        .body = ops_view("{\"a\":\0\"b\"}", 10),
        .connect_timeout_ms = 1000,
        .timeout_ms = 1000,
    };
    assert_int_equal(ops_http_exchange(client, &request, &response, NULL), OPS_OK);
    assert_int_equal(response.status, 200);
    const char *text = ops_buf_text(&response.body);
    static const char start[] = "POST /echo?a=b HTTP/1.1\r\n";
    assert_memory_equal(text, start, sizeof start - 1);
    assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(text, "\r\nX-Empty:"));
    assert_non_null(strstr(text, "\r\nX-Session-Guid: g\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Length: 10\r\n"));
    assert_null(strstr(text, "Expect"));
    assert_memory_equal(text + response.body.length - 10, "{\"a\":\0\"b\"}", 10);
    ops_buf_release(&response.body);
}

static void a_get_has_no_body_and_no_type(void **state)
{
    (void)state;
    struct ops_http_response response;
    assert_int_equal(get("/echo", &response, NULL), OPS_OK);
    assert_memory_equal(ops_buf_text(&response.body), "GET /echo ", 10);
    assert_null(strstr(ops_buf_text(&response.body), "Content-"));
    ops_buf_release(&response.body);
}

static void every_status_is_an_answer_and_no_redirect_is_followed(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int status;
    } rows[] = {{"/204", 204}, {"/404", 404}, {"/503", 503}, {"/moved", 302}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ops_http_response response;
        assert_int_equal(get(rows[i].path, &response, NULL), OPS_OK);
        assert_int_equal(response.status, rows[i].status);
        assert_int_equal(response.body.length, 0);
        ops_buf_release(&response.body);
    }
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        expect_get("/echo", OPS_OK);
    assert_int_equal(atomic_load(&server.accepted), 1);
}

static void what_broke_after_the_request_was_sent_is_unknown(void **state)
{
    (void)state;
    expect_get("/close", OPS_UNKNOWN);
    expect_get("/cut", OPS_UNKNOWN);
    expect_get("/silent", OPS_UNKNOWN);
}

static void an_answer_larger_than_the_buffer_is_a_limit(void **state)
{
    (void)state;
    expect_get("/big", OPS_LIMIT);
    expect_get("/echo", OPS_OK);
}

static enum ops_status get_url(const char *url, const char *socket_path, const char *header, struct ops_error *error)
{
    struct ops_http_response response;
    const struct ops_http_request request = {.method = "GET",
                                             .url = url,
                                             .socket_path = socket_path,
                                             .headers = {{"X", header}},
                                             .header_count = 1,
                                             .connect_timeout_ms = 1000,
                                             .timeout_ms = 1000};
    ops_http_response_init(&response, REQUEST_MAX);
    enum ops_status status = ops_http_exchange(client, &request, &response, error);
    ops_buf_release(&response.body);
    return status;
}

static void what_can_not_be_reached_says_so_and_where(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://127.0.0.1:1/", "http://nowhere.invalid/", "file:///etc/hostname", "ftp://127.0.0.1/", "http://[", ""};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        assert_int_equal(get_url(urls[i], NULL, "x", &error), OPS_UNREACHABLE);
        assert_non_null(strstr(error.text, urls[i]));
        ops_error_release(&error);
    }
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(get_url("http://ops/", "/nonexistent/s", "x", &error), OPS_UNREACHABLE);
    assert_non_null(strstr(error.text, "/nonexistent/s"));
    ops_error_release(&error);
}

static void a_header_can_not_smuggle_another(void **state)
{
    (void)state;
    char url[128];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/echo", server.port);
    assert_int_equal(get_url(url, NULL, "a\r\nX-Evil: b", NULL), OPS_UNREACHABLE);
    assert_int_equal(atomic_load(&server.accepted), 0);
}

static void a_certificate_that_is_none_is_unreachable(void **state)
{
    (void)state;
    char url[128];
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/echo", server.port);
    assert_int_equal(get_url(url, NULL, "x", NULL), OPS_UNREACHABLE);
}

static void a_unix_socket_is_reached_by_its_path(void **state)
{
    (void)state;
    struct server local;
    struct ops_error error = OPS_ERROR_INIT;
    server_stop(&server); /* its thread's connections are static */
    server_start(&local, true);
    assert_int_equal(get_url("http://ops/echo", scratch_path(local.directory, "s"), "x", &error), OPS_OK);
    assert_int_equal(atomic_load(&local.accepted), 1);
    server_stop(&local);
    server_start(&server, false);
}

enum { THREAD_COUNT = 4, GETS = 20 };

static void *get_often(void *context)
{
    (void)context;
    uintptr_t wrong = 0;
    for (int i = 0; i < GETS; i++) {
        struct ops_http_response response;
        wrong += get("/echo", &response, NULL) != OPS_OK;
        ops_buf_release(&response.body);
    }
    return (void *)wrong;
}

static void several_threads_may_exchange_at_once(void **state)
{
    (void)state;
    pthread_t threads[THREAD_COUNT];
    for (int i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_often, NULL), 0);
    for (int i = 0; i < THREAD_COUNT; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_in_range(atomic_load(&server.accepted), 1, THREAD_COUNT);
}

static void without_memory_no_exchange_pretends(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct ops_http_response response;
        assert_true(n < 100);
        alloc_fault_install(n);
        enum ops_status status = get("/echo", &response, NULL);
        hit = alloc_fault_hit();
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        ops_buf_release(&response.body);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_asked_arrives_whole_and_the_answer_too),
        CASE(a_get_has_no_body_and_no_type),
        CASE(every_status_is_an_answer_and_no_redirect_is_followed),
        CASE(a_connection_is_used_again),
        CASE(what_broke_after_the_request_was_sent_is_unknown),
        CASE(an_answer_larger_than_the_buffer_is_a_limit),
        CASE(what_can_not_be_reached_says_so_and_where),
        CASE(a_header_can_not_smuggle_another),
        CASE(a_certificate_that_is_none_is_unreachable),
        CASE(a_unix_socket_is_reached_by_its_path),
        CASE(several_threads_may_exchange_at_once),
        CASE(without_memory_no_exchange_pretends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
