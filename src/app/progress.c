#include "app/progress.h"

#include "app/context.h"
#include "app/trail.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "core/plan.h"

#include <stdio.h>

void ops_progress_init(struct ops_progress *progress)
{
    (void)pthread_mutex_init(&progress->lock, NULL); /* a default mutex needs nothing that could fail */
}

void ops_progress_release(struct ops_progress *progress)
{
    (void)pthread_mutex_destroy(&progress->lock);
}

/* NULL: it is not known of. */
static struct ops_vacuum_progress *find_locked(struct ops_progress *progress, const char *vacuum_id)
{
    for (size_t i = 0; i < OPS_PROGRESS_VACUUMS_MAX; i++)
        if (strcmp(progress->synced.vacuums[i].vacuum_id, vacuum_id) == 0)
            return &progress->synced.vacuums[i];
    return NULL;
}

/* Known of from now on, in place of the one that moved longest ago. */
static struct ops_vacuum_progress *begin_locked(struct ops_progress *progress, const char *vacuum_id, int64_t now_ms)
{
    struct ops_vacuum_progress *oldest = &progress->synced.vacuums[0];
    for (size_t i = 1; i < OPS_PROGRESS_VACUUMS_MAX; i++)
        if (!progress->synced.vacuums[i].vacuum_id[0] || progress->synced.vacuums[i].moved_ms < oldest->moved_ms)
            oldest = &progress->synced.vacuums[i];
    *oldest = (struct ops_vacuum_progress){.moved_ms = now_ms, .looked_ms = now_ms, .told_ms = now_ms, .mark = -1};
    (void)snprintf(oldest->vacuum_id, sizeof oldest->vacuum_id, "%s", vacuum_id);
    return oldest;
}

void ops_progress_moved(struct ops_app *app, const char *vacuum_id)
{
    int64_t now_ms = ops_clock_monotonic_ms(app->ports.clock);
    pthread_mutex_lock(&app->progress.lock);
    struct ops_vacuum_progress *known = find_locked(&app->progress, vacuum_id);
    if (!known)
        known = begin_locked(&app->progress, vacuum_id, now_ms);
    known->moved_ms = known->looked_ms = now_ms;
    known->mark = -1;
    known->reason[0] = '\0';
    pthread_mutex_unlock(&app->progress.lock);
}

void ops_progress_trouble(struct ops_app *app, const char *vacuum_id, const char *reason)
{
    pthread_mutex_lock(&app->progress.lock);
    struct ops_vacuum_progress *known = find_locked(&app->progress, vacuum_id);
    if (known)
        (void)snprintf(known->reason, sizeof known->reason, "%s", reason);
    pthread_mutex_unlock(&app->progress.lock);
}

/* A number that is another one after each write to the vacuum or its tasks. -1: it can't be told. */
static json_int_t mark_of(struct ops_app *app, const json_t *vacuum)
{
    json_t *tasks = NULL;
    json_int_t mark = ops_json_integer(vacuum, "revision", 0);
    if (ops_vacuums_tasks(app, ops_json_text(vacuum, "vacuum_id", ""), 0, &tasks, NULL) != OPS_OK)
        return -1;
    size_t i;
    json_t *task;
    json_array_foreach(tasks, i, task)
        mark += ops_json_integer(task, "revision", 0);
    json_decref(tasks);
    return mark;
}

/* Whether the store is to be asked now. */
static bool look_is_due(struct ops_app *app, const char *id, int64_t now_ms)
{
    pthread_mutex_lock(&app->progress.lock);
    struct ops_vacuum_progress *known = find_locked(&app->progress, id);
    if (!known)
        known = begin_locked(&app->progress, id, now_ms);
    bool due = now_ms - known->looked_ms >= OPS_PROGRESS_LOOK_MS;
    if (due)
        known->looked_ms = now_ms;
    pthread_mutex_unlock(&app->progress.lock);
    return due;
}

void ops_progress_look(struct ops_app *app, const json_t *vacuum)
{
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    int64_t now_ms = ops_clock_monotonic_ms(app->ports.clock);
    json_int_t mark = look_is_due(app, id, now_ms) ? mark_of(app, vacuum) : -1;
    if (mark < 0)
        return;
    pthread_mutex_lock(&app->progress.lock);
    struct ops_vacuum_progress *known = find_locked(&app->progress, id);
    if (known && known->mark >= 0 && mark != known->mark)
        known->moved_ms = now_ms;
    if (known)
        known->mark = mark;
    pthread_mutex_unlock(&app->progress.lock);
}

