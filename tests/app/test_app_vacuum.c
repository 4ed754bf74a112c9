/* The life of vacuums over a stack that works. */
#include "support/world.h"

#include "adapters/memory/catalogue.h"
#include "adapters/memory/clock.h"
#include "app/keys.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/task.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_check(&world);
    world_release(&world);
    return 0;
}

struct expected_target {
    const char *name;
    int all; /* records of a vacuum of everything; -1: skipped */
    int acme;
    int protected;
    int bytes_all; /* -1: a table has none */
    int bytes_acme;
    enum ops_target_kind kind;
    int left_after_all; /* protected ones and what is skipped */
};

static const struct expected_target expected_targets[] = {
    {"pvm_main", 60, 30, 1, -1, -1, OPS_TABLE, 1},
    {"pvm_keys", 9, 5, 0, -1, -1, OPS_TABLE, 0},
    {"pvm_one", 2, 1, 0, -1, -1, OPS_TABLE, 0},
    {"pvm_ref", 4, -1, 0, -1, -1, OPS_TABLE, 0},
    {"pvm_gone", -1, -1, 0, -1, -1, OPS_TABLE, 0},
    {"kept", -1, -1, 0, -1, -1, OPS_TABLE, 3},
    {"pvm-data", 11, 6, 1, 1100, 600, OPS_BUCKET, 1},
    {"doc.g3nretailstack.com", -1, -1, 0, -1, -1, OPS_BUCKET, 1},
    {"/g3nretailstack/pvm/api", 3, -1, 1, 150, -1, OPS_LOG_GROUP, 1},
    {"/g3nretailstack/g3nmhsadmin/api", -1, -1, 0, -1, -1, OPS_LOG_GROUP, 1},
    {"uas_users", 5, -1, 0, -1, -1, OPS_TABLE, 0},
    {"usm_sessions", 5, -1, 0, -1, -1, OPS_TABLE, 0},
    {"ops_main", -1, -1, 0, -1, -1, OPS_TABLE, 0},
    {"/g3nretailstack/ops/maintenance-audit", -1, -1, 0, -1, -1, OPS_LOG_GROUP, 1},
};

static int number(const json_t *target, const char *name)
{
    return (int)ops_json_integer(target, name, -1);
}

/* Compares every target of a vacuum that has ended, dry or not. */
static void expect_counts(const json_t *vacuum, bool org)
{
    bool dry = ops_json_flag(vacuum, "dry_run", false);
    int total = 0;
    for (size_t i = 0; i < COUNT_OF(expected_targets); i++) {
        const struct expected_target *expected = &expected_targets[i];
        const json_t *target = world_target(vacuum, expected->name);
        int matched = org ? expected->acme : expected->all, bytes = org ? expected->bytes_acme : expected->bytes_all;
        bool skipped = matched < 0;
        /* Of acme's, only the table has a protected record in scope. */
        int protected = skipped || (org && expected->kind != OPS_TABLE) ? 0 : expected->protected;
        matched = skipped ? 0 : matched;
        total += matched;
        if (strcmp(ops_json_text(target, "status", ""), skipped ? "skipped" : "completed") != 0 ||
            number(target, "matched") != matched || number(target, "deleted") != (dry ? 0 : matched) ||
            number(target, "failed") != 0 || number(target, "protected") != protected ||
            number(target, "bytes") != (skipped ? -1 : bytes))
            fail_msg("%s: %s, %d matched, %d deleted, %d failed, %d protected, %d bytes", expected->name,
                     ops_json_text(target, "status", ""), number(target, "matched"), number(target, "deleted"),
                     number(target, "failed"), number(target, "protected"), number(target, "bytes"));
        assert_int_equal(skipped, ops_json_text(target, "skipped_reason", NULL) != NULL);
    }
    const json_t *totals = json_object_get(vacuum, "totals");
    assert_int_equal(number(totals, "matched"), total);
    assert_int_equal(number(totals, "deleted"), dry ? 0 : total);
    assert_int_equal(number(totals, "failed"), 0);
}

static void expect_untouched(void)
{
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_main"), 61);
    assert_int_equal(world.ports.removed_count, 0);
}

