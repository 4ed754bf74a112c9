/* The life of maintenance windows, as callers see it. */
#include "support/world.h"

#include "adapters/memory/clock.h"
#include "app/keys.h"
#include "base/json.h"
#include "base/mem.h"
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

/* The payload with %s replaced by id. */
static const char *with_id(const char *format, const char *id)
{
    static char payload[512];
    (void)snprintf(payload, sizeof payload, format, id);
    return payload;
}

static const char start_text[] = "{'maintenance_id': '%s'}";

static json_t *get(const char *id)
{
    return world_read(&world, "/ops/maintenance/get", with_id(start_text, id), "ok");
}

static void expect_status(const char *id, const char *status)
{
    json_t *window = get(id);
    assert_string_equal(ops_json_text(window, "status", ""), status);
    json_decref(window);
}

static const json_t *notice_of(const json_t *ping)
{
    return json_object_get(ping, "maintenance");
}

static void sweep(void)
{
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
}

static void a_window_is_scheduled_started_updated_and_ended(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 60, id);
    json_t *started = world_do(&world, "ops_maintenancestart", with_id(start_text, id), "ok");
    assert_string_equal(ops_json_text(started, "started_by", ""), "operator");
    json_t *updated = world_do(&world, "ops_maintenanceupdate", "{'text': 'half way', 'description': 'more work'}", "ok");
    assert_string_equal(ops_json_text(updated, "description", ""), "more work");
    assert_int_equal(json_array_size(json_object_get(updated, "updates")), 1);
    json_t *ended = world_do(&world, "ops_maintenanceend", "{'end_message': 'all good'}", "ok");
    assert_string_equal(ops_json_text(ended, "status", ""), "ended");
    assert_string_equal(ops_json_text(ended, "end_message", ""), "all good");
    assert_int_equal(ops_json_integer(ended, "revision", 0), 4);
    assert_int_equal(world_audit_count(&world, "maintenance.scheduled"), 1);
    assert_int_equal(world_audit_count(&world, "maintenance.started"), 1);
    assert_int_equal(world_audit_count(&world, "maintenance.updated"), 1);
    assert_int_equal(world_audit_count(&world, "maintenance.ended"), 1);
    json_decref(started);
    json_decref(updated);
    json_decref(ended);
}

static void ping_shows_the_active_window_at_once_and_null_without_one(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    json_t *ping = world_read(&world, "/ops/ping", "{}", "ok");
    assert_true(json_is_null(notice_of(ping)));
    json_decref(ping);
    world_schedule(&world, 60, id);
    json_decref(world_do(&world, "ops_maintenancestart", with_id(start_text, id), "ok"));
    ping = world_read(&world, "/ops/ping", "{}", "ok");
    assert_string_equal(ops_json_text(notice_of(ping), "maintenance_id", ""), id);
    assert_string_equal(ops_json_text(notice_of(ping), "estimated_end_utc", ""), "2026-11-24T03:10:00Z");
    assert_false(ops_json_flag(notice_of(ping), "overdue", true));
    assert_int_equal(json_object_size(notice_of(ping)), 8);
    json_decref(ping);
    world_pass(&world, 600 * OPS_SECOND_MS + 1000);
    ping = world_read(&world, "/ops/ping", "{}", "ok");
    assert_true(ops_json_flag(notice_of(ping), "overdue", false));
    assert_string_equal(ops_json_text(notice_of(ping), "status", ""), "active");
    json_decref(ping);
    json_decref(world_do(&world, "ops_maintenanceend", "{}", "ok"));
    ping = world_read(&world, "/ops/ping", "{}", "ok");
    assert_true(json_is_null(notice_of(ping)));
    json_decref(ping);
}

static void a_ping_costs_no_read_within_a_second(void **state)
{
    (void)state;
    json_decref(world_read(&world, "/ops/ping", "{}", "ok"));
    size_t reads = world.ports.calls[CALL_STORE_GET];
    for (int i = 0; i < 10; i++) {
        json_decref(world_read(&world, "/ops/ping", "{}", "ok"));
        world_pass(&world, 99);
    }
    assert_int_equal(world.ports.calls[CALL_STORE_GET], reads);
    world_pass(&world, 10);
    json_decref(world_read(&world, "/ops/ping", "{}", "ok"));
    assert_int_equal(world.ports.calls[CALL_STORE_GET], reads + 1);
}

