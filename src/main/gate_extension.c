#include "main/gate_extension.h"

#include "adapters/curl/http_client.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#define API "/2020-01-01/extension"

enum {
    URL_SIZE = 512,
    ANSWER_MAX_BYTES = 64 * 1024,
    CONNECT_TIMEOUT_MS = 1000,
    REGISTER_TIMEOUT_MS = 10 * 1000,
    HTTP_OK = 200,
};

/* The next event comes with the next invocation, which may be hours away; the frozen time does not count. */
#define EVENT_TIMEOUT_MS (INT64_C(24) * 60 * 60 * 1000)

/* Lambda knows an extension by the name of its file in /opt/extensions. */
#define EXTENSION_NAME "g3nops-gate"

struct extension {
    struct ops_http_client *client;
    const char *api; /* HOST:PORT */
    char id[OPS_HTTP_VALUE_SIZE];
    struct ops_http_response response;
};

static enum ops_status exchange(struct extension *extension, struct ops_http_request *request, const char *path,
                                struct ops_error *error)
{
    char url[URL_SIZE];
    int length = snprintf(url, sizeof url, "http://%s" API "%s", extension->api, path);
    if (length < 0 || length >= (int)sizeof url)
        return ops_fail(error, OPS_USAGE, "AWS_LAMBDA_RUNTIME_API is too long.");
    request->url = url;
    request->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    ops_buf_clear(&extension->response.body);
    enum ops_status status = ops_http_exchange(extension->client, request, &extension->response, error);
    if (status == OPS_OK && extension->response.status != HTTP_OK)
        return ops_fail(error, OPS_UNREACHABLE, "The Extensions API answers %s with HTTP status %d.", path,
                        extension->response.status);
    return status;
}

static enum ops_status enrol(struct extension *extension, struct ops_error *error)
{
    struct ops_http_request request = {
        .method = "POST",
        .headers = {{"Lambda-Extension-Name", EXTENSION_NAME}, {"Content-Type", "application/json"}},
        .header_count = 2,
        .body = ops_view_of("{\"events\":[\"INVOKE\",\"SHUTDOWN\"]}"),
        .timeout_ms = REGISTER_TIMEOUT_MS,
    };
    extension->response.wanted[0].name = "Lambda-Extension-Identifier";
    enum ops_status status = exchange(extension, &request, "/register", error);
    extension->response.wanted[0].name = NULL;
    if (status != OPS_OK)
        return status;
    (void)snprintf(extension->id, sizeof extension->id, "%s", extension->response.wanted[0].value);
    return extension->id[0] ? OPS_OK
                            : ops_fail(error, OPS_UNREACHABLE, "The Extensions API gave no Lambda-Extension-Identifier.");
}

static enum ops_status next_event(struct extension *extension, bool *ret_shutdown, struct ops_error *error)
{
    json_t *event = NULL;
    struct ops_http_request request = {
        .method = "GET",
        .headers = {{"Lambda-Extension-Identifier", extension->id}},
        .header_count = 1,
        .timeout_ms = EVENT_TIMEOUT_MS,
    };
    enum ops_status status = exchange(extension, &request, "/event/next", error);
    if (status == OPS_OK)
        status = ops_json_parse_object(ops_buf_view(&extension->response.body), &event, NULL);
    *ret_shutdown = strcmp(ops_json_text(event, "eventType", ""), "SHUTDOWN") == 0;
    json_decref(event);
    return status == OPS_INVALID_JSON ? ops_fail(error, OPS_UNREACHABLE, "The Extensions API gave an event that is no JSON.")
                                      : status;
}

enum ops_status ops_gate_extension_run(ops_gate_on_event_fn on_event, void *context, struct ops_error *error)
{
    struct extension extension = {.api = getenv("AWS_LAMBDA_RUNTIME_API")};
    bool shutdown = false;
    if (!extension.api || !extension.api[0])
        return ops_fail(error, OPS_USAGE, "--lambda-extension works in a sandbox of AWS Lambda: AWS_LAMBDA_RUNTIME_API is "
                                          "not set.");
    enum ops_status status = ops_curl_http_client_new(&extension.client);
    if (status != OPS_OK)
        return status;
    ops_http_response_init(&extension.response, ANSWER_MAX_BYTES);
    status = enrol(&extension, error);
    while (status == OPS_OK && !shutdown) {
        status = next_event(&extension, &shutdown, error);
        if (status == OPS_OK)
            on_event(context);
    }
    ops_buf_release(&extension.response.body);
    ops_http_client_release(extension.client);
    return status;
}
