/*
 * A worker and its steps.
 *
 * Without a claim, a step looks for work: it plans a vacuum that has no plan, claims a task, or ends a pass. With a claim, a
 * step takes the task one page further:
 *
 *   SETTLE   a removal was lost with the worker before us: count what it had done
 *   READ     read a page of keys, set the protected ones aside
 *   PROVE    write down the page's receipt; the same transaction proves that lease and mutex are ours
 *   REMOVE   remove the page's keys, batch by batch; what is not taken is tried again after a wait
 *   NOTE     nothing was to be removed: write down how far we are
 *   FINISH   write down that the task is done
 *
 * Counters are in memory between REMOVE and the next PROVE or FINISH. If the worker dies there, the receipt is still in the
 * record, and whoever claims the task next settles it.
 */
#include "app/work.h"

#include "app/claim.h"
#include "app/keys.h"
#include "app/planning.h"
#include "app/removal.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/pass.h"
#include "base/retry.h"

#include <stdio.h>

enum { IDLE_WAIT_MS = 1000, RATE_WAIT_MAX_MS = 1000, CROWDED_WAIT_MS = 50, PAGE_STORAGE_MAX_BYTES = 8 * 1024 * 1024 };

enum stage { STAGE_SETTLE, STAGE_READ, STAGE_PROVE, STAGE_REMOVE, STAGE_NOTE, STAGE_FINISH };

/* The page in hand. */
struct page_state {
    struct ops_key_page page;
    size_t left;                  /* page.keys[0..left) are still to be removed */
    size_t at;                    /* of these, the next batch begins here; those before it wait for another try */
    size_t waiting;               /* page.keys[0..waiting) were not taken in this round */
    struct ops_counters counters; /* of this page */
    bool doubtful;                /* not every key was surely removed: ask the target before counting */
};

struct ops_worker {
    struct ops_app *app;
    char name[OPS_WORKER_NAME_SIZE];
    char only_vacuum[OPS_ULID_SIZE];
    bool has_claim;
    struct ops_claim claim;
    struct ops_target *target;
    char target_name[OPS_MANIFEST_NAME_MAX + 1];
    enum ops_target_kind kind;
    enum stage stage;
    struct page_state hand;
    enum ops_removal *outcomes;
    int attempt;           /* tries of the stage that failed in a row */
    int64_t not_before_ms; /* monotonic; no step of the claim before this */
    bool throttled;        /* the last step was slowed by the target */
};

enum ops_status ops_worker_new(struct ops_app *app, const char *name, struct ops_worker **ret_worker)
{
    struct ops_worker *worker = ops_mem_zeroed(1, sizeof *worker);
    if (!worker)
        return OPS_NO_MEMORY;
    worker->app = app;
    (void)snprintf(worker->name, sizeof worker->name, "%s", name);
    ops_claim_init(&worker->claim);
    ops_key_page_init(&worker->hand.page, PAGE_STORAGE_MAX_BYTES);
    *ret_worker = worker;
    return OPS_OK;
}

void ops_worker_only(struct ops_worker *worker, const char *id)
{
    (void)snprintf(worker->only_vacuum, sizeof worker->only_vacuum, "%s", id);
}

/* Lets go of the claim and of the memory that its pages took. */
static void drop_claim(struct ops_worker *worker)
{
    ops_claim_release(&worker->claim);
    ops_target_close(worker->target);
    ops_key_page_release(&worker->hand.page);
    ops_mem_free(worker->outcomes);
    worker->target = NULL;
    worker->outcomes = NULL;
    worker->has_claim = false;
    worker->attempt = 0;
    worker->not_before_ms = 0;
}

void ops_worker_free(struct ops_worker *worker)
{
    if (!worker)
        return;
    /* A lease that can't be given back now runs out by itself. A task that has been read to its end must not be given back
     * as if it had not: its cursor is at the start again, and its counters are complete. */
    if (worker->has_claim) {
        worker->claim.task.done = worker->stage == STAGE_FINISH;
        ops_claim_let_go(worker->app, &worker->claim);
    }
    drop_claim(worker);
    ops_mem_free(worker);
}

