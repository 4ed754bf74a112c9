#include "adapters/curl/environment.h"
#include "adapters/curl/http_client.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/http_server.h"

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ANSWER_MAX = 4 * 1024 * 1024, TIMEOUT_MS = 5000, URL_SIZE = 128 };

static struct http_server server;
static struct ops_http_client *client;

static int set_up(void **state)
{
    (void)state;
    http_server_start(&server);
    return ops_curl_http_client_new(&client) == OPS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ops_http_client_release(client);
    http_server_stop(&server);
    return 0;
}

/* ---- names ---- */

static sem_t slow_lookup_may_end;
static atomic_int slow_lookups_ended;

/* The whole program's, libcurl's too: no test asks a name server. A name below "invalid" does not exist, and with
 * "slow.invalid" it takes long to learn that. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
    typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct timespec until;
    if (!strstr(node, ".invalid"))
        return ((getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, ret_list);
    if (strcmp(node, "slow.invalid") == 0) {
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 10; /* so that the test fails, and does not hang */
        (void)sem_timedwait(&slow_lookup_may_end, &until);
        atomic_fetch_add(&slow_lookups_ended, 1);
    }
    return EAI_NONAME;
}

/* ---- a call: a request to the server and its answer ---- */

struct call {
    char url[URL_SIZE];
    struct ops_http_request request;
    struct ops_http_response response;
    struct ops_error error;
};

static void call_init(struct call *call, const char *method, const char *path)
{
    (void)snprintf(call->url, sizeof call->url, "http://127.0.0.1:%d%s", server.port, path);
    call->request = (struct ops_http_request){
        .method = method, .url = call->url, .connect_timeout_ms = TIMEOUT_MS, .timeout_ms = TIMEOUT_MS};
    ops_http_response_init(&call->response, ANSWER_MAX);
    ops_error_init(&call->error);
}

static enum ops_status call_send(struct call *call)
{
    return ops_http_exchange(client, &call->request, &call->response, &call->error);
}

static const char *call_text(const struct call *call)
{
    return ops_buf_text(&call->response.body);
}

static void call_release(struct call *call)
{
    ops_buf_release(&call->response.body);
    ops_error_release(&call->error);
}

/* A failure says where it was. */
static void expect(const char *method, const char *path, enum ops_status expected)
{
    struct call call;
    call_init(&call, method, path);
    if (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0)
        call.request.body = ops_view("body", 4);
    assert_int_equal(call_send(&call), expected);
    if (expected == OPS_OK)
        assert_string_equal(call.error.text, "");
    else
        assert_non_null(strstr(call.error.text, call.url));
    call_release(&call);
}

/* ---- many calls side by side ---- */

enum { BATCH_MAX = 40 };

struct batch {
    size_t count;
    struct call calls[BATCH_MAX];
    struct ops_http_exchange exchanges[BATCH_MAX];
};

static struct call *batch_add(struct batch *batch, const char *path)
{
    struct call *call = &batch->calls[batch->count];
    assert_in_range(batch->count, 0, BATCH_MAX - 1);
    call_init(call, "GET", path);
    batch->exchanges[batch->count++] =
        (struct ops_http_exchange){&call->request, &call->response, &call->error, OPS_STATUS_COUNT};
    return call;
}

static struct batch *batch_of(size_t count, const char *path)
{
    struct batch *batch = calloc(1, sizeof *batch);
    assert_non_null(batch);
    while (batch->count < count)
        batch_add(batch, path);
    return batch;
}

static void batch_send(struct batch *batch, size_t width)
{
    ops_http_exchange_all(client, batch->exchanges, batch->count, width, INT64_MAX);
}

static size_t batch_count_with(const struct batch *batch, enum ops_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++)
        count += batch->exchanges[i].status == status;
    return count;
}

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        call_release(&batch->calls[i]);
    free(batch);
}

/* ---- one exchange ---- */

