#include "adapters/local/catalogue.h"
#include "base/mem.h"
#include "contract/target_suite.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STANDARD "CREATE TABLE items(pk TEXT, sk TEXT, orgcode TEXT, body TEXT, PRIMARY KEY (pk, sk))"

/* How a rig's table is made, and how a record is put and found in it. */
struct shape {
    const char *create;
    const char *insert; /* ?1 key, ?2 orgcode */
    const char *select; /* ?1 key */
    const char *location;
};

static const struct shape standard = {
    STANDARD,
    "INSERT INTO items VALUES (?1, 's', ?2, '{}')",
    "SELECT 1 FROM items WHERE pk = ?1",
    NULL,
};
static const struct shape standard_wal = {
    "PRAGMA journal_mode = WAL;" STANDARD ";CREATE INDEX by_org ON items(orgcode)",
    "INSERT INTO items VALUES (?1, 's', ?2, '{}')",
    "SELECT 1 FROM items WHERE pk = ?1",
    NULL,
};
static const struct shape nocase = {
    "CREATE TABLE \"my \"\"table\"(rowid INTEGER, id TEXT COLLATE NOCASE, tenant TEXT COLLATE NOCASE, UNIQUE (id COLLATE "
    "BINARY))",
    "INSERT INTO \"my \"\"table\" VALUES (1, ?1, ?2)",
    "SELECT 1 FROM \"my \"\"table\" WHERE id = ?1 COLLATE BINARY",
    "{\"file\": \"stack/tables/things.sqlite\", \"table\": \"my \\\"table\", \"key\": [\"id\"], \"columns\": {\"orgcode\": "
    "\"tenant\"}}",
};
static const struct shape without_rowid = {
    "CREATE TABLE t(id TEXT, n INTEGER, orgcode, PRIMARY KEY (id, n)) WITHOUT ROWID",
    "INSERT INTO t VALUES (?1, 7, ?2)",
    "SELECT 1 FROM t WHERE id = ?1",
    "{\"file\": \"stack/tables/things.sqlite\", \"table\": \"t\", \"key\": [\"id\", \"n\"]}",
};

static char data[SCRATCH_SIZE];
static struct ops_catalogue *stack;
static sqlite3 *db;
static const struct shape *shape;
static struct ops_error error;

static void sql(const char *text)
{
    char *reason = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &reason) != SQLITE_OK)
        fail_msg("%s: %s", text, reason);
}

static int number(const char *text)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void begin(void)
{
    ops_error_init(&error);
    scratch_make(data);
    assert_int_equal(mkdir(scratch_path(data, "stack"), 0700), 0);
    assert_int_equal(mkdir(scratch_path(data, "stack/tables"), 0700), 0);
    assert_int_equal(sqlite3_open(scratch_path(data, "stack/tables/things.sqlite"), &db), SQLITE_OK);
    sql("PRAGMA synchronous = OFF");
    if (shape)
        sql(shape->create);
    assert_int_equal(ops_local_catalogue_new(data, &stack, NULL), OPS_OK);
}

static void end(void)
{
    ops_error_release(&error);
    ops_catalogue_release(stack);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    scratch_remove(data);
}

static struct ops_catalogue *catalogue(void)
{
    return stack;
}

static int ask(const char *text, const char *key, const char *orgcode)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    if (orgcode)
        sqlite3_bind_text(statement, 2, orgcode, -1, SQLITE_STATIC);
    int result = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return result;
}

static void put(const char *key, const char *orgcode)
{
    assert_int_equal(ask(shape->insert, key, orgcode), SQLITE_DONE);
}

static bool exists(const char *key)
{
    return ask(shape->select, key, NULL) == SQLITE_ROW;
}

static int run(const char *name, const struct shape *the_shape)
{
    json_t *location = the_shape->location ? json_loads(the_shape->location, 0, NULL) : NULL;
    const struct target_rig rig = {
        .spec = {.kind = OPS_TABLE, .name = "things", .location = location},
        .missing = {.kind = OPS_TABLE, .name = "nothings"},
        .has_attributes = true,
        .has_keys = true,
        .begin = begin,
        .end = end,
        .catalogue = catalogue,
        .put = put,
        .exists = exists,
        .lists_itself = true,
    };
    shape = the_shape;
    int failed = target_suite_run(name, &rig);
    json_decref(location);
    return failed;
}

/* ---- What only a SQLite table has ---- */

static struct ops_key_page page;

