/* Keys for whoever can't wait: a renewal that hangs is given up, the first fetch is not. */
#include "adapters/curl/http_client.h"
#include "adapters/memory/clock.h"
#include "main/hurried_keys.h"
#include "support/cmocka_all.h"
#include "support/http_server.h"

#include <stdio.h>
#include <stdlib.h>

enum { LONG_MS = 600 * 1000, RENEW_MAX_MS = 100, LIFE_MS = 6 * 60 * 1000, RENEWED_EARLY_MS = 5 * 60 * 1000 };

/* A source that by itself would wait for ten minutes for its answer. */
struct patient_source {
    struct ops_aws_credentials base;
    struct ops_http_client *http;
    const char *path;
    size_t asked_count;
};

static struct http_server server;
static struct ops_http_client *client;
static struct ops_clock *ticks; /* stands still but for what a test adds */
static struct ops_gate_deadline_client deadline;
static struct patient_source *source;    /* taken by keys */
static struct ops_aws_credentials *keys; /* hurried, and cached as the gate has them */

static enum ops_status patient_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys,
                                     struct ops_error *error)
{
    struct patient_source *patient = (struct patient_source *)self;
    char url[128];
    struct ops_http_response response;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, patient->path);
    const struct ops_http_request request = {
        .method = "GET", .url = url, .connect_timeout_ms = LONG_MS, .timeout_ms = LONG_MS};
    ops_http_response_init(&response, 4096);
    patient->asked_count++;
    enum ops_status status = ops_http_exchange(patient->http, &request, &response, error);
    ops_buf_release(&response.body);
    if (status != OPS_OK)
        return OPS_STORE_UNAVAILABLE;
    *ret_keys = (struct ops_aws_keys){
        .access_key_id = "id", .secret_access_key = "secret", .expires_ms = ops_clock_now_ms(ticks) + LIFE_MS};
    return OPS_OK;
}

static void patient_release(struct ops_aws_credentials *self)
{
    free(self);
}

static const struct ops_aws_credentials_ops patient_ops = {.fetch = patient_fetch, .release = patient_release};

static int set_up(void **state)
{
    struct ops_aws_credentials *hurried = NULL;
    (void)state;
    http_server_start(&server);
    assert_int_equal(ops_memory_clock_new(1000, &ticks), OPS_OK);
    assert_int_equal(ops_curl_http_client_new(&client), OPS_OK);
    ops_gate_deadline_client_init(&deadline, client, ticks);
    source = calloc(1, sizeof *source);
    assert_non_null(source);
    *source = (struct patient_source){.base.ops = &patient_ops, .http = &deadline.base, .path = "/echo"};
    assert_int_equal(ops_hurried_keys_new(&source->base, &deadline, ticks, RENEW_MAX_MS, &hurried), OPS_OK);
    assert_int_equal(ops_aws_cached_credentials_new(hurried, ticks, &keys), OPS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ops_aws_credentials_release(keys);
    ops_http_client_release(client);
    ops_memory_clock_free(ticks);
    http_server_stop(&server);
    return 0;
}

static enum ops_status fetch(void)
{
    struct ops_aws_keys fetched;
    return ops_aws_credentials_fetch(keys, &fetched, NULL);
}

static void while_the_old_keys_count_a_renewal_that_hangs_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(fetch(), OPS_OK);
    source->path = "/silent";
    ops_memory_clock_advance(ticks, LIFE_MS - RENEWED_EARLY_MS + 1);
    assert_int_equal(fetch(), OPS_OK); /* else the test would take ten minutes */
    assert_int_equal(source->asked_count, 2);
    source->path = "/echo";
    ops_memory_clock_advance(ticks, RENEWED_EARLY_MS - 2);
    assert_int_equal(fetch(), OPS_OK);
    assert_int_equal(source->asked_count, 3);
}

static void without_keys_that_count_the_source_may_take_its_time(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fetch(), OPS_OK);
        assert_true(deadline.until_ms - ops_clock_monotonic_ms(ticks) > LONG_MS);
        ops_memory_clock_advance(ticks, LIFE_MS);
    }
    assert_int_equal(source->asked_count, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(while_the_old_keys_count_a_renewal_that_hangs_is_given_up),
        CASE(without_keys_that_count_the_source_may_take_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
