#include "app/use_cases.h"

#include "app/keys.h"
#include "app/trail.h"
#include "app/windows.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/wait.h"

/*
 * One caller at a time reads the notice, without the lock. Who comes meanwhile waits for that reading, but only until it has
 * taken NOTICE_PATIENCE_MS, and is refused from then on: however many ask while a store does not answer, they hold up one of
 * a surface's threads.
 *
 * What was read is no older than NOTICE_GOOD_FOR_MS when a question arrives, also one that waited: it came at most
 * NOTICE_PATIENCE_MS after the reading began. The gate counts on that (ports/gate_source.h).
 */
enum { NOTICE_GOOD_FOR_MS = 1000, NOTICE_PATIENCE_MS = 1000, NOTICE_MAX_BYTES = 512 * 1024 };

void ops_notice_init(struct ops_notice_cache *notice)
{
    (void)pthread_mutex_init(&notice->lock, NULL); /* a default mutex needs nothing that could fail */
    ops_wait_init(&notice->over);
}

void ops_notice_release(struct ops_notice_cache *notice)
{
    (void)pthread_cond_destroy(&notice->over);
    (void)pthread_mutex_destroy(&notice->lock);
    ops_mem_free(notice->synced.text);
}

static void put_text_locked(struct ops_notice_cache *notice, char *text)
{
    ops_mem_free(notice->synced.text);
    notice->synced.text = text;
}

void ops_notice_forget(struct ops_app *app)
{
    pthread_mutex_lock(&app->notice.lock);
    app->notice.synced.change_count++;
    put_text_locked(&app->notice, NULL);
    pthread_mutex_unlock(&app->notice.lock);
}

static enum ops_status write_notice(struct ops_app *app, int64_t now_ms, struct ops_buf *text, struct ops_error *error)
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

/* *ret_text is the caller's. */
static enum ops_status read_notice(struct ops_app *app, int64_t now_ms, char **ret_text, struct ops_error *error)
{
    struct ops_buf text;
    ops_buf_init(&text, NOTICE_MAX_BYTES);
    enum ops_status status = write_notice(app, now_ms, &text, error);
    char *taken = status == OPS_OK ? ops_buf_take(&text) : NULL;
    ops_buf_release(&text);
    if (!taken)
        return status == OPS_OK ? OPS_NO_MEMORY : status;
    *ret_text = taken;
    return OPS_OK;
}

/* By the wall clock too: the monotonic one stands still while a machine is suspended. */
static bool is_good_locked(const struct ops_app *app, int64_t now_ms)
{
    const struct ops_notice_cache *notice = &app->notice;
    int64_t age_ms = now_ms - notice->synced.read_at_ms;
    return notice->synced.text && ops_clock_monotonic_ms(app->ports.clock) < notice->synced.good_until_ms && age_ms >= 0 &&
           age_ms <= NOTICE_GOOD_FOR_MS;
}

/* Goes to the store without the lock, and comes back with it. What the window was before it changed is not kept: then there
 * is no text in spite of OPS_OK, and whoever needs one reads again. */
static enum ops_status read_locked(struct ops_app *app, int64_t now_ms, struct ops_error *error)
{
    struct ops_notice_cache *notice = &app->notice;
    uint64_t changes_before = notice->synced.change_count;
    char *text = NULL;
    int64_t since_ms = ops_clock_monotonic_ms(app->ports.clock);
    notice->synced.reading = true;
    notice->synced.reading_since_ms = since_ms;
    pthread_mutex_unlock(&notice->lock);
    enum ops_status status = read_notice(app, now_ms, &text, error);
    pthread_mutex_lock(&notice->lock);
    notice->synced.reading = false;
    notice->synced.reading_count++;
    notice->synced.last_status = status;
    if (status == OPS_OK && notice->synced.change_count == changes_before) {
        put_text_locked(notice, text);
        notice->synced.good_until_ms = since_ms + NOTICE_GOOD_FOR_MS;
        notice->synced.read_at_ms = now_ms;
    } else {
        ops_mem_free(text);
    }
    pthread_cond_broadcast(&notice->over);
    return status;
}

