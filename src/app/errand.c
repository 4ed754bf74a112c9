/*
 * The stages of an errand. A step takes the task one page further:
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
#include "app/errand.h"

#include "app/errand_count.h"
#include "app/planned.h"
#include "app/removal.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/retry.h"
#include "core/plan.h"

#include <stdio.h>

enum { RATE_WAIT_MAX_MS = 1000, TROUBLE_WAIT_MS = 1000, PAGE_STORAGE_MAX_BYTES = 8 * 1024 * 1024 };

void ops_errand_init(struct ops_errand *errand, struct ops_app *app)
{
    *errand = (struct ops_errand){.app = app};
    ops_claim_init(&errand->claim);
    ops_key_page_init(&errand->hand.page, PAGE_STORAGE_MAX_BYTES);
}

void ops_errand_begin(struct ops_errand *errand)
{
    errand->has_claim = true;
    errand->finished = false;
    errand->stage = OPS_STAGE_READ;
}

static void close_target(struct ops_errand *errand)
{
    ops_target_close(errand->target);
    ops_mem_free(errand->outcomes);
    errand->target = NULL;
    errand->outcomes = NULL;
}

/* Lets go of the claim and of the memory that its pages took. */
static void drop_claim(struct ops_errand *errand)
{
    ops_claim_release(&errand->claim);
    close_target(errand);
    ops_key_page_release(&errand->hand.page);
    errand->has_claim = false;
    errand->attempt = 0;
    errand->not_before_ms = 0;
}

/* A lease that can't be given back now runs out by itself. A task that has been read to its end must not be given back as if
 * it had not: its cursor is at the start again, and its counters are complete. */
void ops_errand_give_up(struct ops_errand *errand)
{
    if (errand->has_claim) {
        errand->claim.task.done = errand->stage == OPS_STAGE_FINISH;
        ops_claim_let_go(errand->app, &errand->claim);
    }
    drop_claim(errand);
}

static int64_t monotonic_ms(const struct ops_errand *errand)
{
    return ops_clock_monotonic_ms(errand->app->ports.clock);
}

static bool deletes(const struct ops_errand *errand)
{
    return !ops_vacuum_dry_run(errand->claim.vacuum);
}

/* The task can't go on: its target gets the reason, and the vacuum ends as failed. */
static enum ops_status give_up_target(struct ops_errand *errand, enum ops_status status, const struct ops_error *error)
{
    (void)snprintf(errand->claim.task.error, OPS_TASK_ERROR_SIZE, "%s", ops_planned_trouble(status, error));
    enum ops_status accounted = ops_errand_account_unfinished(errand);
    errand->attempt = 0;
    errand->stage = OPS_STAGE_FINISH;
    return accounted;
}

static void tell_trouble(struct ops_errand *errand, enum ops_status status, const struct ops_error *error)
{
    char reason[OPS_PROGRESS_REASON_SIZE];
    (void)snprintf(reason, sizeof reason, "%.*s: %s", OPS_PROGRESS_REASON_SIZE / 3, errand->target_name,
                   ops_planned_trouble(status, error));
    ops_progress_trouble(errand->app, ops_json_text(errand->claim.vacuum, "vacuum_id", ""), reason);
}

/* A port failed. What may pass is tried again later, up to the limit; the rest ends the task. What is missing may be back in
 * a moment: a table's file is replaced by another one in two steps. */
static enum ops_status retry_later(struct ops_errand *errand, enum ops_status status, const struct ops_error *error)
{
    uint32_t random;
    errand->throttled = status == OPS_THROTTLED;
    tell_trouble(errand, status, error);
    bool lasts = ops_planned_lasts(status) && status != OPS_TARGET_MISSING;
    if (lasts || errand->attempt + 1 >= OPS_RETRY_ATTEMPTS_MAX)
        return give_up_target(errand, status, error);
    errand->attempt++;
    ops_random_fill(errand->app->ports.random, (uint8_t *)&random, sizeof random);
    errand->not_before_ms = monotonic_ms(errand) + ops_retry_wait_ms(errand->attempt, random);
    return OPS_OK;
}

static enum ops_status stage_settle(struct ops_errand *errand, struct ops_error *error)
{
    struct ops_task *task = &errand->claim.task;
    struct ops_recount there = {0};
    enum ops_status status = ops_errand_recount(errand, &there, error);
    if (status != OPS_OK)
        return retry_later(errand, status, error);
    ops_task_settle_lost(task, &there);
    errand->attempt = 0;
    errand->stage = OPS_STAGE_READ;
    return OPS_OK;
}

/* Counts are written down with each page, so under a rate a page is no more than what goes in a second: else nobody would
 * see for minutes that records go. */
static size_t page_limit(const struct ops_errand *errand)
{
    struct ops_app *app = errand->app;
    size_t most = errand->target->page_max;
    pthread_mutex_lock(&app->pace_lock);
    int64_t per_second = app->rate.per_second;
    pthread_mutex_unlock(&app->pace_lock);
    return deletes(errand) && per_second > 0 && (uint64_t)per_second < most ? (size_t)per_second : most;
}

