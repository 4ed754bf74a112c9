/* What a vacuum says of what it could not see, compare, find or tell apart; which vacuum is meant; and what ends one. */
#include "support/world.h"

#include "adapters/memory/catalogue.h"
#include "adapters/memory/clock.h"
#include "app/progress.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/plan.h"
#include "core/task.h"
#include "core/vacuum.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Two tables of 20 records each and a bucket of 4 objects, all of acme. */
static const char stack_text[] =
    "{'stack': 's', 'protected': ['payroll'], 'services': [{'code': 'pvm',"
    " 'tables': [{'name': 'rows', 'org': {'by': 'attribute', 'name': 'orgcode'}},"
    "            {'name': 'more', 'org': {'by': 'attribute', 'name': 'orgcode'}}],"
    " 'buckets': [{'name': 'objects', 'org': {'by': 'key_prefix', 'pattern': '{orgcode}/'}},"
    "             {'name': 'second', 'org': {'by': 'key_prefix', 'pattern': '{orgcode}/'}},"
    "             {'name': 'archive', 'org': {'by': 'skip', 'reason': 'kept for seven years'}}]}]}";

enum { ROWS = 20, OBJECTS = 4 };

static struct world world;

static void fill(void)
{
    const struct ops_memory_limits limits = {1, 6, 2};
    static const char *const tables[] = {"rows", "more"};
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_TABLE, tables[i], &limits), OPS_OK);
        world_add_rows(&world, tables[i], "acme", 0, ROWS);
    }
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_BUCKET, "objects", &limits), OPS_OK);
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_BUCKET, "archive", &limits), OPS_OK);
    for (int i = 0; i < OBJECTS; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "acme/%03d", i);
        const struct ops_memory_record record = {.partition = key, .size_bytes = 10};
        assert_int_equal(ops_memory_record_put(world.real.catalogue, OPS_BUCKET, "objects", &record), OPS_OK);
    }
}

static int set_up(void **state)
{
    (void)state;
    world_init(&world, stack_text);
    fill();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world.ports.on_call = NULL;
    world.ports.on_removal = NULL;
    world_check(&world);
    world_release(&world);
    return 0;
}

static int number(const json_t *target, const char *name)
{
    return (int)ops_json_integer(target, name, 0);
}

static size_t rows_left(const char *table)
{
    return world_count(&world, OPS_TABLE, table);
}

static json_t *dry_run(const char *expected_status)
{
    json_t *dry = world_do(&world, "ops_vacuumorg", "{'orgcode': 'acme', 'dry_run': true}", "ok");
    assert_string_equal(ops_json_text(dry, "status", ""), expected_status);
    return dry;
}

/* plan_sha256 NULL: none. */
static json_t *vacuum_to_its_end(const char *plan_sha256, const char *expected_status)
{
    char payload[160];
    (void)snprintf(payload, sizeof payload, plan_sha256 ? "{'orgcode': 'acme', 'plan_sha256': '%s'}" : "{'orgcode': 'acme'}",
                   plan_sha256);
    json_t *asked = world_do(&world, "ops_vacuumorg", payload, "ok");
    world_settle(&world, 3 * OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, ops_json_text(asked, "vacuum_id", ""));
    json_decref(asked);
    if (strcmp(ops_json_text(vacuum, "status", ""), expected_status) != 0) {
        char *text = json_dumps(vacuum, 0);
        fail_msg("%s", text);
    }
    return vacuum;
}

static const char *error_tag(const json_t *vacuum)
{
    return ops_json_text(json_object_get(vacuum, "error"), "tag", "");
}

static const json_t *remark(const json_t *vacuum, const char *target, size_t index)
{
    return json_array_get(json_object_get(world_target(vacuum, target), "remarks"), index);
}

/* ---- What can't be seen or compared ---- */

static void a_place_that_can_not_be_looked_into_is_named_and_the_rest_goes(void **state)
{
    (void)state;
    assert_int_equal(ops_memory_resource_hide(world.real.catalogue, OPS_BUCKET, "objects", "acme/lost+found/"), OPS_OK);
    json_t *dry = dry_run("failed"), *vacuum = vacuum_to_its_end(NULL, "failed");
    json_t *reports[] = {dry, vacuum};
    for (size_t i = 0; i < COUNT_OF(reports); i++) {
        const json_t *objects = world_target(reports[i], "objects");
        assert_string_equal(error_tag(reports[i]), "records-remain");
        assert_string_equal(ops_json_text(objects, "status", ""), "failed");
        assert_int_equal(number(objects, "matched"), OBJECTS);
        assert_int_equal(number(objects, "unreadable"), 1);
        assert_string_equal(ops_json_text(objects, "error", ""), "it is hidden");
        assert_string_equal(ops_json_text(remark(reports[i], "objects", 0), "what", ""), "unreadable");
        assert_string_equal(ops_json_text(remark(reports[i], "objects", 0), "name", ""), "acme/lost+found/");
        assert_null(remark(reports[i], "objects", 1));
        assert_int_equal(number(json_object_get(reports[i], "totals"), "unreadable"), 1);
    }
    assert_int_equal(world_count(&world, OPS_BUCKET, "objects"), 0);
    assert_int_equal(rows_left("rows") + rows_left("more"), 0);
    assert_string_equal(ops_json_text(world_target(vacuum, "rows"), "status", ""), "completed");
    json_decref(dry);
    json_decref(vacuum);
}

static void put_with(const char *partition, const char *attributes)
{
    json_t *parsed = json_loads(attributes, 0, NULL);
    const struct ops_memory_record record = {.partition = partition, .attributes = parsed};
    assert_int_equal(ops_memory_record_put(world.real.catalogue, OPS_TABLE, "more", &record), OPS_OK);
    json_decref(parsed);
}

