/* Another manifest takes the place of the one before while vacuums wait, are planned and remove. */
#include "support/world.h"

#include "adapters/memory/catalogue.h"
#include "app/context.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define ORG "'org': {'by': 'attribute', 'name': 'orgcode'}"
#define MAIN "{'name': 'pvm_main', " ORG "}"
#define KEYS "{'name': 'pvm_keys', " ORG "}"
#define IN_A_FILE                                                                                                           \
    "{'name': 'pvm_main', " ORG ", 'sqlite': {'file': 'shop.db', 'table': 'orders', 'key': ['id'],"                         \
    " 'columns': {'orgcode': 'org'}}}"
/* A bucket by the name of the table. */
#define BUCKET "'buckets': [{'name': 'pvm_main', 'org': {'by': 'key_prefix', 'pattern': '{orgcode}/'}}], "
#define SHOP(protected, things) "{'stack': 'shop', " protected "'services': [{'code': 'pvm', " things "}]}"

static const char stack[] = SHOP("", "'tables': [" MAIN ", " KEYS "]");
static const char stack_where_main_is_protected[] = SHOP("'protected': ['pvm_main'], ", "'tables': [" MAIN ", " KEYS "]");
static const char stack_where_another_name_is_protected[] =
    SHOP("'protected': ['orders-2019'], ", "'tables': [" MAIN ", " KEYS "]");
static const char stack_without_keys[] = SHOP("", "'tables': [" MAIN "]");
static const char stack_by_another_name[] = SHOP("", BUCKET "'tables': [" IN_A_FILE "]");
static const char stack_whose_sql_table_is_protected[] =
    SHOP("'protected': ['orders'], ", BUCKET "'tables': [" IN_A_FILE "]");

static struct world world;
static int freed_count;

static int tear_down(void **state)
{
    (void)state;
    world_check(&world);
    world_release(&world);
    return 0;
}

static void begin(const char *manifest_text)
{
    world_init(&world, manifest_text);
    world_fill(&world);
    freed_count = 0;
}

static void free_manifest(void *context)
{
    struct ops_manifest *manifest = context;
    ops_manifest_release(manifest);
    ops_mem_free(manifest);
    freed_count++;
}

static struct ops_shared *make_manifest(const char *text)
{
    struct ops_manifest *manifest = ops_mem_zeroed(1, sizeof *manifest);
    struct ops_shared *shared = NULL;
    assert_non_null(manifest);
    manifest_text_init(manifest, text);
    assert_int_equal(ops_shared_new(manifest, free_manifest, &shared), OPS_OK);
    return shared;
}

static void replace(const char *text)
{
    ops_app_replace_manifest(world.app, make_manifest(text));
}

/* Until the vacuum has removed some records, but not all. */
static void run_into_the_middle(const char *id)
{
    world_run(&world, 300 * OPS_SECOND_MS);
    for (int i = 0; i < 1000 && world.ports.removed_count < 5; i++) {
        struct ops_sweep_result result;
        struct ops_error error = OPS_ERROR_INIT;
        int64_t wait_ms;
        assert_int_equal(ops_app_sweep(world.app, &result, &error), OPS_OK);
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, &error), OPS_OK);
        if (world.ports.removed_count == 0)
            world_pass(&world, wait_ms);
        ops_error_release(&error);
    }
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "running");
    assert_true(world.ports.removed_count >= 5);
    json_decref(vacuum);
}

static json_t *settle(const char *id, const char *status)
{
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), status);
    return vacuum;
}

static void expect_stopped(const json_t *vacuum, const char *name)
{
    const json_t *target = world_target(vacuum, name);
    assert_string_equal(ops_json_text(target, "status", ""), "failed");
    assert_non_null(strstr(ops_json_text(target, "error", ""), "the manifest lists it as protected"));
}

