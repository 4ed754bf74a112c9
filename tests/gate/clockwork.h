/* True time and the two clocks that a machine has of it, for simulations. The monotonic clock stands still while the machine
 * is suspended; the wall clock can be set. */
#ifndef OPS_TESTS_GATE_CLOCKWORK_H
#define OPS_TESTS_GATE_CLOCKWORK_H

#include "gate/decide.h"
#include "sim/rng.h"

struct clockwork {
    int64_t true_ns;
    int64_t monotonic_ns;
    int64_t wall_ns;
    unsigned suspend_count;
    unsigned set_back_count; /* of the wall clock */
    unsigned trouble_count;  /* steps of chance that did more than pass */
};

#define CLOCKWORK_INIT                                                                                                      \
    {                                                                                                                       \
        .true_ns = 0, .monotonic_ns = 500 * OPS_GATE_MS, .wall_ns = INT64_C(1795489200) * OPS_GATE_SECOND                   \
    }

static inline void clockwork_pass(struct clockwork *clocks, int64_t ns)
{
    clocks->true_ns += ns;
    clocks->monotonic_ns += ns;
    clocks->wall_ns += ns;
}

/* Memory in a snapshot, a lid that is closed. */
static inline void clockwork_suspend(struct clockwork *clocks, int64_t ns)
{
    clocks->true_ns += ns;
    clocks->wall_ns += ns;
    clocks->suspend_count++;
}

static inline void clockwork_set_wall(struct clockwork *clocks, int64_t by_ns)
{
    clocks->wall_ns += by_ns;
    clocks->set_back_count += by_ns < 0;
}

static inline int64_t clockwork_ahead_ns(const struct clockwork *clocks)
{
    return clocks->wall_ns - clocks->monotonic_ns;
}

/* Whether somebody set the wall clock back and the machine was suspended too: then no clock tells how long that was. */
static inline bool clockwork_blind(const struct clockwork *then, const struct clockwork *now)
{
    return now->suspend_count != then->suspend_count && now->set_back_count != then->set_back_count;
}

/* What happened to the clocks; rare things are frequent enough to meet each other. */
enum clockwork_event { CLOCKWORK_PASS, CLOCKWORK_STOP, CLOCKWORK_SUSPEND, CLOCKWORK_SET_WALL, CLOCKWORK_EVENT_COUNT };

/* 1 ms to a second, or to a minute. */
static inline int64_t clockwork_draw_gap_ns(struct sim_rng *rng)
{
    return sim_between(rng, 1, sim_chance(rng, 500) ? 1000 : 60000) * OPS_GATE_MS;
}

static inline enum clockwork_event clockwork_step(struct clockwork *clocks, struct sim_rng *rng)
{
    clocks->trouble_count++;
    if (sim_chance(rng, 30)) {
        clockwork_pass(clocks, clockwork_draw_gap_ns(rng));
        return CLOCKWORK_STOP;
    }
    if (sim_chance(rng, 50)) {
        clockwork_suspend(clocks, clockwork_draw_gap_ns(rng));
        return CLOCKWORK_SUSPEND;
    }
    if (sim_chance(rng, 20)) {
        clockwork_set_wall(clocks, clockwork_draw_gap_ns(rng) * (sim_chance(rng, 500) ? 1 : -1));
        return CLOCKWORK_SET_WALL;
    }
    clocks->trouble_count--;
    clockwork_pass(clocks, sim_chance(rng, 100) ? 0 : sim_between(rng, 1, 2500) * OPS_GATE_MS);
    return CLOCKWORK_PASS;
}

#endif
