#include "adapters/local/store.h"
#include "base/json.h"
#include "contract/store_suite.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char token[OPS_ULID_SIZE] = "01JDEXAMPLE000000000000000";
static char directory[SCRATCH_SIZE];

static struct ops_store *local_open(void)
{
    struct ops_store *store = NULL;
    scratch_make(directory);
    if (ops_local_store_open(scratch_path(directory, "ops.sqlite"), &store, NULL) == OPS_OK)
        return store;
    scratch_remove(directory);
    return NULL;
}

static void local_close(struct ops_store *store)
{
    ops_store_release(store);
    scratch_remove(directory);
}

static int set_up(void **state)
{
    (void)state;
    scratch_make(directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(directory);
    return 0;
}

static const char *store_path(void)
{
    return scratch_path(directory, "ops.sqlite");
}

static struct ops_store *open_at(const char *path)
{
    struct ops_store *store = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_local_store_open(path, &store, &error);
    if (status != OPS_OK)
        print_error("%s\n", ops_error_text(&error, status));
    assert_int_equal(status, OPS_OK);
    return store;
}

static enum ops_status put_number(struct ops_store *store, const char *pk, const char *sk, json_int_t n)
{
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, pk, sk, json_pack("{s:I}", "n", n));
    enum ops_status status = ops_store_transact(store, &txn, NULL);
    ops_txn_release(&txn);
    return status;
}

static json_int_t number_at(struct ops_store *store, const char *pk, const char *sk)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(store, pk, sk, &doc, NULL);
    json_int_t number = status == OPS_OK ? ops_json_integer(doc, "n", -1) : -1;
    json_decref(doc);
    return number;
}

/* Opening must fail with this status, and one sentence that has both words. */
static void expect_refused(const char *path, enum ops_status expected, const char *word, const char *other_word)
{
    struct ops_store *store = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_local_store_open(path, &store, &error);
    if (status != expected || !strstr(error.text, word) || !strstr(error.text, other_word))
        print_error("%s: %s\n", ops_status_tag(status), error.text);
    assert_int_equal(status, expected);
    assert_null(store);
    assert_non_null(strstr(error.text, word));
    assert_non_null(strstr(error.text, other_word));
    ops_error_release(&error);
}

static void raw(const char *path, const char *sql, int expected)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (code != expected)
        print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    assert_int_equal(code, expected);
    sqlite3_close(db);
}

static void what_was_committed_is_there_when_the_store_is_opened_again(void **state)
{
    (void)state;
    struct ops_store *store = open_at(store_path());
    assert_int_equal(put_number(store, "P", "1", 7), OPS_OK);
    ops_store_release(store);
    store = open_at(store_path());
    assert_int_equal(number_at(store, "P", "1"), 7);
    ops_store_release(store);
}

