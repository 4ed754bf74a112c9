/* Full-text tables, and tables that have a full-text index: no word of a record may stay when the record goes. */
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/table_rig.h"

#include "adapters/local/catalogue.h"
#include "adapters/local/table_virtual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define REBUILD ", \"fts\": \"rebuild\""

#define NOTES "CREATE TABLE notes(id INTEGER PRIMARY KEY, org TEXT, body TEXT);"
#define INDEX5 "CREATE VIRTUAL TABLE f USING fts5(body, content='notes', content_rowid='id');"
#define INDEX4 "CREATE VIRTUAL TABLE f USING fts4(body, content=\"notes\");"
#define FILL                                                                                                                \
    "INSERT INTO notes VALUES (1, 'acme', 'secretone'), (2, 'globex', 'plainword'), (3, 'acme', 'secrettwo');"              \
    "INSERT INTO f(f) VALUES ('rebuild');"
#define TRIGGER5                                                                                                            \
    "CREATE TRIGGER ai AFTER INSERT ON notes BEGIN INSERT INTO f(rowid, body) VALUES (new.id, new.body); END;"              \
    "CREATE TRIGGER ad AFTER DELETE ON notes BEGIN INSERT INTO f(f, rowid, body) VALUES ('delete', old.id, old.body); END;" \
    "CREATE TRIGGER au AFTER UPDATE ON notes BEGIN INSERT INTO f(f, rowid, body) VALUES ('delete', old.id, old.body);"      \
    " INSERT INTO f(rowid, body) VALUES (new.id, new.body); END;"
#define TRIGGER4                                                                                                            \
    "CREATE TRIGGER bd BEFORE DELETE ON notes BEGIN DELETE FROM f WHERE docid = old.rowid; END;"                            \
    "CREATE TRIGGER ai AFTER INSERT ON notes BEGIN INSERT INTO f(docid, body) VALUES (new.rowid, new.body); END;"

static sqlite3_int64 found(const char *word)
{
    return table_number("SELECT count(*) FROM f WHERE f MATCH '%s'", word);
}

static struct ops_target *open_notes(const char *orgcode, bool removes)
{
    struct ops_scope scope = table_by("org", orgcode);
    struct ops_target *target = table_open(table_location("notes", "[\"id\"]", REBUILD), &scope);
    target->removes = removes;
    return target;
}

/* As a vacuum does it: a walk with removals, then another target's last look. */
static void vacuum(const char *orgcode)
{
    struct ops_target *target = open_notes(orgcode, true);
    (void)table_walk(target, 10, table_remove);
    ops_target_close(target);
    target = open_notes(orgcode, true);
    assert_int_equal(table_walk(target, 10, NULL), 0);
    ops_target_close(target);
}

struct indexed {
    const char *sql;
    bool fts4;
};

static const struct indexed indexed_tables[] = {
    {NOTES INDEX5 FILL, false},
    {NOTES INDEX5 FILL TRIGGER5, false},
    {NOTES "CREATE VIRTUAL TABLE f USING FTS5(/* , */ body, co = [NOTES] , content_rowid=id, prefix='2 3');" FILL, false},
    {NOTES "CREATE VIEW v AS SELECT id, body FROM notes WHERE body > ''; CREATE VIEW w AS SELECT * FROM v;"
           "CREATE VIRTUAL TABLE f USING fts5(body, content=w, content_rowid=id);" FILL,
     false},
    {NOTES INDEX4 FILL, true},
    {NOTES INDEX4 FILL TRIGGER4, true},
};

