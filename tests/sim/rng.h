/* The simulation's own randomness: everything that happens follows from the seed. */
#ifndef OPS_TESTS_SIM_RNG_H
#define OPS_TESTS_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct sim_rng {
    uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t sim_next(struct sim_rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* 0..bound-1; 0 for a bound of 0. */
static inline uint32_t sim_below(struct sim_rng *rng, uint32_t bound)
{
    return bound ? (uint32_t)(sim_next(rng) % bound) : 0;
}

/* low..high, both included. */
static inline int64_t sim_between(struct sim_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)(sim_next(rng) % (uint64_t)(high - low + 1));
}

/* Draws only when there is a chance at all, so that a fault that is off does not move the others. */
static inline bool sim_chance(struct sim_rng *rng, uint32_t per_mille)
{
    return per_mille && sim_below(rng, 1000) < per_mille;
}

#endif
