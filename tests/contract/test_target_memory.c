#include "adapters/memory/catalogue.h"
#include "contract/target_suite.h"
#include "support/cmocka_all.h"

static struct ops_catalogue *stack;
static enum ops_target_kind current_kind;
static struct ops_memory_limits current_limits;

static void begin(void)
{
    assert_int_equal(ops_memory_catalogue_new(&stack), OPS_OK);
    assert_int_equal(ops_memory_resource_add(stack, current_kind, "things", &current_limits), OPS_OK);
}

static void end(void)
{
    ops_catalogue_release(stack);
    stack = NULL;
}

static struct ops_catalogue *catalogue(void)
{
    return stack;
}

static void put(const char *key, const char *orgcode)
{
    const struct ops_memory_record record = {.partition = key, .orgcode = orgcode, .size_bytes = 7};
    assert_int_equal(ops_memory_record_put(stack, current_kind, "things", &record), OPS_OK);
}

static bool exists(const char *key)
{
    return ops_memory_record_exists(stack, current_kind, "things", key, NULL);
}

static int run(const char *name, enum ops_target_kind kind, struct ops_memory_limits limits)
{
    const struct target_rig rig = {
        .spec = {kind, "things", NULL},
        .missing = {kind, "nothings", NULL},
        .has_attributes = true,
        .has_keys = true,
        .begin = begin,
        .end = end,
        .catalogue = catalogue,
        .put = put,
        .exists = exists,
        .lists_itself = true,
    };
    current_kind = kind;
    current_limits = limits;
    return target_suite_run(name, &rig);
}

static void count_removed(void *context, enum ops_target_kind kind, const char *name, const struct ops_memory_record *record)
{
    assert_int_equal(kind, OPS_TABLE);
    assert_string_equal(name, "things");
    assert_string_equal(record->partition, "a");
    ++*(int *)context;
}

static void each_removal_is_told_once(void **state)
{
    (void)state;
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "things"};
    const struct ops_scope all = {.by = OPS_SCOPE_ALL};
    struct ops_target *target = NULL;
    struct ops_key_page page;
    enum ops_removal outcome;
    int removed = 0;
    current_kind = OPS_TABLE;
    begin();
    put("a", "acme");
    ops_memory_catalogue_on_removed(stack, count_removed, &removed);
    ops_key_page_init(&page, 1000);
    assert_int_equal(ops_catalogue_open(stack, &spec, &all, &target, NULL), OPS_OK);
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, NULL), OPS_OK);
    assert_int_equal(page.keys[0].size_bytes, 7);
    assert_int_equal(ops_target_remove(target, page.keys, 1, &outcome, NULL), OPS_OK);
    assert_int_equal(ops_target_remove(target, page.keys, 1, &outcome, NULL), OPS_OK);
    assert_int_equal(removed, 1);
    ops_memory_resource_drop(stack, OPS_TABLE, "things");
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, NULL), OPS_TARGET_MISSING);
    ops_key_page_release(&page);
    ops_target_close(target);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_removal_is_told_once)};
    int failed = run("a table in memory", OPS_TABLE, (struct ops_memory_limits){0, 0, 0});
    failed += run("a table in memory in segments", OPS_TABLE, (struct ops_memory_limits){4, 13, 25});
    failed += run("a bucket in memory", OPS_BUCKET, (struct ops_memory_limits){0, 0, 0});
    failed += run("a log group in memory", OPS_LOG_GROUP, (struct ops_memory_limits){0, 50, 1});
    current_limits = (struct ops_memory_limits){0, 0, 0};
    return failed + cmocka_run_group_tests_name("only in memory", tests, NULL, NULL);
}
