#include "app/use_cases.h"

#include "app/windows.h"
#include "base/json.h"

/* Gives the window as data, with its revision on the envelope. */
static enum ops_status show(struct ops_call_context *context, enum ops_status status, json_t *window, json_t **ret_data)
{
    if (status != OPS_OK) {
        json_decref(window);
        return status;
    }
    context->revision = ops_json_integer(window, "revision", 0);
    *ret_data = window;
    return OPS_OK;
}

enum ops_status ops_run_maintenance_get(struct ops_call_context *context, json_t **ret_data)
{
    json_t *window = NULL;
    const char *id = ops_input_text(context, "maintenance_id");
    enum ops_status status = ops_windows_load(context->app, id, &window, &context->error);
    return show(context, status, window, ret_data);
}

static struct ops_audit_event event_of(const struct ops_call_context *context, enum ops_audit_type type, json_t *data)
{
    struct ops_who who = ops_call_who(context);
    return (struct ops_audit_event){.type = type, .actor = who.actor, .peer = who.peer, .reason = who.reason, .data = data};
}

/* Writes the step and gives what it led to. */
static enum ops_status write_and_show(struct ops_call_context *context, const json_t *before, json_t *after,
                                      enum ops_audit_type type, json_t *data, json_t **ret_data)
{
    struct ops_audit_event event = event_of(context, type, data);
    enum ops_status status =
        data ? ops_windows_write(context->app, before, after, &event, context->now_ms, &context->error) : OPS_NO_MEMORY;
    json_decref(data);
    return show(context, status, after, ret_data);
}

enum ops_status ops_run_maintenance_schedule(struct ops_call_context *context, json_t **ret_data)
{
    char id[OPS_ULID_SIZE];
    ops_random_ulid(context->app->ports.random, context->now_ms, id);
    json_t *window = NULL;
    enum ops_status status = ops_window_schedule(
        id, ops_input_text(context, "description"), ops_input_integer(context, "estimated_duration_seconds", 0),
        ops_input_instant(context, "scheduled_start_utc"), context->now_ms, &window, &context->error);
    if (status != OPS_OK)
        return status;
    json_t *data = json_pack("{s:O, s:O, s:O}", "description", json_object_get(window, "description"),
                             "scheduled_start_utc", json_object_get(window, "scheduled_start_utc"),
                             "estimated_duration_seconds", json_object_get(window, "estimated_duration_seconds"));
    return write_and_show(context, NULL, window, OPS_AUDIT_MAINTENANCE_SCHEDULED, data, ret_data);
}

/* The window that the caller names, or the active one, at the revision that the caller expects. */
static enum ops_status find_window(struct ops_call_context *context, json_t **ret_window)
{
    const char *id = ops_input_text(context, "maintenance_id");
    enum ops_status status = id ? ops_windows_load(context->app, id, ret_window, &context->error)
                                : ops_windows_active(context->app, ret_window, &context->error);
    if (status == OPS_OK && !*ret_window)
        status = OPS_NO_ACTIVE_MAINTENANCE;
    if (status == OPS_OK)
        status = ops_window_expect(*ret_window, ops_input_integer(context, "expected_revision", 0), &context->error);
    return status;
}

enum ops_status ops_run_maintenance_start(struct ops_call_context *context, json_t **ret_data)
{
    json_t *window = NULL, *started = NULL;
    struct ops_who who = ops_call_who(context);
    enum ops_status status = find_window(context, &window);
    if (status == OPS_OK)
        status = ops_windows_start(context->app, window, "operator", &who, context->now_ms, &started, &context->error);
    json_decref(window);
    return show(context, status, started, ret_data);
}

/* Adds to what is shown of a window that has ended which one is next: "next", null where none is scheduled. The end is
 * written and stays so: where the next one can't be read there is no such member. */
static void show_next(struct ops_call_context *context, json_t **data)
{
    json_t *next = NULL, *shown = NULL, *summary = NULL;
    if (ops_windows_next(context->app, &next, NULL) != OPS_OK)
        return;
    if (next)
        summary = json_pack("{s:O, s:O, s:O, s:b}", "maintenance_id", json_object_get(next, "maintenance_id"),
                            "scheduled_start_utc", json_object_get(next, "scheduled_start_utc"), "description",
                            json_object_get(next, "description"), "due",
                            ops_window_due(next, ops_clock_now_ms(context->app->ports.clock)));
    else
        summary = json_null();
    /* A copy: the record itself may be the store's. */
    shown = summary ? ops_json_copy(*data) : NULL;
    if (shown && json_object_set(shown, "next", summary) == 0) {
        json_decref(*data);
        *data = json_incref(shown);
    }
    json_decref(shown);
    json_decref(summary);
    json_decref(next);
}

enum ops_status ops_run_maintenance_end(struct ops_call_context *context, json_t **ret_data)
{
    json_t *window = NULL, *ended = NULL;
    const char *message = ops_input_text(context, "end_message");
    enum ops_status status = find_window(context, &window);
    if (status == OPS_OK)
        status = ops_window_end(window, message, context->now_ms, &ended, &context->error);
    if (status == OPS_OK)
        status = write_and_show(context, window, ended, OPS_AUDIT_MAINTENANCE_ENDED,
                                ops_json_pack("{s:s*}", "end_message", message), ret_data);
    if (status == OPS_OK)
        show_next(context, ret_data);
    json_decref(window);
    return status;
}

enum ops_status ops_run_maintenance_cancel(struct ops_call_context *context, json_t **ret_data)
{
    json_t *window = NULL, *cancelled = NULL;
    enum ops_status status = find_window(context, &window);
    if (status == OPS_OK)
        status = ops_window_cancel(window, context->now_ms, &cancelled, &context->error);
    if (status == OPS_OK)
        status = write_and_show(context, window, cancelled, OPS_AUDIT_MAINTENANCE_CANCELLED, json_object(), ret_data);
    json_decref(window);
    return status;
}

static enum ops_status read_change(struct ops_call_context *context, struct ops_window_change *ret_change)
{
    *ret_change = (struct ops_window_change){
        .description = ops_input_text(context, "description"),
        .duration_seconds = ops_input_integer(context, "estimated_duration_seconds", 0),
        .text = ops_input_text(context, "text"),
    };
    if (ret_change->description || ret_change->duration_seconds || ret_change->text)
        return OPS_OK;
    (void)ops_fail(&context->error, OPS_MISSING_FIELD,
                   "An update needs at least one of description, estimated_duration_seconds and text.");
    ops_error_detail(&context->error, "field", "text");
    return OPS_MISSING_FIELD;
}

enum ops_status ops_run_maintenance_update(struct ops_call_context *context, json_t **ret_data)
{
    struct ops_window_change change;
    json_t *window = NULL, *updated = NULL;
    enum ops_status status = read_change(context, &change);
    if (status == OPS_OK)
        status = find_window(context, &window);
    if (status == OPS_OK)
        status = ops_window_update(window, &change, context->now_ms, &updated, &context->error);
    if (status == OPS_OK) {
        json_t *data = ops_json_pack("{s:s*, s:s*}", "description", change.description, "text", change.text);
        if (data && change.duration_seconds &&
            ops_json_set_integer(data, "estimated_duration_seconds", change.duration_seconds) != OPS_OK) {
            json_decref(data);
            data = NULL;
        }
        status = write_and_show(context, window, updated, OPS_AUDIT_MAINTENANCE_UPDATED, data, ret_data);
    }
    json_decref(window);
    return status;
}