static int64_t monotonic_ms(const struct ops_worker *worker)
{
    return ops_clock_monotonic_ms(worker->app->ports.clock);
}

static bool deletes(const struct ops_worker *worker)
{
    return !ops_vacuum_dry_run(worker->claim.vacuum);
}

static struct ops_task *task_of(struct ops_worker *worker)
{
    return &worker->claim.task;
}

/* The page is done with: its counts become the task's, and the cursor moves past it. */
static enum ops_status account_page(struct ops_worker *worker)
{
    struct ops_task *task = task_of(worker);
    struct page_state *hand = &worker->hand;
    task->counters.matched += hand->counters.matched;
    task->counters.deleted += hand->counters.deleted;
    task->counters.failed += hand->counters.failed;
    task->counters.protected += hand->counters.protected;
    task->counters.bytes += hand->counters.bytes;
    task->counters.failed_bytes += hand->counters.failed_bytes;
    ops_buf_clear(&task->receipt);
    task->receipt_matched = task->receipt_protected = task->receipt_bytes = 0;
    ops_buf_clear(&task->cursor);
    ops_buf_append_view(&task->cursor, ops_buf_view(&hand->page.cursor));
    return ops_buf_status(&task->cursor);
}

/* How much of the receipt is still there: nothing of a target that is not. */
static enum ops_status recount(struct ops_worker *worker, struct ops_recount *ret_there, struct ops_error *error)
{
    const struct ops_task *task = task_of(worker);
    enum ops_status status =
        ops_target_recount(worker->target, (uint32_t)task->segment, ops_buf_text(&task->receipt), ret_there, error);
    if (status != OPS_TARGET_MISSING)
        return status;
    *ret_there = (struct ops_recount){.count = 0};
    return OPS_OK;
}

/* Every try is used up, or the target refused some: the target itself says what is still there. */
static enum ops_status count_truly(struct ops_worker *worker, struct ops_error *error)
{
    struct page_state *hand = &worker->hand;
    struct ops_task *task = task_of(worker);
    struct ops_recount there = {0};
    enum ops_status status = recount(worker, &there, error);
    if (status != OPS_OK)
        return status;
    json_int_t left = (json_int_t)there.count - task->receipt_protected;
    hand->counters.failed = left < 0 ? 0 : left > hand->counters.matched ? hand->counters.matched : left;
    hand->counters.deleted = hand->counters.matched - hand->counters.failed;
    json_int_t left_bytes = there.size_bytes - (task->receipt_bytes - hand->counters.bytes); /* less the protected ones */
    hand->counters.failed_bytes = left_bytes < 0 ? 0 : left_bytes > hand->counters.bytes ? hand->counters.bytes : left_bytes;
    return OPS_OK;
}

/* The removal of a page can't be finished. What nobody can tell any more is taken to be still there. */
static enum ops_status account_unfinished(struct ops_worker *worker)
{
    struct ops_task *task = task_of(worker);
    struct page_state *hand = &worker->hand;
    if (worker->stage == STAGE_REMOVE) {
        if (count_truly(worker, NULL) != OPS_OK)
            hand->counters.failed = hand->counters.matched - hand->counters.deleted;
        return account_page(worker);
    }
    if (task->receipt.length > 0) {
        task->counters.matched += task->receipt_matched;
        task->counters.failed += task->receipt_matched;
        task->counters.protected += task->receipt_protected;
    }
    return OPS_OK;
}

/* The task can't go on: its target gets the reason, and the vacuum ends as failed. */
static enum ops_status give_up_target(struct ops_worker *worker, enum ops_status status, const struct ops_error *error)
{
    (void)snprintf(task_of(worker)->error, OPS_TASK_ERROR_SIZE, "%s", ops_error_text(error, status));
    enum ops_status accounted = account_unfinished(worker);
    worker->attempt = 0;
    worker->stage = STAGE_FINISH;
    return accounted;
}

