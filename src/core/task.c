#include "core/task.h"

#include "base/json.h"

#include <stdio.h>

void ops_task_init(struct ops_task *task)
{
    *task = (struct ops_task){.number = 0};
    ops_buf_init(&task->cursor, OPS_CURSOR_MAX_BYTES);
    ops_buf_init(&task->receipt, OPS_RECEIPT_MAX_BYTES);
}

void ops_task_release(struct ops_task *task)
{
    ops_buf_release(&task->cursor);
    ops_buf_release(&task->receipt);
}

void ops_task_key(json_int_t number, char ret_key[static OPS_TASK_KEY_SIZE])
{
    (void)snprintf(ret_key, OPS_TASK_KEY_SIZE, "TASK#%06" JSON_INTEGER_FORMAT, number);
}

const struct ops_counter_member ops_counter_members[OPS_COUNTER_COUNT] = {
    {"matched", offsetof(struct ops_counters, matched), true, false, false},
    {"deleted", offsetof(struct ops_counters, deleted), true, false, false},
    {"failed", offsetof(struct ops_counters, failed), true, false, true},
    {"protected", offsetof(struct ops_counters, protected), true, false, true},
    {"bytes", offsetof(struct ops_counters, bytes), true, false, false},
    {"failed_bytes", offsetof(struct ops_counters, failed_bytes), false, false, true},
    {"unreadable", offsetof(struct ops_counters, unreadable), true, true, true},
    {"incomparable", offsetof(struct ops_counters, incomparable), true, true, true},
    {"ignored", offsetof(struct ops_counters, ignored), true, true, true},
    {"undeletable", offsetof(struct ops_counters, undeletable), true, true, true},
    {"absent", offsetof(struct ops_counters, absent), false, true, true},
};

void ops_counters_add(struct ops_counters *sum, const struct ops_counters *more)
{
    for (size_t i = 0; i < OPS_COUNTER_COUNT; i++)
        *ops_counter(sum, &ops_counter_members[i]) += ops_counter_value(more, &ops_counter_members[i]);
}

/* The task's other integers, once for both ways. */
struct integer_member {
    const char *name;
    size_t offset;
};

static const struct integer_member integer_members[] = {
    {"number", offsetof(struct ops_task, number)},
    {"pass", offsetof(struct ops_task, pass)},
    {"target", offsetof(struct ops_task, target)},
    {"segment", offsetof(struct ops_task, segment)},
    {"revision", offsetof(struct ops_task, revision)},
    {"receipt_matched", offsetof(struct ops_task, receipt_matched)},
    {"receipt_protected", offsetof(struct ops_task, receipt_protected)},
    {"receipt_bytes", offsetof(struct ops_task, receipt_bytes)},
};

enum { INTEGER_MEMBER_COUNT = sizeof integer_members / sizeof integer_members[0] };

static bool read_text(const json_t *doc, const char *name, char *destination, size_t size)
{
    const char *text = ops_json_text(doc, name, "");
    return snprintf(destination, size, "%s", text) < (int)size;
}

static enum ops_status read_buf(const json_t *doc, const char *name, struct ops_buf *buf)
{
    ops_buf_clear(buf);
    ops_buf_append_text(buf, ops_json_text(doc, name, ""));
    return ops_buf_status(buf) == OPS_LIMIT ? OPS_CORRUPT : ops_buf_status(buf);
}

static bool read_integer(const json_t *doc, const char *name, bool may_lack, json_int_t *ret_value)
{
    const json_t *value = json_object_get(doc, name);
    *ret_value = json_integer_value(value);
    return value ? json_is_integer(value) && *ret_value >= 0 : may_lack;
}

/* A record of version 0.1 lacks the rare counters. */
static bool read_integers(const json_t *doc, struct ops_task *task)
{
    bool good = true;
    for (size_t i = 0; i < INTEGER_MEMBER_COUNT; i++)
        good = read_integer(doc, integer_members[i].name, false,
                            (json_int_t *)(void *)((char *)task + integer_members[i].offset)) &&
               good;
    for (size_t i = 0; i < OPS_COUNTER_COUNT; i++)
        good = read_integer(doc, ops_counter_members[i].name, ops_counter_members[i].rare,
                            ops_counter(&task->counters, &ops_counter_members[i])) &&
               good;
    return good;
}

static bool read_remark_kind(const char *name, enum ops_remark_kind *ret_kind)
{
    for (int kind = 0; kind < OPS_REMARK_KIND_COUNT; kind++)
        if (strcmp(name, ops_remark_kind_name((enum ops_remark_kind)kind)) == 0) {
            *ret_kind = (enum ops_remark_kind)kind;
            return true;
        }
    return false;
}

static bool read_remarks(const json_t *array, struct ops_remarks *ret_remarks)
{
    *ret_remarks = (struct ops_remarks){.count = 0};
    if (json_array_size(array) > OPS_REMARKS_MAX)
        return false;
    size_t i;
    json_t *remark;
    json_array_foreach(array, i, remark) {
        struct ops_remark *read = &ret_remarks->first[i];
        if (!read_remark_kind(ops_json_text(remark, "what", ""), &read->kind) ||
            !read_text(remark, "name", read->name, sizeof read->name) ||
            !read_text(remark, "reason", read->reason, sizeof read->reason))
            return false;
        ret_remarks->count++;
    }
    return true;
}

