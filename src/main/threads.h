/* The threads behind serve: one that sweeps at least once a second, and the vacuum workers. All waiting is on the monotonic
 * clock and ends within a second, so that a wall clock that jumps, or a machine that slept, is noticed (DESIGN section 5).
 */
#ifndef OPS_MAIN_THREADS_H
#define OPS_MAIN_THREADS_H

#include "app/app.h"
#include "base/pulse.h"

struct ops_threads;

/* Begins sweeping and working. log gets a line for each new trouble and for its end. */
enum ops_status ops_threads_start(struct ops_app *app, unsigned worker_count, struct ops_log *log,
                                  struct ops_threads **ret_threads, struct ops_error *error) OPS_MUST_USE;

/* Of the sweep: it goes round at least twice a second, but for the time that the store and the log group take. */
const struct ops_pulse *ops_threads_sweep_pulse(const struct ops_threads *threads);

/* Ends every thread at the end of its step. NULL is fine. */
void ops_threads_stop(struct ops_threads *threads);

#endif
