#include "core/pass.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

enum { NAMED_MAX = 3 }; /* targets in a message */

static const json_t *work_of(const json_t *vacuum)
{
    return json_object_get(vacuum, "work");
}

json_int_t ops_pass_first_task(const json_t *vacuum)
{
    return ops_json_integer(work_of(vacuum), "first_task", 0);
}

json_int_t ops_pass_task_count(const json_t *vacuum)
{
    return ops_json_integer(work_of(vacuum), "task_count", 0);
}

static json_int_t segments_of(const json_t *vacuum, json_int_t target)
{
    const json_t *targets = json_object_get(vacuum, "targets");
    return ops_json_integer(json_array_get(targets, (size_t)target), "segments", 1);
}

enum ops_status ops_pass_task(const json_t *vacuum, json_int_t number, struct ops_task *ret_task)
{
    json_int_t left = number - ops_pass_first_task(vacuum);
    size_t i;
    json_t *index;
    json_array_foreach(json_object_get(work_of(vacuum), "in_pass"), i, index) {
        json_int_t target = json_integer_value(index);
        json_int_t segments = segments_of(vacuum, target);
        if (left >= 0 && left < segments) {
            ret_task->number = number;
            ret_task->pass = ops_json_integer(work_of(vacuum), "pass", 0);
            ret_task->target = target;
            ret_task->segment = left;
            return OPS_OK;
        }
        left -= segments;
    }
    return OPS_CORRUPT;
}

/* One target's counts over all passes so far. */
struct target_tally {
    struct ops_counters sum;
    struct ops_counters last;               /* of the latest pass alone */
    json_int_t pass;                        /* the latest pass that has a task here; -1: none has */
    int passes;                             /* how many have had one */
    json_int_t started;                     /* tasks of that pass that have a record */
    json_int_t done;                        /* of those, done */
    const char *error;                      /* the first one of any task, or NULL; borrowed from its document */
    const json_t *remarks[OPS_REMARKS_MAX]; /* the first of the latest pass; likewise */
    size_t remark_count;
    bool arrives;      /* the last pass that there may be has found more */
    char arrival[128]; /* that, in a sentence */
};

struct tally {
    struct target_tally *targets;
    size_t count;
};

/* What one pass failed to remove the next one finds again. */
static void begin_pass(struct target_tally *tally, json_int_t pass)
{
    tally->sum.matched -= tally->sum.failed;
    tally->sum.bytes -= tally->sum.failed_bytes;
    for (size_t i = 0; i < OPS_COUNTER_COUNT; i++)
        if (ops_counter_members[i].of_last_pass)
            *ops_counter(&tally->sum, &ops_counter_members[i]) = 0;
    tally->last = (struct ops_counters){0};
    tally->remark_count = 0;
    tally->pass = pass;
    tally->passes++;
    tally->started = tally->done = 0;
}

static void tally_remarks(struct target_tally *tally, const json_t *remarks)
{
    for (size_t i = 0; i < json_array_size(remarks) && tally->remark_count < OPS_REMARKS_MAX; i++)
        tally->remarks[tally->remark_count++] = json_array_get(remarks, i);
}

static void tally_task(struct target_tally *tally, const json_t *doc)
{
    struct ops_counters counters = {0};
    for (size_t i = 0; i < OPS_COUNTER_COUNT; i++)
        *ops_counter(&counters, &ops_counter_members[i]) = ops_json_integer(doc, ops_counter_members[i].name, 0);
    json_int_t pass = ops_json_integer(doc, "pass", 0);
    if (pass != tally->pass)
        begin_pass(tally, pass);
    ops_counters_add(&tally->sum, &counters);
    ops_counters_add(&tally->last, &counters);
    tally->started++;
    tally->done += ops_json_flag(doc, "done", false);
    const char *error = ops_json_text(doc, "error", "");
    if (error[0] && !tally->error)
        tally->error = error;
    tally_remarks(tally, json_object_get(doc, "remarks"));
}

/* Whether something in scope could not be seen, compared or removed. */
static bool remains(const struct target_tally *tally)
{
    return tally->error || tally->last.failed > 0 || tally->last.unreadable > 0 || tally->last.incomparable > 0;
}

static bool found_something(const struct target_tally *tally)
{
    return tally->last.matched > 0 || tally->last.absent > 0;
}

