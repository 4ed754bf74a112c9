#include "client.h"
#include "fake_app.h"
#include "surfaces/http/server.h"
#include "surfaces/wire/server.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define JSON "Content-Type: application/json\r\n"
#define GET_PING "GET /ops/ping HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST_LIST(length) "POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: " length "\r\n\r\n"

static struct ops_app app;
static struct ops_http_server *server;
static uint16_t port;

static struct ops_http_server *start(const struct ops_http_config *config)
{
    struct ops_http_server *started = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    if (ops_http_server_start(&app, config, &started, &error) != OPS_OK)
        fail_msg("%s", error.text);
    return started;
}

static int start_server(void **state)
{
    (void)state;
    struct ops_http_config config = {.host = "127.0.0.1", .openapi = ops_view_of("openapi: 3.1.0\n")};
    atomic_store(&app.delay_ms, 0);
    atomic_store(&app.retry_after_seconds, 0);
    server = start(&config);
    port = ops_http_server_port(server);
    return 0;
}

static int start_impatient_server(void **state)
{
    (void)state;
    struct ops_http_config config = {.host = "127.0.0.1", .limits = {.idle_timeout_seconds = 1}};
    server = start(&config);
    port = ops_http_server_port(server);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    ops_http_server_stop(server);
    return 0;
}

static bool has_header(const struct response *response, const char *line)
{
    char wanted[200];
    (void)snprintf(wanted, sizeof wanted, "\r\n%s\r\n", line);
    return response->head && strcasestr(response->head, wanted);
}

/* ---- routing and inputs ---- */

