#include "adapters/memory/random.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <string.h>

struct memory_random {
    struct ops_random base;
    _Atomic uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood 2014): the state is a counter, so threads need no lock to share it. */
uint64_t ops_memory_random_next(struct ops_random *random)
{
    static const uint64_t step = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = atomic_fetch_add(&((struct memory_random *)random)->state, step) + step;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void memory_fill(struct ops_random *self, uint8_t *bytes, size_t count)
{
    while (count > 0) {
        uint64_t next = ops_memory_random_next(self);
        size_t taken = count < sizeof next ? count : sizeof next;
        for (size_t i = 0; i < taken; i++)
            bytes[i] = (uint8_t)(next >> (8 * i));
        bytes += taken;
        count -= taken;
    }
}

static const struct ops_random_ops memory_ops = {
    .fill = memory_fill,
};

enum ops_status ops_memory_random_new(uint64_t seed, struct ops_random **ret_random)
{
    struct memory_random *random = ops_mem_zeroed(1, sizeof *random);
    if (!random)
        return OPS_NO_MEMORY;
    random->base.ops = &memory_ops;
    atomic_init(&random->state, seed);
    *ret_random = &random->base;
    return OPS_OK;
}

void ops_memory_random_free(struct ops_random *random)
{
    ops_mem_free(random);
}
