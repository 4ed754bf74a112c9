/* The file of a table is no object of a bucket and no stream of a log group, under whatever name it lies there; nor is what
 * belongs to g3nops itself. */
#include "support/cmocka_all.h"
#include "support/local_rig.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLES_MAX = 4 };

static struct ops_target_spec tables[TABLES_MAX];

static void tell_of(const char *name, const char *file)
{
    assert_true(local_table_count < TABLES_MAX);
    tables[local_table_count++] = (struct ops_target_spec){
        .kind = OPS_TABLE, .name = name, .location = file ? json_pack("{s:s, s:s}", "file", file, "table", "orders") : NULL};
    local_tables = tables;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < local_table_count; i++)
        json_decref((json_t *)(uintptr_t)tables[i].location);
    return local_rig_teardown(state);
}

static const struct ops_target_spec *const both[] = {&local_things, &local_group};

static const char *in(size_t target, const char *key)
{
    return target ? local_in_group(key) : local_in_bucket(key);
}

/* Of a dry run and a vacuum: what it keeps, and how many go. */
static void expect_kept(const struct ops_target_spec *spec, struct ops_scope scope, const char *keys, size_t kept,
                        size_t goes)
{
    const struct local_tally *dry = local_dry(spec, scope, 2);
    assert_string_equal(dry->keys, keys);
    assert_int_equal(dry->protected_count, kept);
    assert_int_equal(dry->matched, goes);
    const struct local_tally *real = local_vacuum(spec, scope, 2, 0);
    assert_int_equal(real->status, OPS_OK);
    assert_int_equal(real->protected_count, kept);
    assert_int_equal(real->deleted, goes);
    assert_int_equal(real->failed, 0);
}

static void the_file_of_a_table_stays_with_what_sqlite_keeps_beside_it(void **state)
{
    (void)state;
    static const char *const files[] = {"shop.db", "shop.db-journal", "shop.db-shm", "shop.db-wal"};
    tell_of("pvm_orders", "stack/buckets/things/shop.db");
    tell_of("pvm_lines", "./stack/log_groups/../log_groups/stack/api/shop.db");
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 4; k++)
            local_put(in(i, files[k]));
        local_put(in(i, "a"));
        local_put(in(i, "shop.db-other"));
        expect_kept(both[i], local_all, "a;shop.db;shop.db-other;", 1, 2);
        for (size_t k = 0; k < 4; k++)
            assert_true(local_exists(in(i, files[k])));
        assert_false(local_exists(in(i, "shop.db-other")));
    }
}

static void without_such_a_table_it_is_an_object_like_others(void **state)
{
    (void)state;
    tell_of("pvm_orders", "elsewhere/shop.db");
    local_put(local_in_data("elsewhere/shop.db"));
    local_put(local_in_bucket("shop.db"));
    local_put(local_in_bucket("shop.db-wal"));
    expect_kept(&local_things, local_all, "shop.db;shop.db-wal;", 0, 2);
    assert_true(local_exists(local_in_data("elsewhere/shop.db")));
}

static void the_file_of_a_table_stays_under_each_of_its_names(void **state)
{
    (void)state;
    tell_of("hard", "one/shop.db");
    tell_of("soft", "linked/soft.db");
    tell_of("way", "stack/buckets/things/d/current/way.db");
    local_put(local_in_data("one/shop.db"));
    local_put(local_in_data("two/soft.db"));
    local_put(local_in_data("three/way.db"));
    local_mkdir(local_in_bucket("d"));
    assert_int_equal(symlink("two", local_in_data("linked")), 0);
    assert_int_equal(link(local_in_data("one/shop.db"), local_in_bucket("d/hard")), 0);
    assert_int_equal(symlink(local_in_data("two/soft.db"), local_in_bucket("d/soft")), 0);
    assert_int_equal(symlink(local_in_data("three"), local_in_bucket("d/current")), 0);
    assert_int_equal(symlink("nowhere", local_in_bucket("d/dangling")), 0);
    local_put(local_in_bucket("d/hard-wal"));
    local_put(local_in_bucket("d/soft-journal"));
    local_put(local_in_bucket("d/z"));
    expect_kept(&local_things, local_all, "d/current;d/dangling;d/hard;d/soft;d/z;", 3, 2);
    static const char *const stays[] = {"d/hard", "d/soft", "d/current/way.db", "d/hard-wal", "d/soft-journal"};
    for (size_t i = 0; i < sizeof stays / sizeof stays[0]; i++)
        assert_true(local_exists(local_in_bucket(stays[i])));
}

static void the_file_of_a_table_stays_where_its_directory_is_mounted_as_the_bucket(void **state)
{
    (void)state;
    local_needs_mounts();
    tell_of("pvm_orders", "volume/acme/shop.db");
    local_put(local_in_data("volume/acme/shop.db"));
    local_put(local_in_data("volume/acme/shop.db-wal"));
    local_put(local_in_data("volume/acme/1"));
    local_bind(local_in_data("volume"), local_in_bucket(""));
    expect_kept(&local_things, local_prefix("acme/"), "acme/1;acme/shop.db;", 1, 1);
    local_unmount(local_in_bucket(""));
    assert_true(local_exists(local_in_data("volume/acme/shop.db")));
    assert_true(local_exists(local_in_data("volume/acme/shop.db-wal")));
}