/* Another asks while the store is being read, and has not answered for a second. */
static struct port_fault ping_meanwhile(void *context, enum port_call call)
{
    (void)context, (void)call;
    world.ports.on_call = NULL;
    world_pass(&world, 1000);
    json_decref(world_read(&world, "/ops/ping", "{}", "store-unavailable"));
    return NO_PORT_FAULT;
}

static void a_store_that_does_not_answer_holds_up_one_ping_and_no_other(void **state)
{
    (void)state;
    world.ports.on_call = ping_meanwhile;
    json_decref(world_read(&world, "/ops/ping", "{}", "ok"));
    assert_null(world.ports.on_call);
    size_t reads = world.ports.calls[CALL_STORE_GET];
    json_decref(world_read(&world, "/ops/ping", "{}", "ok"));
    assert_int_equal(world.ports.calls[CALL_STORE_GET], reads + 1); /* what took a second to read is that old */
}

static void end_meanwhile(void *context, const char *pk, json_t *doc)
{
    (void)context, (void)pk, (void)doc;
    world.ports.on_document = NULL;
    json_decref(world_do(&world, "ops_maintenanceend", "{}", "ok"));
}

static void a_window_that_ends_while_ping_reads_it_has_ended(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 60, id);
    json_decref(world_do(&world, "ops_maintenancestart", with_id(start_text, id), "ok"));
    world.ports.on_document = end_meanwhile;
    for (int i = 0; i < 2; i++) {
        json_t *ping = world_read(&world, "/ops/ping", "{}", "ok");
        assert_true(json_is_null(notice_of(ping)));
        json_decref(ping);
    }
}

static void a_clock_that_was_set_makes_ping_read_again(void **state)
{
    (void)state;
    json_decref(world_read(&world, "/ops/ping", "{}", "ok"));
    size_t reads = world.ports.calls[CALL_STORE_GET];
    for (int i = 0; i < 2; i++) {
        ops_memory_clock_set(world.real.clock, world_now_ms(&world) + (i ? -1 : 1) * 5000);
        json_decref(world_read(&world, "/ops/ping", "{}", "ok"));
        assert_int_equal(world.ports.calls[CALL_STORE_GET], ++reads);
    }
}

static void only_one_window_is_active_and_the_refusal_names_it(void **state)
{
    (void)state;
    char first[OPS_ULID_SIZE], second[OPS_ULID_SIZE];
    world_schedule(&world, 60, first);
    world_schedule(&world, 60, second);
    json_decref(world_do(&world, "ops_maintenancestart", with_id(start_text, first), "ok"));
    json_t *answer = world_operate(&world, "ops_maintenancestart", with_id(start_text, second));
    assert_string_equal(world_tag(answer), "maintenance-already-active");
    assert_string_equal(ops_json_text(world_details(answer), "maintenance_id", ""), first);
    json_decref(answer);
    expect_status(second, "scheduled");
}

struct refusal_case {
    const char *in; /* the state of the window */
    const char *function;
    const char *payload;
    const char *tag;
};

static const struct refusal_case refusal_cases[] = {
    {"scheduled", "ops_maintenanceend", "{'maintenance_id': '%s'}", "maintenance-not-active"},
    {"scheduled", "ops_maintenanceupdate", "{'maintenance_id': '%s', 'text': 'x'}", "maintenance-not-active"},
    {"active", "ops_maintenancestart", "{'maintenance_id': '%s'}", "maintenance-not-scheduled"},
    {"active", "ops_maintenancecancel", "{'maintenance_id': '%s'}", "maintenance-not-scheduled"},
    {"ended", "ops_maintenancestart", "{'maintenance_id': '%s'}", "maintenance-not-scheduled"},
    {"ended", "ops_maintenanceend", "{'maintenance_id': '%s'}", "maintenance-not-active"},
    {"ended", "ops_maintenanceupdate", "{'maintenance_id': '%s', 'description': 'x'}", "maintenance-not-active"},
    {"ended", "ops_maintenancecancel", "{'maintenance_id': '%s'}", "maintenance-not-scheduled"},
    {"cancelled", "ops_maintenancestart", "{'maintenance_id': '%s'}", "maintenance-not-scheduled"},
    {"cancelled", "ops_maintenanceend", "{'maintenance_id': '%s'}", "maintenance-not-active"},
    {"cancelled", "ops_maintenancecancel", "{'maintenance_id': '%s'}", "maintenance-not-scheduled"},
};

