/* Tables of which an index does not have what the table has: whatever the index says, what is there of a tenant is seen, or
 * the target fails.
 */
#include "support/cmocka_all.h"
#include "support/table_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES_MAX = 5, ROWS_OF_EACH = 40, TENANTS = 3, PAGE_LIMIT = 7 };

/* A table t(k, org), and what is done to its schema's text behind SQLite's back. */
struct damage {
    const char *name;
    const char *make;
    const char *edit;  /* of sqlite_schema: what follows UPDATE sqlite_schema SET */
    const char *count; /* what there is of acme, by a walk over the table itself */
};

#define PLAIN "CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT);"
#define OF_ACME " SELECT count(*) FROM t NOT INDEXED WHERE +org = 'acme'"
#define OF_ACME_BY_KEY " SELECT sum(+org = 'acme') FROM t INDEXED BY sqlite_autoindex_t_1"

static const struct damage damages[] = {
    {"no entries of the tenant", PLAIN "CREATE INDEX i ON t(org) WHERE org <> 'acme';",
     "sql = 'CREATE INDEX i ON t(org)' WHERE name = 'i'", OF_ACME},
    {"half of the tenant's entries", PLAIN "CREATE INDEX i ON t(org) WHERE org <> 'acme' OR k > 'k04';",
     "sql = 'CREATE INDEX i ON t(org)' WHERE name = 'i'", OF_ACME},
    {"an index of something else", PLAIN "CREATE INDEX i ON t(org || 'x');",
     "sql = 'CREATE INDEX i ON t(org)' WHERE name = 'i'", OF_ACME},
    {"an index in another order", PLAIN "CREATE INDEX i ON t(org DESC);",
     "sql = 'CREATE INDEX i ON t(org)' WHERE name = 'i'", OF_ACME},
    {"an index by another collation", PLAIN "CREATE INDEX i ON t(org COLLATE NOCASE);",
     "sql = 'CREATE INDEX i ON t(org)' WHERE name = 'i'", OF_ACME},
    {"the primary key's index is empty", PLAIN "CREATE TABLE e(a UNIQUE);",
     "rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_e_1') WHERE name = "
     "'sqlite_autoindex_t_1'",
     OF_ACME},
    {"the key's unique index lacks the tenant",
     "CREATE TABLE t(k TEXT NOT NULL, org TEXT); CREATE UNIQUE INDEX u ON t(k) WHERE org <> 'acme';",
     "sql = 'CREATE UNIQUE INDEX u ON t(k)' WHERE name = 'u'", OF_ACME},
    {"no rowids, an index without the tenant",
     "CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT) WITHOUT ROWID; CREATE INDEX i ON t(org, k) WHERE org <> 'acme';",
     "sql = 'CREATE INDEX i ON t(org, k)' WHERE name = 'i'", OF_ACME_BY_KEY},
    {"no rowids, an empty index of the key",
     "CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT) WITHOUT ROWID; CREATE INDEX i ON t(k, org) WHERE org IS NULL;",
     "sql = 'CREATE INDEX i ON t(k, org)' WHERE name = 'i'", OF_ACME_BY_KEY},
    {"no rowids, the table is in another order", "CREATE TABLE t(k TEXT, org TEXT, PRIMARY KEY (k DESC)) WITHOUT ROWID;",
     "sql = 'CREATE TABLE t(k TEXT, org TEXT, PRIMARY KEY (k)) WITHOUT ROWID' WHERE name = 't'", OF_ACME_BY_KEY},
    {"no rowids, the table is in another collation's order",
     "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, org TEXT) WITHOUT ROWID;",
     "sql = 'CREATE TABLE t(k TEXT PRIMARY KEY, org TEXT) WITHOUT ROWID' WHERE name = 't'", OF_ACME_BY_KEY},
};

/* A file of its own, since what is damaged can't be dropped. Keys in upper and lower case, so that collations differ. */
static void fill(const struct damage *damage)
{
    (void)table_tear_down(NULL);
    (void)table_set_up(NULL);
    static const char *const tenants[TENANTS] = {"globex", "acme", "Acme"};
    table_sql("%s", damage->make);
    table_sql("BEGIN");
    for (int i = 0; i < ROWS_OF_EACH * TENANTS; i++)
        table_sql("INSERT INTO t(k, org) VALUES ('%s%02d', '%s')", i % 2 ? "k" : "K", (i * 7) % (ROWS_OF_EACH * TENANTS),
                  tenants[i % TENANTS]);
    table_sql("COMMIT; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET %s; PRAGMA writable_schema = RESET;",
              damage->edit);
    assert_string_equal(sqlite3_errmsg(table.db), "not an error");
}

