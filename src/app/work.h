/* The work that goes on by itself: what is due is started, vacuums advance, audit records are delivered.
 *
 * Each call is bounded and ends; threads, timers and loops live outside. Any number of workers in any number of processes
 * may be stepped at once, in any order: the store decides.
 */
#ifndef OPS_APP_WORK_H
#define OPS_APP_WORK_H

#include "app/app.h"

/* Says that no other process works on this store, so that whatever is still leased was leased by one that died: work goes
 * on at once instead of when the leases run out. Only for an engine that can be sure of it. */
enum ops_status ops_app_adopt(struct ops_app *app, struct ops_error *error) OPS_MUST_USE;

/* Compares the end of the delivered log with the store, so that a store that was put back is known at once; else that is
 * done before the first vacuum starts or goes on. What follows is told in the log and shown in stat. A failure: the log
 * could not be read, and nothing is known. It is then tried again with each sweep. */
enum ops_status ops_app_check_trail(struct ops_app *app, struct ops_error *error) OPS_MUST_USE;

enum { OPS_STANDING_SIZE = 400 };

/* The parts of a sweep, in their order. */
enum ops_sweep_part {
    OPS_SWEEP_LOOKS_AT_CLOCK,
    OPS_SWEEP_WINDOWS,
    OPS_SWEEP_VACUUMS,
    OPS_SWEEP_SECRETS,
    OPS_SWEEP_DELIVERS
};

struct ops_sweep_result {
    size_t maintenance_started;
    size_t vacuums_started;
    size_t vacuums_failed; /* expired mutex */
    size_t audit_delivered;
    enum ops_sweep_part failed_at;    /* where the failure is that is returned, if one is */
    char standing[OPS_STANDING_SIZE]; /* which vacuum stands still, and why, or "" */
};

/* Starts the due window and the due vacuum, ends a vacuum whose mutex has expired, records how often known wrong codes came
 * again, delivers waiting audit records. Idempotent. A part that fails does not stop the others: the first failure is
 * returned, with its words in error. */
enum ops_status ops_app_sweep(struct ops_app *app, struct ops_sweep_result *ret_result,
                              struct ops_error *error) OPS_MUST_USE;

/* The process is to end: a step that is under way is over within a few seconds, also where it would take longer. For good.
 */
void ops_app_end_work(struct ops_app *app);

struct ops_worker;

/* on_free is called from within the step of a worker that finds more tasks free than it can take: those that sleep need not
 * do so any longer. NULL: nobody is told. To be set while no worker is stepped. */
typedef void (*ops_on_free_fn)(void *context);
void ops_app_on_free(struct ops_app *app, ops_on_free_fn on_free, void *context);

/* name goes into leases, for people; it is copied. */
enum ops_status ops_worker_new(struct ops_app *app, const char *name, struct ops_worker **ret_worker) OPS_MUST_USE;
void ops_worker_free(struct ops_worker *worker);

/* From now on the worker takes steps of this vacuum only. id is copied. */
void ops_worker_only(struct ops_worker *worker, const char *id);

/* One bounded step of any vacuum that has work. *ret_wait_ms says how long the worker may sleep before its next step: 0
 * when there is more to do at once. On a failure it is the time to wait before the next try. */
enum ops_status ops_worker_step(struct ops_worker *worker, int64_t *ret_wait_ms, struct ops_error *error) OPS_MUST_USE;

#endif