bool ops_progress_tell_is_due(struct ops_app *app, const char *vacuum_id, int64_t every_ms)
{
    int64_t now_ms = ops_clock_monotonic_ms(app->ports.clock);
    pthread_mutex_lock(&app->progress.lock);
    struct ops_vacuum_progress *known = find_locked(&app->progress, vacuum_id);
    if (!known)
        known = begin_locked(&app->progress, vacuum_id, now_ms);
    bool is_due = now_ms - known->told_ms >= every_ms;
    if (is_due)
        known->told_ms = now_ms;
    pthread_mutex_unlock(&app->progress.lock);
    return is_due;
}

/* A start that lies further ahead than any request puts it: the clock went back since. */
static int64_t waits_for_clock_seconds(const json_t *vacuum, int64_t now_ms,
                                       char ret_reason[static OPS_PROGRESS_REASON_SIZE])
{
    int64_t execute_ms;
    if (ops_json_instant(vacuum, "execute_at", &execute_ms) != OPS_OK ||
        execute_ms - now_ms <= OPS_VACUUM_PENDING_MS + OPS_STANDS_STILL_MS)
        return 0;
    (void)snprintf(ret_reason, OPS_PROGRESS_REASON_SIZE,
                   "The clock was set back: by it the five minutes are not over before %s. The vacuum can be cancelled.",
                   ops_json_text(vacuum, "execute_at", ""));
    return (execute_ms - now_ms - OPS_VACUUM_PENDING_MS) / OPS_SECOND_MS;
}

/* Of the first target that could not be looked at and is tried again, if there is one. */
static bool waits_for_target(const json_t *vacuum, char ret_reason[static OPS_PROGRESS_REASON_SIZE])
{
    size_t i;
    const json_t *target;
    json_array_foreach(json_object_get(vacuum, "targets"), i, target) {
        if (!ops_plan_may_be_tried(target))
            continue;
        (void)snprintf(ret_reason, OPS_PROGRESS_REASON_SIZE, "It waits for %.80s, which is tried again: %.120s",
                       ops_json_text(target, "name", ""), ops_plan_defer_reason(target));
        return true;
    }
    return false;
}

/* What starts nothing and lets nothing go on (trail.h). */
static int64_t kept_by_trail_seconds(struct ops_app *app, const json_t *vacuum,
                                     char ret_reason[static OPS_PROGRESS_REASON_SIZE])
{
    char words[OPS_TRAIL_WORDS_SIZE];
    if (!ops_vacuum_open(vacuum) || ops_vacuum_dry_run(vacuum))
        return 0;
    int64_t seconds = ops_trail_keeps_seconds(app, words);
    if (seconds > 0)
        (void)snprintf(ret_reason, OPS_PROGRESS_REASON_SIZE, "%s%s", words,
                       ops_vacuum_is(vacuum, OPS_VACUUM_PENDING) ? " The vacuum can be cancelled." : "");
    return seconds;
}

int64_t ops_progress_stands_seconds(struct ops_app *app, const json_t *vacuum, int64_t now_ms,
                                    char ret_reason[static OPS_PROGRESS_REASON_SIZE])
{
    ret_reason[0] = '\0';
    int64_t kept_seconds = kept_by_trail_seconds(app, vacuum, ret_reason);
    if (kept_seconds > 0)
        return kept_seconds;
    if (ops_vacuum_is(vacuum, OPS_VACUUM_PENDING))
        return waits_for_clock_seconds(vacuum, now_ms, ret_reason);
    if (!ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING))
        return 0;
    int64_t stands_ms = 0;
    pthread_mutex_lock(&app->progress.lock);
    const struct ops_vacuum_progress *known = find_locked(&app->progress, ops_json_text(vacuum, "vacuum_id", ""));
    if (known) {
        stands_ms = ops_clock_monotonic_ms(app->ports.clock) - known->moved_ms;
        (void)snprintf(ret_reason, OPS_PROGRESS_REASON_SIZE, "%s", known->reason);
    }
    pthread_mutex_unlock(&app->progress.lock);
    if (!ret_reason[0] && !waits_for_target(vacuum, ret_reason))
        (void)snprintf(ret_reason, OPS_PROGRESS_REASON_SIZE,
                       "No worker has written anything down for it, and none says why.");
    return stands_ms >= OPS_STANDS_STILL_MS ? stands_ms / OPS_SECOND_MS : 0;
}
