/* What a monitor is told, and what that costs the store. */
#include "app/metrics.h"
#include "base/json.h"

#include "support/cmocka_all.h"
#include "support/world.h"

#include <stdio.h>
#include <string.h>

static struct world world;
static struct ops_metrics *metrics;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, NULL);
    world_fill(&world);
    return ops_metrics_new(world.app, &metrics) == OPS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ops_metrics_free(metrics);
    world_release(&world);
    return 0;
}

static struct ops_measures look(void)
{
    struct ops_measures measures;
    ops_metrics_read(metrics, &measures);
    return measures;
}

/* When what was read before does not count any more. */
static struct ops_measures look_again(void)
{
    world_pass(&world, OPS_METRICS_GOOD_FOR_MS);
    return look();
}

static size_t read_count(void)
{
    return world.ports.calls[CALL_STORE_GET] + world.ports.calls[CALL_STORE_QUERY];
}

static void where_nothing_has_happened_all_is_zero(void **state)
{
    (void)state;
    struct ops_measures measures = look();
    const struct ops_measures nothing = {.build = measures.build, .store_up = true};
    assert_true(measures.store_up);
    assert_non_null(measures.build.id);
    assert_memory_equal(&measures.maintenance_active, &nothing.maintenance_active,
                        sizeof measures - offsetof(struct ops_measures, maintenance_active));
}

static void windows_are_counted_by_what_they_are(void **state)
{
    char first[OPS_ULID_SIZE], payload[64];
    (void)state;
    world_schedule(&world, 3600, first);
    for (int i = 0; i < 2; i++) {
        char id[OPS_ULID_SIZE];
        world_schedule(&world, 7200, id);
    }
    struct ops_measures measures = look();
    assert_int_equal(measures.maintenance_scheduled, 3);
    assert_int_equal(measures.maintenance_active, 0);
    (void)snprintf(payload, sizeof payload, "{'maintenance_id': '%s'}", first);
    json_decref(world_do(&world, "ops_maintenancestart", payload, "ok"));
    measures = look_again();
    assert_int_equal(measures.maintenance_scheduled, 2);
    assert_int_equal(measures.maintenance_active, 1);
    assert_int_equal(measures.maintenance_overdue, 0);
    world_pass(&world, 3601 * OPS_SECOND_MS);
    measures = look_again();
    assert_int_equal(measures.maintenance_active, 1);
    assert_int_equal(measures.maintenance_overdue, 1);
    json_decref(world_do(&world, "ops_maintenanceend", "{}", "ok"));
    measures = look_again();
    assert_int_equal(measures.maintenance_scheduled, 2);
    assert_int_equal(measures.maintenance_active, 0);
    assert_int_equal(measures.maintenance_overdue, 0);
}

/* What the vacuum's own record says. */
static json_int_t total(const char *id, const char *name)
{
    json_t *vacuum = world_vacuum(&world, id);
    json_int_t value = ops_json_integer(json_object_get(vacuum, "totals"), name, -1);
    json_decref(vacuum);
    return value;
}

/* Single steps, so that the vacuum is not done yet. */
static void run_until_something_is_deleted(const char *id)
{
    struct ops_sweep_result result;
    assert_int_equal(ops_app_sweep(world.app, &result, NULL), OPS_OK);
    for (int i = 0; i < 10000 && total(id, "deleted") <= 0; i++) {
        int64_t wait_ms;
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
        world_pass(&world, wait_ms);
    }
    assert_true(total(id, "deleted") > 0);
}

static void a_vacuum_is_told_of_while_it_is_open(void **state)
{
    char id[OPS_ULID_SIZE];
    (void)state;
    world_vacuum_all(&world, id);
    struct ops_measures measures = look();
    assert_int_equal(measures.vacuum_pending, 1);
    assert_int_equal(measures.vacuum_running, 0);
    assert_int_equal(measures.vacuum_records_matched, 0);
    world_pass(&world, 300 * OPS_SECOND_MS);
    run_until_something_is_deleted(id);
    measures = look_again();
    assert_int_equal(measures.vacuum_pending, 0);
    assert_int_equal(measures.vacuum_running, 1);
    assert_int_equal(measures.vacuum_records_deleted, total(id, "deleted"));
    assert_int_equal(measures.vacuum_records_matched, total(id, "matched"));
    assert_int_equal(measures.vacuum_records_failed, 0);
    world_settle(&world, OPS_HOUR_MS);
    measures = look_again();
    assert_int_equal(measures.vacuum_pending + measures.vacuum_running, 0);
    assert_int_equal(measures.vacuum_records_matched + measures.vacuum_records_deleted, 0);
}