static const struct {
    const char *name;
    const char *method;
    const char *target;
    const char *headers;
    const char *body;
    int status;
    const char *part; /* of the body */
} cases[] = {
    {"ping", "GET", "/ops/ping", NULL, NULL, 200, "success\":true"},
    {"a target in absolute form", "GET", "http://ops.internal:8080/ops/ping", NULL, NULL, 400, "\"field\":\"Host\""},
    {"a list without inputs", "GET", "/ops/maintenance/list", NULL, NULL, 200,
     "\"from_query\":true,\"session\":\"\",\"input\":null"},
    {"query inputs are texts", "GET", "/ops/maintenance/list?limit=8&status=a%20b+c", NULL, NULL, 200,
     "\"input\":{\"limit\":\"8\",\"status\":\"a b c\"}"},
    {"an escaped plus is a plus", "GET", "/ops/maintenance/list?status=%2B", NULL, NULL, 200, "{\"status\":\"+\"}"},
    {"an empty value is an empty text", "GET", "/ops/maintenance/list?status=", NULL, NULL, 200, "{\"status\":\"\"}"},
    {"a name without a value likewise", "GET", "/ops/maintenance/list?status", NULL, NULL, 200, "{\"status\":\"\"}"},
    {"an escaped ampersand is part of the value", "GET", "/ops/maintenance/list?status=a%26b", NULL, NULL, 200, "a&b"},
    {"a name twice", "GET", "/ops/maintenance/list?limit=1&limit=2", NULL, NULL, 400,
     "invalid-field\",\"call\":\"GET /maintenance/list"},
    {"a name twice, once escaped", "GET", "/ops/maintenance/list?limit=1&l%69mit=1", NULL, NULL, 400, "\"field\":\"limit\""},
    {"a broken escape", "GET", "/ops/maintenance/list?limit=%zz", NULL, NULL, 400, "\"field\":\"limit\""},
    {"a cut escape", "GET", "/ops/maintenance/list?limit=%4", NULL, NULL, 400, "\"field\":\"limit\""},
    {"a NUL", "GET", "/ops/maintenance/list?status=current%00x", NULL, NULL, 400, "\"field\":\"status\""},
    {"a value that is not UTF-8", "GET", "/ops/maintenance/list?status=%ff", NULL, NULL, 400, "\"field\":\"status\""},
    {"raw bytes that are not UTF-8", "GET", "/ops/maintenance/list?status=\xFF", NULL, NULL, 400, "\"field\":\"status\""},
    {"a name that is not UTF-8", "GET", "/ops/maintenance/list?st%ff=1", NULL, NULL, 400, "\"field\":\"st%ff\""},
    {"the session from the header", "GET", "/ops/maintenance/list", "X-Session-Guid: abc-1\r\n", NULL, 200,
     "\"session\":\"abc-1\""},
    {"a session in the query", "GET", "/ops/maintenance/list?session_guid=x", NULL, NULL, 400, "credential-in-query"},
    {"a session in the query of ping", "GET", "/ops/ping?session_guid=x", NULL, NULL, 400, "credential-in-query"},
    {"a session in the query of a POST", "POST", "/ops/maintenance/list?session_guid=x", JSON, "{}", 400,
     "credential-in-query"},
    {"a session in the query of no route", "GET", "/nowhere?session_guid=x", NULL, NULL, 400, "credential-in-query"},
    {"a session in the query of a page", "GET", "/ops/openapi.yaml?session_guid=x", NULL, NULL, 400, "credential-in-query"},
    {"a session in an escaped name", "GET", "/ops/ping?session%5Fguid=x", NULL, NULL, 400, "credential-in-query"},
    {"a session behind a broken parameter", "GET", "/ops/ping?a=%zz&session_guid=%zz", NULL, NULL, 400,
     "credential-in-query"},
    {"a secret code in the query", "GET", "/ops/ping?secret_code=x", NULL, NULL, 400, "credential-in-query"},
    {"no route", "GET", "/ops/nothing", NULL, NULL, 404, "route-not-found\",\"call\":\"GET /nothing\""},
    {"no route outside of the base path", "BREW", "/opsx/nothing", NULL, NULL, 404, "\"call\":\"BREW /opsx/nothing\""},
    {"bytes that can't be shown", "GET", "/ops/\xFF", NULL, NULL, 404, "\"call\":\"GET /?\""},
    {"the process is there", "GET", "/healthz", NULL, NULL, 200, "ok\n"},
    {"but its store is away", "GET", "/readyz", NULL, NULL, 503, "store: it can't be read\n"},
    {"the root", "GET", "/", NULL, NULL, 404, "route-not-found"},
    {"a slash at the end", "GET", "/ops/ping/", NULL, NULL, 404, "route-not-found"},
    {"a slash twice", "GET", "//ops/ping", NULL, NULL, 404, "route-not-found"},
    {"a slash twice inside", "GET", "/ops//ping", NULL, NULL, 404, "route-not-found"},
    {"another case", "GET", "/OPS/ping", NULL, NULL, 404, "route-not-found"},
    {"a path with a dot segment", "GET", "/ops/x/../ping", NULL, NULL, 404, "route-not-found"},
    {"a POST to no route keeps its 404", "POST", "/ops/nothing", NULL, "x", 404, "route-not-found"},
    {"a GET with a body", "GET", "/ops/ping", NULL, "{}", 400, "body-not-allowed"},
    {"a GET that says its body is empty", "GET", "/ops/ping", "Content-Length: 0\r\n", NULL, 200, "success\":true"},
    {"a page with a body", "GET", "/ops/openapi.yaml", NULL, "{}", 400, "body-not-allowed"},
    {"a POST", "POST", "/ops/maintenance/list", JSON, "{\"limit\":3}", 200,
     "\"from_query\":false,\"session\":\"\",\"input\":{\"limit\":3}"},
    {"a media type with a parameter", "POST", "/ops/maintenance/list", "Content-Type: Application/JSON ; charset=utf-8\r\n",
     "{}", 200, "\"input\":{}"},
    {"no media type", "POST", "/ops/maintenance/list", NULL, "{}", 415, "unsupported-media-type"},
    {"a form", "POST", "/ops/maintenance/list", "Content-Type: application/x-www-form-urlencoded\r\n", "limit=3", 415,
     "unsupported-media-type"},
    {"a longer media type", "POST", "/ops/maintenance/list", "Content-Type: application/json5\r\n", "{}", 415,
     "unsupported"},
    {"an empty body", "POST", "/ops/maintenance/list", JSON, "", 400, "invalid-json"},
    {"a body that is not JSON", "POST", "/ops/maintenance/list", JSON, "{\"limit\":", 400, "invalid-json"},
    {"a body that is not an object", "POST", "/ops/maintenance/list", JSON, "[]", 400, "invalid-json"},
    {"a POST with a query", "POST", "/ops/maintenance/list?limit=3", JSON, "{}", 400, "unknown-field"},
    {"a page", "GET", "/ops/openapi.yaml", NULL, NULL, 200, "openapi: 3.1.0"},
};

