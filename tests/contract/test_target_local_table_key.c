/* By what a record is told from the others, where the manifest names no key. */
#include "support/cmocka_all.h"
#include "support/table_rig.h"

#include "core/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct ops_target *open_acme(const char *key)
{
    struct ops_scope scope = table_by("org", "acme");
    return table_open(table_location("t", key, ""), &scope);
}

static void a_table_without_a_key_goes_by_its_rowid(void **state)
{
    (void)state;
    static const char *const keys[] = {NULL, "[\"rowid\"]", "[\"RowId\"]"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        table_sql(
            "DROP TABLE IF EXISTS t; CREATE TABLE t(id INTEGER, org TEXT, name TEXT);"
            "CREATE UNIQUE INDEX part%d ON t(id) WHERE name IS NOT NULL; CREATE INDEX by_org%d ON t(org);"
            "INSERT INTO t(rowid, id, org) VALUES (-7, 1, 'acme'), (0, 1, 'acme'), (5, 1, 'globex'), (9, NULL, 'acme')",
            (int)i, (int)i);
        struct ops_target *target = open_acme(keys[i]);
        assert_int_equal(table_page(target, "", 2), 2);
        assert_true(ops_view_is(table.page.keys[0].guarded, "-7"));
        struct ops_recount there;
        table_remove(target);
        assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&table.page.receipt), &there, NULL), OPS_OK);
        assert_int_equal(there.count, 0);
        assert_int_equal(table_walk(target, 1, table_remove), 1);
        assert_int_equal(table_number("SELECT rowid FROM t"), 5);
        ops_target_close(target);
    }
}

/* Else a protected record would be told by a number that nobody protects. */
static void without_a_key_in_the_manifest_the_primary_key_is_taken(void **state)
{
    (void)state;
    static const char *const makes[] = {"CREATE TABLE t(org, sk, pk, PRIMARY KEY (pk, sk))",
                                        "CREATE TABLE t(org, sk, pk, PRIMARY KEY (pk, sk)) WITHOUT ROWID"};
    static const char *const keys[] = {NULL, "[\"rowid\"]"};
    for (size_t i = 0; i < COUNT_OF(makes) * COUNT_OF(keys); i++) {
        table_sql("DROP TABLE IF EXISTS t; %s; INSERT INTO t VALUES ('acme', 1, 'g3nmhsadmin#1'), ('acme', 2, 'x')",
                  makes[i % 2]);
        struct ops_target *target = open_acme(keys[i / 2]);
        assert_int_equal(table_page(target, "", 10), 2);
        assert_true(ops_view_is(table.page.keys[0].guarded, "g3nmhsadmin#1"));
        assert_true(ops_view_is(table.page.keys[1].guarded, "x"));
        ops_target_close(target);
    }
    const struct ops_scope scope = {.by = OPS_SCOPE_KEY, .value = "x"};
    struct ops_target *target = table_open(table_location("t", NULL, ""), &scope);
    assert_int_equal(table_walk(target, 10, table_remove), 1);
    ops_target_close(target);
}

static bool is_guarded(const struct ops_key *key)
{
    static const struct ops_guard compiled_in = {NULL, 0};
    return ops_guard_record(&compiled_in, OPS_TABLE, key);
}

/* The manifest can add to the guard, never take away: "key" says by what a record is told, not what is looked at. */
static void what_the_manifest_takes_for_the_key_takes_nothing_from_the_guard(void **state)
{
    (void)state;
    static const struct {
        const char *make;
        const char *key;
    } rows[] = {
        {"CREATE TABLE t(pk TEXT, sk TEXT, org TEXT, PRIMARY KEY (pk, sk))", "[\"sk\",\"pk\"]"},
        {"CREATE TABLE t(pk TEXT, sk TEXT, org TEXT, PRIMARY KEY (pk, sk)) WITHOUT ROWID", "[\"sk\",\"pk\"]"},
        {"CREATE TABLE t(pk TEXT, sk TEXT, org TEXT, PRIMARY KEY (sk, pk))", NULL},
        {"CREATE TABLE t(pk TEXT PRIMARY KEY, sk TEXT UNIQUE, org TEXT)", "[\"sk\"]"},
        {"CREATE TABLE t(pk TEXT, sk TEXT UNIQUE, org TEXT)", "[\"sk\"]"},
        {"CREATE TABLE t(pk TEXT, sk INTEGER PRIMARY KEY, org TEXT)", NULL},
        {"CREATE TABLE t(PK TEXT, sk TEXT, org TEXT)", "[\"rowid\"]"},
        {"CREATE TABLE t(name TEXT, sk TEXT UNIQUE, org TEXT, UNIQUE (org, name))", "[\"sk\"]"},
        {"CREATE TABLE t(name TEXT, sk TEXT UNIQUE, org TEXT); CREATE UNIQUE INDEX u ON t(name) WHERE sk <> 0", NULL},
        {"CREATE TABLE t(pk BLOB, sk TEXT UNIQUE, org TEXT)", "[\"sk\"]"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        table_sql("DROP TABLE IF EXISTS t; %s; INSERT INTO t VALUES ('g3nmhsadmin#1', 1, 'acme'), ('x', 2, 'acme'),"
                  " (CAST('g3nmhsadmin' AS BLOB), 3, 'acme')",
                  rows[i].make);
        struct ops_target *target = open_acme(rows[i].key);
        assert_int_equal(table_page(target, "", 10), 3);
        size_t guarded = 0;
        for (size_t k = 0; k < 3; k++)
            guarded += is_guarded(&table.page.keys[k]);
        if (guarded != 2)
            fail_msg("%s, key %s: %zu of 2 are guarded", rows[i].make, rows[i].key ? rows[i].key : "none", guarded);
        table_remove(target);
        assert_int_equal(table_number("SELECT count(*) FROM t"), 0); /* ids are whole all the same */
        ops_target_close(target);
    }
}

static void what_is_only_looked_at_may_be_long(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, body BLOB UNIQUE);"
              "INSERT INTO t VALUES (1, 'acme', zeroblob(3000000)), (2, 'acme', CAST('g3nmhsadmin' || "
              "hex(zeroblob(1000000)) AS BLOB))");
    struct ops_target *target = open_acme(NULL);
    assert_int_equal(table_page(target, "", 10), 2);
    assert_false(is_guarded(&table.page.keys[0]));
    assert_true(is_guarded(&table.page.keys[1]));
    ops_target_close(target);
}