static void the_file_and_its_log_are_for_their_owner_only(void **state)
{
    (void)state;
    static const char *const names[] = {"ops.sqlite", "ops.sqlite-wal", "ops.sqlite-shm"};
    mode_t old_mask = umask(0);
    struct ops_store *store = open_at(store_path());
    assert_int_equal(put_number(store, "P", "1", 1), OPS_OK);
    (void)umask(old_mask);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat found;
        assert_int_equal(stat(scratch_path(directory, names[i]), &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
    }
    ops_store_release(store);
}

static void even_raw_sql_can_not_change_an_audit_record(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "UPDATE records SET doc = '{}' WHERE pk = 'AUDIT'",
        "UPDATE records SET doc = '{}'",
        "UPDATE records SET pk = 'X' WHERE pk = 'AUDIT'",
        "UPDATE OR REPLACE records SET pk = 'AUDIT', sk = '1' WHERE pk = 'P'",
        "DELETE FROM records WHERE pk = 'AUDIT'",
        "DELETE FROM records",
        "INSERT OR REPLACE INTO records VALUES ('AUDIT', '1', '{}')",
        "REPLACE INTO records VALUES ('AUDIT', '1', '{}')",
        "INSERT INTO records VALUES ('AUDIT', '1', '{}') ON CONFLICT DO UPDATE SET doc = '{}'",
        "PRAGMA recursive_triggers = ON; REPLACE INTO records VALUES ('AUDIT', '1', '{}')",
    };
    struct ops_store *store = open_at(store_path());
    assert_int_equal(put_number(store, "AUDIT", "1", 42), OPS_OK);
    assert_int_equal(put_number(store, "P", "1", 1), OPS_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        raw(store_path(), refused[i], SQLITE_CONSTRAINT);
    assert_int_equal(number_at(store, "AUDIT", "1"), 42);
    assert_int_equal(number_at(store, "P", "1"), 1);
    raw(store_path(), "INSERT INTO records VALUES ('AUDIT', '2', '{}')", SQLITE_OK);
    ops_store_release(store);
}

static void another_applications_database_is_refused_and_left_alone(void **state)
{
    (void)state;
    const char *path = scratch_path(directory, "other.sqlite");
    raw(path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)", SQLITE_OK);
    expect_refused(path, OPS_STORE_UNAVAILABLE, "other.sqlite", "another application");
    raw(path, "PRAGMA application_id = 77", SQLITE_OK);
    expect_refused(path, OPS_STORE_UNAVAILABLE, "other.sqlite", "77");
    raw(path, "SELECT x FROM theirs", SQLITE_OK);
    assert_int_not_equal(access(scratch_path(directory, "other.sqlite-wal"), F_OK), 0);
}

static void a_store_of_a_later_format_is_refused(void **state)
{
    (void)state;
    const char *path = store_path();
    ops_store_release(open_at(path));
    raw(path, "PRAGMA user_version = 2", SQLITE_OK);
    expect_refused(path, OPS_STORE_UNAVAILABLE, path, "format 2");
}

static void a_path_that_can_not_be_a_store_gets_one_clear_sentence(void **state)
{
    (void)state;
    expect_refused(scratch_path(directory, "none/ops.sqlite"), OPS_STORE_UNAVAILABLE, "none/ops.sqlite", "No such file");
    assert_int_equal(mkdir(scratch_path(directory, "dir"), 0700), 0);
    expect_refused(scratch_path(directory, "dir"), OPS_STORE_UNAVAILABLE, "dir", "a directory");
    assert_int_equal(symlink("ops.sqlite", scratch_path(directory, "link")), 0);
    expect_refused(scratch_path(directory, "link"), OPS_STORE_UNAVAILABLE, "link", "symbolic link");
    assert_int_equal(mkfifo(scratch_path(directory, "pipe"), 0600), 0);
    expect_refused(scratch_path(directory, "pipe"), OPS_STORE_UNAVAILABLE, "pipe", "not a regular file");
    scratch_write(scratch_path(directory, "text"), "this is a text that is long enough to be no database at all, surely\n");
    expect_refused(scratch_path(directory, "text"), OPS_CORRUPT, "text", "not an SQLite database");
}

static void a_directory_behind_a_link_is_fine(void **state)
{
    (void)state;
    assert_int_equal(mkdir(scratch_path(directory, "real"), 0700), 0);
    assert_int_equal(symlink("real", scratch_path(directory, "alias")), 0);
    ops_store_release(open_at(scratch_path(directory, "alias/ops.sqlite")));
    assert_int_equal(access(scratch_path(directory, "real/ops.sqlite"), F_OK), 0);
}

static void a_damaged_file_is_reported_as_damaged(void **state)
{
    (void)state;
    const char *path = store_path();
    struct ops_store *store = open_at(path);
    for (int i = 0; i < 300; i++) {
        char sk[16];
        (void)snprintf(sk, sizeof sk, "%d", i);
        assert_int_equal(put_number(store, "P", sk, i), OPS_OK);
    }
    ops_store_release(store);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
    for (int i = 0; i < 20000; i++)
        assert_int_not_equal(fputc(0x5a, file), EOF);
    assert_int_equal(fclose(file), 0);
    json_t *doc = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_local_store_open(path, &store, &error);
    if (status == OPS_OK) {
        status = ops_store_get(store, "P", "7", &doc, &error);
        ops_store_release(store);
    }
    assert_int_equal(status, OPS_CORRUPT);
    assert_non_null(strstr(error.text, path));
    ops_error_release(&error);
}

static void a_record_that_is_not_an_object_is_corrupt(void **state)
{
    (void)state;
    struct ops_store *store = open_at(store_path());
    raw(store_path(), "INSERT INTO records VALUES ('P', '1', '[1]'), ('P', '2', '{')", SQLITE_OK);
    json_t *doc = NULL;
    struct ops_store_page page = {0};
    const struct ops_query query = {"P", NULL, false, 10};
    assert_int_equal(ops_store_get(store, "P", "1", &doc, NULL), OPS_CORRUPT);
    assert_int_equal(ops_store_get(store, "P", "2", &doc, NULL), OPS_CORRUPT);
    assert_int_equal(ops_store_query(store, &query, &page, NULL), OPS_CORRUPT);
    assert_null(page.docs);
    ops_store_release(store);
}

/* As somebody who has opened the file does. */
static void set_text(sqlite3 *db, struct ops_view text)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE records SET doc = ?1 WHERE pk = 'P'", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(statement, 1, text.data, (int)text.length, SQLITE_TRANSIENT), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    (void)sqlite3_finalize(statement);
}

