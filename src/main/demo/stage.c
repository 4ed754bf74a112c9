#include "main/demo/stage.h"

#include "adapters/memory/clock.h"
#include "app/call.h"
#include "app/work.h"
#include "base/json.h"

#include <stdarg.h>

enum { STEPS_MAX = 100000 };

void demo_say(const struct demo *demo, const char *format, ...)
{
    if (!demo->out)
        return;
    va_list args;
    va_start(args, format);
    (void)vfprintf(demo->out, format, args);
    va_end(args);
    (void)fputc('\n', demo->out);
}

void demo_chapter(struct demo *demo, const char *title)
{
    char now[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(ops_clock_now_ms(demo->clock), now);
    demo_say(demo, "\n%d. %s  [it is %s]", ++demo->chapter, title, now);
}

enum ops_status demo_require(struct demo *demo, bool holds, const char *claim)
{
    if (!holds)
        return ops_fail(&demo->error, OPS_INTERNAL_ERROR, "The demo found that this does not hold: %s.", claim);
    demo->checks++;
    demo_say(demo, "   checked: %s", claim);
    return OPS_OK;
}

/* Sends a call as a surface would. takes input. */
static enum ops_status send_call(struct demo *demo, const struct ops_operation *operation, json_t *input,
                                 json_t **ret_envelope)
{
    struct ops_answer answer;
    ops_answer_init(&answer);
    const struct ops_call call = {.operation = operation, .input = input, .session_guid = ops_view_of(demo->guid)};
    ops_app_answer(demo->engine.app, &call, &answer);
    enum ops_status status = ops_json_parse_object(ops_buf_view(&answer.body), ret_envelope, &demo->error);
    ops_answer_release(&answer);
    json_decref(input);
    return status;
}

static const char *tag_of(const json_t *envelope)
{
    return ops_json_text(json_object_get(json_object_get(envelope, "error"), "minor"), "tag", "");
}

/* The data of an answer that must be one. takes envelope. */
static enum ops_status take_data(struct demo *demo, const char *name, json_t *envelope, json_t **ret_data)
{
    enum ops_status status = OPS_OK;
    json_t *data = json_object_get(envelope, "data");
    if (data)
        *ret_data = json_incref(data);
    else
        status = ops_fail(&demo->error, OPS_INTERNAL_ERROR, "%s was refused: %s.", name, tag_of(envelope));
    json_decref(envelope);
    return status;
}

enum ops_status demo_read(struct demo *demo, const char *route, json_t *input, json_t **ret_data)
{
    json_t *envelope = NULL;
    enum ops_status status = send_call(demo, ops_operation_by_route(ops_view_of(route)), input, &envelope);
    return status == OPS_OK ? take_data(demo, route, envelope, ret_data) : status;
}

enum ops_status demo_ask(struct demo *demo, const char *function, json_t *input, json_t **ret_data)
{
    json_t *envelope = NULL;
    enum ops_status status = send_call(demo, ops_operation_by_function(ops_view_of(function)), input, &envelope);
    return status == OPS_OK ? take_data(demo, function, envelope, ret_data) : status;
}

/* takes input. */
static enum ops_status send_with_secret(struct demo *demo, const char *function, json_t *input, json_t **ret_envelope)
{
    if (!input || ops_json_set_text(input, "secret_code", demo->secret) != OPS_OK ||
        ops_json_set_text(input, "actor", "demo") != OPS_OK) {
        json_decref(input);
        return OPS_NO_MEMORY;
    }
    return send_call(demo, ops_operation_by_function(ops_view_of(function)), input, ret_envelope);
}

enum ops_status demo_invoke(struct demo *demo, const char *function, json_t *input, json_t **ret_data)
{
    json_t *envelope = NULL;
    enum ops_status status = send_with_secret(demo, function, input, &envelope);
    return status == OPS_OK ? take_data(demo, function, envelope, ret_data) : status;
}

enum ops_status demo_refused(struct demo *demo, const char *function, json_t *input, const char *tag)
{
    json_t *envelope = NULL;
    enum ops_status status = send_with_secret(demo, function, input, &envelope);
    if (status == OPS_OK && strcmp(tag_of(envelope), tag) != 0)
        status = ops_fail(&demo->error, OPS_INTERNAL_ERROR, "%s was not refused with %s.", function, tag);
    if (status == OPS_OK)
        demo_say(demo, "   error: %s", tag);
    json_decref(envelope);
    return status;
}

enum ops_status demo_pass_time(struct demo *demo, int64_t duration_ms, const char *words)
{
    struct ops_sweep_result result;
    demo_say(demo, "   ... %s pass", words);
    ops_memory_clock_advance(demo->clock, duration_ms);
    return ops_app_sweep(demo->engine.app, &result, &demo->error);
}

enum ops_status demo_work(struct demo *demo)
{
    struct ops_worker *worker = NULL;
    int64_t wait_ms = 0;
    enum ops_status status = ops_worker_new(demo->engine.app, "demo", &worker);
    for (int step = 0; status == OPS_OK && wait_ms == 0 && step < STEPS_MAX; step++)
        status = ops_worker_step(worker, &wait_ms, &demo->error);
    ops_worker_free(worker);
    return status;
}
