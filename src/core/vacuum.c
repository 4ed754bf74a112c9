#include "core/vacuum.h"

#include "base/json.h"
#include "core/task.h"

static const char *const status_names[OPS_VACUUM_STATUS_COUNT] = {
    [OPS_VACUUM_PENDING] = "pending", [OPS_VACUUM_RUNNING] = "running",     [OPS_VACUUM_COMPLETED] = "completed",
    [OPS_VACUUM_FAILED] = "failed",   [OPS_VACUUM_CANCELLED] = "cancelled",
};

const char *ops_vacuum_status_name(enum ops_vacuum_status status)
{
    return status_names[status];
}

enum ops_status ops_vacuum_status(const json_t *vacuum, enum ops_vacuum_status *ret_status)
{
    const char *name = ops_json_text(vacuum, "status", "");
    for (int status = 0; status < OPS_VACUUM_STATUS_COUNT; status++) {
        if (strcmp(status_names[status], name) == 0) {
            *ret_status = (enum ops_vacuum_status)status;
            return OPS_OK;
        }
    }
    return OPS_CORRUPT;
}

bool ops_vacuum_is(const json_t *vacuum, enum ops_vacuum_status status)
{
    return strcmp(ops_json_text(vacuum, "status", ""), status_names[status]) == 0;
}

bool ops_vacuum_open(const json_t *vacuum)
{
    return ops_vacuum_is(vacuum, OPS_VACUUM_PENDING) || ops_vacuum_is(vacuum, OPS_VACUUM_RUNNING);
}

bool ops_vacuum_dry_run(const json_t *vacuum)
{
    /* A damaged record must never be taken for one that deletes. */
    return ops_json_flag(vacuum, "dry_run", true);
}

static const json_t *work_of(const json_t *vacuum)
{
    return json_object_get(vacuum, "work");
}

bool ops_vacuum_planned(const json_t *vacuum)
{
    return strcmp(ops_json_text(work_of(vacuum), "phase", ""), "tasks") == 0;
}

enum ops_status ops_vacuum_type(const json_t *vacuum, enum ops_vacuum_type *ret_type)
{
    const char *name = ops_json_text(vacuum, "type", "");
    for (int type = OPS_VACUUM_ALL; type <= OPS_VACUUM_ORG; type++) {
        if (strcmp(ops_vacuum_type_name((enum ops_vacuum_type)type), name) == 0) {
            *ret_type = (enum ops_vacuum_type)type;
            return OPS_OK;
        }
    }
    return OPS_CORRUPT;
}

json_int_t ops_vacuum_fence(const json_t *vacuum)
{
    return ops_json_integer(work_of(vacuum), "fence", 0);
}

json_int_t ops_vacuum_sequence(const json_t *vacuum)
{
    return ops_json_integer(vacuum, "sequence", 0);
}

json_t *ops_vacuum_summary(const json_t *vacuum)
{
    json_t *summary = json_object(), *value;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)vacuum, name, value) {
        bool left_out = strcmp(name, "targets") == 0 || strcmp(name, "work") == 0;
        if (!summary || left_out || json_object_set(summary, name, value) == 0)
            continue;
        json_decref(summary);
        return NULL;
    }
    return summary;
}

struct ops_who ops_vacuum_who(const json_t *vacuum)
{
    return (struct ops_who){.actor = ops_json_text(vacuum, "actor", NULL), .peer = ops_json_text(vacuum, "peer", NULL)};
}

