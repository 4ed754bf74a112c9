#include "adapters/local/catalogue.h"
#include "contract/target_suite.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP "stack/log_groups/stack/api"

static char data[SCRATCH_SIZE];
static struct ops_catalogue *stack;

static void make_directory(const char *path)
{
    assert_int_equal(mkdir(scratch_path(data, path), 0700), 0);
}

static void begin(void)
{
    scratch_make(data);
    make_directory("stack");
    make_directory("stack/log_groups");
    make_directory("stack/log_groups/stack");
    make_directory(GROUP);
    assert_int_equal(ops_local_catalogue_new(data, &stack, NULL), OPS_OK);
}

static void end(void)
{
    ops_catalogue_release(stack);
    scratch_remove(data);
}

static struct ops_catalogue *catalogue(void)
{
    return stack;
}

static const char *stream_path(const char *key)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/" GROUP "/%s", data, key);
    return path;
}

static void put(const char *key, const char *orgcode)
{
    (void)orgcode;
    scratch_write(stream_path(key), "7 bytes");
}

static bool exists(const char *key)
{
    return access(stream_path(key), F_OK) == 0;
}

static const struct ops_target_spec group = {.kind = OPS_LOG_GROUP, .name = "/stack/api"};
static const struct ops_scope all = {.by = OPS_SCOPE_ALL};

static void groups_below_a_group_are_not_touched(void **state)
{
    (void)state;
    struct ops_target *target = NULL;
    struct ops_key_page page;
    enum ops_removal outcome;
    begin();
    make_directory(GROUP "/deeper");
    put("stream", "");
    put("deeper/stream", "");
    ops_key_page_init(&page, 1 << 16);
    assert_int_equal(ops_catalogue_open(stack, &group, &all, &target, NULL), OPS_OK);
    assert_int_equal(ops_target_page(target, 0, "", 100, &page, NULL), OPS_OK);
    assert_int_equal(page.count, 1);
    assert_true(ops_view_is(page.keys[0].guarded, "stream"));
    assert_int_equal(ops_target_remove(target, page.keys, 1, &outcome, NULL), OPS_OK);
    assert_true(exists("deeper/stream"));
    ops_key_page_release(&page);
    ops_target_close(target);
    end();
}

struct names {
    char text[512];
};

static enum ops_status add_name(void *context, const struct ops_resource *resource)
{
    struct names *names = context;
    size_t length = strlen(names->text);
    snprintf(names->text + length, sizeof names->text - length, "%s %s;", ops_target_kind_name(resource->kind),
             resource->name);
    return OPS_OK;
}

static enum ops_status list_all(struct names *names)
{
    enum ops_status status = OPS_OK;
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT && status == OPS_OK; kind++)
        status = ops_catalogue_list(stack, (enum ops_target_kind)kind, add_name, names, NULL);
    return status;
}

static void the_catalogue_lists_tables_buckets_and_groups_and_no_links(void **state)
{
    (void)state;
    struct names names = {""};
    begin();
    make_directory("stack/tables");
    make_directory("stack/buckets");
    make_directory("stack/buckets/b");
    make_directory(GROUP "/leaf");
    scratch_write(scratch_path(data, "stack/tables/t.sqlite"), "");
    scratch_write(scratch_path(data, "stack/tables/t.sqlite-wal"), "");
    scratch_write(scratch_path(data, "stack/tables/t.sqlite-journal"), "");
    scratch_write(scratch_path(data, "stack/tables/.sqlite"), "");
    assert_int_equal(symlink("t.sqlite", scratch_path(data, "stack/tables/l.sqlite")), 0);
    assert_int_equal(symlink("b", scratch_path(data, "stack/buckets/l")), 0);
    assert_int_equal(symlink("api", scratch_path(data, "stack/log_groups/stack/l")), 0);
    assert_int_equal(list_all(&names), OPS_OK);
    assert_string_equal(names.text, "table t;bucket b;log_group /stack/api/leaf;");
    put("stream", "");
    names.text[0] = '\0';
    assert_int_equal(list_all(&names), OPS_OK);
    assert_non_null(strstr(names.text, "log_group /stack/api;"));
    end();
}

static void an_empty_data_directory_lists_nothing(void **state)
{
    (void)state;
    struct names names = {""};
    scratch_make(data);
    assert_int_equal(ops_local_catalogue_new(scratch_path(data, "nothing"), &stack, NULL), OPS_OK);
    assert_int_equal(list_all(&names), OPS_OK);
    assert_string_equal(names.text, "");
    end();
}

static void a_group_that_climbs_out_or_has_a_scope_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"/stack/../api", "/..", "/", "", "/stack//api", "/stack/api/", "//stack/api"};
    struct ops_target *target = NULL;
    begin();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct ops_target_spec spec = {.kind = OPS_LOG_GROUP, .name = names[i]};
        assert_int_equal(ops_catalogue_open(stack, &spec, &all, &target, NULL), OPS_TARGET_ERROR);
    }
    const struct ops_scope prefix = {OPS_SCOPE_KEY_PREFIX, NULL, NULL, "a"};
    assert_int_equal(ops_catalogue_open(stack, &group, &prefix, &target, NULL), OPS_TARGET_ERROR);
    end();
}

int main(void)
{
    const struct target_rig rig = {
        .spec = {.kind = OPS_LOG_GROUP, .name = "/stack/api"},
        .missing = {.kind = OPS_LOG_GROUP, .name = "/stack/nothing"},
        .begin = begin,
        .end = end,
        .catalogue = catalogue,
        .put = put,
        .exists = exists,
        .lists_itself = true,
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_below_a_group_are_not_touched),
        cmocka_unit_test(the_catalogue_lists_tables_buckets_and_groups_and_no_links),
        cmocka_unit_test(an_empty_data_directory_lists_nothing),
        cmocka_unit_test(a_group_that_climbs_out_or_has_a_scope_is_refused),
    };
    int failed = target_suite_run("a log group that is a directory", &rig);
    return failed + cmocka_run_group_tests_name("only in directories", tests, NULL, NULL);
}