static void what_is_asked_arrives_whole_and_the_answer_too(void **state)
{
    (void)state;
    struct call call;
    call_init(&call, "POST", "/echo?a=b");
    call.request.headers[0] = (struct ops_http_header){"Content-Type", "application/json"};
    call.request.headers[1] = (struct ops_http_header){"X-Empty", ""};
    call.request.headers[2] = (struct ops_http_header){"X-Session-Guid", "g"};
    call.request.header_count = 3;
    call.request.body = ops_view("{\"a\":\0\"b\"}", 10);
    assert_int_equal(call_send(&call), OPS_OK);
    assert_int_equal(call.response.status, 200);
    static const char start[] = "POST /echo?a=b HTTP/1.1\r\n";
    assert_memory_equal(call_text(&call), start, sizeof start - 1);
    assert_non_null(strstr(call_text(&call), "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(call_text(&call), "\r\nX-Empty:"));
    assert_non_null(strstr(call_text(&call), "\r\nX-Session-Guid: g\r\n"));
    assert_non_null(strstr(call_text(&call), "\r\nContent-Length: 10\r\n"));
    assert_null(strstr(call_text(&call), "Expect"));
    assert_null(strstr(call_text(&call), "Accept-Encoding"));
    assert_memory_equal(call_text(&call) + call.response.body.length - 10, "{\"a\":\0\"b\"}", 10);
    call_release(&call);
}

static void a_get_has_no_body_and_no_type(void **state)
{
    (void)state;
    struct call call;
    call_init(&call, "GET", "/echo");
    assert_int_equal(call_send(&call), OPS_OK);
    assert_memory_equal(call_text(&call), "GET /echo ", 10);
    assert_null(strstr(call_text(&call), "Content-"));
    call_release(&call);
}

/* All on one connection and one handle, where nothing of a request may show in the next. */
static void every_method_is_sent_as_it_is_with_its_body_or_without(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        struct ops_view body;
        const char *length; /* NULL: no such header */
    } rows[] = {
        {"PUT", {"four", 4}, "\r\nContent-Length: 4\r\n"},    {"GET", {NULL, 0}, NULL},
        {"POST", {"three", 5}, "\r\nContent-Length: 5\r\n"},  {"DELETE", {NULL, 0}, NULL},
        {"PUT", {"", 0}, "\r\nContent-Length: 0\r\n"},        {"POST", {NULL, 0}, NULL},
        {"POST", {"", 0}, "\r\nContent-Length: 0\r\n"},       {"PUT", {NULL, 0}, NULL},
        {"DELETE", {"with", 4}, "\r\nContent-Length: 4\r\n"}, {"GET", {NULL, 0}, NULL},
        {"GET", {"asks", 4}, "\r\nContent-Length: 4\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct call call;
        call_init(&call, rows[i].method, "/echo");
        call.request.body = rows[i].body;
        assert_int_equal(call_send(&call), OPS_OK);
        size_t method_length = strlen(rows[i].method), whole = call.response.body.length;
        assert_memory_equal(call_text(&call), rows[i].method, method_length);
        assert_memory_equal(call_text(&call) + method_length, " /echo HTTP/1.1\r\n", 17);
        if (rows[i].length)
            assert_non_null(strstr(call_text(&call), rows[i].length));
        else
            assert_null(strstr(call_text(&call), "Content-Length"));
        assert_null(strstr(call_text(&call), "Content-Type"));
        if (rows[i].body.length)
            assert_memory_equal(call_text(&call) + whole - rows[i].body.length, rows[i].body.data, rows[i].body.length);
        else
            assert_memory_equal(call_text(&call) + whole - 4, "\r\n\r\n", 4);
        call_release(&call);
    }
    assert_int_equal(atomic_load(&server.accepted), 1);
}

static void a_head_is_answered_without_a_body(void **state)
{
    (void)state;
    struct call call;
    expect("POST", "/echo", OPS_OK);
    call_init(&call, "HEAD", "/big");
    call.response.wanted[0].name = "Content-Length";
    assert_int_equal(call_send(&call), OPS_OK);
    assert_int_equal(call.response.status, 200);
    assert_int_equal(call.response.body.length, 0);
    assert_string_equal(call.response.wanted[0].value, "100000");
    call_release(&call);
    call_init(&call, "GET", "/big");
    assert_int_equal(call_send(&call), OPS_OK);
    assert_int_equal(call.response.body.length, HTTP_SERVER_BIG_BYTES);
    call_release(&call);
    assert_int_equal(atomic_load(&server.accepted), 1);
}

static void a_large_body_is_sent_at_once_without_asking_first(void **state)
{
    (void)state;
    enum { LARGE_BYTES = 1500 * 1000 };
    struct call call;
    char *large = malloc(LARGE_BYTES);
    assert_non_null(large);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        large[i] = (char)('a' + i % 23);
    call_init(&call, "PUT", "/echo");
    call.request.body = ops_view(large, LARGE_BYTES);
    assert_int_equal(call_send(&call), OPS_OK);
    assert_null(strstr(call_text(&call), "Expect"));
    assert_memory_equal(call_text(&call) + call.response.body.length - LARGE_BYTES, large, LARGE_BYTES);
    call_release(&call);
    free(large);
}

static void a_path_is_sent_as_it_is(void **state)
{
    (void)state;
    static const char start[] = "GET /echo/../a/./b%2F%2e%2E//c?d=/../e HTTP/1.1\r\n";
    struct call call;
    call_init(&call, "GET", "/echo/../a/./b%2F%2e%2E//c?d=/../e");
    assert_int_equal(call_send(&call), OPS_OK);
    assert_memory_equal(call_text(&call), start, sizeof start - 1);
    call_release(&call);
}

static void every_status_is_an_answer_and_no_redirect_is_followed(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int status;
    } rows[] = {{"/204", 204}, {"/404", 404}, {"/503", 503}, {"/moved", 302}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct call call;
        call_init(&call, "GET", rows[i].path);
        assert_int_equal(call_send(&call), OPS_OK);
        assert_int_equal(call.response.status, rows[i].status);
        assert_int_equal(call.response.body.length, 0);
        call_release(&call);
    }
}

static void an_answer_in_chunks_is_put_together(void **state)
{
    (void)state;
    struct call call;
    call_init(&call, "GET", "/chunked");
    assert_int_equal(call_send(&call), OPS_OK);
    assert_string_equal(call_text(&call), "whole");
    call_release(&call);
}

static void the_headers_that_are_wanted_are_seen(void **state)
{
    (void)state;
    struct call call;
    call_init(&call, "GET", "/headers");
    static const char *const names[OPS_HTTP_WANTED_MAX] = {"x-short", "X-TWICE", "X-Long", "X-Missing"};
    for (size_t i = 0; i < OPS_HTTP_WANTED_MAX; i++) {
        call.response.wanted[i].name = names[i];
        (void)strcpy(call.response.wanted[i].value, "from before");
    }
    assert_int_equal(call_send(&call), OPS_OK);
    assert_string_equal(call.response.wanted[0].value, "short");
    assert_string_equal(call.response.wanted[1].value, "two");
    assert_int_equal(strlen(call.response.wanted[2].value), OPS_HTTP_VALUE_SIZE - 1);
    assert_int_equal(strspn(call.response.wanted[2].value, "l"), OPS_HTTP_VALUE_SIZE - 1);
    assert_string_equal(call.response.wanted[3].value, "");
    call_release(&call);
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        expect("GET", "/echo", OPS_OK);
    assert_int_equal(atomic_load(&server.accepted), 1);
}

static void what_is_for_an_open_connection_opens_none(void **state)
{
    (void)state;
    struct call call;
    call_init(&call, "POST", "/echo");
    call.request.body = ops_view("for one only", 12);
    call.request.on_open_connection = true;
    assert_int_equal(call_send(&call), OPS_UNREACHABLE);
    assert_int_equal(atomic_load(&server.accepted), 0);
    call_release(&call);
    expect("GET", "/echo", OPS_OK);
    call_init(&call, "POST", "/last");
    call.request.body = ops_view("for one only", 12);
    call.request.on_open_connection = true;
    assert_int_equal(call_send(&call), OPS_OK);
    call_release(&call);
    assert_int_equal(atomic_load(&server.accepted), 1);
    while (atomic_load(&server.closed) == 0)
        (void)sched_yield();
    call_init(&call, "POST", "/echo");
    call.request.body = ops_view("for one only", 12);
    call.request.on_open_connection = true;
    assert_int_equal(call_send(&call), OPS_UNREACHABLE);
    call_release(&call);
    assert_int_equal(atomic_load(&server.accepted), 1);
    expect("GET", "/echo", OPS_OK);
    assert_int_equal(atomic_load(&server.accepted), 2);
}

static void what_broke_after_the_request_was_sent_is_unknown(void **state)
{
    (void)state;
    struct call call;
    static const char *const paths[] = {"/close", "/cut", "/cut-chunked", "/reset"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        expect("GET", paths[i], OPS_UNKNOWN);
    call_init(&call, "GET", "/silent");
    call.request.timeout_ms = 50;
    assert_int_equal(call_send(&call), OPS_UNKNOWN);
    call_release(&call);
    expect("GET", "/echo", OPS_OK);
}

static void an_answer_larger_than_the_buffer_is_a_limit(void **state)
{
    (void)state;
    static const size_t limits[] = {0, 1, HTTP_SERVER_BIG_BYTES - 1};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct call call;
        call_init(&call, "GET", "/big");
        ops_http_response_init(&call.response, limits[i]);
        assert_int_equal(call_send(&call), OPS_LIMIT);
        call_release(&call);
        expect("GET", "/echo", OPS_OK);
    }
    struct call call;
    call_init(&call, "GET", "/big");
    ops_http_response_init(&call.response, HTTP_SERVER_BIG_BYTES);
    assert_int_equal(call_send(&call), OPS_OK);
    call_release(&call);
}

/* ---- a connection that was kept alive and is not ---- */

static void a_connection_that_was_closed_meanwhile_is_not_used_again(void **state)
{
    (void)state;
    expect("POST", "/last", OPS_OK);
    while (atomic_load(&server.closed) == 0)
        (void)sched_yield();
    expect("POST", "/echo", OPS_OK);
    assert_int_equal(atomic_load(&server.accepted), 2);
    assert_int_equal(atomic_load(&server.requests), 2);
}

static void what_may_change_something_is_never_sent_twice(void **state)
{
    (void)state;
    static const char *const methods[] = {"POST", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        expect(methods[i], "/echo", OPS_OK);
        int before = atomic_load(&server.requests);
        expect(methods[i], "/used", OPS_UNKNOWN);
        assert_int_equal(atomic_load(&server.requests), before + 1);
    }
}

static void what_only_reads_is_asked_again_when_a_used_connection_closes(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "HEAD"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        expect(methods[i], "/echo", OPS_OK);
        int before = atomic_load(&server.requests);
        expect(methods[i], "/used", OPS_OK);
        assert_int_equal(atomic_load(&server.requests), before + 2);
    }
}

