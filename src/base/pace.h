/* Adaptive concurrency: halve on throttling, grow by one a second without (DESIGN section 4). */
#ifndef OPS_BASE_PACE_H
#define OPS_BASE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Invariant: 1 <= limit <= most. */
struct ops_pace {
    uint32_t limit;
    uint32_t most;
    uint32_t busy;      /* steps under way */
    int64_t changed_ms; /* monotonic */
};

void ops_pace_init(struct ops_pace *pace, uint32_t most, int64_t monotonic_ms);

/* Whether one more step may begin now; if so it is counted until ops_pace_leave. */
bool ops_pace_enter(struct ops_pace *pace, int64_t monotonic_ms);
void ops_pace_leave(struct ops_pace *pace, bool throttled, int64_t monotonic_ms);

#endif