static int setup(void **state)
{
    (void)state;
    shape = NULL;
    begin();
    ops_key_page_init(&page, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ops_key_page_release(&page);
    end();
    return 0;
}

static enum ops_status try_open(const char *location_text, struct ops_scope scope, struct ops_target **ret_target)
{
    json_t *location = location_text ? json_loads(location_text, 0, NULL) : NULL;
    assert_true(!location_text || location);
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "things", .location = location};
    *ret_target = NULL;
    enum ops_status status = ops_catalogue_open(stack, &spec, &scope, ret_target, &error);
    json_decref(location);
    return status;
}

static const struct ops_scope all = {.by = OPS_SCOPE_ALL};

#define LOCATION(table, key) "{\"file\": \"stack/tables/things.sqlite\", \"table\": \"" table "\", \"key\": [" key "]}"

static struct ops_target *open_ok(const char *location, struct ops_scope scope)
{
    struct ops_target *target;
    enum ops_status status = try_open(location, scope, &target);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
    return target;
}

static void assert_refused(const char *location, const char *reason)
{
    struct ops_target *target;
    assert_int_equal(try_open(location, all, &target), OPS_TARGET_ERROR);
    if (!strstr(error.text, reason))
        fail_msg("'%s' does not say '%s'", error.text, reason);
}

static size_t page_count(struct ops_target *target)
{
    assert_int_equal(ops_target_page(target, 0, "", 1000, &page, NULL), OPS_OK);
    return page.count;
}

static void remove_page(struct ops_target *target)
{
    enum ops_removal outcomes[1000];
    assert_int_equal(ops_target_remove(target, page.keys, page.count, outcomes, &error), OPS_OK);
}

static void what_is_no_ordinary_table_is_refused(void **state)
{
    (void)state;
    sql(STANDARD "; CREATE VIEW v AS SELECT * FROM items; CREATE VIRTUAL TABLE f USING fts5(a);"
                 "CREATE VIRTUAL TABLE r USING rtree(id, a, b)");
    assert_refused(LOCATION("v", "\"pk\", \"sk\""), "not an ordinary table");
    assert_refused(LOCATION("r", "\"id\""), "r is a virtual table (rtree), not an ordinary table");
    assert_refused(LOCATION("f", "\"a\""), "neither its primary key nor a unique index's columns");
    assert_refused(LOCATION("f_data", "\"id\""), "not an ordinary table");
    assert_refused(LOCATION("sqlite_schema", "\"name\""), "table");
    assert_refused(LOCATION("nowhere", "\"pk\""), "has no table");
    assert_refused(LOCATION("items", "\"pk\", \"nothing\""), "has no column");
}

static void a_key_that_is_not_unique_is_refused(void **state)
{
    (void)state;
    sql(STANDARD "; CREATE UNIQUE INDEX part ON items(pk) WHERE orgcode IS NOT NULL; CREATE INDEX plain ON items(sk);"
                 "CREATE UNIQUE INDEX expression ON items(lower(orgcode))");
    assert_refused(LOCATION("items", "\"pk\""), "unique");
    assert_refused(LOCATION("items", "\"sk\""), "unique");
    assert_refused(LOCATION("items", "\"orgcode\""), "unique");
    assert_refused(LOCATION("items", "\"pk\", \"pk\""), "unique");
    assert_refused(LOCATION("items", "\"pk\", \"sk\", \"orgcode\""), "unique");
    ops_target_close(open_ok(LOCATION("items", "\"SK\", \"PK\""), all));
}

static void a_table_with_a_delete_trigger_is_refused(void **state)
{
    (void)state;
    sql(STANDARD "; CREATE TABLE other(a); CREATE TRIGGER i AFTER INSERT ON items BEGIN SELECT 1; END");
    ops_target_close(open_ok(NULL, all));
    sql("CREATE TRIGGER d AFTER DELETE ON items BEGIN DELETE FROM other; END");
    assert_refused(NULL, "trigger");
}

static void a_trigger_made_later_does_not_run(void **state)
{
    (void)state;
    sql(STANDARD "; CREATE TABLE other(a); INSERT INTO other VALUES (1); INSERT INTO items VALUES ('a', 's', 'x', '{}')");
    struct ops_target *target = open_ok(NULL, all);
    assert_int_equal(page_count(target), 1);
    sql("CREATE TRIGGER d AFTER DELETE ON items BEGIN DELETE FROM other; END");
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM items"), 0);
    assert_int_equal(number("SELECT count(*) FROM other"), 1);
    ops_target_close(target);
}