/* A port failed. What may pass is tried again later, up to the limit; the rest ends the task. */
static enum ops_status retry_later(struct ops_worker *worker, enum ops_status status, const struct ops_error *error)
{
    uint32_t random;
    worker->throttled = status == OPS_THROTTLED;
    bool lasts = status == OPS_TARGET_ERROR || status == OPS_LIMIT || status == OPS_PROTECTED;
    if (lasts || worker->attempt + 1 >= OPS_RETRY_ATTEMPTS_MAX)
        return give_up_target(worker, status, error);
    worker->attempt++;
    ops_random_fill(worker->app->ports.random, (uint8_t *)&random, sizeof random);
    worker->not_before_ms = monotonic_ms(worker) + ops_retry_wait_ms(worker->attempt, random);
    return OPS_OK;
}

static void page_begin(struct page_state *hand)
{
    hand->left = hand->at = hand->waiting = 0;
    hand->counters = (struct ops_counters){0};
    hand->doubtful = false;
}

/* Moves the keys that may be removed to the front, in their order, and counts. */
static void sort_page(struct ops_worker *worker)
{
    struct page_state *hand = &worker->hand;
    struct ops_task *task = task_of(worker);
    page_begin(hand);
    task->receipt_bytes = 0;
    for (size_t i = 0; i < hand->page.count; i++) {
        struct ops_key key = hand->page.keys[i];
        task->receipt_bytes += key.size_bytes;
        if (ops_guard_key(&worker->app->manifest->guard, worker->kind, key.guarded)) {
            hand->counters.protected++;
            continue;
        }
        hand->counters.matched++;
        hand->counters.bytes += key.size_bytes;
        hand->page.keys[hand->left++] = key;
    }
    task->receipt_matched = hand->counters.matched;
    task->receipt_protected = hand->counters.protected;
}

static enum ops_status stage_settle(struct ops_worker *worker, struct ops_error *error)
{
    struct ops_task *task = task_of(worker);
    struct ops_recount there = {0};
    enum ops_status status = recount(worker, &there, error);
    if (status != OPS_OK)
        return retry_later(worker, status, error);
    ops_task_settle_lost(task, &there);
    worker->attempt = 0;
    worker->stage = STAGE_READ;
    return OPS_OK;
}

static enum ops_status stage_read(struct ops_worker *worker, struct ops_error *error)
{
    struct ops_task *task = task_of(worker);
    struct ops_key_page *page = &worker->hand.page;
    enum ops_status status = ops_target_page(worker->target, (uint32_t)task->segment, ops_buf_text(&task->cursor),
                                             worker->target->page_max, page, error);
    if (status == OPS_TARGET_MISSING) {
        /* It went away while we were at it: nothing of it is left. */
        worker->stage = STAGE_FINISH;
        return OPS_OK;
    }
    if (status != OPS_OK)
        return retry_later(worker, status, error);
    worker->attempt = 0;
    sort_page(worker);
    if (deletes(worker) && worker->hand.left > 0) {
        ops_buf_clear(&task->receipt);
        ops_buf_append_view(&task->receipt, ops_buf_view(&page->receipt));
        worker->stage = STAGE_PROVE;
        return ops_buf_status(&task->receipt);
    }
    worker->stage = page->last ? STAGE_FINISH : STAGE_NOTE;
    return account_page(worker);
}

/* Writes the task down and goes on to next, or is done with it. Without lease or mutex the claim is over. */
static enum ops_status stage_write(struct ops_worker *worker, enum stage next, struct ops_error *error)
{
    enum ops_status status = ops_claim_checkpoint(worker->app, &worker->claim, error);
    if (status == OPS_CONFLICT || (status == OPS_OK && worker->stage == STAGE_FINISH)) {
        drop_claim(worker);
        return OPS_OK;
    }
    if (status == OPS_OK)
        worker->stage = next;
    return status;
}