static enum ops_status stage_read(struct ops_errand *errand, struct ops_error *error)
{
    struct ops_task *task = &errand->claim.task;
    struct ops_key_page *page = &errand->hand.page;
    ops_remarks_clear(&errand->hand.remarks);
    enum ops_status status = ops_target_page(errand->target, (uint32_t)task->segment, ops_buf_text(&task->cursor),
                                             page_limit(errand), page, error);
    if (status == OPS_TARGET_MISSING)
        close_target(errand); /* the next try looks anew what is there */
    if (status != OPS_OK)
        return retry_later(errand, status, error);
    errand->attempt = 0;
    ops_errand_sort_page(errand);
    if (deletes(errand) && errand->hand.left > 0) {
        ops_buf_clear(&task->receipt);
        ops_buf_append_view(&task->receipt, ops_buf_view(&page->receipt));
        errand->stage = OPS_STAGE_PROVE;
        return ops_buf_status(&task->receipt);
    }
    errand->stage = page->last ? OPS_STAGE_FINISH : OPS_STAGE_NOTE;
    return ops_errand_account_page(errand);
}

/* Writes the task down and goes on to next, or is done with it. Without lease or mutex the claim is over. */
static enum ops_status stage_write(struct ops_errand *errand, enum ops_stage next, struct ops_error *error)
{
    enum ops_status status = ops_claim_checkpoint(errand->app, &errand->claim, error);
    errand->finished = status == OPS_OK && errand->stage == OPS_STAGE_FINISH;
    if (status == OPS_CONFLICT || errand->finished) {
        drop_claim(errand);
        return OPS_OK;
    }
    if (status == OPS_OK)
        errand->stage = next;
    return status;
}

static enum ops_status finish_page(struct ops_errand *errand, struct ops_error *error)
{
    struct ops_page_in_hand *hand = &errand->hand;
    if (hand->doubtful) {
        enum ops_status status = ops_errand_count_truly(errand, error);
        if (status != OPS_OK)
            return retry_later(errand, status, error);
    }
    errand->attempt = 0;
    errand->stage = hand->page.last ? OPS_STAGE_FINISH : OPS_STAGE_READ;
    return ops_errand_account_page(errand);
}

/* A round over the page is over: done, or another round for those that wait. */
static enum ops_status end_round(struct ops_errand *errand, struct ops_error *error)
{
    struct ops_page_in_hand *hand = &errand->hand;
    hand->left = hand->waiting;
    hand->at = hand->waiting = 0;
    if (hand->left == 0)
        return finish_page(errand, error);
    if (errand->attempt + 1 < OPS_RETRY_ATTEMPTS_MAX)
        return retry_later(errand, OPS_THROTTLED, error);
    ops_errand_name_left(hand);
    hand->left = 0;
    errand->attempt = 0; /* counting what is left has tries of its own */
    return finish_page(errand, error);
}

/* How many of the page's next keys may be removed now: a batch, less where the operator has set a rate. With none the worker
 * waits, for a second at most, so that it looks after its lease. */
static size_t next_batch(struct ops_errand *errand)
{
    const struct ops_page_in_hand *hand = &errand->hand;
    struct ops_app *app = errand->app;
    int64_t now_ms = monotonic_ms(errand), wait_ms = 0;
    size_t count = hand->left - hand->at;
    if (count > errand->target->batch_max)
        count = errand->target->batch_max;
    pthread_mutex_lock(&app->pace_lock);
    count = ops_rate_take(&app->rate, count, now_ms, &wait_ms);
    pthread_mutex_unlock(&app->pace_lock);
    if (count == 0)
        errand->not_before_ms = now_ms + (wait_ms < RATE_WAIT_MAX_MS ? wait_ms : RATE_WAIT_MAX_MS);
    return count;
}

/* Keeps what was said of keys that were not taken: if it stays so, the operator needs to know why. */
static void note_why(struct ops_page_in_hand *hand, enum ops_status status, const struct ops_error *why)
{
    if (why->text[0] || status != OPS_OK)
        (void)snprintf(hand->why, sizeof hand->why, "%.*s", (int)sizeof hand->why - 1, ops_error_text(why, status));
}

static bool may_pass(enum ops_status status)
{
    return status == OPS_THROTTLED || status == OPS_STORE_UNAVAILABLE || status == OPS_UNKNOWN || status == OPS_NO_MEMORY;
}

