/* What happens once nothing fails any more: everything comes to rest, and what is begun then succeeds; and the vacuums of
 * the last act, each with at most one thing that disturbs it. */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

/* ---- Seconds as `serve` would have them ---- */

enum { ROUNDS_MAX = 4000, STORM_ROUNDS_MAX = 60, IDLE_MS = 10000 };

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
    sim_bury_the_dead(world);
    for (size_t i = 0; i < SIM_PROCESSES; i++)
        if (!world->processes[i].up && sim_process_start(&world->processes[i]) != OPS_OK)
            sim_violate(world, SIM_LIVENESS, "a process does not start");
}

/* A sweep, and steps of the workers until they have nothing to do. */
static void work(struct sim_process *process)
{
    if (is_alive(process))
        sim_process_does(process, sim_sweep_step);
    for (size_t k = 0; k < 4 * process->worker_count && is_alive(process); k++)
        sim_process_does(process, sim_worker_step);
}

static void work_for(struct sim_world *world, int64_t duration_ms)
{
    for (size_t i = 0; i < SIM_PROCESSES; i++) {
        work(&world->processes[i]);
        sim_storm_gathers(world);
        if (world->stormy.recut) /* this is nothing that fails */
            sim_stack_recut(world);
    }
    sim_pass_time(world, duration_ms);
    sim_late_apply(world);
    world->numbers->steps++;
}