static void records_that_can_not_be_compared_are_never_completed_in_silence(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "list-%02d", i);
        put_with(key, "{\"orgcode\": [\"acme\"]}");
    }
    json_t *dry = dry_run("failed"), *vacuum = vacuum_to_its_end(NULL, "failed");
    assert_int_equal(number(world_target(dry, "more"), "incomparable"), 12);
    assert_int_equal(number(world_target(vacuum, "more"), "incomparable"), 12);
    assert_int_equal(number(world_target(vacuum, "more"), "deleted"), ROWS);
    assert_int_equal(json_array_size(json_object_get(world_target(vacuum, "more"), "remarks")), OPS_REMARKS_MAX);
    assert_string_equal(ops_json_text(remark(vacuum, "more", 0), "name", ""), "list-00");
    assert_int_equal(number(json_object_get(json_object_get(vacuum, "error"), "details"), "incomparable"), 12);
    assert_int_equal(rows_left("more"), 12);
    json_decref(dry);
    json_decref(vacuum);
}

static void a_tenant_that_is_a_number_is_the_tenant_of_its_text(void **state)
{
    (void)state;
    put_with("n1", "{\"orgcode\": 1001}");
    put_with("n2", "{\"orgcode\": \"1001\"}");
    put_with("n3", "{\"orgcode\": \"01001\"}");
    json_t *asked = world_do(&world, "ops_vacuumorg", "{'orgcode': '1001'}", "ok");
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, ops_json_text(asked, "vacuum_id", ""));
    assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
    assert_int_equal(number(world_target(vacuum, "more"), "deleted"), 2);
    assert_true(ops_memory_record_exists(world.real.catalogue, OPS_TABLE, "more", "n3", ""));
    json_decref(vacuum);
    json_decref(asked);
}

/* ---- One thing under two names ---- */

static void identify(const char *name, enum ops_target_kind kind, const struct ops_identity *identity)
{
    assert_int_equal(ops_memory_resource_identify(world.real.catalogue, kind, name, identity), OPS_OK);
}

static void two_targets_that_are_one_thing_are_both_refused_and_the_rest_goes(void **state)
{
    (void)state;
    const struct ops_identity one = {.text = "66:12:orders"};
    identify("rows", OPS_TABLE, &one);
    identify("more", OPS_TABLE, &one);
    json_t *dry = dry_run("failed"), *vacuum = vacuum_to_its_end(NULL, "failed");
    assert_string_equal(ops_json_text(world_target(dry, "rows"), "error", ""),
                        "It is the same thing as the table more; the manifest must name it once.");
    assert_string_equal(error_tag(vacuum), "target-error");
    assert_string_equal(ops_json_text(world_target(vacuum, "rows"), "status", ""), "failed");
    assert_string_equal(ops_json_text(world_target(vacuum, "more"), "status", ""), "failed");
    assert_int_equal(rows_left("rows") + rows_left("more"), 2 * ROWS);
    assert_int_equal(world_count(&world, OPS_BUCKET, "objects"), 0);
    json_decref(dry);
    json_decref(vacuum);
}

struct keep_case {
    struct ops_identity identity;
    const char *reason;
};

static const struct keep_case keep_cases[] = {
    {{.text = "1", .own = true}, "it belongs to g3nops itself"},
    {{.text = "1", .alias_count = 1, .aliases = {{OPS_TABLE, "ops_main", ""}}}, "ops_main is where OPS keeps its own records"},
    {{.text = "1", .alias_count = 2, .aliases = {{OPS_TABLE, "x", ""}, {OPS_TABLE, "payroll", ""}}},
     "the manifest lists it as protected"},
    {{.text = "1", .alias_count = 1, .aliases = {{OPS_BUCKET, "doc.g3nretailstack.com", "shop.db"}}},
     "the documentation site is never deleted"},
    {{.text = "1", .alias_count = 1, .aliases = {{OPS_BUCKET, "objects", "g3nmhsadmin/shop.db"}}},
     "names that start with g3nmhsadmin are protected"},
    {{.text = "1", .alias_count = 1, .aliases = {{OPS_BUCKET, "archive", "2020/shop.db"}}}, "kept for seven years"},
};

static void what_is_kept_is_kept_under_every_name(void **state)
{
    for (size_t i = 0; i < COUNT_OF(keep_cases); i++) {
        identify("rows", OPS_TABLE, &keep_cases[i].identity);
        json_t *vacuum = vacuum_to_its_end(NULL, "completed");
        const json_t *rows = world_target(vacuum, "rows");
        assert_string_equal(ops_json_text(rows, "status", ""), "skipped");
        assert_string_equal(ops_json_text(rows, "skipped_reason", ""), keep_cases[i].reason);
        assert_int_equal(rows_left("rows"), ROWS);
        assert_int_equal(rows_left("more"), 0);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* ---- One thing in another ---- */

static void put_object(const char *key)
{
    const struct ops_memory_record record = {.partition = key, .size_bytes = 7};
    assert_int_equal(ops_memory_record_put(world.real.catalogue, OPS_BUCKET, "objects", &record), OPS_OK);
}

static bool has_warning(const json_t *target, const char *text)
{
    size_t i;
    json_t *warning;
    json_array_foreach(json_object_get(target, "warnings"), i, warning)
        if (strstr(json_string_value(warning), text))
            return true;
    return false;
}

/* Whatever is done with the table: one that is vacuumed is so by its records. */
static void the_file_of_a_table_is_protected_in_the_bucket_that_it_lies_in(void **state)
{
    struct ops_identity identity = {
        .text = "66:12:orders", .alias_count = 1, .aliases = {{OPS_BUCKET, "objects", "acme/shop.db"}}};
    for (int skipped = 0; skipped < 2; skipped++) {
        identity.own = skipped;
        identify("rows", OPS_TABLE, &identity);
        put_object("acme/shop.db");
        put_object("acme/shop.db.txt");
        json_t *dry = dry_run("completed"), *vacuum = vacuum_to_its_end(NULL, "completed");
        json_t *reports[] = {dry, vacuum};
        for (size_t k = 0; k < COUNT_OF(reports); k++) {
            const json_t *objects = world_target(reports[k], "objects");
            assert_int_equal(number(objects, "protected"), 1);
            assert_int_equal(number(objects, "matched"), OBJECTS + 1);
            assert_true(has_warning(objects, "acme/shop.db in it is the file of the table "));
        }
        assert_int_equal(world_count(&world, OPS_BUCKET, "objects"), 1);
        assert_int_equal(rows_left("rows"), skipped ? ROWS : 0);
        json_decref(dry);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

struct within_case {
    struct ops_alias alias;
    const char *error;
};

static const struct within_case within_cases[] = {
    {{OPS_BUCKET, "objects", "sub/"},
     "It lies within the bucket objects, as sub/; the manifest must name only one of the two."},
    {{OPS_BUCKET, "objects", ""},
     "The bucket objects is the same directory, or lies within it; the manifest must name only one of the two."},
    {{OPS_BUCKET, "stray", ""},
     "The bucket stray is the same directory, or lies within it; the manifest does not name that, and what it does not name "
     "is "
     "not touched."},
    {{OPS_LOG_GROUP, "/stray", ""},
     "The log group /stray/api is the same directory, or lies within it; the manifest does not name that, and what it does "
     "not "
     "name is not touched."},
    {{OPS_BUCKET, "nowhere", ""}, NULL},
    {{OPS_LOG_GROUP, "/stra", ""}, NULL},
    {{OPS_BUCKET, "SECOND", ""}, NULL},
};

static void a_bucket_in_another_one_or_in_what_nobody_names_is_told_and_left(void **state)
{
    for (size_t i = 0; i < COUNT_OF(within_cases); i++) {
        struct ops_identity identity = {.text = "66:12", .alias_count = 1, .aliases = {within_cases[i].alias}};
        assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_BUCKET, "second", NULL), OPS_OK);
        assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_BUCKET, "stray", NULL), OPS_OK);
        assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_LOG_GROUP, "/stray/api", NULL), OPS_OK);
        identify("second", OPS_BUCKET, &identity);
        json_t *dry = dry_run(within_cases[i].error ? "failed" : "completed");
        const char *error = ops_json_text(world_target(dry, "second"), "error", NULL);
        if (!within_cases[i].error)
            assert_null(error);
        else
            assert_string_equal(error ? error : "none", within_cases[i].error);
        json_decref(dry);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* Between planning and removal another thing takes its place, or it gets a protected name. */