static void find_arrival(struct target_tally *tally, const json_t *vacuum, const json_t *target)
{
    tally->arrives = !ops_vacuum_dry_run(vacuum) && !remains(tally) && found_something(tally) &&
                     tally->passes == OPS_PASSES_MAX && tally->done == ops_json_integer(target, "segments", 1);
    (void)snprintf(tally->arrival, sizeof tally->arrival,
                   "Records kept arriving: the last of %d looks found %" JSON_INTEGER_FORMAT
                   " more, and what came since is left.",
                   OPS_PASSES_MAX, tally->last.matched + tally->last.absent);
}

static enum ops_status tally_init(struct tally *tally, const json_t *vacuum, const json_t *tasks)
{
    tally->count = json_array_size(json_object_get(vacuum, "targets"));
    tally->targets = ops_mem_zeroed(tally->count, sizeof *tally->targets);
    if (!tally->targets)
        return OPS_NO_MEMORY;
    size_t i;
    json_t *doc, *planned;
    json_array_foreach(json_object_get(vacuum, "targets"), i, planned) {
        tally->targets[i].pass = -1;
        tally->targets[i].error = ops_plan_defer_reason(planned);
    }
    json_array_foreach(tasks, i, doc) {
        json_int_t target = ops_json_integer(doc, "target", -1);
        if (target < 0 || (size_t)target >= tally->count) {
            ops_mem_free(tally->targets);
            return OPS_CORRUPT;
        }
        tally_task(&tally->targets[target], doc);
    }
    json_array_foreach(json_object_get(vacuum, "targets"), i, planned)
        find_arrival(&tally->targets[i], vacuum, planned);
    return OPS_OK;
}

static bool found_nothing_more(const json_t *vacuum, const struct target_tally *target)
{
    return !remains(target) && (!found_something(target) || ops_vacuum_dry_run(vacuum));
}

static const char *status_word(const json_t *target, const struct target_tally *tally)
{
    if (ops_plan_deferred(target))
        return ops_plan_may_be_tried(target) ? "pending" : "failed";
    if (tally->started == 0)
        return "pending";
    if (tally->done < ops_json_integer(target, "segments", 1))
        return "running";
    return remains(tally) || tally->arrives ? "failed" : "completed";
}

static bool is_what(const json_t *remark, enum ops_remark_kind kind)
{
    return strcmp(ops_json_text(remark, "what", ""), ops_remark_kind_name(kind)) == 0;
}

/* The remark that says why the target is not as it should be: of what was refused only while something is left. */
static bool counts(const struct target_tally *tally, const json_t *remark)
{
    return !is_what(remark, OPS_REMARK_REFUSED) || tally->last.failed > 0;
}

static const char *first_reason(const struct target_tally *tally)
{
    if (tally->error)
        return tally->error;
    for (size_t i = 0; remains(tally) && i < tally->remark_count; i++)
        if (counts(tally, tally->remarks[i]) && !is_what(tally->remarks[i], OPS_REMARK_UNDELETABLE))
            return ops_json_text(tally->remarks[i], "reason", NULL);
    return tally->arrives ? tally->arrival : NULL;
}

static enum ops_status set_remarks(json_t *target, const struct target_tally *tally)
{
    json_t *remarks = json_array();
    enum ops_status status = remarks ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; status == OPS_OK && i < tally->remark_count; i++)
        if (counts(tally, tally->remarks[i]) && json_array_append_new(remarks, ops_json_copy(tally->remarks[i])) != 0)
            status = OPS_NO_MEMORY;
    if (status == OPS_OK && json_array_size(remarks) > 0)
        return ops_json_set(target, "remarks", remarks);
    json_decref(remarks);
    return status;
}

static enum ops_status set_counters(json_t *target, const struct ops_counters *counters)
{
    bool sized = strcmp(ops_json_text(target, "kind", ""), ops_target_kind_name(OPS_TABLE)) != 0;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; status == OPS_OK && i < OPS_COUNTER_COUNT; i++) {
        const struct ops_counter_member *member = &ops_counter_members[i];
        json_int_t value = ops_counter_value(counters, member);
        bool shown = member->shown && (value || !member->rare) && (sized || strcmp(member->name, "bytes") != 0);
        if (shown)
            status = ops_json_set_integer(target, member->name, value);
    }
    return status;
}