static enum ops_status read_as_written(struct ops_store *store, json_t **ret_doc, struct ops_error *error)
{
    struct ops_store_page page = {0};
    const struct ops_query query = {.pk = "P", .limit = 10, .as_written = true};
    enum ops_status status = ops_store_query(store, &query, &page, error);
    if (status == OPS_OK)
        *ret_doc = json_incref(json_array_get(page.docs, 0));
    ops_store_page_release(&page);
    return status;
}

/* What reads the same to us may read otherwise to somebody else. */
static void a_text_that_is_not_the_one_that_was_written_is_corrupt(void **state)
{
    static const struct {
        const char *text;
        enum ops_status plain; /* to who does not ask for it as it was written */
    } cases[] = {
        {"{\"n\":1,\"a\":\"\xc3\xa4/\\n\"}", OPS_OK},
        {"{\"a\":\"EVIL\",\"n\":1,\"a\":\"b\"}", OPS_CORRUPT},
        {"{\"n\":{\"a\":1,\"\\u0061\":1}}", OPS_CORRUPT},
        {"{\"n\": 1}", OPS_OK},
        {"{\"n\":1} ", OPS_OK},
        {"{\"n\":-0}", OPS_OK},
        {"{\"\\u006e\":1}", OPS_OK},
        {"{\"n\":\"\\/\"}", OPS_OK},
        {"{\"n\":\"\\u000A\"}", OPS_OK},
    };
    (void)state;
    struct ops_store *store = open_at(store_path());
    sqlite3 *db = NULL;
    assert_int_equal(put_number(store, "P", "1", 1), OPS_OK);
    assert_int_equal(sqlite3_open(store_path(), &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *doc = NULL;
        struct ops_error error = OPS_ERROR_INIT;
        set_text(db, ops_view_of(cases[i].text));
        enum ops_status as_written = read_as_written(store, &doc, &error);
        json_decref(doc);
        doc = NULL;
        enum ops_status plain = ops_store_get(store, "P", "1", &doc, NULL);
        if (plain != cases[i].plain || as_written != (i == 0 ? OPS_OK : OPS_CORRUPT) ||
            (i > 0 && (!strstr(error.text, "The record P/1 in ") || !strstr(error.text, store_path()))))
            fail_msg("case %zu: %s, %s, %s", i, ops_status_tag(as_written), ops_status_tag(plain), error.text);
        json_decref(doc);
        ops_error_release(&error);
    }
    sqlite3_close(db);
    ops_store_release(store);
}

/* The smallest of random numbers will do. */
static uint32_t next_of(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* And whoever follows the chain finds another value by its hash. */
static void a_change_of_any_byte_of_a_text_makes_it_corrupt_or_another_value(void **state)
{
    enum { ROUNDS = 5000 };
    static const char written[] =
        "{\"seq\":41,\"at\":\"2026-11-30T02:00:00Z\",\"data\":{\"a\":[true,null,\"\xc3\xa4\\\"\\u0001\"]}}";
    uint32_t seed = 20261130;
    (void)state;
    struct ops_store *store = open_at(store_path());
    sqlite3 *db = NULL;
    json_t *value = json_loads(written, 0, NULL);
    assert_int_equal(put_number(store, "P", "1", 1), OPS_OK);
    assert_int_equal(sqlite3_open(store_path(), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
    for (int round = 0; round < ROUNDS; round++) {
        char changed[sizeof written + 1];
        size_t at = next_of(&seed) % (sizeof written - 1);
        unsigned kind = next_of(&seed) % 3; /* changed, left out, put in */
        char byte = (char)(next_of(&seed) % (kind == 2 ? 256 : 128));
        json_t *doc = NULL;
        int length = snprintf(changed, sizeof changed, "%.*s%c%s", (int)at, written, kind == 1 ? ' ' : byte,
                              written + at + (kind != 2));
        if (kind == 1)
            memmove(changed + at, changed + at + 1, (size_t)length-- - at);
        if (strcmp(changed, written) == 0)
            continue;
        set_text(db, ops_view(changed, (size_t)length));
        enum ops_status status = read_as_written(store, &doc, NULL);
        if (status != OPS_CORRUPT && (status != OPS_OK || json_equal(doc, value)))
            fail_msg("round %d: '%s' passes", round, changed);
        json_decref(doc);
    }
    json_decref(value);
    sqlite3_close(db);
    ops_store_release(store);
}

static void a_writer_that_does_not_let_go_makes_the_store_unavailable_but_not_unreadable(void **state)
{
    (void)state;
    struct ops_store *store = open_at(store_path());
    assert_int_equal(put_number(store, "P", "1", 1), OPS_OK);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(store_path(), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct ops_txn txn;
    struct ops_error error = OPS_ERROR_INIT;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "1", json_pack("{s:i}", "n", 2));
    assert_int_equal(ops_store_transact(store, &txn, &error), OPS_STORE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "locked"));
    assert_int_equal(number_at(store, "P", "1"), 1);
    sqlite3_close(other);
    assert_int_equal(ops_store_transact(store, &txn, NULL), OPS_OK);
    assert_int_equal(number_at(store, "P", "1"), 2);
    ops_txn_release(&txn);
    ops_error_release(&error);
    ops_store_release(store);
}

/* Runs work in a forked child and gives its exit code. */
static int in_child(int (*work)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(work());
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

/* A limit on file sizes stands in for a full disk: to SQLite both are a write that comes back short or refused. */
static int write_until_no_room(void)
{
    struct rlimit limit = {256 * 1024, 256 * 1024};
    struct ops_store *store = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_local_store_open(store_path(), &store, &error);
    if (status != OPS_OK || signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    json_int_t n = 0;
    while (n < 1000 && status == OPS_OK) {
        struct ops_txn txn;
        ops_txn_init(&txn, token);
        ops_txn_put(&txn, "P", "1", json_pack("{s:I}", "n", n + 1));
        status = ops_store_transact(store, &txn, &error);
        ops_txn_release(&txn);
        n += status == OPS_OK;
    }
    if ((status != OPS_STORE_UNAVAILABLE && status != OPS_UNKNOWN) || !strstr(error.text, "ops.sqlite"))
        return 2;
    bool kept = number_at(store, "P", "1") == n;
    ops_error_release(&error);
    ops_store_release(store);
    return kept ? 0 : 3;
}

static void without_room_the_last_commit_stays_and_the_sentence_names_the_file(void **state)
{
    (void)state;
    assert_int_equal(in_child(write_until_no_room), 0);
    struct ops_store *store = open_at(store_path());
    assert_true(number_at(store, "P", "1") > 0);
    assert_int_equal(put_number(store, "P", "1", 5), OPS_OK);
    ops_store_release(store);
}

/* A file system whose syncs or writes fail on demand: the default one, with two calls of its files put in between. */

static int sync_result, write_result; /* SQLITE_OK: as the file system says */
static sqlite3_vfs faulty_vfs, *real_vfs;
static sqlite3_io_methods faulty_methods;
static const sqlite3_io_methods *real_methods;

static int faulty_sync(sqlite3_file *file, int flags)
{
    return sync_result ? sync_result : real_methods->xSync(file, flags);
}

static int faulty_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 at)
{
    return write_result ? write_result : real_methods->xWrite(file, bytes, count, at);
}

static int faulty_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    (void)vfs;
    int code = real_vfs->xOpen(real_vfs, name, file, flags, ret_flags);
    if (code == SQLITE_OK && (flags & SQLITE_OPEN_WAL)) { /* where a commit goes */
        real_methods = file->pMethods;
        faulty_methods = *real_methods;
        faulty_methods.xSync = faulty_sync;
        faulty_methods.xWrite = faulty_write;
        file->pMethods = &faulty_methods;
    }
    return code;
}

static void faulty_vfs_register(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    faulty_vfs = *real_vfs;
    faulty_vfs.zName = "faulty";
    faulty_vfs.xOpen = faulty_open;
    assert_int_equal(sqlite3_vfs_register(&faulty_vfs, 1), SQLITE_OK);
}

static void faulty_vfs_unregister(void)
{
    sync_result = write_result = SQLITE_OK;
    assert_int_equal(sqlite3_vfs_unregister(&faulty_vfs), SQLITE_OK);
    assert_int_equal(sqlite3_vfs_register(real_vfs, 1), SQLITE_OK);
}

struct commit_case {
    int sync_result;
    int write_result;
    enum ops_status expected;
};

static const struct commit_case commit_cases[] = {
    {SQLITE_IOERR_FSYNC, SQLITE_OK, OPS_UNKNOWN},
    {SQLITE_OK, SQLITE_IOERR_WRITE, OPS_UNKNOWN},
    {SQLITE_OK, SQLITE_FULL, OPS_STORE_UNAVAILABLE},
};

static void a_commit_that_fails_is_unknown_unless_it_surely_did_not_happen(void **state)
{
    (void)state;
    faulty_vfs_register();
    struct ops_store *store = open_at(store_path());
    for (size_t i = 0; i < sizeof commit_cases / sizeof commit_cases[0]; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        struct ops_txn txn;
        assert_int_equal(put_number(store, "P", "1", 1), OPS_OK);
        ops_txn_init(&txn, token);
        ops_txn_put(&txn, "P", "1", json_pack("{s:i}", "n", 2));
        sync_result = commit_cases[i].sync_result;
        write_result = commit_cases[i].write_result;
        assert_int_equal(ops_store_transact(store, &txn, &error), commit_cases[i].expected);
        sync_result = write_result = SQLITE_OK;
        ops_txn_release(&txn);
        assert_non_null(strstr(error.text, "ops.sqlite"));
        ops_error_release(&error);
        /* After a failed sync the commit may be found in the log when that is opened again: hence "unknown". */
        json_int_t found = number_at(store, "P", "1");
        assert_true(found == 1 || (found == 2 && commit_cases[i].expected == OPS_UNKNOWN));
        assert_int_equal(put_number(store, "P", "1", 3), OPS_OK);
        assert_int_equal(number_at(store, "P", "1"), 3);
    }
    ops_store_release(store);
    faulty_vfs_unregister();
}

static void when_sqlite_has_no_memory_a_change_is_whole_or_not_made(void **state)
{
    (void)state;
    enum { STEP_BYTES = 512, EXTRA_MAX_BYTES = 256 * 1024 };
    struct ops_store *store = open_at(store_path());
    assert_int_equal(put_number(store, "P", "1", 0), OPS_OK);
    json_int_t last = 0;
    bool refused = false;
    for (int extra = 0; extra < EXTRA_MAX_BYTES; extra += STEP_BYTES) {
        (void)sqlite3_hard_heap_limit64(sqlite3_memory_used() + extra + 1);
        enum ops_status status = put_number(store, "P", "1", last + 1);
        (void)sqlite3_hard_heap_limit64(0);
        json_int_t found = number_at(store, "P", "1");
        refused = refused || status != OPS_OK;
        assert_true(status == OPS_OK || status == OPS_NO_MEMORY || status == OPS_UNKNOWN);
        assert_true(status == OPS_OK ? found == last + 1 : status == OPS_UNKNOWN || found == last);
        last = found;
        ops_store_release(store);
        store = open_at(store_path());
    }
    assert_true(refused);
    ops_store_release(store);
}

enum { NOBODY = 65534 };

static int open_as_nobody(void)
{
    struct ops_store *store = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return 0; /* a sandbox without other users: nothing to try */
    enum ops_status status = ops_local_store_open(store_path(), &store, &error);
    bool clear = status == OPS_STORE_UNAVAILABLE && strstr(error.text, "ops.sqlite") && strstr(error.text, "ermission");
    if (!clear)
        print_error("%s: %s\n", ops_status_tag(status), error.text);
    ops_error_release(&error);
    return clear ? 0 : 1;
}

static void a_directory_that_can_not_be_written_gets_one_clear_sentence(void **state)
{
    (void)state;
    assert_int_equal(chmod(directory, 0555), 0);
    assert_int_equal(in_child(open_as_nobody), 0);
    assert_int_equal(chmod(directory, 0755), 0);
    ops_store_release(open_at(store_path()));
    assert_int_equal(chmod(directory, 0555), 0);
    if (geteuid() == 0)
        assert_int_equal(in_child(open_as_nobody), 0);
    assert_int_equal(chmod(directory, 0755), 0);
}

enum { PROCESS_COUNT = 4, INCREMENTS = 20 };

static enum ops_status increment_once(struct ops_store *store)
{
    json_int_t value = number_at(store, "P", "counter");
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "counter", json_pack("{s:I}", "n", value < 0 ? 1 : value + 1));
    if (value < 0)
        ops_txn_if_absent(&txn);
    else
        ops_txn_if_integer(&txn, "n", value);
    enum ops_status status = ops_store_transact(store, &txn, NULL);
    ops_txn_release(&txn);
    return status;
}

static int open_and_increment(void)
{
    struct ops_store *store = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_local_store_open(store_path(), &store, &error);
    if (status != OPS_OK) {
        print_error("%s\n", ops_error_text(&error, status));
        return 1;
    }
    for (int done = 0; done < INCREMENTS;) {
        status = increment_once(store);
        if (status != OPS_OK && status != OPS_CONFLICT)
            return 2;
        done += status == OPS_OK;
    }
    ops_store_release(store);
    return 0;
}

static void processes_that_race_for_the_first_opening_all_get_it_and_lose_nothing(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        pid_t children[PROCESS_COUNT];
        for (int i = 0; i < PROCESS_COUNT; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0)
                _exit(open_and_increment());
        }
        for (int i = 0; i < PROCESS_COUNT; i++) {
            int result = 0;
            assert_int_equal(waitpid(children[i], &result, 0), children[i]);
            assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
        }
        struct ops_store *store = open_at(store_path());
        assert_int_equal(number_at(store, "P", "counter"), PROCESS_COUNT * INCREMENTS);
        ops_store_release(store);
        assert_int_equal(unlink(store_path()), 0);
    }
}