static void each_request_gets_its_own_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct response got = ask(port, cases[i].method, cases[i].target, cases[i].headers, cases[i].body);
        if (got.status != cases[i].status || !got.body || !strstr(got.body, cases[i].part))
            fail_msg("%s: %d %s", cases[i].name, got.status, got.body ? got.body : "(none)");
        assert_true(has_header(&got, "Cache-Control: no-store"));
        assert_true(has_header(&got, "X-Content-Type-Options: nosniff"));
        assert_true(has_header(&got, "X-API-Version: 2026-03-04"));
        response_release(&got);
    }
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *allow;
    } wrong[] = {
        {"POST", "/ops/ping", "Allow: GET, HEAD"},
        {"DELETE", "/ops/ping", "Allow: GET, HEAD"},
        {"OPTIONS", "/ops/maintenance/list", "Allow: GET, HEAD, POST"},
        {"PUT", "/ops/maintenance/list", "Allow: GET, HEAD, POST"},
        {"get", "/ops/ping", "Allow: GET, HEAD"},
        {"BREW", "/ops/ping", "Allow: GET, HEAD"},
        {"POST", "/ops/openapi.yaml", "Allow: GET, HEAD"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct response got = ask(port, wrong[i].method, wrong[i].target, JSON, "{}");
        assert_int_equal(got.status, 405);
        assert_true(has_header(&got, wrong[i].allow));
        assert_non_null(strstr(got.body, "method-not-allowed"));
        response_release(&got);
    }
}

static void headers_say_what_the_body_is(void **state)
{
    (void)state;
    struct response got = ask(port, "GET", "/ops/ping", NULL, NULL);
    assert_true(has_header(&got, "Content-Type: application/json; charset=utf-8"));
    assert_true(has_header(&got, "Content-Length: 500"));
    assert_null(strcasestr(got.head, "Retry-After"));
    response_release(&got);
    got = ask(port, "GET", "/ops/openapi.yaml", NULL, NULL);
    assert_true(has_header(&got, "Content-Type: application/yaml"));
    response_release(&got);
    atomic_store(&app.retry_after_seconds, 77);
    got = ask(port, "GET", "/ops/ping", NULL, NULL);
    assert_true(has_header(&got, "Retry-After: 77"));
    response_release(&got);
}

static void head_is_get_without_a_body(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    client_send(&client, "HEAD /ops/ping HTTP/1.1\r\nHost: x\r\n\r\n" GET_PING);
    struct response head = client_receive_head(&client);
    assert_int_equal(head.status, 200);
    assert_true(has_header(&head, "Content-Length: 500"));
    struct response get = client_receive(&client);
    assert_int_equal(get.status, 200);
    assert_int_equal(get.length, FAKE_PING_BYTES);
    response_release(&head);
    response_release(&get);
    client_close(&client);
}

/* ---- sizes ---- */