/* What comes of the reading that is under way, as of read_locked. */
static enum ops_status await_locked(struct ops_app *app, struct ops_error *error)
{
    struct ops_notice_cache *notice = &app->notice;
    uint64_t count = notice->synced.reading_count;
    int64_t taken_ms = ops_clock_monotonic_ms(app->ports.clock) - notice->synced.reading_since_ms;
    const struct timespec until = ops_wait_until(NOTICE_PATIENCE_MS - taken_ms);
    bool in_time = taken_ms < NOTICE_PATIENCE_MS;
    while (notice->synced.reading_count == count && in_time)
        in_time = ops_wait(&notice->over, &notice->lock, &until);
    if (notice->synced.reading_count == count)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "The record store does not answer.");
    return notice->synced.last_status;
}

enum ops_status ops_ping_data(struct ops_app *app, int64_t now_ms, struct ops_buf *data, struct ops_error *error)
{
    struct ops_notice_cache *notice = &app->notice;
    enum ops_status status = OPS_OK;
    pthread_mutex_lock(&notice->lock);
    bool is_there = is_good_locked(app, now_ms);
    while (status == OPS_OK && !is_there) {
        status = notice->synced.reading ? await_locked(app, error) : read_locked(app, now_ms, error);
        is_there = notice->synced.text;
    }
    if (status == OPS_OK) {
        ops_buf_append_text(data, "{\"status\":\"ok\",\"service\":\"ops\",\"maintenance\":");
        ops_buf_append_text(data, notice->synced.text);
        ops_buf_append_char(data, '}');
        status = ops_buf_status(data);
    }
    pthread_mutex_unlock(&notice->lock);
    return status;
}

/* What is wrong with the clock, or nothing. */
static enum ops_status add_clock(const struct ops_clock_news *news, json_t *data)
{
    char at[OPS_INSTANT_TEXT_SIZE];
    if (!news->is_recent && !news->is_apart)
        return OPS_OK;
    json_t *clock = json_object();
    enum ops_status status = ops_json_set(data, "clock", clock); /* takes it, also where it fails */
    if (status == OPS_OK && news->is_recent) {
        ops_instant_format(news->steps[0].at_ms, at);
        status = ops_json_set_integer(clock, "step_seconds", (json_int_t)(news->steps[0].step_ms / OPS_SECOND_MS));
        if (status == OPS_OK)
            status = ops_json_set_text(clock, "at", at);
    }
    if (status == OPS_OK && news->is_apart)
        status = ops_json_set_integer(clock, "ahead_seconds", (json_int_t)(news->ahead_ms / OPS_SECOND_MS));
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
    struct ops_clock_news news;
    ops_app_clock_news(app, &news);
    char reason[OPS_WRITE_REASON_SIZE] = "";
    bool writable = reachable && ops_app_store_writable(app, reason);
    bool is_well = writable && !news.is_recent && !news.is_apart;
    json_t *data = ops_json_pack(
        "{s:s, s:s, s:I, s:{s:b, s:I, s:b, s:s*}}", "status", is_well ? "ok" : "degraded", "service", "ops",
        "uptime_seconds", (json_int_t)((ended_ms - app->started_ms) / OPS_SECOND_MS), "store", "reachable", reachable,
        "latency_ms", (json_int_t)(ended_ms - began_ms), "writable", writable, "reason", reason[0] ? reason : NULL);
    bool trail_is_well = true;
    status = data ? add_clock(&news, data) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_trail_show(app, data, &trail_is_well);
    if (status == OPS_OK && !trail_is_well)
        status = ops_json_set_text(data, "status", "degraded");
    if (status == OPS_OK)
        *ret_data = data;
    else
        json_decref(data);
    return status;
}