/* ---- what never gets there ---- */

static enum ops_status get_url(const char *url, const char *socket_path, const char *header, struct ops_error *error)
{
    struct ops_http_response response;
    const struct ops_http_request request = {.method = "GET",
                                             .url = url,
                                             .socket_path = socket_path,
                                             .headers = {{"X", header}},
                                             .header_count = 1,
                                             .connect_timeout_ms = TIMEOUT_MS,
                                             .timeout_ms = TIMEOUT_MS};
    ops_http_response_init(&response, ANSWER_MAX);
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
    assert_int_equal(get_url("http://user:word@127.0.0.1:1/", NULL, "x", &error), OPS_UNREACHABLE);
    assert_non_null(strstr(error.text, "http://127.0.0.1:1/"));
    assert_null(strstr(error.text, "word"));
    assert_int_equal(get_url("http://ops/", "/nonexistent/s", "x", &error), OPS_UNREACHABLE);
    assert_non_null(strstr(error.text, "/nonexistent/s"));
    ops_error_release(&error);
}

static void a_name_that_is_long_looked_up_does_not_outlast_the_time(void **state)
{
    (void)state;
    assert_int_equal(sem_init(&slow_lookup_may_end, 0, 0), 0);
    struct batch *batch = batch_of(2, "/echo");
    batch->calls[0].request.url = "http://slow.invalid/";
    batch->calls[0].request.timeout_ms = 50;
    batch_send(batch, 1);
    assert_int_equal(atomic_load(&slow_lookups_ended), 0);
    assert_int_equal(batch->exchanges[0].status, OPS_UNREACHABLE);
    assert_int_equal(batch->exchanges[1].status, OPS_OK);
    batch_free(batch);
    assert_int_equal(sem_post(&slow_lookup_may_end), 0);
    while (atomic_load(&slow_lookups_ended) == 0)
        (void)sched_yield();
}