static void a_column_that_is_called_rowid_is_a_column(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, rowid TEXT, oid TEXT, _rowid_ TEXT);"
              "INSERT INTO t VALUES (1, 'acme', 'a', 'b', 'c'), (2, 'globex', 'a', 'b', 'c'), (3, 'acme', 'a', 'b', 'c')");
    table_refused(table_location("t", "[\"rowid\"]", ""), &table_all, "unique");
    struct ops_target *target = open_acme("[\"id\"]");
    assert_int_equal(table_walk(target, 10, table_remove), 2);
    assert_int_equal(table_number("SELECT id FROM t"), 2);
    ops_target_close(target);
    table_sql("CREATE UNIQUE INDEX u ON t(rowid)");
    target = table_open(table_location("t", "[\"rowid\"]", ""), &table_all);
    assert_int_equal(table_page(target, "", 10), 1);
    assert_true(ops_view_is(table.page.keys[0].guarded, "a"));
    ops_target_close(target);
    table_sql("CREATE TABLE hidden(org, rowid, oid, _rowid_)");
    table_refused(table_location("hidden", NULL, ""), &table_all, "hide its rowid");
    table_sql(
        "CREATE TABLE down(id INTEGER PRIMARY KEY DESC, org, rowid, oid, _rowid_)"); /* no alias of the rowid, by a quirk */
    table_refused(table_location("down", "[\"id\"]", ""), &table_all, "hide its rowid");
}

static void a_rowid_is_no_tenants_name(void **state)
{
    (void)state;
    const struct ops_scope key = {.by = OPS_SCOPE_KEY, .value = "1"}, prefix = {.by = OPS_SCOPE_KEY_PREFIX, .value = "1#"};
    table_sql("CREATE TABLE t(org)");
    table_refused(table_location("t", NULL, ""), &key, "no key");
    table_refused(table_location("t", "[\"rowid\"]", ""), &prefix, "no key");
}

static void a_key_that_is_no_list_of_names_is_refused(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id PRIMARY KEY, org)");
    table_refused(table_location("t", "[]", ""), &table_all, "key");
    table_refused(table_location("t", "\"id\"", ""), &table_all, "key");
    table_refused(table_location("t", "[1]", ""), &table_all, "key");
    table_sql("CREATE TABLE wide(a,b,c,d,e,f,g,h,i, PRIMARY KEY (a,b,c,d,e,f,g,h,i)) WITHOUT ROWID");
    table_refused(table_location("wide", NULL, ""), &table_all, "more than 8 columns");
}

/* VACUUM gives records without an INTEGER PRIMARY KEY new rowids. */
static void records_that_may_have_other_rowids_by_now_are_left(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(org); INSERT INTO t(rowid, org) VALUES (10, 'acme'), (11, 'acme'), (12, 'acme'), (1, 'acme')");
    struct ops_target *target = open_acme(NULL);
    enum ops_removal outcomes[4];
    struct ops_recount there = {77, 0};
    assert_int_equal(table_page(target, "", 2), 2);
    table_sql("VACUUM");
    assert_int_equal(ops_target_remove(target, table.page.keys, 2, outcomes, &table.error), OPS_TARGET_ERROR);
    assert_non_null(strstr(table.error.text, "rewritten"));
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&table.page.receipt), &there, &table.error),
                     OPS_TARGET_ERROR);
    assert_int_equal(table_number("SELECT count(*) FROM t"), 4);
    ops_target_close(target);
    target = open_acme(NULL);
    assert_int_equal(table_walk(target, 2, table_remove), 4);
    ops_target_close(target);
}

static void records_with_a_key_are_found_after_a_vacuum_of_sqlite(void **state)
{
    (void)state;
    static const char *const makes[] = {"CREATE TABLE t(id TEXT PRIMARY KEY, org)",
                                        "CREATE TABLE t(id INTEGER PRIMARY KEY, org)"};
    for (size_t i = 0; i < COUNT_OF(makes); i++) {
        table_sql("DROP TABLE IF EXISTS t; %s; INSERT INTO t(rowid, id, org) VALUES (10, 10, 'acme'), (12, 12, 'acme')",
                  makes[i]);
        struct ops_target *target = open_acme(NULL);
        assert_int_equal(table_page(target, "", 2), 2);
        table_sql("VACUUM");
        table_remove(target);
        assert_int_equal(table_number("SELECT count(*) FROM t"), 0);
        ops_target_close(target);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, table_set_up, table_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_table_without_a_key_goes_by_its_rowid),
        CASE(without_a_key_in_the_manifest_the_primary_key_is_taken),
        CASE(what_the_manifest_takes_for_the_key_takes_nothing_from_the_guard),
        CASE(what_is_only_looked_at_may_be_long),
        CASE(a_column_that_is_called_rowid_is_a_column),
        CASE(a_rowid_is_no_tenants_name),
        CASE(a_key_that_is_no_list_of_names_is_refused),
        CASE(records_that_may_have_other_rowids_by_now_are_left),
        CASE(records_with_a_key_are_found_after_a_vacuum_of_sqlite),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
