/* The file that a table is in: it must be the one that was opened, have one name, and be writable, before anything goes. */
#include "support/cmocka_all.h"
#include "support/table_rig.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static struct ops_target *open_acme(void)
{
    struct ops_scope scope = table_by("org", "acme");
    return table_open(table_location("t", "[\"id\"]", ""), &scope);
}

static void make_table(void)
{
    table_sql(
        "CREATE TABLE t(id TEXT PRIMARY KEY, org); INSERT INTO t VALUES ('a', 'acme'), ('b', 'acme'), ('c', 'globex')");
}

/* In the file that this path leads to. */
static int records_in(const char *name)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(TABLE_PATH(name), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM t NOT INDEXED", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void expect_not_removed(struct ops_target *target, const char *reason)
{
    enum ops_removal outcomes[2] = {OPS_RETRY, OPS_RETRY};
    ops_remarks_clear(&table.remarks);
    assert_int_equal(ops_target_remove(target, table.page.keys, 2, outcomes, &table.error), OPS_TARGET_ERROR);
    if (!strstr(table.error.text, reason))
        fail_msg("'%s' does not say '%s'", table.error.text, reason);
    assert_int_equal(outcomes[0], OPS_RETRY);
    assert_int_equal(table.remarks.count, 0);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    int in = open(TABLE_PATH(from), O_RDONLY), out = open(TABLE_PATH(to), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t count = read(in, bytes, sizeof bytes);
    assert_true(in >= 0 && out >= 0 && count > 0 && write(out, bytes, (size_t)count) == count);
    close(in);
    close(out);
}

static void a_file_with_two_names_is_refused(void **state)
{
    (void)state;
    make_table();
    assert_int_equal(link(TABLE_PATH("app.db"), TABLE_PATH("snapshot.db")), 0);
    table_refused(table_location("t", "[\"id\"]", ""), &table_all, "has 2 names (hard links)");
    assert_int_equal(unlink(TABLE_PATH("snapshot.db")), 0);
    ops_target_close(open_acme());
}

static void a_name_that_comes_between_page_and_removal_stops_it(void **state)
{
    (void)state;
    make_table();
    struct ops_target *target = open_acme();
    assert_int_equal(table_page(target, "", 10), 2);
    assert_int_equal(link(TABLE_PATH("app.db"), TABLE_PATH("snapshot.db")), 0);
    expect_not_removed(target, "hard links");
    assert_int_equal(records_in("app.db"), 3);
    assert_int_equal(unlink(TABLE_PATH("snapshot.db")), 0);
    table_remove(target);
    assert_int_equal(records_in("app.db"), 1);
    ops_target_close(target);
}

static void a_file_that_was_moved_replaced_or_removed_is_left_alone(void **state)
{
    (void)state;
    make_table();
    struct ops_target *target = open_acme();
    assert_int_equal(table_page(target, "", 10), 2);
    copy_file("app.db", "copy.db");
    assert_int_equal(rename(TABLE_PATH("app.db"), TABLE_PATH("away.db")), 0);
    expect_not_removed(target, "moved, removed or replaced");
    assert_int_equal(rename(TABLE_PATH("copy.db"), TABLE_PATH("app.db")), 0);
    expect_not_removed(target, "moved, removed or replaced");
    assert_int_equal(records_in("app.db"), 3);
    assert_int_equal(records_in("away.db"), 3);
    assert_int_equal(unlink(TABLE_PATH("app.db")), 0);
    assert_int_equal(symlink("away.db", TABLE_PATH("app.db")), 0);
    expect_not_removed(target, "moved, removed or replaced");
    assert_int_equal(unlink(TABLE_PATH("app.db")), 0);
    assert_int_equal(mkdir(TABLE_PATH("app.db"), 0700), 0);
    expect_not_removed(target, "moved, removed or replaced");
    assert_int_equal(rmdir(TABLE_PATH("app.db")), 0);
    assert_int_equal(records_in("away.db"), 3);
    assert_int_equal(rename(TABLE_PATH("away.db"), TABLE_PATH("app.db")), 0);
    table_remove(target);
    assert_int_equal(records_in("app.db"), 1);
    ops_target_close(target);
}

static void a_directory_on_the_way_that_was_replaced_is_noticed(void **state)
{
    (void)state;
    make_table();
    assert_int_equal(mkdir(TABLE_PATH("d"), 0700), 0);
    assert_int_equal(rename(TABLE_PATH("app.db"), TABLE_PATH("d/app.db")), 0);
    struct ops_scope scope = table_by("org", "acme");
    struct ops_target *target = table_open(json_pack("{s:s, s:s}", "file", "d/app.db", "table", "t"), &scope);
    assert_int_equal(table_page(target, "", 10), 2);
    assert_int_equal(rename(TABLE_PATH("d"), TABLE_PATH("e")), 0);
    assert_int_equal(mkdir(TABLE_PATH("d"), 0700), 0);
    copy_file("e/app.db", "d/app.db");
    expect_not_removed(target, "moved, removed or replaced");
    assert_int_equal(records_in("d/app.db"), 3);
    assert_int_equal(records_in("e/app.db"), 3);
    ops_target_close(target);
}

static void an_index_of_words_is_not_made_anew_in_a_file_that_was_moved(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org, body); CREATE VIRTUAL TABLE f USING fts5(body, content='t',"
              "content_rowid='id'); INSERT INTO t VALUES (1, 'globex', 'word')");
    struct ops_scope scope = table_by("org", "acme");
    struct ops_target *target = table_open(table_location("t", NULL, ", \"fts\": \"rebuild\""), &scope);
    target->removes = true;
    assert_int_equal(rename(TABLE_PATH("app.db"), TABLE_PATH("away.db")), 0);
    assert_int_equal(ops_target_page(target, 0, "", 10, &table.page, &table.error), OPS_TARGET_ERROR);
    assert_non_null(strstr(table.error.text, "moved, removed or replaced"));
    ops_target_close(target);
}

/* ---- Rights ---- */

/* The rights that root has can't be taken by a mode, so it works as somebody else. */
static void drop_rights(void)
{
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(table.data, NOBODY, (gid_t)-1), 0);
    assert_int_equal(chown(TABLE_PATH("app.db"), NOBODY, (gid_t)-1), 0);
    assert_int_equal(seteuid(NOBODY), 0);
}