static void a_cascade_reaches_no_other_table(void **state)
{
    (void)state;
    sql(STANDARD "; CREATE TABLE child(pk, sk, FOREIGN KEY (pk, sk) REFERENCES items ON DELETE CASCADE);"
                 "INSERT INTO items VALUES ('a', 's', 'x', '{}'); INSERT INTO child VALUES ('a', 's')");
    struct ops_target *target = open_ok(NULL, all);
    assert_int_equal(page_count(target), 1);
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM child"), 1);
    ops_target_close(target);
}

static void files_of_ops_and_links_are_refused(void **state)
{
    (void)state;
    scratch_write(scratch_path(data, "ops.sqlite"), "");
    assert_refused("{\"file\": \"ops.sqlite\", \"table\": \"t\", \"key\": [\"a\"]}", "OPS keeps its own records");
    assert_refused("{\"file\": \"stack/../ops.sqlite\", \"table\": \"t\", \"key\": [\"a\"]}", "OPS keeps its own records");
    assert_int_equal(link(scratch_path(data, "ops.sqlite"), scratch_path(data, "hard.sqlite")), 0);
    assert_refused("{\"file\": \"hard.sqlite\", \"table\": \"t\", \"key\": [\"a\"]}", "OPS keeps its own records");
    assert_int_equal(symlink("stack/tables/things.sqlite", scratch_path(data, "soft.sqlite")), 0);
    assert_refused("{\"file\": \"soft.sqlite\", \"table\": \"t\", \"key\": [\"a\"]}", "is a link");
    assert_refused("{\"file\": \"stack\", \"table\": \"t\", \"key\": [\"a\"]}", "not a regular file");
    scratch_write(scratch_path(data, "text.sqlite"), "This is no database, but a text that is long enough to be looked at.");
    assert_refused("{\"file\": \"text.sqlite\", \"table\": \"t\", \"key\": [\"a\"]}", "not a database");
}

static void a_missing_file_is_not_created(void **state)
{
    (void)state;
    struct ops_target *target;
    assert_int_equal(try_open("{\"file\": \"new.sqlite\", \"table\": \"t\", \"key\": [\"a\"]}", all, &target),
                     OPS_TARGET_MISSING);
    assert_int_not_equal(access(scratch_path(data, "new.sqlite"), F_OK), 0);
}

static void a_locked_database_is_throttled(void **state)
{
    (void)state;
    sql(STANDARD "; INSERT INTO items VALUES ('a', 's', 'x', '{}')");
    struct ops_target *target = open_ok(NULL, all);
    enum ops_removal outcome;
    assert_int_equal(page_count(target), 1);
    sql("BEGIN IMMEDIATE");
    assert_int_equal(ops_target_remove(target, page.keys, 1, &outcome, &error), OPS_THROTTLED);
    sql("COMMIT");
    assert_int_equal(ops_target_remove(target, page.keys, 1, &outcome, &error), OPS_OK);
    sql("BEGIN EXCLUSIVE");
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, &error), OPS_THROTTLED);
    sql("COMMIT");
    ops_target_close(target);
}

static void a_reader_in_the_way_of_the_commit_is_throttled_and_nothing_is_gone(void **state)
{
    (void)state;
    sql(STANDARD "; INSERT INTO items VALUES ('a', 's', 'x', '{}'), ('b', 's', 'x', '{}')");
    struct ops_target *target = open_ok(NULL, all);
    enum ops_removal outcomes[2];
    assert_int_equal(page_count(target), 2);
    sql("BEGIN; SELECT * FROM items");
    assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, &error), OPS_THROTTLED);
    sql("COMMIT");
    assert_int_equal(number("SELECT count(*) FROM items"), 2);
    assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, &error), OPS_OK);
    assert_int_equal(number("SELECT count(*) FROM items"), 0);
    ops_target_close(target);
}

static void a_row_that_comes_between_page_and_remove_survives(void **state)
{
    (void)state;
    sql(STANDARD "; INSERT INTO items(rowid, pk, sk) VALUES (1, 'a', 's'), (5, 'b', 's'), (9, 'c', 's')");
    struct ops_target *target = open_ok(NULL, all);
    assert_int_equal(page_count(target), 3);
    sql("INSERT INTO items(rowid, pk, sk) VALUES (6, 'g3nmhsadmin', 's')");
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM items"), 1);
    assert_int_equal(number("SELECT rowid FROM items"), 6);
    ops_target_close(target);
}

