#include "base/patience.h"

#include <stdio.h>
#include <string.h>

static struct ops_patience_wait *find(struct ops_patience *patience, const char *name)
{
    for (size_t i = 0; i < OPS_PATIENCE_WAITS_MAX; i++) {
        struct ops_patience_wait *wait = &patience->waits[i];
        if (wait->name[0] && strncmp(wait->name, name, sizeof wait->name - 1) == 0)
            return wait;
    }
    return NULL;
}

/* A free place, or that of the wait that was asked about longest ago. */
static struct ops_patience_wait *make_room(struct ops_patience *patience)
{
    struct ops_patience_wait *oldest = &patience->waits[0];
    for (size_t i = 0; i < OPS_PATIENCE_WAITS_MAX; i++) {
        struct ops_patience_wait *wait = &patience->waits[i];
        if (!wait->name[0])
            return wait;
        if (wait->asked_ms < oldest->asked_ms)
            oldest = wait;
    }
    return oldest;
}

int64_t ops_patience_waits(struct ops_patience *patience, const char *name, int64_t monotonic_ms)
{
    struct ops_patience_wait *wait = find(patience, name);
    if (!wait) {
        wait = make_room(patience);
        (void)snprintf(wait->name, sizeof wait->name, "%.*s", (int)sizeof wait->name - 1, name);
        wait->since_ms = monotonic_ms;
    } else if (monotonic_ms - wait->asked_ms > OPS_PATIENCE_GAP_MS) {
        wait->since_ms = monotonic_ms;
    }
    wait->asked_ms = monotonic_ms;
    return monotonic_ms - wait->since_ms;
}

void ops_patience_over(struct ops_patience *patience, const char *name)
{
    struct ops_patience_wait *wait = find(patience, name);
    if (wait)
        *wait = (struct ops_patience_wait){.since_ms = 0};
}
