/* What a worker does about one task that it has claimed: page for page, up to the task's end or the claim's. */
#ifndef OPS_APP_ERRAND_H
#define OPS_APP_ERRAND_H

#include "app/claim.h"
#include "ports/target.h"

enum ops_stage { OPS_STAGE_SETTLE, OPS_STAGE_READ, OPS_STAGE_PROVE, OPS_STAGE_REMOVE, OPS_STAGE_NOTE, OPS_STAGE_FINISH };

/* The page in hand. */
struct ops_page_in_hand {
    struct ops_key_page page;
    size_t left;                   /* page.keys[0..left) are still to be removed */
    size_t at;                     /* of these, the next batch begins here; those before it wait for another try */
    size_t waiting;                /* page.keys[0..waiting) were not taken in this round */
    struct ops_counters counters;  /* of this page */
    int64_t protected_bytes;       /* of the page's keys that are not removed */
    bool doubtful;                 /* not every key was surely removed: ask the target before counting */
    bool lost;                     /* a removal's answer was lost: what is gone by now, we may have removed */
    struct ops_remarks remarks;    /* of this page, from its reading and its removal */
    char why[OPS_TASK_ERROR_SIZE]; /* what was last said of keys that were not taken, or "" */
};

struct ops_errand {
    struct ops_app *app;
    bool has_claim;
    bool finished; /* the claim that is over: the record says that the task is done */
    struct ops_claim claim;
    struct ops_target *target;
    char target_name[OPS_MANIFEST_NAME_MAX + 1];
    enum ops_target_kind kind;
    int64_t manifest_number; /* by which the target's names were looked at */
    enum ops_stage stage;
    struct ops_page_in_hand hand;
    enum ops_removal *outcomes;
    int attempt;           /* tries of the stage that failed in a row */
    int64_t not_before_ms; /* monotonic; no step of the claim before this */
    bool throttled;        /* the last step was slowed by the target */
};

void ops_errand_init(struct ops_errand *errand, struct ops_app *app);

/* With a claim that was just taken. */
void ops_errand_begin(struct ops_errand *errand);

/* One page further, or as far as a wait or the end of the claim, after which has_claim is false. *ret_wait_ms: how long
 * until the next step. */
enum ops_status ops_errand_step(struct ops_errand *errand, int64_t *ret_wait_ms, struct ops_error *error) OPS_MUST_USE;

/* Gives the claim back, where there is one, and releases everything. */
void ops_errand_give_up(struct ops_errand *errand);

#endif
