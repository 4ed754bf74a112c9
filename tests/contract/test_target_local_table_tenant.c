/* Whose a record is: by one rule, whatever the column's affinity and collation are and whatever index there is. */
#include "support/cmocka_all.h"
#include "support/table_rig.h"

#include "base/number_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const values[] = {
    "NULL",
    "'acme'",
    "'ACME'",
    "'Acme'",
    "'acme '",
    "'acme  '",
    "' acme'",
    "'acme2'",
    "'acm'",
    "''",
    "'acme' || char(0) || 'x'",
    "1001",
    "1001.0",
    "'1001'",
    "'1001.0'",
    "'01001'",
    "' 1001'",
    "'1001 '",
    "'1.001e3'",
    "'+1001'",
    "1002",
    "10010",
    "1000",
    "1000.0",
    "'1e3'",
    "'1000'",
    "'1E3'",
    "-5",
    "-5.0",
    "'-5'",
    "5",
    "0.5",
    "'0.5'",
    "'.5'",
    "'0.50'",
    "0",
    "-0.0",
    "'0'",
    "'-0'",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "'9007199254740993'",
    "1152921504606846976",
    "1152921504606847000",
    "1152921504606846976.0",
    "1e23",
    "'100000000000000000000000'",
    "12345678901234567890",
    "9e999",
    "-9e999",
    "0.1 + 0.2",
    "x''",
    "x'61636d65'",
    "x'31303031'",
    "x'00'",
    "CAST(1001 AS BLOB)",
};

static const char *const tenants[] = {
    "acme",
    "ACME",
    "acm",
    "1001",
    "01001",
    "1001.0",
    "1.001e3",
    "1e3",
    "1000",
    "-5",
    "0.5",
    ".5",
    "0",
    "-0",
    "9007199254740992",
    "9007199254740993",
    "1152921504606846976",
    "1152921504606847000",
    "100000000000000000000000",
    "12345678901234567000",
    "0.30000000000000004",
    "9999999999999999999999999999999999999999999999999999999999999999",
    "Inf",
};

/* ANY keeps what it is given only in a STRICT table; elsewhere it is NUMERIC. */
static const struct {
    const char *type, *end;
} columns[] = {{"TEXT", ""}, {"NUMERIC", ""}, {"INTEGER", ""},    {"REAL", ""},      {"BLOB", ""},
               {"", ""},     {"ANY", ""},     {"ANY", " STRICT"}, {"VARCHAR(5)", ""}};

static const char *const collations[] = {"BINARY", "NOCASE", "RTRIM"};

static const struct {
    const char *sql; /* behind the table's making */
    bool rowid;
} indexes[] = {
    {"", true},
    {"CREATE INDEX plain ON t(org)", true},
    {"CREATE INDEX down ON t(org DESC)", true},
    {"CREATE INDEX twice ON t(org, id); CREATE INDEX other ON t(org COLLATE NOCASE)", true},
    {"CREATE INDEX part ON t(org) WHERE org IS NOT NULL; CREATE INDEX expression ON t(lower(org))", true},
    {"CREATE INDEX expression ON t(CAST(org AS TEXT)); CREATE UNIQUE INDEX both ON t(org COLLATE RTRIM, id)", true},
    {"CREATE INDEX plain ON t(org)", false},
};

/* The rule once more, as simply as it can be said. -1: it can't be compared. */
static int belongs(sqlite3_stmt *row, const char *tenant)
{
    char text[OPS_NUMBER_TEXT_SIZE] = "";
    switch (sqlite3_column_type(row, 1)) {
    case SQLITE_NULL:
        return 0;
    case SQLITE_BLOB:
        return -1;
    case SQLITE_INTEGER:
        (void)snprintf(text, sizeof text, "%lld", sqlite3_column_int64(row, 1));
        break;
    case SQLITE_FLOAT:
        if (ops_number_text_of_double(sqlite3_column_double(row, 1), text) != OPS_OK)
            return 0;
        break;
    default:
        return sqlite3_column_bytes(row, 1) == (int)strlen(tenant) &&
               memcmp(sqlite3_column_text(row, 1), tenant, strlen(tenant)) == 0;
    }
    return strcmp(text, tenant) == 0;
}

