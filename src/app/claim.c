#include "app/claim.h"

#include "app/keys.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/pass.h"

#include <stdio.h>

void ops_claim_init(struct ops_claim *claim)
{
    *claim = (struct ops_claim){.vacuum = NULL};
    ops_task_init(&claim->task);
}

void ops_claim_release(struct ops_claim *claim)
{
    json_decref(claim->vacuum);
    ops_task_release(&claim->task);
    ops_claim_init(claim);
}

static void put_task(struct ops_txn *txn, const json_t *vacuum, const struct ops_task *task)
{
    char pk[OPS_STORE_KEY_SIZE], sk[OPS_TASK_KEY_SIZE];
    (void)snprintf(pk, sizeof pk, OPS_PK_TASKS_FORMAT, ops_json_text(vacuum, "vacuum_id", ""));
    ops_task_key(task->number, sk);
    ops_txn_put(txn, pk, sk, ops_task_doc(task, txn->token));
}

/* Sends a transaction whose last put is the task. */
static enum ops_status commit_task(struct ops_app *app, const struct ops_txn *txn, struct ops_error *error)
{
    const struct ops_op *put = &txn->ops[0];
    return ops_txn_commit(app, txn, put->pk, put->sk, error);
}

/* What each task of the pass looks like: the document of one that has been claimed before, or NULL. */
static const json_t *task_doc(const json_t *tasks, size_t *at, json_int_t number)
{
    while (*at < json_array_size(tasks) && ops_json_integer(json_array_get(tasks, *at), "number", -1) < number)
        (*at)++;
    const json_t *doc = json_array_get(tasks, *at);
    return doc && ops_json_integer(doc, "number", -1) == number ? doc : NULL;
}

struct choice {
    json_int_t free_count; /* tasks that may be claimed */
    json_int_t done_count;
    json_int_t number; /* one of the free ones, drawn evenly */
    const json_t *doc; /* its document or NULL */
};

/* Draws one of the free tasks, so that workers that look at the same moment seldom want the same one. */
static void choose(struct ops_app *app, const json_t *vacuum, const json_t *tasks, int64_t now_ms, struct choice *ret_choice)
{
    *ret_choice = (struct choice){.doc = NULL};
    json_int_t first = ops_pass_first_task(vacuum), count = ops_pass_task_count(vacuum);
    size_t at = 0;
    for (json_int_t number = first; number < first + count; number++) {
        const json_t *doc = task_doc(tasks, &at, number);
        ret_choice->done_count += ops_json_flag(doc, "done", false);
        if (doc && !ops_task_claimable(doc, now_ms))
            continue;
        uint32_t draw;
        ops_random_fill(app->ports.random, (uint8_t *)&draw, sizeof draw);
        if (draw % (uint32_t)++ret_choice->free_count == 0) {
            ret_choice->number = number;
            ret_choice->doc = doc;
        }
    }
}

static enum ops_status load_mutex_expiry(struct ops_app *app, struct ops_claim *claim, struct ops_error *error)
{
    claim->mutex_expires_ms = INT64_MAX;
    if (ops_vacuum_dry_run(claim->vacuum))
        return OPS_OK;
    struct ops_mutex mutex;
    enum ops_status status = ops_vacuums_mutex(app, &mutex, error);
    claim->mutex_expires_ms = mutex.expires_ms;
    return status;
}

/* Sets the lease on the task and writes it: as a new record, or over the one that was read. */
static enum ops_status write_claim(struct ops_app *app, struct ops_claim *claim, const char *worker_name,
                                   struct ops_error *error)
{
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    int64_t monotonic_ms = ops_clock_monotonic_ms(app->ports.clock);
    struct ops_task *task = &claim->task;
    json_int_t revision_before = task->revision++;
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    (void)snprintf(task->owner, sizeof task->owner, "%s", worker_name);
    memcpy(task->lease, txn.token, sizeof task->lease);
    task->lease_until_ms = now_ms + OPS_LEASE_MS;
    put_task(&txn, claim->vacuum, task);
    if (revision_before == 0)
        ops_txn_if_absent(&txn);
    else
        ops_txn_if_integer(&txn, "revision", revision_before);
    ops_vacuums_check_mutex(&txn, claim->vacuum);
    enum ops_status status = commit_task(app, &txn, error);
    ops_txn_release(&txn);
    if (status == OPS_OK)
        claim->renewed_ms = monotonic_ms;
    return status;
}

