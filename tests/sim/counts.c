/* What a vacuum says that it did, against what happened to the stack. */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

static json_int_t number_of(const json_t *target, const char *name)
{
    return json_integer_value(json_object_get(target, name));
}

static const char *text_of(const json_t *doc, const char *name)
{
    const char *text = json_string_value(json_object_get(doc, name));
    return text ? text : "";
}

void sim_counts_begin(struct sim_world *world, struct sim_vacuum *vacuum)
{
    vacuum->changes_at_start = world->changes;
    vacuum->additions_at_start = world->additions;
    vacuum->things_at_start = world->thing_changes;
    vacuum->seen_at_start = world->seen_changes;
    vacuum->running_since_ms = sim_monotonic_ms(world);
    for (size_t i = 0; i < world->target_count; i++)
        vacuum->at_start[i] = sim_stack_count(world, i, &vacuum->scope);
}

static size_t target_of(const struct sim_world *world, const json_t *target)
{
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT; kind++)
        if (strcmp(text_of(target, "kind"), ops_target_kind_name((enum ops_target_kind)kind)) == 0)
            return sim_stack_find(world, (enum ops_target_kind)kind, text_of(target, "name"));
    return world->target_count;
}

size_t sim_counts_target_at(struct sim_world *world, const struct sim_vacuum *vacuum, json_int_t index)
{
    json_t *doc = sim_peek(world, "VACUUM", vacuum->id);
    size_t number = target_of(world, json_array_get(json_object_get(doc, "targets"), (size_t)index));
    json_decref(doc);
    return number;
}

static const json_t *find_target(const struct sim_world *world, const json_t *targets, size_t number)
{
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
        if (target_of(world, target) == number)
            return target;
    return NULL;
}

bool sim_counts_in_plan(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number)
{
    json_t *doc = sim_peek(world, "VACUUM", vacuum->id);
    const json_t *target = find_target(world, json_object_get(doc, "targets"), number);
    bool is = strcmp(text_of(target, "status"), "pending") == 0 && !text_of(target, "plan_error")[0];
    json_decref(doc);
    return is;
}

static bool touched(const json_t *target)
{
    const char *status = text_of(target, "status");
    return target && strcmp(status, "skipped") != 0 && strcmp(status, "unclassified") != 0;
}

/* The targets in which a task met an error: there not everything was found. */
static void find_broken_off(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc, bool broke_off[])
{
    char pk[OPS_STORE_KEY_SIZE];
    (void)snprintf(pk, sizeof pk, "VACUUM#%s", vacuum->id);
    const struct ops_query query = {.pk = pk, .limit = OPS_STORE_PAGE_MAX};
    struct ops_store_page page = {0};
    if (ops_store_query(world->store, &query, &page, NULL) != OPS_OK || page.more)
        sim_violate(world, SIM_COUNTS, "the tasks of %s can't be read", vacuum->id);
    size_t i;
    json_t *task;
    json_array_foreach(page.docs, i, task) {
        size_t index = (size_t)json_integer_value(json_object_get(task, "target"));
        size_t number = target_of(world, json_array_get(json_object_get(doc, "targets"), index));
        if (number < world->target_count && text_of(task, "error")[0])
            broke_off[number] = true;
    }
    ops_store_page_release(&page);
}

/* Where a target, or the whole vacuum, broke off, not everything was found, nor where another thing has taken its place.
 * What was removed is counted all the same. */
static void find_incomplete(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc, bool incomplete[])
{
    find_broken_off(world, vacuum, doc, incomplete);
    bool expired = strcmp(text_of(json_object_get(doc, "error"), "tag"), "mutex-expired") == 0;
    for (size_t i = 0; i < world->target_count; i++) {
        const json_t *target = find_target(world, json_object_get(doc, "targets"), i);
        incomplete[i] = incomplete[i] || expired || text_of(target, "plan_error")[0] || vacuum->unknown[i] > 0 ||
                        world->things[i].changed > vacuum->things_at_start;
    }
}

static void check_removed(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number, const json_t *target)
{
    json_int_t said = touched(target) ? number_of(target, "deleted") : 0;
    json_int_t removed = vacuum->removed[number];
    if (said > removed || said < removed - vacuum->unknown[number])
        sim_violate(world, SIM_COUNTS, "vacuum %s says that %lld records of %s were deleted, %lld were", vacuum->id,
                    (long long)said, world->targets[number]->name, (long long)removed);
}

