#include "adapters/memory/clock.h"

#include "base/mem.h"

#include <assert.h>
#include <stdatomic.h>

struct memory_clock {
    struct ops_clock base;
    _Atomic int64_t now_ms;
    _Atomic int64_t monotonic_ms;
    _Atomic int64_t slept_ms;
};

static struct memory_clock *memory_clock(struct ops_clock *self)
{
    return (struct memory_clock *)self;
}

static int64_t memory_now_ms(struct ops_clock *self)
{
    return atomic_load(&memory_clock(self)->now_ms);
}

static int64_t memory_monotonic_ms(struct ops_clock *self)
{
    return atomic_load(&memory_clock(self)->monotonic_ms);
}

static int64_t memory_boot_ms(struct ops_clock *self)
{
    return atomic_load(&memory_clock(self)->monotonic_ms) + atomic_load(&memory_clock(self)->slept_ms);
}

static const struct ops_clock_ops memory_ops = {
    .now_ms = memory_now_ms,
    .monotonic_ms = memory_monotonic_ms,
    .boot_ms = memory_boot_ms,
};

enum ops_status ops_memory_clock_new(int64_t now_ms, struct ops_clock **ret_clock)
{
    struct memory_clock *clock = ops_mem_zeroed(1, sizeof *clock);
    if (!clock)
        return OPS_NO_MEMORY;
    clock->base.ops = &memory_ops;
    atomic_init(&clock->now_ms, now_ms);
    atomic_init(&clock->monotonic_ms, 0);
    atomic_init(&clock->slept_ms, 0);
    *ret_clock = &clock->base;
    return OPS_OK;
}

void ops_memory_clock_free(struct ops_clock *clock)
{
    ops_mem_free(clock);
}

void ops_memory_clock_advance(struct ops_clock *clock, int64_t duration_ms)
{
    assert(duration_ms >= 0);
    atomic_fetch_add(&memory_clock(clock)->now_ms, duration_ms);
    atomic_fetch_add(&memory_clock(clock)->monotonic_ms, duration_ms);
}

void ops_memory_clock_set(struct ops_clock *clock, int64_t now_ms)
{
    atomic_store(&memory_clock(clock)->now_ms, now_ms);
}

void ops_memory_clock_sleep(struct ops_clock *clock, int64_t duration_ms)
{
    assert(duration_ms >= 0);
    atomic_fetch_add(&memory_clock(clock)->now_ms, duration_ms);
    atomic_fetch_add(&memory_clock(clock)->slept_ms, duration_ms);
}