static void what_is_opened_is_what_was_planned(void **state)
{
    static const struct ops_identity planned = {.text = "66:12"};
    static const struct ops_identity others[] = {
        {.text = "66:13"}, {.text = "66:12", .alias_count = 1, .aliases = {{OPS_TABLE, "g3nmhsadmin_x", ""}}}};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char id[OPS_ULID_SIZE];
        int64_t wait_ms;
        identify("rows", OPS_TABLE, &planned);
        world_vacuum_all(&world, id);
        world_pass(&world, 5 * OPS_MINUTE_MS);
        json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
        identify("rows", OPS_TABLE, &others[i]);
        world_settle(&world, OPS_HOUR_MS);
        json_t *vacuum = world_vacuum(&world, id);
        assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
        assert_string_equal(ops_json_text(world_target(vacuum, "rows"), "status", ""), "failed");
        assert_int_equal(rows_left("rows"), ROWS);
        assert_int_equal(rows_left("more"), 0);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static int opened_before_the_swap;

static struct port_fault swap_at_opening(void *context, enum port_call call)
{
    (void)context;
    static const struct ops_identity other = {.text = "66:13"};
    if (call == CALL_CATALOGUE_OPEN && strcmp(world.ports.opening, "rows") == 0 && opened_before_the_swap-- == 0)
        identify("rows", OPS_TABLE, &other);
    return NO_PORT_FAULT;
}

/* However late it comes: also between the look at what it is and its opening. */
static void what_takes_the_place_while_it_is_opened_is_not_touched(void **state)
{
    (void)state;
    static const struct ops_identity planned = {.text = "66:12"};
    char id[OPS_ULID_SIZE];
    identify("rows", OPS_TABLE, &planned);
    opened_before_the_swap = 1; /* by the planning */
    world.ports.on_call = swap_at_opening;
    world_vacuum_all(&world, id);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_true(opened_before_the_swap < 0);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
    assert_string_equal(ops_json_text(world_target(vacuum, "rows"), "status", ""), "failed");
    assert_int_equal(rows_left("rows"), ROWS);
    assert_int_equal(rows_left("more"), 0);
    json_decref(vacuum);
}

/* ---- The plan's hash ---- */

static void a_plan_of_one_store_does_not_fit_another(void **state)
{
    char here[OPS_SHA256_HEX_SIZE];
    json_t *dry = dry_run("completed");
    (void)snprintf(here, sizeof here, "%s", ops_json_text(dry, "plan_sha256", ""));
    assert_string_equal(ops_json_text(json_object_get(dry, "place"), "engine", ""), "memory");
    assert_int_equal(strlen(ops_json_text(json_object_get(dry, "place"), "store_id", "")), OPS_ULID_LENGTH);
    json_decref(dry);
    assert_int_equal(tear_down(state), 0);
    world_init(&world, stack_text);
    world_pass(&world, OPS_SECOND_MS); /* so that its store gets another id */
    fill();
    json_t *vacuum = vacuum_to_its_end(here, "failed");
    assert_string_equal(error_tag(vacuum), "plan-drifted");
    assert_int_equal(rows_left("rows"), ROWS);
    json_decref(vacuum);
}

static void a_target_that_has_gone_needs_the_plan_s_hash(void **state)
{
    (void)state;
    json_t *before = dry_run("completed");
    ops_memory_resource_drop(world.real.catalogue, OPS_TABLE, "rows");
    json_t *vacuum = vacuum_to_its_end(NULL, "failed");
    assert_string_equal(error_tag(vacuum), "plan-drifted");
    const json_t *details = json_object_get(json_object_get(vacuum, "error"), "details");
    assert_string_equal(json_string_value(json_array_get(json_object_get(details, "gone"), 0)), "rows");
    assert_int_equal(rows_left("more"), ROWS);
    json_decref(vacuum);
    vacuum = vacuum_to_its_end(ops_json_text(before, "plan_sha256", ""), "failed");
    assert_string_equal(error_tag(vacuum), "plan-drifted");
    json_decref(vacuum);
    /* However often it is looked at, it stays gone. */
    for (int i = 0; i < 3; i++) {
        json_t *dry = dry_run("completed");
        assert_string_equal(ops_json_text(world_target(dry, "rows"), "gone", ""), "missing");
        assert_int_equal(json_array_size(json_object_get(world_target(dry, "rows"), "warnings")), 1);
        json_decref(dry);
    }
    json_t *dry = dry_run("completed");
    vacuum = vacuum_to_its_end(ops_json_text(dry, "plan_sha256", ""), "completed");
    assert_int_equal(rows_left("more"), 0);
    json_decref(vacuum);
    /* It was reviewed: that is how it is now. */
    json_decref(vacuum_to_its_end(NULL, "completed"));
    json_decref(dry);
    json_decref(before);
}

static void an_empty_target_that_is_another_one_needs_the_plan_s_hash(void **state)
{
    (void)state;
    const struct ops_identity volume = {.text = "66:2", .mark = "2"}, placeholder = {.text = "65:4711", .mark = "4711"};
    identify("objects", OPS_BUCKET, &volume);
    json_t *before = dry_run("completed");
    ops_memory_resource_drop(world.real.catalogue, OPS_BUCKET, "objects");
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_BUCKET, "objects", NULL), OPS_OK);
    identify("objects", OPS_BUCKET, &placeholder);
    json_t *without = vacuum_to_its_end(NULL, "failed");
    json_t *old = vacuum_to_its_end(ops_json_text(before, "plan_sha256", ""), "failed");
    assert_string_equal(error_tag(without), "plan-drifted");
    assert_string_equal(error_tag(old), "plan-drifted");
    assert_int_equal(rows_left("rows"), ROWS);
    json_t *dry = dry_run("completed");
    assert_string_equal(ops_json_text(world_target(dry, "objects"), "gone", ""), "emptied");
    json_decref(vacuum_to_its_end(ops_json_text(dry, "plan_sha256", ""), "completed"));
    json_decref(vacuum_to_its_end(NULL, "completed"));
    json_decref(dry);
    json_decref(old);
    json_decref(without);
    json_decref(before);
}