static struct response post_bytes(struct client *client, size_t length)
{
    char head[200];
    char *body = malloc(length);
    assert_non_null(body);
    memset(body, ' ', length);
    body[0] = '{';
    body[length - 1] = '}';
    (void)snprintf(head, sizeof head,
                   "POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: %zu\r\n\r\n", length);
    client_send(client, head);
    client_send_bytes(client, body, length);
    free(body);
    return client_receive(client);
}

static void a_body_at_the_limit_passes_and_one_over_it_is_told(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    struct response got = post_bytes(&client, OPS_HTTP_BODY_MAX_BYTES);
    assert_int_equal(got.status, 200);
    response_release(&got);
    got = post_bytes(&client, OPS_HTTP_BODY_MAX_BYTES + 1);
    assert_int_equal(got.status, 413);
    assert_non_null(strstr(got.body, "\"limit_bytes\":65536"));
    response_release(&got);
    got = post_bytes(&client, 2 * 1024 * 1024);
    assert_int_equal(got.status, 413);
    response_release(&got);
    client_send(&client, GET_PING);
    got = client_receive(&client);
    assert_int_equal(got.status, 200);
    response_release(&got);
    client_close(&client);
}

static void a_length_too_large_to_read_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    client_send(&client, POST_LIST("100000000000"));
    struct response got = client_receive(&client);
    assert_int_equal(got.status, 413);
    assert_non_null(strstr(got.body, "payload-too-large"));
    assert_true(client_at_end(&client, CLIENT_TIMEOUT_MS));
    response_release(&got);
    client_close(&client);
}

static void a_client_that_waits_is_refused_before_it_sends(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    client_send(&client, "POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\n" JSON
                         "Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n");
    struct response got = client_receive(&client);
    assert_int_equal(got.status, 413);
    response_release(&got);
    client_close(&client);
}

static void a_client_that_waits_is_told_to_go_on(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    client_send(&client, "POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\n" JSON
                         "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    struct response got = client_receive_head(&client);
    assert_int_equal(got.status, 100);
    response_release(&got);
    client_send(&client, "{}");
    got = client_receive(&client);
    assert_int_equal(got.status, 200);
    response_release(&got);
    client_close(&client);
}

static void a_chunked_body_is_read_and_limited(void **state)
{
    (void)state;
    static const char head[] =
        "POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n";
    struct client client = client_tcp(port);
    client_send(&client, head);
    client_send(&client, "5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n");
    struct response got = client_receive(&client);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, "{\"a\":1}"));
    response_release(&got);
    client_close(&client);
    client = client_tcp(port);
    client_send(&client, head);
    char chunk[1024];
    memset(chunk, 'x', sizeof chunk);
    for (int i = 0; i < 100; i++) {
        client_send(&client, "400\r\n");
        client_send_bytes(&client, chunk, sizeof chunk);
        client_send(&client, "\r\n");
    }
    client_send(&client, "0\r\n\r\n");
    got = client_receive(&client);
    assert_int_equal(got.status, 413);
    response_release(&got);
    client_close(&client);
}

static void an_endless_body_is_cut_off(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    client_send(&client, "POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n");
    bool alive = true;
    char whole[7 + 65536 + 2];
    memcpy(whole, "10000\r\n", 7);
    memset(whole + 7, 'x', 65536);
    memcpy(whole + 7 + 65536, "\r\n", 2);
    for (int i = 0; alive && i < 2000; i++)
        alive = client_try_send(&client, whole, sizeof whole);
    assert_false(alive);
    client_close(&client);
}

static void a_target_that_is_too_long_is_refused_without_harm(void **state)
{
    (void)state;
    static const size_t lengths[] = {8 * 1024, 14 * 1024, 64 * 1024};
    static const char end[] = " HTTP/1.1\r\nHost: x\r\n\r\n";
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *target = malloc(lengths[i] + 1);
        assert_non_null(target);
        memset(target, 'a', lengths[i]);
        target[0] = '/';
        target[lengths[i]] = '\0';
        struct client client = client_tcp(port);
        client_send(&client, "GET ");
        (void)client_try_send(&client, target, lengths[i]);
        (void)client_try_send(&client, end, strlen(end));
        struct response got = client_receive_head(&client);
        assert_true(got.status == 0 || (got.status >= 400 && got.status < 500));
        response_release(&got);
        client_close(&client);
        free(target);
    }
    struct response got = ask(port, "GET", "/ops/ping", NULL, NULL);
    assert_int_equal(got.status, 200);
    response_release(&got);
}