enum ops_status ops_vacuum_request(const char *id, const struct ops_vacuum_request *request, int64_t now_ms,
                                   json_t **ret_vacuum)
{
    char requested[OPS_INSTANT_TEXT_SIZE], execute[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(now_ms, requested);
    ops_instant_format(ops_instant_ceil_second(now_ms) + OPS_VACUUM_PENDING_MS, execute);
    bool dry = request->dry_run;
    json_t *vacuum = ops_json_pack(
        "{s:s, s:I, s:s, s:s*, s:b, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:[], s:{}, s:i, s:{s:s, s:I, s:s*}}",
        "vacuum_id", id, "sequence", request->sequence, "type", ops_vacuum_type_name(request->type), "orgcode",
        request->orgcode, "dry_run", dry, "status", status_names[dry ? OPS_VACUUM_RUNNING : OPS_VACUUM_PENDING],
        "requested_at", requested, "execute_at", dry ? NULL : execute, "started_at", dry ? requested : NULL, "actor",
        request->actor, "peer", request->peer, "reason", request->reason, "targets", "totals", "revision", 1, "work",
        "phase", "plan", "fence", request->fence, "expected_plan_sha256", request->plan_sha256);
    if (!vacuum)
        return OPS_NO_MEMORY;
    *ret_vacuum = vacuum;
    return OPS_OK;
}

static bool past_execute_at(const json_t *vacuum, int64_t now_ms)
{
    int64_t execute_ms;
    return ops_json_instant(vacuum, "execute_at", &execute_ms) == OPS_OK && now_ms >= execute_ms;
}

bool ops_vacuum_due(const json_t *vacuum, int64_t now_ms)
{
    return ops_vacuum_is(vacuum, OPS_VACUUM_PENDING) && past_execute_at(vacuum, now_ms);
}

/* A copy with the next revision. */
static json_t *next_revision(const json_t *vacuum)
{
    json_t *next = ops_json_copy(vacuum);
    if (next && ops_json_set_integer(next, "revision", ops_json_integer(vacuum, "revision", 0) + 1) != OPS_OK) {
        json_decref(next);
        return NULL;
    }
    return next;
}

/* Gives next to the caller, or gives it up when a step of its making failed. */
static enum ops_status hand_over(enum ops_status status, json_t *next, json_t **ret_vacuum)
{
    if (status == OPS_OK)
        *ret_vacuum = next;
    else
        json_decref(next);
    return status;
}

static enum ops_status move_to(const json_t *vacuum, enum ops_vacuum_status to, const char *at_name, int64_t now_ms,
                               json_t **ret_vacuum)
{
    json_t *next = next_revision(vacuum);
    if (!next)
        return OPS_NO_MEMORY;
    enum ops_status status = ops_json_set_text(next, "status", status_names[to]);
    if (status == OPS_OK)
        status = ops_json_set_instant(next, at_name, now_ms);
    return hand_over(status, next, ret_vacuum);
}

enum ops_status ops_vacuum_start(const json_t *vacuum, int64_t now_ms, json_t **ret_vacuum)
{
    if (!ops_vacuum_due(vacuum, now_ms))
        return OPS_CORRUPT;
    return move_to(vacuum, OPS_VACUUM_RUNNING, "started_at", now_ms, ret_vacuum);
}

enum ops_status ops_vacuum_cancel(const json_t *vacuum, int64_t now_ms, json_t **ret_vacuum, struct ops_error *error)
{
    if (!ops_vacuum_is(vacuum, OPS_VACUUM_PENDING) || past_execute_at(vacuum, now_ms)) {
        const char *id = ops_json_text(vacuum, "vacuum_id", "");
        const char *status = ops_json_text(vacuum, "status", "");
        (void)ops_fail(error, OPS_VACUUM_NOT_PENDING, "The vacuum %s can't be cancelled: %s.", id,
                       ops_vacuum_is(vacuum, OPS_VACUUM_PENDING) ? "its five minutes are over"
                                                                 : "it is not pending any more");
        ops_error_detail(error, "vacuum_id", id);
        ops_error_detail(error, "status", status);
        return OPS_VACUUM_NOT_PENDING;
    }
    return move_to(vacuum, OPS_VACUUM_CANCELLED, "finished_at", now_ms, ret_vacuum);
}

enum ops_status ops_vacuum_cancel_held(const json_t *vacuum, int64_t now_ms, json_t **ret_vacuum, struct ops_error *error)
{
    if (!ops_vacuum_is(vacuum, OPS_VACUUM_PENDING))
        return ops_vacuum_cancel(vacuum, now_ms, ret_vacuum, error);
    return move_to(vacuum, OPS_VACUUM_CANCELLED, "finished_at", now_ms, ret_vacuum);
}

const char *ops_vacuum_result(const json_t *vacuum)
{
    const char *status = ops_json_text(vacuum, "status", "");
    return ops_vacuum_is(vacuum, OPS_VACUUM_FAILED) ? ops_json_text(json_object_get(vacuum, "error"), "tag", status)
                                                    : status;
}

static json_int_t count_tasks(const json_t *targets, const json_t *in_pass)
{
    json_int_t count = 0;
    size_t i;
    json_t *index;
    json_array_foreach(in_pass, i, index)
        count += ops_json_integer(json_array_get(targets, (size_t)json_integer_value(index)), "segments", 1);
    return count;
}

/* Whether the target is to be touched and can be. */
static bool is_planned(const json_t *target)
{
    return strcmp(ops_json_text(target, "status", ""), "pending") == 0 && !ops_plan_deferred(target);
}

/* The indices of the targets that are planned now and, where before is not NULL, were not in it. NULL: no memory. */
static json_t *planned_targets(const json_t *targets, const json_t *before)
{
    json_t *in_pass = json_array();
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
        if (in_pass && is_planned(target) && !(before && is_planned(json_array_get(before, i))) &&
            json_array_append_new(in_pass, json_integer((json_int_t)i)) != 0) {
            json_decref(in_pass);
            in_pass = NULL;
        }
    return in_pass;
}

static enum ops_status set_pass(json_t *next, json_int_t pass, json_int_t first_task, json_t *in_pass)
{
    json_t *work = json_object_get(next, "work");
    if (!json_is_object(work))
        return OPS_CORRUPT;
    json_int_t task_count = count_tasks(json_object_get(next, "targets"), in_pass);
    enum ops_status status = ops_json_set_integer(work, "pass", pass);
    if (status == OPS_OK)
        status = ops_json_set_integer(work, "first_task", first_task);
    if (status == OPS_OK)
        status = ops_json_set_integer(work, "task_count", task_count);
    return status == OPS_OK ? ops_json_set(work, "in_pass", json_incref(in_pass)) : status;
}

enum ops_status ops_vacuum_fix_plan(const json_t *vacuum, json_t *targets, const char *plan_sha256, json_t **ret_vacuum)
{
    json_t *in_pass = planned_targets(targets, NULL);
    json_t *next = next_revision(vacuum);
    enum ops_status status = in_pass && next ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_json_set(next, "targets", json_incref(targets));
    if (status == OPS_OK)
        status = ops_json_set_text(next, "plan_sha256", plan_sha256);
    if (status == OPS_OK)
        status = set_pass(next, 0, 0, in_pass);
    if (status == OPS_OK)
        status = ops_json_set_text(json_object_get(next, "work"), "phase", "tasks");
    json_decref(in_pass);
    return hand_over(status, next, ret_vacuum);
}

bool ops_vacuum_expects_plan(const json_t *vacuum)
{
    return ops_json_text(work_of(vacuum), "expected_plan_sha256", NULL) != NULL;
}

enum ops_status ops_vacuum_expect_plan(const json_t *vacuum, const char *plan_sha256, struct ops_error *error)
{
    const char *expected = ops_json_text(work_of(vacuum), "expected_plan_sha256", NULL);
    if (!expected || strcmp(expected, plan_sha256) == 0)
        return OPS_OK;
    (void)ops_fail(error, OPS_PLAN_DRIFTED, "The plan is no longer the one that was asked for; nothing was deleted.");
    ops_error_detail(error, "expected_plan_sha256", expected);
    ops_error_detail(error, "plan_sha256", plan_sha256);
    return OPS_PLAN_DRIFTED;
}

enum ops_status ops_vacuum_next_pass(const json_t *vacuum, json_t *in_pass, json_t **ret_vacuum)
{
    json_t *next = next_revision(vacuum);
    if (!next)
        return OPS_NO_MEMORY;
    const json_t *work = work_of(vacuum);
    json_int_t first_task = ops_json_integer(work, "first_task", 0) + ops_json_integer(work, "task_count", 0);
    return hand_over(set_pass(next, ops_json_integer(work, "pass", 0) + 1, first_task, in_pass), next, ret_vacuum);
}

enum ops_status ops_vacuum_replan(const json_t *vacuum, json_t *targets, const json_t *in_pass, json_t **ret_vacuum)
{
    const json_t *work = work_of(vacuum);
    json_t *next = next_revision(vacuum);
    json_t *wanted = planned_targets(targets, json_object_get(vacuum, "targets"));
    enum ops_status status = next && wanted ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK && in_pass && json_array_extend(wanted, (json_t *)(uintptr_t)in_pass) != 0)
        status = OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_json_set(next, "targets", json_incref(targets));
    if (status == OPS_OK && json_array_size(wanted) > 0)
        status = set_pass(next, ops_json_integer(work, "pass", 0) + 1,
                          ops_json_integer(work, "first_task", 0) + ops_json_integer(work, "task_count", 0), wanted);
    json_decref(wanted);
    return hand_over(status, next, ret_vacuum);
}

