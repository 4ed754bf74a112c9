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

static const json_t *find_target(const struct sim_world *world, const json_t *targets, size_t number)
{
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
        if (target_of(world, target) == number)
            return target;
    return NULL;
}

static bool touched(const json_t *target)
{
    const char *status = text_of(target, "status");
    return target && strcmp(status, "skipped") != 0 && strcmp(status, "unclassified") != 0;
}

/* Whether a task of the target met an error. */
static bool met_error(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc, const json_t *target)
{
    char pk[OPS_STORE_KEY_SIZE];
    (void)snprintf(pk, sizeof pk, "VACUUM#%s", vacuum->id);
    const struct ops_query query = {.pk = pk, .limit = OPS_STORE_PAGE_MAX};
    struct ops_store_page page = {0};
    if (ops_store_query(world->store, &query, &page, NULL) != OPS_OK || page.more)
        sim_violate(world, SIM_COUNTS, "the tasks of %s can't be read", vacuum->id);
    bool found = false;
    size_t i;
    json_t *task;
    json_array_foreach(page.docs, i, task) {
        size_t index = (size_t)json_integer_value(json_object_get(task, "target"));
        bool same = json_array_get(json_object_get(doc, "targets"), index) == target;
        found = found || (same && text_of(task, "error")[0]);
    }
    ops_store_page_release(&page);
    return found;
}

/* Where a target, or the whole vacuum, broke off, not everything was found. What was removed is counted all the same. */
static bool broke_off(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc, const json_t *target)
{
    return text_of(target, "plan_error")[0] || met_error(world, vacuum, doc, target) ||
           strcmp(text_of(json_object_get(doc, "error"), "tag"), "mutex-expired") == 0;
}

static void check_removed(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number, const json_t *target)
{
    json_int_t said = touched(target) ? number_of(target, "deleted") : 0;
    json_int_t removed = vacuum->removed[number];
    /* A target that did not answer for a quarter of an hour: then the page in hand is told to be unknown. */
    json_int_t unknown = touched(target) && number_of(target, "unreadable") ? number_of(target, "failed") : 0;
    if (said > removed || said < removed - unknown)
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
            other->changes_at_start == vacuum->changes_at_start && other->changes_at_end == vacuum->changes_at_start)
            return other;
    }
    return NULL;
}

static void compare_targets(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc, const json_t *dry)
{
    static const char *const members[] = {"matched", "protected", "bytes"};
    const json_t *targets = json_object_get(doc, "targets"), *dry_targets = json_object_get(dry, "targets");
    for (size_t number = 0; number < world->target_count; number++) {
        const json_t *target = find_target(world, targets, number), *other = find_target(world, dry_targets, number);
        for (size_t i = 0; touched(target) && !broke_off(world, vacuum, doc, target) && i < sizeof members / sizeof members[0]; i++)
            if (number_of(target, members[i]) != number_of(other, members[i]))
                sim_violate(world, SIM_DRY_COUNTS, "%s of %s: the dry run said %lld, vacuum %s %lld", members[i],
                            world->targets[number]->name, (long long)number_of(other, members[i]), vacuum->id,
                            (long long)number_of(target, members[i]));
    }
}

static void compare_with_dry_run(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc)
{
    const struct sim_vacuum *dry_run = find_dry_run(world, vacuum);
    json_t *dry = dry_run ? sim_peek(world, "VACUUM", dry_run->id) : NULL;
    if (!dry)
        return;
    world->numbers->agreements++;
    compare_targets(world, vacuum, doc, dry);
    json_decref(dry);
}

static void check_target(struct sim_world *world, const struct sim_vacuum *vacuum, const json_t *doc, size_t number)
{
    const json_t *target = find_target(world, json_object_get(doc, "targets"), number);
    bool nobody_wrote = world->additions == vacuum->additions_at_start;
    check_removed(world, vacuum, number, target);
    if (!touched(target) || broke_off(world, vacuum, doc, target) || !nobody_wrote)
        return;
    if (!vacuum->dry_run)
        check_left(world, vacuum, number, target);
    if (!vacuum->dry_run || world->changes == vacuum->changes_at_start)
        check_found(world, vacuum, number, target);
}

void sim_counts_end(struct sim_world *world, struct sim_vacuum *vacuum, const json_t *doc)
{
    vacuum->changes_at_end = world->changes;
    for (size_t number = 0; number < world->target_count && !world->violated; number++)
        check_target(world, vacuum, doc, number);
    if (!vacuum->dry_run && !world->violated && world->additions == vacuum->additions_at_start)
        compare_with_dry_run(world, vacuum, doc);
}
