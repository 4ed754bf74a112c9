/* What an application's file may cost: large values, a schema that computes, and statements that take their time. */
#include "adapters/local/limits.h"
#include "adapters/local/table_parts.h"
#include "support/cmocka_all.h"
#include "support/table_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTCOMES_MAX = 200 };

static struct ops_target *open_acme(const char *more)
{
    struct ops_scope scope = table_by("org", "acme");
    return table_open(table_location("t", NULL, more), &scope);
}

static void assert_says(enum ops_status status, enum ops_status wanted, const char *words, const char *more)
{
    if (status != wanted || !strstr(table.error.text, words) || !strstr(table.error.text, more))
        fail_msg("%s: %s", ops_status_tag(status), table.error.text);
}

static enum ops_status first_page(struct ops_target *target)
{
    return ops_target_page(target, 0, "", 100, &table.page, &table.error);
}

static void a_tenants_name_that_is_too_large_fails_the_target_with_table_and_limit(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT); INSERT INTO t(org) VALUES ('acme');"
              "INSERT INTO t(org) VALUES (CAST(zeroblob(%d) AS TEXT))",
              LOCAL_VALUE_MAX_BYTES + 1);
    struct ops_target *target = open_acme("");
    assert_says(first_page(target), OPS_LIMIT, "table t", "4194304");
    struct ops_findings findings = {.count = 0};
    assert_int_equal(ops_target_inspect(target, &findings, &table.error), OPS_OK);
    assert_int_equal(findings.count, 1);
    assert_true(findings.list[0].blocks);
    assert_non_null(strstr(findings.list[0].text, "4194304"));
    ops_target_close(target);
    table_sql("UPDATE t SET org = CAST(zeroblob(%d) AS TEXT) WHERE id = 2", LOCAL_VALUE_MAX_BYTES - 1);
    target = open_acme("");
    assert_int_equal(table_walk(target, 10, table_remove), 1);
    ops_target_close(target);
}

static void what_a_schema_computes_is_limited_too(void **state)
{
    (void)state;
    static const char *const columns[] = {"substr(hex(zeroblob(n)), 1, 0) || 'acme'",
                                          "substr(printf('%.*c', n, 'x'), 1, 0) || 'acme'",
                                          "CASE WHEN instr(hex(zeroblob(n)), 'a') THEN 'no' ELSE 'acme' END"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        table_sql("DROP TABLE IF EXISTS t; CREATE TABLE t(id INTEGER PRIMARY KEY, n, org TEXT AS (%s));", columns[i]);
        table_sql("INSERT INTO t(n) VALUES (100)");
        struct ops_target *target = open_acme("");
        assert_int_equal(table_walk(target, 10, NULL), 1);
        ops_target_close(target);
        table_sql("INSERT INTO t(n) VALUES (400000000)");
        target = open_acme("");
        assert_says(first_page(target), OPS_LIMIT, "table t", "limit");
        ops_target_close(target);
    }
}

/* A name that SQLite would make NULL of, since it does not fit, is somebody's. */
static void a_name_that_printf_makes_is_seen_or_refused(void **state)
{
    (void)state;
    static const char *const functions[] = {"printf", "format"};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        table_sql("DROP TABLE IF EXISTS t; CREATE TABLE t(id INTEGER PRIMARY KEY, f, n, org TEXT AS (%s(f, n)));"
                  "INSERT INTO t(f, n) VALUES ('ac%%s', 'me'), (NULL, 1), ('%%d', 2)",
                  functions[i]);
        struct ops_target *target = open_acme("");
        assert_int_equal(table_walk(target, 10, table_remove), 1);
        assert_int_equal(table_number("SELECT count(*) FROM t"), 2);
        table_sql("INSERT INTO t(f, n) VALUES ('%%300000d', 1)");
        assert_says(first_page(target), OPS_LIMIT, "table t", "262144");
        ops_target_close(target);
    }
}

struct computing {
    const char *column;
    int most; /* bytes of a value */
};

static void the_more_a_schema_computes_the_smaller_a_value_may_be(void **state)
{
    (void)state;
    static const struct computing all[] = {
        {"json_extract(j, '$.c')", LOCAL_VALUE_MAX_BYTES},
        {"trim(j ->> 'c')", LOCAL_VALUE_MAX_BYTES},
        {"replace(j ->> 'c', 'x', 'y')", 256 * 1024},
        {"replace(replace(j ->> 'c', 'x', 'y'), 'u', 'v')", 128 * 1024},
        {"trim(j ->> 'c', ' ')", 32 * 1024},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        table_sql("DROP TABLE IF EXISTS t; CREATE TABLE t(id INTEGER PRIMARY KEY, j, org TEXT AS (%s))", all[i].column);
        table_sql("INSERT INTO t(j) VALUES (printf('{\"c\":\"acme\",\"d\":\"%%.*c\"}', %d, 'x'))", all[i].most - 100);
        struct ops_target *target = open_acme("");
        assert_int_equal(table_walk(target, 10, NULL), 1);
        ops_target_close(target);
        table_sql("INSERT INTO t(j) VALUES (printf('{\"c\":\"acme\",\"d\":\"%%.*c\"}', %d, 'x'))", all[i].most + 100);
        char most[32];
        (void)snprintf(most, sizeof most, "than %d bytes", all[i].most);
        target = open_acme("");
        assert_says(first_page(target), OPS_LIMIT, "table t", most);
        ops_target_close(target);
    }
}

