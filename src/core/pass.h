/* What a vacuum's tasks come to, and what follows when a pass over the targets is done.
 *
 * The first pass removes what is there. Each further pass looks again at the targets in which the one before found
 * something: a target is finished when a pass finds nothing more in scope, or when a pass could remove nothing (then what is
 * left is the exact remainder). Records that arrive while the vacuum runs are removed by the next pass, up to
 * OPS_PASSES_MAX; a dry run has one pass.
 *
 * A record that is gone when it is to be removed is neither matched nor deleted: we removed nothing. But it may only be
 * away, with a directory that was moved, so its pass has found something.
 *
 * Counts over passes: records that one pass failed to remove are found again by the next, so a target's matched is the sum
 * over its passes less the failed of every pass but the last, and so are its bytes; failed and protected are those of the
 * last.
 */
#ifndef OPS_CORE_PASS_H
#define OPS_CORE_PASS_H

#include "core/task.h"
#include "core/vacuum.h"

enum { OPS_PASSES_MAX = 5 };

/* A task of the pass under way, by its number. */
enum ops_status ops_pass_task(const json_t *vacuum, json_int_t number, struct ops_task *ret_task) OPS_MUST_USE;
json_int_t ops_pass_first_task(const json_t *vacuum);
json_int_t ops_pass_task_count(const json_t *vacuum);

/* The vacuum's targets with counters and status filled in from tasks, an array of task documents in the order of their
 * numbers. While tasks remain a target is "running" or "pending"; after them it is "completed" or "failed" (with "error").
 */
enum ops_status ops_pass_tally(const json_t *vacuum, const json_t *tasks, json_t **ret_targets) OPS_MUST_USE;

enum ops_pass_outcome {
    OPS_PASS_GOES_ON, /* tasks are missing or not done */
    OPS_PASS_SURVEY,  /* targets that were deferred are to be looked at again; in_pass as for AGAIN, perhaps empty */
    OPS_PASS_AGAIN,   /* look again at in_pass */
    OPS_PASS_CLEAN,   /* every target is finished and empty in scope */
    OPS_PASS_REMAINS, /* every target is finished, some with a remainder or an error */
};

struct ops_pass_result {
    enum ops_pass_outcome outcome;
    json_t *in_pass;         /* SURVEY, AGAIN: target indices; the caller's to release; else NULL */
    enum ops_status failure; /* REMAINS: OPS_RECORDS_REMAIN or OPS_TARGET_ERROR; error says what and where */
};

enum ops_status ops_pass_result(const json_t *vacuum, const json_t *tasks, struct ops_pass_result *ret_result,
                                struct ops_error *error) OPS_MUST_USE;

#endif