static json_t *remarks_json(const struct ops_remarks *remarks)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < remarks->count; i++) {
        const struct ops_remark *remark = &remarks->first[i];
        if (json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "what", ops_remark_kind_name(remark->kind), "name",
                                                   remark->name, "reason", remark->reason)) == 0)
            continue;
        json_decref(array);
        array = NULL;
    }
    return array;
}

enum ops_status ops_task_read(const json_t *doc, struct ops_task *ret_task)
{
    if (!read_integers(doc, ret_task) || !read_remarks(json_object_get(doc, "remarks"), &ret_task->remarks))
        return OPS_CORRUPT;
    ret_task->done = ops_json_flag(doc, "done", false);
    ret_task->lease_until_ms = ops_json_integer(doc, "lease_until_ms", 0);
    if (!read_text(doc, "owner", ret_task->owner, sizeof ret_task->owner) ||
        !read_text(doc, "lease", ret_task->lease, sizeof ret_task->lease) ||
        !read_text(doc, "error", ret_task->error, sizeof ret_task->error))
        return OPS_CORRUPT;
    enum ops_status status = read_buf(doc, "cursor", &ret_task->cursor);
    return status == OPS_OK ? read_buf(doc, "receipt", &ret_task->receipt) : status;
}

static bool set_integers(json_t *doc, const struct ops_task *task)
{
    bool good = true;
    for (size_t i = 0; good && i < INTEGER_MEMBER_COUNT; i++) {
        const char *at = (const char *)task + integer_members[i].offset;
        good = ops_json_set_integer(doc, integer_members[i].name, *(const json_int_t *)(const void *)at) == OPS_OK;
    }
    for (size_t i = 0; good && i < OPS_COUNTER_COUNT; i++) {
        const struct ops_counter_member *member = &ops_counter_members[i];
        json_int_t value = ops_counter_value(&task->counters, member);
        if (value || !member->rare)
            good = ops_json_set_integer(doc, member->name, value) == OPS_OK;
    }
    return good;
}

json_t *ops_task_doc(const struct ops_task *task, const char *txn)
{
    json_t *doc =
        json_pack("{s:b, s:s, s:s, s:I, s:s, s:s, s:o, s:s}", "done", task->done, "owner", task->owner, "lease", task->lease,
                  "lease_until_ms", (json_int_t)task->lease_until_ms, "cursor", ops_buf_text(&task->cursor), "receipt",
                  ops_buf_text(&task->receipt), "error", ops_json_any_text(ops_view_of(task->error)), "txn", txn);
    bool good = doc && set_integers(doc, task);
    if (good && task->remarks.count > 0)
        good = ops_json_set(doc, "remarks", remarks_json(&task->remarks)) == OPS_OK;
    if (good)
        return doc;
    json_decref(doc);
    return NULL;
}

bool ops_task_lease_holds(int64_t lease_until_ms, int64_t now_ms)
{
    return lease_until_ms > now_ms && lease_until_ms - now_ms <= OPS_LEASE_LONGEST_MS;
}

bool ops_task_lease_fresh(int64_t lease_until_ms, int64_t age_ms, int64_t now_ms)
{
    int64_t left_ms = lease_until_ms - now_ms;
    return age_ms <= OPS_LEASE_FRESH_MS && left_ms >= OPS_REMOVAL_NEEDS_MS &&
           left_ms + age_ms + OPS_CLOCKS_APART_MS <= OPS_LEASE_LONGEST_MS;
}

bool ops_task_claimable(const json_t *doc, int64_t now_ms)
{
    return !ops_json_flag(doc, "done", false) && !ops_task_lease_holds(ops_json_integer(doc, "lease_until_ms", 0), now_ms);
}

static void close_receipt(struct ops_task *task)
{
    task->receipt_matched = task->receipt_protected = task->receipt_bytes = 0;
    ops_buf_clear(&task->receipt);
}

/* Of the receipt's records that were to be removed, how many are still there. */
static json_int_t still_there(const struct ops_task *task, const struct ops_recount *there)
{
    json_int_t left = (json_int_t)there->count - task->receipt_protected;
    return left < 0 ? 0 : left > task->receipt_matched ? task->receipt_matched : left;
}

static void count_gone(struct ops_task *task, const struct ops_recount *there)
{
    json_int_t gone = task->receipt_matched - still_there(task, there);
    /* As many records of fewer bytes: where files are, the directory that they leave empty may stand for one of them. */
    if (gone == 0 && there->size_bytes >= task->receipt_bytes)
        return;
    task->counters.matched += gone;
    task->counters.deleted += gone;
    task->counters.bytes += task->receipt_bytes - there->size_bytes;
}

void ops_task_settle_lost(struct ops_task *task, const struct ops_recount *there)
{
    count_gone(task, there);
    close_receipt(task);
}

void ops_task_settle_ended(struct ops_task *task, const struct ops_recount *there)
{
    json_int_t left = still_there(task, there);
    count_gone(task, there);
    task->counters.matched += left;
    task->counters.failed += left;
    task->counters.protected += task->receipt_protected;
    close_receipt(task);
}

void ops_task_settle_unknown(struct ops_task *task, const char *reason)
{
    char name[64];
    (void)snprintf(name, sizeof name, "up to %" JSON_INTEGER_FORMAT " records", task->receipt_matched);
    ops_remarks_add(&task->remarks, OPS_REMARK_UNREADABLE, ops_view_of(name), reason);
    task->counters.unreadable++;
    task->counters.matched += task->receipt_matched;
    task->counters.failed += task->receipt_matched;
    task->counters.protected += task->receipt_protected;
    close_receipt(task);
}
