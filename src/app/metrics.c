#include "app/metrics.h"

#include "app/audit.h"
#include "app/commit.h"
#include "app/context.h"
#include "app/keys.h"
#include "app/results.h"
#include "app/trail.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/window.h"

#include <stdio.h>

struct ops_metrics {
    struct ops_app *app;
    pthread_mutex_t lock;
    bool reading;             /* this and the rest under lock; somebody is at it */
    int64_t reading_since_ms; /* monotonic, as the next */
    int64_t good_until_ms;
    struct ops_measures measures;
};

enum ops_status ops_metrics_new(struct ops_app *app, struct ops_metrics **ret_metrics)
{
    struct ops_metrics *metrics = ops_mem_zeroed(1, sizeof *metrics);
    if (!metrics)
        return OPS_NO_MEMORY;
    metrics->app = app;
    metrics->good_until_ms = INT64_MIN;
    metrics->measures.build = app->build;
    (void)pthread_mutex_init(&metrics->lock, NULL); /* a default mutex needs nothing that could fail */
    *ret_metrics = metrics;
    return OPS_OK;
}

void ops_metrics_free(struct ops_metrics *metrics)
{
    if (!metrics)
        return;
    (void)pthread_mutex_destroy(&metrics->lock);
    ops_mem_free(metrics);
}

/* ---- windows ---- */

static void count_windows(const json_t *windows, int64_t now_ms, struct ops_measures *measures)
{
    size_t i;
    json_t *window;
    json_array_foreach(windows, i, window) {
        measures->maintenance_active += ops_window_is(window, OPS_WINDOW_ACTIVE);
        measures->maintenance_overdue += ops_window_overdue(window, now_ms);
        measures->maintenance_scheduled += ops_window_is(window, OPS_WINDOW_SCHEDULED);
    }
}

static enum ops_status measure_windows(struct ops_app *app, struct ops_measures *measures)
{
    char after[OPS_STORE_KEY_SIZE] = "";
    enum ops_status status = OPS_OK;
    bool more = true;
    while (status == OPS_OK && more) {
        struct ops_store_page page = {0};
        const struct ops_query query = {
            .pk = OPS_PK_MAINTENANCE_OPEN, .after_sk = after[0] ? after : NULL, .limit = OPS_STORE_PAGE_MAX};
        status = ops_store_query(app->ports.store, &query, &page, NULL);
        if (status == OPS_OK)
            count_windows(page.docs, ops_clock_now_ms(app->ports.clock), measures);
        more = page.more;
        if (page.last_sk[0])
            memcpy(after, page.last_sk, sizeof after);
        ops_store_page_release(&page);
    }
    return status;
}

/* ---- vacuums ---- */

static enum ops_status measure_records(struct ops_app *app, const json_t *vacuum, struct ops_measures *measures)
{
    json_t *targets = NULL;
    size_t i;
    json_t *target;
    enum ops_status status = ops_vacuums_tally(app, vacuum, &targets, NULL);
    json_array_foreach(targets, i, target) {
        measures->vacuum_records_matched += ops_json_integer(target, "matched", 0);
        measures->vacuum_records_deleted += ops_json_integer(target, "deleted", 0);
        measures->vacuum_records_failed += ops_json_integer(target, "failed", 0);
    }
    json_decref(targets);
    return status;
}

static enum ops_status measure_vacuum(struct ops_app *app, const char *id, struct ops_measures *measures)
{
    json_t *vacuum = NULL;
    char reason[OPS_PROGRESS_REASON_SIZE];
    enum ops_status status = ops_vacuums_load(app, id, &vacuum, NULL);
    if (status == OPS_OK)
        measures->vacuum_standing_seconds +=
            ops_progress_stands_seconds(app, vacuum, ops_clock_now_ms(app->ports.clock), reason);
    if (status == OPS_OK && ops_vacuum_dry_run(vacuum)) {
        measures->vacuum_dry_runs += ops_vacuum_open(vacuum);
    } else if (status == OPS_OK) {
        measures->vacuum_pending += ops_vacuum_is(vacuum, OPS_VACUUM_PENDING);
        measures->vacuum_running += ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING);
        if (ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING))
            status = measure_records(app, vacuum, measures);
    }
    json_decref(vacuum);
    return status;
}

static enum ops_status measure_vacuums(struct ops_app *app, struct ops_measures *measures)
{
    json_t *ids = NULL, *id;
    size_t i;
    enum ops_status status = ops_vacuums_open_ids(app, &ids, NULL);
    json_array_foreach(ids, i, id)
        if (status == OPS_OK)
            status = measure_vacuum(app, json_string_value(id), measures);
    json_decref(ids);
    return status;
}

/* ---- how they ended ---- */

/* NULL: there is no place left. */
static struct ops_result_count *result_of(struct ops_measures *measures, const char *result)
{
    for (size_t i = 0; i < measures->result_count; i++)
        if (strcmp(measures->results[i].result, result) == 0)
            return &measures->results[i];
    if (measures->result_count == OPS_RESULTS_MAX)
        return NULL;
    struct ops_result_count *count = &measures->results[measures->result_count++];
    *count = (struct ops_result_count){.vacuums = 0};
    (void)snprintf(count->result, sizeof count->result, "%s", result);
    return count;
}