static json_t *settle(const char *id, const char *status)
{
    world_settle(&world, 2 * OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    if (strcmp(ops_json_text(vacuum, "status", ""), status) != 0) {
        char *text = json_dumps(vacuum, 0);
        fail_msg("%s", text);
    }
    return vacuum;
}

static void a_vacuum_of_everything_waits_five_minutes_then_deletes_exactly_what_it_should(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    json_t *pending = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(pending, "status", ""), "pending");
    assert_string_equal(ops_json_text(pending, "execute_at", ""), "2026-11-24T03:05:00Z");
    json_decref(pending);
    world_run(&world, 299 * OPS_SECOND_MS);
    expect_untouched();
    json_t *vacuum = settle(id, "completed");
    expect_counts(vacuum, false);
    assert_true(strcmp(ops_json_text(vacuum, "started_at", ""), "2026-11-24T03:05:00Z") >= 0);
    for (size_t i = 0; i < COUNT_OF(expected_targets); i++)
        assert_int_equal(world_count(&world, expected_targets[i].kind, expected_targets[i].name),
                         expected_targets[i].left_after_all);
    assert_int_equal(world.ports.removed_count, 99);
    assert_int_equal(world_audit_count(&world, "vacuum.requested"), 1);
    assert_int_equal(world_audit_count(&world, "vacuum.started"), 1);
    assert_int_equal(world_audit_count(&world, "vacuum.completed"), 1);
    json_decref(vacuum);
}

static void a_tenant_s_vacuum_leaves_every_other_tenant_alone_also_one_whose_name_begins_alike(void **state)
{
    (void)state;
    json_t *asked = world_do(&world, "ops_vacuumorg", "{'orgcode': 'acme', 'reason': 'left us'}", "ok");
    json_t *vacuum = settle(ops_json_text(asked, "vacuum_id", ""), "completed");
    assert_string_equal(ops_json_text(vacuum, "type", ""), "org");
    assert_string_equal(ops_json_text(vacuum, "orgcode", ""), "acme");
    assert_string_equal(ops_json_text(vacuum, "actor", ""), "ann");
    assert_string_equal(ops_json_text(vacuum, "reason", ""), "left us");
    expect_counts(vacuum, true);
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_main"), 31);
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_keys"), 4);
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_one"), 1);
    assert_int_equal(world_count(&world, OPS_BUCKET, "pvm-data"), 6);
    assert_int_equal(world_count(&world, OPS_TABLE, "uas_users"), 5);
    assert_int_equal(world_count(&world, OPS_LOG_GROUP, "/g3nretailstack/pvm/api"), 4);
    json_decref(asked);
    json_decref(vacuum);
}

static void a_dry_run_answers_at_once_deletes_nothing_and_counts_what_the_real_one_will(void **state)
{
    (void)state;
    json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
    assert_string_equal(ops_json_text(dry, "status", ""), "completed");
    assert_null(json_object_get(dry, "execute_at"));
    assert_int_equal(strlen(ops_json_text(dry, "plan_sha256", "")), 64);
    expect_counts(dry, false);
    expect_untouched();
    assert_int_equal(world.ports.calls[CALL_TARGET_REMOVE], 0);
    json_t *dry_org = world_do(&world, "ops_vacuumorg", "{'dry_run': true, 'orgcode': 'acme'}", "ok");
    expect_counts(dry_org, true);
    assert_string_not_equal(ops_json_text(dry_org, "plan_sha256", ""), ops_json_text(dry, "plan_sha256", ""));
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    json_t *real = settle(id, "completed");
    expect_counts(real, false);
    assert_string_equal(ops_json_text(real, "plan_sha256", ""), ops_json_text(dry, "plan_sha256", "x"));
    assert_int_equal(number(real, "expected_records"), 99);
    json_decref(dry);
    json_decref(dry_org);
    json_decref(real);
}

static void a_dry_run_takes_no_mutex_and_runs_beside_a_pending_vacuum(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
    assert_string_equal(ops_json_text(dry, "status", ""), "completed");
    assert_int_equal(world_audit_count(&world, "vacuum.dry_run"), 1);
    json_decref(dry);
    world_check(&world);
}

static void what_exists_outside_the_manifest_is_reported_as_unclassified_and_not_touched(void **state)
{
    (void)state;
    json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
    assert_string_equal(ops_json_text(world_target(dry, "stray"), "status", ""), "unclassified");
    assert_string_equal(ops_json_text(world_target(dry, "mcp.g3nretailstack.com"), "status", ""), "skipped");
    assert_string_equal(ops_json_text(world_target(dry, "pvm_gone"), "skipped_reason", ""), "does not exist");
    assert_int_equal(number(json_object_get(dry, "totals"), "unclassified"), 1);
    json_decref(dry);
}

