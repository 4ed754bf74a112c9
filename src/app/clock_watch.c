#include "app/clock_watch.h"

#include "app/context.h"
#include "app/vacuums.h"
#include "base/json.h"

enum {
    READINGS_MAX = 5, /* of both clocks, until two of one enclose the other closely */
    READING_MAX_MS = 1000,
    CONFLICT_RETRIES_MAX = 8,
};

/* Both clocks at one moment. A process that is stopped between two readings would take the pause for a step. */
static void read_both(struct ops_clock *clock, int64_t *ret_wall_ms, int64_t *ret_boot_ms)
{
    for (int i = 0; i < READINGS_MAX; i++) {
        *ret_boot_ms = ops_clock_boot_ms(clock);
        *ret_wall_ms = ops_clock_now_ms(clock);
        if (ops_clock_boot_ms(clock) - *ret_boot_ms <= READING_MAX_MS)
            return;
    }
}

void ops_clock_watch_init(struct ops_clock_watch *watch, struct ops_clock *clock)
{
    int64_t wall_ms, boot_ms;
    read_both(clock, &wall_ms, &boot_ms);
    ops_clock_reference_init(&watch->synced.reference, wall_ms, boot_ms);
    (void)pthread_mutex_init(&watch->look_lock, NULL); /* default mutexes need nothing that could fail */
    (void)pthread_mutex_init(&watch->lock, NULL);
}

void ops_clock_watch_release(struct ops_clock_watch *watch)
{
    (void)pthread_mutex_destroy(&watch->look_lock);
    (void)pthread_mutex_destroy(&watch->lock);
}

/* ---- what is seen ---- */

/* The number'th step since the app was made, from 0; only of the latest OPS_CLOCK_STEPS_KEPT. */
static struct ops_clock_step *step_locked(struct ops_clock_watch *watch, int64_t number)
{
    return &watch->synced.steps[number % OPS_CLOCK_STEPS_KEPT];
}

static void note_step_locked(struct ops_clock_watch *watch, int64_t wall_ms, int64_t boot_ms, int64_t step_ms)
{
    *step_locked(watch, watch->synced.step_count) = (struct ops_clock_step){wall_ms, step_ms};
    watch->synced.step_count++;
    watch->synced.stepped_ms += step_ms < 0 ? -step_ms : step_ms;
    watch->synced.last_boot_ms = boot_ms;
}

void ops_app_clock_news(struct ops_app *app, struct ops_clock_news *ret_news)
{
    struct ops_clock_watch *watch = &app->clock_watch;
    *ret_news = (struct ops_clock_news){.step_count = 0};
    pthread_mutex_lock(&watch->lock);
    int64_t count = watch->synced.step_count;
    ret_news->step_count = count;
    ret_news->stepped_ms = watch->synced.stepped_ms;
    for (int64_t i = 0; i < count && i < OPS_CLOCK_STEPS_KEPT; i++)
        ret_news->steps[i] = *step_locked(watch, count - 1 - i);
    int64_t last_boot_ms = watch->synced.last_boot_ms;
    pthread_mutex_unlock(&watch->lock);
    ret_news->is_recent = count > 0 && ops_clock_boot_ms(app->ports.clock) - last_boot_ms < OPS_CLOCK_TOLD_FOR_MS;
    if (app->ports.other_clock)
        ret_news->has_others = ops_other_clock_ahead_ms(app->ports.other_clock, &ret_news->ahead_ms);
    ret_news->is_apart =
        ret_news->ahead_ms > OPS_CLOCK_STEP_MORE_THAN_MS || ret_news->ahead_ms < -OPS_CLOCK_STEP_MORE_THAN_MS;
}

/* ---- in the records ---- */

/* It was pending when the clock was set: it still is, or the step itself has let it start, before it could be noted. */
static bool concerns(const json_t *vacuum, const struct ops_clock_step *step)
{
    int64_t started_ms;
    if (ops_vacuum_is(vacuum, OPS_VACUUM_PENDING))
        return true;
    return ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING) && !ops_vacuum_dry_run(vacuum) && step->step_ms > 0 &&
           ops_json_instant(vacuum, "started_at", &started_ms) == OPS_OK && started_ms >= step->at_ms - OPS_SECOND_MS;
}