static void a_large_answer_arrives_whole_and_often(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    for (int i = 0; i < 20; i++) {
        client_send(&client, "GET /ops/large HTTP/1.1\r\nHost: x\r\n\r\n" GET_PING);
        struct response got = client_receive(&client);
        assert_int_equal(got.length, FAKE_LARGE_BYTES);
        assert_string_equal(got.body + got.length - 2, "\"}");
        response_release(&got);
        got = client_receive(&client);
        assert_int_equal(got.length, FAKE_PING_BYTES);
        response_release(&got);
    }
    client_close(&client);
}

/* ---- memory ---- */

static atomic_int allocations_left;

static void *alloc_or_fail(size_t size_bytes)
{
    return atomic_fetch_sub(&allocations_left, 1) == 0 ? NULL : malloc(size_bytes);
}

static void *resize_or_fail(void *block, size_t size_bytes)
{
    return atomic_fetch_sub(&allocations_left, 1) == 0 ? NULL : realloc(block, size_bytes);
}

static const struct ops_mem_functions scarce = {alloc_or_fail, resize_or_fail, free};

/* One server and a few requests while the n-th allocation fails: whoever gets an answer gets an honest one. False once there
 * are fewer than n. */
static bool one_allocation_fails(int n)
{
    static const char *const requests[] = {
        GET_PING, "GET /ops/maintenance/list?limit=1&status=all HTTP/1.1\r\nHost: x\r\n\r\n", POST_LIST("9") "{\"n\":201}"};
    struct ops_http_config config = {.host = "127.0.0.1", .threads = 1};
    struct ops_http_server *started = NULL;
    atomic_store(&allocations_left, n);
    enum ops_status status = ops_http_server_start(&app, &config, &started, NULL);
    for (size_t i = 0; status == OPS_OK && i < sizeof requests / sizeof requests[0]; i++) {
        struct client client = client_tcp(ops_http_server_port(started));
        client_send(&client, requests[i]);
        struct response got = client_receive(&client);
        assert_true(got.status == 0 || got.status == 200 || got.status == 500);
        response_release(&got);
        client_close(&client);
    }
    assert_true(status == OPS_OK || status == OPS_NO_MEMORY);
    ops_http_server_stop(started);
    return atomic_load(&allocations_left) < 0;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    enum { ENOUGH = 1000 };
    ops_mem_use(&scarce);
    int n = 0;
    while (n < ENOUGH && one_allocation_fails(n))
        n++;
    ops_mem_use(NULL);
    assert_true(n > 5 && n < ENOUGH);
}

/* ---- connections ---- */

static void one_connection_serves_a_hundred_requests(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    for (int i = 0; i < 100; i++) {
        client_send(&client, i % 3 == 2 ? POST_LIST("2") "{}"
                             : i % 3    ? "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                                        : GET_PING);
        struct response got = client_receive(&client);
        assert_int_equal(got.status, i % 3 == 1 ? 404 : 200);
        assert_false(has_header(&got, "Connection: close"));
        response_release(&got);
    }
    client_close(&client);
}

static void requests_sent_in_one_go_are_answered_in_order(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    client_send(&client, GET_PING POST_LIST("9") "{\"n\":201}"
                                                 "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" GET_PING);
    static const int wanted[] = {200, 200, 404, 200};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct response got = client_receive(&client);
        assert_int_equal(got.status, wanted[i]);
        if (i == 1)
            assert_non_null(strstr(got.body, "{\"n\":201}"));
        response_release(&got);
    }
    client_close(&client);
}

