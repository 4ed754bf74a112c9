#include "adapters/sys/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec at = {0};
    (void)clock_gettime(id, &at); /* can't fail for a clock that exists and a valid pointer */
    return (int64_t)at.tv_sec * OPS_SECOND_MS + at.tv_nsec / 1000000;
}

static int64_t system_now_ms(struct ops_clock *self)
{
    (void)self;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(struct ops_clock *self)
{
    (void)self;
    return read_ms(CLOCK_MONOTONIC);
}

static int64_t system_boot_ms(struct ops_clock *self)
{
    (void)self;
    return read_ms(CLOCK_BOOTTIME);
}

static const struct ops_clock_ops system_ops = {
    .now_ms = system_now_ms,
    .monotonic_ms = system_monotonic_ms,
    .boot_ms = system_boot_ms,
};

struct ops_clock *ops_system_clock(void)
{
    static struct ops_clock clock = {&system_ops};
    return &clock;
}