static void a_table_with_an_index_of_words_is_refused_unless_it_is_to_be_made_anew(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(indexed_tables); i++) {
        table_tear_down(NULL);
        table_set_up(NULL);
        table_sql("%s", indexed_tables[i].sql);
        table_refused(table_location("notes", "[\"id\"]", ""), &table_all, "\"fts\": \"rebuild\"");
        table_refused(table_location("notes", "[\"id\"]", ", \"fts\": \"trigger\""), &table_all, "\"fts\": \"rebuild\"");
        vacuum("acme");
        assert_int_equal(table_number("SELECT count(*) FROM notes"), 1);
        assert_int_equal(found("secretone") + found("secrettwo"), 0);
        assert_int_equal(found("plainword"), 1);
        table_sql("CREATE VIRTUAL TABLE temp.words USING fts%s",
                  indexed_tables[i].fts4 ? "4aux(main, f)" : "5vocab(main, f, row)");
        assert_int_equal(table_number("SELECT count(*) FROM temp.words WHERE term LIKE 'secret%%'"), 0);
        table_sql("DROP TABLE temp.words; INSERT INTO f(f%s) VALUES ('integrity-check'%s)",
                  indexed_tables[i].fts4 ? "" : ", rank", indexed_tables[i].fts4 ? "" : ", 1");
    }
}

static void an_index_is_found_however_its_making_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *module, *content;
    } cases[] = {
        {"CREATE VIRTUAL TABLE f USING fts5(a, b)", "fts5", NULL},
        {"CREATE VIRTUAL TABLE f USING fts5(a, content='t')", "fts5", "t"},
        {"CREATE VIRTUAL TABLE f USING fts5(a, content = \"it's\"\"t\" )", "fts5", "it's\"t"},
        {"CREATE VIRTUAL TABLE f USING fts5(a,content=[t x],b)", "fts5", "t x"},
        {"CREATE VIRTUAL TABLE f USING fts5(a,content=`t`)", "fts5", "t"},
        {"CREATE VIRTUAL TABLE f USING fts5(a, CONTENT=t)", "fts5", "t"},
        {"CREATE VIRTUAL TABLE f USING fts5(a, c=t)", "fts5", "t"},
        {"CREATE VIRTUAL TABLE f USING fts4(a, c=t)", "fts4", NULL},
        {"CREATE VIRTUAL TABLE f USING fts5(a, content='')", "fts5", ""},
        {"CREATE VIRTUAL TABLE f USING fts5(a, content=)", "fts5", ""},
        {"CREATE VIRTUAL TABLE f USING fts5(a, tokenize=\"porter content='x'\")", "fts5", NULL},
        {"CREATE VIRTUAL TABLE f USING fts5(a, tokenize='a, content=x', content_rowid=r)", "fts5", NULL},
        {"CREATE VIRTUAL TABLE f USING fts5(content)", "fts5", NULL},
        {"CREATE VIRTUAL TABLE f -- USING x(content=y)\n USING \"fts5\" (a, content=z)", "fts5", "z"},
        {"CREATE VIRTUAL TABLE \"USING\" /* ( */USING fts5(a, /* , */ content=z)", "fts5", "z"},
        {"CREATE VIRTUAL TABLE f USING rtree(id, a(1,2), content=t)", "rtree", "t"},
        {"CREATE VIRTUAL TABLE f USING plain", "plain", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct local_virtual read = {.module = NULL};
        assert_int_equal(local_virtual_read(cases[i].sql, &read), OPS_OK);
        assert_string_equal(read.module, cases[i].module);
        if (!cases[i].content != !read.content || (read.content && strcmp(read.content, cases[i].content) != 0))
            fail_msg("%s: %s", cases[i].sql, read.content ? read.content : "none");
        local_virtual_release(&read);
    }
    static const char *const others[] = {"",
                                         "CREATE TABLE using_t(a)",
                                         "CREATE VIRTUAL TABLE f",
                                         "CREATE VIRTUAL TABLE f USING",
                                         "CREATE VIRTUAL TABLE f USING /*",
                                         "CREATE TABLE t(a TEXT DEFAULT 'USING x(y)')",
                                         "\"",
                                         "--"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct local_virtual read = {.module = NULL};
        assert_int_equal(local_virtual_read(others[i], &read), OPS_INVALID_FIELD);
        assert_null(read.module);
    }
}

