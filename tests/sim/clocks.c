/* Wall clocks that are set: by somebody, or by a time server that is wrong and is put right again. Nobody's monotonic clock
 * minds. Not during a removal: what began by one clock could not end by it. */
#include "sim/sim.h"

#include "adapters/memory/clock.h"
#include "core/task.h"

#include <stdlib.h>
#include <string.h>

#define YEAR_MS (365 * OPS_DAY_MS)
#define FAR_MS (2 * OPS_DAY_MS)

static int64_t true_ms(const struct sim_world *world)
{
    return world->begin_ms + sim_monotonic_ms(world);
}

static bool vacuum_runs(const struct sim_world *world)
{
    for (size_t i = 0; i < world->vacuum_count; i++)
        if (!world->vacuums[i].dry_run && strcmp(world->vacuums[i].status, "running") == 0)
            return true;
    return false;
}

void sim_clock_set(struct sim_world *world, int64_t ahead_ms)
{
    int64_t by_ms = true_ms(world) + ahead_ms - sim_now_ms(world);
    ops_memory_clock_set(world->clock, true_ms(world) + ahead_ms);
    if (llabs(by_ms) > OPS_CLOCKS_APART_MS)
        world->clocks_set_ms = sim_monotonic_ms(world);
    sim_trace(world, "the wall clock moves by %lld ms", (long long)by_ms);
    if (vacuum_runs(world) && llabs(by_ms) >= FAR_MS)
        sim_cloud_count(world, by_ms < 0 ? SIM_CLOUD_CLOCK_BACK : SIM_CLOUD_CLOCK_AHEAD);
}

/* Not during a removal, which must end by the clock that it began by; and not while somebody may still trust what the last
 * setting has taken from them. */
static bool may_be_set(const struct sim_world *world)
{
    return !world->removals && sim_monotonic_ms(world) - world->clocks_set_ms > OPS_LEASE_FRESH_MS;
}

/* One host's, so far from the others' as hosts may be. */
static void set_host(struct sim_world *world)
{
    struct sim_process *process = &world->processes[sim_below(&world->rng, SIM_PROCESSES)];
    int64_t ahead_ms = sim_between(&world->rng, -world->ahead_most_ms, world->ahead_most_ms);
    process->clock.ahead_ms = ahead_ms;
    sim_trace(world, "the clock of process %d is %lld ms ahead of the others", process->number, (long long)ahead_ms);
}

void sim_clock_step(struct sim_world *world)
{
    static const struct {
        int64_t low_ms;
        int64_t high_ms;
        bool far;
    } errors[] = {{0, 0, false},
                  {-500, 500, false},
                  {-90000, 90000, false},
                  {-3 * OPS_HOUR_MS, 3 * OPS_HOUR_MS, false},
                  {-YEAR_MS, YEAR_MS, true},
                  {-YEAR_MS, YEAR_MS, true}};
    uint32_t error = sim_below(&world->rng, sizeof errors / sizeof errors[0]);
    int64_t ahead_ms = sim_between(&world->rng, errors[error].low_ms, errors[error].high_ms);
    if (!may_be_set(world) || (errors[error].far && !world->far_clocks))
        return;
    if (sim_chance(&world->rng, 300))
        set_host(world);
    else
        sim_clock_set(world, ahead_ms);
}

void sim_clocks_right(struct sim_world *world)
{
    sim_clock_set(world, 0);
    for (size_t i = 0; i < SIM_PROCESSES; i++)
        world->processes[i].clock.ahead_ms = 0;
}

/* A host was suspended, or its clock went ahead: when it goes on, the mutex has a little time left or none. */
void sim_mutex_runs_out(struct sim_world *world)
{
    int64_t by_ms = sim_until_mutex_expires(world) + sim_between(&world->rng, -45 * OPS_SECOND_MS, 15 * OPS_SECOND_MS);
    if (world->removals || by_ms <= 0 || by_ms > 25 * OPS_HOUR_MS)
        return;
    sim_cloud_count(world, SIM_CLOUD_RUN_OUT);
    if (!may_be_set(world) || sim_chance(&world->rng, 500))
        sim_pass_time(world, by_ms);
    else
        sim_clock_set(world, sim_now_ms(world) - true_ms(world) + by_ms);
    sim_trace(world, "%lld ms go by with a page in hand", (long long)by_ms);
}

/* The vacuum's time was over, and then, by everybody's clock, it is not. */
bool sim_time_comes_back(struct sim_world *world)
{
    int64_t over_ms = -sim_until_mutex_expires(world);
    if (over_ms < 0 || over_ms > OPS_DAY_MS || !may_be_set(world))
        return false;
    int64_t by_ms = -over_ms - sim_between(&world->rng, OPS_MINUTE_MS, OPS_HOUR_MS);
    sim_cloud_count(world, SIM_CLOUD_NOT_OVER);
    sim_clock_set(world, sim_now_ms(world) - true_ms(world) + by_ms);
    return true;
}
