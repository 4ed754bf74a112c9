/* Records as a damaged store may give them: the first byte chooses what the document is taken for. Whatever is not sound
 * must be OPS_CORRUPT or harmless, never a crash. */
#include "fuzz/fuzz.h"

#include "core/audit.h"
#include "core/mutex.h"
#include "core/pass.h"
#include "core/secret.h"
#include "core/window.h"

static void as_task(json_t *doc)
{
    struct ops_task task, again;
    ops_task_init(&task);
    ops_task_init(&again);
    if (ops_task_read(doc, &task) == OPS_OK) {
        json_t *written = ops_task_doc(&task, "txn");
        FUZZ_MUST(written && ops_task_read(written, &again) == OPS_OK);
        FUZZ_MUST(again.counters.deleted == task.counters.deleted && again.done == task.done &&
                  ops_view_equal(ops_buf_view(&again.cursor), ops_buf_view(&task.cursor)));
        json_decref(written);
    }
    ops_task_release(&task);
    ops_task_release(&again);
}

static void as_mutex(json_t *doc)
{
    struct ops_mutex mutex, again;
    if (ops_mutex_read(doc, &mutex) != OPS_OK)
        return;
    json_t *written = ops_mutex_doc(&mutex);
    FUZZ_MUST(!written || (ops_mutex_read(written, &again) == OPS_OK && again.fence == mutex.fence));
    json_decref(written);
}

static void as_window(json_t *doc)
{
    json_t *next = NULL;
    struct ops_window_change change = {.text = "text"};
    (void)ops_window_due(doc, 1);
    if (ops_window_start(doc, "sweep", 1, &next, NULL) == OPS_OK)
        json_decref(next);
    if (ops_window_update(doc, &change, 1, &next, NULL) == OPS_OK)
        json_decref(next);
    if (ops_window_notice(doc, 1, &next) == OPS_OK)
        json_decref(next);
}

static void as_vacuum(json_t *doc)
{
    json_t *next = NULL, *tasks = json_array();
    struct ops_pass_result result;
    if (ops_vacuum_view(doc, NULL, &next) == OPS_OK)
        json_decref(next);
    if (ops_pass_tally(doc, tasks, &next) == OPS_OK)
        json_decref(next);
    if (ops_pass_result(doc, tasks, &result, NULL) == OPS_OK)
        json_decref(result.in_pass);
    if (ops_vacuum_cancel(doc, 1, &next, NULL) == OPS_OK)
        json_decref(next);
    FUZZ_MUST(json_is_boolean(json_object_get(doc, "dry_run")) || ops_vacuum_dry_run(doc));
    json_decref(tasks);
}

static void as_audit(json_t *doc)
{
    struct ops_audit_head head = OPS_AUDIT_HEAD_EMPTY;
    enum ops_status ignored = ops_audit_follow(&head, doc, NULL);
    (void)ignored;
}

static void as_secret(json_t *doc)
{
    json_t *next = NULL;
    int64_t seconds = 0;
    if (ops_secret_check_lock(doc, 1, NULL) == OPS_OK && ops_secret_count_wrong(doc, 1, &next, &seconds) == OPS_OK) {
        FUZZ_MUST(seconds >= 0 && seconds <= OPS_SECRET_LOCK_MAX_SECONDS);
        FUZZ_MUST(ops_secret_lock_left_ms(next, 1) == seconds * OPS_SECOND_MS);
        json_decref(next);
    }
    FUZZ_MUST(ops_secret_lock_left_ms(doc, 1) <= OPS_SECRET_LOCK_MAX_SECONDS * OPS_SECOND_MS);
    if (ops_secret_count_wrong_while_locked(doc, &next) == OPS_OK) {
        FUZZ_MUST(ops_secret_lock_left_ms(next, 1) == ops_secret_lock_left_ms(doc, 1) && ops_secret_has_wrong(next));
        json_decref(next);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static void (*const readers[])(json_t *) = {as_task, as_mutex, as_window, as_vacuum, as_audit, as_secret};
    json_t *doc = NULL;
    if (count == 0 || ops_json_parse_object(fuzz_view(bytes + 1, count - 1), &doc, NULL) != OPS_OK)
        return 0;
    readers[bytes[0] % (sizeof readers / sizeof readers[0])](doc);
    json_decref(doc);
    return 0;
}