static void bring_to(const char *id, const char *status)
{
    if (strcmp(status, "active") == 0 || strcmp(status, "ended") == 0)
        json_decref(world_do(&world, "ops_maintenancestart", with_id(start_text, id), "ok"));
    if (strcmp(status, "ended") == 0)
        json_decref(world_do(&world, "ops_maintenanceend", "{}", "ok"));
    if (strcmp(status, "cancelled") == 0)
        json_decref(world_do(&world, "ops_maintenancecancel", with_id(start_text, id), "ok"));
}

static void what_a_state_does_not_allow_is_refused_with_id_and_status_and_changes_nothing(void **state)
{
    for (size_t i = 0; i < COUNT_OF(refusal_cases); i++) {
        const struct refusal_case *test = &refusal_cases[i];
        char id[OPS_ULID_SIZE];
        world_schedule(&world, 60, id);
        bring_to(id, test->in);
        size_t audited = world_audit_count(&world, NULL);
        json_t *answer = world_operate(&world, test->function, with_id(test->payload, id));
        if (strcmp(world_tag(answer), test->tag) != 0)
            fail_msg("%s of a window that is %s: %s", test->function, test->in, world_tag(answer));
        assert_string_equal(ops_json_text(world_details(answer), "maintenance_id", ""), id);
        assert_string_equal(ops_json_text(world_details(answer), "status", ""), test->in);
        assert_int_equal(world_audit_count(&world, NULL), audited);
        expect_status(id, test->in);
        json_decref(answer);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void a_stale_revision_is_refused_by_every_change(void **state)
{
    (void)state;
    static const char *const functions[] = {"ops_maintenancestart", "ops_maintenancecancel", "ops_maintenanceend",
                                            "ops_maintenanceupdate"};
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 60, id);
    json_decref(world_do(&world, "ops_maintenanceupdate", with_id("{'maintenance_id': '%s', 'description': 'x'}", id),
        "ok"));
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        const char *payload = i == 3 ? "{'maintenance_id': '%s', 'expected_revision': 1, 'description': 'y'}"
                                     : "{'maintenance_id': '%s', 'expected_revision': 1}";
        json_t *answer = world_operate(&world, functions[i], with_id(payload, id));
        assert_string_equal(world_tag(answer), "revision-conflict");
        assert_int_equal(ops_json_integer(world_details(answer), "revision", 0), 2);
        assert_int_equal(ops_json_integer(world_details(answer), "expected_revision", 0), 1);
        json_decref(answer);
    }
    json_decref(world_do(&world, "ops_maintenancestart", with_id("{'maintenance_id': '%s', 'expected_revision': 2}", id),
        "ok"));
}

static void the_sweep_starts_a_window_at_its_second_and_not_before(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 60, id);
    world_pass(&world, 59999);
    sweep();
    expect_status(id, "scheduled");
    world_pass(&world, 1);
    sweep();
    json_t *window = get(id);
    assert_string_equal(ops_json_text(window, "status", ""), "active");
    assert_string_equal(ops_json_text(window, "started_by", ""), "sweep");
    json_decref(window);
    size_t audited = world_audit_count(&world, NULL);
    sweep();
    sweep();
    assert_int_equal(world_audit_count(&world, NULL), audited);
}

static void of_several_due_windows_the_earliest_starts_and_the_others_follow_it(void **state)
{
    (void)state;
    char late[OPS_ULID_SIZE], early[OPS_ULID_SIZE], middle[OPS_ULID_SIZE];
    world_schedule(&world, 90, late);
    world_schedule(&world, 30, early);
    world_schedule(&world, 60, middle);
    world_pass(&world, OPS_HOUR_MS);
    const char *const order[] = {early, middle, late};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        sweep();
        sweep();
        for (size_t k = 0; k < COUNT_OF(order); k++)
            expect_status(order[k], k < i ? "ended" : k == i ? "active" : "scheduled");
        json_decref(world_do(&world, "ops_maintenanceend", "{}", "ok"));
    }
}