/* In a messy stack no run is ever completed: what each was done with counts by itself. */
static void what_a_failed_run_was_done_with_is_missed_too(void **state)
{
    (void)state;
    put_with("list", "{\"orgcode\": [\"acme\"]}");
    json_decref(dry_run("failed"));
    assert_true(ops_memory_record_delete(world.real.catalogue, OPS_TABLE, "more", "list", ""));
    ops_memory_resource_drop(world.real.catalogue, OPS_TABLE, "rows");
    json_t *vacuum = vacuum_to_its_end(NULL, "failed");
    assert_string_equal(error_tag(vacuum), "plan-drifted");
    assert_non_null(strstr(ops_json_text(json_object_get(vacuum, "error"), "message", ""), "rows first"));
    assert_int_equal(rows_left("more"), ROWS);
    json_decref(vacuum);
}

static int busy_openings;

static struct port_fault rows_are_busy_at_first(void *context, enum port_call call)
{
    (void)context;
    bool busy = call == CALL_CATALOGUE_OPEN && strcmp(world.ports.opening, "rows") == 0 && busy_openings-- > 0;
    return busy ? (struct port_fault){OPS_THROTTLED, false} : NO_PORT_FAULT;
}

/* That it has gone is seen only at the second look, when the others are done already. */
static void a_target_that_is_found_to_have_gone_later_is_not_passed_over(void **state)
{
    (void)state;
    json_decref(dry_run("completed"));
    ops_memory_resource_drop(world.real.catalogue, OPS_TABLE, "rows");
    busy_openings = 1;
    world.ports.on_call = rows_are_busy_at_first;
    json_t *vacuum = vacuum_to_its_end(NULL, "failed");
    const json_t *rows = world_target(vacuum, "rows");
    assert_string_equal(error_tag(vacuum), "target-error");
    assert_string_equal(ops_json_text(rows, "status", ""), "failed");
    assert_string_equal(ops_json_text(rows, "gone", ""), "missing");
    assert_int_equal(rows_left("more"), 0);
    json_decref(vacuum);
    /* Whoever was told so beforehand gets what they asked for. */
    world.ports.on_call = NULL;
    json_t *dry = dry_run("completed");
    json_decref(vacuum_to_its_end(ops_json_text(dry, "plan_sha256", ""), "completed"));
    json_decref(dry);
}

/* A vacuum empties things, and what it emptied is not gone. */
static void what_a_vacuum_emptied_is_not_taken_for_gone(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        json_decref(vacuum_to_its_end(NULL, "completed"));
}

/* ---- One target in trouble ---- */

static int64_t busy_until_ms;

static struct port_fault rows_are_busy(void *context, enum port_call call)
{
    (void)context;
    bool busy = call == CALL_CATALOGUE_OPEN && strcmp(world.ports.opening, "rows") == 0 && world_now_ms(&world) < busy_until_ms;
    return busy ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static void sweep(struct ops_sweep_result *ret_result)
{
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status ignored = ops_app_sweep(world.app, ret_result, &error);
    (void)ignored;
    ops_error_release(&error);
}

static void a_target_that_can_not_be_opened_holds_up_no_other(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    busy_until_ms = INT64_MAX;
    world.ports.on_call = rows_are_busy;
    world_vacuum_all(&world, id);
    world_run(&world, 5 * OPS_MINUTE_MS + 5 * OPS_SECOND_MS);
    assert_int_equal(rows_left("more"), 0);
    assert_int_equal(world_count(&world, OPS_BUCKET, "objects"), 0);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "running");
    assert_string_equal(ops_json_text(world_target(vacuum, "rows"), "status", ""), "pending");
    assert_string_not_equal(ops_json_text(world_target(vacuum, "rows"), "error", ""), "");
    json_decref(vacuum);
    struct ops_sweep_result result;
    world_pass(&world, OPS_STANDS_STILL_MS);
    sweep(&result);
    assert_non_null(strstr(result.standing, "It waits for rows, which is tried again: "));
    world_run(&world, 2 * OPS_MINUTE_MS);
    vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
    assert_string_equal(error_tag(vacuum), "target-error");
    assert_string_equal(ops_json_text(world_target(vacuum, "rows"), "status", ""), "failed");
    assert_string_equal(ops_json_text(world_target(vacuum, "more"), "status", ""), "completed");
    assert_int_equal(rows_left("rows"), ROWS);
    json_decref(vacuum);
}

