#include "base/pace.h"

enum { GROW_EVERY_MS = 1000 };

void ops_pace_init(struct ops_pace *pace, uint32_t most, int64_t monotonic_ms)
{
    *pace = (struct ops_pace){.limit = most, .most = most, .busy = 0, .changed_ms = monotonic_ms};
}

bool ops_pace_enter(struct ops_pace *pace, int64_t monotonic_ms)
{
    if (pace->limit < pace->most && monotonic_ms - pace->changed_ms >= GROW_EVERY_MS) {
        pace->limit++;
        pace->changed_ms = monotonic_ms;
    }
    if (pace->busy >= pace->limit)
        return false;
    pace->busy++;
    return true;
}

void ops_pace_leave(struct ops_pace *pace, bool throttled, int64_t monotonic_ms)
{
    bool stale = pace->stale > 0;
    pace->busy--;
    pace->stale -= stale;
    if (!throttled || stale)
        return;
    pace->stale = pace->busy;
    pace->limit = pace->limit > 1 ? pace->limit / 2 : 1;
    pace->changed_ms = monotonic_ms;
}