static void a_name_newly_protected_is_not_touched_any_more_by_a_vacuum_in_the_middle_of_it(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    begin(stack);
    world_vacuum_all(&world, id);
    run_into_the_middle(id);
    size_t main_count = world_count(&world, OPS_TABLE, "pvm_main");
    assert_true(main_count > 1);
    replace(stack_where_main_is_protected);
    json_t *vacuum = settle(id, "failed");
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_main"), main_count);
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_keys"), 0);
    expect_stopped(vacuum, "pvm_main");
    json_decref(vacuum);
}

static void the_table_in_somebody_s_file_is_as_protected_as_the_name_that_the_manifest_gives_it(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    begin(stack_by_another_name);
    world_vacuum_all(&world, id);
    run_into_the_middle(id);
    size_t main_count = world_count(&world, OPS_TABLE, "pvm_main");
    assert_true(main_count > 1);
    replace(stack_whose_sql_table_is_protected);
    json_t *vacuum = settle(id, "failed");
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_main"), main_count);
    json_decref(vacuum);
}

static void a_thing_is_protected_by_each_of_its_names(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct ops_identity identity = {.text = "thing 1", .location = "/srv/thing", .alias_count = 1};
    begin(stack);
    identity.aliases[0].kind = OPS_TABLE;
    (void)snprintf(identity.aliases[0].name, sizeof identity.aliases[0].name, "orders-2019");
    assert_int_equal(ops_memory_resource_identify(world.real.catalogue, OPS_TABLE, "pvm_main", &identity), OPS_OK);
    world_vacuum_all(&world, id);
    run_into_the_middle(id);
    size_t main_count = world_count(&world, OPS_TABLE, "pvm_main");
    assert_true(main_count > 1);
    replace(stack_where_another_name_is_protected);
    json_t *vacuum = settle(id, "failed");
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_main"), main_count);
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_keys"), 0);
    expect_stopped(vacuum, "pvm_main");
    json_decref(vacuum);
}

static void a_vacuum_that_is_planned_keeps_its_plan(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    begin(stack);
    world_vacuum_all(&world, id);
    run_into_the_middle(id);
    replace(stack_without_keys);
    json_t *vacuum = settle(id, "completed");
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_keys"), 0);
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_main"), 1); /* the protected one */
    json_decref(vacuum);
}

static void a_vacuum_that_waits_is_planned_by_the_manifest_of_its_start(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    begin(stack);
    world_vacuum_all(&world, id);
    world_run(&world, 100 * OPS_SECOND_MS);
    replace(stack_where_main_is_protected);
    json_t *vacuum = settle(id, "completed");
    assert_int_equal(world_count(&world, OPS_TABLE, "pvm_main"), 61);
    assert_string_equal(ops_json_text(world_target(vacuum, "pvm_main"), "status", ""), "skipped");
    json_decref(vacuum);
}

static void one_that_was_asked_for_with_a_plan_notices_that_the_manifest_is_another(void **state)
{
    (void)state;
    char payload[200];
    begin(stack);
    json_t *dry = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
    (void)snprintf(payload, sizeof payload, "{'confirmation_phrase': 'VACUUM ALL DATA PERMANENTLY', 'plan_sha256': '%s'}",
                   ops_json_text(dry, "plan_sha256", ""));
    json_t *asked = world_do(&world, "ops_vacuumall", payload, "ok");
    replace(stack_without_keys);
    json_t *vacuum = settle(ops_json_text(asked, "vacuum_id", ""), "failed");
    assert_string_equal(ops_json_text(json_object_get(vacuum, "error"), "tag", ""), "plan-drifted");
    assert_int_equal(world.ports.removed_count, 0);
    json_decref(vacuum);
    json_decref(asked);
    json_decref(dry);
}

static void a_dry_run_in_the_middle_of_which_a_name_becomes_protected_says_so(void **state)
{
    (void)state;
    begin(stack);
    world.app->inline_dry_run_ms = 0;
    json_t *asked = world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok");
    for (int i = 0; i < 3; i++) {
        int64_t wait_ms;
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    }
    replace(stack_where_main_is_protected);
    /* As the real one would, whichever of the two tables was looked at before. */
    json_t *vacuum = settle(ops_json_text(asked, "vacuum_id", ""), "failed");
    expect_stopped(vacuum, "pvm_main");
    json_decref(vacuum);
    json_decref(asked);
}

