/* A store may give an empty page though more follows, as DynamoDB does: nobody takes it for the end. */
#include "support/world.h"

#include "app/audit.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"

static struct world world;

/* The world's store behind one whose every other page is empty. */
static struct ops_store hollow_store;
static struct ops_store *whole_store;
static bool hollow;

static enum ops_status hollow_get(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc,
                                  struct ops_error *error)
{
    (void)self;
    return ops_store_get(whole_store, pk, sk, ret_doc, error);
}

static enum ops_status hollow_query(struct ops_store *self, const struct ops_query *query, struct ops_store_page *ret_page,
                                    struct ops_error *error)
{
    (void)self;
    hollow = !hollow;
    if (!hollow)
        return ops_store_query(whole_store, query, ret_page, error);
    *ret_page = (struct ops_store_page){.docs = json_array(), .more = true};
    return ret_page->docs ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status hollow_transact(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error)
{
    (void)self;
    return ops_store_transact(whole_store, txn, error);
}

static const struct ops_store_ops hollow_ops = {.get = hollow_get, .query = hollow_query, .transact = hollow_transact};

static int set_up(void **state)
{
    (void)state;
    world_init(&world, NULL);
    whole_store = world.ports.inner.store;
    hollow_store.ops = &hollow_ops;
    hollow = false;
    world.ports.inner.store = &hollow_store;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world.ports.inner.store = whole_store;
    world_check(&world);
    world_release(&world);
    return 0;
}

static void the_audit_trail_goes_on_after_an_empty_page(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    json_int_t count = 0;
    for (int i = 0; i < 3; i++)
        world_schedule(&world, 3600, id);
    assert_int_equal(ops_audit_verify(world.app, &count, NULL), OPS_OK);
    assert_int_equal(count, 4); /* with the secret code's */
}

static void the_latest_vacuum_is_found_behind_an_empty_page(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_vacuum_all(&world, id);
    for (int i = 0; i < 2; i++) {
        hollow = false;
        json_t *latest = world_do(&world, "ops_vacuumstatus", "{}", "ok");
        assert_string_equal(ops_json_text(latest, "vacuum_id", ""), id);
        json_decref(latest);
    }
}

static void without_a_vacuum_there_is_no_latest_one_behind_an_empty_page_either(void **state)
{
    (void)state;
    json_decref(world_do(&world, "ops_vacuumstatus", "{}", "vacuum-not-found"));
}

static void a_vacuum_completes_and_its_plan_has_the_estimate_of_the_dry_run(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    world_fill(&world);
    json_decref(world_do(&world, "ops_vacuumall", "{'dry_run': true}", "ok"));
    world_settle(&world, OPS_HOUR_MS);
    world_vacuum_all(&world, id);
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
    assert_int_not_equal(ops_json_integer(vacuum, "expected_records", -1), -1);
    json_decref(vacuum);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(the_audit_trail_goes_on_after_an_empty_page),
        CASE(the_latest_vacuum_is_found_behind_an_empty_page),
        CASE(without_a_vacuum_there_is_no_latest_one_behind_an_empty_page_either),
        CASE(a_vacuum_completes_and_its_plan_has_the_estimate_of_the_dry_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