static void take_rights_back(void)
{
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(table.data, 0700), 0);
}

/* Before anything is removed each record is told, and the target as a whole; the removal itself then says the same. */
static void expect_trouble(const char *reason)
{
    struct ops_findings findings = {.count = 0};
    enum ops_removal outcomes[2];
    struct ops_target *target = open_acme();
    assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
    assert_int_equal(findings.count, 1);
    assert_true(findings.list[0].blocks);
    if (!strstr(findings.list[0].text, reason) || !strstr(findings.list[0].text, "a vacuum would delete nothing"))
        fail_msg("'%s' does not say '%s'", findings.list[0].text, reason);
    assert_int_equal(table_page(target, "", 10), 2);
    assert_int_equal(table.remarks.counts[OPS_REMARK_UNDELETABLE], 2);
    assert_string_equal(table.remarks.first[1].name, "b");
    assert_non_null(strstr(table.remarks.first[1].reason, reason));
    ops_remarks_clear(&table.remarks);
    assert_int_equal(ops_target_remove(target, table.page.keys, 2, outcomes, &table.error), OPS_OK);
    assert_int_equal(outcomes[0], OPS_FAILED);
    assert_int_equal(outcomes[1], OPS_FAILED);
    assert_int_equal(table.remarks.counts[OPS_REMARK_REFUSED], 2);
    assert_string_equal(table.remarks.first[0].name, "a");
    assert_non_null(strstr(table.remarks.first[0].reason, reason));
    assert_non_null(strstr(table.error.text, reason));
    ops_target_close(target);
}

static void a_file_that_may_only_be_read_is_told_before_and_after(void **state)
{
    (void)state;
    make_table();
    assert_int_equal(chmod(TABLE_PATH("app.db"), 0400), 0);
    drop_rights();
    expect_trouble("it can't be written (Permission denied)");
    take_rights_back();
    assert_int_equal(records_in("app.db"), 3);
}

static void a_directory_where_no_journal_can_be_made_is_told_before_and_after(void **state)
{
    (void)state;
    make_table();
    drop_rights();
    assert_int_equal(chmod(table.data, 0500), 0);
    expect_trouble("SQLite can't make the files beside it that a change needs (Permission denied)");
    take_rights_back();
    assert_int_equal(records_in("app.db"), 3);
}