static void the_engines_own_tables_and_what_belongs_to_g3nops_stay_listed_or_not(void **state)
{
    (void)state;
    static const char *const own[] = {"stack/tables/pvm_main.sqlite", "stack/tables/stray.sqlite", "ops.sqlite",
                                      "serve.json", "stack/log_groups/g3nretailstack/ops/maintenance-audit/audit-1"};
    tell_of("pvm_main", NULL);
    for (size_t i = 0; i < 5; i++) {
        char key[] = "own0";
        key[3] = (char)('0' + i);
        local_put(local_in_data(own[i]));
        assert_int_equal(link(local_in_data(own[i]), local_in_bucket(key)), 0);
        assert_int_equal(link(local_in_data(own[i]), local_in_group(key)), 0);
    }
    local_put(local_in_bucket("z"));
    local_put(local_in_group("z"));
    for (size_t i = 0; i < 2; i++)
        expect_kept(both[i], local_all, "own0;own1;own2;own3;own4;z;", 5, 1);
}

/* ---- What comes after the page was read ---- */

static struct ops_key_page page;

static void read_and_remove(const struct ops_target_spec *spec, void (*change)(size_t target), size_t number,
                            enum ops_removal *ret_outcomes, struct ops_remarks *ret_remarks)
{
    struct ops_target *target = local_open(spec, local_all);
    ops_key_page_init(&page, 1 << 20);
    assert_int_equal(ops_target_page(target, 0, "", 1000, &page, NULL), OPS_OK);
    for (size_t i = 0; i < page.count; i++)
        assert_false(page.keys[i].kept);
    change(number);
    target->remarks = ret_remarks;
    assert_int_equal(ops_target_keep(target, local_tables, local_table_count, NULL), OPS_OK);
    assert_int_equal(ops_target_remove(target, page.keys, page.count, ret_outcomes, NULL), OPS_OK);
    ops_key_page_release(&page);
    ops_target_close(target);
}

static void name_it_in_the_manifest(size_t target)
{
    tell_of("late", target ? "stack/log_groups/stack/api/b" : "stack/buckets/things/b");
}

static void put_a_tables_file_there(size_t target)
{
    char to[512];
    (void)snprintf(to, sizeof to, "%s", in(target, "b"));
    assert_int_equal(rename(local_in_data(target ? "two.db" : "one.db"), to), 0);
}

static void expect_the_late_one_to_stay(void (*change)(size_t target))
{
    for (size_t i = 0; i < 2; i++) {
        enum ops_removal outcomes[3];
        struct ops_remarks remarks = {.count = 0};
        local_put(in(i, "a"));
        local_put(in(i, "b"));
        local_put(in(i, "c"));
        int held = open(in(i, "b"), O_WRONLY | O_APPEND); /* a stream that is written to would be emptied */
        read_and_remove(both[i], change, i, outcomes, &remarks);
        close(held);
        assert_int_equal(outcomes[0], OPS_REMOVED);
        assert_int_equal(outcomes[1], OPS_FAILED);
        assert_int_equal(outcomes[2], OPS_REMOVED);
        assert_true(local_remarked(&remarks, OPS_REMARK_REFUSED, "b", "it is the file of table "));
        struct stat info;
        assert_int_equal(stat(in(i, "b"), &info), 0);
        assert_int_equal(info.st_size, 7);
    }
}

static void a_table_that_is_named_after_the_page_was_read_keeps_its_file(void **state)
{
    (void)state;
    expect_the_late_one_to_stay(name_it_in_the_manifest);
}

/* The path was nobody's when the page was read: the table's file is moved there. */
static void a_file_that_comes_in_the_place_of_another_is_looked_at_again(void **state)
{
    (void)state;
    local_put(local_in_data("one.db"));
    local_put(local_in_data("two.db"));
    tell_of("one", "hard/one.db");
    tell_of("two", "hard/two.db");
    local_mkdir(local_in_data("hard"));
    assert_int_equal(link(local_in_data("one.db"), local_in_data("hard/one.db")), 0);
    assert_int_equal(link(local_in_data("two.db"), local_in_data("hard/two.db")), 0);
    expect_the_late_one_to_stay(put_a_tables_file_there);
}

static void a_crash_at_any_removal_counts_what_stays_as_protected_all_the_same(void **state)
{
    (void)state;
    tell_of("pvm_orders", "stack/buckets/things/m.db");
    for (size_t crash = 1; crash <= 4; crash++) {
        for (const char *key = "a\0k\0z\0"; *key; key += 2)
            local_put(local_in_bucket(key));
        local_put(local_in_bucket("m.db"));
        local_put(local_in_bucket("m.db-wal"));
        const struct local_tally *real = local_vacuum(&local_things, local_all, 10, crash);
        assert_int_equal(real->status, OPS_OK);
        assert_int_equal(real->deleted, 3);
        assert_int_equal(real->failed, 0);
        assert_int_equal(real->protected_count, 1);
        assert_int_equal(real->bytes, 21);
        assert_true(local_exists(local_in_bucket("m.db-wal")));
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, local_rig_setup, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_file_of_a_table_stays_with_what_sqlite_keeps_beside_it),
        CASE(without_such_a_table_it_is_an_object_like_others),
        CASE(the_file_of_a_table_stays_under_each_of_its_names),
        CASE(the_file_of_a_table_stays_where_its_directory_is_mounted_as_the_bucket),
        CASE(the_engines_own_tables_and_what_belongs_to_g3nops_stay_listed_or_not),
        CASE(a_table_that_is_named_after_the_page_was_read_keeps_its_file),
        CASE(a_file_that_comes_in_the_place_of_another_is_looked_at_again),
        CASE(a_crash_at_any_removal_counts_what_stays_as_protected_all_the_same),
    };
    (void)local_may_mount();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