struct expected {
    sqlite3_int64 left_sum; /* of the ids that stay */
    size_t matched, incomparable, left;
};

static struct expected expect(const char *tenant)
{
    struct expected expected = {.left = 0};
    sqlite3_stmt *rows = NULL;
    assert_int_equal(sqlite3_prepare_v2(table.db, "SELECT id, org FROM t", -1, &rows, NULL), SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        int belonging = belongs(rows, tenant);
        expected.matched += belonging > 0;
        expected.incomparable += belonging < 0;
        if (belonging > 0)
            continue;
        expected.left++;
        expected.left_sum += sqlite3_column_int64(rows, 0);
    }
    sqlite3_finalize(rows);
    return expected;
}

static void make_table(size_t column, size_t collation, size_t index)
{
    bool strict = columns[column].end[0] != '\0', rowid = indexes[index].rowid;
    table_sql("DROP TABLE IF EXISTS t; CREATE TABLE t(id INTEGER PRIMARY KEY, org %s COLLATE %s)%s%s%s; %s",
              columns[column].type, collations[collation], columns[column].end, strict && !rowid ? "," : "",
              rowid ? "" : " WITHOUT ROWID", indexes[index].sql);
    for (size_t i = 0; i < COUNT_OF(values); i++)
        table_sql("INSERT INTO t VALUES (%d, %s)", (int)(1 << 10) + (int)(i * i), values[i]);
}

static void fail_case(const char *tenant, size_t column, size_t collation, size_t index, const char *what)
{
    fail_msg("%s in %s%s %s with \"%s\": %s", tenant, columns[column].type, columns[column].end, collations[collation],
             indexes[index].sql, what);
}

static void check_seen(const struct ops_scope *scope, size_t column, size_t collation, size_t index)
{
    const struct expected expected = expect(scope->value);
    struct ops_target *target = table_open(table_location("t", "[\"id\"]", ""), scope);
    size_t matched = table_walk(target, 7, NULL);
    size_t told = (size_t)table.remarks.counts[OPS_REMARK_INCOMPARABLE];
    if (matched != expected.matched)
        fail_case(scope->value, column, collation, index, "others are matched");
    size_t ignored = (size_t)table.remarks.counts[OPS_REMARK_IGNORED];
    if (told != (scope->ignore_incomparable ? 0 : expected.incomparable))
        fail_case(scope->value, column, collation, index, "others can't be compared");
    if (ignored != (scope->ignore_incomparable ? expected.incomparable : 0))
        fail_case(scope->value, column, collation, index, "others are ignored");
    ops_target_close(target);
}

/* Each removal waits for the disk, so there are fewer of them. */
static void check_removed(const struct ops_scope *scope, size_t column, size_t collation, size_t index)
{
    const struct expected expected = expect(scope->value);
    struct ops_target *target = table_open(table_location("t", "[\"id\"]", ""), scope);
    assert_int_equal(table_walk(target, 100, table_remove), expected.matched);
    ops_target_close(target);
    if (table_number("SELECT count(*) FROM t") != (sqlite3_int64)expected.left ||
        table_number("SELECT total(id) FROM t NOT INDEXED") != expected.left_sum)
        fail_case(scope->value, column, collation, index, "others are gone");
    assert_int_equal(table_number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

static void check_table(size_t column, size_t collation, size_t index)
{
    make_table(column, collation, index);
    for (size_t i = 0; i < COUNT_OF(tenants); i++) {
        if (collation > 0 && (i + column + index) % 3 != 0)
            continue; /* collations differ in little: a third of the tenants finds that */
        struct ops_scope scope = {.by = OPS_SCOPE_INDEX, .attribute = "org", .index = "by-org", .value = tenants[i]};
        check_seen(&scope, column, collation, index);
        scope.ignore_incomparable = true;
        if (i % 4 == 0)
            check_seen(&scope, column, collation, index);
        if (i % 8 == (column + collation + index) % 8)
            check_removed(&scope, column, collation, index);
    }
}

static void with_an_index_and_without_one_a_tenants_records_are_the_same(void **state)
{
    (void)state;
    for (size_t column = 0; column < COUNT_OF(columns); column++)
        for (size_t collation = 0; collation < COUNT_OF(collations); collation++)
            for (size_t index = 0; index < COUNT_OF(indexes); index++)
                check_table(column, collation, index);
}

static void a_number_is_the_tenant_whose_name_is_its_canonical_text(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org); INSERT INTO t(org) VALUES (1001), (1001.0), ('1001'), ('01001'),"
              "('1001.0'), ('1.001e3'), (1002)");
    struct ops_scope scope = table_by("org", "1001");
    struct ops_target *target = table_open(table_location("t", "[\"id\"]", ""), &scope);
    assert_int_equal(table_walk(target, 100, table_remove), 3);
    assert_int_equal(table_number("SELECT count(*) FROM t"), 4);
    assert_int_equal(table_number("SELECT min(id) FROM t"), 4);
    ops_target_close(target);
}