static void a_target_that_was_busy_joins_in_when_it_can_be_opened(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    busy_until_ms = world_now_ms(&world) + 5 * OPS_MINUTE_MS + 20 * OPS_SECOND_MS;
    world.ports.on_call = rows_are_busy;
    world_vacuum_all(&world, id);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
    assert_int_equal(number(world_target(vacuum, "rows"), "deleted"), ROWS);
    assert_null(json_object_get(world_target(vacuum, "rows"), "error"));
    json_decref(vacuum);
}

/* ---- What ends a vacuum counts every open page first ---- */

static json_t *run_until_a_page_is_in_hand(char id[static OPS_ULID_SIZE])
{
    int64_t wait_ms;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    size_t all = rows_left("rows") + rows_left("more");
    while (rows_left("rows") + rows_left("more") == all)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    return world_vacuum(&world, id);
}

static void expect_true_counts(const json_t *vacuum)
{
    assert_int_equal(number(world_target(vacuum, "rows"), "deleted"), ROWS - (int)rows_left("rows"));
    assert_int_equal(number(world_target(vacuum, "more"), "deleted"), ROWS - (int)rows_left("more"));
    assert_int_equal(number(world_target(vacuum, "objects"), "deleted"),
                     OBJECTS - (int)world_count(&world, OPS_BUCKET, "objects"));
}

static void a_vacuum_that_runs_out_of_its_time_says_all_that_it_deleted(void **state)
{
    static const bool by_request[] = {false, true};
    for (size_t i = 0; i < COUNT_OF(by_request); i++) {
        char id[OPS_ULID_SIZE], next[OPS_ULID_SIZE];
        json_t *running = run_until_a_page_is_in_hand(id);
        world_crash(&world, 0);
        ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 25 * OPS_HOUR_MS);
        /* Nobody knows that its worker is gone: the page counts as in hand for a minute. */
        for (int early = 1; early >= 0; early--) {
            if (early)
                json_decref(world_do(&world, "ops_vacuumorg", "{'orgcode': 'acme'}", "vacuum-in-progress"));
            else if (by_request[i])
                world_vacuum_all(&world, next);
            else
                json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
            world_pass(&world, OPS_LEASE_MS);
        }
        json_t *vacuum = world_vacuum(&world, id);
        assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
        assert_string_equal(error_tag(vacuum), "mutex-expired");
        assert_true(number(json_object_get(vacuum, "totals"), "deleted") > 0);
        expect_true_counts(vacuum);
        size_t at;
        json_t *target;
        json_array_foreach(json_object_get(vacuum, "targets"), at, target)
            assert_string_not_equal(ops_json_text(target, "status", ""), "running");
        json_decref(vacuum);
        json_decref(running);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static bool any_page_in_hand(const char *id)
{
    char pk[64];
    (void)snprintf(pk, sizeof pk, "VACUUM#%s", id);
    json_t *tasks = world_partition(&world, pk), *task;
    bool any = false;
    size_t i;
    json_array_foreach(tasks, i, task)
        any = any || ops_json_text(task, "receipt", "")[0];
    json_decref(tasks);
    return any;
}

static void run_until_a_task_is_done(char id[static OPS_ULID_SIZE])
{
    int64_t wait_ms;
    json_decref(run_until_a_page_is_in_hand(id));
    while (any_page_in_hand(id))
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
}

static int calls_before; /* of the store, until a worker comes in between; below 0: it has */

static struct port_fault worker_comes_between(void *context, enum port_call call)
{
    (void)context;
    bool store = call == CALL_STORE_GET || call == CALL_STORE_QUERY || call == CALL_STORE_TRANSACT;
    if (!store || calls_before < 0 || calls_before-- > 0)
        return NO_PORT_FAULT;
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 25 * OPS_HOUR_MS);
    for (int i = 0; i < 3; i++) {
        int64_t wait_ms;
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    }
    return NO_PORT_FAULT;
}

/* Not by world_operate, for which the clock stands still while it answers. */
static void ask_for_the_next(void)
{
    struct ops_answer answer;
    json_t *input = json_pack("{s:s, s:s, s:s}", "orgcode", "acme", "actor", "ann", "secret_code", WORLD_SECRET);
    const struct ops_call call = {.operation = ops_operation_by_function(ops_view_of("ops_vacuumorg")), .input = input};
    ops_answer_init(&answer);
    ops_app_answer(world.app, &call, &answer);
    ops_answer_release(&answer);
    json_decref(input);
}

/* Somebody sees that the time is over and is stopped, wherever they are; the clock is set back, and a worker for which the
 * time is not over goes on; then they do. */
static void what_is_removed_while_a_vacuum_is_being_ended_is_counted(void **state)
{
    int completed = 0, expired = 0;
    for (int by_request = 0; by_request <= 1; by_request++) {
        for (int calls = 0, came = true; came; calls++) {
            char id[OPS_ULID_SIZE];
            struct ops_sweep_result result;
            run_until_a_task_is_done(id);
            ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 25 * OPS_HOUR_MS);
            calls_before = calls;
            world.ports.on_call = worker_comes_between;
            if (by_request)
                ask_for_the_next();
            else
                sweep(&result);
            came = calls_before < 0;
            world.ports.on_call = NULL;
            world_run(&world, 2 * OPS_MINUTE_MS); /* not until the next one starts */
            json_t *vacuum = world_vacuum(&world, id);
            bool is_completed = strcmp(ops_json_text(vacuum, "status", ""), "completed") == 0;
            if (!is_completed)
                assert_string_equal(error_tag(vacuum), "mutex-expired");
            expect_true_counts(vacuum);
            completed += is_completed;
            expired += !is_completed;
            json_decref(vacuum);
            assert_int_equal(tear_down(state), 0);
            assert_int_equal(set_up(state), 0);
        }
    }
    assert_true(completed > 2);
    assert_true(expired > 8);
}

static bool removal_was_met;

/* The clock is wrong for a moment, and somebody sweeps by it. */
static struct port_fault time_is_over_during_a_removal(void *context, enum port_call call)
{
    (void)context;
    struct ops_sweep_result result;
    if (call != CALL_TARGET_REMOVE || removal_was_met)
        return NO_PORT_FAULT;
    removal_was_met = true;
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 25 * OPS_HOUR_MS);
    sweep(&result);
    assert_int_equal(result.vacuums_failed, 0);
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 25 * OPS_HOUR_MS);
    return NO_PORT_FAULT;
}

