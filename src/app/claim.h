/* A worker's hold on one task: found, claimed, kept by checkpoints, lost when someone else was quicker or the mutex went. */
#ifndef OPS_APP_CLAIM_H
#define OPS_APP_CLAIM_H

#include "app/context.h"
#include "core/task.h"

struct ops_claim {
    json_t *vacuum;           /* as it was when the task was claimed */
    int64_t mutex_expires_ms; /* wall clock; INT64_MAX for a dry run */
    int64_t renewed_ms;       /* monotonic; when lease and mutex were last proved */
    struct ops_task task;
};

void ops_claim_init(struct ops_claim *claim);
void ops_claim_release(struct ops_claim *claim); /* leaves it as after init */

enum ops_claim_outcome {
    OPS_CLAIM_GOT,
    OPS_CLAIM_WAIT, /* every task that is left is someone else's, or another worker was quicker */
    OPS_CLAIM_DONE, /* every task of the pass is done */
};

/* Claims a task of the pass under way; vacuum is running and planned. *ret_tasks is NULL but for OPS_CLAIM_DONE: then all
 * the vacuum's tasks. */
enum ops_status ops_claim_take(struct ops_app *app, const char *worker_name, json_t *vacuum, struct ops_claim *claim,
                               enum ops_claim_outcome *ret_outcome, json_t **ret_tasks,
                               struct ops_error *error) OPS_MUST_USE;

/* Writes the task as it is now and renews the lease, provided that lease and mutex are still ours: OPS_CONFLICT when they
 * are not, and then nothing more may be deleted under this claim. */
enum ops_status ops_claim_checkpoint(struct ops_app *app, struct ops_claim *claim, struct ops_error *error) OPS_MUST_USE;

/* Writes a task that was settled from outside, over the one that was read, and takes it from whoever holds it. */
enum ops_status ops_claim_write_settled(struct ops_app *app, const json_t *vacuum, struct ops_task *task,
                                        struct ops_error *error) OPS_MUST_USE;

/* Gives the task back as it is now, so that another worker need not wait for the lease to run out. */
void ops_claim_let_go(struct ops_app *app, struct ops_claim *claim);

#endif
