/* The vacuum's state machine.
 *
 *   pending -> running -> completed or failed
 *   pending -> cancelled
 *   pending -> failed           only when its mutex expired before anything could start it
 *   (dry run) running -> completed or failed
 *
 * A vacuum is a JSON object with the members of CONTRACT section 4 and one of our own, "work", which is not shown:
 *   {"phase": "plan" or "tasks", "fence", "expected_plan_sha256"?, "pass", "first_task", "task_count", "in_pass": [target
 *   index, ...]}
 * Every transition takes the vacuum as it is and gives a new one, revision + 1.
 */
#ifndef OPS_CORE_VACUUM_H
#define OPS_CORE_VACUUM_H

#include "core/plan.h"

#define OPS_VACUUM_PENDING_MS (300 * OPS_SECOND_MS)
#define OPS_VACUUM_PHRASE "VACUUM ALL DATA PERMANENTLY"

#include "base/instant.h"
#include "core/audit.h"

enum ops_vacuum_status {
    OPS_VACUUM_PENDING,
    OPS_VACUUM_RUNNING,
    OPS_VACUUM_COMPLETED,
    OPS_VACUUM_FAILED,
    OPS_VACUUM_CANCELLED,
    OPS_VACUUM_STATUS_COUNT
};

const char *ops_vacuum_status_name(enum ops_vacuum_status status);
enum ops_status ops_vacuum_status(const json_t *vacuum, enum ops_vacuum_status *ret_status) OPS_MUST_USE;
bool ops_vacuum_is(const json_t *vacuum, enum ops_vacuum_status status);
bool ops_vacuum_open(const json_t *vacuum); /* pending or running */
bool ops_vacuum_dry_run(const json_t *vacuum);
bool ops_vacuum_planned(const json_t *vacuum); /* its targets are fixed */
enum ops_status ops_vacuum_type(const json_t *vacuum, enum ops_vacuum_type *ret_type) OPS_MUST_USE;
json_int_t ops_vacuum_fence(const json_t *vacuum);
json_int_t ops_vacuum_sequence(const json_t *vacuum); /* 0: of version 0.1, which had none */

/* The record without its targets and its work. NULL: no memory. */
json_t *ops_vacuum_summary(const json_t *vacuum);

struct ops_vacuum_request {
    enum ops_vacuum_type type;
    const char *orgcode; /* NULL for all */
    bool dry_run;
    const char *actor;       /* NULL: not said */
    const char *peer;        /* NULL: not known */
    const char *reason;      /* likewise */
    const char *plan_sha256; /* NULL: whatever the plan is */
    json_int_t fence;        /* of the mutex taken for it; 0 for a dry run */
    json_int_t sequence;     /* its number among all that this store took */
};

/* Who asked for it. Borrowed from the record. */
struct ops_who ops_vacuum_who(const json_t *vacuum);

/* A dry run begins as running; anything else as pending, to be executed no sooner than five minutes after now. */
enum ops_status ops_vacuum_request(const char *id, const struct ops_vacuum_request *request, int64_t now_ms,
                                   json_t **ret_vacuum) OPS_MUST_USE;

/* Whether it is pending and its five minutes are over. */
bool ops_vacuum_due(const json_t *vacuum, int64_t now_ms);

/* Only for a vacuum that is due. */
enum ops_status ops_vacuum_start(const json_t *vacuum, int64_t now_ms, json_t **ret_vacuum) OPS_MUST_USE;

/* OPS_VACUUM_NOT_PENDING: it is not pending, or its five minutes are over. */
enum ops_status ops_vacuum_cancel(const json_t *vacuum, int64_t now_ms, json_t **ret_vacuum,
                                  struct ops_error *error) OPS_MUST_USE;

/* Likewise, of one that is kept from starting though its five minutes may be over. */
enum ops_status ops_vacuum_cancel_held(const json_t *vacuum, int64_t now_ms, json_t **ret_vacuum,
                                       struct ops_error *error) OPS_MUST_USE;

/* Fixes the targets of a running vacuum and its first pass over them. Takes nothing. */
enum ops_status ops_vacuum_fix_plan(const json_t *vacuum, json_t *targets, const char *plan_sha256,
                                    json_t **ret_vacuum) OPS_MUST_USE;

/* Whether it was asked for with a plan's hash. */
bool ops_vacuum_expects_plan(const json_t *vacuum);

/* OPS_PLAN_DRIFTED when the vacuum was asked for with another plan. */
enum ops_status ops_vacuum_expect_plan(const json_t *vacuum, const char *plan_sha256, struct ops_error *error) OPS_MUST_USE;

/* Goes on with another pass over the targets with these indices. */
enum ops_status ops_vacuum_next_pass(const json_t *vacuum, json_t *in_pass, json_t **ret_vacuum) OPS_MUST_USE;

/* After another look at the targets that were deferred: targets is the plan's array as it is now. The next pass is over
 * those of in_pass (may be empty) and those that were deferred before and are not any more; with none of either the pass
 * stays the one that it is. */
enum ops_status ops_vacuum_replan(const json_t *vacuum, json_t *targets, const json_t *in_pass,
                                  json_t **ret_vacuum) OPS_MUST_USE;

/* The terminal state: completed when failure is OPS_OK, else failed with error {"tag", "message", "details"?}. targets is
 * what it comes to, target by target; NULL keeps the record's own. Sets totals. */
enum ops_status ops_vacuum_finish(const json_t *vacuum, json_t *targets, enum ops_status failure,
                                  const struct ops_error *error, int64_t now_ms, json_t **ret_vacuum) OPS_MUST_USE;

/* How one that is over has ended, for whoever counts: its status, but for a failed one the tag of its error. Borrowed. */
const char *ops_vacuum_result(const json_t *vacuum);

/* Takes names and warnings out of the record's targets, from the last on, until its text has at most max_bytes, and says how
 * many lists it took in "left_out": a plan of many targets in trouble must still fit the store. */
enum ops_status ops_vacuum_trim(json_t *vacuum, size_t max_bytes) OPS_MUST_USE;

/* Takes out of a target of a plan what the outside does not see. */
void ops_vacuum_show_target(json_t *target);

/* What the outside sees: without "work" and without the targets' internals. targets as in ops_vacuum_finish. */
enum ops_status ops_vacuum_view(const json_t *vacuum, json_t *targets, json_t **ret_view) OPS_MUST_USE;

#endif
