/* What happens next, drawn at random. */
#include "sim/sim.h"

#include "app/audit.h"

/* ---- Steps of a process ---- */

void sim_worker_step(struct sim_process *process)
{
    struct sim_world *world = process->world;
    if (process->worker_count == 0)
        return;
    struct sim_worker *worker = &process->workers[sim_below(&world->rng, (uint32_t)process->worker_count)];
    int64_t now_ms = sim_monotonic_ms(world);
    int64_t wait_ms = 0;
    if (worker->sleeps_until_ms > now_ms && !sim_chance(&world->rng, 100)) {
        sim_pass_time(world, worker->sleeps_until_ms - now_ms < 1000 ? worker->sleeps_until_ms - now_ms : 1000);
        return;
    }
    process->at_work = worker;
    enum ops_status status = ops_worker_step(worker->worker, &wait_ms, NULL);
    process->at_work = NULL;
    worker->sleeps_until_ms = sim_monotonic_ms(world) + wait_ms;
    sim_trace(world, "%s: %s, sleeps %lld ms", worker->name, ops_status_tag(status), (long long)wait_ms);
}

void sim_sweep_step(struct sim_process *process)
{
    struct ops_sweep_result result;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_app_sweep(process->app, &result, &error);
    sim_trace(process->world, "process %d sweeps: %s, %zu windows and %zu vacuums started, %zu failed, %zu delivered %s",
              process->number, ops_status_tag(status), result.maintenance_started, result.vacuums_started,
              result.vacuums_failed, result.audit_delivered, error.text);
    ops_error_release(&error);
}

static void verify_step(struct sim_process *process)
{
    json_int_t count = 0;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_audit_verify(process->app, &count, &error);
    if (status == OPS_CORRUPT)
        sim_violate(process->world, SIM_AUDIT, "the app's own verification fails: %s", ops_error_text(&error, status));
    ops_error_release(&error);
}

static void gate_step(struct sim_process *process)
{
    struct sim_world *world = process->world;
    sim_gate_asks(process, &world->gates[sim_below(&world->rng, SIM_GATES)]);
}

/* ---- Steps of the world ---- */

static void time_step(struct sim_world *world)
{
    static const int64_t most_ms[] = {200, 3000, 3000, 30000, 30000, 150000, 400000};
    int64_t duration_ms = sim_between(&world->rng, 0, most_ms[sim_below(&world->rng, sizeof most_ms / sizeof most_ms[0])]);
    if (world->removals)
        return;
    if (sim_chance(&world->rng, 8))
        duration_ms = sim_between(&world->rng, OPS_HOUR_MS, 26 * OPS_HOUR_MS);
    else if (sim_chance(&world->rng, 20))
        duration_ms = sim_until_mutex_expires(world) - sim_between(&world->rng, 0, OPS_MINUTE_MS);
    if (duration_ms < 0)
        return;
    sim_pass_time(world, duration_ms);
    sim_trace(world, "%lld ms pass", (long long)duration_ms);
}

static void crash_step(struct sim_world *world)
{
    struct sim_process *process = &world->processes[sim_below(&world->rng, SIM_PROCESSES)];
    if (process->up && !process->dead)
        sim_process_kill(process, SIM_SITE_COUNT);
    else if (!process->up && sim_process_start(process) != OPS_OK)
        sim_violate(world, SIM_LIVENESS, "a process does not start");
}

static void write_step(struct sim_world *world)
{
    if (world->writers)
        sim_stack_write(world);
}

struct step_form {
    uint32_t weight;
    void (*by_process)(struct sim_process *process); /* one of the two */
    void (*by_world)(struct sim_world *world);
};

static const struct step_form step_forms[] = {
    {480, sim_worker_step, NULL},    {90, sim_sweep_step, NULL}, {150, sim_operator_acts, NULL},
    {70, gate_step, NULL},           {4, verify_step, NULL},     {4, sim_operator_sets_secret, NULL},
    {4, sim_stranger_guesses, NULL}, {110, NULL, time_step},     {20, NULL, sim_clock_step},
    {14, NULL, crash_step},          {20, NULL, write_step},
};

static const struct step_form *draw_step(struct sim_rng *rng)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof step_forms / sizeof step_forms[0]; i++)
        sum += step_forms[i].weight;
    uint32_t draw = sim_below(rng, sum);
    const struct step_form *form = step_forms;
    while (draw >= form->weight)
        draw -= form++->weight;
    return form;
}

void sim_bury_the_dead(struct sim_world *world)
{
    for (size_t i = 0; i < SIM_PROCESSES; i++)
        sim_process_bury(&world->processes[i]);
}

void sim_process_does(struct sim_process *process, void (*act)(struct sim_process *process))
{
    process->busy = true;
    act(process);
    process->busy = false;
    sim_check_step(process->world);
}

void sim_step(struct sim_world *world)
{
    world->numbers->steps++;
    sim_storm_gathers(world);
    if (sim_chance(&world->rng, world->rates.recut))
        sim_stack_recut(world);
    sim_things_change(world);
    const struct step_form *form = draw_step(&world->rng);
    struct sim_process *process = form->by_process ? sim_process_any(world) : NULL;
    if (process)
        sim_process_does(process, form->by_process);
    else if (form->by_world)
        form->by_world(world);
    sim_late_apply(world);
    sim_check_step(world);
    sim_bury_the_dead(world);
}