static void a_client_that_leaves_in_the_middle_does_no_harm(void **state)
{
    (void)state;
    static const char *const cut[] = {"GET /ops/pi", "GET /ops/ping HTTP/1.1\r\nHos",
                                      POST_LIST("100") "{\"limit\":", GET_PING};
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
            struct client client = client_tcp(port);
            client_send(&client, cut[i]);
            client_close(&client);
        }
    }
    struct response got = ask(port, "GET", "/ops/ping", NULL, NULL);
    assert_int_equal(got.status, 200);
    response_release(&got);
}

static void what_is_not_http_is_turned_away(void **state)
{
    (void)state;
    static const char *const rubbish[] = {"\x16\x03\x01\x02\r\n\r\n", "HELLO\r\n\r\n", "\r\n\r\n\r\n\r\n",
                                          "GET / HTTP/9.9\r\n\r\n",
                                          "POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n"};
    for (size_t i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++) {
        struct client client = client_tcp(port);
        client_send(&client, rubbish[i]);
        (void)shutdown(client.fd, SHUT_WR);
        struct response got = client_receive_head(&client);
        assert_true(got.status == 0 || got.status >= 400);
        response_release(&got);
        client_close(&client);
    }
}

static void stalled_clients_are_dropped(void **state)
{
    (void)state;
    static const char *const stalls[] = {"", "GET /ops/ping HTTP/1.1\r\nHo", POST_LIST("10") "{"};
    struct client clients[3];
    for (size_t i = 0; i < 3; i++) {
        clients[i] = client_tcp(port);
        client_send(&clients[i], stalls[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        struct response got = client_receive_head(&clients[i]); /* the library may say 408 first */
        response_release(&got);
        assert_true(client_at_end(&clients[i], CLIENT_TIMEOUT_MS));
        client_close(&clients[i]);
    }
}

static void a_thousand_idle_connections_stop_nobody(void **state)
{
    (void)state;
    enum { IDLE = 1000 };
    static int fds[IDLE];
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 2 * IDLE + 100)
        skip();
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < IDLE; i++) {
        struct client client = client_tcp(port);
        if (i % 2)
            client_send(&client, "GET /ops/");
        fds[i] = client.fd;
        free(client.bytes);
    }
    for (int i = 0; i < 50; i++) {
        struct response got = ask(port, "GET", "/ops/ping", NULL, NULL);
        assert_int_equal(got.status, 200);
        response_release(&got);
    }
    for (int i = 0; i < IDLE; i++)
        (void)close(fds[i]);
}

static void *ask_many(void *unused)
{
    struct client client = client_tcp(port);
    for (int i = 0; i < 200; i++) {
        client_send(&client, i % 2 ? GET_PING : POST_LIST("2") "{}");
        struct response got = client_receive(&client);
        assert_int_equal(got.status, 200);
        response_release(&got);
    }
    client_close(&client);
    return unused;
}

static void many_clients_at_once_each_get_their_answers(void **state)
{
    (void)state;
    enum { CLIENTS = 8 };
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many, NULL), 0);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* ---- start and stop ---- */

static void *stop_in_thread(void *unused)
{
    ops_http_server_stop(server);
    return unused;
}

static void a_request_under_way_is_answered_before_the_end(void **state)
{
    (void)start_server(state);
    pthread_t stopper;
    struct client idle = client_tcp(port);
    struct client client = client_tcp(port);
    int before = atomic_load(&app.calls);
    atomic_store(&app.delay_ms, 300);
    client_send(&client, GET_PING);
    while (atomic_load(&app.calls) == before)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(pthread_create(&stopper, NULL, stop_in_thread, NULL), 0);
    struct response got = client_receive(&client);
    assert_int_equal(got.status, 200);
    assert_int_equal(got.length, FAKE_PING_BYTES);
    assert_true(has_header(&got, "Connection: close"));
    response_release(&got);
    assert_true(client_at_end(&client, CLIENT_TIMEOUT_MS));
    assert_true(client_at_end(&idle, CLIENT_TIMEOUT_MS));
    assert_int_equal(pthread_join(stopper, NULL), 0);
    client_close(&client);
    client_close(&idle);
    atomic_store(&app.delay_ms, 0);
}