static void a_row_left_out_of_the_batch_survives(void **state)
{
    (void)state;
    sql(STANDARD "; INSERT INTO items(rowid, pk, sk) VALUES (1, 'a', 's'), (2, 'b', 's'), (3, 'c', 's'), (4, 'd', 's')");
    struct ops_target *target = open_ok(NULL, all);
    enum ops_removal outcomes[3];
    assert_int_equal(page_count(target), 4);
    const struct ops_key keys[] = {page.keys[0], page.keys[2], page.keys[3]};
    assert_int_equal(ops_target_remove(target, keys, 3, outcomes, NULL), OPS_OK);
    assert_int_equal(number("SELECT rowid FROM items"), 2);
    struct ops_recount there;
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, NULL), OPS_OK);
    assert_int_equal(there.count, 1);
    ops_target_close(target);
}

static void a_row_that_took_the_rowid_of_another_survives(void **state)
{
    (void)state;
    sql(STANDARD "; INSERT INTO items(rowid, pk, sk) VALUES (1, 'a', 's'), (2, 'b', 's')");
    struct ops_target *target = open_ok(NULL, all);
    assert_int_equal(page_count(target), 2);
    sql("DELETE FROM items WHERE rowid = 2; INSERT INTO items(rowid, pk, sk) VALUES (2, 'new', 's'), (7, 'b', 's')");
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM items"), 1);
    assert_int_equal(number("SELECT count(*) FROM items WHERE pk = 'new'"), 1);
    ops_target_close(target);
}

static void a_row_that_moved_to_another_tenant_survives(void **state)
{
    (void)state;
    sql(STANDARD "; INSERT INTO items VALUES ('a', 's', 'acme', '{}'), ('b', 's', 'acme', '{}')");
    struct ops_target *target = open_ok(NULL, (struct ops_scope){OPS_SCOPE_ATTRIBUTE, "orgcode", NULL, "acme"});
    assert_int_equal(page_count(target), 2);
    sql("UPDATE items SET orgcode = 'other' WHERE pk = 'a'");
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM items WHERE pk = 'a'"), 1);
    assert_int_equal(number("SELECT count(*) FROM items"), 1);
    ops_target_close(target);
}

static void numbers_match_only_their_own_text(void **state)
{
    (void)state;
    sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org INTEGER); CREATE INDEX o ON t(org);"
        "INSERT INTO t VALUES (7, 7), (70, 8), (17, 7)");
    struct ops_target *target =
        open_ok(LOCATION("t", "\"id\""), (struct ops_scope){OPS_SCOPE_ATTRIBUTE, "org", NULL, "007"});
    assert_int_equal(page_count(target), 0);
    ops_target_close(target);
    target = open_ok(LOCATION("t", "\"id\""), (struct ops_scope){OPS_SCOPE_ATTRIBUTE, "org", NULL, "7"});
    assert_int_equal(page_count(target), 2);
    ops_target_close(target);
    target = open_ok(LOCATION("t", "\"id\""), (struct ops_scope){OPS_SCOPE_KEY_PREFIX, NULL, NULL, "7"});
    assert_int_equal(page_count(target), 2);
    assert_true(ops_view_is(page.keys[0].guarded, "7"));
    remove_page(target);
    assert_int_equal(number("SELECT id FROM t"), 17);
    ops_target_close(target);
}

static void blob_keys_are_guarded_and_matched_by_their_bytes(void **state)
{
    (void)state;
    sql("CREATE TABLE t(id BLOB PRIMARY KEY); INSERT INTO t VALUES (CAST('ORG#acme' AS BLOB)), ('ORG#acme'), (x'ff00ff'), "
        "(NULL)");
    struct ops_target *target = open_ok(LOCATION("t", "\"id\""), (struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "ORG#acme"});
    assert_int_equal(page_count(target), 2);
    assert_true(ops_view_is(page.keys[0].guarded, "ORG#acme"));
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM t"), 2);
    ops_target_close(target);
    target = open_ok(LOCATION("t", "\"id\""), all);
    assert_int_equal(page_count(target), 2);
    assert_true(ops_view_equal(page.keys[0].guarded, ops_view("\xff\0\xff", 3)));
    assert_int_equal(page.keys[1].guarded.length, 0);
    sql("INSERT INTO t VALUES (1.5)");
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM t"), 1);
    assert_int_equal(page_count(target), 1);
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM t"), 0);
    ops_target_close(target);
}

