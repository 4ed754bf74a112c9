/* Counting what the surfaces answer, while they answer it. */
#include "client.h"
#include "fake_app.h"
#include "surfaces/http/server.h"
#include "surfaces/invoke/server.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 8, REQUESTS = 200 };

static struct ops_app app;
static struct ops_traffic *traffic;
static struct ops_http_server *http;
static struct ops_invoke_server *invoke;
static uint16_t http_port, invoke_port;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(ops_traffic_new(&traffic), OPS_OK);
    const struct ops_http_config http_config = {.host = "127.0.0.1", .threads = 4, .traffic = traffic};
    const struct ops_invoke_config invoke_config = {.listen = "127.0.0.1:0", .threads = 4, .traffic = traffic};
    assert_int_equal(ops_http_server_start(&app, &http_config, &http, NULL), OPS_OK);
    assert_int_equal(ops_invoke_server_start(&app, &invoke_config, &invoke, NULL), OPS_OK);
    http_port = ops_http_server_port(http);
    invoke_port = (uint16_t)atoi(strrchr(ops_invoke_server_address(invoke), ':') + 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ops_http_server_stop(http);
    ops_invoke_server_stop(invoke);
    ops_traffic_free(traffic);
    return 0;
}

static int status_of(uint16_t port, const char *method, const char *target, const char *body)
{
    struct response got = ask(port, method, target, NULL, body);
    int status = got.status;
    response_release(&got);
    return status;
}

static uint64_t count_of(const struct ops_traffic_sum *sum)
{
    uint64_t count = 0;
    for (unsigned bucket = 0; bucket <= OPS_TRAFFIC_BOUNDS; bucket++)
        count += sum->buckets[bucket];
    return count;
}

static struct ops_traffic_sum sum_of(enum ops_surface surface)
{
    struct ops_traffic_sum sum;
    ops_traffic_sum(traffic, surface, &sum);
    return sum;
}

static void each_surface_has_counts_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(status_of(http_port, "GET", "/ops/ping", NULL), 200);
    assert_int_equal(status_of(http_port, "GET", "/nowhere", NULL), 404);
    assert_int_equal(status_of(invoke_port, "POST", "/2015-03-31/functions/ops_echo/invocations", "{}"), 200);
    assert_int_equal(status_of(invoke_port, "POST", "/2015-03-31/functions/ops_refuse/invocations", "{}"), 200);
    const struct ops_traffic_sum of_http = sum_of(OPS_SURFACE_HTTP), of_invoke = sum_of(OPS_SURFACE_INVOKE);
    const uint64_t http_classes[OPS_TRAFFIC_CLASSES] = {1, 0, 1, 0}, invoke_classes[OPS_TRAFFIC_CLASSES] = {2, 0, 0, 0};
    assert_memory_equal(of_http.classes, http_classes, sizeof http_classes);
    assert_memory_equal(of_invoke.classes, invoke_classes, sizeof invoke_classes);
    assert_int_equal(count_of(&of_http), 2);
    assert_true(of_http.duration_ns > 0);
}

static void *ask_many(void *unused)
{
    struct client client = client_tcp(http_port);
    for (int i = 0; i < REQUESTS; i++) {
        client_send(&client,
                    i % 10 ? "GET /ops/ping HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        struct response got = client_receive(&client);
        assert_int_equal(got.status, 200);
        response_release(&got);
    }
    client_close(&client);
    return unused;
}

static void nothing_is_lost_while_many_are_answered_and_read_at_once(void **state)
{
    (void)state;
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many, NULL), 0);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    const struct ops_traffic_sum sum = sum_of(OPS_SURFACE_HTTP);
    assert_int_equal(sum.classes[0], CLIENTS * REQUESTS);
    assert_int_equal(count_of(&sum), CLIENTS * REQUESTS);
}

static void statuses_and_durations_find_their_places(void **state)
{
    static const struct {
        int http_status;
        unsigned class;
        int64_t duration_ns;
        unsigned bucket;
    } rows[] = {
        {200, 0, 0, 0},
        {299, 0, 1000000, 0},
        {304, 1, 1000001, 1},
        {404, 2, 10000000000, OPS_TRAFFIC_BOUNDS - 1},
        {503, 3, 10000000001, OPS_TRAFFIC_BOUNDS},
        {599, 3, INT64_C(3600) * 1000000000, OPS_TRAFFIC_BOUNDS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ops_traffic_sum before = sum_of(OPS_SURFACE_INVOKE);
        ops_traffic_count(traffic, OPS_SURFACE_INVOKE, (unsigned)(63 * i), rows[i].http_status, rows[i].duration_ns);
        const struct ops_traffic_sum after = sum_of(OPS_SURFACE_INVOKE);
        assert_int_equal(after.classes[rows[i].class] - before.classes[rows[i].class], 1);
        assert_int_equal(after.buckets[rows[i].bucket] - before.buckets[rows[i].bucket], 1);
        assert_int_equal(after.duration_ns - before.duration_ns, rows[i].duration_ns);
    }
    assert_string_equal(ops_traffic_bound(0), "0.001");
    assert_string_equal(ops_traffic_bound(OPS_TRAFFIC_BOUNDS - 1), "10");
}

static void a_page_of_metrics_is_the_one_of_the_moment(void **state)
{
    (void)state;
    struct response got = ask(http_port, "GET", "/metrics", NULL, NULL);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.head, "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(got.body, "\ng3nops_build_info{version=\"7.8\"} 1\n"));
    assert_non_null(strstr(got.body, "\ng3nops_store_up 0\n"));
    assert_null(strstr(got.body, "g3nops_maintenance_active"));
    assert_non_null(strstr(got.body, "\ng3nops_http_requests_total{surface=\"http\",status=\"2xx\"} 0\n"));
    response_release(&got);
    got = ask(http_port, "GET", "/metrics", NULL, NULL);
    assert_non_null(strstr(got.body, "\ng3nops_http_requests_total{surface=\"http\",status=\"2xx\"} 1\n"));
    response_release(&got);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_surface_has_counts_of_its_own),
        CASE(nothing_is_lost_while_many_are_answered_and_read_at_once),
        CASE(statuses_and_durations_find_their_places),
        CASE(a_page_of_metrics_is_the_one_of_the_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
