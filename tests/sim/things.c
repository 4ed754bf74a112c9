/*
 * What each target is, whatever names it.
 *
 * A name stands for a thing, and the catalogue says which. Two names may stand for one thing; a thing may have another name
 * under which it is protected or skipped; and in the course of time another thing may take its place, it may go away (a
 * volume that is not mounted) or leave an empty one behind (the mount point). A handle stays with the thing that it was
 * opened on. The truth about all of that is kept here; what of it the code under test has understood is seen by what it
 * removes.
 */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

enum { TWINS_MAX = 2, ALIASES_MAX = 3, TROUBLE_LEAST_MS = OPS_MINUTE_MS, TROUBLE_MOST_MS = 2 * OPS_HOUR_MS };

struct sim_alias {
    bool own;
    enum ops_target_kind kind;
    const char *name;
    const char *key;
    bool of_container; /* it is skipped by vacuum org with the container that it lies in, where the manifest has that */
};

static const struct sim_alias aliases[] = {
    {.own = true},
    {false, OPS_TABLE, "ops_main", "", false},
    {false, OPS_TABLE, "pvm_kept", "", false},
    {false, OPS_TABLE, "g3nmhsadmin_shop", "", false},
    {false, OPS_BUCKET, "doc.g3nretailstack.com", "shop.db", false},
    {false, OPS_BUCKET, "pvm-data", "g3nmhsadmin/shop.db", false},
    {false, OPS_LOG_GROUP, "/g3nretailstack/ops/maintenance-audit", "shop.db", false},
    {false, OPS_LOG_GROUP, "/g3nretailstack/pvm/api", "shop.db", true},
    {false, OPS_LOG_GROUP, "/g3nretailstack/crm/api", "shop.db", true},
};

enum { ALIAS_COUNT = sizeof aliases / sizeof aliases[0] };

static bool chance(struct sim_world *world, uint32_t per_mille)
{
    return sim_chance(&world->rng, per_mille);
}

static const char *name_of(const struct sim_world *world, size_t target)
{
    return world->targets[target]->name;
}

/* ---- What is what ---- */

void sim_thing_text(const struct sim_world *world, size_t target, char text[static 32])
{
    const struct sim_thing *thing = &world->things[target];
    if (thing->where == SIM_EMPTIED)
        (void)snprintf(text, 32, "mount point %zu", target);
    else
        (void)snprintf(text, 32, "thing %zu %u", thing->twin, world->things[thing->twin].number);
}

/* The first things have no mark: their engine does not know any. */
const char *sim_thing_mark(const struct sim_world *world, size_t target, char mark[static 32])
{
    const struct sim_thing *thing = &world->things[target];
    sim_thing_text(world, target, mark);
    if (thing->where == SIM_THERE && thing->number == 0)
        mark[0] = '\0';
    return mark;
}

bool sim_thing_hides(const struct sim_world *world, size_t target)
{
    return world->things[target].hidden && world->things[target].where == SIM_THERE;
}

bool sim_thing_same(const struct sim_thing *one, const struct sim_thing *other)
{
    return one->number == other->number && one->alias == other->alias &&
           (one->where == SIM_EMPTIED) == (other->where == SIM_EMPTIED);
}

/* Also where one of two names is not in use: the other has a twin as soon as it is again. */
static bool is_twin(const struct sim_world *world, size_t target)
{
    for (size_t i = 0; i < world->target_count; i++)
        if (i != target && world->things[i].twin == world->things[target].twin)
            return true;
    return false;
}

bool sim_thing_has_twin(const struct sim_world *world, size_t target)
{
    return is_twin(world, target);
}

static bool is_protected(const struct sim_world *world, const struct sim_alias *alias, const struct sim_scope *scope)
{
    if (!alias || !alias->of_container)
        return alias != NULL;
    return !scope->all && sim_stack_find(world, alias->kind, alias->name) < world->target_count;
}

bool sim_thing_skipped(const struct sim_world *world, size_t target, const struct sim_scope *scope)
{
    const struct sim_thing *thing = &world->things[target];
    return world->targets[target]->never_touched || (thing->where == SIM_THERE && is_protected(world, thing->alias, scope));
}

