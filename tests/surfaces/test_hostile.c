/* Clients that mean no good, over real sockets: heads that can be read in two ways, bodies and connections that never end,
 * requests for somebody else's host. */
#include "client.h"
#include "fake_app.h"
#include "surfaces/http/server.h"
#include "surfaces/invoke/server.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LIST "/ops/maintenance/list"
#define JSON "Content-Type: application/json\r\n"

enum { PATIENCE_MS = 30000 };

static struct ops_app app;
static struct ops_http_server *http;
static struct ops_invoke_server *invoke;
static uint16_t port;
static char directory[32], invoke_path[64];

static void start_http(const struct ops_http_config *config)
{
    struct ops_error error = OPS_ERROR_INIT;
    if (ops_http_server_start(&app, config, &http, &error) != OPS_OK)
        fail_msg("%s", error.text);
    port = ops_http_server_port(http);
}

static int start_usual(void **state)
{
    (void)state;
    const struct ops_http_config config = {.host = "127.0.0.1"};
    start_http(&config);
    return 0;
}

static int stop_http(void **state)
{
    (void)state;
    ops_http_server_stop(http);
    return 0;
}

static int start_invoke(void **state)
{
    (void)state;
    char listen[80];
    (void)snprintf(directory, sizeof directory, "/tmp/ops-hostile-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(invoke_path, sizeof invoke_path, "%s/s", directory);
    (void)snprintf(listen, sizeof listen, "unix:%s", invoke_path);
    const struct ops_invoke_config config = {.listen = listen};
    return ops_invoke_server_start(&app, &config, &invoke, NULL) == OPS_OK ? 0 : -1;
}

static int stop_invoke(void **state)
{
    (void)state;
    ops_invoke_server_stop(invoke);
    return rmdir(directory);
}

/* ---- framing ---- */

struct head {
    const char *name;
    const char *bytes;
    size_t length;
    const char *field; /* of the refusal */
};

#define HEAD(name, text, field)                                                                                             \
    {                                                                                                                       \
        name, text, sizeof text - 1, field                                                                                  \
    }
#define GET_LINE "GET " LIST " HTTP/1.1\r\n"
#define POST_LINE "POST " LIST " HTTP/1.1\r\nHost: localhost\r\n" JSON

static const struct head ambiguous[] = {
    HEAD("no host", GET_LINE "\r\n", "Host"),
    HEAD("two hosts", GET_LINE "Host: a\r\nHost: a\r\n\r\n", "Host"),
    HEAD("two hosts, one in other letters", GET_LINE "Host: a\r\nhOST: b\r\n\r\n", "Host"),
    HEAD("a host with a path", GET_LINE "Host: a/b\r\n\r\n", "Host"),
    HEAD("a host with a blank", GET_LINE "Host: a b\r\n\r\n", "Host"),
    HEAD("a host of a user", GET_LINE "Host: a@b\r\n\r\n", "Host"),
    HEAD("two lengths", POST_LINE "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "Content-Length"),
    HEAD("one length twice", POST_LINE "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "Content-Length"),
    HEAD("chunks with a length", POST_LINE "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
         "Transfer-Encoding"),
    HEAD("a length with chunks", POST_LINE "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "Transfer-Encoding"),
    HEAD("another coding", POST_LINE "Transfer-Encoding: gzip\r\n\r\n{}", "Transfer-Encoding"),
    HEAD("two codings", POST_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"),
    HEAD("chunks twice", POST_LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "Transfer-Encoding"),
    HEAD("chunks that are not quite",
         POST_LINE "Transfer-Encoding: \x0b"
                   "chunked\r\n\r\n0\r\n\r\n",
         "head"),
    HEAD("chunks in HTTP/1.0", "POST " LIST " HTTP/1.0\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "Transfer-Encoding"),
    HEAD("a NUL in a value", GET_LINE "Host: a\r\nX: a\0b\r\n\r\n", "head"),
    HEAD("a NUL that hides a header", GET_LINE "Host: a\0\r\nContent-Length: 5\r\n\r\n", "head"),
    HEAD("a NUL at a value's end", GET_LINE "X: a\0\r\nHost: a\r\n\r\n", "head"),
    HEAD("a NUL in the last value", GET_LINE "Host: a\r\nX: a\0b\r\n\r\n", "head"),
    HEAD("a NUL before a value", GET_LINE "Host: a\r\nX:\0 b\r\n\r\n", "head"),
    HEAD("a NUL in the target", "GET " LIST "\0x HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("a NUL in the query", "GET " LIST "?status=all\0x HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("a NUL in the method", "G\0T " LIST " HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("a CR in a value", GET_LINE "Host: a\r\nX: a\rContent-Length: 5\r\n\r\n", "head"),
    HEAD("a CR in a name", GET_LINE "Host: a\r\nX\rY: a\r\n\r\n", "head"),
    HEAD("a CR in the target", "GET " LIST "\rx HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("two CRs", GET_LINE "Host: a\r\r\n\r\n", "head"),
    HEAD("a LF alone", GET_LINE "Host: a\nX: b\r\n\r\n", "head"),
    HEAD("a LF alone behind the request line", "GET " LIST " HTTP/1.1\nHost: a\r\n\r\n", "head"),
    HEAD("a LF alone at the end", GET_LINE "Host: a\r\n\n", "head"),
    HEAD("a LF alone before a body", POST_LINE "Content-Length: 2\r\n\n{}", "head"),
    HEAD("a LF alone before another request", GET_LINE "Host: a\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("a line that goes on", GET_LINE "Host: a\r\nX: a\r\n b\r\nY: c\r\n\r\n", "head"),
    HEAD("the last line goes on", GET_LINE "Host: a\r\nX: a\r\n\tb\r\n\r\n", "head"),
    HEAD("a blank before the colon", POST_LINE "Content-Length : 2\r\n\r\n{}", "head"),
    HEAD("a blank in a name", GET_LINE "Host: a\r\nX Y: a\r\n\r\n", "head"),
    HEAD("no name", GET_LINE "Host: a\r\n: a\r\n\r\n", "head"),
    HEAD("two blanks before the target", "GET  " LIST " HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("a blank in the query", "GET " LIST "?status=a b HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("a CR in the query", "GET " LIST "?status=a\rb HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("a tab in the target", "GET " LIST "\tx HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
    HEAD("two blanks behind the target", "GET " LIST "  HTTP/1.1\r\nHost: a\r\n\r\n", "head"),
};

/* What can be read in two ways because it is there twice. */
static const struct head doubled[] = {
    HEAD("two sessions", GET_LINE "Host: a\r\nx-session-guid: a\r\nx-session-guid: b\r\n\r\n", "x-session-guid"),
    HEAD("one session twice", GET_LINE "Host: a\r\nx-session-guid: a\r\nX-Session-Guid: a\r\n\r\n", "x-session-guid"),
    HEAD("two types", POST_LINE "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", "Content-Type"),
    HEAD("two sites", GET_LINE "Host: a\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n\r\n", "Sec-Fetch-Site"),
    HEAD("two origins", GET_LINE "Host: a\r\nOrigin: http://a\r\nOrigin: http://b\r\n\r\n", "Origin"),
    HEAD("two nonces", GET_LINE "Host: a\r\nx-ops-nonce: a\r\nx-ops-nonce: b\r\n\r\n", "x-ops-nonce"),
    HEAD("what two gates know", GET_LINE "Host: a\r\nx-ops-gate-knows: open\r\nx-ops-gate-knows: x\r\n\r\n",
         "x-ops-gate-knows"),
    HEAD("another host", "GET http://b" LIST " HTTP/1.1\r\nHost: a\r\n\r\n", "Host"),
    HEAD("another port", "GET http://a:81" LIST " HTTP/1.1\r\nHost: a\r\n\r\n", "Host"),
    HEAD("another scheme's port", "GET https://a" LIST " HTTP/1.1\r\nHost: a:80\r\n\r\n", "Host"),
    HEAD("a host for no host", "GET http://a" LIST " HTTP/1.1\r\nHost:\r\n\r\n", "Host"),
    HEAD("no host for a host", "GET http://" LIST " HTTP/1.1\r\nHost: a\r\n\r\n", "Host"),
    HEAD("a user", "GET http://a@a" LIST " HTTP/1.1\r\nHost: a\r\n\r\n", "Host"),
    HEAD("a user in a name", "GET http://a:80@b" LIST " HTTP/1.1\r\nHost: a:80\r\n\r\n", "Host"),
};

/* What the library refuses itself. */
static const struct head unread[] = {
    HEAD("a length with a sign", POST_LINE "Content-Length: +2\r\n\r\n{}", "Content-Length"),
    HEAD("a length below zero", POST_LINE "Content-Length: -1\r\n\r\n", "Content-Length"),
    HEAD("two lengths in one", POST_LINE "Content-Length: 2, 2\r\n\r\n{}", "Content-Length"),
    HEAD("a length that is none", POST_LINE "Content-Length: x\r\n\r\n{}", "Content-Length"),
    HEAD("an empty length", POST_LINE "Content-Length:\r\n\r\n{}", "Content-Length"),
    HEAD("a length with a letter", POST_LINE "Content-Length: 2x\r\n\r\n{}", "Content-Length"),
    HEAD("no colon", GET_LINE "Host\r\n\r\n", "head"),
    HEAD("no colon later on", GET_LINE "Host: a\r\nX\r\n\r\n", "head"),
    HEAD("no version", "GET " LIST "\r\nHost: a\r\n\r\n", "head"),
    HEAD("a chunk's size that is none", POST_LINE "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "Transfer-Encoding"),
    HEAD("no line end behind a chunk", POST_LINE "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x0\r\n\r\n", "Transfer-Encoding"),
};

static const struct {
    struct head head;
    int status;
} unread_otherwise[] = {
    {HEAD("a huge length", POST_LINE "Content-Length: 99999999999999999999999\r\n\r\n{}", "Content-Length"), 413},
    {HEAD("a version to come", "GET " LIST " HTTP/2.0\r\nHost: a\r\n\r\n", "head"), 505},
    {HEAD("a version of old", "GET " LIST " HTTP/0.9\r\nHost: a\r\n\r\n", "head"), 505},
};

/* One of those that a function is invoked by. */
#define INVOKE_LINE "POST /2015-03-31/functions/ops_echo/invocations HTTP/1.1\r\n"

static const struct head ambiguous_invocations[] = {
    HEAD("no host", INVOKE_LINE "Content-Length: 2\r\n\r\n{}", "Host"),
    HEAD("two hosts", INVOKE_LINE "Host: a\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", "Host"),
    HEAD("two lengths", INVOKE_LINE "Host: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "Content-Length"),
    HEAD("both", INVOKE_LINE "Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "Transfer-Encoding"),
    HEAD("a NUL", INVOKE_LINE "Host: a\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}", "head"),
    HEAD("a CR", INVOKE_LINE "Host: a\r\nX: a\rb\r\nContent-Length: 2\r\n\r\n{}", "head"),
};

/* One answer, and behind it nothing. */
static void expect_refusal_as(struct client *client, const struct head *head, int status)
{
    char field[64];
    int before = atomic_load(&app.calls);
    (void)snprintf(field, sizeof field, "\"field\":\"%s\"", head->field);
    client_send_bytes(client, head->bytes, head->length);
    struct response got = client_receive(client);
    if (got.status != status || !got.body || !strstr(got.body, "\"tag\":\"invalid-field\"") || !strstr(got.body, field) ||
        !strcasestr(got.head, "\r\nX-API-Version: 2026-03-04\r\n"))
        fail_msg("%s: %s%s", head->name, got.head ? got.head : "(none)", got.body ? got.body : "");
    if (!client_at_end(client, PATIENCE_MS))
        fail_msg("%s: the connection goes on", head->name);
    assert_int_equal(atomic_load(&app.calls), before);
    response_release(&got);
    client_close(client);
}

static void expect_refusal(struct client *client, const struct head *head)
{
    expect_refusal_as(client, head, 400);
}

static void what_is_there_twice_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof doubled / sizeof doubled[0]; i++) {
        struct client client = client_tcp(port);
        expect_refusal(&client, &doubled[i]);
    }
}

static void what_the_library_refuses_gets_one_answer_of_ours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unread / sizeof unread[0]; i++) {
        struct client client = client_tcp(port);
        expect_refusal(&client, &unread[i]);
    }
    for (size_t i = 0; i < sizeof unread_otherwise / sizeof unread_otherwise[0]; i++) {
        struct client client = client_tcp(port);
        expect_refusal_as(&client, &unread_otherwise[i].head, unread_otherwise[i].status);
    }
}

/* Around the size where it just fits and leaves no room for an answer. What does not fit is refused before it is whole. */
static void a_head_of_any_length_is_answered_once(void **state)
{
    (void)state;
    enum { LEAST = 12000, MOST = 18000, STEP = 100 };
    static const char *const names[] = {"X", "Cookie"};
    static char request[MOST + 200];
    unsigned too_long = 0, taken = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (int length = LEAST; length <= MOST; length += STEP) {
            int size = snprintf(request, sizeof request, GET_LINE "Host: a\r\nConnection: close\r\n%s: %0*d\r\n\r\n",
                                names[i], length, 0);
            struct client client = client_tcp(port);
            (void)client_try_send(&client, request, (size_t)size);
            struct response got = client_receive(&client);
            if (got.status != 200 && (got.status != 431 || !strstr(got.body, "\"field\":\"head\"")))
                fail_msg("%s of %d: %d", names[i], length, got.status);
            too_long += got.status == 431;
            taken += got.status == 200;
            assert_true(client_at_end(&client, PATIENCE_MS));
            response_release(&got);
            client_close(&client);
        }
    assert_true(too_long > 0 && taken > 0);
}

static void so_it_is_on_the_socket_of_operators(void **state)
{
    (void)state;
    static const struct head heads[] = {
        HEAD("two lengths in one",
             "POST /2015-03-31/functions/ops_echo/invocations HTTP/1.1\r\nHost: a\r\n"
             "Content-Length: 2, 2\r\n\r\n{}",
             "Content-Length"),
        HEAD("two invocation types",
             "POST /2015-03-31/functions/ops_echo/invocations HTTP/1.1\r\nHost: a\r\n"
             "X-Amz-Invocation-Type: DryRun\r\nX-Amz-Invocation-Type: Event\r\n"
             "Content-Length: 2\r\n\r\n{}",
             "X-Amz-Invocation-Type"),
        HEAD("two origins",
             "POST /2015-03-31/functions/ops_echo/invocations HTTP/1.1\r\nHost: a\r\n"
             "Origin: a\r\nOrigin: b\r\nContent-Length: 2\r\n\r\n{}",
             "Origin"),
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct client client = client_unix(invoke_path);
        expect_refusal(&client, &heads[i]);
    }
}

static void a_head_that_can_be_read_in_two_ways_ends_the_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ambiguous / sizeof ambiguous[0]; i++) {
        struct client client = client_tcp(port);
        expect_refusal(&client, &ambiguous[i]);
    }
}

static void so_it_does_on_the_socket_of_operators(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ambiguous_invocations / sizeof ambiguous_invocations[0]; i++) {
        struct client client = client_unix(invoke_path);
        expect_refusal(&client, &ambiguous_invocations[i]);
    }
}

static void a_head_without_tricks_passes_however_it_looks(void **state)
{
    (void)state;
    static const char *const heads[] = {
        GET_LINE "Host:a\r\n\r\n",
        GET_LINE "Host:\r\n\r\n",
        GET_LINE "Host: \t a:8080\r\nX:\r\nY: \r\nZ:\t \t\r\n\r\n",
        GET_LINE "Host: [2001:db8::1]:8080\r\nX: a b  \r\nY: \"\xC3\xA4\t\"\r\n\r\n",
        GET_LINE "Host: a\r\nCookie: a=b; c=\"d\"; e\r\nX: y\r\n\r\n",
        GET_LINE "X: y\r\nX: y\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "GET " LIST "? HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET " LIST "?status=all&limit=3 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET " LIST "?status=a%20b+c HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a" LIST "?status=all HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET HTTP://A.:80" LIST " HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET HTTPS://a" LIST "?limit=8 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "GET http://[::1]:81" LIST " HTTP/1.1\r\nHost: [::1]:81\r\n\r\n",
        "GET http://b" LIST " HTTP/1.0\r\n\r\n",
        "GET " LIST " HTTP/1.0\r\n\r\n",
        "GET " LIST " HTTP/1.0\r\nX: y\r\n\r\n",
        "\r\nGET " LIST " HTTP/1.1\r\nHost: a\r\n\r\n",
        POST_LINE "Content-Length: 2\r\n\r\n{}",
        POST_LINE "Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct client client = client_tcp(port);
        client_send(&client, heads[i]);
        struct response got = client_receive(&client);
        if (got.status != 200)
            fail_msg("%s: %d %s", heads[i], got.status, got.body ? got.body : "");
        response_release(&got);
        client_close(&client);
    }
}

/* However it comes in, it is the same head. */
static void a_head_in_single_bytes_is_read_as_one(void **state)
{
    (void)state;
    static const char head[] = GET_LINE "Host: a\r\nCookie: a=b\r\nX: y\r\n\r\n";
    struct client client = client_tcp(port);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof head - 1; i++)
            client_send_bytes(&client, head + i, 1);
        struct response got = client_receive(&client);
        assert_int_equal(got.status, 200);
        response_release(&got);
    }
    client_close(&client);
}

static void what_stands_behind_a_body_in_chunks_is_not_read(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    client_send(&client, POST_LINE "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" GET_LINE "Host: a\r\n\r\n");
    struct response got = client_receive(&client);
    assert_int_equal(got.status, 200);
    assert_non_null(strcasestr(got.head, "\r\nConnection: close\r\n"));
    assert_true(client_at_end(&client, PATIENCE_MS));
    response_release(&got);
    client_close(&client);
}

/* ---- hosts ---- */

static void only_requests_for_our_hosts_are_answered_where_they_are_named(void **state)
{
    (void)state;
    static const char *const hosts[] = {"ops.example.com", "ops", NULL};
    static const struct {
        const char *target, *host;
        int status;
    } cases[] = {
        {"/ops/ping", "ops.example.com", 200},
        {"/ops/ping", "OPS.example.com.:443", 200},
        {"/ops/ping", "ops", 200},
        {"/ops/ping", "localhost:1", 200},
        {"/ops/ping", "127.0.0.1:8080", 200},
        {"/ops/ping", "[::1]", 200},
        {"/ops/ping", "evil.example", 421},
        {"/ops/ping", "ops.example.com.evil.example", 421},
        {"/ops/ping", "ops:80x", 421},
        {"/ops/ping", "", 421},
        {"http://ops/ops/ping", "ops", 200},
        {"http://ops/ops/ping", "evil.example", 400},
        {"http://evil.example/ops/ping", "ops", 400},
        {"http://evil.example/ops/ping", "evil.example", 421},
        {"/metrics", "evil.example", 421},
        {"/metrics", "ops", 200},
        {"/ops/openapi.yaml", "evil.example", 421},
        {"/nowhere", "evil.example", 421},
        {"/healthz", "10.0.0.7:8080", 200},
    };
    struct ops_traffic *traffic = NULL;
    assert_int_equal(ops_traffic_new(&traffic), OPS_OK);
    const struct ops_http_config config = {
        .host = "127.0.0.1", .openapi = ops_view_of("openapi"), .hosts = hosts, .traffic = traffic};
    start_http(&config);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char request[256];
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].target, cases[i].host);
        struct client client = client_tcp(port);
        client_send(&client, request);
        struct response got = client_receive(&client);
        if (got.status != cases[i].status)
            fail_msg("%s for '%s': %d", cases[i].target, cases[i].host, got.status);
        if (got.status == 421)
            assert_non_null(strstr(got.body, "\"field\":\"Host\""));
        response_release(&got);
        client_close(&client);
    }
    (void)stop_http(state);
    ops_traffic_free(traffic);
}

/* ---- the invoke surface on TCP ---- */

static void a_host_that_is_not_loopbacks_calls_no_function(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool with_port;
        int status;
    } cases[] = {
        {"localhost", true, 200},
        {"127.0.0.1", true, 200},
        {"LOCALHOST", true, 200},
        {"[::1]", true, 200},
        {"127.7.7.7", true, 200},
        {"evil.example", true, 403},
        {"10.0.0.1", true, 403},
        {"localhost", false, 403},
        {"", false, 403},
        {"localhost:1", false, 403},
        {"127.0.0.1.evil.example", true, 403},
    };
    struct ops_invoke_server *server = NULL;
    struct ops_invoke_config config = {.listen = "127.0.0.1:0"};
    unsigned picked = 0;
    assert_int_equal(ops_invoke_server_start(&app, &config, &server, NULL), OPS_OK);
    assert_int_equal(sscanf(ops_invoke_server_address(server), "127.0.0.1:%u", &picked), 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char request[256], number[16] = "";
        if (cases[i].with_port)
            (void)snprintf(number, sizeof number, ":%u", picked);
        (void)snprintf(request, sizeof request, INVOKE_LINE "Host: %s%s\r\nContent-Length: 2\r\n\r\n{}", cases[i].host,
                       number);
        struct client client = client_tcp((uint16_t)picked);
        client_send(&client, request);
        struct response got = client_receive(&client);
        if (got.status != cases[i].status)
            fail_msg("'%s': %d", cases[i].host, got.status);
        if (got.status == 403) {
            assert_non_null(strcasestr(got.head, "\r\nx-amzn-ErrorType: AccessDeniedException\r\n"));
            assert_non_null(strstr(got.body, "\"field\":\"Host\""));
        }
        response_release(&got);
        client_close(&client);
    }
    ops_invoke_server_stop(server);
}

/* ---- bodies ---- */

enum { BODY_BYTES = 60000, HALVES_LEAST = 2, HALVES_MAX = 16, HALF_EVERY_MS = 50 };

static void send_body(struct client *client, size_t declared, size_t sent)
{
    static char bytes[BODY_BYTES];
    char head[200];
    (void)snprintf(head, sizeof head, POST_LINE "Content-Length: %zu\r\n\r\n", declared);
    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, "{}", 2);
    client_send(client, head);
    client_send_bytes(client, bytes, sent);
}

static struct response ask_with_body(size_t length)
{
    struct client client = client_tcp(port);
    send_body(&client, length, length);
    struct response got = client_receive(&client);
    client_close(&client);
    return got;
}

/* Two halves have room, and three have not. Where two come to the limit at once neither may find room, so one comes after the
 * other until nothing has room any more. */
static void bodies_together_have_a_limit_that_small_ones_do_not_feel(void **state)
{
    (void)state;
    const struct ops_http_config config = {.host = "127.0.0.1", .limits = {.bodies_max_bytes = 2 * 64 * 1024}};
    struct client halves[HALVES_MAX];
    struct response got = {.status = 0};
    size_t count = 0;
    start_http(&config);
    for (int waited_ms = 0; got.status != 413; waited_ms += 10) {
        assert_true(waited_ms < PATIENCE_MS);
        if (waited_ms % HALF_EVERY_MS == 0 && count < HALVES_MAX) {
            halves[count] = client_tcp(port);
            send_body(&halves[count++], BODY_BYTES, BODY_BYTES - 1);
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); /* until the halves are in */
        response_release(&got);
        got = ask_with_body(BODY_BYTES);
        assert_true(got.status == 413 || got.status == 200);
        assert_true(got.status == 200 || count >= HALVES_LEAST);
    }
    assert_non_null(strstr(got.body, "payload-too-large"));
    assert_non_null(strstr(got.body, "There is no room for this body now"));
    assert_non_null(strstr(got.body, "\"retry_after_seconds\":1"));
    response_release(&got);
    got = ask_with_body(2000);
    assert_int_equal(got.status, 200);
    response_release(&got);
    for (size_t i = 0; i < count; i++)
        client_close(&halves[i]);
    got.status = 0;
    for (int waited_ms = 0; got.status != 200; waited_ms += 10) {
        assert_true(waited_ms < PATIENCE_MS);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        got = ask_with_body(BODY_BYTES);
        response_release(&got);
    }
    (void)stop_http(state);
}

/* ---- connections ---- */

#define PING "GET /ops/ping HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST_PING "GET /ops/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

enum { PLACES = 16, FLOOD = 40 };

static void expect_ping(struct client *client, const char *request)
{
    client_send(client, request);
    struct response got = client_receive(client);
    assert_int_equal(got.status, 200);
    response_release(&got);
}

static void whoever_holds_a_place_to_no_purpose_makes_way(void **state)
{
    (void)state;
    static struct client flood[FLOOD];
    const struct ops_http_config config = {.host = "127.0.0.1", .limits = {.connections = PLACES}};
    start_http(&config);
    struct client known = client_tcp(port);
    /* That the second is answered says that the first is finished for the server too, not for its client alone. */
    for (int i = 0; i < 2; i++)
        expect_ping(&known, PING);
    /* One after the other, so that it is told who goes for whom; that many come at once is a test of the whole. */
    for (int i = 0; i < FLOOD; i++) {
        flood[i] = client_tcp(port);
        (void)client_try_send(&flood[i], "GET /ops/ping HTTP/1.1\r\n", 24);
        if (i >= PLACES - 1)
            assert_true(client_at_end(&flood[i - (PLACES - 1)], PATIENCE_MS));
    }
    /* Each has left before the next comes: those that the library did not see leave yet are idle, and who has been idle
     * longest among them and the known one is the known one. */
    for (int i = 0; i < 20; i++) {
        struct client newcomer = client_tcp(port);
        expect_ping(&newcomer, LAST_PING);
        assert_true(client_at_end(&newcomer, PATIENCE_MS));
        client_close(&newcomer);
    }
    expect_ping(&known, PING);
    for (int i = 0; i < FLOOD; i++)
        client_close(&flood[i]);
    client_close(&known);
    (void)stop_http(state);
}

/* A byte every now and then is no reason to wait for the rest. */
static void who_drips_is_cut_off_in_the_head_and_in_the_body(void **state)
{
    (void)state;
    static const char *const begins[] = {"GET /ops/ping HTTP/1.1\r\nX: ", POST_LINE "Content-Length: 1000\r\n\r\n"};
    const struct ops_http_config config = {.host = "127.0.0.1",
                                           .limits = {.head_timeout_seconds = 1, .body_timeout_seconds = 1}};
    start_http(&config);
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        struct client client = client_tcp(port);
        client_send(&client, begins[i]);
        int dripped = 0;
        for (; dripped < PATIENCE_MS / 50 && !client_at_end(&client, 50); dripped++)
            (void)client_try_send(&client, " ", 1);
        assert_in_range(dripped, 2, PATIENCE_MS / 50 - 1);
        client_close(&client);
    }
    (void)stop_http(state);
}