static void a_header_can_not_smuggle_another(void **state)
{
    (void)state;
    struct call call;
    call_init(&call, "GET", "/echo");
    static const struct ops_http_header evil[] = {{"X", "a\r\nX-Evil: b"}, {"X", "a\nX-Evil: b"}, {"X: a\r\nX-Evil", "b"}};
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
        call.request.headers[0] = evil[i];
        call.request.header_count = 1;
        assert_int_equal(call_send(&call), OPS_UNREACHABLE);
    }
    assert_int_equal(atomic_load(&server.accepted), 0);
    call_release(&call);
}

static void a_certificate_that_is_none_is_unreachable(void **state)
{
    (void)state;
    char url[URL_SIZE];
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/echo", server.port);
    struct ops_http_response response;
    const struct ops_http_request request = {
        .method = "GET", .url = url, .connect_timeout_ms = 200, .timeout_ms = 200}; /* the server says nothing to a hello */
    ops_http_response_init(&response, ANSWER_MAX);
    assert_int_equal(ops_http_exchange(client, &request, &response, NULL), OPS_UNREACHABLE);
    ops_buf_release(&response.body);
}

static void a_unix_socket_is_reached_by_its_path(void **state)
{
    (void)state;
    struct http_server local;
    struct ops_error error = OPS_ERROR_INIT;
    http_server_start_unix(&local);
    assert_int_equal(get_url("http://ops/echo", scratch_path(local.directory, "s"), "x", &error), OPS_OK);
    assert_int_equal(atomic_load(&local.accepted), 1);
    /* And the next one by its host, whatever the handle did before. */
    expect("GET", "/echo", OPS_OK);
    assert_int_equal(atomic_load(&local.requests), 1);
    http_server_stop(&local);
}