static void other_triggers_are_refused_also_with_an_index_to_be_made_anew(void **state)
{
    (void)state;
    static const char *const triggers[] = {
        "CREATE TRIGGER x AFTER DELETE ON notes BEGIN DELETE FROM other; END",
        "CREATE TRIGGER x AFTER DELETE ON notes BEGIN INSERT INTO f(f, rowid, body) VALUES ('delete', old.id, old.body);"
        " INSERT INTO other VALUES (old.id); END",
        "CREATE TRIGGER x BEFORE DELETE ON notes BEGIN SELECT raise(ABORT, 'kept'); END",
        "CREATE TRIGGER x BEFORE DELETE ON notes WHEN old.org = 'acme' BEGIN INSERT INTO f(f, rowid, body) VALUES"
        " ('delete', old.id, CASE WHEN old.id > 1 THEN raise(ABORT, 'kept') ELSE old.body END); END",
        "CREATE TRIGGER x AFTER DELETE ON notes BEGIN INSERT INTO own VALUES (old.body); END",
    };
    table_sql(NOTES INDEX5 FILL "CREATE TABLE other(a); CREATE VIRTUAL TABLE own USING fts5(a)");
    for (size_t i = 0; i < COUNT_OF(triggers); i++) {
        table_sql("%s", triggers[i]);
        table_refused(table_location("notes", "[\"id\"]", REBUILD), &table_all, "has a trigger that runs on delete");
        table_sql("DROP TRIGGER x");
    }
    ops_target_close(table_open(table_location("notes", "[\"id\"]", REBUILD), &table_all));
}

static void a_dry_run_leaves_an_index_as_it_is(void **state)
{
    (void)state;
    table_sql(NOTES INDEX5 FILL "DELETE FROM notes WHERE id = 1");
    sqlite3_int64 version = table_number("PRAGMA data_version");
    struct ops_target *target = open_notes("acme", false);
    assert_int_equal(table_walk(target, 10, NULL), 1);
    ops_target_close(target);
    assert_int_equal(table_number("PRAGMA data_version"), version);
    assert_int_equal(table_number("SELECT count(*) FROM f WHERE f MATCH 'plainword'"), 1);
}

/* The process dies after the last removal, before its last look; or a removal of long ago left the index wrong. */
static void the_last_look_makes_the_index_anew_in_whatever_process(void **state)
{
    (void)state;
    table_sql(NOTES INDEX5 FILL);
    struct ops_target *target = open_notes("acme", true);
    assert_int_equal(table_walk(target, 1, table_remove), 2);
    ops_target_close(target);
    assert_int_equal(table_number("SELECT count(*) FROM notes"), 1);
    target = open_notes("acme", true);
    assert_int_equal(table_walk(target, 10, NULL), 0);
    ops_target_close(target);
    assert_int_equal(found("secretone"), 0);
    sqlite3_int64 version = table_number("PRAGMA data_version");
    target = open_notes("acme", true);
    assert_int_equal(table_walk(target, 10, NULL), 0);
    ops_target_close(target);
    assert_int_equal(table_number("PRAGMA data_version"), version); /* nothing to be done, so nothing is written */
}

static void an_index_that_is_locked_is_throttled_and_then_made_anew(void **state)
{
    (void)state;
    table_sql(NOTES INDEX5 FILL "DELETE FROM notes WHERE org = 'acme'; BEGIN IMMEDIATE");
    struct ops_target *target = open_notes("acme", true);
    assert_int_equal(ops_target_page(target, 0, "", 10, &table.page, &table.error), OPS_THROTTLED);
    table_sql("COMMIT");
    assert_int_equal(table_page(target, "", 10), 0);
    ops_target_close(target);
    assert_int_equal(found("secretone"), 0);
}

static void a_tokenizer_that_only_the_application_has_is_refused(void **state)
{
    (void)state;
    table_sql(NOTES INDEX5 "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'content_rowid',"
                           " 'tokenize=''localized'', content_rowid') WHERE name = 'f'; PRAGMA writable_schema = OFF");
    table_refused(table_location("notes", "[\"id\"]", REBUILD), &table_all, "no such tokenizer: localized");
}