static void what_can_not_be_compared_is_named_by_its_key_and_counted_by_page(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(pk TEXT, sk, org, PRIMARY KEY (pk, sk)); INSERT INTO t VALUES ('a', 1, x'61'), ('b', x'beef', "
              "x'62'),"
              "('c', 's', 'acme'), ('d', NULL, x'63'), ('e', 1.5, x'')");
    struct ops_scope scope = table_by("org", "acme");
    struct ops_target *target = table_open(table_location("t", "[\"pk\", \"sk\"]", ""), &scope);
    assert_int_equal(table_page(target, "", 2), 0);
    assert_false(table.page.last);
    assert_string_equal(ops_buf_text(&table.page.receipt), "");
    assert_int_equal(table.remarks.counts[OPS_REMARK_INCOMPARABLE], 2);
    assert_string_equal(table.remarks.first[0].name, "a, 1");
    assert_string_equal(table.remarks.first[0].reason, "org is a BLOB");
    assert_string_equal(table.remarks.first[1].name, "b, x'beef'");
    char cursor[100];
    (void)snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&table.page.cursor));
    for (int again = 0; again < 2; again++) { /* a page that is read again is said again, and no more */
        assert_int_equal(table_page(target, cursor, 2), 1);
        assert_int_equal(table.remarks.counts[OPS_REMARK_INCOMPARABLE], 1);
        assert_string_equal(table.remarks.first[0].name, "d, NULL");
    }
    assert_int_equal(table_walk(target, 1, table_remove), 1);
    assert_int_equal(table.remarks.counts[OPS_REMARK_INCOMPARABLE], 4);
    assert_string_equal(table.remarks.first[3].name, "e, 1.5");
    assert_int_equal(table_number("SELECT count(*) FROM t"), 4);
    ops_target_close(target);
    target = table_open(table_location("t", "[\"pk\", \"sk\"]", ""), &table_all);
    assert_int_equal(table_walk(target, 1, NULL), 4);
    assert_int_equal(table.remarks.counts[OPS_REMARK_INCOMPARABLE], 0);
    ops_target_close(target);
}

static void pages_go_on_behind_what_can_not_be_compared_in_a_table_without_rowids(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id TEXT PRIMARY KEY, org) WITHOUT ROWID; INSERT INTO t VALUES ('a', x'61'), ('b', x'62'),"
              "('c', 'acme'), ('d', x'63')");
    struct ops_scope scope = table_by("org", "acme");
    for (size_t limit = 1; limit < 6; limit++) {
        struct ops_target *target = table_open(table_location("t", "[\"id\"]", ""), &scope);
        assert_int_equal(table_walk(target, limit, NULL), 1);
        assert_int_equal(table.remarks.counts[OPS_REMARK_INCOMPARABLE], 3);
        ops_target_close(target);
    }
}

static void a_page_is_recounted_without_what_can_not_be_compared(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org); INSERT INTO t(org) VALUES ('acme'), (x'61'), ('acme'), (x'62')");
    struct ops_scope scope = table_by("org", "acme");
    struct ops_target *target = table_open(table_location("t", "[\"id\"]", ""), &scope);
    struct ops_recount there;
    assert_int_equal(table_page(target, "", 10), 2);
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&table.page.receipt), &there, NULL), OPS_OK);
    assert_int_equal(there.count, 2);
    table_sql("DELETE FROM t WHERE id = 1");
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&table.page.receipt), &there, NULL), OPS_OK);
    assert_int_equal(there.count, 1);
    ops_target_close(target);
}