/* ---- proxies ---- */

static const char *const proxy_variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                              "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static int forget_proxies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof proxy_variables / sizeof proxy_variables[0]; i++)
        (void)unsetenv(proxy_variables[i]);
    return 0;
}

/* A client of its own that has the server for its proxy. */
static void use_proxy(const char *no_proxy)
{
    char proxy[URL_SIZE];
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    if (no_proxy)
        assert_int_equal(setenv("no_proxy", no_proxy, 1), 0);
    ops_http_client_release(client);
    assert_int_equal(ops_curl_http_client_new(&client), OPS_OK);
}

static int tear_down_proxy(void **state)
{
    (void)forget_proxies(state);
    return tear_down(state);
}

static void a_proxy_that_the_environment_names_is_asked(void **state)
{
    (void)state;
    use_proxy(NULL);
    assert_int_equal(get_url("http://nowhere.invalid/echo", NULL, "x", NULL), OPS_OK);
    assert_int_equal(atomic_load(&server.requests), 1);
}

static void a_host_that_the_environment_excepts_is_not_asked_of_the_proxy(void **state)
{
    (void)state;
    static const char *const lists[] = {"nowhere.invalid", "other.example,.invalid", "*"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        use_proxy(lists[i]);
        assert_int_equal(get_url("http://nowhere.invalid/echo", NULL, "x", NULL), OPS_UNREACHABLE);
    }
    assert_int_equal(atomic_load(&server.accepted), 0);
}