static void a_window_that_was_cancelled_never_starts(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 60, id);
    json_decref(world_do(&world, "ops_maintenancecancel", with_id(start_text, id), "ok"));
    world_run(&world, 2 * OPS_MINUTE_MS);
    expect_status(id, "cancelled");
}

static void the_hundred_and_first_text_pushes_the_oldest_out_of_the_record_but_not_of_the_trail(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE], payload[64];
    world_schedule(&world, 60, id);
    json_decref(world_do(&world, "ops_maintenancestart", with_id(start_text, id), "ok"));
    for (int i = 0; i <= 100; i++) {
        (void)snprintf(payload, sizeof payload, "{'text': 'update %d'}", i);
        json_decref(world_do(&world, "ops_maintenanceupdate", payload, "ok"));
    }
    json_t *window = get(id);
    const json_t *updates = json_object_get(window, "updates");
    assert_int_equal(json_array_size(updates), 100);
    assert_string_equal(ops_json_text(json_array_get(updates, 0), "text", ""), "update 1");
    assert_int_equal(world_audit_count(&world, "maintenance.updated"), 101);
    json_decref(window);
}

static void a_window_does_not_end_by_itself(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 1, id);
    world_run(&world, 30 * OPS_MINUTE_MS);
    expect_status(id, "active");
}

/* ---- The end, and what is next ---- */

static void start_and_pass(const char *id, int64_t duration_ms)
{
    json_decref(world_do(&world, "ops_maintenancestart", with_id(start_text, id), "ok"));
    world_pass(&world, duration_ms);
}

static void expect_next(const char *id, const char *start, bool due)
{
    json_t *ended = world_do(&world, "ops_maintenanceend", "{}", "ok");
    const json_t *next = json_object_get(ended, "next");
    assert_string_equal(ops_json_text(ended, "status", ""), "ended");
    assert_string_equal(ops_json_text(next, "maintenance_id", ""), id);
    assert_string_equal(ops_json_text(next, "scheduled_start_utc", ""), start);
    assert_non_null(ops_json_text(next, "description", NULL));
    assert_int_equal(ops_json_flag(next, "due", !due), due);
    assert_int_equal(json_object_size(next), 4);
    json_decref(ended);
}

static void the_end_of_a_window_says_that_no_other_is_scheduled(void **state)
{
    (void)state;
    char ids[3][OPS_ULID_SIZE];
    for (int i = 0; i < 3; i++)
        world_schedule(&world, 60, ids[i]);
    json_decref(world_do(&world, "ops_maintenancecancel", with_id(start_text, ids[0]), "ok"));
    start_and_pass(ids[1], 0);
    json_decref(world_do(&world, "ops_maintenanceend", "{}", "ok"));
    start_and_pass(ids[2], OPS_HOUR_MS);
    json_t *ended = world_do(&world, "ops_maintenanceend", "{}", "ok");
    assert_true(json_is_null(json_object_get(ended, "next")));
    json_decref(ended);
}

static void the_end_of_a_window_names_the_one_that_starts_next(void **state)
{
    (void)state;
    char now[OPS_ULID_SIZE], late[OPS_ULID_SIZE], early[OPS_ULID_SIZE];
    world_schedule(&world, 60, now);
    world_schedule(&world, 7200, late);
    world_schedule(&world, 3600, early);
    start_and_pass(now, 0);
    expect_next(early, "2026-11-24T04:00:00Z", false);
    /* The record stays what it is. */
    json_t *window = get(now);
    assert_null(json_object_get(window, "next"));
    json_decref(window);
    start_and_pass(early, 0);
    expect_next(late, "2026-11-24T05:00:00Z", false);
}

static void the_end_of_a_window_says_when_the_next_one_is_due_already(void **state)
{
    (void)state;
    char ids[3][OPS_ULID_SIZE];
    for (int i = 0; i < 3; i++)
        world_schedule(&world, 60, ids[i]);
    start_and_pass(ids[0], 59 * OPS_SECOND_MS);
    expect_next(ids[1], "2026-11-24T03:01:00Z", false);
    world_pass(&world, OPS_SECOND_MS);
    sweep();
    expect_status(ids[1], "active");
    expect_next(ids[2], "2026-11-24T03:01:00Z", true);
    sweep();
    expect_status(ids[2], "active");
}

