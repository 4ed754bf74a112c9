/* The wall clock is set while vacuums wait, and whoever is concerned is told. */
#include "support/world.h"

#include "adapters/memory/clock.h"
#include "app/clock_watch.h"
#include "app/metrics.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"

#include <stdio.h>

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
    world.ports.on_call = NULL;
    world_check(&world);
    world_release(&world);
    return 0;
}

static void set_clock(int64_t by_ms)
{
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) + by_ms);
}

static enum ops_status sweep(struct ops_sweep_result *ret_result)
{
    return ops_app_sweep(world.app, ret_result, NULL);
}

static void sweep_well(void)
{
    struct ops_sweep_result result;
    assert_int_equal(sweep(&result), OPS_OK);
}

static struct ops_clock_news news(void)
{
    struct ops_clock_news news;
    ops_app_clock_news(world.app, &news);
    return news;
}

static json_t *stat_data(void)
{
    return world_read(&world, "/ops/stat", "{}", "ok");
}

static void expect_status(const char *status)
{
    json_t *data = stat_data();
    assert_string_equal(ops_json_text(data, "status", ""), status);
    assert_int_equal(json_object_get(data, "clock") != NULL, strcmp(status, "degraded") == 0);
    json_decref(data);
}

/* ---- what is told ---- */

static void a_clock_that_only_goes_on_is_not_spoken_of(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        world_pass(&world, OPS_HOUR_MS);
        sweep_well();
    }
    assert_int_equal(news().step_count, 0);
    expect_status("ok");
}

static void a_machine_that_slept_has_set_no_clock(void **state)
{
    (void)state;
    ops_memory_clock_sleep(world.real.clock, 9 * OPS_HOUR_MS);
    sweep_well();
    assert_int_equal(news().step_count, 0);
    expect_status("ok");
}

static void a_step_is_told_for_ten_minutes_that_no_clock_can_shorten(void **state)
{
    (void)state;
    set_clock(301 * OPS_SECOND_MS);
    assert_int_equal(news().step_count, 0); /* nobody has looked yet */
    sweep_well();
    assert_int_equal(news().step_count, 1);
    assert_int_equal(news().steps[0].step_ms, 301 * OPS_SECOND_MS);
    json_t *data = stat_data();
    const json_t *clock = json_object_get(data, "clock");
    assert_string_equal(ops_json_text(data, "status", ""), "degraded");
    assert_int_equal(ops_json_integer(clock, "step_seconds", 0), 301);
    assert_string_equal(ops_json_text(clock, "at", ""), "2026-11-24T03:05:01Z");
    assert_int_equal(json_object_size(clock), 2);
    json_decref(data);
    world_pass(&world, OPS_CLOCK_TOLD_FOR_MS - OPS_SECOND_MS);
    expect_status("degraded");
    world_pass(&world, OPS_SECOND_MS);
    expect_status("ok");
    /* Another one begins it anew; the count is since the beginning. */
    set_clock(-OPS_DAY_MS);
    sweep_well();
    expect_status("degraded");
    assert_int_equal(news().step_count, 2);
    assert_int_equal(news().stepped_ms, 301 * OPS_SECOND_MS + OPS_DAY_MS);
    assert_int_equal(news().steps[0].step_ms, -OPS_DAY_MS);
    assert_int_equal(news().steps[1].step_ms, 301 * OPS_SECOND_MS);
}

static void a_step_before_the_first_sweep_is_one_too(void **state)
{
    (void)state;
    set_clock(OPS_HOUR_MS);
    sweep_well();
    assert_int_equal(news().step_count, 1);
}

static void monitors_see_how_often_and_how_far_also_while_the_store_is_away(void **state)
{
    (void)state;
    struct ops_metrics *metrics = NULL;
    struct ops_measures measures;
    assert_int_equal(ops_metrics_new(world.app, &metrics), OPS_OK);
    ops_metrics_read(metrics, &measures);
    assert_int_equal(measures.clock_steps, 0);
    set_clock(60 * OPS_SECOND_MS);
    sweep_well();
    set_clock(-60 * OPS_SECOND_MS);
    sweep_well();
    ops_metrics_read(metrics, &measures);
    assert_int_equal(measures.clock_steps, 2);
    assert_int_equal(measures.clock_step_seconds, 120);
    assert_false(measures.has_other_clock);
    ops_metrics_free(metrics);
}

/* ---- somebody else's clock ---- */

struct other {
    struct ops_other_clock base;
    bool has_told;
    int64_t ahead_ms;
};

static bool other_ahead_ms(struct ops_other_clock *self, int64_t *ret_ahead_ms)
{
    const struct other *other = (struct other *)self;
    if (other->has_told)
        *ret_ahead_ms = other->ahead_ms;
    return other->has_told;
}

