#include "adapters/gate/ping_source.h"

#include "adapters/gate/active.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define BASE_PATH "/ops"
#define PING_PATH BASE_PATH "/ping"
#define SECOND_NS INT64_C(1000000000)

enum {
    URL_SIZE = 2048,
    ANSWER_MAX_BYTES = 1024 * 1024,
    HTTP_OK = 200,
    CACHED_MAX_S = 10, /* what is older when it comes would run out before the next answer */
    AGE_DIGITS_MAX = 9,
    REQUEST_ID_SIZE = 64,
};

struct ping_source {
    struct ops_gate_source base;
    struct ops_http_client *client;
    char url[URL_SIZE];
    char shown[OPS_URL_SHOWN_SIZE];   /* the same for errors, which are for logs */
    char request_id[REQUEST_ID_SIZE]; /* of the answer before; "": none */
};

static enum ops_status no_ping(const struct ping_source *source, struct ops_error *error)
{
    return ops_fail(error, OPS_UNREACHABLE, "What answers at %s is not OPS.", source->shown);
}

/* OPS's answers say that nobody may keep them, and the question says so too. A cache in between that keeps them all the
 * same mostly tells for how long it has (RFC 9111, section 5.1), and that counts as the answer's age. */
static enum ops_status read_age(struct ping_source *source, const char *age, struct ops_error *error)
{
    size_t digits = strspn(age, "0123456789");
    int64_t age_s = digits <= AGE_DIGITS_MAX && !age[digits] ? atoll(age) : INT64_MAX;
    if (age_s > CACHED_MAX_S)
        return ops_fail(error, OPS_UNREACHABLE, "%s answers out of a cache, with what is %.20s s old.", source->shown, age);
    source->base.answer_age_ns = OPS_GATE_ANSWER_AGE_MAX_NS + age_s * SECOND_NS;
    return OPS_OK;
}

/* One that does not tell is found out when it repeats itself: every answer of OPS has an id of its own. */
static enum ops_status check_new(struct ping_source *source, const json_t *answer, struct ops_error *error)
{
    const char *id = ops_json_text(json_object_get(answer, "stats"), "request_id", "");
    if (id[0] && strcmp(id, source->request_id) == 0)
        return ops_fail(error, OPS_UNREACHABLE, "%s answers out of a cache: what it says it has said before.",
                        source->shown);
    (void)snprintf(source->request_id, sizeof source->request_id, "%s", id); /* a longer one is not OPS's, and never equal */
    return OPS_OK;
}

/* data.maintenance must be there, null or an object: another server's answer must not open or close a gate. */
static enum ops_status read_answer(const struct ping_source *source, const json_t *answer, struct ops_buf *window,
                                   struct ops_error *error)
{
    const json_t *data = json_object_get(answer, "data");
    const json_t *maintenance = json_object_get(data, "maintenance");
    bool is_ops = ops_json_flag(answer, "success", false) && strcmp(ops_json_text(data, "service", ""), "ops") == 0;
    if (!is_ops || !(json_is_null(maintenance) || json_is_object(maintenance)))
        return no_ping(source, error);
    return ops_gate_append_active(maintenance, window);
}

static enum ops_status read_response(struct ping_source *source, const struct ops_http_response *response,
                                     struct ops_buf *window, struct ops_error *error)
{
    json_t *answer = NULL;
    if (response->status != HTTP_OK)
        return ops_fail(error, OPS_UNREACHABLE, "%s answers with HTTP status %d.", source->shown, response->status);
    enum ops_status status = read_age(source, response->wanted[0].value, error);
    if (status != OPS_OK)
        return status;
    status = ops_json_parse_object(ops_buf_view(&response->body), &answer, NULL);
    if (status != OPS_OK)
        return status == OPS_NO_MEMORY ? status : no_ping(source, error);
    status = check_new(source, answer, error);
    if (status == OPS_OK)
        status = read_answer(source, answer, window, error);
    json_decref(answer);
    return status;
}

static enum ops_status ping_ask(struct ops_gate_source *self, int64_t timeout_ms, struct ops_buf *window,
                                struct ops_error *error)
{
    struct ping_source *source = (struct ping_source *)self;
    const struct ops_http_request request = {
        .method = "GET",
        .url = source->url,
        .headers = {{"Cache-Control", "no-cache"}},
        .header_count = 1,
        .connect_timeout_ms = timeout_ms,
        .timeout_ms = timeout_ms,
    };
    struct ops_http_response response;
    ops_http_response_init(&response, ANSWER_MAX_BYTES);
    response.wanted[0].name = "Age";
    enum ops_status status = ops_http_exchange(source->client, &request, &response, error);
    if (status == OPS_OK)
        status = read_response(source, &response, window, error);
    ops_buf_release(&response.body);
    return status;
}

static void ping_close(struct ops_gate_source *self)
{
    struct ping_source *source = (struct ping_source *)self;
    ops_http_client_release(source->client);
    ops_mem_free(source);
}

static const struct ops_gate_source_ops ping_ops = {.ask = ping_ask, .close = ping_close};

/* Without slashes at its end. */
static size_t trimmed(const char *url, size_t length)
{
    while (length > 0 && url[length - 1] == '/')
        length--;
    return length;
}

/* Without what, where it ends so behind its host. */
static size_t without(const char *url, size_t length, const char *what)
{
    size_t what_length = strlen(what);
    const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
    bool ends_so =
        path && length >= (size_t)(path - url) + what_length && strncmp(url + length - what_length, what, what_length) == 0;
    return ends_so ? trimmed(url, length - what_length) : length;
}

/* Every path of OPS begins with /ops: who gives that, or the whole of ping's, means the same. */
static enum ops_status set_url(struct ping_source *source, const char *url)
{
    size_t length = trimmed(url, strlen(url));
    length = without(url, without(url, length, PING_PATH), BASE_PATH);
    int written = snprintf(source->url, URL_SIZE, "%.*s%s", (int)length, url, PING_PATH);
    (void)ops_url_show(source->url, source->shown);
    return written > 0 && written < URL_SIZE ? OPS_OK : OPS_LIMIT;
}

enum ops_status ops_gate_ping_source_new(const char *url, struct ops_http_client *client,
                                         struct ops_gate_source **ret_source)
{
    struct ping_source *source = ops_mem_zeroed(1, sizeof *source);
    enum ops_status status = source ? set_url(source, url) : OPS_NO_MEMORY;
    if (status != OPS_OK) {
        ops_mem_free(source);
        ops_http_client_release(client);
        return status;
    }
    source->base = (struct ops_gate_source){.ops = &ping_ops, .answer_age_ns = OPS_GATE_ANSWER_AGE_MAX_NS};
    source->client = client;
    *ret_source = &source->base;
    return OPS_OK;
}