static void each_manifest_but_the_app_s_first_is_freed_once_nobody_goes_by_it(void **state)
{
    (void)state;
    const struct ops_manifest *manifest;
    begin(stack);
    struct ops_shared *first = ops_app_hold_manifest(world.app, &manifest);
    assert_ptr_equal(manifest, &world.manifest);
    replace(stack_without_keys);
    struct ops_shared *second = ops_app_hold_manifest(world.app, &manifest);
    replace(stack);
    assert_int_equal(freed_count, 0);
    assert_int_equal(manifest->target_count, 1);
    ops_shared_let_go(second);
    assert_int_equal(freed_count, 1);
    ops_shared_let_go(first);
    replace(stack);
    assert_int_equal(freed_count, 2);
}

/* ---- a removal under way ---- */

enum { GRACE_MS = 50, PATIENCE_MS = 30000 };

struct meeting {
    pthread_t thread;
    struct ops_shared *manifest;
    atomic_bool is_about_to_replace;
    atomic_bool was_over; /* the removal, when the replacement was in */
    atomic_bool removing;
    bool met;
};

static void pause_ms(long wait_ms)
{
    (void)nanosleep(&(struct timespec){wait_ms / 1000, wait_ms % 1000 * 1000000}, NULL);
}

static void *replace_meanwhile(void *context)
{
    struct meeting *meeting = context;
    atomic_store(&meeting->is_about_to_replace, true);
    ops_app_replace_manifest(world.app, meeting->manifest);
    atomic_store(&meeting->was_over, !atomic_load(&meeting->removing));
    return NULL;
}

/* In the middle of the first removal somebody brings another manifest, and gets his time to. */
static enum ops_removal meet(void *context, const char *target, const struct ops_key *key)
{
    struct meeting *meeting = context;
    (void)key;
    if (meeting->met || strcmp(target, "pvm_main") != 0)
        return OPS_REMOVED;
    meeting->met = true;
    atomic_store(&meeting->removing, true);
    assert_int_equal(pthread_create(&meeting->thread, NULL, replace_meanwhile, meeting), 0);
    for (int waited_ms = 0; !atomic_load(&meeting->is_about_to_replace) && waited_ms < PATIENCE_MS; waited_ms++)
        pause_ms(1);
    pause_ms(GRACE_MS); /* were it not to wait, it would mostly be through by then */
    atomic_store(&meeting->removing, false);
    return OPS_REMOVED;
}

static void a_manifest_that_is_in_has_waited_for_the_removals_that_went_by_the_old_one(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    begin(stack);
    struct meeting meeting = {.manifest = make_manifest(stack_where_main_is_protected)};
    world.ports.on_removal = meet;
    world.ports.removal_context = &meeting;
    world_vacuum_all(&world, id);
    json_t *vacuum = settle(id, "failed");
    assert_true(meeting.met);
    assert_int_equal(pthread_join(meeting.thread, NULL), 0);
    assert_true(atomic_load(&meeting.was_over));
    expect_stopped(vacuum, "pvm_main");
    json_decref(vacuum);
}

#define CASE(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_name_newly_protected_is_not_touched_any_more_by_a_vacuum_in_the_middle_of_it),
        CASE(the_table_in_somebody_s_file_is_as_protected_as_the_name_that_the_manifest_gives_it),
        CASE(a_thing_is_protected_by_each_of_its_names),
        CASE(a_vacuum_that_is_planned_keeps_its_plan),
        CASE(a_vacuum_that_waits_is_planned_by_the_manifest_of_its_start),
        CASE(one_that_was_asked_for_with_a_plan_notices_that_the_manifest_is_another),
        CASE(a_dry_run_in_the_middle_of_which_a_name_becomes_protected_says_so),
        CASE(each_manifest_but_the_app_s_first_is_freed_once_nobody_goes_by_it),
        CASE(a_manifest_that_is_in_has_waited_for_the_removals_that_went_by_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
