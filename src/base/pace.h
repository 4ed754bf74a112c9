/* Adaptive concurrency: halve on throttling, grow by one a second without (DESIGN section 4).
 *
 * A service that is asked for too much refuses many at once, and all of them say the same: so much was too much. So the first
 * of them halves the limit, and of those that were under way with it none does again. Otherwise 64 that are refused together
 * would leave a limit of one, and it would take a minute to grow back to where half of them got through.
 */
#ifndef OPS_BASE_PACE_H
#define OPS_BASE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Invariants: 1 <= limit <= most; stale <= busy. */
struct ops_pace {
    uint32_t limit;
    uint32_t most;
    uint32_t busy;      /* steps under way */
    uint32_t stale;     /* so many of the next that end count as those that were under way when the limit was last halved */
    int64_t changed_ms; /* monotonic */
};

void ops_pace_init(struct ops_pace *pace, uint32_t most, int64_t monotonic_ms);

/* Whether one more step may begin now; if so it is counted until ops_pace_leave. */
bool ops_pace_enter(struct ops_pace *pace, int64_t monotonic_ms);
void ops_pace_leave(struct ops_pace *pace, bool throttled, int64_t monotonic_ms);

#endif
