#include "fake_app.h"

#include "app/metrics.h"
#include "base/json.h"

#include <time.h>

static const struct ops_operation operations[] = {
    {.name = "ping", .route = "/ops/ping"},
    {.name = "maintenance/list", .route = "/ops/maintenance/list", .takes_post = true},
    {.name = "large", .route = "/ops/large"},
    {.name = "ops_echo", .function = "ops_echo"},
    {.name = "ops_crash", .function = "ops_crash"},
    {.name = "ops_refuse", .function = "ops_refuse"},
    {.name = "ops_wait", .function = "ops_wait"},
};

enum { OPERATION_COUNT = sizeof operations / sizeof operations[0] };

const struct ops_operation *ops_operations(size_t *ret_count)
{
    *ret_count = OPERATION_COUNT;
    return operations;
}

const struct ops_operation *ops_operation_by_route(struct ops_view path)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (operations[i].route && ops_view_is(path, operations[i].route))
            return &operations[i];
    return NULL;
}

const struct ops_operation *ops_operation_by_function(struct ops_view function)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (operations[i].function && ops_view_is(function, operations[i].function))
            return &operations[i];
    return NULL;
}

void ops_answer_init(struct ops_answer *answer)
{
    *answer = (struct ops_answer){.http_status = 500, .status = OPS_INTERNAL_ERROR};
    ops_buf_init(&answer->body, OPS_ANSWER_MAX_BYTES);
}

void ops_answer_release(struct ops_answer *answer)
{
    ops_buf_release(&answer->body);
}

/* The real app has a static envelope for this; here the status is enough. */
static void end(struct ops_answer *answer)
{
    if (ops_buf_status(&answer->body) == OPS_OK)
        return;
    ops_buf_clear(&answer->body);
    answer->status = OPS_NO_MEMORY;
    answer->http_status = ops_status_http(OPS_NO_MEMORY);
}

static void begin(struct ops_answer *answer, enum ops_status status)
{
    answer->status = status;
    answer->http_status = ops_status_http(status);
    answer->retry_after_seconds = 0;
    ops_buf_clear(&answer->body);
}

/* In large pieces, so that a measurement of the surface is not one of this. */
static void pad(struct ops_buf *body, const char *start, size_t length)
{
    static const char filling[] = "................................................................";
    ops_buf_append_text(body, start);
    for (size_t left; ops_buf_status(body) == OPS_OK && (left = length - 2 - body->length) > 0;)
        ops_buf_append(body, filling, left < sizeof filling - 1 ? left : sizeof filling - 1);
    ops_buf_append_text(body, "\"}");
}

static void echo(const struct ops_call *call, struct ops_buf *body)
{
    char peer[OPS_PEER_WORDS_SIZE];
    ops_peer_words(&call->peer, peer);
    ops_buf_append_format(body,
                          "{\"success\":true,\"call\":\"%s\",\"peer\":\"%s\",\"from_query\":%s,"
                          "\"session\":\"%.*s\",\"input\":",
                          call->name ? call->name : call->operation->name, peer, call->from_query ? "true" : "false",
                          (int)call->session_guid.length, call->session_guid.data ? call->session_guid.data : "");
    if (!call->input)
        ops_buf_append_text(body, "null");
    else if (ops_json_canonical(call->input, body) != OPS_OK)
        ops_buf_append_text(body, "broken");
    ops_buf_append_text(body, ",\"stats\":{\"request_id\":\"01TESTREQUESTID\"}}");
}

enum { WAIT_MS = 20 };

/* False: it is to be answered. */
static bool wait_for_gate(struct ops_app *app, const struct ops_call *call, struct ops_answer *answer)
{
    if (!call->turn || atomic_load(&app->gate_open)) {
        if (call->turn && call->turn->ticket)
            atomic_fetch_sub(&app->waiting, 1);
        if (call->turn)
            call->turn->ticket = 0;
        return false;
    }
    if (!call->turn->ticket)
        atomic_fetch_add(&app->waiting, 1);
    call->turn->ticket = 1;
    answer->wait_ms = WAIT_MS;
    return true;
}

void ops_turn_leave(struct ops_app *app, struct ops_turn *turn)
{
    if (!turn->ticket)
        return;
    turn->ticket = 0;
    atomic_fetch_sub(&app->waiting, 1);
    atomic_fetch_add(&app->left, 1);
}

void ops_app_answer(struct ops_app *app, const struct ops_call *call, struct ops_answer *answer)
{
    answer->wait_ms = 0;
    if (strcmp(call->operation->name, "ops_wait") == 0) {
        if (wait_for_gate(app, call, answer))
            return;
        if (!call->turn) {
            ops_app_refuse(app, call->operation->name, OPS_SECRET_CODE_LOCKED, NULL, answer);
            return;
        }
    }
    atomic_fetch_add(&app->calls, 1);
    int delay_ms = atomic_load(&app->delay_ms);
    if (delay_ms)
        (void)nanosleep(&(struct timespec){.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000L}, NULL);
    const char *name = call->operation->name;
    if (strcmp(name, "ops_crash") == 0 || strcmp(name, "ops_refuse") == 0) {
        ops_app_refuse(app, name, strcmp(name, "ops_crash") == 0 ? OPS_INTERNAL_ERROR : OPS_SECRET_CODE_MISMATCH, NULL,
                       answer);
        return;
    }
    begin(answer, OPS_OK);
    answer->retry_after_seconds = atomic_load(&app->retry_after_seconds);
    if (strcmp(name, "ping") == 0)
        pad(&answer->body, "{\"success\":true,\"data\":\"", FAKE_PING_BYTES);
    else if (strcmp(name, "large") == 0)
        pad(&answer->body, "{\"success\":true,\"data\":\"", FAKE_LARGE_BYTES);
    else
        echo(call, &answer->body);
    end(answer);
}

void ops_app_refuse(struct ops_app *app, const char *call_name, enum ops_status status, const struct ops_error *error,
                    struct ops_answer *answer)
{
    (void)app;
    begin(answer, status);
    struct ops_buf *body = &answer->body;
    json_t *text = json_string(ops_error_text(error, status));
    ops_buf_append_format(body, "{\"success\":false,\"tag\":\"%s\",\"call\":\"%s\",\"message\":", ops_status_tag(status),
                          call_name);
    if (!text || ops_json_append(text, body) != OPS_OK)
        ops_buf_append_text(body, "broken");
    if (error && error->details) {
        ops_buf_append_text(body, ",\"details\":");
        if (ops_json_append(error->details, body) != OPS_OK)
            ops_buf_append_text(body, "broken");
    }
    ops_buf_append_text(body, ",\"stats\":{\"request_id\":\"01TESTREQUESTID\"}}");
    json_decref(text);
    end(answer);
}

/* ---- app/metrics.h: a store that is away, which needs nothing to be kept ---- */

enum ops_status ops_metrics_new(struct ops_app *app, struct ops_metrics **ret_metrics)
{
    (void)app;
    *ret_metrics = NULL;
    return OPS_OK;
}

void ops_metrics_free(struct ops_metrics *metrics)
{
    (void)metrics;
}

void ops_metrics_read(struct ops_metrics *metrics, struct ops_measures *ret_measures)
{
    (void)metrics;
    *ret_measures = (struct ops_measures){.build = {.major = 7, .minor = 8, .id = "Tue-1763955000"}};
}