static struct port_fault queries_fail(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_STORE_QUERY ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static void an_end_that_is_written_is_one_also_where_the_next_window_can_not_be_read(void **state)
{
    (void)state;
    char now[OPS_ULID_SIZE], later[OPS_ULID_SIZE];
    world_schedule(&world, 60, now);
    world_schedule(&world, 3600, later);
    start_and_pass(now, 0);
    world.ports.on_call = queries_fail;
    json_t *ended = world_do(&world, "ops_maintenanceend", "{}", "ok");
    world.ports.on_call = NULL;
    assert_string_equal(ops_json_text(ended, "status", ""), "ended");
    assert_null(json_object_get(ended, "next"));
    expect_status(now, "ended");
    json_decref(ended);
}

static void spoil_start(void *context, const char *pk, json_t *doc)
{
    (void)pk;
    if (strcmp(ops_json_text(doc, "maintenance_id", ""), context) == 0)
        assert_int_equal(ops_json_set_text(doc, "scheduled_start_utc", "!"), OPS_OK);
}

static void a_window_whose_start_can_not_be_read_stands_in_front_of_no_other(void **state)
{
    (void)state;
    char spoilt[OPS_ULID_SIZE], sound[OPS_ULID_SIZE], now[OPS_ULID_SIZE];
    world_schedule(&world, 60, now);
    world_schedule(&world, 120, spoilt);
    world_schedule(&world, 180, sound);
    start_and_pass(now, 0);
    world.ports.on_document = spoil_start;
    world.ports.document_context = spoilt;
    expect_next(sound, "2026-11-24T03:03:00Z", false);
    world_pass(&world, OPS_HOUR_MS);
    sweep();
    world.ports.on_document = NULL;
    expect_status(sound, "active");
}

/* ---- Lists ---- */

enum { WINDOW_COUNT = 30 };

static void make_windows(char ids[WINDOW_COUNT][OPS_ULID_SIZE])
{
    for (int i = 0; i < WINDOW_COUNT; i++) {
        world_schedule(&world, 3600, ids[i]);
        world_pass(&world, 1000);
        if (i % 3 == 1)
            json_decref(world_do(&world, "ops_maintenancecancel", with_id(start_text, ids[i]), "ok"));
        if (i % 3 == 2)
            json_decref(world_do(&world, "ops_maintenancestart", with_id(start_text, ids[i]), "ok"));
        if (i % 3 == 2 && i != WINDOW_COUNT - 1)
            json_decref(world_do(&world, "ops_maintenanceend", "{}", "ok"));
    }
}

static json_t *list_page(const char *status, int limit, const char *token)
{
    char query[512];
    if (token)
        (void)snprintf(query, sizeof query, "{'status': '%s', 'limit': '%d', 'next_token': '%s'}", status, limit, token);
    else
        (void)snprintf(query, sizeof query, "{'status': '%s', 'limit': '%d'}", status, limit);
    return world_read(&world, "/ops/maintenance/list", query, "ok");
}

/* All ids of a list, page by page; between pages on_page may change things. */
static json_t *walk(const char *status, int limit, void (*between)(int page))
{
    json_t *ids = json_array(), *page = list_page(status, limit, NULL);
    for (int number = 1;; number++) {
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(page, "items"), i, item)
            json_array_append(ids, json_object_get(item, "maintenance_id"));
        assert_true(json_array_size(json_object_get(page, "items")) <= (size_t)limit);
        const char *token = ops_json_text(page, "next_token", NULL);
        if (!token)
            break;
        assert_int_equal(json_array_size(json_object_get(page, "items")), limit);
        if (between)
            between(number);
        json_t *next = list_page(status, limit, token);
        json_decref(page);
        page = next;
    }
    json_decref(page);
    return ids;
}

static bool has(const json_t *ids, const char *id)
{
    size_t i, found = 0;
    json_t *other;
    json_array_foreach(ids, i, other)
        found += strcmp(json_string_value(other), id) == 0;
    assert_true(found <= 1);
    return found == 1;
}

struct list_case {
    const char *status;
    size_t count;
};

static const struct list_case list_cases[] = {{"current", 11}, {"scheduled", 10}, {"active", 1},
                                              {"ended", 9},    {"cancelled", 10}, {"all", 30}};