/* Records that are left because the target did not take them, however often it was asked. */
static uint64_t count_untaken(const struct sim_world *world, const struct sim_vacuum *vacuum, size_t number)
{
    uint64_t count = 0;
    for (size_t i = 0; i < world->record_count; i++) {
        const struct sim_record *record = &world->records[i];
        count += record->target == number && record->there && record->untaken > 0 &&
                 (vacuum->scope.all || strcmp(record->tenant, vacuum->scope.orgcode) == 0);
    }
    return count;
}

/* What is left, when nobody else writes. */
static void check_left(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number, const json_t *target)
{
    struct sim_count left = sim_stack_count(world, number, &vacuum->scope);
    json_int_t failed = number_of(target, "failed"), deleted = number_of(target, "deleted");
    if (failed != left.matched)
        sim_violate(world, SIM_COUNTS, "vacuum %s says that %lld records of %s failed, %lld are left", vacuum->id,
                    (long long)failed, world->targets[number]->name, (long long)left.matched);
    else if (number_of(target, "matched") != deleted + failed)
        sim_violate(world, SIM_COUNTS, "vacuum %s: %s matched %lld, which is not deleted + failed", vacuum->id,
                    world->targets[number]->name, (long long)number_of(target, "matched"));
    else
        world->numbers->cloud[SIM_CLOUD_REMAINDER] += count_untaken(world, vacuum, number);
}

/* What it found, when nobody else wrote since it began. */
static void check_found(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number, const json_t *target)
{
    const struct sim_count *before = &vacuum->at_start[number];
    const char *name = world->targets[number]->name;
    json_int_t bytes = world->targets[number]->kind == OPS_TABLE ? 0 : before->bytes;
    if (number_of(target, "matched") != before->matched || number_of(target, "protected") != before->kept ||
        number_of(target, "bytes") != bytes)
        sim_violate(world, SIM_DRY_COUNTS, "%s %s: %s matched %lld, protected %lld, bytes %lld; true are %lld, %lld, %lld",
                    vacuum->dry_run ? "dry run" : "vacuum", vacuum->id, name, (long long)number_of(target, "matched"),
                    (long long)number_of(target, "protected"), (long long)number_of(target, "bytes"),
                    (long long)before->matched, (long long)before->kept, (long long)bytes);
}

/* What it could not look into or compare, it says. */
static void check_told(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number, const json_t *target)
{
    const struct sim_count *before = &vacuum->at_start[number];
    json_int_t hidden = sim_thing_hides(world, number) ? 1 : 0;
    if (number_of(target, "incomparable") != before->incomparable || number_of(target, "unreadable") != hidden)
        sim_violate(world, SIM_WHOLE,
                    "vacuum %s: %s has %lld incomparable records and %lld unreadable places; true are %lld, %lld",
                    vacuum->id, world->targets[number]->name, (long long)number_of(target, "incomparable"),
                    (long long)number_of(target, "unreadable"), (long long)before->incomparable, (long long)hidden);
    world->numbers->cloud[SIM_CLOUD_INCOMPARABLE] += (uint64_t)before->incomparable;
    world->numbers->cloud[SIM_CLOUD_UNREADABLE] += (uint64_t)hidden;
}

/* It may call itself completed only when there was nothing that it could not see, compare or remove. */
static void check_completed(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number)
{
    bool same_thing = world->things[number].changed <= vacuum->things_at_start;
    if (!same_thing || !sim_stack_applies(world, number, &vacuum->scope) || strcmp(vacuum->status, "completed") != 0)
        return;
    struct sim_count left = sim_stack_count(world, number, &vacuum->scope);
    bool nobody_wrote = world->additions == vacuum->additions_at_start;
    const char *name = world->targets[number]->name;
    if (sim_thing_has_twin(world, number))
        sim_violate(world, SIM_IDENTITY, "vacuum %s is completed, and %s has two names", vacuum->id, name);
    else if (sim_thing_kept(world, number, &vacuum->scope))
        return;
    else if (sim_thing_hides(world, number))
        sim_violate(world, SIM_WHOLE, "vacuum %s is completed, and a place in %s could not be looked into", vacuum->id,
                    name);
    else if (nobody_wrote && left.incomparable > 0)
        sim_violate(world, SIM_WHOLE, "vacuum %s is completed, and %lld records of %s could not be compared", vacuum->id,
                    (long long)left.incomparable, name);
    else if (nobody_wrote && !vacuum->dry_run && left.matched > 0)
        sim_violate(world, SIM_WHOLE, "vacuum %s is completed, and %lld records of %s are left", vacuum->id,
                    (long long)left.matched, name);
}

