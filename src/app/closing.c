/*
 * That a vacuum has run out of its time is what one process's clock says. Another's may say otherwise, or the same clock a
 * minute later, when it was set back: then a worker goes on while the vacuum is being counted, and what is written as its
 * end says too little for ever. So before anything is counted it becomes a fact in the store: the mutex gets a new fence.
 * Every write of a worker asks for the old one.
 *
 * What was proved before the closing may still be carried out: a removal begins at most OPS_LEASE_FRESH_MS after its proof
 * and is over OPS_REMOVAL_NEEDS_MS later, which together is OPS_LEASE_MS. So long is waited, by the monotonic clock, from
 * when this process first saw it closed, where a task with an open receipt has an owner. One that nobody has any more (given
 * back, adopted, done) has no removal under way.
 *
 * Whoever dies in between leaves a vacuum that is closed and not ended: every sweep ends such a one, whatever its clock
 * says.
 */
#include "app/closing.h"

#include "app/settle.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "core/task.h"

#include <stdio.h>

enum { CLOSE_ATTEMPTS_MAX = 3 };

_Static_assert(OPS_LEASE_FRESH_MS + OPS_REMOVAL_NEEDS_MS <= OPS_LEASE_MS, "what was proved is over within a lease");

static const char *id_of(const json_t *vacuum)
{
    return ops_json_text(vacuum, "vacuum_id", "");
}

static bool is_closed(const json_t *vacuum, const struct ops_mutex *mutex)
{
    return ops_mutex_closed(mutex, id_of(vacuum), ops_vacuum_fence(vacuum));
}

bool ops_closing_due(const json_t *vacuum, const struct ops_mutex *mutex, int64_t now_ms)
{
    return ops_mutex_expired(mutex, now_ms) || is_closed(vacuum, mutex);
}

/* Where the answer was lost, or somebody was quicker, the mutex itself tells: whoever closed it, it is closed. */
static enum ops_status ask_mutex(struct ops_app *app, const json_t *vacuum, enum ops_status status, struct ops_mutex *mutex)
{
    struct ops_mutex now;
    if (status != OPS_UNKNOWN && status != OPS_CONFLICT)
        return status;
    if (ops_vacuums_mutex(app, &now, NULL) != OPS_OK || !is_closed(vacuum, &now))
        return status;
    *mutex = now;
    return OPS_OK;
}

static enum ops_status close_mutex(struct ops_app *app, const json_t *vacuum, struct ops_mutex *mutex,
                                   struct ops_error *error)
{
    struct ops_mutex closed = ops_mutex_close(mutex);
    enum ops_status status = OPS_UNKNOWN;
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    ops_vacuums_put_mutex(&txn, mutex, &closed);
    for (int attempt = 0; attempt < CLOSE_ATTEMPTS_MAX && status == OPS_UNKNOWN; attempt++) {
        status = ops_store_transact(app->ports.store, &txn, error);
        if (status != OPS_OK)
            status = ask_mutex(app, vacuum, status, &closed);
    }
    ops_txn_release(&txn);
    if (status == OPS_OK)
        *mutex = closed;
    return status;
}

static bool any_in_hand(const json_t *tasks)
{
    size_t i;
    json_t *task;
    json_array_foreach(tasks, i, task)
        if (ops_json_text(task, "receipt", "")[0] && ops_json_integer(task, "lease_until_ms", 0) != 0)
            return true;
    return false;
}

static void name_wait(const json_t *vacuum, char ret_name[static OPS_PATIENCE_NAME_SIZE])
{
    (void)snprintf(ret_name, OPS_PATIENCE_NAME_SIZE, "close %s", id_of(vacuum));
}

static enum ops_status settle(struct ops_app *app, const json_t *vacuum, json_int_t fence, const json_t *tasks,
                              struct ops_error *error)
{
    char wait[OPS_PATIENCE_NAME_SIZE];
    bool changed;
    name_wait(vacuum, wait);
    if (any_in_hand(tasks) && ops_app_waits(app, wait) < OPS_LEASE_MS)
        return ops_fail(error, OPS_VACUUM_IN_PROGRESS, "A page of it may still be in hand, for a minute at most.");
    enum ops_status status = ops_settle_receipts(app, vacuum, fence, tasks, &changed, error);
    if (status == OPS_OK)
        ops_app_waited(app, wait);
    else if (status == OPS_VACUUM_IN_PROGRESS)
        ops_progress_trouble(app, id_of(vacuum), ops_error_text(error, status));
    return status;
}

enum ops_status ops_closing_settle(struct ops_app *app, const json_t *vacuum, struct ops_mutex *mutex,
                                   struct ops_error *error)
{
    json_t *tasks = NULL;
    enum ops_status status = OPS_OK;
    if (!is_closed(vacuum, mutex))
        status = close_mutex(app, vacuum, mutex, error);
    if (status != OPS_OK || !ops_vacuum_planned(vacuum))
        return status;
    status = ops_vacuums_tasks(app, id_of(vacuum), 0, &tasks, error);
    if (status == OPS_OK)
        status = settle(app, vacuum, mutex->fence, tasks, error);
    json_decref(tasks);
    return status;
}
