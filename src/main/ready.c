#include "main/ready.h"

#include "base/instant.h"

#include <inttypes.h>

void ops_ready_init(struct ops_ready *ready, struct ops_clock *clock)
{
    *ready = (struct ops_ready){.clock = clock};
}

void ops_ready_look(struct ops_ready *ready, const struct ops_pulse *sweep)
{
    uint64_t count = atomic_load_explicit(&sweep->beat_count, memory_order_relaxed);
    if (count != ready->seen_count || atomic_load(&ready->at_ms) == 0)
        atomic_store(&ready->at_ms, ops_clock_monotonic_ms(ready->clock));
    ready->seen_count = count;
}

void ops_ready_tell(void *context, struct ops_buf *reasons)
{
    struct ops_ready *ready = context;
    int64_t at_ms = atomic_load(&ready->at_ms);
    int64_t silent_ms = at_ms ? ops_clock_monotonic_ms(ready->clock) - at_ms : 0;
    if (at_ms == 0)
        ops_buf_append_text(reasons, "sweep: it has not begun\n");
    else if (silent_ms > OPS_READY_PATIENCE_MS)
        ops_buf_append_format(reasons, "sweep: it has given no sign for %" PRId64 " s\n", silent_ms / OPS_SECOND_MS);
}
