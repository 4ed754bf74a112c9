#include "client.h"
#include "fake_app.h"
#include "surfaces/invoke/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUNCTIONS "/2015-03-31/functions/"
#define ECHO FUNCTIONS "ops_echo/invocations"
#define ARN "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aops_echo"

static struct ops_app app;
static struct ops_invoke_server *server;
static uint16_t port;

static int start_server(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_invoke_config config = {.listen = "127.0.0.1:0"};
    if (ops_invoke_server_start(&app, &config, &server, &error) != OPS_OK)
        fail_msg("%s", error.text);
    unsigned picked = 0;
    assert_int_equal(sscanf(ops_invoke_server_address(server), "127.0.0.1:%u", &picked), 1);
    port = (uint16_t)picked;
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    ops_invoke_server_stop(server);
    return 0;
}

static const struct {
    const char *name;
    const char *method;
    const char *target;
    const char *headers;
    const char *body;
    int status;
    const char *header; /* in the head */
    const char *part;   /* of the body */
} cases[] = {
    {"a payload", "POST", ECHO, NULL, "{\"a\":1}", 200, "X-Amz-Executed-Version: $LATEST", "\"input\":{\"a\":1}"},
    {"the envelope's id is the request's", "POST", ECHO, NULL, "{}", 200, "x-amzn-RequestId: 01TESTREQUESTID",
     "success\":true"},
    {"no payload", "POST", ECHO, NULL, "", 200, "Content-Type: application/json", "\"input\":null"},
    {"no length", "POST", ECHO, NULL, NULL, 200, "Content-Type: application/json", "\"input\":null"},
    {"an ARN", "POST", FUNCTIONS ARN "/invocations", NULL, "{}", 200, "$LATEST", "\"call\":\"ops_echo\""},
    {"a partial ARN", "POST", FUNCTIONS "123456789012:function:ops_echo/invocations", NULL, "{}", 200, "$LATEST",
     "ops_echo"},
    {"a qualifier", "POST", FUNCTIONS "ops_echo:live/invocations", NULL, "{}", 200, "$LATEST", "ops_echo"},
    {"a qualifier in the query", "POST", ECHO "?Qualifier=%24LATEST", NULL, "{}", 200, "$LATEST", "ops_echo"},
    {"two qualifiers", "POST", FUNCTIONS "ops_echo:a/invocations?Qualifier=b", NULL, "{}", 400,
     "InvalidParameterValueException", "invalid-field"},
    {"an explicit type", "POST", ECHO, "X-Amz-Invocation-Type: RequestResponse\r\n", "{}", 200, "$LATEST", "ops_echo"},
    {"an unknown type", "POST", ECHO, "X-Amz-Invocation-Type: Later\r\n", "{}", 400, "InvalidParameterValueException",
     "X-Amz-Invocation-Type"},
    {"a signature and a log type are ignored", "POST", ECHO,
     "Authorization: AWS4-HMAC-SHA256 Credential=x\r\nX-Amz-Log-Type: Tail\r\nX-Amz-Date: 20260101T000000Z\r\n", "{}", 200,
     "$LATEST", "ops_echo"},
    {"the media type of SDKs", "POST", ECHO, "Content-Type: application/x-amz-json-1.1\r\n", "{}", 200, "$LATEST",
     "ops_echo"},
    {"another", "POST", ECHO, "Content-Type: application/octet-stream\r\n", "{}", 200, "$LATEST", "ops_echo"},
    {"one with a parameter", "POST", ECHO, "Content-Type: Application/JSON;charset=utf-8\r\n", "{}", 200, "$LATEST",
     "ops_echo"},
    {"none to speak of", "POST", ECHO, "Content-Type:\r\n", "{}", 200, "$LATEST", "ops_echo"},
    {"a person's own navigation", "POST", ECHO, "Sec-Fetch-Site: none\r\n", "{}", 200, "$LATEST", "ops_echo"},
    {"plain text, as pages send it", "POST", ECHO, "Content-Type: text/plain\r\n", "{}", 403, "AccessDeniedException",
     "\"tag\":\"invalid-field\""},
    {"a form", "POST", ECHO, "Content-Type: application/x-www-form-urlencoded\r\n", "{}", 403, "AccessDeniedException",
     "\"field\":\"Content-Type\""},
    {"a form in parts", "POST", ECHO, "Content-Type: multipart/form-data; boundary=x\r\n", "{}", 403,
     "AccessDeniedException", "\"field\":\"Content-Type\""},
    {"a type that begins as a good one", "POST", ECHO, "Content-Type: application/jsonx\r\n", "{}", 403,
     "AccessDeniedException", "\"field\":\"Content-Type\""},
    {"an origin", "POST", ECHO, "Origin: https://evil.example\r\n", "{}", 403, "AccessDeniedException",
     "{\"Type\":\"User\",\"Message\":\"The header Origin is there"},
    {"an origin that is hidden", "POST", ECHO, "Origin: null\r\n", "{}", 403, "AccessDeniedException",
     "\"field\":\"Origin\""},
    {"a page of the same site", "POST", ECHO, "Sec-Fetch-Site: same-origin\r\n", "{}", 403, "AccessDeniedException",
     "\"field\":\"Sec-Fetch-Site\""},
    {"a page asks whether it may", "OPTIONS", ECHO, "Origin: https://evil.example\r\n", NULL, 403, "AccessDeniedException",
     "\"field\":\"Origin\""},
    {"a target that is somebody else's", "POST", "http://evil.example" ECHO, NULL, "{}", 400,
     "InvalidParameterValueException", "\"field\":\"Host\""},
    {"a refusal is 200", "POST", FUNCTIONS "ops_refuse/invocations", NULL, "{}", 200, "$LATEST", "secret-code-mismatch"},
    {"a crash is told", "POST", FUNCTIONS "ops_crash/invocations", NULL, "{}", 200, "X-Amz-Function-Error: Unhandled",
     "internal-error"},
    {"a payload that is not JSON", "POST", ECHO, NULL, "{", 400, "InvalidRequestContentException",
     "{\"Type\":\"User\",\"Message\":"},
    {"a payload with more behind it", "POST", ECHO, NULL, "{} x", 400, "InvalidRequestContentException", "invalid-json"},
    {"a member twice is the function's to refuse", "POST", ECHO, NULL, "{\"a\":1,\"a\":2}", 200, "$LATEST",
     "\"invalid-json\",\"call\":\"ops_echo\""},
    {"a payload that is not an object", "POST", ECHO, NULL, "\"x\"", 200, "$LATEST", "invalid-json"},
    {"an event whose payload is not JSON", "POST", ECHO, "X-Amz-Invocation-Type: Event\r\n", "{", 400,
     "InvalidRequestContentException", "invalid-json"},
    {"no such function", "POST", FUNCTIONS "ops_nothing/invocations", NULL, "{}", 404,
     "x-amzn-ErrorType: ResourceNotFoundException",
     "{\"Type\":\"User\",\"Message\":\"Function not found: ops_nothing\",\"success\":false"},
    {"no such function, dry", "POST", FUNCTIONS "ops_nothing/invocations", "X-Amz-Invocation-Type: DryRun\r\n", "{}", 404,
     "ResourceNotFoundException", "ops_nothing"},
    {"a name that cannot be", "POST", FUNCTIONS "a%20b/invocations", NULL, "{}", 400, "InvalidParameterValueException",
     "invalid-field"},
    {"another path", "POST", "/2015-03-31/functions", NULL, "{}", 404, "UnknownOperationException", "route-not-found"},
    {"an empty name", "POST", FUNCTIONS "/invocations", NULL, "{}", 404, "UnknownOperationException", "route-not-found"},
    {"a slash in the name", "POST", FUNCTIONS "a/b/invocations", NULL, "{}", 404, "UnknownOperationException",
     "route-not-found"},
    {"another method", "GET", ECHO, NULL, NULL, 405, "Allow: POST", "method-not-allowed"},
    {"an HTTP route", "GET", "/ops/ping", NULL, NULL, 404, "UnknownOperationException", "route-not-found"},
};