static enum ops_status fill_target(json_t *target, const struct target_tally *tally)
{
    enum ops_status status = ops_json_set_text(target, "status", status_word(target, tally));
    if (status == OPS_OK)
        status = set_counters(target, &tally->sum);
    if (status == OPS_OK)
        status = set_remarks(target, tally);
    const char *why = first_reason(tally);
    return status == OPS_OK && why ? ops_json_set_text(target, "error", why) : status;
}

static bool touched(const json_t *target)
{
    return strcmp(ops_json_text(target, "status", ""), "pending") == 0;
}

enum ops_status ops_pass_tally(const json_t *vacuum, const json_t *tasks, json_t **ret_targets)
{
    struct tally tally;
    enum ops_status status = tally_init(&tally, vacuum, tasks);
    if (status != OPS_OK)
        return status;
    json_t *targets = ops_json_copy(json_object_get(vacuum, "targets"));
    if (!targets)
        status = OPS_NO_MEMORY;
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
        if (status == OPS_OK && touched(target))
            status = fill_target(target, &tally.targets[i]);
    ops_mem_free(tally.targets);
    if (status == OPS_OK)
        *ret_targets = targets;
    else
        json_decref(targets);
    return status;
}

static bool pass_done(const json_t *vacuum, const json_t *tasks)
{
    json_int_t first = ops_pass_first_task(vacuum), done = 0;
    size_t i;
    json_t *doc;
    json_array_foreach(tasks, i, doc)
        done += ops_json_integer(doc, "number", -1) >= first && ops_json_flag(doc, "done", false);
    return done == ops_pass_task_count(vacuum);
}

/* Whether another pass over the target is of use: this one found something that is gone now, and met no error. */
static bool look_again(const json_t *vacuum, const struct target_tally *tally)
{
    bool something_went = tally->last.deleted > 0 || tally->last.absent > 0;
    return !ops_vacuum_dry_run(vacuum) && !tally->error && something_went && tally->passes < OPS_PASSES_MAX;
}

static const char *name_of(const json_t *vacuum, size_t target)
{
    return ops_json_text(json_array_get(json_object_get(vacuum, "targets"), target), "name", "");
}

/* What is left of all targets, and the first of them that is not as it should be. */
struct remainder {
    size_t targets;
    size_t broken;           /* of them, those that have an error, */
    size_t arriving;         /* and those in which records kept arriving, and nothing else is wrong */
    size_t first;            /* a broken one where there is one, else one in which something could not be removed */
    struct ops_counters sum; /* failed, unreadable, incomparable */
};

static struct remainder sum_up(const json_t *vacuum, const struct tally *tally)
{
    struct remainder remainder = {.targets = 0};
    for (size_t i = tally->count; i-- > 0;) {
        const struct target_tally *target = &tally->targets[i];
        if (found_nothing_more(vacuum, target))
            continue;
        remainder.targets++;
        remainder.broken += target->error != NULL;
        remainder.arriving += target->arrives;
        ops_counters_add(&remainder.sum, &target->last);
        bool others_are_worse = remainder.broken > 0 || (target->arrives && remainder.targets > remainder.arriving);
        if (target->error || !others_are_worse)
            remainder.first = i;
    }
    return remainder;
}

/* "a, b, c and 2 more". */
static void name_arriving(const json_t *vacuum, const struct tally *tally, size_t count, struct ops_buf *text)
{
    size_t named = 0;
    for (size_t i = 0; i < tally->count && named < NAMED_MAX; i++)
        if (tally->targets[i].arrives)
            ops_buf_append_format(text, "%s%.100s", named++ > 0 ? ", " : "", name_of(vacuum, i));
    if (count > named)
        ops_buf_append_format(text, " and %zu more", count - named);
}

static void append_count(struct ops_buf *text, json_int_t count, const char *one, const char *many)
{
    if (count == 0)
        return;
    ops_buf_append_text(text, text->length ? ", " : "");
    ops_buf_append_format(text, "%" JSON_INTEGER_FORMAT " %s", count, count == 1 ? one : many);
}

