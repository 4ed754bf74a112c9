#include "core/clock_step.h"

void ops_clock_reference_init(struct ops_clock_reference *reference, int64_t wall_ms, int64_t boot_ms)
{
    reference->offset_ms = wall_ms - boot_ms;
}

int64_t ops_clock_step_ms(struct ops_clock_reference *reference, int64_t wall_ms, int64_t boot_ms)
{
    int64_t step_ms = wall_ms - boot_ms - reference->offset_ms;
    if (step_ms <= OPS_CLOCK_STEP_MORE_THAN_MS && step_ms >= -OPS_CLOCK_STEP_MORE_THAN_MS)
        return 0;
    ops_clock_reference_init(reference, wall_ms, boot_ms);
    return step_ms;
}