/* ---- The body of a table in the standard form ---- */

static void make_standard(void)
{
    assert_int_equal(mkdir(TABLE_PATH("stack"), 0700), 0);
    assert_int_equal(mkdir(TABLE_PATH("stack/tables"), 0700), 0);
    table_sql("ATTACH '%s' AS s; CREATE TABLE s.items(pk TEXT, sk TEXT, orgcode TEXT, body TEXT, PRIMARY KEY (pk, sk))",
              TABLE_PATH("stack/tables/things.sqlite"));
}

struct body_case {
    const char *body; /* SQL */
    int belongs;      /* -1: it can't be compared */
    const char *reason;
};

static const struct body_case bodies[] = {
    {"'{\"tenant\":\"1001\"}'", 1, NULL},
    {"'{\"tenant\":1001}'", 1, NULL},
    {"'{\"tenant\":1001.0}'", 1, NULL},
    {"'{\"tenant\":1.001e3}'", 1, NULL},
    {"' { \"a\" : [ { } ] , \"tenant\" : 100100E-2 } '", 1, NULL},
    {"'{\"ten\\u0061nt\":\"\\u0031001\"}'", 1, NULL},
    {"'{\"tenant\":\"01001\"}'", 0, NULL},
    {"'{\"tenant\":\"1001.0\"}'", 0, NULL},
    {"'{\"tenant\":1001.0000000000000000000001}'", 0, NULL},
    {"'{\"tenant\":1e999999}'", 0, NULL},
    {"'{\"tenant\":null}'", 0, NULL},
    {"'{\"tenant\":true}'", 0, NULL},
    {"'{\"Tenant\":\"1001\"}'", 0, NULL},
    {"'{\"a\":{\"tenant\":\"1001\"}}'", 0, NULL},
    {"'[\"1001\"]'", 0, NULL},
    {"'{}'", 0, NULL},
    {"NULL", 0, NULL},
    {"1001", 0, NULL},
    {"'{\"tenant\":[\"1001\",\"7\"]}'", -1, "tenant is an array"},
    {"'{\"tenant\":{\"id\":\"1001\"}}'", -1, "tenant is an object"},
    {"'{\"tenant\":\"1001\",\"tenant\":\"7\"}'", -1, "tenant is in the body more than once"},
    {"'no json'", -1, "the body is no valid JSON, so tenant can't be read"},
    {"'{\"tenant\":\"1001\"'", -1, "the body is no valid JSON, so tenant can't be read"},
    {"''", -1, "the body is no valid JSON, so tenant can't be read"},
    {"x'7b7d'", -1, "the body is no valid JSON, so tenant can't be read"},
};

static void an_attribute_in_the_body_is_compared_by_the_same_rule(void **state)
{
    (void)state;
    struct ops_scope scope = table_by("tenant", "1001");
    make_standard();
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        table_sql("DELETE FROM s.items; INSERT INTO s.items VALUES ('k', 's', NULL, %s)", bodies[i].body);
        struct ops_target *target = table_open(NULL, &scope);
        size_t matched = table_walk(target, 10, NULL);
        int64_t told = table.remarks.counts[OPS_REMARK_INCOMPARABLE];
        if (matched != (bodies[i].belongs > 0) || told != (bodies[i].belongs < 0))
            fail_msg("%s: %zu and %d told", bodies[i].body, matched, (int)told);
        if (bodies[i].reason)
            assert_string_equal(table.remarks.first[0].reason, bodies[i].reason);
        assert_int_equal(table_walk(target, 10, table_remove), matched);
        assert_int_equal(table_number("SELECT count(*) FROM s.items"), bodies[i].belongs > 0 ? 0 : 1);
        ops_target_close(target);
    }
}