static json_t *step_doc(const struct ops_clock_step *step)
{
    char at[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(step->at_ms, at);
    return json_pack("{s:s, s:I}", "at", at, "seconds", (json_int_t)(step->step_ms / OPS_SECOND_MS));
}

static bool has_step(const json_t *steps, const json_t *doc)
{
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step)
        if (json_equal(step, doc))
            return true;
    return false;
}

/* The vacuum with the step in its record; NULL: it is there already, or is none of its own. */
static enum ops_status with_step(const json_t *vacuum, const struct ops_clock_step *step, json_t **ret_after)
{
    *ret_after = NULL;
    const json_t *before = json_object_get(vacuum, "clock_steps");
    json_t *doc = step_doc(step), *after = NULL;
    enum ops_status status = doc ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK && concerns(vacuum, step) && !has_step(before, doc)) {
        json_t *steps = before ? ops_json_copy(before) : json_array();
        while (json_array_size(steps) >= OPS_CLOCK_STEPS_KEPT)
            (void)json_array_remove(steps, 0); /* there is one */
        after = ops_json_copy(vacuum);
        status = steps && after && json_array_append(steps, doc) == 0
                     ? ops_json_set(after, "clock_steps", json_incref(steps))
                     : OPS_NO_MEMORY;
        if (status == OPS_OK)
            status = ops_json_set_integer(after, "revision", ops_json_integer(vacuum, "revision", 0) + 1);
        json_decref(steps);
    }
    json_decref(doc);
    if (status == OPS_OK)
        *ret_after = after;
    else
        json_decref(after);
    return status;
}

/* Once. OPS_CONFLICT: it has changed meanwhile. */
static enum ops_status write_step(struct ops_app *app, const char *id, const struct ops_clock_step *step,
                                  struct ops_error *error)
{
    json_t *vacuum = NULL, *after = NULL;
    struct ops_txn txn;
    enum ops_status status = ops_vacuums_load(app, id, &vacuum, error);
    if (status == OPS_OK)
        status = with_step(vacuum, step, &after);
    if (status == OPS_OK && after) {
        ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
        ops_vacuums_put(&txn, vacuum, json_incref(after));
        status = ops_store_transact(app->ports.store, &txn, error);
        ops_txn_release(&txn);
    }
    json_decref(after);
    json_decref(vacuum);
    return status;
}

static enum ops_status write_to_all(struct ops_app *app, const struct ops_clock_step *step, struct ops_error *error)
{
    json_t *ids = NULL, *id;
    size_t i;
    enum ops_status first = ops_vacuums_open_ids(app, &ids, error);
    json_array_foreach(ids, i, id) {
        enum ops_status status = OPS_CONFLICT;
        for (int attempt = 0; attempt < CONFLICT_RETRIES_MAX && status == OPS_CONFLICT; attempt++)
            status = write_step(app, json_string_value(id), step, first == OPS_OK ? error : NULL);
        if (first == OPS_OK && status != OPS_VACUUM_NOT_FOUND)
            first = status;
    }
    json_decref(ids);
    return first;
}

/* With look_lock. What can't be written now is tried again at the next look: a record has no step twice. */
static enum ops_status write_what_is_new(struct ops_app *app, struct ops_error *error)
{
    struct ops_clock_watch *watch = &app->clock_watch;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK) {
        pthread_mutex_lock(&watch->lock);
        int64_t oldest = watch->synced.step_count - OPS_CLOCK_STEPS_KEPT;
        if (watch->written_count < oldest)
            watch->written_count = oldest;
        bool is_new = watch->written_count < watch->synced.step_count;
        struct ops_clock_step step = *step_locked(watch, watch->written_count);
        pthread_mutex_unlock(&watch->lock);
        if (!is_new)
            break;
        status = write_to_all(app, &step, error);
        watch->written_count += status == OPS_OK;
    }
    return status;
}

enum ops_status ops_clock_watch_look(struct ops_app *app, struct ops_error *error)
{
    struct ops_clock_watch *watch = &app->clock_watch;
    int64_t wall_ms, boot_ms;
    pthread_mutex_lock(&watch->look_lock);
    pthread_mutex_lock(&watch->lock);
    read_both(app->ports.clock, &wall_ms, &boot_ms);
    int64_t step_ms = ops_clock_step_ms(&watch->synced.reference, wall_ms, boot_ms);
    if (step_ms != 0)
        note_step_locked(watch, wall_ms, boot_ms, step_ms);
    pthread_mutex_unlock(&watch->lock);
    enum ops_status status = write_what_is_new(app, error);
    pthread_mutex_unlock(&watch->look_lock);
    return status;
}
