/* sim --seeds N [--first S] [--steps K] [--jobs J] [--trace], or sim --seed S [--steps K] [--trace]. */
#include "sim/sim.h"

#include "adapters/memory/clock.h"
#include "adapters/memory/log_sink.h"
#include "adapters/memory/sessions.h"
#include "adapters/memory/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS_DEFAULT = 350, SEEDS_THAT_COVER = 1000, JOBS_MAX = 64, EXIT_VIOLATED = 1, EXIT_USAGE = 2 };

#define SIM_BEGIN_MS INT64_C(1795478400000) /* 2026-11-24 */

/* ---- One seed ---- */

/* Each kind of fault is off in some seeds, rare in some and frequent in others. */
static uint32_t draw_rate(struct sim_rng *rng, uint32_t most)
{
    static const uint32_t parts[] = {0, 0, 0, 10, 10, 3, 1};
    uint32_t part = parts[sim_below(rng, sizeof parts / sizeof parts[0])];
    return part ? sim_below(rng, most / part + 1) : 0;
}

static void draw_rates(struct sim_rng *rng, bool calm, struct sim_rates *rates)
{
    *rates = (struct sim_rates){.unknown = 0};
    if (calm)
        return;
    for (size_t i = 0; i < SIM_SITE_COUNT; i++)
        rates->fail[i] = draw_rate(rng, i == SIM_SITE_PAGE || i == SIM_SITE_OPEN || i == SIM_SITE_RECOUNT ? 500 : 200);
    rates->crash_before = draw_rate(rng, 12);
    rates->crash_after = draw_rate(rng, 12);
    rates->unknown = draw_rate(rng, 200);
    rates->conflict = draw_rate(rng, 200);
    rates->storm = draw_rate(rng, 20);
    rates->partial = draw_rate(rng, 900);
    rates->key_busy = draw_rate(rng, 200);
    rates->key_failed = draw_rate(rng, 100);
    rates->remove_lost = draw_rate(rng, 400);
    rates->lost_crash = draw_rate(rng, 900);
    rates->page_short = draw_rate(rng, 500);
    rates->page_empty = draw_rate(rng, 300);
    rates->query_short = draw_rate(rng, 500);
    rates->query_empty = draw_rate(rng, 200);
    rates->query_vain = draw_rate(rng, 500);
    rates->recut = draw_rate(rng, 100);
    rates->log_lost = draw_rate(rng, 500);
    rates->interrupted = draw_rate(rng, 60);
    rates->frozen = draw_rate(rng, 8);
    rates->slow = draw_rate(rng, 60);
    rates->swap = draw_rate(rng, 12);
    rates->vanish = draw_rate(rng, 12);
    rates->hide = draw_rate(rng, 10);
    rates->trouble = draw_rate(rng, 6);
    rates->expire = draw_rate(rng, 60);
    rates->come_back = draw_rate(rng, 700);
}

static enum ops_status make_world(struct sim_world *world)
{
    const struct ops_session session = {.user = "ann", .orgcode = "acme"};
    world->begin_ms = SIM_BEGIN_MS + sim_between(&world->rng, 0, 999);
    enum ops_status status = ops_memory_clock_new(world->begin_ms, &world->clock);
    if (status == OPS_OK)
        status = ops_memory_store_new(&world->store);
    if (status == OPS_OK)
        status = ops_memory_catalogue_new(&world->catalogue);
    if (status == OPS_OK)
        status = ops_memory_log_sink_new(&world->log_sink);
    if (status == OPS_OK)
        status = ops_memory_sessions_new(&world->sessions);
    if (status == OPS_OK)
        status = ops_memory_sessions_add(world->sessions, "guid-of-ann", &session, INT64_MAX);
    if (status == OPS_OK)
        status = sim_stack_make(world);
    if (status != OPS_OK)
        return status;
    ops_memory_catalogue_on_removed(world->catalogue, sim_on_removed, world);
    world->audit_texts = json_array();
    world->window_ended_ms = INT64_MIN / 2;
    (void)snprintf(world->old_plan_sha256, sizeof world->old_plan_sha256, "%064d", 0);
    return world->audit_texts ? OPS_OK : OPS_NO_MEMORY;
}

static void free_world(struct sim_world *world)
{
    for (size_t i = 0; i < SIM_PROCESSES; i++) {
        world->processes[i].dead = true;
        sim_process_bury(&world->processes[i]);
    }
    for (size_t i = 0; i < world->late_count; i++)
        ops_txn_release(&world->late[i].txn);
    ops_manifest_release(&world->manifest);
    ops_catalogue_release(world->catalogue);
    ops_store_release(world->store);
    ops_log_sink_release(world->log_sink);
    ops_session_source_release(world->sessions);
    ops_memory_clock_free(world->clock);
    json_decref(world->audit_texts);
    free(world);
}

static void start_world(struct sim_world *world)
{
    for (size_t i = 0; i < SIM_PROCESSES; i++) {
        world->processes[i].world = world;
        world->processes[i].number = (int)i;
        if (sim_process_start(&world->processes[i]) != OPS_OK)
            sim_violate(world, SIM_LIVENESS, "a process does not start");
    }
    if (!sim_chance(&world->rng, 100))
        sim_operator_sets_secret(&world->processes[0]);
}