static void a_clock_that_is_apart_from_another_is_told_for_as_long_as_it_is(void **state)
{
    (void)state;
    static const struct ops_other_clock_ops ops = {.ahead_ms = other_ahead_ms};
    static const struct {
        int64_t ahead_ms;
        bool apart;
    } cases[] = {{0, false}, {10000, false}, {-10000, false}, {10001, true}, {-42000, true}, {0, false}};
    struct other other = {{&ops}, false, 0};
    struct ops_app_ports ports = world.ports.outer;
    struct ops_app *app = NULL, *before = world.app;
    const struct ops_build build = {1, 2, "Tue-1795489200"};
    ports.other_clock = &other.base;
    assert_int_equal(ops_app_new(&ports, &world.manifest, &build, &app), OPS_OK);
    world.app = app;
    assert_false(news().has_others);
    expect_status("ok");
    other.has_told = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        other.ahead_ms = cases[i].ahead_ms;
        assert_true(news().has_others);
        assert_int_equal(news().is_apart, cases[i].apart);
        json_t *data = stat_data();
        assert_string_equal(ops_json_text(data, "status", ""), cases[i].apart ? "degraded" : "ok");
        assert_int_equal(ops_json_integer(json_object_get(data, "clock"), "ahead_seconds", 0),
                         cases[i].apart ? cases[i].ahead_ms / OPS_SECOND_MS : 0);
        json_decref(data);
    }
    world.app = before;
    ops_app_free(app);
}

/* ---- in the records ---- */

static void expect_steps(const json_t *vacuum, const int64_t *seconds, size_t count)
{
    const json_t *steps = json_object_get(vacuum, "clock_steps");
    assert_int_equal(json_array_size(steps), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *step = json_array_get(steps, i);
        assert_int_equal(ops_json_integer(step, "seconds", 0), seconds[i]);
        assert_non_null(ops_json_text(step, "at", NULL));
        assert_int_equal(json_object_size(step), 2);
    }
}

static json_t *vacuum_now(const char *id, const char *status)
{
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), status);
    return vacuum;
}

static void a_vacuum_that_waits_has_each_step_in_its_record_and_keeps_it_to_its_end(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    json_t *vacuum = vacuum_now(id, "pending");
    assert_null(json_object_get(vacuum, "clock_steps"));
    json_int_t revision = ops_json_integer(vacuum, "revision", 0);
    json_decref(vacuum);
    set_clock(-OPS_HOUR_MS);
    sweep_well();
    vacuum = vacuum_now(id, "pending");
    expect_steps(vacuum, (const int64_t[]){-3600}, 1);
    assert_int_equal(ops_json_integer(vacuum, "revision", 0), revision + 1);
    json_decref(vacuum);
    sweep_well(); /* and not twice */
    set_clock(OPS_HOUR_MS);
    sweep_well();
    vacuum = vacuum_now(id, "pending");
    expect_steps(vacuum, (const int64_t[]){-3600, 3600}, 2);
    json_decref(vacuum);
    world_settle(&world, OPS_HOUR_MS);
    vacuum = vacuum_now(id, "completed");
    expect_steps(vacuum, (const int64_t[]){-3600, 3600}, 2);
    json_decref(vacuum);
}

static void a_step_that_ends_the_five_minutes_at_once_is_in_the_record_before_anything_goes(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct ops_sweep_result result;
    world_vacuum_all(&world, id);
    set_clock(301 * OPS_SECOND_MS);
    assert_int_equal(sweep(&result), OPS_OK);
    assert_int_equal(result.vacuums_started, 1);
    assert_int_equal(world.ports.removed_count, 0);
    json_t *vacuum = vacuum_now(id, "running");
    expect_steps(vacuum, (const int64_t[]){301}, 1);
    json_decref(vacuum);
}

static void one_that_a_step_has_started_before_it_could_be_noted_gets_it_afterwards(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct ops_app *other = NULL;
    struct ops_sweep_result result;
    const struct ops_build build = {1, 2, "Tue-1795489200"};
    world_vacuum_all(&world, id);
    set_clock(301 * OPS_SECOND_MS);
    /* Another process, that came after the step and knows of none. */
    assert_int_equal(ops_app_new(&world.ports.outer, &world.manifest, &build, &other), OPS_OK);
    assert_int_equal(ops_app_sweep(other, &result, NULL), OPS_OK);
    assert_int_equal(result.vacuums_started, 1);
    json_t *vacuum = vacuum_now(id, "running");
    assert_null(json_object_get(vacuum, "clock_steps"));
    json_decref(vacuum);
    sweep_well();
    vacuum = vacuum_now(id, "running");
    expect_steps(vacuum, (const int64_t[]){301}, 1);
    json_decref(vacuum);
    ops_app_free(other);
}

