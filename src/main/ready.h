/* Whether serve works, for GET /readyz: besides the store, which the HTTP surface looks at itself, the sweep has to go
 * round. */
#ifndef OPS_MAIN_READY_H
#define OPS_MAIN_READY_H

#include "base/buf.h"
#include "base/pulse.h"
#include "ports/clock.h"

enum { OPS_READY_PATIENCE_MS = 60 * 1000 /* with a sweep that gives no sign of life, whatever it waits for */ };

struct ops_ready {
    struct ops_clock *clock;
    uint64_t seen_count;       /* of the pulse; the looking thread's */
    atomic_int_fast64_t at_ms; /* when a sign was seen last; 0: the sweep has not begun */
};

void ops_ready_init(struct ops_ready *ready, struct ops_clock *clock);

/* To be called every second or so, from one thread, once the sweep has begun. */
void ops_ready_look(struct ops_ready *ready, const struct ops_pulse *sweep);

/* An ops_http_ready_fn; context is a struct ops_ready. */
void ops_ready_tell(void *context, struct ops_buf *reasons);

#endif