static void this_machine_is_never_asked_of_a_proxy(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "127.1.2.3", "[::1]"};
    struct http_server local;
    http_server_start(&local);
    for (int excepted = 0; excepted < 2; excepted++) {
        use_proxy(excepted ? "other.example" : NULL);
        for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
            char url[URL_SIZE];
            (void)snprintf(url, sizeof url, "http://%s:%d/echo", hosts[i], local.port);
            (void)get_url(url, NULL, "x", NULL); /* nobody listens on the last two */
        }
    }
    assert_int_equal(atomic_load(&local.requests), 4);
    assert_int_equal(atomic_load(&server.accepted), 0);
    http_server_stop(&local);
}

/* Looked at in the list and not on the net: those addresses are no business of a test. */
static void where_a_cloud_keeps_its_keys_is_never_asked_of_a_proxy(void **state)
{
    (void)state;
    static const char *const lists[] = {NULL, "other.example"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct ops_curl_environment environment;
        use_proxy(lists[i]);
        assert_int_equal(ops_curl_environment_init(&environment, NULL), OPS_OK);
        assert_non_null(strstr(environment.no_proxy, ",169.254.0.0/16,"));
        assert_non_null(strstr(environment.no_proxy, ",fd00:ec2::254"));
        ops_curl_environment_release(&environment);
    }
}

/* ---- side by side ---- */

static void exchanges_run_side_by_side_as_wide_as_was_asked(void **state)
{
    (void)state;
    struct batch *batch = batch_of(12, "/gather/4");
    batch_send(batch, 4);
    assert_int_equal(batch_count_with(batch, OPS_OK), 12);
    assert_int_equal(atomic_load(&server.accepted), 4);
    batch_free(batch);
}

static void connections_are_kept_from_one_batch_to_the_next(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct batch *batch = batch_of(16, "/gather/8");
        batch_send(batch, 8);
        assert_int_equal(batch_count_with(batch, OPS_OK), 16);
        batch_free(batch);
        expect("GET", "/echo", OPS_OK);
    }
    assert_int_equal(atomic_load(&server.accepted), 8);
}

static void each_answer_goes_to_its_own_exchange(void **state)
{
    (void)state;
    struct batch *batch = batch_of(0, "");
    for (int i = 0; i < 30; i++) {
        char path[URL_SIZE];
        (void)snprintf(path, sizeof path, i % 3 ? "/echo/%d." : "/%d", i % 3 ? i : 400 + i);
        batch_add(batch, path);
    }
    batch_send(batch, 7);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(batch->exchanges[i].status, OPS_OK);
        assert_int_equal(batch->calls[i].response.status, i % 3 ? 200 : 400 + i);
        const char *path = strchr(batch->calls[i].url + strlen("http://"), '/');
        assert_true(i % 3 == 0 || strstr(call_text(&batch->calls[i]), path));
    }
    batch_free(batch);
}

static void what_breaks_one_leaves_the_others_alone(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum ops_status status;
    } rows[] = {{"/close", OPS_UNKNOWN}, {"/cut", OPS_UNKNOWN},    {"/cut-chunked", OPS_UNKNOWN},
                {"/reset", OPS_UNKNOWN}, {"/silent", OPS_UNKNOWN}, {"/big", OPS_LIMIT}};
    enum { ROW_COUNT = sizeof rows / sizeof rows[0] };
    static const size_t widths[] = {1, 2, 5, 2 * ROW_COUNT};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        struct batch *batch = batch_of(0, "");
        for (size_t i = 0; i < ROW_COUNT; i++) {
            struct call *call = batch_add(batch, rows[i].path);
            if (rows[i].status == OPS_LIMIT)
                ops_http_response_init(&call->response, 1000);
            if (strcmp(rows[i].path, "/silent") == 0)
                call->request.timeout_ms = 50;
            batch_add(batch, "/echo");
        }
        batch_send(batch, widths[w]);
        for (size_t i = 0; i < 2 * ROW_COUNT; i++) {
            assert_int_equal(batch->exchanges[i].status, i % 2 ? OPS_OK : rows[i / 2].status);
            assert_int_equal(batch->calls[i].error.text[0] == '\0', i % 2);
        }
        batch_free(batch);
    }
}