bool sim_thing_kept(const struct sim_world *world, size_t target, const struct sim_scope *scope)
{
    return sim_thing_skipped(world, target, scope) || is_twin(world, target);
}

/* ---- What the catalogue says ---- */

/* The name that matters is not the first one that the engine tells. */
static void name_it(struct ops_identity *identity, const struct sim_alias *alias)
{
    const struct ops_alias harmless = {OPS_BUCKET, "elsewhere", "shops/shop.db"};
    identity->aliases[identity->alias_count++] = harmless;
    if (!alias)
        return;
    identity->own = alias->own;
    if (alias->own)
        return;
    struct ops_alias *other = &identity->aliases[identity->alias_count++];
    other->kind = alias->kind;
    (void)snprintf(other->name, sizeof other->name, "%s", alias->name);
    (void)snprintf(other->key, sizeof other->key, "%s", alias->key);
}

/* Tells the catalogue what the target is now. */
static void tell(struct sim_world *world, size_t target)
{
    const struct sim_target_form *form = world->targets[target];
    const struct sim_thing *thing = &world->things[target];
    struct ops_identity identity = {.alias_count = 0};
    if (thing->where == SIM_AWAY)
        return;
    sim_thing_text(world, target, identity.text);
    (void)sim_thing_mark(world, target, identity.mark);
    name_it(&identity, thing->where == SIM_THERE ? thing->alias : NULL);
    bool hidden = sim_thing_hides(world, target);
    if (ops_memory_resource_identify(world->catalogue, form->kind, form->name, &identity) != OPS_OK ||
        ops_memory_resource_hide(world->catalogue, form->kind, form->name, hidden ? "a place" : NULL) != OPS_OK)
        sim_violate(world, SIM_LIVENESS, "%s can't be told apart", form->name);
}

static void changed(struct sim_world *world, size_t target, const char *how)
{
    world->things[target].changed = ++world->thing_changes;
    tell(world, target);
    sim_trace(world, "%s %s", name_of(world, target), how);
}

/* ---- From the beginning ---- */

static bool is_touchable(const struct sim_world *world, size_t target)
{
    const struct sim_target_form *form = world->targets[target];
    return form->service && !form->never_touched && !form->missing;
}

static size_t any_target(struct sim_world *world)
{
    return sim_below(&world->rng, (uint32_t)world->target_count);
}

/* Of a touchable target and any other that the manifest names. */
static void make_twins(struct sim_world *world)
{
    size_t one = any_target(world), other = any_target(world);
    const struct sim_target_form *form = world->targets[other];
    if (one == other || !is_touchable(world, one) || !form->service || form->missing || is_twin(world, one) ||
        is_twin(world, other))
        return;
    world->things[one].twin = other;
    sim_cloud_count(world, SIM_CLOUD_TWIN);
    changed(world, one, "is what another one is");
    changed(world, other, "is that other one");
}

/* Only a table's file lies in a log group as a stream. */
static const struct sim_alias *any_alias(struct sim_world *world, size_t target)
{
    const struct sim_alias *alias;
    sim_cloud_count(world, SIM_CLOUD_ALIAS);
    do
        alias = &aliases[sim_below(&world->rng, ALIAS_COUNT)];
    while (alias->of_container && world->targets[target]->kind != OPS_TABLE);
    return alias;
}

/* What has two names in the manifest has no third one here. */
static void give_alias(struct sim_world *world)
{
    size_t target = any_target(world);
    if (!is_touchable(world, target) || is_twin(world, target))
        return;
    world->things[target].alias = any_alias(world, target);
    changed(world, target, "has another name");
}

void sim_things_make(struct sim_world *world)
{
    for (size_t i = 0; i < world->target_count; i++) {
        enum sim_whereabouts where = world->targets[i]->missing ? SIM_AWAY : SIM_THERE;
        world->things[i] = (struct sim_thing){.twin = i, .failed_ms = -1, .where = where};
        tell(world, i);
    }
    if (!chance(world, 250))
        return;
    for (uint32_t i = sim_below(&world->rng, TWINS_MAX + 1); i > 0; i--)
        make_twins(world);
    for (uint32_t i = sim_below(&world->rng, ALIASES_MAX + 1); i > 0; i--)
        give_alias(world);
}