static void run_world(struct sim_world *world, uint64_t steps)
{
    static const int64_t ahead_most_ms[] = {0, 20, 1000, SIM_AHEAD_MAX_MS};
    bool calm = sim_chance(&world->rng, 80);
    world->numbers->calm += calm;
    draw_rates(&world->rng, calm, &world->stormy);
    world->writers = sim_chance(&world->rng, 300);
    world->knows_tokens = sim_chance(&world->rng, 600);
    world->ahead_most_ms = ahead_most_ms[sim_below(&world->rng, sizeof ahead_most_ms / sizeof ahead_most_ms[0])];
    world->far_clocks = sim_chance(&world->rng, 350);
    start_world(world);
    world->rates = world->stormy;
    uint64_t crashes_before = world->numbers->crashes;
    for (world->step = 0; world->step < steps && !world->violated; world->step++) {
        if (world->step == steps / 2) /* by now the first vacuums have left little */
            sim_stack_refill(world);
        sim_step(world);
    }
    bool crashed = world->numbers->crashes > crashes_before;
    bool running = false;
    for (size_t i = 0; i < world->vacuum_count; i++)
        running = running || (!world->vacuums[i].dry_run && strcmp(world->vacuums[i].status, "running") == 0);
    if (!world->violated && !calm)
        sim_vacuum_in_the_storm(world);
    if (!world->violated)
        sim_come_to_rest(world);
    world->numbers->resumed += crashed && running && !world->violated;
}

/* Whether every invariant held. */
static bool run_seed(uint64_t seed, uint64_t steps, bool trace, struct sim_numbers *numbers)
{
    struct sim_world *world = calloc(1, sizeof *world);
    if (!world)
        return false;
    world->seed = seed;
    world->rng.state = seed;
    world->trace = trace;
    world->numbers = numbers;
    numbers->seeds++;
    if (make_world(world) == OPS_OK)
        run_world(world, steps);
    else
        world->violated = SIM_LIVENESS;
    bool held = !world->violated;
    if (!held)
        sim_report_violation(world, steps);
    free_world(world);
    return held;
}

/* ---- Many seeds ---- */

struct plan {
    uint64_t first;
    uint64_t count;
    uint64_t steps;
    uint64_t jobs;
    bool trace;
};

/* Every jobs-th seed from job on, up to the first that fails. */
static bool run_share(const struct plan *plan, uint64_t job, struct sim_numbers *numbers)
{
    for (uint64_t i = job; i < plan->count; i += plan->jobs)
        if (!run_seed(plan->first + i, plan->steps, plan->trace, numbers))
            return false;
    return true;
}

static pid_t start_share(const struct plan *plan, uint64_t job, int *ret_pipe)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child != 0) {
        (void)close(ends[1]);
        *ret_pipe = ends[0];
        return child;
    }
    struct sim_numbers numbers = {0};
    bool held = run_share(plan, job, &numbers);
    (void)fflush(stdout);
    bool written = write(ends[1], &numbers, sizeof numbers) == (ssize_t)sizeof numbers;
    _exit(held && written ? 0 : EXIT_VIOLATED);
}

static bool run_jobs(const struct plan *plan, struct sim_numbers *numbers)
{
    pid_t children[JOBS_MAX];
    int pipes[JOBS_MAX];
    bool held = true;
    (void)fflush(stdout);
    for (uint64_t job = 0; job < plan->jobs; job++)
        children[job] = start_share(plan, job, &pipes[job]);
    for (uint64_t job = 0; job < plan->jobs; job++) {
        struct sim_numbers share = {0};
        int result = 0;
        if (children[job] < 0)
            return false;
        bool complete = read(pipes[job], &share, sizeof share) == (ssize_t)sizeof share;
        (void)close(pipes[job]);
        held = waitpid(children[job], &result, 0) > 0 && result == 0 && complete && held;
        sim_numbers_add(numbers, &share);
    }
    return held;
}

static int usage(void)
{
    (void)fputs("usage: sim --seeds N [--first S] [--steps K] [--jobs J] [--trace]\n"
                "       sim --seed S [--steps K] [--trace]\n",
                stderr);
    return EXIT_USAGE;
}

static bool read_number(const char *text, uint64_t *ret_number)
{
    char *end;
    *ret_number = text ? strtoull(text, &end, 10) : 0;
    return text && *text && !*end;
}

static bool read_arguments(int count, char **arguments, struct plan *plan)
{
    const struct {
        const char *name;
        uint64_t *number;
    } options[] = {{"--seeds", &plan->count},
                   {"--first", &plan->first},
                   {"--steps", &plan->steps},
                   {"--jobs", &plan->jobs},
                   {"--seed", &plan->first}};
    for (int i = 1; i < count; i++) {
        bool known = strcmp(arguments[i], "--trace") == 0;
        plan->trace = plan->trace || known;
        for (size_t k = 0; !known && k < sizeof options / sizeof options[0]; k++)
            if (strcmp(arguments[i], options[k].name) == 0) {
                known = i + 1 < count && read_number(arguments[i + 1], options[k].number);
                i++;
                break;
            }
        if (!known)
            return false;
    }
    return plan->count >= 1 && plan->jobs >= 1 && plan->jobs <= JOBS_MAX;
}

int main(int count, char **arguments)
{
    struct plan plan = {.first = 1, .count = 1, .steps = STEPS_DEFAULT, .jobs = 1};
    struct sim_numbers numbers = {0};
    if (count < 2 || !read_arguments(count, arguments, &plan))
        return usage();
    json_object_seed(1);
    bool held = plan.jobs == 1 ? run_share(&plan, 0, &numbers) : run_jobs(&plan, &numbers);
    sim_numbers_print(&numbers);
    if (held && plan.count >= SEEDS_THAT_COVER)
        held = sim_numbers_cover(&numbers);
    return held ? 0 : EXIT_VIOLATED;
}