static void an_index_of_columns_that_the_table_does_not_have_is_refused(void **state)
{
    (void)state;
    static const char *const indexes[] = {"fts5(gone, content='notes', content_rowid='id')", "fts4(gone, content=\"notes\")"};
    for (size_t i = 0; i < COUNT_OF(indexes); i++)
        for (int filled = 0; filled <= 1; filled++) {
            table_sql("DROP TABLE IF EXISTS f; DROP TABLE IF EXISTS notes; " NOTES "CREATE VIRTUAL TABLE f USING %s; %s", indexes[i],
                      filled ? "INSERT INTO notes VALUES (1, 'acme', 'secretone')" : "");
            table_refused(table_location("notes", "[\"id\"]", REBUILD), &table_all, "does that have its columns?");
        }
}

static void a_view_that_can_not_be_read_is_refused(void **state)
{
    (void)state;
    table_sql(NOTES
              "CREATE VIEW v AS SELECT id, body FROM elsewhere(1); CREATE VIRTUAL TABLE f USING fts5(body, content=v)");
    table_refused(table_location("notes", "[\"id\"]", REBUILD), &table_all, "its view v can't be read");
}

/* ---- Full-text tables by an entry of their own ---- */

static void a_full_text_table_goes_by_its_rowid(void **state)
{
    (void)state;
    static const char *const modules[] = {"fts5(org UNINDEXED, body)", "fts5(org, body, detail=none)", "fts4(org, body)",
                                          "fts3(org, body)"};
    static const char *const keys[] = {NULL, "[\"rowid\"]", "[\"ROWID\"]", NULL};
    for (size_t i = 0; i < COUNT_OF(modules); i++) {
        struct ops_scope scope = table_by("org", "1001");
        table_sql("DROP TABLE IF EXISTS f; CREATE VIRTUAL TABLE f USING %s; INSERT INTO f VALUES ('1001', 'secretone'),"
                  "(1001, 'secrettwo'), ('globex', 'plainword'), (x'61', 'blobword'), ('1001', 'secretthree')",
                  modules[i]);
        struct ops_target *target = table_open(table_location("f", keys[i], ""), &scope);
        assert_int_equal(table_page(target, "", 2), 2);
        assert_true(ops_view_is(table.page.keys[1].guarded, "2"));
        assert_int_equal(table_walk(target, 2, table_remove), 3);
        assert_int_equal(table.remarks.counts[OPS_REMARK_INCOMPARABLE], 1);
        assert_string_equal(table.remarks.first[0].name, "4");
        ops_target_close(target);
        assert_int_equal(table_number("SELECT count(*) FROM f"), 2);
        assert_int_equal(found("secretone") + found("secrettwo") + found("secretthree"), 0);
        assert_int_equal(found("plainword"), 1);
        target = table_open(table_location("f", NULL, ""), &table_all);
        assert_int_equal(table_walk(target, 10, table_remove), 2);
        ops_target_close(target);
        assert_int_equal(table_number("SELECT count(*) FROM f"), 0);
    }
}

static void what_is_no_table_of_its_own_is_refused_with_the_reason(void **state)
{
    (void)state;
    table_sql(NOTES INDEX5
              "CREATE VIRTUAL TABLE empty USING fts5(body, content=''); CREATE VIRTUAL TABLE e4 USING"
              " fts4(body, content=\"\"); CREATE VIRTUAL TABLE r USING rtree(id, a, b); CREATE VIRTUAL TABLE words"
              " USING fts5vocab(f, row); CREATE VIRTUAL TABLE own USING fts5(body)");
    table_refused(table_location("f", NULL, ""), &table_all, "f is only an index of notes");
    table_refused(table_location("f", NULL, REBUILD), &table_all, "f is only an index of notes");
    table_refused(table_location("empty", NULL, ""), &table_all, "without content");
    table_refused(table_location("e4", NULL, ""), &table_all, "without content");
    table_refused(table_location("r", NULL, ""), &table_all, "a virtual table (rtree)");
    table_refused(table_location("words", NULL, ""), &table_all, "a virtual table (fts5vocab)");
    table_refused(table_location("own_content", NULL, ""), &table_all, "part of a virtual table");
    table_refused(table_location("own", "[\"body\"]", ""), &table_all, "leave \"key\" out");
}

