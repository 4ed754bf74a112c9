/*
 * What vacuums and dry runs have found, and what has gone since: the truth, for what the app keeps of it.
 *
 * A vacuum that was asked for without a plan's hash must not go on when something has gone: its operator can't know. What is
 * seen and what has gone can be told from outside only where nothing changed while a plan was made or a vacuum ran; for the
 * rest nothing is claimed.
 */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

bool sim_seen_gone(const struct sim_world *world, size_t target)
{
    char mark[32];
    const struct sim_thing *thing = &world->things[target];
    if (!thing->seen || thing->seen_unsure)
        return false;
    bool other = strcmp(sim_thing_mark(world, target, mark), thing->seen_mark) != 0;
    return thing->where == SIM_AWAY || (other && sim_stack_empty(world, target));
}

enum sim_gone sim_seen_any_gone(const struct sim_world *world, const struct sim_scope *scope)
{
    enum sim_gone gone = SIM_GONE_NO;
    for (size_t i = 0; i < world->target_count; i++) {
        if (!sim_stack_applies(world, i, scope) || sim_thing_kept(world, i, scope))
            continue;
        if (sim_seen_gone(world, i))
            return SIM_GONE_YES;
        if (world->things[i].seen_unsure)
            gone = SIM_GONE_MAYBE;
    }
    return gone;
}

/* Whether nothing about the target could be taken for something else since the vacuum began to run. */
static bool unchanged(const struct sim_thing *thing, const struct sim_vacuum *vacuum)
{
    return thing->changed <= vacuum->things_at_start && thing->seen_changed <= vacuum->seen_at_start;
}

static void plan_target(const struct sim_world *world, struct sim_vacuum *vacuum, size_t target)
{
    char mark[32];
    const struct sim_thing *thing = &world->things[target];
    struct sim_planned *planned = &vacuum->plan[target];
    *planned = (struct sim_planned){.thing = *thing};
    if (!unchanged(thing, vacuum) || !sim_stack_applies(world, target, &vacuum->scope))
        return;
    planned->kept = sim_thing_kept(world, target, &vacuum->scope);
    bool as_ever = strcmp(sim_thing_mark(world, target, mark), thing->seen_mark) == 0;
    bool certainly_there = thing->where == SIM_THERE && !sim_stack_empty(world, target);
    bool as_empty_as_ever = world->changes == vacuum->changes_at_start || thing->where != SIM_THERE;
    planned->sure = certainly_there || (!thing->seen_unsure && (!thing->seen || as_ever || as_empty_as_ever));
    planned->gone = planned->sure && !planned->kept && sim_seen_gone(world, target);
    planned->gone_could_be_known = planned->gone && thing->failed_ms < vacuum->running_since_ms;
}

void sim_seen_plan(struct sim_world *world, struct sim_vacuum *vacuum)
{
    vacuum->planned = true;
    for (size_t i = 0; i < world->target_count; i++)
        plan_target(world, vacuum, i);
}

static void end_target(struct sim_world *world, const struct sim_vacuum *vacuum, size_t target)
{
    struct sim_thing *thing = &world->things[target];
    const struct sim_planned *planned = &vacuum->plan[target];
    if (planned->kept || (planned->gone && vacuum->dry_run))
        return;
    thing->seen_unsure = !planned->sure || !unchanged(thing, vacuum);
    thing->seen_changed = ++world->seen_changes;
    thing->seen = thing->where != SIM_AWAY || (thing->seen && vacuum->dry_run);
    if (thing->where != SIM_AWAY)
        (void)sim_thing_mark(world, target, thing->seen_mark);
}

/* What a failed one was done with it has found, wherever the rest of it stood. */
static void end_target_of_failed(struct sim_world *world, size_t target)
{
    world->things[target].seen_unsure = true;
    world->things[target].seen_changed = ++world->seen_changes;
}

void sim_seen_end(struct sim_world *world, const struct sim_vacuum *vacuum)
{
    bool completed = strcmp(vacuum->status, "completed") == 0;
    for (size_t i = 0; i < world->target_count; i++) {
        if (!sim_stack_applies(world, i, &vacuum->scope))
            continue;
        if (completed)
            end_target(world, vacuum, i);
        else
            end_target_of_failed(world, i);
    }
}