/* ---- In the course of time ---- */

/* Another thing takes the place, or the one that is there gets a name more. */
static void swap(struct sim_world *world, size_t target)
{
    struct sim_thing *thing = &world->things[target];
    bool same_thing = chance(world, 300);
    if (!same_thing)
        thing->number++;
    if (same_thing || chance(world, 250))
        thing->alias = any_alias(world, target);
    else
        thing->alias = NULL;
    /* Whether a name that only its container's rule makes matter was there before or not, nobody looks again. */
    if (same_thing && thing->alias->of_container)
        thing->number++;
    thing->generation++;
    sim_cloud_count(world, SIM_CLOUD_SWAP);
    changed(world, target, same_thing ? "has another name" : "is another thing");
}

/* What goes away with records that a vacuum was to remove, or a dry run to count, is not empty for that. What writers have
 * added since may have come when it was done with the target. */
static void count_left_behind(struct sim_world *world, size_t target)
{
    for (size_t i = 0; i < world->vacuum_count; i++) {
        struct sim_vacuum *vacuum = &world->vacuums[i];
        const struct sim_planned *planned = &vacuum->plan[target];
        bool is_at_it = strcmp(vacuum->status, "running") == 0 && !vacuum->dry_run && vacuum->planned && !planned->kept;
        if (is_at_it && sim_thing_same(&planned->thing, &world->things[target]) && planned->thing.where == SIM_THERE &&
            world->additions == vacuum->additions_at_start && sim_counts_in_plan(world, vacuum, target))
            vacuum->left_behind[target] = sim_stack_count(world, target, &vacuum->scope).matched;
    }
}

void sim_thing_goes(struct sim_world *world, size_t target)
{
    const struct sim_target_form *form = world->targets[target];
    struct sim_thing *thing = &world->things[target];
    count_left_behind(world, target);
    ops_memory_resource_drop(world->catalogue, form->kind, form->name);
    thing->generation++;
    thing->where = chance(world, 500) ? SIM_AWAY : SIM_EMPTIED;
    if (thing->where == SIM_EMPTIED &&
        ops_memory_resource_add(world->catalogue, form->kind, form->name, &world->limits[target]) != OPS_OK)
        sim_violate(world, SIM_LIVENESS, "%s can't be emptied", form->name);
    sim_cloud_count(world, thing->where == SIM_AWAY ? SIM_CLOUD_AWAY : SIM_CLOUD_EMPTIED);
    changed(world, target, thing->where == SIM_AWAY ? "goes away" : "leaves an empty place");
}

void sim_thing_comes_back(struct sim_world *world, size_t target)
{
    const struct sim_target_form *form = world->targets[target];
    ops_memory_resource_drop(world->catalogue, form->kind, form->name);
    world->things[target].where = SIM_THERE;
    world->things[target].generation++;
    sim_stack_restore(world, target);
    sim_cloud_count(world, SIM_CLOUD_BACK);
    changed(world, target, "is back");
}

static void vanish(struct sim_world *world, size_t target)
{
    if (world->things[target].where == SIM_THERE)
        sim_thing_goes(world, target);
    else
        sim_thing_comes_back(world, target);
}

/* In the middle of a page: its worker has more of it in hand. */
void sim_thing_may_go(struct sim_process *process, size_t target)
{
    struct sim_world *world = process->world;
    struct sim_leave *leave = &world->leave;
    bool planned = leave->removals > 0 && leave->target == target && --leave->removals == 0;
    bool may = world->removals == 0 && world->things[target].where == SIM_THERE && is_touchable(world, target) &&
               !is_twin(world, target);
    if (!may || !(planned || chance(world, world->rates.vanish)))
        return;
    sim_cloud_count(world, SIM_CLOUD_AWAY_MIDDLE);
    sim_thing_goes(world, target);
    if (planned && leave->with_process)
        sim_process_kill(process, SIM_SITE_REMOVE);
}