static void each_list_has_its_windows_once_newest_first_on_pages_of_any_size(void **state)
{
    (void)state;
    static const int limits[] = {1, 2, 7, 9, 10, 11, 30, 256};
    char ids[WINDOW_COUNT][OPS_ULID_SIZE];
    make_windows(ids);
    for (size_t i = 0; i < COUNT_OF(list_cases); i++)
        for (size_t k = 0; k < COUNT_OF(limits); k++) {
            json_t *found = walk(list_cases[i].status, limits[k], NULL);
            if (json_array_size(found) != list_cases[i].count)
                fail_msg("%s by %d: %zu", list_cases[i].status, limits[k], json_array_size(found));
            for (size_t n = 1; n < json_array_size(found); n++)
                assert_true(strcmp(json_string_value(json_array_get(found, n)),
                                   json_string_value(json_array_get(found, n - 1))) < 0);
            json_decref(found);
        }
}

static void the_default_is_eight_of_the_current_ones_and_limits_are_clamped(void **state)
{
    (void)state;
    char ids[WINDOW_COUNT][OPS_ULID_SIZE];
    make_windows(ids);
    json_t *page = world_read(&world, "/ops/maintenance/list", "{}", "ok");
    assert_int_equal(json_array_size(json_object_get(page, "items")), 8);
    assert_non_null(ops_json_text(page, "next_token", NULL));
    json_decref(page);
    page = list_page("all", 0, NULL);
    assert_int_equal(json_array_size(json_object_get(page, "items")), 1);
    json_decref(page);
    page = list_page("all", 100000, NULL);
    assert_int_equal(json_array_size(json_object_get(page, "items")), 30);
    assert_true(json_is_null(json_object_get(page, "next_token")));
    json_decref(page);
}

static char moving_ids[WINDOW_COUNT][OPS_ULID_SIZE];

static void change_things(int page)
{
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 3600, id);
    if (page <= 9) /* windows at either side of where the reader is */
        json_decref(world_do(&world, "ops_maintenancecancel", with_id(start_text, moving_ids[3 * (page - 1)]), "ok"));
}

static void records_that_do_not_change_are_neither_missed_nor_repeated_while_others_come_and_go(void **state)
{
    (void)state;
    make_windows(moving_ids);
    json_t *found = walk("all", 3, change_things);
    for (int i = 0; i < WINDOW_COUNT; i++)
        assert_true(has(found, moving_ids[i]));
    json_decref(found);
}

static void a_window_that_leaves_the_list_between_two_pages_does_not_break_it(void **state)
{
    (void)state;
    make_windows(moving_ids);
    json_t *found = walk("scheduled", 2, change_things);
    assert_true(has(found, moving_ids[27])); /* the newest was on the first page */
    json_decref(found);
}

static void a_token_of_one_list_is_refused_by_another(void **state)
{
    (void)state;
    char ids[WINDOW_COUNT][OPS_ULID_SIZE], query[512];
    make_windows(ids);
    json_t *page = list_page("all", 2, NULL);
    (void)snprintf(query, sizeof query, "{'status': 'ended', 'next_token': '%s'}", ops_json_text(page, "next_token", ""));
    json_t *answer = world_get(&world, "/ops/maintenance/list", query);
    assert_string_equal(world_tag(answer), "invalid-field");
    assert_string_equal(ops_json_text(world_details(answer), "field", ""), "next_token");
    json_decref(answer);
    json_decref(page);
}

static void the_audit_list_goes_back_to_the_first_record(void **state)
{
    (void)state;
    char ids[WINDOW_COUNT][OPS_ULID_SIZE], payload[256];
    make_windows(ids);
    json_int_t expected = (json_int_t)world_audit_count(&world, NULL);
    json_t *page = world_do(&world, "ops_auditlist", "{'limit': 7}", "ok");
    while (page) {
        size_t i;
        json_t *record;
        json_array_foreach(json_object_get(page, "items"), i, record)
            assert_int_equal(ops_json_integer(record, "seq", 0), expected--);
        const char *token = ops_json_text(page, "next_token", NULL);
        (void)snprintf(payload, sizeof payload, "{'limit': 7, 'next_token': '%s'}", token ? token : "");
        json_t *next = token ? world_do(&world, "ops_auditlist", payload, "ok") : NULL;
        json_decref(page);
        page = next;
    }
    assert_int_equal(expected, 0);
}

/* ---- Races ---- */

static int races;

