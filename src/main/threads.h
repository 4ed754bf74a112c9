/* The threads behind serve: one that sweeps at least once a second, and the vacuum workers. All waiting is on the monotonic
 * clock and ends within a second, so that a wall clock that jumps, or a machine that slept, is noticed (DESIGN section 5).
 */
#ifndef OPS_MAIN_THREADS_H
#define OPS_MAIN_THREADS_H

#include "app/app.h"

struct ops_threads;

/* Begins sweeping and working. report gets one line for each new trouble and for its end, from any of the threads. */
typedef void (*ops_report_fn)(const char *line);
enum ops_status ops_threads_start(struct ops_app *app, unsigned worker_count, ops_report_fn report,
                                  struct ops_threads **ret_threads, struct ops_error *error) OPS_MUST_USE;

/* Ends every thread at the end of its step. NULL is fine. */
void ops_threads_stop(struct ops_threads *threads);

#endif