static enum ops_status remove_batch(struct ops_errand *errand, size_t count, struct ops_error *error)
{
    struct ops_page_in_hand *hand = &errand->hand;
    const struct ops_removal_warrant warrant = {
        .vacuum = errand->claim.vacuum,
        .kind = errand->kind,
        .target_name = errand->target_name,
        .mutex_expires_ms = errand->claim.mutex_expires_ms,
        .lease_renewed_ms = errand->claim.renewed_ms,
        .lease_until_ms = errand->claim.task.lease_until_ms,
        .manifest_number = &errand->manifest_number,
    };
    struct ops_error why = OPS_ERROR_INIT;
    int64_t named = hand->remarks.counts[OPS_REMARK_REFUSED];
    enum ops_status status =
        ops_removal(errand->app, &warrant, errand->target, hand->page.keys + hand->at, count, errand->outcomes, &why);
    note_why(hand, status, &why);
    hand->lost = hand->lost || status == OPS_UNKNOWN;
    if (may_pass(status)) {
        errand->throttled = errand->throttled || status == OPS_THROTTLED;
        for (size_t i = 0; i < count; i++)
            errand->outcomes[i] = OPS_RETRY;
        status = OPS_OK;
    }
    if (status == OPS_OK) {
        if (hand->remarks.counts[OPS_REMARK_REFUSED] == named)
            ops_errand_name_refused(hand, errand->outcomes, count, why.text[0] ? why.text : "it was refused");
        ops_errand_note_outcomes(hand, errand->outcomes, count);
    } else {
        (void)ops_fail(error, status, "%s", ops_error_text(&why, status));
    }
    ops_error_release(&why);
    return status;
}

static bool lease_is_fresh(const struct ops_errand *errand)
{
    const struct ops_claim *claim = &errand->claim;
    return ops_task_lease_fresh(claim->task.lease_until_ms, monotonic_ms(errand) - claim->renewed_ms,
                                ops_clock_now_ms(errand->app->ports.clock));
}

static enum ops_status stage_remove(struct ops_errand *errand, struct ops_error *error)
{
    struct ops_page_in_hand *hand = &errand->hand;
    while (hand->at < hand->left) {
        if (!lease_is_fresh(errand)) {
            errand->stage = OPS_STAGE_PROVE;
            return OPS_OK;
        }
        size_t count = next_batch(errand);
        if (count == 0)
            return OPS_OK;
        enum ops_status status = remove_batch(errand, count, error);
        if (status == OPS_CONFLICT) {
            /* The warrant is gone: whoever claims the task next finds the receipt. */
            drop_claim(errand);
            return OPS_OK;
        }
        if (status != OPS_OK) {
            hand->doubtful = true;
            return retry_later(errand, status, error);
        }
    }
    return end_round(errand, error);
}

static enum ops_status take_stage(struct ops_errand *errand, struct ops_error *error)
{
    switch (errand->stage) {
    case OPS_STAGE_SETTLE:
        return stage_settle(errand, error);
    case OPS_STAGE_READ:
        return stage_read(errand, error);
    case OPS_STAGE_PROVE:
        return stage_write(errand, OPS_STAGE_REMOVE, error);
    case OPS_STAGE_REMOVE:
        return stage_remove(errand, error);
    case OPS_STAGE_NOTE:
        return stage_write(errand, OPS_STAGE_READ, error);
    case OPS_STAGE_FINISH:
        errand->claim.task.done = true;
        return stage_write(errand, OPS_STAGE_FINISH, error);
    }
    return OPS_INTERNAL_ERROR;
}

/* Opens the claimed task's target. What keeps it from being opened is the task's end, not the worker's. */
static enum ops_status open_target(struct ops_errand *errand, struct ops_error *error)
{
    const struct ops_task *task = &errand->claim.task;
    const json_t *doc = json_array_get(json_object_get(errand->claim.vacuum, "targets"), (size_t)task->target);
    errand->kind = ops_plan_target_kind(doc);
    (void)snprintf(errand->target_name, sizeof errand->target_name, "%s", ops_json_text(doc, "name", ""));
    errand->manifest_number =
        atomic_load(&errand->app->manifest_number); /* or an older one, and then it is looked at again */
    enum ops_status status = ops_planned_open(errand->app, doc, &errand->target, error);
    if (status == OPS_CORRUPT || status == OPS_NO_MEMORY)
        return status;
    if (status != OPS_OK)
        return retry_later(errand, status, error);
    errand->target->remarks = &errand->hand.remarks;
    errand->target->removes = deletes(errand);
    errand->outcomes = ops_mem_alloc(errand->target->batch_max * sizeof *errand->outcomes);
    if (!errand->outcomes) {
        close_target(errand);
        return OPS_NO_MEMORY;
    }
    errand->stage = task->receipt.length > 0 ? OPS_STAGE_SETTLE : OPS_STAGE_READ;
    return OPS_OK;
}

enum ops_status ops_errand_step(struct ops_errand *errand, int64_t *ret_wait_ms, struct ops_error *error)
{
    errand->throttled = false;
    *ret_wait_ms = errand->not_before_ms - monotonic_ms(errand);
    if (*ret_wait_ms > 0)
        return OPS_OK;
    *ret_wait_ms = 0;
    errand->not_before_ms = 0;
    enum ops_status status = OPS_OK;
    if (!errand->target && errand->stage != OPS_STAGE_FINISH)
        status = open_target(errand, error);
    bool page_done = false;
    while (status == OPS_OK && errand->has_claim && errand->not_before_ms == 0 && !page_done) {
        page_done = errand->stage == OPS_STAGE_NOTE || errand->stage == OPS_STAGE_REMOVE;
        status = take_stage(errand, error);
    }
    if (status != OPS_OK)
        *ret_wait_ms = TROUBLE_WAIT_MS;
    return status;
}
