#include "sim/sim.h"

#include "adapters/memory/random.h"
#include "app/context.h"

#include <stdio.h>

static enum ops_status start_workers(struct sim_process *process)
{
    struct sim_world *world = process->world;
    process->worker_count = 1 + sim_below(&world->rng, SIM_WORKERS_MAX);
    for (size_t i = 0; i < process->worker_count; i++) {
        struct sim_worker *worker = &process->workers[i];
        *worker = (struct sim_worker){.fence = 0};
        (void)snprintf(worker->name, sizeof worker->name, "process-%d-worker-%zu", process->number, i);
        enum ops_status status = ops_worker_new(process->app, worker->name, &worker->worker);
        if (status != OPS_OK)
            return status;
    }
    process->request = (struct sim_worker){.name = "request"};
    return OPS_OK;
}

enum ops_status sim_process_start(struct sim_process *process)
{
    static const struct ops_build build = {0, 1, "Tue-1763955000"};
    struct sim_world *world = process->world;
    process->dead = false;
    process->was_asked_safe = false;
    process->at_work = NULL;
    sim_ports_init(process);
    enum ops_status status = ops_memory_random_new(sim_next(&world->rng), &process->random);
    if (status != OPS_OK)
        return status;
    const struct ops_app_ports ports = {
        .store = &process->store.base,
        .catalogue = &process->catalogue.base,
        .log_sink = &process->log_sink.base,
        .sessions = &process->sessions.base,
        .clock = &process->clock.base,
        .random = process->random,
        .hasher = &process->hasher.base,
    };
    status = ops_app_new(&ports, &world->manifest, &build, &process->app);
    if (status != OPS_OK)
        return status;
    process->up = true;
    if (sim_chance(&world->rng, 600))
        process->app->inline_dry_run_ms = 0;
    sim_trace(world, "process %d starts", process->number);
    return start_workers(process);
}

void sim_process_kill(struct sim_process *process, enum sim_site site)
{
    struct sim_world *world = process->world;
    if (!process->up || process->dead)
        return;
    process->dead = true;
    world->numbers->crashes++;
    if (site < SIM_SITE_COUNT)
        world->numbers->crash_at[site]++;
    sim_trace(world, "process %d dies", process->number);
}

void sim_process_bury(struct sim_process *process)
{
    if (!process->up || !process->dead || process->busy)
        return;
    /* Its ports are dead, so nothing that is let go of here reaches the store. */
    for (size_t i = 0; i < process->worker_count; i++)
        ops_worker_free(process->workers[i].worker);
    ops_app_free(process->app);
    ops_memory_random_free(process->random);
    process->worker_count = 0;
    process->app = NULL;
    process->up = false;
}

struct sim_process *sim_process_any(struct sim_world *world)
{
    uint32_t first = sim_below(&world->rng, SIM_PROCESSES);
    for (uint32_t i = 0; i < SIM_PROCESSES; i++) {
        struct sim_process *process = &world->processes[(first + i) % SIM_PROCESSES];
        if (process->up && !process->dead && !process->busy)
            return process;
    }
    return NULL;
}
