#include "core/pass.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

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
    struct ops_counters last; /* of the latest pass alone */
    json_int_t pass;          /* the latest pass that has a task here */
    json_int_t started;       /* tasks of that pass that have a record */
    json_int_t done;          /* of those, done */
    const char *error;        /* of any task, or NULL; borrowed from its document */
    const char *refusal;      /* what was said of those that the latest pass failed to remove, or NULL; likewise */
};

struct tally {
    struct target_tally *targets;
    size_t count;
};

static void counters_add(struct ops_counters *sum, const struct ops_counters *more)
{
    sum->matched += more->matched;
    sum->deleted += more->deleted;
    sum->failed += more->failed;
    sum->protected += more->protected;
    sum->bytes += more->bytes;
    sum->failed_bytes += more->failed_bytes;
}

static void begin_pass(struct target_tally *tally, json_int_t pass)
{
    tally->sum.matched -= tally->sum.failed;
    tally->sum.bytes -= tally->sum.failed_bytes;
    tally->sum.failed = tally->sum.failed_bytes = 0;
    tally->sum.protected = 0;
    tally->last = (struct ops_counters){0};
    tally->refusal = NULL;
    tally->pass = pass;
    tally->started = tally->done = 0;
}

static void tally_task(struct target_tally *tally, const json_t *doc)
{
    const struct ops_counters counters = {
        .matched = ops_json_integer(doc, "matched", 0),
        .deleted = ops_json_integer(doc, "deleted", 0),
        .failed = ops_json_integer(doc, "failed", 0),
        .protected = ops_json_integer(doc, "protected", 0),
        .bytes = ops_json_integer(doc, "bytes", 0),
        .failed_bytes = ops_json_integer(doc, "failed_bytes", 0),
    };
    json_int_t pass = ops_json_integer(doc, "pass", 0);
    if (pass != tally->pass)
        begin_pass(tally, pass);
    counters_add(&tally->sum, &counters);
    counters_add(&tally->last, &counters);
    tally->started++;
    tally->done += ops_json_flag(doc, "done", false);
    const char *error = ops_json_text(doc, "error", "");
    if (error[0])
        tally->error = error;
    const char *refusal = ops_json_text(doc, "refusal", "");
    if (counters.failed > 0 && refusal[0])
        tally->refusal = refusal;
}

static enum ops_status tally_init(struct tally *tally, const json_t *vacuum, const json_t *tasks)
{
    tally->count = json_array_size(json_object_get(vacuum, "targets"));
    tally->targets = ops_mem_zeroed(tally->count, sizeof *tally->targets);
    if (!tally->targets)
        return OPS_NO_MEMORY;
    size_t i;
    json_t *doc;
    json_array_foreach(tasks, i, doc) {
        json_int_t target = ops_json_integer(doc, "target", -1);
        if (target < 0 || (size_t)target >= tally->count) {
            ops_mem_free(tally->targets);
            return OPS_CORRUPT;
        }
        tally_task(&tally->targets[target], doc);
    }
    return OPS_OK;
}

static bool remains(const struct target_tally *tally)
{
    return tally->error || tally->last.failed > 0;
}

static bool found_nothing_more(const json_t *vacuum, const struct target_tally *target)
{
    return !remains(target) && (target->last.matched == 0 || ops_vacuum_dry_run(vacuum));
}

static const char *status_word(const struct target_tally *tally, json_int_t segments)
{
    if (tally->started == 0)
        return "pending";
    if (tally->done < segments)
        return "running";
    return remains(tally) ? "failed" : "completed";
}

static enum ops_status fill_target(json_t *target, const struct target_tally *tally)
{
    const struct {
        const char *name;
        json_int_t value;
    } members[] = {
        {"matched", tally->sum.matched}, {"deleted", tally->sum.deleted},     {"failed", tally->sum.failed},
        {"bytes", tally->sum.bytes},     {"protected", tally->sum.protected},
    };
    const char *word = status_word(tally, ops_json_integer(target, "segments", 1));
    enum ops_status status = ops_json_set_text(target, "status", word);
    bool sized = strcmp(ops_json_text(target, "kind", ""), ops_target_kind_name(OPS_TABLE)) != 0;
    for (size_t i = 0; status == OPS_OK && i < sizeof members / sizeof members[0]; i++)
        if (sized || strcmp(members[i].name, "bytes") != 0)
            status = ops_json_set_integer(target, members[i].name, members[i].value);
    const char *why = tally->error ? tally->error : tally->refusal;
    if (status == OPS_OK && why)
        status = ops_json_set_text(target, "error", why);
    return status;
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

/* Whether another pass over the target is of use: this one found something, removed some of it, and met no error. */
static bool look_again(const json_t *vacuum, const struct target_tally *tally)
{
    return !ops_vacuum_dry_run(vacuum) && !tally->error && tally->last.deleted > 0 &&
           ops_json_integer(work_of(vacuum), "pass", 0) + 1 < OPS_PASSES_MAX;
}

static const char *name_of(const json_t *vacuum, size_t target)
{
    return ops_json_text(json_array_get(json_object_get(vacuum, "targets"), target), "name", "");
}

static enum ops_status say_what_remains(const json_t *vacuum, const struct tally *tally, struct ops_error *error)
{
    size_t targets = 0, first = 0;
    json_int_t records = 0;
    for (size_t i = tally->count; i-- > 0;) {
        const struct target_tally *target = &tally->targets[i];
        if (found_nothing_more(vacuum, target))
            continue;
        targets++;
        records += target->last.failed;
        first = i;
    }
    const char *why = tally->targets[first].error, *refusal = tally->targets[first].refusal;
    if (why)
        (void)ops_fail(error, OPS_TARGET_ERROR, "%zu of the targets could not be finished; %s: %s", targets,
                       name_of(vacuum, first), why);
    else if (records)
        (void)ops_fail(error, OPS_RECORDS_REMAIN,
                       "%" JSON_INTEGER_FORMAT " records in %zu targets could not be deleted, first in %s%s%s", records,
                       targets, name_of(vacuum, first), refusal ? ": " : ".", refusal ? refusal : "");
    else
        (void)ops_fail(error, OPS_RECORDS_REMAIN,
                       "Records kept arriving in %zu targets, first in %s; stop what writes to them and vacuum again.",
                       targets, name_of(vacuum, first));
    ops_error_detail_integer(error, "targets", (json_int_t)targets);
    ops_error_detail_integer(error, "records", records);
    ops_error_detail(error, "first_target", name_of(vacuum, first));
    return why ? OPS_TARGET_ERROR : OPS_RECORDS_REMAIN;
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
