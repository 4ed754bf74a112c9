#include "app/call.h"

#include "app/envelope.h"
#include "app/fields.h"
#include "app/secret.h"
#include "app/tell.h"
#include "app/use_cases.h"
#include "base/hash.h"
#include "base/json.h"

#include <stdio.h>

/* A use case that lost a race is run again from its reads; nothing is gained by trying for ever. */
enum { CONFLICT_RETRIES_MAX = 8 };

void ops_answer_init(struct ops_answer *answer)
{
    *answer = (struct ops_answer){.http_status = 0};
    ops_buf_init(&answer->body, OPS_ANSWER_MAX_BYTES);
}

void ops_answer_release(struct ops_answer *answer)
{
    ops_buf_release(&answer->body);
}

const char *ops_input_text(const struct ops_call_context *context, const char *name)
{
    return ops_json_text(context->input, name, NULL);
}

json_int_t ops_input_integer(const struct ops_call_context *context, const char *name, json_int_t fallback)
{
    return ops_json_integer(context->input, name, fallback);
}

bool ops_input_flag(const struct ops_call_context *context, const char *name)
{
    return ops_json_flag(context->input, name, false);
}

int64_t ops_input_instant(const struct ops_call_context *context, const char *name)
{
    int64_t at_ms;
    return ops_json_instant(context->input, name, &at_ms) == OPS_OK ? at_ms : -1;
}

struct ops_who ops_call_who(const struct ops_call_context *context)
{
    return (struct ops_who){.actor = ops_input_text(context, "actor"),
                            .peer = context->peer[0] ? context->peer : NULL,
                            .reason = ops_input_text(context, "reason")};
}

static void context_init(struct ops_call_context *context, struct ops_app *app, const struct ops_call *call)
{
    *context = (struct ops_call_context){.app = app, .operation = call->operation};
    context->now_ms = ops_clock_now_ms(app->ports.clock);
    context->began_ms = call->turn && call->turn->began_ms ? call->turn->began_ms : ops_clock_monotonic_ms(app->ports.clock);
    ops_random_ulid(app->ports.random, context->now_ms, context->request_id);
    ops_peer_text(&call->peer, context->peer);
    ops_error_init(&context->error);
}

static void context_release(struct ops_call_context *context)
{
    json_decref(context->input);
    ops_error_release(&context->error);
}

/* The guid itself goes nowhere; what stands for it in answers can't be turned back. */
static enum ops_status fingerprint(struct ops_call_context *context, struct ops_view guid)
{
    char hex[OPS_SHA256_HEX_SIZE];
    enum ops_status status = ops_sha256_hex(guid, hex);
    if (status == OPS_OK)
        memcpy(context->session_fingerprint, hex, sizeof context->session_fingerprint - 1);
    return status;
}

static bool guid_well_formed(struct ops_view guid)
{
    for (size_t i = 0; i < guid.length; i++)
        if (guid.data[i] <= ' ' || guid.data[i] > '~')
            return false;
    return guid.length > 0 && guid.length <= OPS_SESSION_GUID_MAX;
}

static enum ops_status check_session(struct ops_call_context *context, const struct ops_call *call)
{
    struct ops_session_source *sessions = context->app->ports.sessions;
    struct ops_view guid = call->session_guid;
    if (guid.length == 0)
        guid = ops_view_of(ops_input_text(context, "session_guid"));
    if (guid.length == 0)
        return OPS_SESSION_REQUIRED;
    if (!guid_well_formed(guid))
        return OPS_SESSION_INVALID;
    if (!sessions)
        return OPS_SESSION_STORE_UNAVAILABLE;
    enum ops_status status = fingerprint(context, guid);
    if (status == OPS_OK)
        status = ops_session_check(sessions, guid, context->now_ms, &context->session, &context->error);
    context->has_session = status == OPS_OK;
    return status;
}

/* The code has done its work: neither a core dump nor a later reader of this memory should find it. */
static void forget_secret(struct ops_call_context *context)
{
    json_t *code = json_object_get(context->input, "secret_code");
    if (code)
        explicit_bzero((char *)(uintptr_t)json_string_value(code), json_string_length(code));
}

static enum ops_status check_secret(struct ops_call_context *context, const struct ops_call *call)
{
    const struct ops_secret_check check = {.code = ops_input_text(context, "secret_code"),
                                           .actor = ops_input_text(context, "actor"),
                                           .operation = context->operation->name,
                                           .is_safe = context->operation->is_safe,
                                           .peer = call->peer,
                                           .turn = call->turn};
    enum ops_status status = ops_secret_authorise(context->app, &check, &context->wait_ms, &context->error);
    if (context->wait_ms == 0)
        forget_secret(context);
    return status;
}

static enum ops_status check_access(struct ops_call_context *context, const struct ops_call *call)
{
    switch (context->operation->access) {
    case OPS_ACCESS_OPEN:
        return OPS_OK;
    case OPS_ACCESS_SESSION:
        return check_session(context, call);
    case OPS_ACCESS_SECRET:
        return check_secret(context, call);
    }
    return OPS_INTERNAL_ERROR;
}

static enum ops_status run(struct ops_call_context *context, json_t **ret_data)
{
    enum ops_status status = OPS_CONFLICT;
    for (int attempt = 0; attempt < CONFLICT_RETRIES_MAX && status == OPS_CONFLICT; attempt++) {
        ops_error_release(&context->error);
        context->now_ms = ops_clock_now_ms(context->app->ports.clock);
        status = context->operation->run(context, ret_data);
    }
    return status;
}

