/*
 * A page is counted when its removal is over. Where the worker was lost in between, where its target could not be asked, or
 * where the mutex ran out under it, the task's receipt stays open: it names the page's records, and the target can tell how
 * many of them are still there. This is asked before the record gets its terminal state, whatever the reason: a record that
 * says too little is wrong for ever, and so is its audit record.
 *
 * No removal is under way any more when this runs. Where every task is done, no task has a worker. Where the vacuum's time
 * has run out, it was closed first (app/closing.c), which a task's lease and what was proved for it do not outlive. Settling
 * a task gives it a new lease token, so that a worker that still believes in its claim can't write over what was settled.
 *
 * Nor does what is counted change between the reading of the tasks and the write that ends the vacuum:
 *   its time has run out   it is closed, and every write of a worker asks for the fence that it had before
 *   all tasks are done     nobody claims a task that is done, and only its last owner writes it again, as done and with the
 *                          same counts; a settled one has another lease, and is read again before the end
 *   it can't be planned    it has no tasks; a plan that somebody else has made meanwhile is another revision
 *   it is cancelled        it never began; a start is another revision
 *
 * A target that does not answer keeps the vacuum from ending, and with it the next one from starting: that is better than a
 * false figure, but not for ever. Past OPS_SETTLE_PATIENCE_MS without an answer of that target the page counts as
 * unreadable, with the reason; past OPS_SETTLE_LASTING_MS where the reason is one that does not pass by itself. A target
 * that is missing is no answer: a volume that is not mounted has its records all the same.
 */
#include "app/settle.h"

#include "app/claim.h"
#include "app/keys.h"
#include "app/planned.h"
#include "base/json.h"
#include "core/task.h"

#include <stdio.h>

static enum ops_status recount(struct ops_app *app, const json_t *vacuum, const struct ops_task *task,
                               struct ops_recount *ret_there, struct ops_error *error)
{
    const json_t *doc = json_array_get(json_object_get(vacuum, "targets"), (size_t)task->target);
    struct ops_target *target = NULL;
    enum ops_status status = ops_planned_open(app, doc, &target, error);
    if (status == OPS_OK)
        status = ops_target_recount(target, (uint32_t)task->segment, ops_buf_text(&task->receipt), ret_there, error);
    ops_target_close(target);
    return status;
}

/* What is waited for: that one target of the vacuum can be asked. The others have answers of their own. Beside it: that what
 * it says is not for good, which begins anew with every other answer. */
struct wait {
    char answer[OPS_PATIENCE_NAME_SIZE];
    char change[OPS_PATIENCE_NAME_SIZE];
};

static void name_wait(const json_t *vacuum, const struct ops_task *task, struct wait *ret_wait)
{
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    (void)snprintf(ret_wait->answer, sizeof ret_wait->answer, "settle %s %" JSON_INTEGER_FORMAT, id, task->target);
    (void)snprintf(ret_wait->change, sizeof ret_wait->change, "change %s %" JSON_INTEGER_FORMAT, id, task->target);
}

/* The target has said how many of the page's records are there. */
static void count(struct ops_app *app, const struct wait *wait, struct ops_task *task, const struct ops_recount *there)
{
    ops_app_waited(app, wait->answer);
    ops_app_waited(app, wait->change);
    if (task->done)
        ops_task_settle_ended(task, there);
    else
        ops_task_settle_lost(task, there);
}

static bool patience_is_over(struct ops_app *app, const struct wait *wait, enum ops_status status)
{
    bool is_over = ops_app_waits(app, wait->answer) > OPS_SETTLE_PATIENCE_MS;
    if (ops_planned_lasts(status))
        return ops_app_waits(app, wait->change) > OPS_SETTLE_LASTING_MS || is_over;
    ops_app_waited(app, wait->change);
    return is_over;
}

static enum ops_status settle_task(struct ops_app *app, const json_t *vacuum, struct ops_task *task, struct ops_error *error)
{
    struct ops_recount there = {0};
    struct ops_error why = OPS_ERROR_INIT;
    struct wait wait;
    name_wait(vacuum, task, &wait);
    enum ops_status status = recount(app, vacuum, task, &there, &why);
    if (status == OPS_OK) {
        count(app, &wait, task, &there);
    } else if (status != OPS_NO_MEMORY && patience_is_over(app, &wait, status)) {
        ops_task_settle_unknown(task, ops_planned_trouble(status, &why));
        status = OPS_OK;
    } else {
        const json_t *doc = json_array_get(json_object_get(vacuum, "targets"), (size_t)task->target);
        status = ops_fail(error, OPS_VACUUM_IN_PROGRESS, "What became of a page of %s can't be counted yet: %s",
                          ops_json_text(doc, "name", ""), ops_planned_trouble(status, &why));
    }
    ops_error_release(&why);
    return status;
}

static enum ops_status settle_doc(struct ops_app *app, const json_t *vacuum, json_int_t fence, const json_t *doc,
                                  struct ops_error *error)
{
    struct ops_task task;
    ops_task_init(&task);
    enum ops_status status = ops_task_read(doc, &task);
    if (status == OPS_OK)
        status = settle_task(app, vacuum, &task, error);
    if (status == OPS_OK)
        status = ops_claim_write_settled(app, vacuum, fence, &task, error);
    ops_task_release(&task);
    return status;
}

/* Every page is asked about, also when the first can't be counted: so the targets that do not answer are waited for side by
 * side. */
enum ops_status ops_settle_receipts(struct ops_app *app, const json_t *vacuum, json_int_t fence, const json_t *tasks,
                                    bool *ret_changed, struct ops_error *error)
{
    enum ops_status first = OPS_OK;
    bool changed = false;
    size_t i;
    json_t *doc;
    json_array_foreach(tasks, i, doc) {
        if (first == OPS_CONFLICT || !ops_json_text(doc, "receipt", "")[0])
            continue;
        enum ops_status status = settle_doc(app, vacuum, fence, doc, first == OPS_OK ? error : NULL);
        if (first == OPS_OK || status == OPS_CONFLICT)
            first = status;
        changed = true;
    }
    *ret_changed = changed && first == OPS_OK;
    return first;
}