static void a_client_that_never_finishes_does_not_hold_up_the_end(void **state)
{
    (void)start_server(state);
    struct client client = client_tcp(port);
    client_send(&client, POST_LIST("10") "{");
    struct response got = ask(port, "GET", "/ops/ping", NULL, NULL);
    response_release(&got);
    struct timespec begin, end;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    ops_http_server_stop(server);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    /* Far less than it would take until the client is idle for too long; a busy machine may need a while. */
    assert_true(end.tv_sec - begin.tv_sec < OPS_WIRE_IDLE_TIMEOUT_SECONDS - 5);
    client_close(&client);
}

static void a_second_server_on_the_same_port_is_told(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_http_server *second = NULL;
    struct ops_http_config config = {.host = "127.0.0.1", .port = port};
    assert_int_equal(ops_http_server_start(&app, &config, &second, &error), OPS_IO_ERROR);
    assert_non_null(strstr(error.text, "another process already does"));
    assert_null(second);
    ops_error_release(&error);
}

static void a_port_is_free_again_after_stop(void **state)
{
    for (int i = 0; i < 5; i++) {
        (void)start_server(state);
        struct response got = ask(port, "GET", "/ops/ping", NULL, NULL);
        response_release(&got);
        ops_http_server_stop(server);
        struct ops_http_config config = {.host = "localhost", .port = port, .threads = 1};
        server = start(&config);
        got = ask(port, "GET", "/ops/ping", NULL, NULL);
        assert_int_equal(got.status, 200);
        response_release(&got);
        ops_http_server_stop(server);
    }
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(each_request_gets_its_own_answer),
        WITH_SERVER(a_wrong_method_is_told_the_right_ones),
        WITH_SERVER(headers_say_what_the_body_is),
        WITH_SERVER(head_is_get_without_a_body),
        WITH_SERVER(a_body_at_the_limit_passes_and_one_over_it_is_told),
        WITH_SERVER(a_length_too_large_to_read_is_refused_before_it_is_sent),
        WITH_SERVER(a_client_that_waits_is_refused_before_it_sends),
        WITH_SERVER(a_client_that_waits_is_told_to_go_on),
        WITH_SERVER(a_chunked_body_is_read_and_limited),
        WITH_SERVER(an_endless_body_is_cut_off),
        WITH_SERVER(a_target_that_is_too_long_is_refused_without_harm),
        WITH_SERVER(a_large_answer_arrives_whole_and_often),
        cmocka_unit_test(each_allocation_may_fail),
        WITH_SERVER(one_connection_serves_a_hundred_requests),
        WITH_SERVER(requests_sent_in_one_go_are_answered_in_order),
        WITH_SERVER(a_client_that_leaves_in_the_middle_does_no_harm),
        /* libmicrohttpd leaves some rubbish unanswered until its time is up. */
        cmocka_unit_test_setup_teardown(what_is_not_http_is_turned_away, start_impatient_server, stop_server),
        WITH_SERVER(a_thousand_idle_connections_stop_nobody),
        WITH_SERVER(many_clients_at_once_each_get_their_answers),
        WITH_SERVER(a_second_server_on_the_same_port_is_told),
        cmocka_unit_test_setup_teardown(stalled_clients_are_dropped, start_impatient_server, stop_server),
        cmocka_unit_test(a_request_under_way_is_answered_before_the_end),
        cmocka_unit_test(a_client_that_never_finishes_does_not_hold_up_the_end),
        cmocka_unit_test(a_port_is_free_again_after_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