#define WITH_HTTP(test) cmocka_unit_test_setup_teardown(test, start_usual, stop_http)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HTTP(a_head_that_can_be_read_in_two_ways_ends_the_connection),
        WITH_HTTP(what_is_there_twice_is_refused_by_name),
        WITH_HTTP(what_the_library_refuses_gets_one_answer_of_ours),
        WITH_HTTP(a_head_of_any_length_is_answered_once),
        cmocka_unit_test_setup_teardown(so_it_is_on_the_socket_of_operators, start_invoke, stop_invoke),
        cmocka_unit_test_setup_teardown(so_it_does_on_the_socket_of_operators, start_invoke, stop_invoke),
        WITH_HTTP(a_head_without_tricks_passes_however_it_looks),
        WITH_HTTP(a_head_in_single_bytes_is_read_as_one),
        WITH_HTTP(what_stands_behind_a_body_in_chunks_is_not_read),
        cmocka_unit_test(only_requests_for_our_hosts_are_answered_where_they_are_named),
        cmocka_unit_test(a_host_that_is_not_loopbacks_calls_no_function),
        cmocka_unit_test(bodies_together_have_a_limit_that_small_ones_do_not_feel),
        cmocka_unit_test(whoever_holds_a_place_to_no_purpose_makes_way),
        cmocka_unit_test(who_drips_is_cut_off_in_the_head_and_in_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