/* One walk; false when it failed, or a record could not go. */
static bool walk(struct ops_target *target, bool removes, size_t *ret_found)
{
    char cursor[OPS_CURSOR_MAX_BYTES] = "";
    enum ops_removal outcomes[PAGE_LIMIT];
    *ret_found = 0;
    for (bool last = false; !last; last = table.page.last) {
        if (ops_target_page(target, 0, cursor, PAGE_LIMIT, &table.page, &table.error) != OPS_OK)
            return false;
        (void)snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&table.page.cursor));
        *ret_found += table.page.count;
        if (!removes || table.page.count == 0)
            continue;
        if (ops_target_remove(target, table.page.keys, table.page.count, outcomes, &table.error) != OPS_OK)
            return false;
        for (size_t i = 0; i < table.page.count; i++)
            if (outcomes[i] != OPS_REMOVED)
                return false;
    }
    return true;
}

/* As a vacuum does: walks until one finds nothing. Whether that came. */
static bool vacuum(const struct ops_scope *scope)
{
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        struct ops_target *target = table_open(table_location("t", NULL, ""), scope);
        size_t found;
        bool well = walk(target, true, &found);
        ops_target_close(target);
        if (!well)
            return false;
        if (found == 0)
            return true;
    }
    return false;
}

static void a_dry_run_counts_what_is_there_whatever_an_index_says(void **state)
{
    (void)state;
    const struct ops_scope acme = table_by("org", "acme");
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        fill(&damages[i]);
        struct ops_target *target = table_open(table_location("t", NULL, ""), &acme);
        size_t found;
        bool well = walk(target, false, &found);
        if (well && (sqlite3_int64)found != ROWS_OF_EACH)
            fail_msg("%s: %zu", damages[i].name, found);
        ops_target_close(target);
    }
}

static void a_vacuum_ends_with_the_tenants_records_gone_or_not_as_completed(void **state)
{
    (void)state;
    const struct ops_scope acme = table_by("org", "acme");
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        fill(&damages[i]);
        bool completed = vacuum(&acme);
        sqlite3_int64 left = table_number("%s", damages[i].count);
        if (completed && left != 0)
            fail_msg("%s: completed, and %lld are left", damages[i].name, (long long)left);
    }
}

static void a_vacuum_of_all_ends_with_the_table_empty_or_not_as_completed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        fill(&damages[i]);
        bool completed = vacuum(&table_all);
        sqlite3_int64 left = table_number("%s", damages[i].count);
        if (completed && left != 0)
            fail_msg("%s: completed, and %lld are left", damages[i].name, (long long)left);
    }
}

/* The walk over the table goes on where the page before ended, by the order of the key. */
static void a_table_that_is_not_in_the_order_of_its_key_is_told_as_damaged(void **state)
{
    (void)state;
    const struct damage *damage = &damages[sizeof damages / sizeof damages[0] - 2];
    fill(damage);
    struct ops_target *target = table_open(table_location("t", NULL, ""), &table_all);
    assert_int_equal(ops_target_page(target, 0, "", PAGE_LIMIT, &table.page, &table.error), OPS_TARGET_ERROR);
    assert_non_null(strstr(table.error.text, "table t"));
    assert_non_null(strstr(table.error.text, "order of its key"));
    ops_target_close(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dry_run_counts_what_is_there_whatever_an_index_says, table_set_up,
                                        table_tear_down),
        cmocka_unit_test_setup_teardown(a_vacuum_ends_with_the_tenants_records_gone_or_not_as_completed, table_set_up,
                                        table_tear_down),
        cmocka_unit_test_setup_teardown(a_vacuum_of_all_ends_with_the_table_empty_or_not_as_completed, table_set_up,
                                        table_tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_is_not_in_the_order_of_its_key_is_told_as_damaged, table_set_up,
                                        table_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
