/* What the log is told of: audit records as they are written, with the request behind them, and how far a vacuum is. */
#include "support/world.h"

#include "adapters/memory/log.h"
#include "app/tell.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

static struct world world;
static struct ops_log *log_of_world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, NULL);
    world_fill(&world);
    assert_int_equal(ops_memory_log_new(&log_of_world), OPS_OK);
    ops_app_log_to(world.app, log_of_world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char *text = NULL;
    assert_int_equal(ops_memory_log_read(log_of_world, &text), OPS_OK);
    assert_null(strstr(text, WORLD_SECRET));
    assert_null(strstr(text, WORLD_GUID));
    ops_mem_free(text);
    world_release(&world);
    ops_memory_log_free(log_of_world);
    return 0;
}

/* The lines with that event, one after another; the caller frees them with ops_mem_free. */
static char *lines_of(const char *event, int *ret_count)
{
    char *text = NULL, part[96];
    assert_int_equal(ops_memory_log_read(log_of_world, &text), OPS_OK);
    (void)snprintf(part, sizeof part, " event=%s ", event);
    char *to = text;
    *ret_count = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        char *found = strstr(line, part);
        if (!found || found > end)
            continue;
        memmove(to, line, (size_t)(end + 1 - line));
        to += end + 1 - line;
        ++*ret_count;
    }
    *to = '\0';
    return text;
}

static void expect_line(const char *event, const char *part)
{
    int count;
    char *lines = lines_of(event, &count);
    if (count != 1 || !strstr(lines, part))
        fail_msg("%d of %s, without %s: %s", count, event, part, lines);
    ops_mem_free(lines);
}

static int count_of(const char *event)
{
    int count;
    ops_mem_free(lines_of(event, &count));
    return count;
}

static void a_record_is_told_once_it_is_written_with_the_request_behind_it(void **state)
{
    (void)state;
    json_t *answer = world_operate(&world, "ops_maintenanceschedule",
                                   "{'description': 'two\\nlines', 'estimated_duration_seconds': 60, 'reason': 'why', "
                                   "'scheduled_start_utc': '2026-12-24T00:00:00Z'}");
    assert_string_equal(world_tag(answer), "ok");
    char part[128];
    (void)snprintf(part, sizeof part, " request_id=%s ", ops_json_text(json_object_get(answer, "stats"), "request_id", "-"));
    expect_line("maintenance.scheduled", part);
    expect_line("maintenance.scheduled", "level=info ");
    expect_line("maintenance.scheduled", " seq=2 ");
    expect_line("maintenance.scheduled", " actor=ann reason=why ");
    expect_line("maintenance.scheduled", " description=\"two\\nlines\" ");
    json_decref(answer);
}

static void what_the_sweep_does_has_no_request(void **state)
{
    char id[OPS_ULID_SIZE];
    int count;
    (void)state;
    world_schedule(&world, 10, id);
    world_run(&world, OPS_MINUTE_MS);
    char *lines = lines_of("maintenance.started", &count);
    assert_int_equal(count, 1);
    assert_null(strstr(lines, "request_id="));
    assert_non_null(strstr(lines, " started_by=sweep"));
    ops_mem_free(lines);
}

static struct port_fault refuse_writes(void *context, enum port_call call)
{
    (void)context;
    return (struct port_fault){call == CALL_STORE_TRANSACT ? OPS_STORE_UNAVAILABLE : OPS_OK, false};
}

static struct port_fault lose_one_answer(void *context, enum port_call call)
{
    int *left = context;
    return (struct port_fault){call == CALL_STORE_TRANSACT && (*left)-- == 0 ? OPS_UNKNOWN : OPS_OK, true};
}

static void what_was_not_written_is_not_told_and_a_lost_answer_is_told_once(void **state)
{
    static const char payload[] =
        "{'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-12-24T00:00:00Z'}";
    int left = 0;
    (void)state;
    world.ports.on_call = refuse_writes;
    json_decref(world_do(&world, "ops_maintenanceschedule", payload, "store-unavailable"));
    assert_int_equal(count_of("maintenance.scheduled"), 0);
    world.ports.on_call = lose_one_answer;
    world.ports.call_context = &left;
    json_decref(world_do(&world, "ops_maintenanceschedule", payload, "ok"));
    assert_true(left < 0);
    world.ports.on_call = NULL;
    assert_int_equal(count_of("maintenance.scheduled"), 1);
}

static void the_end_of_a_vacuum_is_told_with_its_counts(void **state)
{
    char id[OPS_ULID_SIZE], part[96];
    (void)state;
    world_vacuum_all(&world, id);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    (void)snprintf(part, sizeof part, " totals_deleted=%" JSON_INTEGER_FORMAT,
                   ops_json_integer(json_object_get(vacuum, "totals"), "deleted", -1));
    expect_line("vacuum.completed", part);
    (void)snprintf(part, sizeof part, " vacuum_id=%s ", id);
    expect_line("vacuum.completed", part);
    expect_line("vacuum.requested", " type=all ");
    json_decref(vacuum);
}

/* Steps of workers and sweeps, the time between them being short. */
static void run_slowly(int64_t duration_ms)
{
    struct ops_sweep_result result;
    for (int64_t ran_ms = 0; ran_ms < duration_ms; ran_ms += OPS_SECOND_MS) {
        assert_int_equal(ops_app_sweep(world.app, &result, NULL), OPS_OK);
        world_pass(&world, OPS_SECOND_MS);
    }
}

static void a_running_vacuum_says_once_a_minute_where_it_is(void **state)
{
    char id[OPS_ULID_SIZE], part[96];
    struct ops_sweep_result result;
    int64_t wait_ms;
    (void)state;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    assert_int_equal(ops_app_sweep(world.app, &result, NULL), OPS_OK);
    for (int i = 0; i < 6; i++) /* planned, and something is removed */
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    assert_int_equal(count_of("vacuum.progress"), 0);
    run_slowly(59 * OPS_SECOND_MS);
    assert_int_equal(count_of("vacuum.progress"), 0);
    run_slowly(3 * OPS_SECOND_MS);
    (void)snprintf(part, sizeof part, " vacuum_id=%s type=all dry_run=false matched=", id);
    expect_line("vacuum.progress", part);
    expect_line("vacuum.progress", "level=info ");
    expect_line("vacuum.progress", " targets_done=");
    run_slowly(3 * OPS_MINUTE_MS);
    assert_int_equal(count_of("vacuum.progress"), 4);
    world_settle(&world, OPS_HOUR_MS);
    int before = count_of("vacuum.progress");
    world_run(&world, 5 * OPS_MINUTE_MS);
    assert_int_equal(count_of("vacuum.progress"), before);
}

static void without_a_log_all_goes_on(void **state)
{
    char id[OPS_ULID_SIZE];
    (void)state;
    ops_app_log_to(world.app, NULL);
    world_vacuum_all(&world, id);
    world_settle(&world, OPS_HOUR_MS);
    assert_int_equal(world_audit_count(&world, "vacuum.completed"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_record_is_told_once_it_is_written_with_the_request_behind_it),
        CASE(what_the_sweep_does_has_no_request),
        CASE(what_was_not_written_is_not_told_and_a_lost_answer_is_told_once),
        CASE(the_end_of_a_vacuum_is_told_with_its_counts),
        CASE(a_running_vacuum_says_once_a_minute_where_it_is),
        CASE(without_a_log_all_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