/* Sorts the outcomes of a batch: what was not taken waits at the front for another round. */
static void note_outcomes(struct page_state *hand, const enum ops_removal *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i] == OPS_REMOVED)
            hand->counters.deleted++;
        else if (outcomes[i] == OPS_FAILED)
            hand->counters.failed++;
        else
            hand->page.keys[hand->waiting++] = hand->page.keys[hand->at + i];
        hand->doubtful = hand->doubtful || outcomes[i] != OPS_REMOVED;
    }
    hand->at += count;
}

static enum ops_status finish_page(struct ops_worker *worker, struct ops_error *error)
{
    struct page_state *hand = &worker->hand;
    if (hand->doubtful) {
        enum ops_status status = count_truly(worker, error);
        if (status != OPS_OK)
            return retry_later(worker, status, error);
    }
    worker->attempt = 0;
    worker->stage = hand->page.last ? STAGE_FINISH : STAGE_READ;
    return account_page(worker);
}

/* A round over the page is over: done, or another round for those that wait. */
static enum ops_status end_round(struct ops_worker *worker, struct ops_error *error)
{
    struct page_state *hand = &worker->hand;
    hand->left = hand->waiting;
    hand->at = hand->waiting = 0;
    if (hand->left == 0)
        return finish_page(worker, error);
    if (worker->attempt + 1 < OPS_RETRY_ATTEMPTS_MAX)
        return retry_later(worker, OPS_THROTTLED, error);
    hand->left = 0;
    worker->attempt = 0; /* counting what is left has tries of its own */
    return finish_page(worker, error);
}

/* How many of the page's next keys may be removed now: a batch, less where the operator has set a rate. With none the worker
 * waits, for a second at most, so that it looks after its lease. */
static size_t next_batch(struct ops_worker *worker)
{
    const struct page_state *hand = &worker->hand;
    struct ops_app *app = worker->app;
    int64_t now_ms = monotonic_ms(worker), wait_ms = 0;
    size_t count = hand->left - hand->at;
    if (count > worker->target->batch_max)
        count = worker->target->batch_max;
    pthread_mutex_lock(&app->pace_lock);
    count = ops_rate_take(&app->rate, count, now_ms, &wait_ms);
    pthread_mutex_unlock(&app->pace_lock);
    if (count == 0)
        worker->not_before_ms = now_ms + (wait_ms < RATE_WAIT_MAX_MS ? wait_ms : RATE_WAIT_MAX_MS);
    return count;
}

/* Keeps what was said of records that were not removed: if that stays so, the operator needs to know why. */
static void note_refusal(struct ops_worker *worker, const struct ops_error *why)
{
    if (why->text[0])
        (void)snprintf(task_of(worker)->refusal, OPS_TASK_ERROR_SIZE, "%.*s", OPS_TASK_ERROR_SIZE - 1, why->text);
}

static enum ops_status remove_batch(struct ops_worker *worker, size_t count, struct ops_error *error)
{
    struct page_state *hand = &worker->hand;
    const struct ops_removal_warrant warrant = {
        .vacuum = worker->claim.vacuum,
        .kind = worker->kind,
        .target_name = worker->target_name,
        .mutex_expires_ms = worker->claim.mutex_expires_ms,
        .lease_renewed_ms = worker->claim.renewed_ms,
        .lease_until_ms = worker->claim.task.lease_until_ms,
    };
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status =
        ops_removal(worker->app, &warrant, worker->target, hand->page.keys + hand->at, count, worker->outcomes, &why);
    if (status == OPS_THROTTLED || status == OPS_STORE_UNAVAILABLE || status == OPS_UNKNOWN || status == OPS_NO_MEMORY) {
        worker->throttled = worker->throttled || status == OPS_THROTTLED;
        for (size_t i = 0; i < count; i++)
            worker->outcomes[i] = OPS_RETRY;
        status = OPS_OK;
    }
    if (status == OPS_OK) {
        note_refusal(worker, &why);
        note_outcomes(hand, worker->outcomes, count);
    } else {
        (void)ops_fail(error, status, "%s", ops_error_text(&why, status));
    }
    ops_error_release(&why);
    return status;
}

