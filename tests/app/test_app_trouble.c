/* Vacuums over a stack that does not work: targets that fail, throttle or go away, workers that die, records that arrive. */
#include "support/world.h"

#include "adapters/memory/catalogue.h"
#include "adapters/memory/clock.h"
#include "app/keys.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/retry.h"
#include "core/task.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* One table of 20 records in pages of 6 and batches of 2, two of them protected; one bucket of 4 objects of 10 bytes. */
static const char stack_text[] =
    "{'stack': 's', 'services': [{'code': 'pvm',"
    " 'tables': [{'name': 'rows', 'org': {'by': 'attribute', 'name': 'orgcode'}}],"
    " 'buckets': [{'name': 'objects', 'org': {'by': 'key_prefix', 'pattern': '{orgcode}/'}}]}]}";

enum { ROWS = 20, PROTECTED = 2, OBJECTS = 4 };

static struct world world;

static void put_object(int number)
{
    char key[32];
    (void)snprintf(key, sizeof key, "acme/%03d", number);
    const struct ops_memory_record record = {.partition = key, .size_bytes = 10};
    assert_int_equal(ops_memory_record_put(world.real.catalogue, OPS_BUCKET, "objects", &record), OPS_OK);
}

static int set_up(void **state)
{
    (void)state;
    const struct ops_memory_limits limits = {1, 6, 2};
    world_init(&world, stack_text);
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_TABLE, "rows", &limits), OPS_OK);
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_BUCKET, "objects", &limits), OPS_OK);
    world_add_rows(&world, "rows", "acme", 0, ROWS);
    for (int i = 0; i < PROTECTED; i++) {
        const struct ops_memory_record record = {.partition = i ? "g3nmhsadmin#2" : "g3nmhsadmin#1", .orgcode = "acme"};
        assert_int_equal(ops_memory_record_put(world.real.catalogue, OPS_TABLE, "rows", &record), OPS_OK);
    }
    for (int i = 0; i < OBJECTS; i++)
        put_object(i);
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
    return (int)ops_json_integer(target, name, -1);
}