static void a_write_ahead_log_that_is_there_already_needs_no_right_to_the_directory(void **state)
{
    (void)state;
    table_sql("PRAGMA journal_mode = WAL");
    make_table(); /* the application keeps it open */
    drop_rights();
    if (getuid() == 0 && seteuid(0) == 0) {
        assert_int_equal(chown(TABLE_PATH("app.db-wal"), NOBODY, (gid_t)-1), 0);
        assert_int_equal(chown(TABLE_PATH("app.db-shm"), NOBODY, (gid_t)-1), 0);
        assert_int_equal(seteuid(NOBODY), 0);
    }
    assert_int_equal(chmod(table.data, 0500), 0);
    struct ops_findings findings = {.count = 0};
    struct ops_target *target = open_acme();
    assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
    assert_int_equal(findings.count, 0);
    assert_int_equal(table_page(target, "", 10), 2);
    assert_int_equal(table.remarks.count, 0);
    table_remove(target);
    ops_target_close(target);
    assert_int_equal(chmod(TABLE_PATH("app.db-shm"), 0400), 0);
    struct ops_scope scope = table_by("org", "globex");
    if (table_try_open(table_location("t", NULL, ""), &scope, &target) == OPS_OK) { /* SQLite may read it all the same */
        assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
        assert_int_equal(findings.count, 1);
        ops_target_close(target);
    }
    take_rights_back();
}

static void a_write_ahead_log_that_can_not_be_made_is_told_in_words(void **state)
{
    (void)state;
    table_sql("PRAGMA journal_mode = WAL");
    make_table();
    assert_int_equal(sqlite3_close(table.db), SQLITE_OK);
    drop_rights();
    assert_int_equal(chmod(table.data, 0500), 0);
    table_refused(table_location("t", NULL, ""), &table_all,
                  "not even be read: SQLite can't make the files beside it that a change needs (Permission denied)");
    take_rights_back();
    assert_int_equal(sqlite3_open(TABLE_PATH("app.db"), &table.db), SQLITE_OK);
}