static enum ops_status add_to(json_t *totals, const char *name, json_int_t more)
{
    return ops_json_set_integer(totals, name, ops_json_integer(totals, name, 0) + more);
}

static enum ops_status add_counter(json_t *totals, const json_t *target, const struct ops_counter_member *member)
{
    json_int_t more = ops_json_integer(target, member->name, 0);
    return member->shown && more ? add_to(totals, member->name, more) : OPS_OK;
}

static const char *outcome_of(const json_t *target)
{
    const char *status = ops_json_text(target, "status", "");
    bool left_alone = strcmp(status, "skipped") == 0 || strcmp(status, "unclassified") == 0;
    return left_alone ? status : "targets";
}

static enum ops_status set_totals(json_t *vacuum)
{
    json_t *totals = json_pack("{s:i, s:i, s:i}", "targets", 0, "skipped", 0, "unclassified", 0);
    enum ops_status status = totals ? OPS_OK : OPS_NO_MEMORY;
    for (size_t k = 0; status == OPS_OK && k < OPS_COUNTER_COUNT; k++)
        if (ops_counter_members[k].shown && !ops_counter_members[k].rare)
            status = ops_json_set_integer(totals, ops_counter_members[k].name, 0);
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(vacuum, "targets"), i, target) {
        if (status == OPS_OK)
            status = add_to(totals, outcome_of(target), 1);
        for (size_t k = 0; status == OPS_OK && k < OPS_COUNTER_COUNT; k++)
            status = add_counter(totals, target, &ops_counter_members[k]);
    }
    if (status == OPS_OK)
        return ops_json_set(vacuum, "totals", totals);
    json_decref(totals);
    return status;
}