static void work_a_second(struct sim_world *world)
{
    work_for(world, vacuum_is(world, "running") ? OPS_SECOND_MS : IDLE_MS);
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
        sim_process_does(&world->processes[0], ask_for_everything);
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

/* What was asked for while the clock was wrong may be due in a year. Its operator takes it back. */
static void cancel_what_is_far_away(struct sim_world *world)
{
    for (size_t i = 0; i < world->vacuum_count; i++)
        if (strcmp(world->vacuums[i].status, "pending") == 0 &&
            world->vacuums[i].execute_ms - sim_now_ms(world) > OPS_HOUR_MS)
            sim_operator_cancels(&world->processes[0], "ops_vacuumcancel", "vacuum_id", world->vacuums[i].id);
    for (size_t i = 0; i < world->window_count; i++)
        if (strcmp(world->windows[i].status, "scheduled") == 0 &&
            world->windows[i].start_ms - sim_now_ms(world) > OPS_HOUR_MS)
            sim_operator_cancels(&world->processes[0], "ops_maintenancecancel", "maintenance_id", world->windows[i].id);
}

/* How a vacuum that nothing disturbs must end: NULL, that is not known, for some records never can be removed. */
static const char *foresee(const struct sim_world *world, const struct sim_scope *scope, bool dry_run, bool reviewed)
{
    bool whole = true, stuck = false;
    for (size_t i = 0; i < world->record_count; i++)
        stuck = stuck || (world->records[i].stuck && world->records[i].there);
    for (size_t i = 0; i < world->target_count; i++)
        if (sim_stack_applies(world, i, scope) && !sim_thing_skipped(world, i, scope))
            whole = whole && !sim_thing_has_twin(world, i) && !sim_thing_hides(world, i) &&
                    sim_stack_count(world, i, scope).incomparable == 0;
    if (!dry_run && !reviewed && sim_seen_any_gone(world, scope) == SIM_GONE_YES)
        return "failed";
    return !whole ? "failed" : stuck ? NULL : "completed";
}

static void expect(struct sim_world *world, const char *end)
{
    const struct sim_vacuum *vacuum = world->vacuum_count ? &world->vacuums[world->vacuum_count - 1] : NULL;
    if (world->violated || !vacuum || !end || strcmp(vacuum->status, end) == 0)
        return;
    json_t *doc = sim_peek(world, "VACUUM", vacuum->id);
    const char *why = "nothing is said";
    (void)json_unpack(doc, "{s:{s:s}}", "error", "message", &why); /* where it has failed */
    sim_violate(world, SIM_LIVENESS, "vacuum %s is %s and not %s, though nothing disturbs it: %s", vacuum->id,
                vacuum->status, end, why);
    json_decref(doc);
}

static void ask_for_vacuum(struct sim_world *world, const struct sim_scope *scope, bool dry_run, bool reviewed)
{
    json_t *input = json_pack("{s:b}", "dry_run", dry_run);
    if (scope->all)
        json_object_set_new(input, "confirmation_phrase", json_string("VACUUM ALL DATA PERMANENTLY"));
    else
        json_object_set_new(input, "orgcode", json_string(scope->orgcode));
    if (reviewed)
        json_object_set_new(input, "plan_sha256", json_string(world->old_plan_sha256));
    struct sim_process *process = &world->processes[scope->all ? 2 : 1];
    json_t *data = sim_operator_asks(process, scope->all ? "ops_vacuumall" : "ops_vacuumorg", input);
    if (!data)
        sim_violate(world, SIM_LIVENESS, "a vacuum is refused though nothing else is going on");
    json_decref(data);
}

/* A vacuum of a tenant, or of everything, and what becomes of it. Nothing fails. reviewed: with the hash of the plan of the
 * latest dry run. */
static void vacuum_in_peace(struct sim_world *world, const struct sim_scope *scope, bool dry_run, bool reviewed)
{
    const char *end = foresee(world, scope, dry_run, reviewed);
    ask_for_vacuum(world, scope, dry_run, reviewed);
    work_until_rest(world);
    expect(world, end);
}

static struct sim_vacuum *latest(struct sim_world *world)
{
    return world->vacuum_count ? &world->vacuums[world->vacuum_count - 1] : NULL;
}

static void remember_latest_plan(struct sim_world *world)
{
    json_t *doc = latest(world) ? sim_peek(world, "VACUUM", latest(world)->id) : NULL;
    const char *plan = json_string_value(json_object_get(doc, "plan_sha256"));
    if (plan)
        (void)snprintf(world->old_plan_sha256, sizeof world->old_plan_sha256, "%s", plan);
    json_decref(doc);
}

/* ---- Scenes: a vacuum, and one thing that disturbs it ---- */

typedef void (*scene_fn)(struct sim_world *world, const struct sim_scope *scope, bool reviewed);

static void in_peace(struct sim_world *world, const struct sim_scope *scope, bool reviewed)
{
    vacuum_in_peace(world, scope, false, reviewed);
}

/* Whether the vacuum is in the middle of its work: it has removed something, or has run for a few rounds. */
static bool in_the_middle(const struct sim_vacuum *vacuum, int *rounds)
{
    *rounds += strcmp(vacuum->status, "running") == 0;
    return vacuum->removed_total > 0 || *rounds > 5;
}

/* Whatever the clock does, the vacuum comes to its end. One that goes back changes nothing; one that goes ahead may make the
 * mutex run out. */
static void under_a_clock_that_is_set(struct sim_world *world, const struct sim_scope *scope, bool reviewed)
{
    const char *end = foresee(world, scope, false, reviewed);
    int64_t ahead_ms = sim_chance(&world->rng, 700) ? sim_between(&world->rng, -365 * OPS_DAY_MS, -OPS_MINUTE_MS)
                                                    : sim_between(&world->rng, 0, 365 * OPS_DAY_MS);
    int rounds = 0;
    ask_for_vacuum(world, scope, false, reviewed);
    struct sim_vacuum *vacuum = latest(world);
    while (!world->violated && vacuum_open(world) && !in_the_middle(vacuum, &rounds))
        work_a_second(world);
    bool runs = vacuum_open(world);
    if (!world->violated)
        sim_clock_set(world, ahead_ms);
    work_until_rest(world);
    if (ahead_ms < 0)
        expect(world, end);
    if (runs && ahead_ms < -2 * OPS_DAY_MS && !world->violated)
        sim_cloud_count(world, SIM_CLOUD_WENT_ON);
    sim_clocks_right(world);
}

/* A target that a vacuum would delete from; target_count: none. */
static size_t choose_victim(struct sim_world *world, const struct sim_scope *scope)
{
    uint32_t first = sim_below(&world->rng, (uint32_t)world->target_count);
    for (size_t i = 0; i < world->target_count; i++) {
        size_t target = (first + i) % world->target_count;
        if (!sim_thing_kept(world, target, scope) && sim_stack_count(world, target, scope).matched > 0)
            return target;
    }
    return world->target_count;
}

/* Whether nothing is left to be removed of the other targets. */
static bool others_done(const struct sim_world *world, size_t victim, const struct sim_scope *scope)
{
    json_int_t left = 0;
    for (size_t i = 0; i < world->target_count; i++)
        if (i != victim && !sim_thing_kept(world, i, scope))
            left += sim_stack_count(world, i, scope).matched;
    for (size_t i = 0; i < world->record_count; i++) {
        const struct sim_record *record = &world->records[i];
        bool never_goes = record->stuck && record->there && !record->kept;
        if (record->target != victim && never_goes && !sim_thing_kept(world, record->target, scope) &&
            sim_stack_applies(world, record->target, scope) && (scope->all || strcmp(record->tenant, scope->orgcode) == 0))
            left--;
    }
    return left <= 0;
}

#define OTHERS_DONE_MS (5 * OPS_MINUTE_MS)
#define TROUBLE_OVER_MS (40 * OPS_MINUTE_MS)

/* Whether the vacuum is over, and no other target has failed for reasons of its own. */
static bool ended_for_one(struct sim_world *world, const struct sim_vacuum *vacuum, size_t victim)
{
    bool is_over = strcmp(vacuum->status, "running") != 0, alone = true;
    json_t *doc = is_over ? sim_peek(world, "VACUUM", vacuum->id) : NULL, *target;
    size_t i;
    json_array_foreach(json_object_get(doc, "targets"), i, target) {
        const char *status = json_string_value(json_object_get(target, "status"));
        bool failed = status && strcmp(status, "failed") == 0;
        alone = alone && !(failed && sim_counts_target_at(world, vacuum, (json_int_t)i) != victim);
    }
    json_decref(doc);
    return is_over && alone;
}

/* What must have been done by now, while one target is in trouble. */
static void check_not_held_up(struct sim_world *world, const struct sim_vacuum *vacuum, size_t victim)
{
    int64_t ran_ms = sim_monotonic_ms(world) - vacuum->running_since_ms;
    bool is_over = strcmp(vacuum->status, "running") != 0;
    if (strcmp(vacuum->status, "pending") == 0)
        return;
    bool due = is_over ? ended_for_one(world, vacuum, victim) : ran_ms > OTHERS_DONE_MS;
    if (due && !others_done(world, victim, &vacuum->scope))
        sim_violate(world, SIM_TROUBLE, "vacuum %s is %s after %lld ms, and while %s is in trouble others are not done",
                    vacuum->id, vacuum->status, (long long)ran_ms, world->targets[victim]->name);
    else if (!is_over && ran_ms > TROUBLE_OVER_MS)
        sim_violate(world, SIM_LIVENESS, "vacuum %s still runs after %lld ms, since %s is in trouble", vacuum->id,
                    (long long)ran_ms, world->targets[victim]->name);
}

static void with_one_in_trouble(struct sim_world *world, const struct sim_scope *scope, bool reviewed)
{
    size_t victim = choose_victim(world, scope);
    bool from_the_start = sim_chance(&world->rng, 400), for_ever = sim_chance(&world->rng, 500);
    bool at_removal = !from_the_start && sim_chance(&world->rng, 500);
    int64_t duration_ms = sim_between(&world->rng, OPS_MINUTE_MS, 20 * OPS_MINUTE_MS);
    bool began = false;
    int rounds = 0;
    if (victim == world->target_count) {
        in_peace(world, scope, reviewed);
        return;
    }
    ask_for_vacuum(world, scope, false, reviewed);
    struct sim_vacuum *vacuum = latest(world);
    while (!world->violated && vacuum_open(world)) {
        if (!began && (from_the_start || at_removal || in_the_middle(vacuum, &rounds))) {
            int64_t begin_ms = vacuum->execute_ms - sim_now_ms(world) + sim_monotonic_ms(world);
            sim_trouble_begin(world, victim, for_ever ? INT64_MAX : begin_ms + duration_ms, at_removal);
            began = true;
        }
        bool waits = strcmp(vacuum->status, "running") != 0 || (began && others_done(world, victim, scope));
        work_for(world, waits ? IDLE_MS : OPS_SECOND_MS);
        if (began)
            check_not_held_up(world, vacuum, victim);
    }
    if (!world->violated && from_the_start && for_ever && strcmp(vacuum->status, "failed") != 0)
        sim_violate(world, SIM_WHOLE, "vacuum %s is %s, and nobody could look into %s", vacuum->id, vacuum->status,
                    world->targets[victim]->name);
    sim_cloud_count(world, SIM_CLOUD_HELD_UP_NOBODY);
    world->trouble.until_ms = 0;
    work_until_rest(world);
}

/* A target that was there at the dry run goes away. The vacuum is not told of it, and stops; or fails, where that could not
 * be seen at first. */
static void while_one_has_gone(struct sim_world *world, const struct sim_scope *scope, bool reviewed)
{
    size_t victim = choose_victim(world, scope);
    if (victim == world->target_count || !world->things[victim].seen || world->things[victim].seen_unsure) {
        in_peace(world, scope, reviewed);
        return;
    }
    sim_thing_goes(world, victim);
    ask_for_vacuum(world, scope, false, false);
    int64_t busy_ms = sim_chance(&world->rng, 500) ? sim_between(&world->rng, 0, 50 * OPS_SECOND_MS) : 0;
    if (busy_ms > 0 && !world->violated)
        sim_trouble_begin(world, victim, latest(world)->execute_ms - sim_now_ms(world) + sim_monotonic_ms(world) + busy_ms,
                          false);
    work_until_rest(world);
    expect(world, "failed");
    sim_things_settle(world);
}

/* A target goes away with what the vacuum was to remove, in the middle of a page, perhaps with the process that was at it, and
 * may come back. While it is away the vacuum comes to its end all the same. */
static void while_one_goes(struct sim_world *world, const struct sim_scope *scope, bool reviewed)
{
    size_t victim = choose_victim(world, scope);
    bool comes_back = sim_chance(&world->rng, 400);
    int64_t back_ms = INT64_MAX;
    if (victim == world->target_count || sim_thing_has_twin(world, victim)) {
        in_peace(world, scope, reviewed);
        return;
    }
    world->leave = (struct sim_leave){victim, 1 + sim_below(&world->rng, 4), sim_chance(&world->rng, 500)};
    ask_for_vacuum(world, scope, false, reviewed);
    struct sim_vacuum *vacuum = latest(world);
    while (!world->violated && vacuum_open(world)) {
        start_everything(world);
        work_a_second(world);
        bool is_away = world->things[victim].where != SIM_THERE;
        if (is_away && back_ms == INT64_MAX)
            back_ms = sim_monotonic_ms(world) + sim_between(&world->rng, 0, 2 * OPS_MINUTE_MS);
        if (is_away && comes_back && sim_monotonic_ms(world) >= back_ms)
            sim_thing_comes_back(world, victim);
        else if (is_away && sim_monotonic_ms(world) >= back_ms + TROUBLE_OVER_MS / 4)
            sim_violate(world, SIM_LIVENESS, "vacuum %s still runs ten minutes after %s went away", vacuum->id,
                        world->targets[victim]->name);
    }
    world->leave.removals = 0;
    work_until_rest(world);
    sim_things_settle(world);
}

static scene_fn draw_scene(struct sim_world *world)
{
    static const scene_fn scenes[] = {in_peace,          in_peace, in_peace, under_a_clock_that_is_set, with_one_in_trouble,
                                      while_one_has_gone, while_one_goes};
    return scenes[sim_below(&world->rng, sizeof scenes / sizeof scenes[0])];
}

/* The dry run, and then the vacuum; where something has gone, at first without a hash, which must not do. */
static void review_and_vacuum(struct sim_world *world, const struct sim_scope *scope)
{
    vacuum_in_peace(world, scope, true, false);
    remember_latest_plan(world);
    enum sim_gone gone = sim_seen_any_gone(world, scope);
    if (!world->violated && gone == SIM_GONE_YES)
        vacuum_in_peace(world, scope, false, false);
    bool reviewed = gone != SIM_GONE_NO || sim_chance(&world->rng, 200);
    if (!world->violated)
        draw_scene(world)(world, scope, reviewed);
}

void sim_come_to_rest(struct sim_world *world)
{
    sim_trace(world, "nothing fails any more");
    world->rates = (struct sim_rates){.unknown = 0};
    memset(world->storms, 0, sizeof world->storms);
    sim_clocks_right(world);
    sim_things_settle(world);
    start_everything(world);
    if (!world->violated && !world->secret_code[0])
        sim_operator_sets_secret(&world->processes[0]);
    sim_pass_time(world, 20 * OPS_MINUTE_MS); /* longer than any lock of the secret code, and than any lease */
    if (!world->violated)
        cancel_what_is_far_away(world);
    if (!world->violated)
        work_until_rest(world);
    if (!world->violated)
        finish_windows(world);
    struct sim_scope scopes[] = {{.all = false}, {.all = true}};
    (void)snprintf(scopes[0].orgcode, sizeof scopes[0].orgcode, "%s", sim_stack_tenant(&world->rng));
    for (size_t i = 0; i < 2 && !world->violated; i++)
        review_and_vacuum(world, &scopes[i]);
}