static void a_schema_that_computes_too_much_is_refused(void **state)
{
    (void)state;
    struct ops_buf sql;
    ops_buf_init(&sql, 1 << 20);
    ops_buf_append_text(&sql, "CREATE TABLE t(id INTEGER PRIMARY KEY, n, org TEXT AS ('acme'");
    for (int i = 0; i < 65; i++)
        ops_buf_append_format(&sql, " || substr(instr(hex(n), '%d'), 1, 0)", i);
    ops_buf_append_text(&sql, "))");
    table_sql("%s", ops_buf_text(&sql));
    ops_buf_release(&sql);
    struct ops_scope scope = table_by("org", "acme");
    table_refused(table_location("t", NULL, ""), &scope, "64 is the limit");
}

/* What is neither key nor tenant is not read, wherever it is in the record. */
static void records_with_large_other_columns_go(void **state)
{
    (void)state;
    static const char *const makes[] = {
        "CREATE TABLE t(body, k TEXT PRIMARY KEY, org TEXT)", "CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT, body)",
        "CREATE TABLE t(body, k TEXT PRIMARY KEY, org TEXT) WITHOUT ROWID",
        "CREATE TABLE t(body, k TEXT PRIMARY KEY, org TEXT, g AS (instr(org, 'x'))); CREATE INDEX i ON t(g)"};
    for (size_t i = 0; i < sizeof makes / sizeof makes[0]; i++) {
        table_sql("DROP TABLE IF EXISTS t; %s", makes[i]);
        for (int n = 0; n < 6; n++)
            table_sql("INSERT INTO t(k, org, body) VALUES ('k%d', '%s', zeroblob(%d))", n, n % 2 ? "acme" : "globex",
                      n % 3 ? 5 * LOCAL_VALUE_MAX_BYTES : 10);
        struct ops_target *target = open_acme("");
        assert_int_equal(table_walk(target, 2, table_remove), 3);
        assert_int_equal(table_walk(target, 2, NULL), 0);
        assert_int_equal(table_number("SELECT count(*) FROM t"), 3);
        ops_target_close(target);
    }
}

static void what_an_index_keeps_is_read_and_limited_when_a_record_goes(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, body TEXT); CREATE INDEX i ON t(body);"
              "INSERT INTO t VALUES (1, 'acme', CAST(zeroblob(%d) AS TEXT))",
              LOCAL_VALUE_MAX_BYTES + 1);
    struct ops_target *target = open_acme("");
    enum ops_removal outcomes[OUTCOMES_MAX];
    assert_int_equal(table_page(target, "", 10), 1);
    assert_says(ops_target_remove(target, table.page.keys, 1, outcomes, &table.error), OPS_LIMIT, "table t", "indexed");
    assert_int_equal(table_number("SELECT count(*) FROM t"), 1);
    ops_target_close(target);
}

static void fill(int count, const char *make)
{
    table_sql(
        "DROP TABLE IF EXISTS t; %s;"
        "WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        "INSERT INTO t(k, org) SELECT printf('%%06d', i * 7919 %% %d), CASE i %% 2 WHEN 0 THEN 'acme' ELSE 'x' END FROM n",
        make, count - 1, count);
}

static void a_statement_that_gives_nothing_for_too_long_fails_the_target(void **state)
{
    (void)state;
    fill(20000,
         "CREATE TABLE t(k TEXT PRIMARY KEY DESC, o TEXT NOT NULL DEFAULT '', org TEXT, UNIQUE (k, o)) WITHOUT ROWID");
    struct ops_scope scope = table_by("org", "acme");
    struct ops_target *target = table_open(table_location("t", "[\"o\", \"k\"]", ""), &scope); /* so SQLite has to sort */
    ((struct local_table *)target)->watch.most_ms = -1;
    assert_says(first_page(target), OPS_TARGET_ERROR, "table t", "without giving a record");
    ops_target_close(target);
}

