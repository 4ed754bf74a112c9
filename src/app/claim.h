/* A worker's hold on one task: found, claimed, kept by checkpoints, lost when someone else was quicker or the mutex went. */
#ifndef OPS_APP_CLAIM_H
#define OPS_APP_CLAIM_H

#include "app/board.h"
#include "app/context.h"

struct ops_claim {
    const json_t *vacuum;     /* as it was seen before the task was claimed */
    struct ops_shared *held;  /* which is in here */
    int64_t mutex_expires_ms; /* wall clock; INT64_MAX for a dry run */
    int64_t renewed_ms;       /* monotonic; when lease and mutex were last proved */
    struct ops_task task;
};

void ops_claim_init(struct ops_claim *claim);
void ops_claim_release(struct ops_claim *claim); /* leaves it as after init */

/* Claims a task that was free when the board's vacuum was seen. takes free_task->vacuum, in any case. OPS_CONFLICT: it is
 * not free any more, or the mutex is gone. */
enum ops_status ops_claim_take(struct ops_app *app, const char *worker_name, const struct ops_free_task *free_task,
                               struct ops_claim *claim, struct ops_error *error) OPS_MUST_USE;

/* Writes the task as it is now and renews the lease, provided that lease and mutex are still ours: OPS_CONFLICT when they
 * are not, and then nothing more may be deleted under this claim. */
enum ops_status ops_claim_checkpoint(struct ops_app *app, struct ops_claim *claim, struct ops_error *error) OPS_MUST_USE;

/* Writes a task that was settled from outside, over the one that was read, and takes it from whoever holds it, provided that
 * the vacuum's mutex has this fence: else OPS_CONFLICT. */
enum ops_status ops_claim_write_settled(struct ops_app *app, const json_t *vacuum, json_int_t fence, struct ops_task *task,
                                        struct ops_error *error) OPS_MUST_USE;

/* Gives the task back as it is now, so that another worker need not wait for the lease to run out. */
void ops_claim_let_go(struct ops_app *app, struct ops_claim *claim);

#endif
