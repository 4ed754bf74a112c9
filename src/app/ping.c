#include "app/use_cases.h"

#include "app/keys.h"
#include "app/windows.h"
#include "base/json.h"
#include "base/mem.h"

/* A window that this process did not change itself (another process did, or it became overdue) shows within this time. */
enum { NOTICE_GOOD_FOR_MS = 1000, NOTICE_MAX_BYTES = 512 * 1024 };

void ops_notice_forget(struct ops_app *app)
{
    pthread_mutex_lock(&app->notice.lock);
    app->notice.good_until_ms = 0;
    pthread_mutex_unlock(&app->notice.lock);
}

static enum ops_status read_notice(struct ops_app *app, int64_t now_ms, struct ops_buf *text, struct ops_error *error)
{
    json_t *window = NULL, *notice = NULL;
    enum ops_status status = ops_windows_active(app, &window, error);
    if (status == OPS_OK && window)
        status = ops_window_notice(window, now_ms, &notice);
    if (status == OPS_OK && notice)
        status = ops_json_append(notice, text);
    else if (status == OPS_OK)
        ops_buf_append_text(text, "null");
    json_decref(window);
    json_decref(notice);
    return status == OPS_OK ? ops_buf_status(text) : status;
}

/* The lock is held over the read: when the notice runs out one caller reads it and the others wait for that one. */
static enum ops_status refresh_locked(struct ops_app *app, int64_t now_ms, struct ops_error *error)
{
    int64_t monotonic_ms = ops_clock_monotonic_ms(app->ports.clock);
    if (app->notice.text && monotonic_ms < app->notice.good_until_ms)
        return OPS_OK;
    struct ops_buf text;
    ops_buf_init(&text, NOTICE_MAX_BYTES);
    enum ops_status status = read_notice(app, now_ms, &text, error);
    char *fresh = status == OPS_OK ? ops_buf_take(&text) : NULL;
    ops_buf_release(&text);
    if (!fresh)
        return status == OPS_OK ? OPS_NO_MEMORY : status;
    ops_mem_free(app->notice.text);
    app->notice.text = fresh;
    app->notice.good_until_ms = monotonic_ms + NOTICE_GOOD_FOR_MS;
    return OPS_OK;
}

enum ops_status ops_ping_data(struct ops_app *app, int64_t now_ms, struct ops_buf *data, struct ops_error *error)
{
    pthread_mutex_lock(&app->notice.lock);
    enum ops_status status = refresh_locked(app, now_ms, error);
    if (status == OPS_OK) {
        ops_buf_append_text(data, "{\"status\":\"ok\",\"service\":\"ops\",\"maintenance\":");
        ops_buf_append_text(data, app->notice.text);
        ops_buf_append_char(data, '}');
        status = ops_buf_status(data);
    }
    pthread_mutex_unlock(&app->notice.lock);
    return status;
}

enum ops_status ops_run_stat(struct ops_call_context *context, json_t **ret_data)
{
    struct ops_app *app = context->app;
    int64_t began_ms = ops_clock_monotonic_ms(app->ports.clock);
    json_t *head = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_AUDIT_HEAD, &head, NULL);
    json_decref(head);
    int64_t ended_ms = ops_clock_monotonic_ms(app->ports.clock);
    bool reachable = status == OPS_OK || status == OPS_NOT_FOUND;
    *ret_data = json_pack("{s:s, s:s, s:I, s:{s:b, s:I}}", "status", reachable ? "ok" : "degraded", "service", "ops",
                          "uptime_seconds", (json_int_t)((ended_ms - app->started_ms) / OPS_SECOND_MS), "store",
                          "reachable", reachable, "latency_ms", (json_int_t)(ended_ms - began_ms));
    return *ret_data ? OPS_OK : OPS_NO_MEMORY;
}
