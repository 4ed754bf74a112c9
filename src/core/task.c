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

/* The task's integers, once for both ways. */
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
    {"matched", offsetof(struct ops_task, counters.matched)},
    {"deleted", offsetof(struct ops_task, counters.deleted)},
    {"failed", offsetof(struct ops_task, counters.failed)},
    {"protected", offsetof(struct ops_task, counters.protected)},
    {"bytes", offsetof(struct ops_task, counters.bytes)},
    {"failed_bytes", offsetof(struct ops_task, counters.failed_bytes)},
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

enum ops_status ops_task_read(const json_t *doc, struct ops_task *ret_task)
{
    for (size_t i = 0; i < INTEGER_MEMBER_COUNT; i++) {
        json_t *value = json_object_get(doc, integer_members[i].name);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return OPS_CORRUPT;
        *(json_int_t *)(void *)((char *)ret_task + integer_members[i].offset) = json_integer_value(value);
    }
    ret_task->done = ops_json_flag(doc, "done", false);
    ret_task->lease_until_ms = ops_json_integer(doc, "lease_until_ms", 0);
    if (!read_text(doc, "owner", ret_task->owner, sizeof ret_task->owner) ||
        !read_text(doc, "lease", ret_task->lease, sizeof ret_task->lease) ||
        !read_text(doc, "error", ret_task->error, sizeof ret_task->error) ||
        !read_text(doc, "refusal", ret_task->refusal, sizeof ret_task->refusal))
        return OPS_CORRUPT;
    enum ops_status status = read_buf(doc, "cursor", &ret_task->cursor);
    return status == OPS_OK ? read_buf(doc, "receipt", &ret_task->receipt) : status;
}

json_t *ops_task_doc(const struct ops_task *task, const char *txn)
{
    json_t *doc =
        json_pack("{s:b, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:s}", "done", task->done, "owner", task->owner, "lease",
                  task->lease, "lease_until_ms", (json_int_t)task->lease_until_ms, "cursor", ops_buf_text(&task->cursor),
                  "receipt", ops_buf_text(&task->receipt), "error", ops_json_any_text(ops_view_of(task->error)), "refusal",
                  ops_json_any_text(ops_view_of(task->refusal)), "txn", txn);
    for (size_t i = 0; doc && i < INTEGER_MEMBER_COUNT; i++) {
        const char *at = (const char *)task + integer_members[i].offset;
        if (ops_json_set_integer(doc, integer_members[i].name, *(const json_int_t *)(const void *)at) != OPS_OK) {
            json_decref(doc);
            return NULL;
        }
    }
    return doc;
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

void ops_task_settle_lost(struct ops_task *task, const struct ops_recount *there)
{
    json_int_t left = (json_int_t)there->count - task->receipt_protected;
    json_int_t gone = task->receipt_matched - (left > 0 ? left : 0);
    if (gone > 0) {
        task->counters.matched += gone;
        task->counters.deleted += gone;
        task->counters.bytes += task->receipt_bytes - there->size_bytes;
    }
    task->receipt_matched = task->receipt_protected = task->receipt_bytes = 0;
    ops_buf_clear(&task->receipt);
}