static void another_attribute_is_looked_up_in_the_body(void **state)
{
    (void)state;
    sql(STANDARD "; INSERT INTO items VALUES ('a', 's', NULL, '{\"tenant.id\": \"acme\"}'), ('b', 's', NULL, 'no json'),"
                 "('c', 's', NULL, '{\"tenant\": {\"id\": \"acme\"}}'), ('d', 's', NULL, NULL), ('e', 's', NULL, "
                 "'{\"tenant.id\": 1}')");
    struct ops_target *target = open_ok(NULL, (struct ops_scope){OPS_SCOPE_ATTRIBUTE, "tenant.id", NULL, "acme"});
    assert_int_equal(page_count(target), 1);
    remove_page(target);
    assert_int_equal(number("SELECT count(*) FROM items WHERE pk = 'a'"), 0);
    assert_int_equal(number("SELECT count(*) FROM items"), 4);
    ops_target_close(target);
}

static void a_page_ends_before_its_storage_is_full(void **state)
{
    (void)state;
    sql(STANDARD "; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
                 " INSERT INTO items SELECT 'key' || i, 's', '', '' FROM n");
    struct ops_target *target = open_ok(NULL, all);
    struct ops_key_page small;
    size_t total = 0;
    char cursor[200] = "";
    ops_key_page_init(&small, 500);
    do {
        assert_int_equal(ops_target_page(target, 0, cursor, 1000, &small, NULL), OPS_OK);
        assert_in_range(small.count, 0, 14);
        total += small.count;
        snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&small.cursor));
    } while (!small.last);
    assert_int_equal(total, 50);
    ops_key_page_release(&small);
    ops_target_close(target);
}

/* SQLite has an allocator of its own, so the sweep covers ours and jansson's. */
static void running_out_of_memory_is_a_status_and_leaks_nothing(void **state)
{
    (void)state;
    sql(STANDARD "; INSERT INTO items VALUES ('a', 's', 'acme', '{}'), ('b', 's', 'acme', '{}'), ('c', 's', 'acme', '{}')");
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "things"};
    const struct ops_scope scope = {OPS_SCOPE_ATTRIBUTE, "orgcode", NULL, "acme"};
    bool hit = true;
    ops_catalogue_release(stack);
    stack = NULL;
    for (size_t n = 1; hit; n++) {
        struct ops_catalogue *local = NULL;
        struct ops_target *target = NULL;
        struct ops_key_page keys;
        struct ops_recount there = {0, 0};
        alloc_fault_install(n);
        ops_key_page_init(&keys, 4096);
        enum ops_status status = ops_local_catalogue_new(data, &local, NULL);
        if (status == OPS_OK)
            status = ops_catalogue_open(local, &spec, &scope, &target, NULL);
        if (status == OPS_OK)
            status = ops_target_page(target, 0, "", 2, &keys, NULL);
        if (status == OPS_OK)
            status = ops_target_recount(target, 0, ops_buf_text(&keys.receipt), &there, NULL);
        hit = alloc_fault_hit();
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        ops_key_page_release(&keys);
        ops_target_close(target);
        ops_catalogue_release(local);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
    assert_int_equal(number("SELECT count(*) FROM items"), 3);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(what_is_no_ordinary_table_is_refused),
        CASE(a_key_that_is_not_unique_is_refused),
        CASE(a_table_with_a_delete_trigger_is_refused),
        CASE(a_trigger_made_later_does_not_run),
        CASE(a_cascade_reaches_no_other_table),
        CASE(files_of_ops_and_links_are_refused),
        CASE(a_missing_file_is_not_created),
        CASE(a_locked_database_is_throttled),
        CASE(a_reader_in_the_way_of_the_commit_is_throttled_and_nothing_is_gone),
        CASE(a_row_that_comes_between_page_and_remove_survives),
        CASE(a_row_left_out_of_the_batch_survives),
        CASE(a_row_that_took_the_rowid_of_another_survives),
        CASE(a_row_that_moved_to_another_tenant_survives),
        CASE(numbers_match_only_their_own_text),
        CASE(blob_keys_are_guarded_and_matched_by_their_bytes),
        CASE(another_attribute_is_looked_up_in_the_body),
        CASE(a_page_ends_before_its_storage_is_full),
        CASE(running_out_of_memory_is_a_status_and_leaks_nothing),
    };
#undef CASE
    int failed = run("a table in the standard form", &standard);
    failed += run("a table in the standard form, WAL and indexed", &standard_wal);
    failed += run("a table of somebody else, with NOCASE columns", &nocase);
    failed += run("a table of somebody else, WITHOUT ROWID", &without_rowid);
    return failed + cmocka_run_group_tests_name("only in SQLite", tests, NULL, NULL);
}
