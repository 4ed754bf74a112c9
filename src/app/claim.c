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
    ops_shared_let_go(claim->held);
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

/* The task's own record, where somebody has claimed it before. */
static enum ops_status read_record(struct ops_app *app, const json_t *vacuum, json_int_t number, struct ops_task *task,
                                   struct ops_error *error)
{
    char pk[OPS_STORE_KEY_SIZE], sk[OPS_TASK_KEY_SIZE];
    (void)snprintf(pk, sizeof pk, OPS_PK_TASKS_FORMAT, ops_json_text(vacuum, "vacuum_id", ""));
    ops_task_key(number, sk);
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(app->ports.store, pk, sk, &doc, error);
    if (status == OPS_OK && !ops_task_claimable(doc, ops_clock_now_ms(app->ports.clock)))
        status = OPS_CONFLICT;
    if (status == OPS_OK)
        status = ops_task_read(doc, task);
    json_decref(doc);
    return status == OPS_NOT_FOUND ? OPS_CONFLICT : status;
}

enum ops_status ops_claim_take(struct ops_app *app, const char *worker_name, const struct ops_free_task *free_task,
                               struct ops_claim *claim, struct ops_error *error)
{
    claim->held = free_task->vacuum;
    claim->vacuum = ops_shared_thing(claim->held);
    claim->mutex_expires_ms = free_task->mutex_expires_ms;
    enum ops_status status = free_task->has_record ? read_record(app, claim->vacuum, free_task->number, &claim->task, error)
                                                   : ops_pass_task(claim->vacuum, free_task->number, &claim->task);
    if (status == OPS_OK)
        status = write_claim(app, claim, worker_name, error);
    if (status != OPS_OK)
        ops_claim_release(claim);
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

enum ops_status ops_claim_write_settled(struct ops_app *app, const json_t *vacuum, json_int_t fence, struct ops_task *task,
                                        struct ops_error *error)
{
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    json_int_t revision_before = task->revision++;
    memcpy(task->lease, txn.token, sizeof task->lease);
    task->lease_until_ms = 0;
    put_task(&txn, vacuum, task);
    ops_txn_if_integer(&txn, "revision", revision_before);
    ops_vacuums_check_fence(&txn, vacuum, fence);
    enum ops_status status = commit_task(app, &txn, error);
    ops_txn_release(&txn);
    return status;
}

void ops_claim_let_go(struct ops_app *app, struct ops_claim *claim)
{
    enum ops_status ignored = write_task(app, claim, 0, NULL);
    (void)ignored;
}
