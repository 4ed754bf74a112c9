/* The HTTP client that has only so much time in all. */
#include "adapters/curl/http_client.h"
#include "adapters/gate/deadline_client.h"
#include "adapters/memory/clock.h"
#include "support/cmocka_all.h"
#include "support/http_server.h"

#include <stdio.h>

enum { LONG_MS = 600 * 1000, SHORT_MS = 100, ANSWER_MAX = 64 * 1024 };

static struct http_server server;
static struct ops_http_client *inner;
static struct ops_clock *ticks; /* stands still but for what a test adds */
static struct ops_gate_deadline_client client;

static int set_up(void **state)
{
    (void)state;
    http_server_start(&server);
    assert_int_equal(ops_memory_clock_new(1000, &ticks), OPS_OK);
    assert_int_equal(ops_curl_http_client_new(&inner), OPS_OK);
    ops_gate_deadline_client_init(&client, inner, ticks);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ops_http_client_release(&client.base);
    ops_http_client_release(inner);
    ops_memory_clock_free(ticks);
    http_server_stop(&server);
    return 0;
}

/* With a request that by itself would wait for ten minutes. */
static enum ops_status get(const char *path, const char *part)
{
    char url[128];
    struct ops_http_response response;
    struct ops_error error = OPS_ERROR_INIT;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    const struct ops_http_request request = {
        .method = "GET", .url = url, .connect_timeout_ms = LONG_MS, .timeout_ms = LONG_MS};
    ops_http_response_init(&response, ANSWER_MAX);
    enum ops_status status = ops_http_exchange(&client.base, &request, &response, &error);
    if (!strstr(error.text, part))
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
    ops_buf_release(&response.body);
    ops_error_release(&error);
    return status;
}

static void while_there_is_time_all_is_as_without_it(void **state)
{
    (void)state;
    ops_gate_deadline_client_begin(&client, LONG_MS);
    assert_int_equal(get("/echo", ""), OPS_OK);
    assert_int_equal(get("/close", "/close"), OPS_UNKNOWN);
    assert_int_equal(get("/echo", ""), OPS_OK);
}

static void silence_ends_with_the_time_and_not_with_the_request_s_own(void **state)
{
    (void)state;
    ops_gate_deadline_client_begin(&client, SHORT_MS);
    assert_int_equal(get("/silent", "/silent"), OPS_UNKNOWN); /* else the test would take ten minutes */
}

static void without_time_nobody_is_asked(void **state)
{
    (void)state;
    assert_int_equal(get("/echo", "/echo did not answer in time"), OPS_UNREACHABLE); /* before the first begin */
    ops_gate_deadline_client_begin(&client, SHORT_MS);
    ops_memory_clock_advance(ticks, SHORT_MS - 1);
    assert_int_equal(server.accepted, 0);
    ops_memory_clock_advance(ticks, 1);
    assert_int_equal(get("/echo", "did not answer in time"), OPS_UNREACHABLE);
    assert_int_equal(server.accepted, 0);
    ops_gate_deadline_client_begin(&client, LONG_MS);
    assert_int_equal(get("/echo", ""), OPS_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(while_there_is_time_all_is_as_without_it),
        CASE(silence_ends_with_the_time_and_not_with_the_request_s_own),
        CASE(without_time_nobody_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