static void a_number_beyond_a_doubles_digits_is_compared_by_its_own(void **state)
{
    (void)state;
    struct ops_scope scope = table_by("tenant", "12345678901234567890123");
    make_standard();
    table_sql("INSERT INTO s.items VALUES ('a', '', '', '{\"tenant\":12345678901234567890123}'),"
              "('b', '', '', '{\"tenant\":12345678901234567890124}')");
    struct ops_target *target = table_open(NULL, &scope);
    assert_int_equal(table_walk(target, 10, NULL), 1);
    assert_true(ops_view_is(table.page.keys[0].guarded, "a"));
    ops_target_close(target);
}

static void an_attribute_may_have_any_name(void **state)
{
    (void)state;
    struct ops_scope scope = table_by("a\"b.c\\", "acme");
    make_standard();
    table_sql("INSERT INTO s.items VALUES ('a', '', '', '{\"a\\\"b.c\\\\\":\"acme\"}')");
    struct ops_target *target = table_open(NULL, &scope);
    assert_int_equal(table_walk(target, 10, NULL), 1);
    ops_target_close(target);
}

static void a_key_that_is_a_number_is_compared_by_its_canonical_text(void **state)
{
    (void)state;
    static const char *const makes[] = {"CREATE TABLE t(id PRIMARY KEY, n)",
                                        "CREATE TABLE t(id PRIMARY KEY, n) WITHOUT ROWID"};
    const struct ops_scope scope = {.by = OPS_SCOPE_KEY, .value = "1001"};
    for (size_t i = 0; i < COUNT_OF(makes); i++) {
        table_sql("DROP TABLE IF EXISTS t; %s; INSERT INTO t VALUES (1001, 1), ('1001', 2), ('1001.0', 3), (x'31303031', 4),"
                  "(1002, 5)",
                  makes[i]);
        struct ops_target *target = table_open(table_location("t", "[\"id\"]", ""), &scope);
        assert_int_equal(table_walk(target, 10, table_remove), 3);
        assert_int_equal(table.remarks.counts[OPS_REMARK_INCOMPARABLE], 0);
        assert_int_equal(table_number("SELECT total(n) FROM t"), 8);
        ops_target_close(target);
        table_sql("DELETE FROM t; INSERT INTO t VALUES (1001.0, 1), (1001.5, 2)");
        target = table_open(table_location("t", "[\"id\"]", ""), &scope);
        assert_int_equal(table_walk(target, 10, table_remove), 1);
        assert_int_equal(table_number("SELECT n FROM t"), 2);
        ops_target_close(target);
    }
}

static void a_collation_that_sees_fewer_tenants_is_told(void **state)
{
    (void)state;
    struct ops_findings findings = {.count = 0};
    struct ops_scope scope = table_by("org", "acme");
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT COLLATE RTRIM); CREATE TABLE u(id INTEGER PRIMARY KEY, org)");
    struct ops_target *target = table_open(table_location("u", NULL, ""), &scope);
    assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
    assert_int_equal(findings.count, 0);
    ops_target_close(target);
    target = table_open(table_location("t", NULL, ""), &scope);
    assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
    assert_int_equal(findings.count, 1);
    assert_false(findings.list[0].blocks);
    assert_non_null(strstr(findings.list[0].text, "RTRIM"));
    ops_target_close(target);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, table_set_up, table_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(with_an_index_and_without_one_a_tenants_records_are_the_same),
        CASE(a_number_is_the_tenant_whose_name_is_its_canonical_text),
        CASE(what_can_not_be_compared_is_named_by_its_key_and_counted_by_page),
        CASE(pages_go_on_behind_what_can_not_be_compared_in_a_table_without_rowids),
        CASE(a_page_is_recounted_without_what_can_not_be_compared),
        CASE(an_attribute_in_the_body_is_compared_by_the_same_rule),
        CASE(a_number_beyond_a_doubles_digits_is_compared_by_its_own),
        CASE(an_attribute_may_have_any_name),
        CASE(a_key_that_is_a_number_is_compared_by_its_canonical_text),
        CASE(a_collation_that_sees_fewer_tenants_is_told),
    };
#undef CASE
    /* Hundreds of small transactions, and nothing here is about the disk. */
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
