/* Randomness fit for secrets (the system's), or repeatable (a simulation's). */
#ifndef OPS_PORTS_RANDOM_H
#define OPS_PORTS_RANDOM_H

#include "base/ulid.h"

#include <stdint.h>

struct ops_random;

struct ops_random_ops {
    void (*fill)(struct ops_random *self, uint8_t *bytes, size_t count); /* thread-safe; can't fail */
};

struct ops_random {
    const struct ops_random_ops *ops;
};

static inline void ops_random_fill(struct ops_random *random, uint8_t *bytes, size_t count)
{
    random->ops->fill(random, bytes, count);
}

static inline void ops_random_ulid(struct ops_random *random, int64_t at_ms, char ret_text[static OPS_ULID_SIZE])
{
    uint8_t bytes[OPS_ULID_RANDOM_BYTES];
    ops_random_fill(random, bytes, sizeof bytes);
    ops_ulid_format(at_ms, bytes, ret_text);
}

#endif