/* The whole target went away under us: what was in hand is gone too, and nothing follows. */
static enum ops_status finish_missing(struct ops_worker *worker)
{
    worker->hand.counters.deleted = worker->hand.counters.matched;
    worker->hand.counters.failed = worker->hand.counters.failed_bytes = 0;
    worker->stage = STAGE_FINISH;
    return account_page(worker);
}

static bool lease_is_fresh(const struct ops_worker *worker)
{
    const struct ops_claim *claim = &worker->claim;
    return ops_task_lease_fresh(claim->task.lease_until_ms, monotonic_ms(worker) - claim->renewed_ms,
                                ops_clock_now_ms(worker->app->ports.clock));
}

static enum ops_status stage_remove(struct ops_worker *worker, struct ops_error *error)
{
    struct page_state *hand = &worker->hand;
    while (hand->at < hand->left) {
        if (!lease_is_fresh(worker)) {
            worker->stage = STAGE_PROVE;
            return OPS_OK;
        }
        size_t count = next_batch(worker);
        if (count == 0)
            return OPS_OK;
        enum ops_status status = remove_batch(worker, count, error);
        if (status == OPS_CONFLICT) {
            /* The warrant is gone: whoever claims the task next finds the receipt. */
            drop_claim(worker);
            return OPS_OK;
        }
        if (status == OPS_TARGET_MISSING)
            return finish_missing(worker);
        if (status != OPS_OK) {
            hand->doubtful = true;
            return retry_later(worker, status, error);
        }
    }
    return end_round(worker, error);
}

static enum ops_status take_stage(struct ops_worker *worker, struct ops_error *error)
{
    switch (worker->stage) {
    case STAGE_SETTLE:
        return stage_settle(worker, error);
    case STAGE_READ:
        return stage_read(worker, error);
    case STAGE_PROVE:
        return stage_write(worker, STAGE_REMOVE, error);
    case STAGE_REMOVE:
        return stage_remove(worker, error);
    case STAGE_NOTE:
        return stage_write(worker, STAGE_READ, error);
    case STAGE_FINISH:
        task_of(worker)->done = true;
        return stage_write(worker, STAGE_FINISH, error);
    }
    return OPS_INTERNAL_ERROR;
}

/* The tasks are cut by the number of segments at planning: with another number they would leave some of it out, and the
 * vacuum would pass for complete. */
static enum ops_status refuse_segments(struct ops_worker *worker, struct ops_error *error)
{
    (void)ops_fail(error, OPS_TARGET_ERROR, "It is not read in as many segments as when the vacuum was planned.");
    return retry_later(worker, OPS_TARGET_ERROR, error);
}

/* Opens the claimed task's target. What keeps it from being opened is the task's end, not the worker's. */
static enum ops_status open_target(struct ops_worker *worker, struct ops_error *error)
{
    const struct ops_task *task = task_of(worker);
    const json_t *doc = json_array_get(json_object_get(worker->claim.vacuum, "targets"), (size_t)task->target);
    struct ops_target_spec spec;
    struct ops_scope scope;
    enum ops_status status = ops_plan_target_read(doc, &spec, &scope);
    if (status != OPS_OK)
        return status;
    worker->kind = spec.kind;
    (void)snprintf(worker->target_name, sizeof worker->target_name, "%s", spec.name);
    status = ops_catalogue_open(worker->app->ports.catalogue, &spec, &scope, &worker->target, error);
    if (status == OPS_TARGET_MISSING) {
        const struct ops_recount nothing = {.count = 0};
        ops_task_settle_lost(&worker->claim.task, &nothing);
        worker->stage = STAGE_FINISH;
        return OPS_OK;
    }
    if (status != OPS_OK)
        return retry_later(worker, status, error);
    worker->outcomes = ops_mem_alloc(worker->target->batch_max * sizeof *worker->outcomes);
    bool as_planned = ops_json_integer(doc, "segments", 1) == (json_int_t)worker->target->segment_count;
    if (!worker->outcomes || !as_planned) {
        ops_target_close(worker->target);
        worker->target = NULL;
        return worker->outcomes ? refuse_segments(worker, error) : OPS_NO_MEMORY;
    }
    worker->attempt = 0;
    worker->stage = task->receipt.length > 0 ? STAGE_SETTLE : STAGE_READ;
    return OPS_OK;
}

