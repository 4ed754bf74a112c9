/* A clock that stands still until a test moves it.
 *
 *     ops_memory_clock_new(now_ms, &clock);
 *     ops_memory_clock_advance(clock, 5 * OPS_MINUTE_MS);  time passes on both clocks
 *     ops_memory_clock_set(clock, then_ms);                somebody changes the wall clock; the monotonic one is not moved
 */
#ifndef OPS_ADAPTERS_MEMORY_CLOCK_H
#define OPS_ADAPTERS_MEMORY_CLOCK_H

#include "ports/clock.h"

enum ops_status ops_memory_clock_new(int64_t now_ms, struct ops_clock **ret_clock) OPS_MUST_USE; /* OPS_NO_MEMORY */
void ops_memory_clock_free(struct ops_clock *clock);                                             /* NULL is fine */

/* Both are thread-safe. duration_ms is not negative. */
void ops_memory_clock_advance(struct ops_clock *clock, int64_t duration_ms);
void ops_memory_clock_set(struct ops_clock *clock, int64_t now_ms);

#endif