static void hide(struct sim_world *world, size_t target)
{
    struct sim_thing *thing = &world->things[target];
    thing->hidden = !thing->hidden;
    if (thing->hidden)
        sim_cloud_count(world, SIM_CLOUD_HIDDEN);
    changed(world, target, thing->hidden ? "has a place that can't be looked into" : "can be looked into everywhere");
}

void sim_trouble_begin(struct sim_world *world, size_t target, int64_t until_ms, bool at_removal)
{
    world->trouble = (struct sim_trouble){target, until_ms, at_removal};
    sim_cloud_count(world, SIM_CLOUD_TROUBLE);
    sim_trace(world, "%s is in trouble%s%s", name_of(world, target), until_ms == INT64_MAX ? " for ever" : "",
              at_removal ? " from its next removal on" : "");
}

static void get_into_trouble(struct sim_world *world, size_t target)
{
    bool for_ever = chance(world, 200);
    int64_t until_ms = sim_monotonic_ms(world) + sim_between(&world->rng, TROUBLE_LEAST_MS, TROUBLE_MOST_MS);
    sim_trouble_begin(world, target, for_ever ? INT64_MAX : until_ms, chance(world, 500));
}

void sim_things_change(struct sim_world *world)
{
    const struct {
        uint32_t per_mille;
        void (*change)(struct sim_world *world, size_t target);
        bool of_twins;
    } changes[] = {{world->rates.swap, swap, false},
                   {world->rates.vanish, vanish, false},
                   {world->rates.hide, hide, true},
                   {world->rates.trouble, get_into_trouble, true}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (!chance(world, changes[i].per_mille) || world->removals)
            continue;
        size_t target = any_target(world);
        if (is_touchable(world, target) && (changes[i].of_twins || !is_twin(world, target)))
            changes[i].change(world, target);
    }
}

/* Just when somebody is about to open it. */
void sim_thing_may_change(struct sim_world *world, size_t target)
{
    if (chance(world, world->rates.swap) && !world->removals && target < world->target_count &&
        is_touchable(world, target) && !is_twin(world, target) && world->things[target].where == SIM_THERE)
        swap(world, target);
}

void sim_things_settle(struct sim_world *world)
{
    world->trouble = (struct sim_trouble){.until_ms = 0};
    for (size_t i = 0; i < world->target_count; i++) {
        if (!is_touchable(world, i))
            continue;
        if (world->things[i].where != SIM_THERE)
            sim_thing_comes_back(world, i);
        if (world->things[i].hidden && !chance(world, 200))
            hide(world, i);
    }
}

/* ---- Answers ---- */

bool sim_trouble_lasts(const struct sim_world *world, size_t target)
{
    return world->trouble.target == target && sim_monotonic_ms(world) < world->trouble.until_ms;
}

bool sim_trouble_strikes(struct sim_world *world, size_t target)
{
    bool strikes = sim_trouble_lasts(world, target) && !world->trouble.at_removal;
    if (strikes)
        sim_cloud_count(world, SIM_CLOUD_TROUBLE_CALL);
    return strikes;
}

bool sim_trouble_takes_answer(struct sim_world *world, size_t target)
{
    bool takes = sim_trouble_lasts(world, target);
    if (takes)
        world->trouble.at_removal = false;
    return takes;
}

void sim_note_answer(struct sim_process *process, size_t target, enum ops_status status)
{
    struct sim_world *world = process->world;
    if (target >= world->target_count || status == OPS_OK)
        return;
    process->says_for_good[target] =
        status == OPS_TARGET_ERROR || status == OPS_TARGET_MISSING || status == OPS_LIMIT || status == OPS_PROTECTED;
    if (process->silent_since_ms[target] < 0)
        process->silent_since_ms[target] = sim_monotonic_ms(world);
    if (status == OPS_TARGET_MISSING)
        return;
    world->things[target].failed_ms = sim_monotonic_ms(world);
}
