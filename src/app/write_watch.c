#include "app/write_watch.h"

#include "app/context.h"
#include "base/json.h"

#include <stdio.h>

void ops_write_watch_init(struct ops_write_watch *watch)
{
    (void)pthread_mutex_init(&watch->lock, NULL); /* a default mutex needs nothing that could fail */
    watch->synced.is_writable = true;
}

void ops_write_watch_release(struct ops_write_watch *watch)
{
    (void)pthread_mutex_destroy(&watch->lock);
}

static bool is_due_locked(const struct ops_write_watch *watch, int64_t now_ms)
{
    bool is_old = !watch->synced.has_looked || now_ms - watch->synced.looked_ms >= OPS_WRITE_LOOK_EVERY_MS;
    return is_old && !watch->synced.is_looking;
}

/* Whoever asks may be a stranger: the reason, and not the sentence that names the file. */
static void note_locked(struct ops_write_watch *watch, enum ops_status status, const struct ops_error *error)
{
    watch->synced.is_writable = status == OPS_OK;
    (void)snprintf(watch->synced.reason, sizeof watch->synced.reason, "%s",
                   status == OPS_OK ? "" : ops_json_text(error->details, "reason", "it can't be written"));
}

static void look_locked(struct ops_app *app, int64_t now_ms)
{
    struct ops_write_watch *watch = &app->write_watch;
    struct ops_error error = OPS_ERROR_INIT;
    watch->synced.has_looked = true;
    watch->synced.is_looking = true;
    watch->synced.looked_ms = now_ms;
    pthread_mutex_unlock(&watch->lock);
    enum ops_status status = ops_store_check_write(app->ports.store, &error);
    pthread_mutex_lock(&watch->lock);
    watch->synced.is_looking = false;
    if (status != OPS_NO_MEMORY)
        note_locked(watch, status, &error);
    ops_error_release(&error);
}

bool ops_app_store_writable(struct ops_app *app, char ret_reason[static OPS_WRITE_REASON_SIZE])
{
    struct ops_write_watch *watch = &app->write_watch;
    int64_t now_ms = ops_clock_monotonic_ms(app->ports.clock);
    pthread_mutex_lock(&watch->lock);
    if (is_due_locked(watch, now_ms))
        look_locked(app, now_ms);
    bool writable = watch->synced.is_writable;
    memcpy(ret_reason, watch->synced.reason, OPS_WRITE_REASON_SIZE);
    pthread_mutex_unlock(&watch->lock);
    return writable;
}