static json_t *vacuum_until(const char *status)
{
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    world_settle(&world, 3 * OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    if (strcmp(ops_json_text(vacuum, "status", ""), status) != 0) {
        char *text = json_dumps(vacuum, 0);
        fail_msg("%s", text);
    }
    return vacuum;
}

static void expect_target(const json_t *vacuum, const char *name, const char *status, int matched, int deleted, int failed)
{
    const json_t *target = world_target(vacuum, name);
    if (strcmp(ops_json_text(target, "status", ""), status) != 0 || number(target, "matched") != matched ||
        number(target, "deleted") != deleted || number(target, "failed") != failed)
        fail_msg("%s: %s, %d matched, %d deleted, %d failed", name, ops_json_text(target, "status", ""),
                 number(target, "matched"), number(target, "deleted"), number(target, "failed"));
}

static void expect_clean(const json_t *vacuum)
{
    expect_target(vacuum, "rows", "completed", ROWS, ROWS, 0);
    expect_target(vacuum, "objects", "completed", OBJECTS, OBJECTS, 0);
    assert_int_equal(number(world_target(vacuum, "rows"), "protected"), PROTECTED);
    assert_int_equal(number(world_target(vacuum, "objects"), "bytes"), 10 * OBJECTS);
    assert_int_equal(world_count(&world, OPS_TABLE, "rows"), PROTECTED);
    assert_int_equal(world_count(&world, OPS_BUCKET, "objects"), 0);
}

/* ---- Outcomes of single keys ---- */

static int tries;

static bool is_row(const struct ops_key *key, int row)
{
    char text[32];
    (void)snprintf(text, sizeof text, "row-acme-%05d", row);
    return ops_view_is(key->guarded, text);
}

static enum ops_removal refuse_two(void *context, const char *target, const struct ops_key *key)
{
    (void)context;
    (void)target;
    return is_row(key, 3) || is_row(key, 13) ? OPS_FAILED : OPS_REMOVED;
}

static void records_that_are_refused_are_the_exact_remainder_and_the_rest_goes(void **state)
{
    (void)state;
    world.ports.on_removal = refuse_two;
    json_t *vacuum = vacuum_until("failed");
    expect_target(vacuum, "rows", "failed", ROWS, ROWS - 2, 2);
    expect_target(vacuum, "objects", "completed", OBJECTS, OBJECTS, 0);
    assert_int_equal(world_count(&world, OPS_TABLE, "rows"), PROTECTED + 2);
    assert_int_equal(number(world_target(vacuum, "rows"), "protected"), PROTECTED);
    const json_t *error = json_object_get(vacuum, "error");
    assert_string_equal(ops_json_text(error, "tag", ""), "records-remain");
    assert_int_equal(number(json_object_get(error, "details"), "records"), 2);
    assert_string_equal(ops_json_text(json_object_get(error, "details"), "first_target", ""), "rows");
    assert_string_equal(ops_json_text(error, "message", ""),
                        "In 1 of the targets 2 records could not be deleted; first in rows: It is kept by a rule of the test.");
    assert_string_equal(ops_json_text(world_target(vacuum, "rows"), "error", ""), "It is kept by a rule of the test.");
    assert_string_equal(ops_json_text(world_target(vacuum, "objects"), "error", ""), "");
    json_decref(vacuum);
}

static enum ops_removal retry_row_three(void *context, const char *target, const struct ops_key *key)
{
    int *left = context;
    (void)target;
    if (!is_row(key, 3))
        return OPS_REMOVED;
    tries++;
    return (*left)-- > 0 ? OPS_RETRY : OPS_REMOVED;
}

static void what_is_not_taken_is_tried_seven_times_in_a_pass(void **state)
{
    (void)state;
    int left = OPS_RETRY_ATTEMPTS_MAX - 1;
    tries = 0;
    world.ports.on_removal = retry_row_three;
    world.ports.removal_context = &left;
    json_t *vacuum = vacuum_until("completed");
    assert_int_equal(tries, OPS_RETRY_ATTEMPTS_MAX);
    expect_clean(vacuum);
    json_decref(vacuum);
}

static void what_is_never_taken_is_given_up_after_seven_tries_in_each_pass_and_counted_as_failed(void **state)
{
    (void)state;
    int left = 1000000;
    tries = 0;
    world.ports.on_removal = retry_row_three;
    world.ports.removal_context = &left;
    json_t *vacuum = vacuum_until("failed");
    assert_int_equal(tries, 2 * OPS_RETRY_ATTEMPTS_MAX); /* the second pass makes no progress and is the last */
    expect_target(vacuum, "rows", "failed", ROWS, ROWS - 1, 1);
    json_decref(vacuum);
}

static enum ops_removal refuse_an_object_once(void *context, const char *target, const struct ops_key *key)
{
    int *left = context;
    (void)target;
    return ops_view_is(key->guarded, "acme/002") && (*left)-- > 0 ? OPS_FAILED : OPS_REMOVED;
}

static void bytes_of_an_object_that_takes_two_passes_are_counted_once(void **state)
{
    (void)state;
    int left = 1;
    world.ports.on_removal = refuse_an_object_once;
    world.ports.removal_context = &left;
    json_t *vacuum = vacuum_until("completed");
    expect_clean(vacuum);
    json_decref(vacuum);
}

/* ---- Statuses of whole calls ---- */

struct trouble {
    enum port_call call;
    enum ops_status status;
    bool after;
    int times; /* how often; -1: always */
    int skip;  /* calls that go through before */
};

static struct port_fault make_trouble(void *context, enum port_call call)
{
    struct trouble *trouble = context;
    if (call != trouble->call)
        return NO_PORT_FAULT;
    if (trouble->skip > 0) {
        trouble->skip--;
        return NO_PORT_FAULT;
    }
    if (trouble->times == 0)
        return NO_PORT_FAULT;
    if (trouble->times > 0)
        trouble->times--;
    return (struct port_fault){trouble->status, trouble->after};
}

static void let(struct trouble *trouble)
{
    world.ports.on_call = make_trouble;
    world.ports.call_context = trouble;
}

static const struct trouble passing_troubles[] = {
    {CALL_TARGET_REMOVE, OPS_THROTTLED, false, 5, 0},
    {CALL_TARGET_REMOVE, OPS_STORE_UNAVAILABLE, false, 3, 1},
    {CALL_TARGET_REMOVE, OPS_UNKNOWN, false, 3, 2},
    {CALL_TARGET_REMOVE, OPS_UNKNOWN, true, 3, 0},
    {CALL_TARGET_REMOVE, OPS_UNKNOWN, true, 1, 5},
    {CALL_TARGET_REMOVE, OPS_NO_MEMORY, false, 3, 0},
    {CALL_TARGET_PAGE, OPS_THROTTLED, false, 6, 0},
    {CALL_TARGET_PAGE, OPS_STORE_UNAVAILABLE, false, 6, 2},
    {CALL_TARGET_RECOUNT, OPS_THROTTLED, false, 6, 0},
    {CALL_CATALOGUE_OPEN, OPS_THROTTLED, false, 3, 0},
    {CALL_CATALOGUE_OPEN, OPS_STORE_UNAVAILABLE, false, 6, 3},
    {CALL_CATALOGUE_LIST, OPS_THROTTLED, false, 5, 0},
    {CALL_CATALOGUE_LIST, OPS_STORE_UNAVAILABLE, false, 5, 0},
    {CALL_STORE_TRANSACT, OPS_STORE_UNAVAILABLE, false, 5, 4},
    {CALL_STORE_TRANSACT, OPS_CONFLICT, false, 2, 6},
    {CALL_STORE_TRANSACT, OPS_UNKNOWN, true, 2, 6},
    {CALL_STORE_TRANSACT, OPS_UNKNOWN, false, 2, 6},
    {CALL_STORE_QUERY, OPS_THROTTLED, false, 3, 5},
    {CALL_STORE_GET, OPS_STORE_UNAVAILABLE, false, 3, 15},
};

static void trouble_that_passes_leaves_true_counts_and_nothing_behind(void **state)
{
    for (size_t i = 0; i < COUNT_OF(passing_troubles); i++) {
        struct trouble trouble = passing_troubles[i];
        char id[OPS_ULID_SIZE];
        world_vacuum_all(&world, id);
        let(&trouble);
        world_settle(&world, 3 * OPS_HOUR_MS);
        world.ports.on_call = NULL;
        json_t *vacuum = world_vacuum(&world, id);
        if (strcmp(ops_json_text(vacuum, "status", ""), "completed") != 0 ||
            number(world_target(vacuum, "rows"), "deleted") != ROWS ||
            number(world_target(vacuum, "rows"), "matched") != ROWS) {
            char *text = json_dumps(vacuum, 0);
            fail_msg("%s answers %s: %s", port_call_name(passing_troubles[i].call),
                     ops_status_tag(passing_troubles[i].status), text);
        }
        expect_clean(vacuum);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* matched = deleted + failed, and what is counted as deleted is what is gone. */
static void expect_truth(const json_t *vacuum, const char *about)
{
    int gone_rows = ROWS + PROTECTED - (int)world_count(&world, OPS_TABLE, "rows");
    int gone_objects = OBJECTS - (int)world_count(&world, OPS_BUCKET, "objects");
    const json_t *rows = world_target(vacuum, "rows"), *objects = world_target(vacuum, "objects");
    if (number(rows, "deleted") != gone_rows || number(objects, "deleted") != gone_objects ||
        number(rows, "matched") != number(rows, "deleted") + number(rows, "failed") ||
        number(objects, "matched") != number(objects, "deleted") + number(objects, "failed")) {
        char *text = json_dumps(json_object_get(vacuum, "targets"), 0);
        fail_msg("%s: %d rows and %d objects are gone: %s", about, gone_rows, gone_objects, text);
    }
}

static const struct trouble lasting_troubles[] = {
    {CALL_TARGET_REMOVE, OPS_TARGET_ERROR, false, -1, 0},
    {CALL_TARGET_REMOVE, OPS_TARGET_ERROR, false, 1, 1},
    {CALL_TARGET_REMOVE, OPS_TARGET_ERROR, false, 1, 4},
    {CALL_TARGET_REMOVE, OPS_TARGET_ERROR, true, 1, 4},
    {CALL_TARGET_REMOVE, OPS_IO_ERROR, false, -1, 4},
    {CALL_TARGET_REMOVE, OPS_THROTTLED, false, -1, 4},
    {CALL_TARGET_REMOVE, OPS_UNKNOWN, true, -1, 0},
    {CALL_TARGET_PAGE, OPS_TARGET_ERROR, false, 1, 1},
    {CALL_TARGET_PAGE, OPS_THROTTLED, false, -1, 1},
    {CALL_CATALOGUE_OPEN, OPS_TARGET_ERROR, false, -1, 0},
    {CALL_CATALOGUE_OPEN, OPS_THROTTLED, false, -1, 2},
};

static void trouble_that_lasts_ends_as_failed_with_counts_that_are_true(void **state)
{
    for (size_t i = 0; i < COUNT_OF(lasting_troubles); i++) {
        struct trouble trouble = lasting_troubles[i];
        char id[OPS_ULID_SIZE], about[128];
        world_vacuum_all(&world, id);
        let(&trouble);
        world_settle(&world, 3 * OPS_HOUR_MS);
        world.ports.on_call = NULL;
        (void)snprintf(about, sizeof about, "%s answers %s after %d", port_call_name(trouble.call),
                       ops_status_tag(trouble.status), lasting_troubles[i].skip);
        json_t *vacuum = world_vacuum(&world, id);
        if (strcmp(ops_json_text(vacuum, "status", ""), "failed") != 0)
            fail_msg("%s: %s", about, ops_json_text(vacuum, "status", ""));
        expect_truth(vacuum, about);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* What can't be listed is not in scope, only unknown: it is told, and the targets go on. */
static void a_kind_that_can_not_be_listed_is_told_and_holds_up_nothing(void **state)
{
    (void)state;
    static const enum ops_status statuses[] = {OPS_TARGET_ERROR, OPS_THROTTLED, OPS_STORE_UNAVAILABLE};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct trouble trouble = {CALL_CATALOGUE_LIST, statuses[i], false, -1, 0};
        let(&trouble);
        json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
        assert_string_equal(ops_json_text(dry, "status", ""), "completed");
        const json_t *unlisted = json_object_get(dry, "unlisted");
        assert_int_equal(json_array_size(unlisted), OPS_TARGET_KIND_COUNT);
        assert_string_equal(ops_json_text(json_array_get(unlisted, 0), "kind", ""), "table");
        assert_string_equal(ops_json_text(json_array_get(unlisted, 0), "reason", ""), ops_status_sentence(statuses[i]));
        json_decref(dry);
        json_t *vacuum = vacuum_until("completed");
        assert_int_equal(json_array_size(json_object_get(vacuum, "unlisted")), OPS_TARGET_KIND_COUNT);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static struct port_fault catalogue_is_away(void *context, enum port_call call)
{
    const int64_t *until_ms = context;
    bool away = call == CALL_CATALOGUE_OPEN && world_now_ms(&world) < *until_ms;
    return away ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

/* A vacuum that can't be planned for the time being goes on when it can; one that can't for long ends and says why. */
static void a_plan_is_waited_for_but_not_for_ever(void **state)
{
    (void)state;
    static const struct {
        int64_t away_ms;
        const char *status;
    } cases[] = {{OPS_MINUTE_MS, "completed"}, {OPS_HOUR_MS, "failed"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[OPS_ULID_SIZE];
        world_vacuum_all(&world, id);
        int64_t until_ms = world_now_ms(&world) + 5 * OPS_MINUTE_MS + cases[i].away_ms;
        world.ports.on_call = catalogue_is_away;
        world.ports.call_context = &until_ms;
        world_settle(&world, 2 * OPS_HOUR_MS);
        json_t *vacuum = world_vacuum(&world, id);
        assert_string_equal(ops_json_text(vacuum, "status", ""), cases[i].status);
        if (strcmp(cases[i].status, "failed") == 0)
            assert_string_equal(ops_json_text(json_object_get(vacuum, "error"), "tag", ""), "target-error");
        json_decref(vacuum);
        world.ports.on_call = NULL;
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* ---- Targets that go away ---- */

static int pages_before_the_drop, batches_before_the_drop, removed_before_the_drop;

static struct port_fault rows_go_before_they_are_read(void *context, enum port_call call)
{
    (void)context;
    if (call == CALL_TARGET_PAGE && pages_before_the_drop-- == 0)
        ops_memory_resource_drop(world.real.catalogue, OPS_TABLE, "rows");
    return NO_PORT_FAULT;
}

static struct port_fault rows_go_in_the_middle_of_a_page(void *context, enum port_call call)
{
    (void)context;
    size_t there = world_count(&world, OPS_TABLE, "rows");
    if (call == CALL_TARGET_REMOVE && there > 0 && batches_before_the_drop-- == 0) {
        removed_before_the_drop = ROWS + PROTECTED - (int)there;
        ops_memory_resource_drop(world.real.catalogue, OPS_TABLE, "rows");
    }
    return NO_PORT_FAULT;
}

static const char went_away[] = "is a volume not mounted?";

/* What was there when the plan was made and is not any more can't be told from a volume that is away: its records may be
 * there all the same. */
static void expect_gone(const json_t *vacuum, const char *name, int most_deleted)
{
    const json_t *target = world_target(vacuum, name);
    const char *message = ops_json_text(json_object_get(vacuum, "error"), "message", "");
    if (strcmp(ops_json_text(vacuum, "status", ""), "failed") != 0 || !strstr(message, went_away) ||
        strcmp(ops_json_text(target, "status", ""), "failed") != 0 ||
        !strstr(ops_json_text(target, "error", ""), went_away) || number(target, "deleted") > most_deleted) {
        char *text = json_dumps(vacuum, 0);
        fail_msg("at most %d records of %s were deleted: %s", most_deleted, name, text);
    }
    assert_string_equal(ops_json_text(json_object_get(vacuum, "error"), "tag", ""), "target-error");
    assert_int_equal(number(target, "matched"), number(target, "deleted") + number(target, "failed"));
}

static bool is_planned(const char *id)
{
    json_t *vacuum = world_vacuum(&world, id);
    bool is = json_array_size(json_object_get(vacuum, "targets")) > 0;
    json_decref(vacuum);
    return is;
}

static int rows_gone(void)
{
    return ROWS + PROTECTED - (int)world_count(&world, OPS_TABLE, "rows");
}

/* After so many steps of the worker. false: there was no plan yet. */
static bool drop_rows_after(int steps, char id[static OPS_ULID_SIZE], int *ret_removed)
{
    int64_t wait_ms;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    for (int i = 0; i < steps; i++)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    *ret_removed = rows_gone();
    bool planned = is_planned(id);
    ops_memory_resource_drop(world.real.catalogue, OPS_TABLE, "rows");
    return planned;
}

static void a_target_that_goes_away_meanwhile_has_failed_and_the_others_go_on(void **state)
{
    for (int steps = 1; steps < 14; steps++) {
        char id[OPS_ULID_SIZE];
        int removed;
        bool planned = drop_rows_after(steps, id, &removed);
        int64_t gone_ms = world_now_ms(&world);
        world_settle(&world, OPS_HOUR_MS);
        json_t *vacuum = world_vacuum(&world, id);
        assert_true(planned);
        expect_gone(vacuum, "rows", removed);
        assert_int_equal(number(world_target(vacuum, "rows"), "deleted"), removed);
        expect_target(vacuum, "objects", "completed", OBJECTS, OBJECTS, 0);
        assert_true(world_now_ms(&world) - gone_ms < OPS_MINUTE_MS);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void what_a_dry_run_can_not_find_any_more_has_failed_too(void **state)
{
    (void)state;
    world.ports.on_call = rows_go_before_they_are_read;
    pages_before_the_drop = 0;
    json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
    world.ports.on_call = NULL;
    char id[OPS_ULID_SIZE];
    (void)snprintf(id, sizeof id, "%s", ops_json_text(dry, "vacuum_id", ""));
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    expect_gone(vacuum, "rows", 0);
    json_decref(vacuum);
    json_decref(dry);
}

/* In the middle of a page: what was said to be removed is known, and of the rest it is said that nobody knows. */
static void of_a_page_in_hand_only_what_is_known_to_be_gone_is_deleted(void **state)
{
    for (int batches = 0; batches < 3; batches++) {
        char id[OPS_ULID_SIZE];
        world_vacuum_all(&world, id);
        world_pass(&world, 5 * OPS_MINUTE_MS);
        batches_before_the_drop = batches;
        world.ports.on_call = rows_go_in_the_middle_of_a_page;
        world_settle(&world, OPS_HOUR_MS);
        world.ports.on_call = NULL;
        json_t *vacuum = world_vacuum(&world, id);
        const json_t *rows = world_target(vacuum, "rows");
        expect_gone(vacuum, "rows", removed_before_the_drop);
        assert_int_equal(number(rows, "deleted"), removed_before_the_drop);
        assert_int_equal(number(rows, "unreadable"), 1);
        expect_target(vacuum, "objects", "completed", OBJECTS, OBJECTS, 0);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* With its worker dead nobody knows what became of it. */
static void a_page_whose_worker_and_target_are_gone_is_not_known(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    while (rows_gone() == 0)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    world_crash(&world, 0);
    ops_memory_resource_drop(world.real.catalogue, OPS_TABLE, "rows");
    int64_t gone_ms = world_now_ms(&world);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    const json_t *remark = json_array_get(json_object_get(world_target(vacuum, "rows"), "remarks"), 0);
    expect_gone(vacuum, "rows", 0);
    assert_string_equal(ops_json_text(remark, "what", ""), "unreadable");
    assert_non_null(strstr(ops_json_text(remark, "reason", ""), went_away));
    assert_true(world_now_ms(&world) - gone_ms < 2 * OPS_MINUTE_MS + OPS_LEASE_MS);
    json_decref(vacuum);
}

/* A file that is replaced in two steps is missing for a moment. */
static void a_target_that_is_back_in_a_moment_is_emptied(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    const struct ops_memory_limits limits = {1, 6, 2};
    int64_t wait_ms;
    int removed;
    assert_true(drop_rows_after(3, id, &removed));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
        world_pass(&world, wait_ms < 100 ? wait_ms : 100);
    }
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_TABLE, "rows", &limits), OPS_OK);
    world_add_rows(&world, "rows", "acme", 0, 1);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    expect_target(vacuum, "rows", "completed", removed + 1, removed + 1, 0);
    json_decref(vacuum);
}

/* What a dead worker had removed can't be told any more when its target can't be opened: it counts as still there. */
static void a_page_that_nobody_can_settle_counts_as_still_there(void **state)
{
    (void)state;
    struct trouble trouble = {CALL_CATALOGUE_OPEN, OPS_TARGET_ERROR, false, -1, 0};
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    while (world_count(&world, OPS_TABLE, "rows") == ROWS + PROTECTED)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    world_crash(&world, 0);
    let(&trouble);
    int64_t broken_ms = world_now_ms(&world);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    const json_t *rows = world_target(vacuum, "rows");
    assert_string_equal(ops_json_text(vacuum, "status", ""), "failed");
    assert_true(number(rows, "failed") > 0);
    assert_true(world_now_ms(&world) - broken_ms < OPS_LEASE_MS + OPS_MINUTE_MS); /* it will not get better */
    assert_int_equal(number(rows, "matched"), number(rows, "deleted") + number(rows, "failed"));
    json_decref(vacuum);
}

/* ---- Throttling ---- */

static void one_throttled_answer_halves_the_pace_once(void **state)
{
    (void)state;
    struct trouble trouble = {CALL_TARGET_REMOVE, OPS_THROTTLED, false, 1, 0};
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    let(&trouble);
    while (trouble.times > 0)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    /* However often the worker is woken too early, only new throttling slows it down further. */
    for (int i = 0; i < 20; i++)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    assert_int_equal(world_pace_limit(&world), 32);
}

/* ---- Records that arrive ---- */

struct arrival {
    int next;
    int left;
};

/* Just when a page has been read, another row arrives before everything that was read. */
static struct port_fault arrive(void *context, enum port_call call)
{
    struct arrival *arrival = context;
    if (call == CALL_TARGET_REMOVE && arrival->left > 0) {
        char key[32];
        (void)snprintf(key, sizeof key, "late-%03d", arrival->next++);
        const struct ops_memory_record record = {.partition = key, .orgcode = "acme"};
        assert_int_equal(ops_memory_record_put(world.real.catalogue, OPS_TABLE, "rows", &record), OPS_OK);
        arrival->left--;
    }
    return NO_PORT_FAULT;
}

static void records_that_arrive_meanwhile_are_removed_by_the_next_pass(void **state)
{
    (void)state;
    struct arrival arrival = {0, 5};
    world.ports.on_call = arrive;
    world.ports.call_context = &arrival;
    json_t *vacuum = vacuum_until("completed");
    expect_target(vacuum, "rows", "completed", ROWS + 5, ROWS + 5, 0);
    assert_int_equal(world_count(&world, OPS_TABLE, "rows"), PROTECTED);
    json_decref(vacuum);
}

static void records_that_never_stop_arriving_end_the_vacuum_after_five_passes(void **state)
{
    (void)state;
    struct arrival arrival = {0, 1000000};
    world.ports.on_call = arrive;
    world.ports.call_context = &arrival;
    json_t *vacuum = vacuum_until("failed");
    const json_t *rows = world_target(vacuum, "rows");
    assert_string_equal(ops_json_text(json_object_get(vacuum, "error"), "tag", ""), "records-remain");
    assert_int_equal(number(rows, "matched"), number(rows, "deleted"));
    assert_string_equal(ops_json_text(rows, "status", ""), "failed");
    assert_non_null(strstr(ops_json_text(rows, "error", ""), "Records kept arriving"));
    assert_non_null(strstr(ops_json_text(json_object_get(vacuum, "error"), "message", ""), "arriving in 1 of the targets: rows;"));
    json_decref(vacuum);
}

/* A row that is moved away just when it was to be removed, and back when all the others are gone. */
struct stray {
    const char *key;
    bool comes_back;
    bool is_away;
};

static struct port_fault stray(void *context, enum port_call call)
{
    struct stray *one = context;
    const struct ops_memory_record record = {.partition = one->key, .orgcode = "acme"};
    if (call == CALL_TARGET_REMOVE && !one->is_away && one->key) {
        one->is_away = ops_memory_record_delete(world.real.catalogue, OPS_TABLE, "rows", one->key, NULL);
        assert_true(one->is_away);
    } else if (one->is_away && world_count(&world, OPS_TABLE, "rows") == PROTECTED) {
        if (one->comes_back)
            assert_int_equal(ops_memory_record_put(world.real.catalogue, OPS_TABLE, "rows", &record), OPS_OK);
        one->is_away = false;
        one->key = NULL;
    }
    return NO_PORT_FAULT;
}

static void what_was_gone_when_it_was_to_be_removed_is_not_deleted_and_looked_for_again(void **state)
{
    for (int comes_back = 0; comes_back <= 1; comes_back++) {
        struct stray one = {"row-acme-00000", comes_back, false};
        world.ports.on_call = stray;
        world.ports.call_context = &one;
        json_t *vacuum = vacuum_until("completed");
        int deleted = comes_back ? ROWS : ROWS - 1;
        expect_target(vacuum, "rows", "completed", deleted, deleted, 0);
        assert_int_equal(world_count(&world, OPS_TABLE, "rows"), PROTECTED);
        json_decref(vacuum);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* ---- Workers that die ---- */

static int calls_left;

/* From a certain call on the process is dead; of the last one only the answer is lost when it was to be heard. */
static struct port_fault die(void *context, enum port_call call)
{
    bool *heard = context;
    (void)call;
    if (calls_left-- > 0)
        return NO_PORT_FAULT;
    return (struct port_fault){OPS_STORE_UNAVAILABLE, calls_left == -1 && *heard};
}

/* One worker of the running vacuum dies at its n-th port call; then a new one takes over. False: it had fewer calls. */
static bool crash_at(int n, bool heard, bool dry_run, size_t workers)
{
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    if (dry_run) {
        calls_left = n;
        world.ports.on_call = die;
        world.ports.call_context = &heard;
        json_decref(world_operate(&world, "ops_vacuumall", "{'dry_run': true}"));
        world.ports.on_call = NULL;
    } else {
        world_vacuum_all(&world, id);
        world_pass(&world, 5 * OPS_MINUTE_MS);
        json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
        calls_left = n;
        world.ports.on_call = die;
        world.ports.call_context = &heard;
        for (int i = 0; i < 1000 && calls_left >= 0; i++)
            if (ops_worker_step(world.workers[0], &wait_ms, NULL) == OPS_OK && wait_ms > 0)
                world_pass(&world, wait_ms);
    }
    bool died = calls_left < 0;
    world_crash(&world, 0);
    world.ports.on_call = NULL;
    for (; world.worker_count < workers; world.worker_count++)
        assert_int_equal(ops_worker_new(world.app, "another", &world.workers[world.worker_count]), OPS_OK);
    world_settle(&world, OPS_HOUR_MS);
    return died;
}

static void a_vacuum_whose_worker_dies_at_any_call_goes_on_and_ends_with_true_counts(void **state)
{
    for (int heard = 0; heard <= 1; heard++)
        for (size_t workers = 1; workers <= 2; workers++) {
            bool died = true;
            for (int n = 0; died; n++) {
                died = crash_at(n, heard, false, workers);
                json_t *vacuum = world_do(&world, "ops_vacuumstatus", "{}", "ok");
                if (strcmp(ops_json_text(vacuum, "status", ""), "completed") != 0 ||
                    number(world_target(vacuum, "rows"), "matched") != ROWS ||
                    number(world_target(vacuum, "rows"), "deleted") != ROWS) {
                    char *text = json_dumps(vacuum, 0);
                    fail_msg("dead at call %d (%s): %s", n, heard ? "heard" : "unheard", text);
                }
                expect_clean(vacuum);
                json_decref(vacuum);
                assert_int_equal(tear_down(state), 0);
                assert_int_equal(set_up(state), 0);
            }
        }
}

static void a_dry_run_whose_worker_dies_at_any_call_counts_every_record_once(void **state)
{
    for (int heard = 0; heard <= 1; heard++) {
        bool died = true;
        for (int n = 4; died; n++) {
            died = crash_at(n, heard, true, 1);
            json_t *answer = world_operate(&world, "ops_vacuumstatus", "{}");
            const json_t *dry = world_data(answer);
            if (dry) {
                if (strcmp(ops_json_text(dry, "status", ""), "completed") != 0 ||
                    number(world_target(dry, "rows"), "matched") != ROWS ||
                    number(world_target(dry, "rows"), "protected") != PROTECTED)
                    fail_msg("dead at call %d: %s, %d matched, %d protected", n, ops_json_text(dry, "status", ""),
                             number(world_target(dry, "rows"), "matched"), number(world_target(dry, "rows"), "protected"));
                assert_int_equal(world.ports.removed_count, 0);
            }
            json_decref(answer);
            assert_int_equal(tear_down(state), 0);
            assert_int_equal(set_up(state), 0);
        }
    }
}

/* A worker that is stopped in good order gives its task back at any point, and what it has counted with it. */
static void a_worker_that_is_stopped_between_any_two_steps_hands_over_true_counts(void **state)
{
    for (int refused = 0; refused <= 1; refused++)
        for (int steps = 1; steps < 24; steps++) {
            char id[OPS_ULID_SIZE];
            int64_t wait_ms;
            world.ports.on_removal = refused ? refuse_two : NULL;
            world_vacuum_all(&world, id);
            world_pass(&world, 5 * OPS_MINUTE_MS);
            json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
            for (int i = 0; i < steps; i++)
                assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
            ops_worker_free(world.workers[0]);
            assert_int_equal(ops_worker_new(world.app, "next", &world.workers[0]), OPS_OK);
            int64_t before_ms = world_now_ms(&world);
            world_settle(&world, OPS_HOUR_MS);
            assert_true(world_now_ms(&world) - before_ms < OPS_MINUTE_MS); /* nobody had to wait for a lease */
            json_t *vacuum = world_vacuum(&world, id);
            const json_t *rows = world_target(vacuum, "rows");
            if (number(rows, "matched") != ROWS || number(rows, "failed") != 2 * refused ||
                number(rows, "protected") != PROTECTED)
                fail_msg("after %d steps: %d matched, %d deleted, %d failed, %d protected", steps, number(rows, "matched"),
                         number(rows, "deleted"), number(rows, "failed"), number(rows, "protected"));
            json_decref(vacuum);
            assert_int_equal(tear_down(state), 0);
            assert_int_equal(set_up(state), 0);
        }
}

static struct trouble finish_trouble;

/* The store goes down just before a dry run's worker writes down that its task is done; then it is stopped. */
static void a_dry_run_worker_that_is_stopped_before_it_could_say_done_does_not_count_twice(void **state)
{
    for (int skip = 1; skip < 12; skip++) {
        char id[OPS_ULID_SIZE];
        int64_t wait_ms;
        struct trouble all_down = {CALL_CATALOGUE_LIST, OPS_STORE_UNAVAILABLE, false, 1, 0};
        let(&all_down); /* so that the request can't plan, and leaves the work to the worker */
        json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
        (void)snprintf(id, sizeof id, "%s", ops_json_text(dry, "vacuum_id", ""));
        json_decref(dry);
        finish_trouble = (struct trouble){CALL_STORE_TRANSACT, OPS_STORE_UNAVAILABLE, false, 1, skip};
        let(&finish_trouble);
        for (int i = 0; i < 200 && finish_trouble.times > 0; i++)
            if (ops_worker_step(world.workers[0], &wait_ms, NULL) != OPS_OK)
                break;
        world.ports.on_call = NULL;
        ops_worker_free(world.workers[0]);
        assert_int_equal(ops_worker_new(world.app, "next", &world.workers[0]), OPS_OK);
        world_settle(&world, OPS_HOUR_MS);
        dry = world_vacuum(&world, id);
        const json_t *rows = world_target(dry, "rows");
        if (number(rows, "matched") != ROWS || number(rows, "protected") != PROTECTED)
            fail_msg("after %d transactions: %d matched, %d protected", skip, number(rows, "matched"), number(rows,
                "protected"));
        json_decref(dry);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void two_workers_share_a_vacuum_and_count_every_record_once(void **state)
{
    (void)state;
    const struct ops_memory_limits limits = {4, 6, 2};
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_TABLE, "rows", &limits), OPS_OK);
    assert_int_equal(ops_worker_new(world.app, "worker-2", &world.workers[1]), OPS_OK);
    world.worker_count = 2;
    json_t *vacuum = vacuum_until("completed");
    expect_clean(vacuum);
    json_t *tasks = NULL;
    char pk[64];
    (void)snprintf(pk, sizeof pk, "VACUUM#%s", ops_json_text(vacuum, "vacuum_id", ""));
    tasks = world_partition(&world, pk);
    size_t i, first = 0, second = 0;
    json_t *task;
    json_array_foreach(tasks, i, task) {
        first += strcmp(ops_json_text(task, "owner", ""), "worker-1") == 0;
        second += strcmp(ops_json_text(task, "owner", ""), "worker-2") == 0;
    }
    assert_true(first > 0 && second > 0);
    json_decref(tasks);
    json_decref(vacuum);
}

/* ---- Leases and a wall clock that is set ---- */

static size_t asked;        /* keys that were handed to a target */
static int64_t shortest_ms; /* what was left of the lease then, at the least */
static char lease_pk[64];

/* While a target does not answer, the vacuum says what it waits for, and no worker is said to be in trouble and to be well
 * again by turns. */
static void a_page_that_is_waited_for_is_no_trouble_of_a_worker(void **state)
{
    (void)state;
    struct trouble trouble = {CALL_CATALOGUE_OPEN, OPS_STORE_UNAVAILABLE, false, -1, 0};
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    while (rows_gone() == 0)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    world_crash(&world, 0);
    let(&trouble);
    for (int64_t end_ms = world_now_ms(&world) + 5 * OPS_MINUTE_MS; world_now_ms(&world) < end_ms;) {
        struct ops_error error = OPS_ERROR_INIT;
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, &error), OPS_OK);
        ops_error_release(&error);
        world_pass(&world, wait_ms > 0 ? wait_ms : 1);
    }
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "running");
    const char *reason = ops_json_text(json_object_get(vacuum, "standing_still"), "reason", "");
    assert_non_null(strstr(reason, "What became of a page of rows"));
    json_decref(vacuum);
    world.ports.on_call = NULL;
    world_settle(&world, OPS_HOUR_MS);
    vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "failed"); /* its tasks were given up after their tries */
    assert_int_equal(number(world_target(vacuum, "rows"), "unreadable"), -1);
    json_decref(vacuum);
}

static enum ops_removal take_none(void *context, const char *target, const struct ops_key *key)
{
    (void)context;
    (void)target;
    (void)key;
    json_t *tasks = world_partition(&world, lease_pk);
    int64_t left_ms = ops_json_integer(json_array_get(tasks, 0), "lease_until_ms", 0) - world_now_ms(&world);
    shortest_ms = asked++ == 0 || left_ms < shortest_ms ? left_ms : shortest_ms;
    json_decref(tasks);
    return OPS_RETRY;
}

/* Steps the worker until it has begun to remove something. */
static void step_until_asked(struct ops_worker *worker)
{
    int64_t wait_ms;
    asked = 0;
    for (int i = 0; i < 20 && asked == 0; i++)
        assert_int_equal(ops_worker_step(worker, &wait_ms, NULL), OPS_OK);
    assert_true(asked > 0);
}

/* A vacuum of nothing but the rows, which are one task; the worker has begun to remove, and will try again in a while. */
static void begin_removal(void)
{
    char id[OPS_ULID_SIZE];
    ops_memory_resource_drop(world.real.catalogue, OPS_BUCKET, "objects");
    world_vacuum_all(&world, id);
    (void)snprintf(lease_pk, sizeof lease_pk, "VACUUM#%s", id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
    world_pass(&world, 5 * OPS_MINUTE_MS); /* the clock may be set back without being before execute_at */
    world.ports.on_removal = take_none;
    step_until_asked(world.workers[0]);
}

static void a_lease_that_another_took_for_too_long_never_counts_again(void **state)
{
    (void)state;
    struct ops_worker *other = NULL;
    int64_t wait_ms;
    begin_removal();
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 65 * OPS_SECOND_MS);
    assert_int_equal(ops_worker_new(world.app, "other", &other), OPS_OK);
    world_pass(&world, OPS_SECOND_MS);
    step_until_asked(other);
    world_pass(&world, 8 * OPS_SECOND_MS); /* by now the first worker's lease looks like any other */
    asked = 0;
    assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    assert_int_equal(asked, 0);
    ops_worker_free(other);
}

static void a_removal_begins_only_when_its_lease_outlasts_it_whatever_the_wall_clock_does(void **state)
{
    (void)state;
    begin_removal();
    assert_true(shortest_ms >= OPS_REMOVE_MAX_MS);
    world_pass(&world, OPS_SECOND_MS);
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 45 * OPS_SECOND_MS);
    step_until_asked(world.workers[0]);
    assert_true(shortest_ms >= OPS_REMOVE_MAX_MS);
}

static void pass_until_mutex_has_left(int64_t left_ms)
{
    json_t *mutex = NULL;
    int64_t expires_ms;
    assert_int_equal(ops_store_get(world.real.store, OPS_PK_SINGLETON, OPS_SK_VACUUM_MUTEX, &mutex, NULL), OPS_OK);
    assert_int_equal(ops_json_instant(mutex, "expires_at", &expires_ms), OPS_OK);
    world_pass(&world, expires_ms - world_now_ms(&world) - left_ms);
    json_decref(mutex);
}

/* A host whose clock is ahead may end the vacuum a little early, and nothing may be under way then. */
static void a_removal_begins_only_when_the_mutex_outlasts_it_on_every_host_s_clock(void **state)
{
    (void)state;
    int64_t wait_ms;
    begin_removal();
    pass_until_mutex_has_left(OPS_REMOVE_MAX_MS + OPS_CLOCKS_APART_MS);
    step_until_asked(world.workers[0]);
    world_pass(&world, OPS_SECOND_MS);
    asked = 0;
    for (int i = 0; i < 20; i++)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    assert_int_equal(asked, 0);
}

/* ---- Damaged records ---- */

static const char *damaged_pk, *damaged_name;

static void damage(void *context, const char *pk, json_t *doc)
{
    json_t *value = context;
    if (strncmp(pk, damaged_pk, strlen(damaged_pk)) == 0 && json_object_get(doc, damaged_name))
        assert_int_equal(json_object_set(doc, damaged_name, value), 0);
}

static void damaged_records_are_statuses_and_never_a_deletion(void **state)
{
    static const struct {
        const char *pk;
        const char *name;
    } cases[] = {{"VACUUM", "vacuum_id"}, {"VACUUM", "status"},        {"VACUUM", "dry_run"},    {"VACUUM", "work"},
                 {"VACUUM", "targets"},   {"VACUUM", "type"},          {"VACUUM", "execute_at"}, {"VACUUM#", "target"},
                 {"VACUUM#", "segment"},  {"VACUUM#", "cursor"},       {"SINGLETON", "holder"},  {"SINGLETON", "fence"},
                 {"SINGLETON", "seq"},    {"VACUUM_OPEN", "vacuum_id"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char id[OPS_ULID_SIZE];
        int64_t wait_ms;
        struct ops_sweep_result result;
        world_vacuum_all(&world, id);
        world_pass(&world, 5 * OPS_MINUTE_MS);
        if (i % 2)
            json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
        damaged_pk = cases[i].pk;
        damaged_name = cases[i].name;
        json_t *values[] = {json_null(), json_integer(-77), json_string("?"), json_array()};
        for (size_t k = 0; k < COUNT_OF(values); k++) {
            world.ports.on_document = damage;
            world.ports.document_context = values[k];
            for (int n = 0; n < 4; n++) {
                (void)!ops_app_sweep(world.app, &result, NULL);
                (void)!ops_worker_step(world.workers[0], &wait_ms, NULL);
                json_decref(world_operate(&world, "ops_vacuumstatus", "{}"));
            }
            world.ports.on_document = NULL;
            json_decref(values[k]);
        }
        ops_worker_free(world.workers[0]);
        ops_app_free(world.app);
        world.worker_count = 0;
        world.app = NULL;
        world_release(&world);
        assert_int_equal(set_up(state), 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(records_that_are_refused_are_the_exact_remainder_and_the_rest_goes),
        CASE(what_is_not_taken_is_tried_seven_times_in_a_pass),
        CASE(what_is_never_taken_is_given_up_after_seven_tries_in_each_pass_and_counted_as_failed),
        CASE(bytes_of_an_object_that_takes_two_passes_are_counted_once),
        CASE(trouble_that_passes_leaves_true_counts_and_nothing_behind),
        CASE(trouble_that_lasts_ends_as_failed_with_counts_that_are_true),
        CASE(a_kind_that_can_not_be_listed_is_told_and_holds_up_nothing),
        CASE(a_plan_is_waited_for_but_not_for_ever),
        CASE(a_target_that_goes_away_meanwhile_has_failed_and_the_others_go_on),
        CASE(what_a_dry_run_can_not_find_any_more_has_failed_too),
        CASE(of_a_page_in_hand_only_what_is_known_to_be_gone_is_deleted),
        CASE(a_page_whose_worker_and_target_are_gone_is_not_known),
        CASE(a_target_that_is_back_in_a_moment_is_emptied),
        CASE(a_page_that_is_waited_for_is_no_trouble_of_a_worker),
        CASE(a_page_that_nobody_can_settle_counts_as_still_there),
        CASE(one_throttled_answer_halves_the_pace_once),
        CASE(records_that_arrive_meanwhile_are_removed_by_the_next_pass),
        CASE(records_that_never_stop_arriving_end_the_vacuum_after_five_passes),
        CASE(what_was_gone_when_it_was_to_be_removed_is_not_deleted_and_looked_for_again),
        CASE(a_vacuum_whose_worker_dies_at_any_call_goes_on_and_ends_with_true_counts),
        CASE(a_dry_run_whose_worker_dies_at_any_call_counts_every_record_once),
        CASE(a_worker_that_is_stopped_between_any_two_steps_hands_over_true_counts),
        CASE(a_dry_run_worker_that_is_stopped_before_it_could_say_done_does_not_count_twice),
        CASE(two_workers_share_a_vacuum_and_count_every_record_once),
        CASE(a_lease_that_another_took_for_too_long_never_counts_again),
        CASE(a_removal_begins_only_when_its_lease_outlasts_it_whatever_the_wall_clock_does),
        CASE(a_removal_begins_only_when_the_mutex_outlasts_it_on_every_host_s_clock),
        CASE(damaged_records_are_statuses_and_never_a_deletion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
