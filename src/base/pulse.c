#include "base/pulse.h"

#include <stddef.h>

enum { LOOKS_APART_MAX_MS = 5000 };

static _Thread_local struct ops_pulse *own;

void ops_pulse_of_thread(struct ops_pulse *pulse)
{
    own = pulse;
}

void ops_pulse_beat(void)
{
    if (own)
        atomic_fetch_add_explicit(&own->beat_count, 1, memory_order_relaxed);
}

void ops_pulse_away(void)
{
    ops_pulse_beat();
    if (own)
        atomic_store_explicit(&own->away, true, memory_order_relaxed);
}

void ops_pulse_back(void)
{
    ops_pulse_beat();
    if (own)
        atomic_store_explicit(&own->away, false, memory_order_relaxed);
}

void ops_watch_init(struct ops_watch *watch, int64_t patience_ms, int64_t now_ms)
{
    *watch = (struct ops_watch){.patience_ms = patience_ms, .seen_ms = now_ms, .looked_ms = now_ms};
}

bool ops_watch_look(struct ops_watch *watch, const struct ops_pulse *pulse, int64_t now_ms)
{
    uint64_t count = atomic_load_explicit(&pulse->beat_count, memory_order_relaxed);
    bool is_away = atomic_load_explicit(&pulse->away, memory_order_relaxed);
    bool was_asleep = now_ms - watch->looked_ms > LOOKS_APART_MAX_MS;
    if (count != watch->seen_count || is_away || was_asleep)
        watch->seen_ms = now_ms;
    watch->seen_count = count;
    watch->looked_ms = now_ms;
    return now_ms - watch->seen_ms <= watch->patience_ms;
}