static enum ops_status set_error(json_t *vacuum, enum ops_status failure, const struct ops_error *error)
{
    json_t *text = ops_json_any_text(ops_view_of(ops_error_text(error, failure)));
    return ops_json_set(vacuum, "error",
                        ops_json_pack("{s:s, s:o, s:O*}", "tag", ops_status_tag(failure), "message", text, "details",
                                      error ? error->details : NULL));
}

/* A target in which a vacuum was still at work when it ended has failed: nothing is running in a record that is over. */
static enum ops_status end_targets(json_t *targets)
{
    enum ops_status status = OPS_OK;
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target) {
        if (status != OPS_OK || strcmp(ops_json_text(target, "status", ""), "running") != 0)
            continue;
        status = ops_json_set_text(target, "status", status_names[OPS_VACUUM_FAILED]);
        if (status == OPS_OK && !json_object_get(target, "error"))
            status = ops_json_set_text(target, "error", "The vacuum ended before this was done.");
    }
    return status;
}

enum ops_status ops_vacuum_finish(const json_t *vacuum, json_t *targets, enum ops_status failure,
                                  const struct ops_error *error, int64_t now_ms, json_t **ret_vacuum)
{
    json_t *next = NULL;
    enum ops_vacuum_status to = failure == OPS_OK ? OPS_VACUUM_COMPLETED : OPS_VACUUM_FAILED;
    enum ops_status status = move_to(vacuum, to, "finished_at", now_ms, &next);
    if (status != OPS_OK)
        return status;
    if (targets)
        status = ops_json_set(next, "targets", json_incref(targets));
    if (status == OPS_OK)
        status = end_targets(json_object_get(next, "targets"));
    if (status == OPS_OK)
        status = set_totals(next);
    if (status == OPS_OK && failure != OPS_OK)
        status = set_error(next, failure, error);
    return hand_over(status, next, ret_vacuum);
}

enum ops_status ops_vacuum_trim(json_t *vacuum, size_t max_bytes)
{
    static const char *const lists[] = {"remarks", "warnings"};
    json_t *targets = json_object_get(vacuum, "targets");
    size_t length = ops_json_length(vacuum);
    json_int_t left_out = 0;
    for (size_t i = json_array_size(targets); i-- > 0 && length > max_bytes;) {
        json_t *target = json_array_get(targets, i);
        size_t before = ops_json_length(target);
        for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++)
            left_out += json_object_del(target, lists[k]) == 0;
        length -= before - ops_json_length(target);
    }
    return left_out ? ops_json_set_integer(vacuum, "left_out", left_out) : OPS_OK;
}

/* Of a target, not shown. */
static const char *const internal_members[] = {"location",   "segments", "split", "plan_error",
                                               "plan_tries", "identity", "mark",  "empty"};

void ops_vacuum_show_target(json_t *target)
{
    for (size_t k = 0; k < sizeof internal_members / sizeof internal_members[0]; k++)
        (void)json_object_del(target, internal_members[k]); /* absent is as good */
}

enum ops_status ops_vacuum_view(const json_t *vacuum, json_t *targets, json_t **ret_view)
{
    json_t *view = ops_json_copy(vacuum);
    if (!view)
        return OPS_NO_MEMORY;
    (void)json_object_del(view, "work"); /* absent is as good */
    enum ops_status status = OPS_OK;
    if (targets)
        status = ops_json_set(view, "targets", ops_json_copy(targets));
    if (status == OPS_OK)
        status = set_totals(view);
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(view, "targets"), i, target)
        ops_vacuum_show_target(target);
    return hand_over(status, view, ret_view);
}