static enum ops_status say_what_remains(const json_t *vacuum, const struct tally *tally, struct ops_error *error)
{
    struct remainder remainder = sum_up(vacuum, tally);
    const struct target_tally *first = &tally->targets[remainder.first];
    const char *name = name_of(vacuum, remainder.first), *why = first_reason(first);
    struct ops_buf what, arriving;
    ops_buf_init(&what, OPS_ERROR_TEXT_SIZE);
    ops_buf_init(&arriving, OPS_ERROR_TEXT_SIZE);
    name_arriving(vacuum, tally, remainder.arriving, &arriving);
    const char *kept = arriving.length > 0 ? " Records kept arriving in " : "";
    append_count(&what, remainder.sum.failed, "record could not be deleted", "records could not be deleted");
    append_count(&what, remainder.sum.incomparable, "record could not be compared with the tenant's name",
                 "records could not be compared with the tenant's name");
    append_count(&what, remainder.sum.unreadable, "place could not be looked into", "places could not be looked into");
    if (first->error)
        (void)ops_fail(error, OPS_TARGET_ERROR, "%zu of the targets could not be finished; %s: %.300s%s%s%s%s%s%s",
                       remainder.broken, name, why, what.length > 0 ? " Besides, " : "", ops_buf_text(&what),
                       what.length > 0 ? "." : "", kept, ops_buf_text(&arriving), arriving.length > 0 ? "." : "");
    else if (what.length > 0)
        (void)ops_fail(error, OPS_RECORDS_REMAIN, "In %zu of the targets %s; first in %s%s%s%s%s%s",
                       remainder.targets - remainder.arriving, ops_buf_text(&what), name, why ? ": " : "", why ? why : ".",
                       kept, ops_buf_text(&arriving), arriving.length > 0 ? "." : "");
    else
        (void)ops_fail(error, OPS_RECORDS_REMAIN,
                       "Records kept arriving in %zu of the targets: %s; stop what writes to them and vacuum again.",
                       remainder.arriving, ops_buf_text(&arriving));
    ops_buf_release(&arriving);
    ops_buf_release(&what);
    ops_error_detail_integer(error, "targets", (json_int_t)remainder.targets);
    ops_error_detail_integer(error, "records", remainder.sum.failed);
    if (remainder.sum.unreadable)
        ops_error_detail_integer(error, "unreadable", remainder.sum.unreadable);
    if (remainder.sum.incomparable)
        ops_error_detail_integer(error, "incomparable", remainder.sum.incomparable);
    ops_error_detail(error, "first_target", name);
    return first->error ? OPS_TARGET_ERROR : OPS_RECORDS_REMAIN;
}

/* The targets that another pass should look at. NULL: no memory. */
static json_t *choose_again(const json_t *vacuum, const struct tally *tally)
{
    json_int_t pass = ops_json_integer(work_of(vacuum), "pass", 0);
    json_t *again = json_array();
    for (size_t i = 0; again && i < tally->count; i++) {
        const struct target_tally *target = &tally->targets[i];
        bool in_this_pass = target->started > 0 && target->pass == pass;
        if (in_this_pass && look_again(vacuum, target) && json_array_append_new(again, json_integer((json_int_t)i)) != 0) {
            json_decref(again);
            again = NULL;
        }
    }
    return again;
}

static bool any_to_survey(const json_t *vacuum)
{
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(vacuum, "targets"), i, target)
        if (ops_plan_may_be_tried(target))
            return true;
    return false;
}

static bool all_clean(const json_t *vacuum, const struct tally *tally)
{
    for (size_t i = 0; i < tally->count; i++)
        if (!found_nothing_more(vacuum, &tally->targets[i]))
            return false;
    return true;
}

enum ops_status ops_pass_result(const json_t *vacuum, const json_t *tasks, struct ops_pass_result *ret_result,
                                struct ops_error *error)
{
    *ret_result = (struct ops_pass_result){.outcome = OPS_PASS_GOES_ON};
    if (!pass_done(vacuum, tasks))
        return OPS_OK;
    struct tally tally;
    enum ops_status status = tally_init(&tally, vacuum, tasks);
    if (status != OPS_OK)
        return status;
    json_t *again = choose_again(vacuum, &tally);
    if (!again) {
        status = OPS_NO_MEMORY;
    } else if (any_to_survey(vacuum)) {
        *ret_result = (struct ops_pass_result){.outcome = OPS_PASS_SURVEY, .in_pass = json_incref(again)};
    } else if (json_array_size(again) > 0) {
        *ret_result = (struct ops_pass_result){.outcome = OPS_PASS_AGAIN, .in_pass = json_incref(again)};
    } else if (all_clean(vacuum, &tally)) {
        ret_result->outcome = OPS_PASS_CLEAN;
    } else {
        ret_result->outcome = OPS_PASS_REMAINS;
        ret_result->failure = say_what_remains(vacuum, &tally, error);
    }
    json_decref(again);
    ops_mem_free(tally.targets);
    return status;
}