static void a_removal_that_is_under_way_when_the_time_is_over_is_waited_for(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct ops_sweep_result result;
    removal_was_met = false;
    world.ports.on_call = time_is_over_during_a_removal;
    json_decref(run_until_a_page_is_in_hand(id));
    assert_true(removal_was_met);
    size_t left = rows_left("rows") + rows_left("more") + world_count(&world, OPS_BUCKET, "objects");
    for (int second = 0; second < 59; second++) {
        int64_t wait_ms;
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
        world_pass(&world, OPS_SECOND_MS);
        sweep(&result);
        assert_int_equal(result.vacuums_failed, 0);
    }
    json_t *refused = world_operate(&world, "ops_vacuumorg", "{'orgcode': 'acme'}");
    assert_string_equal(world_tag(refused), "vacuum-in-progress");
    char *text = json_dumps(refused, 0);
    assert_non_null(strstr(text, "has run out of its time and is not ended yet"));
    free(text);
    json_decref(refused);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "running");
    json_decref(vacuum);
    world_pass(&world, OPS_SECOND_MS);
    sweep(&result);
    assert_int_equal(result.vacuums_failed, 1);
    vacuum = world_vacuum(&world, id);
    assert_string_equal(error_tag(vacuum), "mutex-expired");
    assert_int_equal(rows_left("rows") + rows_left("more") + world_count(&world, OPS_BUCKET, "objects"), left);
    expect_true_counts(vacuum);
    json_decref(vacuum);
}

static int transactions_before_the_end;

static struct port_fault process_dies(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_STORE_TRANSACT && transactions_before_the_end-- <= 0
               ? (struct port_fault){OPS_STORE_UNAVAILABLE, false}
               : NO_PORT_FAULT;
}

/* Who has closed it dies before it is ended, and for all others its time is not over: they end it, and nobody works for it.
 */
static void a_vacuum_that_was_closed_is_ended_by_anybody_whatever_their_clock_says(void **state)
{
    for (int by_request = 0; by_request <= 1; by_request++) {
        char id[OPS_ULID_SIZE], next[OPS_ULID_SIZE];
        struct ops_sweep_result result;
        run_until_a_task_is_done(id);
        size_t left = rows_left("rows") + rows_left("more") + world_count(&world, OPS_BUCKET, "objects");
        ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 25 * OPS_HOUR_MS);
        transactions_before_the_end = 1;
        world.ports.on_call = process_dies;
        sweep(&result);
        assert_int_equal(result.vacuums_failed, 0);
        world.ports.on_call = NULL;
        ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 25 * OPS_HOUR_MS);
        for (int i = 0; i < 10; i++) {
            int64_t wait_ms;
            assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
            world_pass(&world, OPS_SECOND_MS);
        }
        if (by_request)
            world_vacuum_all(&world, next);
        else
            sweep(&result);
        json_t *vacuum = world_vacuum(&world, id);
        assert_string_equal(error_tag(vacuum), "mutex-expired");
        assert_int_equal(rows_left("rows") + rows_left("more") + world_count(&world, OPS_BUCKET, "objects"), left);
        expect_true_counts(vacuum);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static struct port_fault nothing_can_be_opened(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_CATALOGUE_OPEN ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

/* Until the target answers, the old vacuum is not ended and the next one is told so; after a quarter of an hour the page is told
 * to be unknown. */
static void a_page_that_can_not_be_counted_is_waited_for_and_then_told(void **state)
{
    static const int64_t away_ms[] = {10 * OPS_MINUTE_MS, 20 * OPS_MINUTE_MS};
    for (size_t i = 0; i < COUNT_OF(away_ms); i++) {
        char id[OPS_ULID_SIZE];
        json_t *running = run_until_a_page_is_in_hand(id);
        int gone = 2 * ROWS + OBJECTS - (int)(rows_left("rows") + rows_left("more") + world_count(&world, OPS_BUCKET, "objects"));
        world_crash(&world, 0);
        ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 25 * OPS_HOUR_MS);
        world.ports.on_call = nothing_can_be_opened;
        json_t *refused = world_operate(&world, "ops_vacuumorg", "{'orgcode': 'acme'}");
        assert_string_equal(world_tag(refused), "vacuum-in-progress");
        assert_string_equal(ops_json_text(world_details(refused), "vacuum_id", ""), id);
        json_decref(refused);
        world_run(&world, away_ms[i]);
        world.ports.on_call = NULL;
        world_run(&world, 5 * OPS_SECOND_MS);
        json_t *vacuum = world_vacuum(&world, id);
        assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
        bool told = number(json_object_get(vacuum, "totals"), "unreadable") > 0;
        assert_int_equal(told, away_ms[i] > 15 * OPS_MINUTE_MS);
        if (told)
            assert_true(number(json_object_get(vacuum, "totals"), "deleted") <= gone);
        else
            expect_true_counts(vacuum);
        json_decref(vacuum);
        json_decref(running);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* So that two tasks have a page in hand, and both their workers are gone. */
static json_t *run_until_two_pages_are_in_hand(char id[static OPS_ULID_SIZE])
{
    int64_t wait_ms;
    json_t *running = run_until_a_page_is_in_hand(id);
    size_t left = rows_left("rows") + rows_left("more") + world_count(&world, OPS_BUCKET, "objects");
    world_crash(&world, 0);
    while (rows_left("rows") + rows_left("more") + world_count(&world, OPS_BUCKET, "objects") == left)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    world_crash(&world, 0);
    return running;
}

static char silent[32]; /* what can't be opened for now */
static int others_fail; /* so often the others can't be opened either */

static struct port_fault one_is_silent(void *context, enum port_call call)
{
    (void)context;
    const struct port_fault fault = {OPS_STORE_UNAVAILABLE, false};
    if (call != CALL_CATALOGUE_OPEN)
        return NO_PORT_FAULT;
    if (!silent[0])
        (void)snprintf(silent, sizeof silent, "%s", world.ports.opening);
    if (strcmp(silent, world.ports.opening) == 0)
        return fault;
    return others_fail-- > 0 ? fault : NO_PORT_FAULT;
}

/* That one does not answer for long takes nobody else's time to answer. */
static void a_page_is_told_as_unknown_only_when_its_own_target_is_silent(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    json_t *running = run_until_two_pages_are_in_hand(id);
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 25 * OPS_HOUR_MS);
    silent[0] = '\0';
    others_fail = 1;
    world.ports.on_call = one_is_silent;
    world_run(&world, 20 * OPS_MINUTE_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
    assert_int_equal(number(json_object_get(vacuum, "totals"), "unreadable"), 1);
    static const char *const tables[] = {"rows", "more"};
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (strcmp(tables[i], silent) != 0)
            assert_int_equal(number(world_target(vacuum, tables[i]), "deleted"), ROWS - (int)rows_left(tables[i]));
    if (strcmp(silent, "objects") != 0)
        assert_int_equal(number(world_target(vacuum, "objects"), "deleted"),
                         OBJECTS - (int)world_count(&world, OPS_BUCKET, "objects"));
    assert_int_equal(number(world_target(vacuum, silent), "unreadable"), 1);
    json_decref(vacuum);
    json_decref(running);
}

static int transactions_fail;

static struct port_fault some_transactions_fail(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_STORE_TRANSACT && transactions_fail-- > 0 ? (struct port_fault){OPS_STORE_UNAVAILABLE, false}
                                                                  : NO_PORT_FAULT;
}

/* For how long trouble has lasted the wall clock does not know. */
static void a_clock_that_goes_ahead_takes_no_patience_from_planning(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    transactions_fail = 2;
    world.ports.on_call = some_transactions_fail;
    assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_STORE_UNAVAILABLE);
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 12 * OPS_HOUR_MS);
    world_pass(&world, wait_ms);
    assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_STORE_UNAVAILABLE);
    assert_int_equal(transactions_fail, 0);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
    json_decref(vacuum);
}