static bool is_told(const struct ops_findings *findings, const char *text)
{
    for (size_t i = 0; i < findings->count; i++)
        if (!findings->list[i].blocks && strstr(findings->list[i].text, text))
            return true;
    return false;
}

/* Nobody can tell whose its words are, so it may be the table's. */
static void a_full_text_table_without_content_beside_a_table_is_told(void **state)
{
    (void)state;
    table_sql(NOTES "CREATE VIRTUAL TABLE own USING fts5(body)");
    for (int with = 0; with < 2; with++) {
        struct ops_findings findings = {.count = 0};
        struct ops_target *target = table_open(table_location("notes", NULL, ""), &table_all);
        assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
        assert_int_equal(is_told(&findings, "2 full-text tables without content (e4 first) keep words"), with);
        assert_int_equal(is_told(&findings, "rebuild that table, in the application."), with); /* it is not cut */
        ops_target_close(target);
        if (!with)
            table_sql("CREATE VIRTUAL TABLE empty USING fts5(body, content=''); CREATE VIRTUAL TABLE e4 USING"
                      " fts4(body, content=\"\")");
    }
}

/* SQLite has an allocator of its own, so the sweep covers ours and jansson's. */
static void running_out_of_memory_is_a_status_and_leaks_nothing(void **state)
{
    (void)state;
    table_sql(NOTES INDEX5 FILL TRIGGER5
              "CREATE VIEW v AS SELECT id, body FROM notes; CREATE VIRTUAL TABLE g USING fts5(body,"
              " content='v', content_rowid='id'); DROP TRIGGER ad; DELETE FROM notes WHERE id = 1");
    json_t *location = table_location("notes", NULL, REBUILD);
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "things", .location = location};
    const struct ops_scope scope = {.by = OPS_SCOPE_ATTRIBUTE, .attribute = "org", .value = "nobody"};
    bool hit = true;
    ops_catalogue_release(table.catalogue);
    table.catalogue = NULL;
    for (size_t n = 1; hit; n++) {
        struct ops_catalogue *local = NULL;
        struct ops_target *target = NULL;
        struct ops_key_page page;
        alloc_fault_install(n);
        ops_key_page_init(&page, 4096);
        enum ops_status status = ops_local_catalogue_new(table.data, &local, NULL);
        if (status == OPS_OK)
            status = ops_catalogue_open(local, &spec, &scope, &target, NULL);
        if (target)
            target->removes = true;
        if (status == OPS_OK)
            status = ops_target_page(target, 0, "", 2, &page, NULL);
        hit = alloc_fault_hit();
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        ops_key_page_release(&page);
        ops_target_close(target);
        ops_catalogue_release(local);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
    assert_int_equal(found("secretone"), 0);
    json_decref(location);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, table_set_up, table_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_table_with_an_index_of_words_is_refused_unless_it_is_to_be_made_anew),
        CASE(an_index_is_found_however_its_making_is_written),
        CASE(other_triggers_are_refused_also_with_an_index_to_be_made_anew),
        CASE(a_dry_run_leaves_an_index_as_it_is),
        CASE(the_last_look_makes_the_index_anew_in_whatever_process),
        CASE(an_index_that_is_locked_is_throttled_and_then_made_anew),
        CASE(a_tokenizer_that_only_the_application_has_is_refused),
        CASE(an_index_of_columns_that_the_table_does_not_have_is_refused),
        CASE(a_view_that_can_not_be_read_is_refused),
        CASE(a_full_text_table_goes_by_its_rowid),
        CASE(what_is_no_table_of_its_own_is_refused_with_the_reason),
        CASE(a_full_text_table_without_content_beside_a_table_is_told),
        CASE(running_out_of_memory_is_a_status_and_leaks_nothing),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