static struct port_fault throttle_pages(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_TARGET_PAGE ? (struct port_fault){OPS_THROTTLED, false} : NO_PORT_FAULT;
}

static void a_dry_run_is_counted_for_itself(void **state)
{
    (void)state;
    world.ports.on_call = throttle_pages; /* it can't end at once */
    json_decref(world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok"));
    struct ops_measures measures = look();
    assert_int_equal(measures.vacuum_dry_runs, 1);
    assert_int_equal(measures.vacuum_pending + measures.vacuum_running, 0);
    world.ports.on_call = NULL;
    world_settle(&world, OPS_HOUR_MS);
    measures = look_again();
    assert_int_equal(measures.vacuum_dry_runs, 0);
}

static void who_asks_again_within_five_seconds_reads_nothing(void **state)
{
    (void)state;
    (void)look();
    size_t before = read_count();
    for (int i = 0; i < 100; i++)
        (void)look();
    world_pass(&world, OPS_METRICS_GOOD_FOR_MS - 1);
    (void)look();
    assert_int_equal(read_count(), before);
    world_pass(&world, 1);
    (void)look();
    assert_true(read_count() > before);
}

static struct port_fault no_store(void *context, enum port_call call)
{
    (*(size_t *)context)++;
    return call == CALL_STORE_GET || call == CALL_STORE_QUERY ? (struct port_fault){OPS_STORE_UNAVAILABLE, false}
                                                              : NO_PORT_FAULT;
}

/* Somebody else asks while the store is being read. */
static struct ops_measures seen_meanwhile;

static struct port_fault look_meanwhile(void *context, enum port_call call)
{
    (void)context;
    (void)call;
    world.ports.on_call = NULL;
    seen_meanwhile = look();
    return NO_PORT_FAULT;
}

static void who_asks_while_another_reads_gets_what_was_there_at_once(void **state)
{
    char id[OPS_ULID_SIZE];
    (void)state;
    world.ports.on_call = look_meanwhile;
    assert_true(look().store_up);
    assert_false(seen_meanwhile.store_up);
    assert_non_null(seen_meanwhile.build.id);
    world_schedule(&world, 3600, id);
    world.ports.on_call = look_meanwhile;
    assert_int_equal(look_again().maintenance_scheduled, 1);
    assert_true(seen_meanwhile.store_up);
    assert_int_equal(seen_meanwhile.maintenance_scheduled, 0);
}

static struct port_fault look_meanwhile_for_long(void *context, enum port_call call)
{
    world_pass(&world, OPS_METRICS_PATIENCE_MS - 1);
    struct port_fault fault = look_meanwhile(context, call);
    assert_true(seen_meanwhile.store_up);
    world_pass(&world, 1);
    seen_meanwhile = look();
    return fault;
}

static void a_store_that_does_not_answer_is_not_told_to_be_up(void **state)
{
    (void)state;
    assert_true(look().store_up);
    world.ports.on_call = look_meanwhile_for_long;
    assert_true(look_again().store_up);
    assert_null(world.ports.on_call);
    assert_false(seen_meanwhile.store_up);
    assert_non_null(seen_meanwhile.build.id);
}

static void a_store_that_is_away_is_told_and_asked_no_more_often(void **state)
{
    char id[OPS_ULID_SIZE];
    size_t asked = 0;
    (void)state;
    world_schedule(&world, 3600, id);
    world.ports.on_call = no_store;
    world.ports.call_context = &asked;
    struct ops_measures measures = look();
    assert_false(measures.store_up);
    assert_int_equal(measures.maintenance_scheduled, 0);
    assert_int_equal(asked, 1);
    (void)look();
    assert_int_equal(asked, 1);
    world.ports.on_call = NULL;
    assert_false(look().store_up);
    measures = look_again();
    assert_true(measures.store_up);
    assert_int_equal(measures.maintenance_scheduled, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(where_nothing_has_happened_all_is_zero),
        CASE(windows_are_counted_by_what_they_are),
        CASE(a_vacuum_is_told_of_while_it_is_open),
        CASE(a_dry_run_is_counted_for_itself),
        CASE(who_asks_again_within_five_seconds_reads_nothing),
        CASE(who_asks_while_another_reads_gets_what_was_there_at_once),
        CASE(a_store_that_does_not_answer_is_not_told_to_be_up),
        CASE(a_store_that_is_away_is_told_and_asked_no_more_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
