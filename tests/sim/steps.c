/* What happens next, drawn at random; and, once nothing fails any more, what happens until everything has come to rest. */
#include "sim/sim.h"

#include "adapters/memory/clock.h"
#include "app/audit.h"

#include <string.h>

/* ---- Steps of a process ---- */

static void worker_step(struct sim_process *process)
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

static void sweep_step(struct sim_process *process)
{
    struct ops_sweep_result result;
    enum ops_status status = ops_app_sweep(process->app, &result, NULL);
    sim_trace(process->world, "process %d sweeps: %s, %zu windows and %zu vacuums started, %zu failed, %zu delivered",
              process->number, ops_status_tag(status), result.maintenance_started, result.vacuums_started,
              result.vacuums_failed, result.audit_delivered);
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

/* Somebody, or a time server, sets the wall clock. */
static void clock_step(struct sim_world *world)
{
    if (world->removals)
        return;
    static const struct {
        int64_t low_ms;
        int64_t high_ms;
    } moves[] = {{-500, 500}, {-500, 500}, {-90000, -1}, {1, 3 * OPS_HOUR_MS}};
    uint32_t move = sim_below(&world->rng, sizeof moves / sizeof moves[0]);
    int64_t by_ms = sim_between(&world->rng, moves[move].low_ms, moves[move].high_ms);
    ops_memory_clock_set(world->clock, sim_now_ms(world) + by_ms);
    sim_trace(world, "the wall clock moves by %lld ms", (long long)by_ms);
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
    {480, worker_step, NULL},        {90, sweep_step, NULL}, {150, sim_operator_acts, NULL},
    {70, gate_step, NULL},           {4, verify_step, NULL}, {4, sim_operator_sets_secret, NULL},
    {4, sim_stranger_guesses, NULL}, {110, NULL, time_step}, {20, NULL, clock_step},
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

static void bury_the_dead(struct sim_world *world)
{
    for (size_t i = 0; i < SIM_PROCESSES; i++)
        sim_process_bury(&world->processes[i]);
}

static void do_by_process(struct sim_process *process, void (*act)(struct sim_process *process))
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
    const struct step_form *form = draw_step(&world->rng);
    struct sim_process *process = form->by_process ? sim_process_any(world) : NULL;
    if (process)
        do_by_process(process, form->by_process);
    else if (form->by_world)
        form->by_world(world);
    sim_late_apply(world);
    sim_check_step(world);
    bury_the_dead(world);
}

/* ---- Seconds as `serve` would have them ---- */

enum { ROUNDS_MAX = 4000, STORM_ROUNDS_MAX = 60, IDLE_MS = 9000 };

static bool vacuum_is(const struct sim_world *world, const char *status)
{
    for (size_t i = 0; i < world->vacuum_count; i++)
        if (strcmp(world->vacuums[i].status, status) == 0)
            return true;
    return false;
}

static bool vacuum_open(const struct sim_world *world)
{
    return vacuum_is(world, "pending") || vacuum_is(world, "running");
}

static bool is_alive(const struct sim_process *process)
{
    return process->up && !process->dead;
}

static void start_everything(struct sim_world *world)
{
    bury_the_dead(world);
    for (size_t i = 0; i < SIM_PROCESSES; i++)
        if (!world->processes[i].up && sim_process_start(&world->processes[i]) != OPS_OK)
            sim_violate(world, SIM_LIVENESS, "a process does not start");
}

/* A sweep, and steps of the workers until they have nothing to do. */
static void work(struct sim_process *process)
{
    if (is_alive(process))
        do_by_process(process, sweep_step);
    for (size_t k = 0; k < 4 * process->worker_count && is_alive(process); k++)
        do_by_process(process, worker_step);
}

static void work_a_second(struct sim_world *world)
{
    for (size_t i = 0; i < SIM_PROCESSES; i++) {
        work(&world->processes[i]);
        sim_storm_gathers(world);
        if (world->stormy.recut) /* this is nothing that fails */
            sim_stack_recut(world);
    }
    sim_pass_time(world, 1000 + (vacuum_is(world, "running") ? 0 : IDLE_MS));
    sim_late_apply(world);
    world->numbers->steps++;
}

/* ---- A last vacuum while everything fails ---- */

static void ask_for_everything(struct sim_process *process)
{
    json_decref(sim_operator_asks(process, "ops_vacuumall",
                                  json_pack("{s:s}", "confirmation_phrase", "VACUUM ALL DATA PERMANENTLY")));
}

void sim_vacuum_in_the_storm(struct sim_world *world)
{
    start_everything(world);
    if (!world->violated)
        do_by_process(&world->processes[0], ask_for_everything);
    for (int round = 0; round < STORM_ROUNDS_MAX && vacuum_open(world) && !world->violated; round++) {
        start_everything(world);
        work_a_second(world);
    }
    sim_stack_refill(world);
}

/* ---- Coming to rest ---- */

static bool at_rest(const struct sim_world *world)
{
    return world->violated || (world->late_count == 0 && !vacuum_open(world) && world->log_seq == world->audit_seq);
}

static void work_until_rest(struct sim_world *world)
{
    int round = 0;
    while (round++ < ROUNDS_MAX && !at_rest(world))
        work_a_second(world);
    sim_check_rest(world);
}

/* Whatever is due must get its turn: the active window is ended, the next due one starts. */
static void finish_windows(struct sim_world *world)
{
    for (size_t i = 0; i <= world->window_count && !world->violated; i++) {
        sim_pass_time(world, 30 * OPS_MINUTE_MS);
        work_a_second(world);
        if (world->window_active)
            json_decref(sim_operator_asks(&world->processes[0], "ops_maintenanceend", json_object()));
        if (!world->violated && world->window_active)
            sim_violate(world, SIM_LIVENESS, "the active window can't be ended");
    }
    for (size_t i = 0; i < world->window_count; i++)
        if (!world->violated && strcmp(world->windows[i].status, "scheduled") == 0)
            sim_violate(world, SIM_LIVENESS, "window %s was due and never started", world->windows[i].id);
}

/* Nothing fails, so the vacuum must have done it all, but for what never can be removed. */
static void expect_success(struct sim_world *world)
{
    const struct sim_vacuum *vacuum = world->vacuum_count ? &world->vacuums[world->vacuum_count - 1] : NULL;
    bool stuck = false;
    for (size_t i = 0; i < world->record_count; i++)
        stuck = stuck || (world->records[i].stuck && world->records[i].there);
    if (!world->violated && vacuum && !stuck && strcmp(vacuum->status, "completed") != 0)
        sim_violate(world, SIM_LIVENESS, "vacuum %s is %s, though nothing fails", vacuum->id, vacuum->status);
}

static void vacuum_org(struct sim_world *world, const char *orgcode, bool dry_run)
{
    json_t *input = json_pack("{s:s, s:b}", "orgcode", orgcode, "dry_run", dry_run);
    json_t *data = sim_operator_asks(&world->processes[1], "ops_vacuumorg", input);
    if (!data)
        sim_violate(world, SIM_LIVENESS, "vacuum org is refused though nothing else is going on");
    json_decref(data);
    work_until_rest(world);
    expect_success(world);
}

static void vacuum_all(struct sim_world *world, bool dry_run)
{
    json_t *input = json_pack("{s:s, s:b}", "confirmation_phrase", "VACUUM ALL DATA PERMANENTLY", "dry_run", dry_run);
    json_t *data = sim_operator_asks(&world->processes[2], "ops_vacuumall", input);
    if (!data)
        sim_violate(world, SIM_LIVENESS, "vacuum all is refused though nothing else is going on");
    json_decref(data);
    work_until_rest(world);
    expect_success(world);
}

void sim_come_to_rest(struct sim_world *world)
{
    sim_trace(world, "nothing fails any more");
    world->rates = (struct sim_rates){.unknown = 0};
    memset(world->storms, 0, sizeof world->storms);
    start_everything(world);
    if (!world->violated && !world->secret_code[0])
        sim_operator_sets_secret(&world->processes[0]);
    sim_pass_time(world, 20 * OPS_MINUTE_MS); /* longer than any lock of the secret code, and than any lease */
    if (!world->violated)
        work_until_rest(world);
    if (!world->violated)
        finish_windows(world);
    const char *orgcode = sim_stack_tenant(&world->rng);
    for (int real = 0; real < 2 && !world->violated; real++)
        vacuum_org(world, orgcode, !real);
    for (int real = 0; real < 2 && !world->violated; real++)
        vacuum_all(world, !real);
}