/* One page further, or as far as a wait or the end of the claim. */
static enum ops_status advance_claim(struct ops_worker *worker, int64_t *ret_wait_ms, struct ops_error *error)
{
    worker->throttled = false;
    *ret_wait_ms = worker->not_before_ms - monotonic_ms(worker);
    if (*ret_wait_ms > 0)
        return OPS_OK;
    *ret_wait_ms = 0;
    worker->not_before_ms = 0;
    enum ops_status status = OPS_OK;
    if (!worker->target && worker->stage != STAGE_FINISH)
        status = open_target(worker, error);
    bool page_done = false;
    while (status == OPS_OK && worker->has_claim && worker->not_before_ms == 0 && !page_done) {
        page_done = worker->stage == STAGE_NOTE || worker->stage == STAGE_REMOVE;
        status = take_stage(worker, error);
    }
    if (status != OPS_OK)
        *ret_wait_ms = IDLE_WAIT_MS;
    return status;
}

static enum ops_status write_next_pass(struct ops_app *app, const json_t *vacuum, json_t *in_pass, struct ops_error *error)
{
    json_t *next = NULL;
    enum ops_status status = ops_vacuum_next_pass(vacuum, in_pass, &next);
    if (status != OPS_OK)
        return status;
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    ops_vacuums_put(&txn, vacuum, next);
    ops_vacuums_check_mutex(&txn, vacuum);
    status = ops_store_transact(app->ports.store, &txn, error);
    ops_txn_release(&txn);
    return status;
}

/* What follows when every task of a pass is done. */
static enum ops_status end_pass(struct ops_app *app, const json_t *vacuum, const json_t *tasks, struct ops_error *error)
{
    struct ops_error remains = OPS_ERROR_INIT;
    struct ops_pass_result result;
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    enum ops_status status = ops_pass_result(vacuum, tasks, &result, &remains);
    if (status == OPS_OK && result.outcome == OPS_PASS_AGAIN)
        status = write_next_pass(app, vacuum, result.in_pass, error);
    else if (status == OPS_OK && result.outcome == OPS_PASS_CLEAN)
        status = ops_vacuums_finish(app, vacuum, OPS_OK, NULL, now_ms, error);
    else if (status == OPS_OK && result.outcome == OPS_PASS_REMAINS)
        status = ops_vacuums_finish(app, vacuum, result.failure, &remains, now_ms, error);
    ops_error_release(&remains);
    json_decref(result.in_pass);
    return status;
}

/* Whether a vacuum may be worked on now; one whose mutex has expired is the sweep's to end. */
static enum ops_status may_work(struct ops_app *app, const json_t *vacuum, bool *ret_may, struct ops_error *error)
{
    *ret_may = ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING);
    if (!*ret_may || ops_vacuum_dry_run(vacuum))
        return OPS_OK;
    struct ops_mutex mutex;
    enum ops_status status = ops_vacuums_mutex(app, &mutex, error);
    if (status == OPS_OK)
        *ret_may = mutex.fence == ops_vacuum_fence(vacuum) && ops_mutex_held(&mutex) &&
                   !ops_mutex_expired(&mutex, ops_clock_now_ms(app->ports.clock));
    return status;
}