/* Those that there may be are there from the beginning: a count that comes out of nothing has not grown, for Prometheus. */
static void begin_results(struct ops_measures *measures)
{
    static const enum ops_status failures[] = {OPS_RECORDS_REMAIN, OPS_TARGET_ERROR, OPS_TARGET_MISSING,
                                               OPS_MUTEX_EXPIRED,  OPS_PLAN_DRIFTED, OPS_INTERNAL_ERROR};
    (void)result_of(measures, ops_vacuum_status_name(OPS_VACUUM_COMPLETED));
    (void)result_of(measures, ops_vacuum_status_name(OPS_VACUUM_CANCELLED));
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        (void)result_of(measures, ops_status_tag(failures[i]));
}

/* What stands in a label as it is. */
static bool is_tag(const char *name)
{
    return name[0] && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name) &&
           strlen(name) < OPS_RESULT_SIZE;
}

static void count_results(json_t *counts, bool dry_runs, struct ops_measures *measures)
{
    const char *name;
    json_t *value;
    json_object_foreach(counts, name, value) {
        struct ops_result_count *count = is_tag(name) ? result_of(measures, name) : NULL;
        if (count && dry_runs)
            count->dry_runs = json_integer_value(value);
        else if (count)
            count->vacuums = json_integer_value(value);
    }
}

static enum ops_status measure_results(struct ops_app *app, struct ops_measures *measures)
{
    json_t *results = NULL;
    enum ops_status status = ops_results_load(app, &results, NULL);
    begin_results(measures);
    count_results(json_object_get(results, OPS_RESULTS_VACUUMS), false, measures);
    count_results(json_object_get(results, OPS_RESULTS_DRY_RUNS), true, measures);
    json_decref(results);
    return status;
}

/* ---- the trail ---- */

static enum ops_status measure_delivery(struct ops_app *app, struct ops_measures *measures)
{
    json_int_t delivered_seq, accepted_seq;
    struct ops_audit_head head;
    enum ops_status status = ops_audit_position(app, &delivered_seq, &accepted_seq, NULL);
    if (status == OPS_OK)
        status = ops_audit_head_load(app, &head, NULL);
    if (status == OPS_OK && head.seq > delivered_seq)
        measures->audit_undelivered = head.seq - delivered_seq;
    return status;
}

/* ---- the whole ---- */

static struct ops_measures measure(struct ops_app *app)
{
    struct ops_measures measures = {.build = app->build, .store_up = true};
    enum ops_status status = measure_windows(app, &measures);
    if (status == OPS_OK)
        status = measure_vacuums(app, &measures);
    if (status == OPS_OK)
        status = measure_results(app, &measures);
    if (status == OPS_OK)
        status = measure_delivery(app, &measures);
    return status == OPS_OK ? measures : (struct ops_measures){.build = app->build};
}

/* Somebody is at the store and gets no answer: then what it said before is no news, and least of all that it is up. */
static bool is_outdated_locked(const struct ops_metrics *metrics)
{
    return metrics->reading &&
           ops_clock_monotonic_ms(metrics->app->ports.clock) >= metrics->reading_since_ms + OPS_METRICS_PATIENCE_MS;
}

static void measure_clock(struct ops_app *app, struct ops_measures *measures)
{
    struct ops_clock_news news;
    ops_app_clock_news(app, &news);
    measures->clock_steps = news.step_count;
    measures->clock_step_seconds = news.stepped_ms / OPS_SECOND_MS;
    measures->has_other_clock = news.has_others;
    measures->clock_difference_seconds = (news.ahead_ms < 0 ? -news.ahead_ms : news.ahead_ms) / OPS_SECOND_MS;
}

static void measure_process(struct ops_app *app, struct ops_measures *measures)
{
    measures->secret_mismatches = atomic_load(&app->mismatch_count);
    measures->swept_seconds = atomic_load(&app->swept_ms) / OPS_SECOND_MS;
    measures->audit_differs = ops_trail_held(app);
}

void ops_metrics_read(struct ops_metrics *metrics, struct ops_measures *ret_measures)
{
    struct ops_clock *clock = metrics->app->ports.clock;
    pthread_mutex_lock(&metrics->lock);
    int64_t now_ms = ops_clock_monotonic_ms(clock);
    if (!metrics->reading && now_ms >= metrics->good_until_ms) {
        metrics->reading = true;
        metrics->reading_since_ms = now_ms;
        pthread_mutex_unlock(&metrics->lock);
        struct ops_measures fresh = measure(metrics->app);
        pthread_mutex_lock(&metrics->lock);
        metrics->measures = fresh;
        metrics->reading = false;
        /* From the end of the reading, which takes long where a store does not answer. */
        metrics->good_until_ms = ops_clock_monotonic_ms(clock) + OPS_METRICS_GOOD_FOR_MS;
    }
    *ret_measures = is_outdated_locked(metrics) ? (struct ops_measures){.build = metrics->app->build} : metrics->measures;
    pthread_mutex_unlock(&metrics->lock);
    measure_clock(metrics->app, ret_measures);
    measure_process(metrics->app, ret_measures);
}