static enum ops_status claim_chosen(struct ops_app *app, const char *worker_name, json_t *vacuum,
                                    const struct choice *choice, struct ops_claim *claim, struct ops_error *error)
{
    claim->vacuum = json_incref(vacuum);
    enum ops_status status =
        choice->doc ? ops_task_read(choice->doc, &claim->task) : ops_pass_task(vacuum, choice->number, &claim->task);
    if (status == OPS_OK)
        status = load_mutex_expiry(app, claim, error);
    if (status == OPS_OK)
        status = write_claim(app, claim, worker_name, error);
    if (status != OPS_OK)
        ops_claim_release(claim);
    return status;
}

enum ops_status ops_claim_take(struct ops_app *app, const char *worker_name, json_t *vacuum, struct ops_claim *claim,
                               enum ops_claim_outcome *ret_outcome, json_t **ret_tasks, struct ops_error *error)
{
    *ret_outcome = OPS_CLAIM_WAIT;
    *ret_tasks = NULL;
    json_t *tasks = NULL;
    enum ops_status status = ops_vacuums_tasks(app, ops_json_text(vacuum, "vacuum_id", ""), 0, &tasks, error);
    if (status != OPS_OK)
        return status;
    struct choice choice;
    choose(app, vacuum, tasks, ops_clock_now_ms(app->ports.clock), &choice);
    if (choice.free_count > 0) {
        status = claim_chosen(app, worker_name, vacuum, &choice, claim, error);
        if (status == OPS_OK)
            *ret_outcome = OPS_CLAIM_GOT;
        else if (status == OPS_CONFLICT)
            status = OPS_OK;
    } else if (choice.done_count == ops_pass_task_count(vacuum)) {
        *ret_outcome = OPS_CLAIM_DONE;
        *ret_tasks = json_incref(tasks);
    }
    json_decref(tasks);
    return status;
}

static enum ops_status write_task(struct ops_app *app, struct ops_claim *claim, int64_t lease_until_ms,
                                  struct ops_error *error)
{
    int64_t monotonic_ms = ops_clock_monotonic_ms(app->ports.clock);
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    claim->task.revision++;
    claim->task.lease_until_ms = lease_until_ms;
    put_task(&txn, claim->vacuum, &claim->task);
    ops_txn_if_text(&txn, "lease", claim->task.lease);
    /* An earlier write of ours whose answer was lost may still be on its way: it must not undo this one. */
    ops_txn_if_integer_at_most(&txn, "revision", claim->task.revision - 1);
    ops_vacuums_check_mutex(&txn, claim->vacuum);
    enum ops_status status = commit_task(app, &txn, error);
    ops_txn_release(&txn);
    if (status == OPS_OK) {
        claim->renewed_ms = monotonic_ms;
        ops_progress_moved(app, ops_json_text(claim->vacuum, "vacuum_id", ""));
    }
    return status;
}

enum ops_status ops_claim_checkpoint(struct ops_app *app, struct ops_claim *claim, struct ops_error *error)
{
    int64_t until_ms = claim->task.done ? 0 : ops_clock_now_ms(app->ports.clock) + OPS_LEASE_MS;
    return write_task(app, claim, until_ms, error);
}

enum ops_status ops_claim_write_settled(struct ops_app *app, const json_t *vacuum, struct ops_task *task,
                                        struct ops_error *error)
{
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    json_int_t revision_before = task->revision++;
    memcpy(task->lease, txn.token, sizeof task->lease);
    task->lease_until_ms = 0;
    put_task(&txn, vacuum, task);
    ops_txn_if_integer(&txn, "revision", revision_before);
    ops_vacuums_check_mutex(&txn, vacuum);
    enum ops_status status = commit_task(app, &txn, error);
    ops_txn_release(&txn);
    return status;
}

void ops_claim_let_go(struct ops_app *app, struct ops_claim *claim)
{
    enum ops_status ignored = write_task(app, claim, 0, NULL);
    (void)ignored;
}