static enum ops_status plan(struct ops_worker *worker, const json_t *vacuum, int64_t *ret_wait_ms, struct ops_error *error)
{
    bool busy;
    enum ops_status status = ops_planning_step(worker->app, vacuum, &busy, error);
    *ret_wait_ms = busy ? CROWDED_WAIT_MS : 0;
    return status;
}

/* Does what one vacuum needs next. *ret_wait_ms is set when there was something: that long until more may follow. */
static enum ops_status work_on(struct ops_worker *worker, const char *id, int64_t *ret_wait_ms, struct ops_error *error)
{
    json_t *vacuum = NULL, *tasks = NULL;
    enum ops_status status = ops_vacuums_load(worker->app, id, &vacuum, error);
    bool may = false;
    if (status == OPS_OK)
        status = may_work(worker->app, vacuum, &may, error);
    if (status == OPS_OK && may && !ops_vacuum_planned(vacuum)) {
        status = plan(worker, vacuum, ret_wait_ms, error);
    } else if (status == OPS_OK && may) {
        enum ops_claim_outcome outcome;
        status = ops_claim_take(worker->app, worker->name, vacuum, &worker->claim, &outcome, &tasks, error);
        worker->has_claim = status == OPS_OK && outcome == OPS_CLAIM_GOT;
        worker->stage = STAGE_READ;
        if (status != OPS_OK || outcome != OPS_CLAIM_WAIT)
            *ret_wait_ms = 0;
        if (status == OPS_OK && outcome == OPS_CLAIM_DONE)
            status = end_pass(worker->app, vacuum, tasks, error);
    }
    json_decref(tasks);
    json_decref(vacuum);
    return status == OPS_CONFLICT || status == OPS_VACUUM_NOT_FOUND ? OPS_OK : status;
}

static bool is_mine(const struct ops_worker *worker, const char *id)
{
    return !worker->only_vacuum[0] || strcmp(worker->only_vacuum, id) == 0;
}

static enum ops_status look_for_work(struct ops_worker *worker, int64_t *ret_wait_ms, struct ops_error *error)
{
    *ret_wait_ms = IDLE_WAIT_MS;
    json_t *ids = NULL;
    enum ops_status status = ops_vacuums_open_ids(worker->app, &ids, error);
    size_t i;
    json_t *id;
    json_array_foreach (ids, i, id)
        if (status == OPS_OK && *ret_wait_ms == IDLE_WAIT_MS && is_mine(worker, json_string_value(id)))
            status = work_on(worker, json_string_value(id), ret_wait_ms, error);
    if (status != OPS_OK)
        *ret_wait_ms = IDLE_WAIT_MS;
    json_decref(ids);
    return status;
}

static bool pace_enter(struct ops_worker *worker)
{
    struct ops_app *app = worker->app;
    pthread_mutex_lock(&app->pace_lock);
    bool may = ops_pace_enter(&app->pace, monotonic_ms(worker));
    pthread_mutex_unlock(&app->pace_lock);
    return may;
}

static void pace_leave(struct ops_worker *worker)
{
    struct ops_app *app = worker->app;
    pthread_mutex_lock(&app->pace_lock);
    ops_pace_leave(&app->pace, worker->throttled, monotonic_ms(worker));
    pthread_mutex_unlock(&app->pace_lock);
}

enum ops_status ops_worker_step(struct ops_worker *worker, int64_t *ret_wait_ms, struct ops_error *error)
{
    if (!worker->has_claim)
        return look_for_work(worker, ret_wait_ms, error);
    if (!pace_enter(worker)) {
        *ret_wait_ms = CROWDED_WAIT_MS;
        return OPS_OK;
    }
    enum ops_status status = advance_claim(worker, ret_wait_ms, error);
    pace_leave(worker);
    return status;
}