/* Nor when a target that it was to empty went away with records in it, unless that came back and they were removed. */
static void check_left_behind(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number)
{
    const struct sim_thing *thing = &world->things[number];
    bool is_back = thing->where == SIM_THERE && (sim_stack_count(world, number, &vacuum->scope).matched == 0 ||
                                                 !sim_thing_same(thing, &vacuum->plan[number].thing));
    if (vacuum->left_behind[number] == 0 || is_back)
        return;
    if (strcmp(vacuum->status, "completed") == 0)
        sim_violate(world, SIM_WHOLE, "vacuum %s is completed, and %s went away with %lld records in it", vacuum->id,
                    world->targets[number]->name, (long long)vacuum->left_behind[number]);
    else
        sim_cloud_count(world, SIM_CLOUD_LEFT_BEHIND);
}

static bool same_scope(const struct sim_scope *a, const struct sim_scope *b)
{
    return a->all == b->all && strcmp(a->orgcode, b->orgcode) == 0;
}

/* A dry run that saw the stack as this vacuum found it. */
static const struct sim_vacuum *find_dry_run(const struct sim_world *world, const struct sim_vacuum *vacuum)
{
    for (size_t i = 0; i < world->vacuum_count; i++) {
        const struct sim_vacuum *other = &world->vacuums[i];
        if (other->dry_run && strcmp(other->status, "completed") == 0 && same_scope(&other->scope, &vacuum->scope) &&
            other->things_at_start == vacuum->things_at_start && other->changes_at_start == vacuum->changes_at_start &&
            other->changes_at_end == vacuum->changes_at_start)
            return other;
    }
    return NULL;
}

static void compare_targets(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc, const json_t *dry,
                            const bool incomplete[])
{
    static const char *const members[] = {"matched", "protected", "bytes"};
    const json_t *targets = json_object_get(doc, "targets"), *dry_targets = json_object_get(dry, "targets");
    for (size_t number = 0; number < world->target_count; number++) {
        const json_t *target = find_target(world, targets, number), *other = find_target(world, dry_targets, number);
        for (size_t i = 0; touched(target) && !incomplete[number] && i < sizeof members / sizeof members[0]; i++)
            if (number_of(target, members[i]) != number_of(other, members[i]))
                sim_violate(world, SIM_DRY_COUNTS, "%s of %s: the dry run said %lld, vacuum %s %lld", members[i],
                            world->targets[number]->name, (long long)number_of(other, members[i]), vacuum->id,
                            (long long)number_of(target, members[i]));
    }
}

static void compare_with_dry_run(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc,
                                 const bool incomplete[])
{
    const struct sim_vacuum *dry_run = find_dry_run(world, vacuum);
    json_t *dry = dry_run ? sim_peek(world, "VACUUM", dry_run->id) : NULL;
    if (!dry)
        return;
    world->numbers->agreements++;
    compare_targets(world, vacuum, doc, dry, incomplete);
    json_decref(dry);
}

static void check_target(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc, size_t number,
                         bool incomplete)
{
    const json_t *target = find_target(world, json_object_get(doc, "targets"), number);
    bool nobody_wrote = world->additions == vacuum->additions_at_start;
    check_removed(world, vacuum, number, target);
    check_completed(world, vacuum, number);
    check_left_behind(world, vacuum, number);
    if (!touched(target) || incomplete || !nobody_wrote)
        return;
    if (!vacuum->dry_run)
        check_left(world, vacuum, number, target);
    if (vacuum->dry_run && world->changes != vacuum->changes_at_start)
        return;
    check_found(world, vacuum, number, target);
    check_told(world, vacuum, number, target);
}

void sim_counts_end(struct sim_world *world, struct sim_vacuum *vacuum, const json_t *doc)
{
    bool incomplete[SIM_TARGETS_MAX] = {false};
    vacuum->changes_at_end = world->changes;
    find_incomplete(world, vacuum, doc, incomplete);
    for (size_t number = 0; number < world->target_count && !world->violated; number++)
        check_target(world, vacuum, doc, number, incomplete[number]);
    if (!vacuum->dry_run && !world->violated && world->additions == vacuum->additions_at_start)
        compare_with_dry_run(world, vacuum, doc, incomplete);
}