static void a_read_only_file_system_is_told_before_and_after(void **state)
{
    (void)state;
    make_table();
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        skip(); /* not root: nothing can be mounted */
    assert_int_equal(mount(table.data, table.data, NULL, MS_BIND, NULL), 0);
    assert_int_equal(mount(NULL, table.data, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    expect_trouble("the file system is read-only");
    assert_int_equal(umount2(table.data, MNT_DETACH), 0);
    assert_int_equal(records_in("app.db"), 3);
}

/* An attribute that keeps root off as well. Not every file system has them. */
static void set_attribute(const char *path, int attribute)
{
    int flags = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    bool set = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
    flags = (flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | attribute;
    set = set && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
    close(fd);
    if (!set)
        skip();
}

static void a_file_or_directory_that_is_immutable_is_told_before_and_after(void **state)
{
    (void)state;
    make_table();
    assert_int_equal(sqlite3_close(table.db), SQLITE_OK); /* for a descriptor that is closed drops its locks */
    table.db = NULL;
    set_attribute(TABLE_PATH("app.db"), FS_IMMUTABLE_FL);
    expect_trouble("it is immutable (chattr +i)");
    set_attribute(TABLE_PATH("app.db"), 0);
    set_attribute(table.data, FS_IMMUTABLE_FL);
    expect_trouble("SQLite can't make the files beside it that a change needs (Operation not permitted)");
    set_attribute(table.data, FS_APPEND_FL);
    expect_trouble("nothing can be removed from it (chattr +a)");
    set_attribute(table.data, 0);
    assert_int_equal(records_in("app.db"), 3);
    assert_int_equal(sqlite3_open(TABLE_PATH("app.db"), &table.db), SQLITE_OK);
}

/* An index whose root is no index at all: reading along the rowids goes well, deleting does not. */
static void what_sqlite_refuses_for_good_is_told_of_each_record(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(id INTEGER PRIMARY KEY, org, name); CREATE INDEX i ON t(name); CREATE TABLE u(a);"
              "INSERT INTO t VALUES (7, 'acme', 'x'), (8, 'acme', 'y'), (9, 'globex', 'z'); PRAGMA writable_schema = ON;"
              "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'u') WHERE name = 'i'");
    struct ops_target *target = open_acme();
    enum ops_removal outcomes[2] = {OPS_REMOVED, OPS_REMOVED};
    assert_int_equal(table_page(target, "", 10), 2);
    assert_int_equal(table.remarks.count, 0);
    assert_int_equal(ops_target_remove(target, table.page.keys, 2, outcomes, &table.error), OPS_OK);
    assert_int_equal(outcomes[0], OPS_FAILED);
    assert_int_equal(outcomes[1], OPS_FAILED);
    assert_int_equal(table.remarks.counts[OPS_REMARK_REFUSED], 2);
    assert_string_equal(table.remarks.first[1].name, "8");
    assert_non_null(strstr(table.remarks.first[1].reason, "malformed"));
    assert_non_null(strstr(table.error.text, "malformed"));
    ops_target_close(target);
    assert_int_equal(records_in("app.db"), 3);
}

static size_t count_absent(struct ops_target *target)
{
    enum ops_removal outcomes[8];
    size_t absent = 0;
    assert_int_equal(ops_target_remove(target, table.page.keys, table.page.count, outcomes, &table.error), OPS_OK);
    for (size_t i = 0; i < table.page.count; i++) {
        assert_true(outcomes[i] == OPS_REMOVED || outcomes[i] == OPS_ABSENT);
        absent += outcomes[i] == OPS_ABSENT;
    }
    return absent;
}

static void a_record_that_is_gone_when_it_is_to_be_removed_is_absent(void **state)
{
    (void)state;
    static const char *const keys[] = {"id INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY", "id INTEGER PRIMARY KEY) WITHOUT ROWID; --"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        table_sql("DROP TABLE IF EXISTS t; CREATE TABLE t(org, name, %s%s", keys[i], i < 2 ? ");" : "\n");
        table_sql("INSERT INTO t(id, org) VALUES (7, 'acme'), (8, 'acme'), (9, 'acme'), (10, 'globex')");
        struct ops_target *target = open_acme();
        assert_int_equal(table_page(target, "", 10), 3);
        table_sql("DELETE FROM t WHERE id = 8");
        assert_int_equal(count_absent(target), 1);
        assert_int_equal(count_absent(target), 3);
        ops_target_close(target);
        assert_int_equal(records_in("app.db"), 1);
    }
}

static void what_only_the_application_has_is_named(void **state)
{
    (void)state;
    static const char *const schemas[][2] = {
        {"CREATE TABLE t(id INTEGER PRIMARY KEY, org, name); CREATE INDEX i ON t(name COLLATE LOCALIZED)", "LOCALIZED"},
        {"CREATE TABLE t(id INTEGER PRIMARY KEY, org, name); CREATE INDEX i ON t(fold(name))", "fold"},
        {"CREATE TABLE t(id INTEGER PRIMARY KEY, org, name, low AS (fold(name))); CREATE INDEX i ON t(low)", "fold"},
    };
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        /* The application's own collation and function, as far as they are needed to make the table. */
        table_sql("PRAGMA writable_schema = ON");
        table_sql("DROP TABLE IF EXISTS t");
        char *plain = sqlite3_mprintf("%s", schemas[i][0]);
        char *collation = strstr(plain, "LOCALIZED"), *function = strstr(plain, "fold(name)");
        if (collation)
            memcpy(collation, "NOCASE   ", strlen("LOCALIZED"));
        if (function)
            memcpy(function, "trim(name)", strlen("fold(name)"));
        table_sql("%s", plain);
        table_sql("UPDATE sqlite_schema SET sql = replace(replace(sql, 'NOCASE', 'LOCALIZED'), 'trim', 'fold')");
        sqlite3_free(plain);
        sqlite3_close(table.db);
        table_refused(table_location("t", "[\"id\"]", ""), &table_all, schemas[i][1]);
        assert_non_null(strstr(table.error.text, "can be deleted"));
        assert_non_null(strstr(table.error.text, "only the application has"));
        assert_int_equal(unlink(TABLE_PATH("app.db")), 0);
        assert_int_equal(sqlite3_open(TABLE_PATH("app.db"), &table.db), SQLITE_OK);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, table_set_up, table_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_file_with_two_names_is_refused),
        CASE(a_name_that_comes_between_page_and_removal_stops_it),
        CASE(a_file_that_was_moved_replaced_or_removed_is_left_alone),
        CASE(a_directory_on_the_way_that_was_replaced_is_noticed),
        CASE(an_index_of_words_is_not_made_anew_in_a_file_that_was_moved),
        CASE(a_file_that_may_only_be_read_is_told_before_and_after),
        CASE(a_directory_where_no_journal_can_be_made_is_told_before_and_after),
        CASE(a_write_ahead_log_that_is_there_already_needs_no_right_to_the_directory),
        CASE(a_write_ahead_log_that_can_not_be_made_is_told_in_words),
        CASE(a_read_only_file_system_is_told_before_and_after),
        CASE(a_file_or_directory_that_is_immutable_is_told_before_and_after),
        CASE(what_sqlite_refuses_for_good_is_told_of_each_record),
        CASE(a_record_that_is_gone_when_it_is_to_be_removed_is_absent),
        CASE(what_only_the_application_has_is_named),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
