#include "app/context.h"

#include "app/trail.h"
#include "app/work.h"
#include "base/mem.h"

#include <openssl/crypto.h>

enum { INLINE_DRY_RUN_MS = 2000 };

/* A replacement that waits goes before removals that come later: workers without a pause would else keep it out for ever. */
static void init_removing(pthread_rwlock_t *removing)
{
    pthread_rwlockattr_t attributes;
    /* None of the three can fail with these arguments. */
    (void)pthread_rwlockattr_init(&attributes);
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    (void)pthread_rwlock_init(removing, &attributes);
    (void)pthread_rwlockattr_destroy(&attributes);
}

enum ops_status ops_app_new(const struct ops_app_ports *ports, const struct ops_manifest *manifest,
                            const struct ops_build *build, struct ops_app **ret_app)
{
    struct ops_app *app = ops_mem_zeroed(1, sizeof *app);
    struct ops_shared *shared = NULL;
    if (!app || ops_shared_new((void *)(uintptr_t)manifest, NULL, &shared) != OPS_OK) { /* nobody writes through it */
        ops_mem_free(app);
        return OPS_NO_MEMORY;
    }
    ops_slot_init(&app->manifest, shared);
    init_removing(&app->removing);
    app->ports = *ports;
    app->build = *build;
    app->started_ms = ops_clock_monotonic_ms(ports->clock);
    app->inline_dry_run_ms = INLINE_DRY_RUN_MS;
    /* A default mutex needs nothing that could fail. */
    (void)pthread_mutex_init(&app->secret.lock, NULL);
    (void)pthread_mutex_init(&app->pace_lock, NULL);
    ops_notice_init(&app->notice);
    ops_progress_init(&app->progress);
    ops_clock_watch_init(&app->clock_watch, ports->clock);
    ops_write_watch_init(&app->write_watch);
    ops_trail_init(&app->trail);
    (void)pthread_mutex_init(&app->vetoes.lock, NULL); /* a default mutex needs nothing that could fail */
    ops_board_init(&app->board);
    ops_pace_init(&app->pace, OPS_WORKERS_MAX, app->started_ms);
    *ret_app = app;
    return OPS_OK;
}

struct ops_shared *ops_app_hold_manifest(struct ops_app *app, const struct ops_manifest **ret_manifest)
{
    struct ops_shared *held = ops_slot_hold(&app->manifest);
    *ret_manifest = ops_shared_thing(held);
    return held;
}

void ops_app_replace_manifest(struct ops_app *app, struct ops_shared *manifest)
{
    (void)pthread_rwlock_wrlock(&app->removing); /* no thread that holds it comes here */
    ops_slot_replace(&app->manifest, manifest);
    atomic_fetch_add(&app->manifest_number, 1);
    (void)pthread_rwlock_unlock(&app->removing);
}

void ops_app_limit_rate(struct ops_app *app, int64_t records_per_second)
{
    pthread_mutex_lock(&app->pace_lock);
    ops_rate_init(&app->rate, records_per_second);
    pthread_mutex_unlock(&app->pace_lock);
}

void ops_app_log_to(struct ops_app *app, struct ops_log *log)
{
    app->log = log;
}

void ops_app_on_free(struct ops_app *app, ops_on_free_fn on_free, void *context)
{
    app->board.on_free = on_free;
    app->board.on_free_context = context;
}

int64_t ops_app_waits(struct ops_app *app, const char *name)
{
    pthread_mutex_lock(&app->pace_lock);
    int64_t waited_ms = ops_patience_waits(&app->patience, name, ops_clock_monotonic_ms(app->ports.clock));
    pthread_mutex_unlock(&app->pace_lock);
    return waited_ms;
}

void ops_app_waited(struct ops_app *app, const char *name)
{
    pthread_mutex_lock(&app->pace_lock);
    ops_patience_over(&app->patience, name);
    pthread_mutex_unlock(&app->pace_lock);
}

void ops_app_free(struct ops_app *app)
{
    if (!app)
        return;
    (void)pthread_mutex_destroy(&app->secret.lock);
    OPENSSL_cleanse(app->secret.synced.key, sizeof app->secret.synced.key);
    (void)pthread_mutex_destroy(&app->pace_lock);
    ops_notice_release(&app->notice);
    ops_progress_release(&app->progress);
    ops_clock_watch_release(&app->clock_watch);
    ops_write_watch_release(&app->write_watch);
    ops_trail_release(&app->trail);
    (void)pthread_mutex_destroy(&app->vetoes.lock);
    ops_board_release(&app->board);
    ops_slot_release(&app->manifest);
    (void)pthread_rwlock_destroy(&app->removing);
    ops_mem_free(app);
}