static void each_invocation_gets_lambdas_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct response got = ask(port, cases[i].method, cases[i].target, cases[i].headers, cases[i].body);
        if (got.status != cases[i].status || !strcasestr(got.head, cases[i].header) || !got.body ||
            !strstr(got.body, cases[i].part))
            fail_msg("%s: %s%s", cases[i].name, got.head, got.body ? got.body : "(none)");
        response_release(&got);
    }
}

static void an_event_is_accepted_and_has_run(void **state)
{
    (void)state;
    int before = atomic_load(&app.calls);
    struct response got = ask(port, "POST", ECHO, "X-Amz-Invocation-Type: Event\r\n", "{}");
    assert_int_equal(got.status, 202);
    assert_int_equal(got.length, 0);
    assert_int_equal(atomic_load(&app.calls), before + 1);
    response_release(&got);
}

static void a_dry_run_runs_nothing(void **state)
{
    (void)state;
    int before = atomic_load(&app.calls);
    struct client client = client_tcp(port);
    client_send_to(&client, port,
                   "POST " ECHO " HTTP/1.1\r\nHost: x\r\nX-Amz-Invocation-Type: DryRun\r\nContent-Length: 2\r\n\r\n{}");
    struct response got = client_receive_head(&client);
    assert_int_equal(got.status, 204);
    assert_int_equal(atomic_load(&app.calls), before);
    response_release(&got);
    client_close(&client);
}