/* Another process schedules a window just before our write: our transaction meets another head of the chain. */
static struct port_fault race_once(void *context, enum port_call call)
{
    (void)context;
    if (call != CALL_STORE_TRANSACT || races == 0)
        return NO_PORT_FAULT;
    races--;
    return (struct port_fault){OPS_CONFLICT, false};
}

static void a_lost_race_is_run_again_from_its_reads_and_only_many_in_a_row_are_told(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 60, id);
    world.ports.on_call = race_once;
    races = 7;
    json_decref(world_do(&world, "ops_maintenancestart", with_id(start_text, id), "ok"));
    races = 100;
    json_decref(world_do(&world, "ops_maintenanceend", "{}", "revision-conflict"));
    world.ports.on_call = NULL;
    expect_status(id, "active");
    assert_int_equal(world_audit_count(&world, "maintenance.started"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* As it is: the payload has no code, and there is no session. */
static json_t *ask(const char *function, const char *payload, const char *tag)
{
    json_t *answer = world_invoke(&world, function, payload);
    assert_string_equal(world_tag(answer), tag);
    return answer;
}

static void operators_read_windows_without_a_session_or_a_code(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_schedule(&world, 60, id);
    json_t *read = get(id);
    json_t *list = ask("ops_maintenancelist", "{'status': 'scheduled'}", "ok");
    json_t *shown = ask("ops_maintenanceget", with_id(start_text, id), "ok");
    assert_true(json_equal(json_array_get(json_object_get(world_data(list), "items"), 0), read));
    assert_true(json_equal(world_data(shown), read));
    assert_int_equal(ops_json_integer(shown, "revision", 0), 1);
    json_decref(ask("ops_maintenancelist", "{'secret_code': 'x'}", "unknown-field"));
    json_decref(ask("ops_maintenancelist", "{'session_guid': 'x'}", "unknown-field"));
    json_decref(ask("ops_maintenanceget", "{}", "missing-field"));
    json_decref(ask("ops_maintenanceget", with_id(start_text, "01ARZ3NDEKTSV4RRFFQ69G5FAV"), "maintenance-not-found"));
    json_decref(read);
    json_decref(list);
    json_decref(shown);
}

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_window_is_scheduled_started_updated_and_ended),
        CASE(ping_shows_the_active_window_at_once_and_null_without_one),
        CASE(a_ping_costs_no_read_within_a_second),
        CASE(a_store_that_does_not_answer_holds_up_one_ping_and_no_other),
        CASE(a_window_that_ends_while_ping_reads_it_has_ended),
        CASE(a_clock_that_was_set_makes_ping_read_again),
        CASE(only_one_window_is_active_and_the_refusal_names_it),
        CASE(what_a_state_does_not_allow_is_refused_with_id_and_status_and_changes_nothing),
        CASE(a_stale_revision_is_refused_by_every_change),
        CASE(the_sweep_starts_a_window_at_its_second_and_not_before),
        CASE(of_several_due_windows_the_earliest_starts_and_the_others_follow_it),
        CASE(a_window_that_was_cancelled_never_starts),
        CASE(the_hundred_and_first_text_pushes_the_oldest_out_of_the_record_but_not_of_the_trail),
        CASE(a_window_does_not_end_by_itself),
        CASE(the_end_of_a_window_says_that_no_other_is_scheduled),
        CASE(the_end_of_a_window_names_the_one_that_starts_next),
        CASE(the_end_of_a_window_says_when_the_next_one_is_due_already),
        CASE(an_end_that_is_written_is_one_also_where_the_next_window_can_not_be_read),
        CASE(a_window_whose_start_can_not_be_read_stands_in_front_of_no_other),
        CASE(each_list_has_its_windows_once_newest_first_on_pages_of_any_size),
        CASE(the_default_is_eight_of_the_current_ones_and_limits_are_clamped),
        CASE(records_that_do_not_change_are_neither_missed_nor_repeated_while_others_come_and_go),
        CASE(a_window_that_leaves_the_list_between_two_pages_does_not_break_it),
        CASE(a_token_of_one_list_is_refused_by_another),
        CASE(the_audit_list_goes_back_to_the_first_record),
        CASE(operators_read_windows_without_a_session_or_a_code),
        CASE(a_lost_race_is_run_again_from_its_reads_and_only_many_in_a_row_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