static struct port_fault recount_fails_for_a_while(void *context, enum port_call call)
{
    (void)context;
    if (call == CALL_TARGET_REMOVE)
        return (struct port_fault){OPS_TARGET_ERROR, true};
    bool away = call == CALL_TARGET_RECOUNT && world_now_ms(&world) < busy_until_ms;
    return away ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

/* A removal fails for good after half of it has happened, and the target can't say how much just then. */
static void a_target_that_breaks_off_says_all_that_it_deleted(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    busy_until_ms = world_now_ms(&world) + 6 * OPS_MINUTE_MS;
    world.ports.on_call = recount_fails_for_a_while;
    world_vacuum_all(&world, id);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
    assert_string_equal(error_tag(vacuum), "target-error");
    assert_true(number(json_object_get(vacuum, "totals"), "deleted") > 0);
    assert_null(json_object_get(json_object_get(vacuum, "totals"), "unreadable"));
    expect_true_counts(vacuum);
    assert_int_equal(number(world_target(vacuum, "rows"), "matched"),
                     number(world_target(vacuum, "rows"), "deleted") + number(world_target(vacuum, "rows"), "failed"));
    json_decref(vacuum);
}

/* ---- What stands still ---- */

static struct port_fault store_takes_no_task(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_STORE_TRANSACT ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static void a_vacuum_that_stands_still_says_so_and_why(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct ops_sweep_result result;
    json_t *running = run_until_a_page_is_in_hand(id);
    sweep(&result);
    assert_string_equal(result.standing, "");
    world.ports.on_call = store_takes_no_task;
    for (int i = 0; i < 90; i++) {
        int64_t wait_ms;
        struct ops_error error = OPS_ERROR_INIT;
        enum ops_status ignored = ops_worker_step(world.workers[0], &wait_ms, &error);
        (void)ignored;
        ops_error_release(&error);
        world_pass(&world, OPS_SECOND_MS);
        sweep(&result);
    }
    assert_non_null(strstr(result.standing, id));
    json_t *vacuum = world_vacuum(&world, id);
    assert_in_range(number(json_object_get(vacuum, "standing_still"), "seconds"), 60, 120);
    assert_string_not_equal(ops_json_text(json_object_get(vacuum, "standing_still"), "reason", ""), "");
    json_decref(vacuum);
    world.ports.on_call = NULL;
    world_run(&world, OPS_SECOND_MS);
    sweep(&result);
    assert_string_equal(result.standing, "");
    world_settle(&world, OPS_HOUR_MS);
    vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
    assert_null(json_object_get(vacuum, "standing_still"));
    json_decref(vacuum);
    json_decref(running);
}

static void a_pending_vacuum_that_waits_for_a_clock_that_went_back_says_so(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct ops_sweep_result result;
    world_vacuum_all(&world, id);
    sweep(&result);
    assert_string_equal(result.standing, "");
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 3 * OPS_HOUR_MS);
    sweep(&result);
    assert_non_null(strstr(result.standing, "The clock was set back"));
    json_t *vacuum = world_vacuum(&world, id);
    assert_int_equal(number(json_object_get(vacuum, "standing_still"), "seconds"), 3 * 3600);
    json_decref(vacuum);
    char payload[64];
    (void)snprintf(payload, sizeof payload, "{'vacuum_id': '%s'}", id);
    json_decref(world_do(&world, "ops_vacuumcancel", payload, "ok"));
}

/* ---- Reasons ---- */

static enum ops_removal refuse_all(void *context, const char *target, const struct ops_key *key)
{
    (void)context;
    (void)key;
    return strcmp(target, "rows") == 0 ? OPS_FAILED : OPS_REMOVED;
}

static void refused_records_are_named_the_first_ten_of_each_target(void **state)
{
    (void)state;
    world.ports.on_removal = refuse_all;
    json_t *vacuum = vacuum_to_its_end(NULL, "failed");
    const json_t *remarks = json_object_get(world_target(vacuum, "rows"), "remarks");
    assert_int_equal(number(world_target(vacuum, "rows"), "failed"), ROWS);
    assert_int_equal(json_array_size(remarks), OPS_REMARKS_MAX);
    assert_string_equal(ops_json_text(remark(vacuum, "rows", 0), "what", ""), "refused");
    assert_string_equal(ops_json_text(remark(vacuum, "rows", 0), "name", ""), "row-acme-00000");
    assert_string_equal(ops_json_text(remark(vacuum, "rows", 9), "name", ""), "row-acme-00009");
    assert_string_equal(ops_json_text(remark(vacuum, "rows", 9), "reason", ""), "It is kept by a rule of the test.");
    assert_null(json_object_get(world_target(vacuum, "more"), "remarks"));
    /* Keys can be personal: the audit trail has none. */
    json_t *trail = world_partition(&world, "AUDIT");
    char *text = json_dumps(trail, 0);
    assert_null(strstr(text, "row-acme"));
    free(text);
    json_decref(trail);
    json_decref(vacuum);
}

/* ---- Which vacuum ---- */

static void status_without_an_id_is_the_one_that_can_still_be_stopped(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    for (int i = 0; i < 3; i++) {
        world_pass(&world, OPS_SECOND_MS);
        json_decref(dry_run("completed"));
    }
    json_t *current = world_do(&world, "ops_vacuumstatus", "{}", "ok");
    assert_string_equal(ops_json_text(current, "vacuum_id", ""), id);
    json_decref(current);
    world_settle(&world, OPS_HOUR_MS);
    json_t *last = dry_run("completed");
    current = world_do(&world, "ops_vacuumstatus", "{}", "ok");
    assert_string_equal(ops_json_text(current, "vacuum_id", ""), ops_json_text(last, "vacuum_id", "?"));
    json_decref(current);
    json_decref(last);
}

static void the_latest_is_the_one_that_the_store_took_last_whatever_the_clock_says(void **state)
{
    (void)state;
    json_decref(dry_run("completed"));
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 366 * 24 * OPS_HOUR_MS);
    json_t *last = dry_run("completed"), *current = world_do(&world, "ops_vacuumstatus", "{}", "ok");
    assert_string_equal(ops_json_text(current, "vacuum_id", ""), ops_json_text(last, "vacuum_id", "?"));
    json_decref(current);
    json_decref(last);
}