static void a_payload_over_the_limit_is_told(void **state)
{
    (void)state;
    static const size_t lengths[] = {OPS_INVOKE_BODY_MAX, OPS_INVOKE_BODY_MAX + 1};
    struct client client = client_tcp(port);
    char *payload = malloc(OPS_INVOKE_BODY_MAX + 2);
    assert_non_null(payload);
    for (size_t i = 0; i < 2; i++) {
        char head[128];
        memset(payload, ' ', lengths[i]);
        payload[0] = '{';
        payload[lengths[i] - 1] = '}';
        (void)snprintf(head, sizeof head, "POST " ECHO " HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", lengths[i]);
        client_send_to(&client, port, head);
        client_send_bytes(&client, payload, lengths[i]);
        struct response got = client_receive(&client);
        assert_int_equal(got.status, i ? 413 : 200);
        if (i) {
            assert_non_null(strstr(got.head, "RequestTooLargeException"));
            assert_non_null(strstr(got.body, "payload-too-large"));
        }
        response_release(&got);
    }
    free(payload);
    client_close(&client);
}

static void a_connection_is_kept_over_invocations(void **state)
{
    (void)state;
    struct client client = client_tcp(port);
    for (int i = 0; i < 100; i++) {
        client_send_to(&client, port, "POST " ECHO " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
        struct response got = client_receive(&client);
        assert_int_equal(got.status, 200);
        response_release(&got);
    }
    client_close(&client);
}

static void a_unix_socket_serves_and_is_removed(void **state)
{
    (void)state;
    char directory[] = "/tmp/ops-invoke-XXXXXX";
    char listen[64];
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_invoke_server *first = NULL, *second = NULL;
    struct stat file;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(listen, sizeof listen, "unix:%s/s", directory);
    struct ops_invoke_config config = {.listen = listen};
    assert_int_equal(ops_invoke_server_start(&app, &config, &first, NULL), OPS_OK);
    assert_string_equal(ops_invoke_server_address(first), listen);
    assert_int_equal(lstat(listen + strlen("unix:"), &file), 0);
    assert_int_equal(file.st_mode, S_IFSOCK | 0600);
    struct client client = client_unix(listen + strlen("unix:"));
    client_send(&client, "POST " ECHO " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    struct response got = client_receive(&client);
    assert_int_equal(got.status, 200);
    response_release(&got);
    client_close(&client);
    assert_int_equal(ops_invoke_server_start(&app, &config, &second, &error), OPS_IO_ERROR);
    assert_non_null(strstr(error.text, "another process already does"));
    ops_error_release(&error);
    ops_invoke_server_stop(first);
    assert_int_equal(rmdir(directory), 0);
}

static void an_address_that_may_not_be_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {"*:0", "0.0.0.0:0", "[::]:0", "10.1.2.3:0", "unix:", "nothing", "127.0.0.1"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        struct ops_invoke_server *none = NULL;
        struct ops_invoke_config config = {.listen = refused[i]};
        assert_int_equal(ops_invoke_server_start(&app, &config, &none, &error), OPS_USAGE);
        assert_true(error.text[0] != '\0');
        assert_null(none);
        ops_error_release(&error);
    }
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(each_invocation_gets_lambdas_answer),
        WITH_SERVER(an_event_is_accepted_and_has_run),
        WITH_SERVER(a_dry_run_runs_nothing),
        WITH_SERVER(a_payload_over_the_limit_is_told),
        WITH_SERVER(a_connection_is_kept_over_invocations),
        cmocka_unit_test(a_unix_socket_serves_and_is_removed),
        cmocka_unit_test(an_address_that_may_not_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
