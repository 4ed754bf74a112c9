#include "app/errand_count.h"

#include "core/vacuum.h"

static void page_begin(struct ops_page_in_hand *hand)
{
    hand->left = hand->at = hand->waiting = 0;
    hand->counters = (struct ops_counters){0};
    hand->protected_bytes = 0;
    hand->doubtful = hand->lost = false;
    hand->why[0] = '\0';
}

/* What the reading of the page said. That a removal would be refused is foretold in a dry run only: else it is tried. */
static void count_remarks(struct ops_page_in_hand *hand, bool dry_run)
{
    struct ops_remarks *remarks = &hand->remarks;
    if (!dry_run)
        ops_remarks_drop(remarks, OPS_REMARK_UNDELETABLE);
    hand->counters.unreadable = remarks->counts[OPS_REMARK_UNREADABLE];
    hand->counters.incomparable = remarks->counts[OPS_REMARK_INCOMPARABLE];
    hand->counters.undeletable = remarks->counts[OPS_REMARK_UNDELETABLE];
}

void ops_errand_sort_page(struct ops_errand *errand)
{
    struct ops_page_in_hand *hand = &errand->hand;
    struct ops_task *task = &errand->claim.task;
    const struct ops_manifest *manifest;
    struct ops_shared *held = ops_app_hold_manifest(errand->app, &manifest);
    page_begin(hand);
    count_remarks(hand, ops_vacuum_dry_run(errand->claim.vacuum));
    task->receipt_bytes = 0;
    for (size_t i = 0; i < hand->page.count; i++) {
        struct ops_key key = hand->page.keys[i];
        task->receipt_bytes += key.size_bytes;
        if (ops_guard_key(&manifest->guard, errand->kind, key.guarded)) {
            hand->counters.protected++;
            hand->protected_bytes += key.size_bytes;
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

/* Somebody else removed it, or moved it away for a while: then it will be found again, and must not count twice. */
static void count_absent(struct ops_page_in_hand *hand, const struct ops_key *key)
{
    hand->counters.absent++;
    hand->counters.matched--;
    hand->counters.bytes -= key->size_bytes;
}

static void note_outcome(struct ops_page_in_hand *hand, const struct ops_key *key, enum ops_removal outcome)
{
    switch (outcome) {
    case OPS_REMOVED:
        hand->counters.deleted++;
        break;
    case OPS_ABSENT:
        if (hand->lost)
            hand->counters.deleted++;
        else
            count_absent(hand, key);
        break;
    case OPS_FAILED:
        hand->counters.failed++;
        hand->doubtful = true;
        break;
    case OPS_RETRY:
        hand->page.keys[hand->waiting++] = *key;
        hand->doubtful = true;
        break;
    }
}

void ops_errand_note_outcomes(struct ops_page_in_hand *hand, const enum ops_removal *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct ops_key key = hand->page.keys[hand->at + i]; /* a copy: those that wait move to the front */
        note_outcome(hand, &key, outcomes[i]);
    }
    hand->at += count;
}

enum ops_status ops_errand_recount(struct ops_errand *errand, struct ops_recount *ret_there, struct ops_error *error)
{
    const struct ops_task *task = &errand->claim.task;
    return ops_target_recount(errand->target, (uint32_t)task->segment, ops_buf_text(&task->receipt), ret_there, error);
}

enum ops_status ops_errand_count_truly(struct ops_errand *errand, struct ops_error *error)
{
    struct ops_page_in_hand *hand = &errand->hand;
    struct ops_task *task = &errand->claim.task;
    struct ops_recount there = {0};
    enum ops_status status = ops_errand_recount(errand, &there, error);
    if (status != OPS_OK)
        return status;
    /* What was surely removed, or was away, and is there is new, or back: the next pass finds it. */
    json_int_t left = (json_int_t)there.count - task->receipt_protected;
    json_int_t unsure = hand->counters.matched - hand->counters.deleted;
    hand->counters.failed = left < 0 ? 0 : left > unsure ? unsure : left;
    hand->counters.deleted = hand->counters.matched - hand->counters.failed;
    json_int_t left_bytes = there.size_bytes - hand->protected_bytes;
    hand->counters.failed_bytes = left_bytes < 0 ? 0 : left_bytes > hand->counters.bytes ? hand->counters.bytes : left_bytes;
    return OPS_OK;
}

enum ops_status ops_errand_account_page(struct ops_errand *errand)
{
    struct ops_task *task = &errand->claim.task;
    struct ops_page_in_hand *hand = &errand->hand;
    ops_counters_add(&task->counters, &hand->counters);
    ops_remarks_merge(&task->remarks, &hand->remarks);
    ops_buf_clear(&task->receipt);
    task->receipt_matched = task->receipt_protected = task->receipt_bytes = 0;
    ops_buf_clear(&task->cursor);
    ops_buf_append_view(&task->cursor, ops_buf_view(&hand->page.cursor));
    return ops_buf_status(&task->cursor);
}

/* The receipt is then of the records of which it is not known, and of the protected ones. */
static void account_known(struct ops_errand *errand)
{
    struct ops_page_in_hand *hand = &errand->hand;
    const struct ops_counters known = {
        .matched = hand->counters.deleted,
        .deleted = hand->counters.deleted,
        .unreadable = hand->counters.unreadable,
        .incomparable = hand->counters.incomparable,
        .absent = hand->counters.absent,
    };
    ops_counters_add(&errand->claim.task.counters, &known);
    ops_remarks_merge(&errand->claim.task.remarks, &hand->remarks);
    errand->claim.task.receipt_matched -= hand->counters.deleted + hand->counters.absent;
}

enum ops_status ops_errand_account_unfinished(struct ops_errand *errand)
{
    if (errand->stage != OPS_STAGE_REMOVE)
        return OPS_OK;
    if (ops_errand_count_truly(errand, NULL) == OPS_OK)
        return ops_errand_account_page(errand);
    account_known(errand);
    return OPS_OK;
}

void ops_errand_name_refused(struct ops_page_in_hand *hand, const enum ops_removal *outcomes, size_t count, const char *why)
{
    for (size_t i = 0; i < count; i++)
        if (outcomes[i] == OPS_FAILED)
            ops_remarks_add(&hand->remarks, OPS_REMARK_REFUSED, hand->page.keys[hand->at + i].guarded, why);
}

void ops_errand_name_left(struct ops_page_in_hand *hand)
{
    for (size_t i = 0; i < hand->left; i++)
        ops_remarks_add(&hand->remarks, OPS_REMARK_REFUSED, hand->page.keys[i].guarded,
                        hand->why[0] ? hand->why : "it was not taken, however often it was tried");
}