static enum ops_status append_data(struct ops_call_context *context, const struct ops_call *call, struct ops_buf *body)
{
    enum ops_status status =
        ops_fields_read(context->operation, call->input, call->from_query, &context->input, &context->error);
    if (status == OPS_OK)
        status = check_access(context, call);
    if (status != OPS_OK)
        return status;
    if (!context->operation->run)
        return ops_ping_data(context->app, context->now_ms, body, &context->error);
    json_t *data = NULL;
    status = run(context, &data);
    if (status == OPS_OK)
        status = ops_json_append(data, body);
    json_decref(data);
    return status;
}

static struct ops_envelope envelope_of(const struct ops_call_context *context, const struct ops_call *call)
{
    const char *actor = context->has_session ? context->session.user : ops_input_text(context, "actor");
    return (struct ops_envelope){
        .call_name = call->name ? call->name : context->operation->name,
        .request_id = context->request_id,
        .now_ms = context->now_ms,
        .latency_ms = ops_clock_monotonic_ms(context->app->ports.clock) - context->began_ms,
        .session_fingerprint = context->session_fingerprint,
        .actor = actor,
        .orgcode = context->session.orgcode,
        .cccode = context->session.cccode,
        .revision = context->revision,
    };
}

/* What is left when there is no memory for the envelope itself. */
static void answer_without_memory(struct ops_answer *answer)
{
    static const char text[] =
        "{\"success\":false,\"error\":{\"major\":{\"tag\":\"internal\",\"message\":{\"en_US\":\"An internal error.\"}},"
        "\"minor\":{\"tag\":\"internal-error\",\"message\":{\"en_US\":\"There is not enough memory.\"}}}}";
    ops_buf_clear(&answer->body); /* its memory is enough for this text, once it has held any answer */
    ops_buf_append_text(&answer->body, text);
    answer->status = OPS_NO_MEMORY;
    answer->http_status = ops_status_http(OPS_NO_MEMORY);
}

/* What is our own fault is told where an operator looks, with the request that met it; any other refusal to who wants to see
 * everything. */
static void tell_refusal(struct ops_app *app, const struct ops_envelope *envelope, enum ops_status status,
                         const struct ops_error *error)
{
    struct ops_log_line line;
    bool is_fault = ops_status_category(ops_envelope_status(status)) == OPS_CATEGORY_INTERNAL;
    ops_log_line_init(&line, is_fault ? OPS_LOG_ERROR : OPS_LOG_DEBUG, is_fault ? "request.failed" : "request.refused",
                      ops_error_text(error, status));
    ops_log_line_text(&line, "call", envelope->call_name);
    ops_log_line_text(&line, "error", ops_status_tag(status));
    ops_log_line_text(&line, "request_id", envelope->request_id);
    ops_log_write(app->log, &line);
}

static void answer_error(struct ops_app *app, const struct ops_envelope *envelope, enum ops_status status,
                         const struct ops_error *error, struct ops_answer *answer)
{
    ops_buf_clear(&answer->body);
    ops_envelope_error(&answer->body, &app->build, envelope, status, error);
    answer->status = status;
    answer->http_status = ops_status_http(ops_envelope_status(status));
    answer->retry_after_seconds = error ? ops_json_integer(error->details, "retry_after_seconds", 0) : 0;
    answer->wait_ms = 0;
    (void)snprintf(answer->request_id, sizeof answer->request_id, "%s", envelope->request_id);
    tell_refusal(app, envelope, status, error);
    if (ops_buf_status(&answer->body) != OPS_OK)
        answer_without_memory(answer);
}

/* The caller will be back, and is to find the time that it took from the beginning. */
static void answer_later(const struct ops_call_context *context, const struct ops_call *call, struct ops_answer *answer)
{
    ops_buf_clear(&answer->body);
    answer->status = OPS_SECRET_CODE_LOCKED;
    answer->http_status = ops_status_http(OPS_SECRET_CODE_LOCKED);
    answer->wait_ms = context->wait_ms;
    call->turn->began_ms = context->began_ms;
}

void ops_app_answer(struct ops_app *app, const struct ops_call *call, struct ops_answer *answer)
{
    struct ops_call_context context;
    context_init(&context, app, call);
    ops_buf_clear(&answer->body);
    answer->retry_after_seconds = 0;
    answer->wait_ms = 0;
    ops_envelope_begin(&answer->body);
    const char *before = ops_tell_for(context.request_id);
    enum ops_status status = append_data(&context, call, &answer->body);
    (void)ops_tell_for(before);
    if (context.wait_ms > 0) {
        answer_later(&context, call, answer);
        context_release(&context);
        return;
    }
    struct ops_envelope envelope = envelope_of(&context, call);
    if (status == OPS_OK) {
        ops_envelope_end(&answer->body, &app->build, &envelope);
        answer->status = OPS_OK;
        answer->http_status = ops_status_http(OPS_OK);
        (void)snprintf(answer->request_id, sizeof answer->request_id, "%s", context.request_id);
        status = ops_buf_status(&answer->body);
    }
    if (status != OPS_OK)
        answer_error(app, &envelope, status, &context.error, answer);
    context_release(&context);
}

void ops_app_refuse(struct ops_app *app, const char *call_name, enum ops_status status, const struct ops_error *error,
                    struct ops_answer *answer)
{
    char request_id[OPS_ULID_SIZE];
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    ops_random_ulid(app->ports.random, now_ms, request_id);
    const struct ops_envelope envelope = {.call_name = call_name, .request_id = request_id, .now_ms = now_ms};
    answer_error(app, &envelope, status, error, answer);
}