/* In eight parts, and no less than one record at a time. */
static void a_removal_that_takes_too_long_is_tried_in_smaller_parts(void **state)
{
    (void)state;
    enum ops_removal outcomes[OUTCOMES_MAX];
    fill(20000, "CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT)");
    table_sql("UPDATE t SET org = 'x' WHERE rowid > 100 AND rowid < 19900");
    struct ops_target *target = open_acme("");
    struct local_watch *watch = &((struct local_table *)target)->watch;
    assert_int_equal(table_page(target, "", OUTCOMES_MAX), 100);
    watch->most_ms = -1;
    size_t whole = target->batch_max;
    struct local_table *local = (struct local_table *)target;
    local->costly = true; /* SQLite asks often */
    assert_int_equal(ops_target_remove(target, table.page.keys, 100, outcomes, &table.error), OPS_THROTTLED);
    assert_true(target->batch_max == 13 && whole > 13);
    assert_int_equal(table_number("SELECT count(*) FROM t WHERE org = 'acme'"), 100);
    watch->most_ms = LOCAL_STATEMENT_MAX_MS;
    target->batch_max = whole;
    table_remove(target);
    assert_int_equal(table_number("SELECT count(*) FROM t WHERE org = 'acme'"), 0);
    ops_target_close(target);
}

/* It gives what it has, and the next one goes on behind it. */
static void a_page_ends_early_when_the_process_is_to_end(void **state)
{
    (void)state;
    static const char *const makes[] = {"CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT)",
                                        "CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT) WITHOUT ROWID"};
    for (size_t i = 0; i < sizeof makes / sizeof makes[0]; i++) {
        fill(20000, makes[i]);
        ops_catalogue_end(table.catalogue);
        struct ops_target *target = open_acme("");
        size_t first = table_page(target, "", 20000);
        assert_true(first > 0 && first < 1000);
        assert_false(table.page.last);
        size_t pages = 1, found = first;
        char cursor[OPS_CURSOR_MAX_BYTES];
        while (!table.page.last) {
            (void)snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&table.page.cursor));
            found += table_page(target, cursor, 20000);
            pages++;
        }
        assert_int_equal(found, 10000);
        assert_true(pages > 20);
        ops_target_close(target);
    }
}

static void a_statement_that_gives_nothing_ends_with_the_process(void **state)
{
    (void)state;
    fill(20000,
         "CREATE TABLE t(k TEXT PRIMARY KEY DESC, o TEXT NOT NULL DEFAULT '', org TEXT, UNIQUE (k, o)) WITHOUT ROWID");
    struct ops_scope scope = table_by("org", "acme");
    struct ops_target *target = table_open(table_location("t", "[\"o\", \"k\"]", ""), &scope);
    ops_catalogue_end(table.catalogue);
    ((struct local_table *)target)->watch.most_ms = -1; /* the time that it has then */
    assert_says(first_page(target), OPS_STORE_UNAVAILABLE, "table t", "g3nops ends");
    ops_target_close(target);
}

/* As long as nothing of the tenant comes, too; and what can't be compared is told once, or ignored. */
static void a_walk_past_others_records_goes_on_behind_them(void **state)
{
    (void)state;
    static const char *const makes[] = {"CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT)",
                                        "CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT) WITHOUT ROWID"};
    for (size_t i = 0; i < 2 * sizeof makes / sizeof makes[0]; i++) {
        struct ops_scope scope = table_by("org", "acme");
        scope.ignore_incomparable = i >= 2;
        fill(20000, makes[i % 2]);
        table_sql("UPDATE t SET org = CASE WHEN k < '015000' THEN 'x' WHEN k < '019000' THEN x'00' ELSE org END");
        ops_catalogue_end(table.catalogue);
        struct ops_target *target = table_open(table_location("t", NULL, ""), &scope);
        size_t found = table_page(target, "", 20000);
        assert_false(table.page.last);
        assert_true(found < 500 && strlen(ops_buf_text(&table.page.cursor)) > 0);
        assert_int_equal(table_walk(target, 200, table_remove), 500);
        assert_int_equal(table.remarks.counts[OPS_REMARK_INCOMPARABLE], scope.ignore_incomparable ? 0 : 4000);
        assert_int_equal(table_number("SELECT count(*) FROM t WHERE org = 'acme'"), 0);
        ops_target_close(target);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, table_set_up, table_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_tenants_name_that_is_too_large_fails_the_target_with_table_and_limit),
        TEST(what_a_schema_computes_is_limited_too),
        TEST(a_name_that_printf_makes_is_seen_or_refused),
        TEST(the_more_a_schema_computes_the_smaller_a_value_may_be),
        TEST(a_schema_that_computes_too_much_is_refused),
        TEST(records_with_large_other_columns_go),
        TEST(what_an_index_keeps_is_read_and_limited_when_a_record_goes),
        TEST(a_statement_that_gives_nothing_for_too_long_fails_the_target),
        TEST(a_removal_that_takes_too_long_is_tried_in_smaller_parts),
        TEST(a_page_ends_early_when_the_process_is_to_end),
        TEST(a_statement_that_gives_nothing_ends_with_the_process),
        TEST(a_walk_past_others_records_goes_on_behind_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