static void internals_of_the_record_are_not_shown(void **state)
{
    (void)state;
    json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok"), *target;
    size_t i;
    assert_null(json_object_get(dry, "work"));
    json_array_foreach(json_object_get(dry, "targets"), i, target) {
        assert_null(json_object_get(target, "segments"));
        assert_null(json_object_get(target, "location"));
    }
    json_decref(dry);
}

struct cancel_case {
    int64_t after_ms;
    bool sweep_first;
    const char *tag;
};

static const struct cancel_case cancel_cases[] = {
    {0, false, "ok"},
    {299999, true, "ok"},
    {300000, false, "vacuum-not-pending"},
    {301000, false, "vacuum-not-pending"},
    {301000, true, "vacuum-not-pending"},
};

static void a_vacuum_can_be_cancelled_until_its_five_minutes_are_over_and_then_has_deleted_nothing(void **state)
{
    for (size_t i = 0; i < COUNT_OF(cancel_cases); i++) {
        char id[OPS_ULID_SIZE], payload[64];
        world_vacuum_all(&world, id);
        world_pass(&world, cancel_cases[i].after_ms);
        if (cancel_cases[i].sweep_first)
            json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
        (void)snprintf(payload, sizeof payload, "{'vacuum_id': '%s'}", id);
        json_t *answer = world_operate(&world, "ops_vacuumcancel", payload);
        if (strcmp(world_tag(answer), cancel_cases[i].tag) != 0)
            fail_msg("after %d ms: %s", (int)cancel_cases[i].after_ms, world_tag(answer));
        if (strcmp(world_tag(answer), "ok") == 0) {
            assert_string_equal(ops_json_text(world_data(answer), "status", ""), "cancelled");
            world_run(&world, 10 * OPS_MINUTE_MS);
            expect_untouched();
            assert_int_equal(world_audit_count(&world, "vacuum.cancelled"), 1);
            world_vacuum_all(&world, id); /* the mutex is free again */
        } else {
            assert_string_equal(ops_json_text(world_details(answer), "vacuum_id", ""), id);
        }
        json_decref(answer);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void a_second_vacuum_is_refused_and_told_who_holds_the_mutex(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    json_t *answer = world_operate(&world, "ops_vacuumorg", "{'orgcode': 'acme'}");
    assert_string_equal(world_tag(answer), "vacuum-in-progress");
    assert_string_equal(ops_json_text(world_details(answer), "vacuum_id", ""), id);
    assert_string_equal(ops_json_text(world_details(answer), "expires_at", ""), "2026-11-25T03:00:00Z");
    json_decref(answer);
    json_decref(settle(id, "completed"));
    world_vacuum_all(&world, id);
    json_decref(settle(id, "completed"));
}

static void a_plan_that_was_asked_for_and_still_holds_is_carried_out(void **state)
{
    (void)state;
    char payload[256];
    json_t *dry = world_do(&world, "ops_vacuumorg", "{'dry_run': true, 'orgcode': 'acme'}", "ok");
    (void)snprintf(payload, sizeof payload, "{'orgcode': 'acme', 'plan_sha256': '%s'}",
                   ops_json_text(dry, "plan_sha256", ""));
    json_t *asked = world_do(&world, "ops_vacuumorg", payload, "ok");
    json_decref(settle(ops_json_text(asked, "vacuum_id", ""), "completed"));
    json_decref(dry);
    json_decref(asked);
}

static void a_plan_that_has_drifted_deletes_nothing_and_says_so(void **state)
{
    (void)state;
    char payload[256];
    json_t *dry = world_do(&world, "ops_vacuumorg", "{'dry_run': true, 'orgcode': 'acme'}", "ok");
    (void)snprintf(payload, sizeof payload, "{'orgcode': 'acme', 'plan_sha256': '%s'}",
                   ops_json_text(dry, "plan_sha256", ""));
    json_t *asked = world_do(&world, "ops_vacuumorg", payload, "ok");
    ops_memory_resource_drop(world.real.catalogue, OPS_TABLE, "pvm_one");
    json_t *failed = settle(ops_json_text(asked, "vacuum_id", ""), "failed");
    assert_string_equal(ops_json_text(json_object_get(failed, "error"), "tag", ""), "plan-drifted");
    expect_untouched();
    assert_int_equal(world_audit_count(&world, "vacuum.failed"), 1);
    json_decref(dry);
    json_decref(asked);
    json_decref(failed);
}

static void counts_are_not_part_of_the_plan(void **state)
{
    (void)state;
    json_t *before = world_do(&world, "ops_vacuumorg", "{'dry_run': true, 'orgcode': 'acme'}", "ok");
    world_add_rows(&world, "pvm_main", "acme", 500, 10);
    json_t *after = world_do(&world, "ops_vacuumorg", "{'dry_run': true, 'orgcode': 'acme'}", "ok");
    assert_string_equal(ops_json_text(before, "plan_sha256", ""), ops_json_text(after, "plan_sha256", "x"));
    json_decref(before);
    json_decref(after);
}

static void status_without_an_id_is_the_latest_and_without_a_vacuum_there_is_none(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    json_decref(world_do(&world, "ops_vacuumstatus", "{}", "vacuum-not-found"));
    json_decref(world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok"));
    world_pass(&world, 1);
    world_vacuum_all(&world, id);
    json_t *answer = world_operate(&world, "ops_vacuumstatus", "{}");
    assert_string_equal(ops_json_text(world_data(answer), "vacuum_id", ""), id);
    assert_int_equal(ops_json_integer(answer, "revision", 0), 1);
    json_decref(answer);
}

/* ---- The mutex's 24 hours ---- */

static void expect_expired(const char *id)
{
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
    assert_string_equal(ops_json_text(json_object_get(vacuum, "error"), "tag", ""), "mutex-expired");
    json_decref(vacuum);
}

static void a_pending_vacuum_whose_mutex_expired_is_taken_over_by_the_next_in_one_transaction(void **state)
{
    (void)state;
    char old[OPS_ULID_SIZE], next[OPS_ULID_SIZE];
    world_vacuum_all(&world, old);
    world_pass(&world, OPS_DAY_MS - 1);
    json_decref(world_do(&world, "ops_vacuumorg", "{'orgcode': 'acme'}", "vacuum-in-progress"));
    world_pass(&world, 1);
    world_vacuum_all(&world, next);
    expect_expired(old);
    json_t *records = world_partition(&world, OPS_PK_AUDIT);
    size_t count = json_array_size(records);
    const json_t *failed = json_array_get(records, count - 2), *requested = json_array_get(records, count - 1);
    assert_string_equal(ops_json_text(failed, "type", ""), "vacuum.failed");
    assert_string_equal(ops_json_text(failed, "vacuum_id", ""), old);
    assert_string_equal(ops_json_text(requested, "type", ""), "vacuum.requested");
    assert_string_equal(ops_json_text(failed, "txn", ""), ops_json_text(requested, "txn", "x"));
    json_decref(records);
    expect_untouched();
    json_decref(settle(next, "completed"));
}

static void the_sweep_ends_a_vacuum_whose_mutex_expired_and_frees_the_mutex(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    world_pass(&world, OPS_DAY_MS);
    json_t *swept = world_do(&world, "ops_sweep", "{}", "ok");
    assert_int_equal(number(swept, "vacuums_failed"), 1);
    assert_int_equal(number(swept, "vacuums_started"), 0);
    json_decref(swept);
    expect_expired(id);
    expect_untouched();
    world_vacuum_all(&world, id);
}

static void a_worker_whose_mutex_expired_or_was_taken_over_deletes_nothing_more(void **state)
{
    for (int taken_over = 0; taken_over <= 1; taken_over++) {
        char old[OPS_ULID_SIZE], next[OPS_ULID_SIZE];
        int64_t wait_ms;
        world_vacuum_all(&world, old);
        world_pass(&world, 5 * OPS_MINUTE_MS);
        json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
        while (world.ports.removed_count == 0)
            assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
        world_pass(&world, OPS_DAY_MS);
        json_decref(world_do(&world, "ops_vacuumorg", "{'orgcode': 'acme'}", "vacuum-in-progress")); /* a page is in hand */
        world_pass(&world, OPS_LEASE_MS);
        if (taken_over)
            world_vacuum_all(&world, next);
        size_t removed = world.ports.removed_count;
        for (int i = 0; i < 100; i++)
            assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
        assert_int_equal(world.ports.removed_count, removed);
        json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
        expect_expired(old);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void a_vacuum_with_a_rate_removes_no_more_than_that_in_any_second_and_ends_all_the_same(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    ops_app_limit_rate(world.app, 3);
    world_vacuum_all(&world, id);
    world_run(&world, 301 * OPS_SECOND_MS);
    for (int second = 0; second < 20; second++) {
        int64_t before = world.ports.removed_count, began_ms = world_now_ms(&world);
        world_run(&world, OPS_SECOND_MS);
        int64_t seconds = (world_now_ms(&world) - began_ms + OPS_SECOND_MS - 1) / OPS_SECOND_MS;
        assert_in_range(world.ports.removed_count - before, 0, 3 * (seconds + 1));
    }
    assert_in_range(world.ports.removed_count, 30, 90);
    json_t *vacuum = settle(id, "completed");
    expect_counts(vacuum, false);
    json_decref(vacuum);
}

static void a_table_that_is_cut_otherwise_meanwhile_is_read_as_it_was_planned(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    const struct ops_memory_limits grown = {.segment_count = 7, .page_max = 5, .batch_max = 5};
    world_vacuum_all(&world, id);
    world_run(&world, 300 * OPS_SECOND_MS + 100);
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_TABLE, "pvm_main", &grown), OPS_OK);
    json_t *vacuum = settle(id, "completed");
    expect_counts(vacuum, false);
    assert_null(json_object_get(world_target(vacuum, "pvm_main"), "split"));
    json_decref(vacuum);
}

/* A second worker looks for work while the first one lists what exists. */
static struct ops_worker *second;
static int64_t second_wait_ms;

static struct port_fault step_second(void *context, enum port_call call)
{
    (void)context;
    if (call != CALL_CATALOGUE_LIST)
        return NO_PORT_FAULT;
    world.ports.on_call = NULL;
    assert_int_equal(ops_worker_step(second, &second_wait_ms, NULL), OPS_OK);
    world.ports.on_call = step_second;
    return NO_PORT_FAULT;
}

static void one_worker_plans_a_vacuum_while_the_others_wait_a_moment(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    assert_int_equal(ops_worker_new(world.app, "second", &second), OPS_OK);
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    size_t before = world.ports.calls[CALL_CATALOGUE_LIST];
    world.ports.on_call = step_second;
    assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    world.ports.on_call = NULL;
    assert_int_equal(world.ports.calls[CALL_CATALOGUE_LIST] - before, OPS_TARGET_KIND_COUNT); /* each kind once */
    assert_in_range(second_wait_ms, 1, 1000); /* it is called when tasks are free */
    assert_int_equal(wait_ms, 0);
    assert_int_equal(ops_worker_step(second, &wait_ms, NULL), OPS_OK);
    assert_int_equal(wait_ms, 0); /* it has claimed a task */
    ops_worker_free(second);
    json_decref(settle(id, "completed"));
}

/* That it is running says that its five minutes are over. */
static void a_clock_that_goes_back_after_the_start_changes_nothing(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    size_t before = world.ports.removed_count;
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 366 * 24 * OPS_HOUR_MS);
    while (world.ports.removed_count == before)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - OPS_MINUTE_MS);
    json_decref(settle(id, "completed"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_vacuum_of_everything_waits_five_minutes_then_deletes_exactly_what_it_should),
        CASE(a_tenant_s_vacuum_leaves_every_other_tenant_alone_also_one_whose_name_begins_alike),
        CASE(a_dry_run_answers_at_once_deletes_nothing_and_counts_what_the_real_one_will),
        CASE(a_dry_run_takes_no_mutex_and_runs_beside_a_pending_vacuum),
        CASE(what_exists_outside_the_manifest_is_reported_as_unclassified_and_not_touched),
        CASE(internals_of_the_record_are_not_shown),
        CASE(a_vacuum_can_be_cancelled_until_its_five_minutes_are_over_and_then_has_deleted_nothing),
        CASE(a_second_vacuum_is_refused_and_told_who_holds_the_mutex),
        CASE(a_plan_that_was_asked_for_and_still_holds_is_carried_out),
        CASE(a_plan_that_has_drifted_deletes_nothing_and_says_so),
        CASE(counts_are_not_part_of_the_plan),
        CASE(status_without_an_id_is_the_latest_and_without_a_vacuum_there_is_none),
        CASE(a_pending_vacuum_whose_mutex_expired_is_taken_over_by_the_next_in_one_transaction),
        CASE(the_sweep_ends_a_vacuum_whose_mutex_expired_and_frees_the_mutex),
        CASE(a_worker_whose_mutex_expired_or_was_taken_over_deletes_nothing_more),
        CASE(a_vacuum_with_a_rate_removes_no_more_than_that_in_any_second_and_ends_all_the_same),
        CASE(a_table_that_is_cut_otherwise_meanwhile_is_read_as_it_was_planned),
        CASE(one_worker_plans_a_vacuum_while_the_others_wait_a_moment),
        CASE(a_clock_that_goes_back_after_the_start_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
