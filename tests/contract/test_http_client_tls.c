/* The HTTP client against a server that speaks TLS with a certificate of its own. */
#include "adapters/curl/http_client.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { PEM_MAX = 16 * 1024, TIMEOUT_MS = 5000, COUNT = 12, WIDTH = 6 };

static char directory[SCRATCH_SIZE];
static struct MHD_Daemon *server;
static int port;
static atomic_int connections;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *body, size_t *body_length, void **request)
{
    static char seen;
    (void)context, (void)url, (void)method, (void)version, (void)body, (void)body_length;
    if (!*request) { /* answering so early would end the connection */
        *request = &seen;
        return MHD_YES;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(6, (char[]){"secret"}, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static void count_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                             enum MHD_ConnectionNotificationCode code)
{
    (void)context, (void)connection, (void)socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        atomic_fetch_add(&connections, 1);
}

/* For 127.0.0.1 and for nobody else. */
static bool make_certificate(const char *name)
{
    char command[4 * SCRATCH_SIZE];
    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=%s "
                   "-addext subjectAltName=IP:127.0.0.1 -keyout %s/%s.key -out %s/%s.pem 2>/dev/null",
                   name, directory, name, directory, name);
    return system(command) == 0;
}

static void read_file(const char *name, char ret_text[static PEM_MAX])
{
    FILE *file = fopen(scratch_path(directory, name), "r");
    assert_non_null(file);
    size_t length = fread(ret_text, 1, PEM_MAX - 1, file);
    ret_text[length] = '\0';
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    static char cert[PEM_MAX], key[PEM_MAX];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    scratch_make(directory);
    *state = directory;
    if (!make_certificate("server") || !make_certificate("other"))
        return -1;
    read_file("server.pem", cert);
    read_file("server.key", key);
    server =
        MHD_start_daemon(MHD_USE_TLS | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR,
                         (struct sockaddr *)&address, MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key,
                         MHD_OPTION_NOTIFY_CONNECTION, count_connection, NULL, MHD_OPTION_END);
    if (!server)
        return -1;
    port = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    MHD_stop_daemon(server);
    scratch_remove(directory);
    return 0;
}

/* Asks COUNT times, WIDTH at a time, and expects the same of each. */
static void expect(const char *ca_bundle, const char *host, enum ops_status expected)
{
    char url[128];
    struct ops_http_client *client = NULL;
    struct ops_http_response responses[COUNT];
    struct ops_http_exchange exchanges[COUNT];
    struct ops_error error = OPS_ERROR_INIT;
    (void)snprintf(url, sizeof url, "https://%s:%d/", host, port);
    const struct ops_http_request request = {
        .method = "GET", .url = url, .connect_timeout_ms = TIMEOUT_MS, .timeout_ms = TIMEOUT_MS};
    for (size_t i = 0; i < COUNT; i++) {
        ops_http_response_init(&responses[i], 100);
        exchanges[i] = (struct ops_http_exchange){.request = &request, .response = &responses[i], .error = &error};
    }
    const struct ops_curl_options options = {.ca_bundle = ca_bundle};
    assert_int_equal(ops_curl_http_client_new_with(&options, &client), OPS_OK);
    ops_http_exchange_all(client, exchanges, COUNT, WIDTH, INT64_MAX);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(exchanges[i].status, expected);
        assert_string_equal(ops_buf_text(&responses[i].body), expected == OPS_OK ? "secret" : "");
        ops_buf_release(&responses[i].body);
    }
    assert_int_equal(error.text[0] == '\0', expected == OPS_OK);
    ops_http_client_release(client);
    ops_error_release(&error);
}

static void a_server_whose_authority_is_in_the_bundle_is_trusted(void **state)
{
    (void)state;
    int before = atomic_load(&connections);
    expect(scratch_path(directory, "server.pem"), "127.0.0.1", OPS_OK);
    assert_in_range(atomic_load(&connections) - before, 1, WIDTH);
}

static void a_server_whose_authority_is_not_is_unreachable(void **state)
{
    (void)state;
    expect(scratch_path(directory, "other.pem"), "127.0.0.1", OPS_UNREACHABLE);
}

static void the_systems_authorities_count_when_no_bundle_is_given(void **state)
{
    (void)state;
    expect(NULL, "127.0.0.1", OPS_UNREACHABLE);
    expect("", "127.0.0.1", OPS_UNREACHABLE);
}

static void a_certificate_for_another_name_is_refused(void **state)
{
    (void)state;
    expect(scratch_path(directory, "server.pem"), "localhost", OPS_UNREACHABLE);
}

static void a_bundle_that_is_not_there_makes_every_server_unreachable(void **state)
{
    (void)state;
    expect(scratch_path(directory, "nothing.pem"), "127.0.0.1", OPS_UNREACHABLE);
    expect(scratch_path(directory, "server.key"), "127.0.0.1", OPS_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_whose_authority_is_in_the_bundle_is_trusted),
        cmocka_unit_test(a_server_whose_authority_is_not_is_unreachable),
        cmocka_unit_test(the_systems_authorities_count_when_no_bundle_is_given),
        cmocka_unit_test(a_certificate_for_another_name_is_refused),
        cmocka_unit_test(a_bundle_that_is_not_there_makes_every_server_unreachable),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
