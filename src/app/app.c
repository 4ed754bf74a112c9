#include "app/context.h"

#include "base/mem.h"

enum { INLINE_DRY_RUN_MS = 2000 };

enum ops_status ops_app_new(const struct ops_app_ports *ports, const struct ops_manifest *manifest,
                            const struct ops_build *build, struct ops_app **ret_app)
{
    struct ops_app *app = ops_mem_zeroed(1, sizeof *app);
    if (!app)
        return OPS_NO_MEMORY;
    app->ports = *ports;
    app->manifest = manifest;
    app->build = *build;
    app->started_ms = ops_clock_monotonic_ms(ports->clock);
    app->inline_dry_run_ms = INLINE_DRY_RUN_MS;
    /* A default mutex needs nothing that could fail. */
    (void)pthread_mutex_init(&app->secret_lock, NULL);
    (void)pthread_mutex_init(&app->pace_lock, NULL);
    ops_notice_init(&app->notice);
    ops_pace_init(&app->pace, OPS_WORKERS_MAX, app->started_ms);
    *ret_app = app;
    return OPS_OK;
}

void ops_app_limit_rate(struct ops_app *app, int64_t records_per_second)
{
    pthread_mutex_lock(&app->pace_lock);
    ops_rate_init(&app->rate, records_per_second);
    pthread_mutex_unlock(&app->pace_lock);
}

void ops_app_free(struct ops_app *app)
{
    if (!app)
        return;
    (void)pthread_mutex_destroy(&app->secret_lock);
    (void)pthread_mutex_destroy(&app->pace_lock);
    ops_notice_release(&app->notice);
    ops_mem_free(app);
}
