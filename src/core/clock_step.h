/* When a wall clock has stepped.
 *
 * It is held against a clock that nobody sets and that goes on while the machine sleeps: time that passes, asleep or awake,
 * moves both alike. What is told is where they have come apart, all at once or little by little.
 */
#ifndef OPS_CORE_CLOCK_STEP_H
#define OPS_CORE_CLOCK_STEP_H

#include <stdint.h>

enum {
    /* A leap second, a time server's gentle corrections and the moment between two readings stay below it. It is also what
     * the clocks of two hosts may be apart. */
    OPS_CLOCK_STEP_MORE_THAN_MS = 10 * 1000,
};

struct ops_clock_reference {
    int64_t offset_ms; /* of the wall clock from the other */
};

void ops_clock_reference_init(struct ops_clock_reference *reference, int64_t wall_ms, int64_t boot_ms);

/* By how much the wall clock was set since the reference was taken, above zero for forward, or 0. A step is told once: what
 * the clock says from then on is what it is compared with. */
int64_t ops_clock_step_ms(struct ops_clock_reference *reference, int64_t wall_ms, int64_t boot_ms);

#endif