static void what_has_not_begun_in_time_is_not_begun(void **state)
{
    (void)state;
    struct batch *batch = batch_of(5, "/echo");
    ops_http_exchange_all(client, batch->exchanges, 5, 2, 0);
    assert_int_equal(batch_count_with(batch, OPS_UNREACHABLE), 5);
    assert_int_equal(atomic_load(&server.accepted), 0);
    assert_non_null(strstr(batch->calls[4].error.text, batch->calls[4].url));
    batch_free(batch);
}

static void what_has_begun_in_time_is_carried_out_whole(void **state)
{
    (void)state;
    struct batch *batch = batch_of(3, "/silent");
    for (size_t i = 0; i < 3; i++)
        batch->calls[i].request.timeout_ms = 600;
    ops_http_exchange_all(client, batch->exchanges, 3, 2, 500);
    assert_int_equal(batch->exchanges[0].status, OPS_UNKNOWN);
    assert_int_equal(batch->exchanges[1].status, OPS_UNKNOWN);
    assert_int_equal(batch->exchanges[2].status, OPS_UNREACHABLE);
    assert_int_equal(atomic_load(&server.requests), 2);
    batch_free(batch);
}

static void nothing_to_exchange_is_done_at_once(void **state)
{
    (void)state;
    ops_http_exchange_all(client, NULL, 0, 4, INT64_MAX);
    ops_http_exchange_all(client, NULL, 0, 0, 0);
    struct batch *batch = batch_of(3, "/echo");
    batch_send(batch, 0); /* as 1 */
    assert_int_equal(batch_count_with(batch, OPS_OK), 3);
    assert_int_equal(atomic_load(&server.accepted), 1);
    batch_free(batch);
}

/* ---- threads, descriptors, memory ---- */

enum { THREAD_COUNT = 4, ROUNDS = 10, THREAD_WIDTH = 4 };

static void *exchange_often(void *context)
{
    size_t *wrong = context;
    for (int i = 0; i < ROUNDS; i++) {
        struct call call;
        struct batch *batch = batch_of(8, i % 2 ? "/echo" : "/big");
        batch_send(batch, THREAD_WIDTH);
        *wrong += 8 - batch_count_with(batch, OPS_OK);
        batch_free(batch);
        call_init(&call, "GET", "/echo");
        *wrong += call_send(&call) != OPS_OK;
        call_release(&call);
    }
    return NULL;
}

static void several_threads_may_exchange_at_once(void **state)
{
    (void)state;
    pthread_t threads[THREAD_COUNT];
    size_t wrong[THREAD_COUNT] = {0};
    for (int i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, exchange_often, &wrong[i]), 0);
    for (int i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(wrong[i], 0);
    }
    assert_in_range(atomic_load(&server.accepted), 1, THREAD_COUNT * THREAD_WIDTH);
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    assert_int_equal(closedir(directory), 0);
    return count;
}

/* The server's own descriptors are in the same table, so it is stopped before each count. */
static void no_descriptor_stays_open_behind_the_client(void **state)
{
    static const char *const paths[] = {"/echo", "/close", "/cut", "/reset", "/big", "/last", "/used"};
    (void)tear_down(state);
    size_t before = open_descriptors();
    (void)set_up(state);
    struct batch *batch = batch_of(0, "");
    for (size_t i = 0; i < 28; i++)
        batch_add(batch, paths[i % 7]);
    (void)get_url("http://nowhere.invalid/", NULL, "x", NULL);
    batch_send(batch, 9);
    batch_free(batch);
    (void)tear_down(state);
    assert_int_equal(open_descriptors(), before);
    (void)set_up(state);
}