static json_t *list(const char *payload)
{
    return world_do(&world, "ops_vacuumlist", payload, "ok");
}

static void the_list_has_the_open_one_first_then_the_others_newest_first(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE], payload[256];
    json_decref(vacuum_to_its_end(NULL, "completed"));
    world_vacuum_all(&world, id);
    for (int i = 0; i < 5; i++)
        json_decref(dry_run("completed"));
    json_int_t expected[] = {2, 7, 6, 5, 4, 3, 1};
    size_t at = 0;
    json_t *page = list("{'limit': 2}");
    for (;;) {
        const json_t *items = json_object_get(page, "items");
        assert_in_range(json_array_size(items), 1, 2);
        for (size_t i = 0; i < json_array_size(items); i++) {
            assert_true(at < COUNT_OF(expected));
            assert_int_equal(ops_json_integer(json_array_get(items, i), "sequence", 0), expected[at++]);
            assert_null(json_object_get(json_array_get(items, i), "targets"));
            assert_null(json_object_get(json_array_get(items, i), "work"));
        }
        const char *token = ops_json_text(page, "next_token", NULL);
        if (!token)
            break;
        (void)snprintf(payload, sizeof payload, "{'limit': 2, 'next_token': '%s'}", token);
        json_decref(page);
        page = list(payload);
    }
    assert_int_equal(at, COUNT_OF(expected));
    json_decref(page);
    static const struct {
        const char *payload;
        size_t count;
    } filters[] = {{"{'status': 'open'}", 1}, {"{'status': 'pending'}", 1}, {"{'status': 'completed'}", 6},
                   {"{'status': 'failed'}", 0}, {"{'limit': 0}", 1}};
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        page = list(filters[i].payload);
        assert_int_equal(json_array_size(json_object_get(page, "items")), filters[i].count);
        json_decref(page);
    }
    json_decref(world_do(&world, "ops_vacuumlist", "{'next_token': 'YWxsOjE'}", "invalid-field"));
    json_decref(world_do(&world, "ops_vacuumlist", "{'status': 'vanished'}", "invalid-field"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_place_that_can_not_be_looked_into_is_named_and_the_rest_goes),
        CASE(records_that_can_not_be_compared_are_never_completed_in_silence),
        CASE(a_tenant_that_is_a_number_is_the_tenant_of_its_text),
        CASE(two_targets_that_are_one_thing_are_both_refused_and_the_rest_goes),
        CASE(what_is_kept_is_kept_under_every_name),
        CASE(the_file_of_a_table_is_protected_in_the_bucket_that_it_lies_in),
        CASE(a_bucket_in_another_one_or_in_what_nobody_names_is_told_and_left),
        CASE(what_is_opened_is_what_was_planned),
        CASE(what_takes_the_place_while_it_is_opened_is_not_touched),
        CASE(a_plan_of_one_store_does_not_fit_another),
        CASE(a_target_that_has_gone_needs_the_plan_s_hash),
        CASE(an_empty_target_that_is_another_one_needs_the_plan_s_hash),
        CASE(what_a_failed_run_was_done_with_is_missed_too),
        CASE(a_target_that_is_found_to_have_gone_later_is_not_passed_over),
        CASE(what_a_vacuum_emptied_is_not_taken_for_gone),
        CASE(a_target_that_can_not_be_opened_holds_up_no_other),
        CASE(a_target_that_was_busy_joins_in_when_it_can_be_opened),
        CASE(a_vacuum_that_runs_out_of_its_time_says_all_that_it_deleted),
        CASE(what_is_removed_while_a_vacuum_is_being_ended_is_counted),
        CASE(a_removal_that_is_under_way_when_the_time_is_over_is_waited_for),
        CASE(a_vacuum_that_was_closed_is_ended_by_anybody_whatever_their_clock_says),
        CASE(a_page_that_can_not_be_counted_is_waited_for_and_then_told),
        CASE(a_page_is_told_as_unknown_only_when_its_own_target_is_silent),
        CASE(a_clock_that_goes_ahead_takes_no_patience_from_planning),
        CASE(a_target_that_breaks_off_says_all_that_it_deleted),
        CASE(a_vacuum_that_stands_still_says_so_and_why),
        CASE(a_pending_vacuum_that_waits_for_a_clock_that_went_back_says_so),
        CASE(refused_records_are_named_the_first_ten_of_each_target),
        CASE(status_without_an_id_is_the_one_that_can_still_be_stopped),
        CASE(the_latest_is_the_one_that_the_store_took_last_whatever_the_clock_says),
        CASE(the_list_has_the_open_one_first_then_the_others_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
