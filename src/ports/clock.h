/* Time, as the outside world has it. Core never asks; app asks once per use case and hands the answer down. */
#ifndef OPS_PORTS_CLOCK_H
#define OPS_PORTS_CLOCK_H

#include "base/instant.h"

#include <stdbool.h>

struct ops_clock;

struct ops_clock_ops {
    int64_t (*now_ms)(struct ops_clock *self);       /* wall clock; may jump either way */
    int64_t (*monotonic_ms)(struct ops_clock *self); /* never goes back; for waiting and for measuring */
    int64_t (*boot_ms)(struct ops_clock *self);      /* likewise, and goes on while the machine sleeps */
};

/* Embed as the first member of the implementation. The calls are thread-safe and can't fail. */
struct ops_clock {
    const struct ops_clock_ops *ops;
};

static inline int64_t ops_clock_now_ms(struct ops_clock *clock)
{
    return clock->ops->now_ms(clock);
}

static inline int64_t ops_clock_monotonic_ms(struct ops_clock *clock)
{
    return clock->ops->monotonic_ms(clock);
}

static inline int64_t ops_clock_boot_ms(struct ops_clock *clock)
{
    return clock->ops->boot_ms(clock);
}

/* Somebody else's wall clock, which is known by what they have answered. */
struct ops_other_clock;

struct ops_other_clock_ops {
    /* How far our wall clock is ahead of theirs, by the latest answer; below zero: behind. 0 where they can't be told apart. False:
     * no answer has told. Thread-safe, and asks nobody. */
    bool (*ahead_ms)(struct ops_other_clock *self, int64_t *ret_ahead_ms);
};

/* Embed as the first member. */
struct ops_other_clock {
    const struct ops_other_clock_ops *ops;
};

static inline bool ops_other_clock_ahead_ms(struct ops_other_clock *clock, int64_t *ret_ahead_ms)
{
    return clock->ops->ahead_ms(clock, ret_ahead_ms);
}

#endif