static void without_memory_no_exchange_pretends(void **state)
{
    bool hit = true;
    (void)tear_down(state);
    http_server_start(&server);
    for (size_t n = 1; hit; n++) {
        struct call call;
        assert_true(n < 100);
        alloc_fault_install(n);
        enum ops_status status = ops_curl_http_client_new(&client);
        if (status == OPS_OK) {
            call_init(&call, "POST", "/echo");
            call.request.headers[0] = (struct ops_http_header){"X-Session-Guid", "g"};
            call.request.header_count = 1;
            status = call_send(&call);
            hit = alloc_fault_hit();
            call_release(&call);
            alloc_fault_arm(0);
            expect("GET", "/echo", OPS_OK);
            ops_http_client_release(client);
        }
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
    http_server_stop(&server);
    (void)set_up(state);
}

/* One that had been sent when libcurl had to give up is unknown, the others are not done. */
static void without_memory_the_exchanges_of_a_batch_say_each_for_itself(void **state)
{
    (void)state;
    enum { COUNT = 14, WIDTH = 10 };
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        assert_true(n < 400);
        ops_http_client_release(client);
        alloc_fault_install(0);
        assert_int_equal(ops_curl_http_client_new(&client), OPS_OK);
        alloc_fault_arm(n);
        struct batch *batch = batch_of(COUNT, "/echo");
        batch_send(batch, WIDTH);
        hit = alloc_fault_hit();
        alloc_fault_arm(0);
        size_t done = batch_count_with(batch, OPS_OK), none = batch_count_with(batch, OPS_NO_MEMORY);
        assert_int_equal(done + none + batch_count_with(batch, OPS_UNKNOWN), COUNT);
        assert_true(hit ? none > 0 : done == COUNT);
        batch_free(batch);
        batch = batch_of(COUNT, "/echo");
        batch_send(batch, WIDTH);
        assert_int_equal(batch_count_with(batch, OPS_OK), COUNT);
        batch_free(batch);
        ops_http_client_release(client);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
        assert_int_equal(ops_curl_http_client_new(&client), OPS_OK);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define PROXY_CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_proxy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_asked_arrives_whole_and_the_answer_too),
        CASE(a_get_has_no_body_and_no_type),
        CASE(every_method_is_sent_as_it_is_with_its_body_or_without),
        CASE(a_head_is_answered_without_a_body),
        CASE(a_large_body_is_sent_at_once_without_asking_first),
        CASE(a_path_is_sent_as_it_is),
        CASE(every_status_is_an_answer_and_no_redirect_is_followed),
        CASE(an_answer_in_chunks_is_put_together),
        CASE(the_headers_that_are_wanted_are_seen),
        CASE(a_connection_is_used_again),
        CASE(what_is_for_an_open_connection_opens_none),
        CASE(what_broke_after_the_request_was_sent_is_unknown),
        CASE(an_answer_larger_than_the_buffer_is_a_limit),
        CASE(a_connection_that_was_closed_meanwhile_is_not_used_again),
        CASE(what_may_change_something_is_never_sent_twice),
        CASE(what_only_reads_is_asked_again_when_a_used_connection_closes),
        CASE(what_can_not_be_reached_says_so_and_where),
        CASE(a_name_that_is_long_looked_up_does_not_outlast_the_time),
        CASE(a_header_can_not_smuggle_another),
        CASE(a_certificate_that_is_none_is_unreachable),
        CASE(a_unix_socket_is_reached_by_its_path),
        PROXY_CASE(a_proxy_that_the_environment_names_is_asked),
        PROXY_CASE(a_host_that_the_environment_excepts_is_not_asked_of_the_proxy),
        PROXY_CASE(this_machine_is_never_asked_of_a_proxy),
        PROXY_CASE(where_a_cloud_keeps_its_keys_is_never_asked_of_a_proxy),
        CASE(exchanges_run_side_by_side_as_wide_as_was_asked),
        CASE(connections_are_kept_from_one_batch_to_the_next),
        CASE(each_answer_goes_to_its_own_exchange),
        CASE(what_breaks_one_leaves_the_others_alone),
        CASE(what_has_not_begun_in_time_is_not_begun),
        CASE(what_has_begun_in_time_is_carried_out_whole),
        CASE(nothing_to_exchange_is_done_at_once),
        CASE(several_threads_may_exchange_at_once),
        CASE(no_descriptor_stays_open_behind_the_client),
        CASE(without_memory_no_exchange_pretends),
        CASE(without_memory_the_exchanges_of_a_batch_say_each_for_itself),
    };
    return cmocka_run_group_tests(tests, forget_proxies, NULL);
}