static void vacuums_that_wait_for_nothing_have_no_step_in_their_records(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    world_pass(&world, 301 * OPS_SECOND_MS);
    sweep_well();
    json_decref(vacuum_now(id, "running"));
    set_clock(OPS_MINUTE_MS);
    sweep_well();
    json_t *vacuum = vacuum_now(id, "running");
    assert_null(json_object_get(vacuum, "clock_steps"));
    json_decref(vacuum);
    world_settle(&world, OPS_HOUR_MS);
    json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
    set_clock(OPS_MINUTE_MS);
    sweep_well();
    vacuum = vacuum_now(ops_json_text(dry, "vacuum_id", ""), "completed");
    assert_null(json_object_get(vacuum, "clock_steps"));
    json_decref(vacuum);
    json_decref(dry);
    /* Nor has one that is asked for after it. */
    world_vacuum_all(&world, id);
    sweep_well();
    vacuum = vacuum_now(id, "pending");
    assert_null(json_object_get(vacuum, "clock_steps"));
    json_decref(vacuum);
}

static void a_record_keeps_the_latest_steps_and_no_more(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    int64_t seconds[OPS_CLOCK_STEPS_KEPT];
    world_vacuum_all(&world, id);
    for (int i = 0; i < 30; i++) {
        int64_t step_s = i % 2 ? 3600 + i : -3600 - i;
        set_clock(step_s * OPS_SECOND_MS);
        sweep_well();
        if (i >= 30 - OPS_CLOCK_STEPS_KEPT)
            seconds[i - (30 - OPS_CLOCK_STEPS_KEPT)] = step_s;
    }
    json_t *vacuum = world_vacuum(&world, id);
    expect_steps(vacuum, seconds, OPS_CLOCK_STEPS_KEPT);
    json_decref(vacuum);
    assert_int_equal(news().step_count, 30);
}

static struct port_fault store_is_away(void *context, enum port_call call)
{
    (void)context;
    return call <= CALL_STORE_TRANSACT ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static struct port_fault answers_are_lost(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_STORE_TRANSACT ? (struct port_fault){OPS_UNKNOWN, true} : NO_PORT_FAULT;
}

static void what_could_not_be_written_is_written_later_and_what_was_is_not_written_twice(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct ops_sweep_result result;
    world_vacuum_all(&world, id);
    world.ports.on_call = store_is_away;
    set_clock(-OPS_HOUR_MS);
    assert_int_equal(sweep(&result), OPS_STORE_UNAVAILABLE);
    assert_int_equal(news().step_count, 1);
    set_clock(-2 * OPS_HOUR_MS);
    assert_int_equal(sweep(&result), OPS_STORE_UNAVAILABLE);
    world.ports.on_call = answers_are_lost;
    assert_int_equal(sweep(&result), OPS_UNKNOWN);
    world.ports.on_call = NULL;
    sweep_well();
    json_t *vacuum = vacuum_now(id, "pending");
    expect_steps(vacuum, (const int64_t[]){-3600, -7200}, 2);
    json_decref(vacuum);
}

static int conflicts;

/* Somebody else is quicker, each time. */
static struct port_fault somebody_is_quicker(void *context, enum port_call call)
{
    (void)context;
    if (call != CALL_STORE_TRANSACT || conflicts == 0)
        return NO_PORT_FAULT;
    conflicts--;
    return (struct port_fault){OPS_CONFLICT, false};
}

static void a_race_for_the_record_is_run_again(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    conflicts = 3;
    world.ports.on_call = somebody_is_quicker;
    set_clock(-OPS_HOUR_MS);
    sweep_well();
    world.ports.on_call = NULL;
    json_t *vacuum = vacuum_now(id, "pending");
    expect_steps(vacuum, (const int64_t[]){-3600}, 1);
    json_decref(vacuum);
}

static void one_that_is_cancelled_meanwhile_stays_cancelled(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE], payload[100];
    world_vacuum_all(&world, id);
    (void)snprintf(payload, sizeof payload, "{'vacuum_id': '%s'}", id);
    set_clock(-OPS_HOUR_MS);
    json_decref(world_do(&world, "ops_vacuumcancel", payload, "ok"));
    sweep_well();
    json_t *vacuum = vacuum_now(id, "cancelled");
    assert_null(json_object_get(vacuum, "clock_steps"));
    json_decref(vacuum);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_clock_that_only_goes_on_is_not_spoken_of),
        CASE(a_machine_that_slept_has_set_no_clock),
        CASE(a_step_is_told_for_ten_minutes_that_no_clock_can_shorten),
        CASE(a_step_before_the_first_sweep_is_one_too),
        CASE(monitors_see_how_often_and_how_far_also_while_the_store_is_away),
        CASE(a_clock_that_is_apart_from_another_is_told_for_as_long_as_it_is),
        CASE(a_vacuum_that_waits_has_each_step_in_its_record_and_keeps_it_to_its_end),
        CASE(a_step_that_ends_the_five_minutes_at_once_is_in_the_record_before_anything_goes),
        CASE(one_that_a_step_has_started_before_it_could_be_noted_gets_it_afterwards),
        CASE(vacuums_that_wait_for_nothing_have_no_step_in_their_records),
        CASE(a_record_keeps_the_latest_steps_and_no_more),
        CASE(what_could_not_be_written_is_written_later_and_what_was_is_not_written_twice),
        CASE(a_race_for_the_record_is_run_again),
        CASE(one_that_is_cancelled_meanwhile_stays_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
