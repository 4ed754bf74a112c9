/* A clock that stands still until a test moves it.
 *
 *     ops_memory_clock_new(now_ms, &clock);
 *     ops_memory_clock_advance(clock, 5 * OPS_MINUTE_MS);  time passes on all clocks
 *     ops_memory_clock_set(clock, then_ms);                somebody changes the wall clock; no other is moved
 *     ops_memory_clock_sleep(clock, OPS_HOUR_MS);          the machine sleeps, and with it the monotonic clock
 */
#ifndef OPS_ADAPTERS_MEMORY_CLOCK_H
#define OPS_ADAPTERS_MEMORY_CLOCK_H

#include "ports/clock.h"

enum ops_status ops_memory_clock_new(int64_t now_ms, struct ops_clock **ret_clock) OPS_MUST_USE; /* OPS_NO_MEMORY */
void ops_memory_clock_free(struct ops_clock *clock);                                             /* NULL is fine */

/* All are thread-safe. duration_ms is not negative. */
void ops_memory_clock_advance(struct ops_clock *clock, int64_t duration_ms);
void ops_memory_clock_set(struct ops_clock *clock, int64_t now_ms);
void ops_memory_clock_sleep(struct ops_clock *clock, int64_t duration_ms);

#endif
