#include "app/errand_count.h"

static void page_begin(struct ops_page_in_hand *hand)
{
    hand->left = hand->at = hand->waiting = 0;
    hand->counters = (struct ops_counters){0};
    hand->doubtful = false;
}

void ops_errand_sort_page(struct ops_errand *errand)
{
    struct ops_page_in_hand *hand = &errand->hand;
    struct ops_task *task = &errand->claim.task;
    const struct ops_manifest *manifest;
    struct ops_shared *held = ops_app_hold_manifest(errand->app, &manifest);
    page_begin(hand);
    task->receipt_bytes = 0;
    for (size_t i = 0; i < hand->page.count; i++) {
        struct ops_key key = hand->page.keys[i];
        task->receipt_bytes += key.size_bytes;
        if (ops_guard_key(&manifest->guard, errand->kind, key.guarded)) {
            hand->counters.protected++;
            continue;
        }
        hand->counters.matched++;
        hand->counters.bytes += key.size_bytes;
        hand->page.keys[hand->left++] = key;
    }
    task->receipt_matched = hand->counters.matched;
    task->receipt_protected = hand->counters.protected;
    ops_shared_let_go(held);
}

void ops_errand_note_outcomes(struct ops_page_in_hand *hand, const enum ops_removal *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i] == OPS_REMOVED)
            hand->counters.deleted++;
        else if (outcomes[i] == OPS_FAILED)
            hand->counters.failed++;
        else
            hand->page.keys[hand->waiting++] = hand->page.keys[hand->at + i];
        hand->doubtful = hand->doubtful || outcomes[i] != OPS_REMOVED;
    }
    hand->at += count;
}

enum ops_status ops_errand_recount(struct ops_errand *errand, struct ops_recount *ret_there, struct ops_error *error)
{
    const struct ops_task *task = &errand->claim.task;
    enum ops_status status =
        ops_target_recount(errand->target, (uint32_t)task->segment, ops_buf_text(&task->receipt), ret_there, error);
    if (status != OPS_TARGET_MISSING)
        return status;
    *ret_there = (struct ops_recount){.count = 0};
    return OPS_OK;
}

enum ops_status ops_errand_count_truly(struct ops_errand *errand, struct ops_error *error)
{
    struct ops_page_in_hand *hand = &errand->hand;
    struct ops_task *task = &errand->claim.task;
    struct ops_recount there = {0};
    enum ops_status status = ops_errand_recount(errand, &there, error);
    if (status != OPS_OK)
        return status;
    json_int_t left = (json_int_t)there.count - task->receipt_protected;
    hand->counters.failed = left < 0 ? 0 : left > hand->counters.matched ? hand->counters.matched : left;
    hand->counters.deleted = hand->counters.matched - hand->counters.failed;
    json_int_t left_bytes = there.size_bytes - (task->receipt_bytes - hand->counters.bytes); /* less the protected ones */
    hand->counters.failed_bytes = left_bytes < 0 ? 0 : left_bytes > hand->counters.bytes ? hand->counters.bytes : left_bytes;
    return OPS_OK;
}

enum ops_status ops_errand_account_page(struct ops_errand *errand)
{
    struct ops_task *task = &errand->claim.task;
    struct ops_page_in_hand *hand = &errand->hand;
    task->counters.matched += hand->counters.matched;
    task->counters.deleted += hand->counters.deleted;
    task->counters.failed += hand->counters.failed;
    task->counters.protected += hand->counters.protected;
    task->counters.bytes += hand->counters.bytes;
    task->counters.failed_bytes += hand->counters.failed_bytes;
    ops_buf_clear(&task->receipt);
    task->receipt_matched = task->receipt_protected = task->receipt_bytes = 0;
    ops_buf_clear(&task->cursor);
    ops_buf_append_view(&task->cursor, ops_buf_view(&hand->page.cursor));
    return ops_buf_status(&task->cursor);
}

enum ops_status ops_errand_account_unfinished(struct ops_errand *errand)
{
    struct ops_task *task = &errand->claim.task;
    struct ops_page_in_hand *hand = &errand->hand;
    if (errand->stage == OPS_STAGE_REMOVE) {
        if (ops_errand_count_truly(errand, NULL) != OPS_OK)
            hand->counters.failed = hand->counters.matched - hand->counters.deleted;
        return ops_errand_account_page(errand);
    }
    if (task->receipt.length > 0) {
        task->counters.matched += task->receipt_matched;
        task->counters.failed += task->receipt_matched;
        task->counters.protected += task->receipt_protected;
    }
    return OPS_OK;
}