/* Writes the same number to two records, again and again, and tells through the pipe each number that was reported done. */
static void write_pairs_for_ever(int pipe_end)
{
    struct ops_store *store = NULL;
    if (ops_local_store_open(store_path(), &store, NULL) != OPS_OK)
        _exit(1);
    for (json_int_t n = number_at(store, "P", "1") + 1;; n++) {
        struct ops_txn txn;
        ops_txn_init(&txn, token);
        ops_txn_put(&txn, "P", "1", json_pack("{s:I}", "n", n));
        ops_txn_put(&txn, "P", "2", json_pack("{s:I}", "n", n));
        if (ops_store_transact(store, &txn, NULL) != OPS_OK || write(pipe_end, &n, sizeof n) != sizeof n)
            _exit(2);
        ops_txn_release(&txn);
    }
}

static json_int_t last_reported(int pipe_end)
{
    json_int_t last = -1;
    json_int_t n;
    while (read(pipe_end, &n, sizeof n) == sizeof n)
        last = n;
    return last;
}

static void a_kill_in_the_middle_of_writes_loses_no_commit_and_halves_none(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_pairs_for_ever(ends[1]);
        assert_int_equal(close(ends[1]), 0);
        (void)usleep((useconds_t)(30000 + 7919 * round));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        json_int_t reported = last_reported(ends[0]);
        assert_int_equal(close(ends[0]), 0);
        struct ops_store *store = open_at(store_path());
        json_int_t first = number_at(store, "P", "1");
        assert_int_equal(first, number_at(store, "P", "2"));
        assert_true(first >= reported);
        ops_store_release(store);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct store_suite_source source = {local_open, local_close};
    const struct CMUnitTest tests[] = {
        CASE(what_was_committed_is_there_when_the_store_is_opened_again),
        CASE(the_file_and_its_log_are_for_their_owner_only),
        CASE(even_raw_sql_can_not_change_an_audit_record),
        CASE(another_applications_database_is_refused_and_left_alone),
        CASE(a_store_of_a_later_format_is_refused),
        CASE(a_path_that_can_not_be_a_store_gets_one_clear_sentence),
        CASE(a_directory_behind_a_link_is_fine),
        CASE(a_damaged_file_is_reported_as_damaged),
        CASE(a_record_that_is_not_an_object_is_corrupt),
        CASE(a_text_that_is_not_the_one_that_was_written_is_corrupt),
        CASE(a_change_of_any_byte_of_a_text_makes_it_corrupt_or_another_value),
        CASE(a_writer_that_does_not_let_go_makes_the_store_unavailable_but_not_unreadable),
        CASE(without_room_the_last_commit_stays_and_the_sentence_names_the_file),
        CASE(a_commit_that_fails_is_unknown_unless_it_surely_did_not_happen),
        CASE(when_sqlite_has_no_memory_a_change_is_whole_or_not_made),
        CASE(a_directory_that_can_not_be_written_gets_one_clear_sentence),
        CASE(processes_that_race_for_the_first_opening_all_get_it_and_lose_nothing),
        CASE(a_kill_in_the_middle_of_writes_loses_no_commit_and_halves_none),
    };
    return store_suite_run("store_local", &source) + cmocka_run_group_tests(tests, NULL, NULL);
}
