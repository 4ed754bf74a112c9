#include "adapters/local/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How the file says what it is (PRAGMA application_id, user_version). The number reads "g3no". */
#define APPLICATION_ID 0x67336e6f
#define SCHEMA_VERSION 1

enum {
    BUSY_TIMEOUT_MS = 5000,
    SETUP_RETRY_MS = 10,
    SETUP_TRIES_MAX = BUSY_TIMEOUT_MS / SETUP_RETRY_MS,
};

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

/* The triggers keep the promise that an audit record is never changed or deleted, whoever writes: an UPDATE and a DELETE of
 * one, and an INSERT OR REPLACE over one, which SQLite would otherwise do without a word to the delete trigger. */
static const char schema[] =
    "CREATE TABLE records (pk TEXT NOT NULL, sk TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (pk, sk)) STRICT, WITHOUT "
    "ROWID;"
    "CREATE TRIGGER audit_keeps_old BEFORE UPDATE ON records WHEN old.pk = 'AUDIT' OR new.pk = 'AUDIT'"
    " BEGIN SELECT raise(ABORT, 'audit records are never changed'); END;"
    "CREATE TRIGGER audit_keeps_all BEFORE DELETE ON records WHEN old.pk = 'AUDIT'"
    " BEGIN SELECT raise(ABORT, 'audit records are never deleted'); END;"
    "CREATE TRIGGER audit_keeps_first BEFORE INSERT ON records WHEN new.pk = 'AUDIT' AND"
    " EXISTS (SELECT 1 FROM records WHERE pk = new.pk AND sk = new.sk)"
    " BEGIN SELECT raise(ABORT, 'audit records are never replaced'); END;"
    "PRAGMA application_id = " TEXT(APPLICATION_ID) ";"
                                                    "PRAGMA user_version = " TEXT(SCHEMA_VERSION) ";";

/* FULL, since in WAL mode anything less may lose a commit that has been reported. */
static const char settings[] = "PRAGMA synchronous = FULL; PRAGMA cache_size = -2048; PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 16777216;";

#define SELECT_PAGE "SELECT sk, doc FROM records WHERE pk = ?1"

static const char *const statement_texts[LOCAL_STATEMENT_COUNT] = {
    [LOCAL_BEGIN] = "BEGIN IMMEDIATE",
    [LOCAL_COMMIT] = "COMMIT",
    [LOCAL_ROLLBACK] = "ROLLBACK",
    [LOCAL_GET] = "SELECT doc FROM records WHERE pk = ?1 AND sk = ?2",
    [LOCAL_PUT] = "INSERT INTO records (pk, sk, doc) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT (pk, sk) DO UPDATE SET doc = excluded.doc",
    [LOCAL_DELETE] = "DELETE FROM records WHERE pk = ?1 AND sk = ?2",
    [LOCAL_QUERY_UP] = SELECT_PAGE " ORDER BY sk LIMIT ?3",
    [LOCAL_QUERY_UP_AFTER] = SELECT_PAGE " AND sk > ?2 ORDER BY sk LIMIT ?3",
    [LOCAL_QUERY_DOWN] = SELECT_PAGE " ORDER BY sk DESC LIMIT ?3",
    [LOCAL_QUERY_DOWN_AFTER] = SELECT_PAGE " AND sk < ?2 ORDER BY sk DESC LIMIT ?3",
};

struct failure_row {
    int code;
    enum ops_status status;
    const char *words;
};

static const struct failure_row failure_rows[] = {
    {SQLITE_NOMEM, OPS_NO_MEMORY, "there is not enough memory"},
    {SQLITE_BUSY, OPS_STORE_UNAVAILABLE, "another process has kept it locked for more than 5 seconds"},
    {SQLITE_LOCKED, OPS_STORE_UNAVAILABLE, "it is locked"},
    {SQLITE_PROTOCOL, OPS_STORE_UNAVAILABLE, "another process has kept it locked"},
    {SQLITE_FULL, OPS_STORE_UNAVAILABLE, "the disk is full"},
    {SQLITE_IOERR, OPS_STORE_UNAVAILABLE, "reading or writing failed"},
    {SQLITE_READONLY, OPS_STORE_UNAVAILABLE, "it, or the directory that it is in, can't be written"},
    {SQLITE_CANTOPEN, OPS_STORE_UNAVAILABLE, "it can't be opened"},
    {SQLITE_PERM, OPS_STORE_UNAVAILABLE, "it may not be used"},
    {SQLITE_AUTH, OPS_STORE_UNAVAILABLE, "it may not be used"},
    {SQLITE_NOTADB, OPS_CORRUPT, "it is not an SQLite database"},
    {SQLITE_CORRUPT, OPS_CORRUPT, "it is damaged"},
    {SQLITE_CONSTRAINT, OPS_CONFLICT, "it refuses the change"},
    {SQLITE_TOOBIG, OPS_LIMIT, "a record is too large"},
};

static const struct failure_row *failure_row(int code)
{
    static const struct failure_row other = {SQLITE_ERROR, OPS_STORE_UNAVAILABLE, "SQLite reports an error"};
    for (size_t i = 0; i < sizeof failure_rows / sizeof failure_rows[0]; i++)
        if (failure_rows[i].code == (code & 0xff))
            return &failure_rows[i];
    return &other;
}

/* The system's words where there are some: "No space left on device" says more than "disk I/O error". */
static const char *failure_reason(sqlite3 *db, int code)
{
    int system_code = db ? sqlite3_system_errno(db) : 0;
    int primary = code & 0xff;
    if (system_code && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN))
        return strerror(system_code);
    return db && sqlite3_errcode(db) ? sqlite3_errmsg(db) : sqlite3_errstr(code);
}

enum ops_status local_fail(const struct local_connection *connection, int code, struct ops_error *error)
{
    const struct failure_row *row = failure_row(code);
    if (row->status == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    return ops_fail(error, row->status, "The record store %s can't be used: %s (%s).", connection->path, row->words,
                    failure_reason(connection->db, code));
}

const char *local_failure_words(int code)
{
    return failure_row(code)->words;
}

int local_write_nothing(struct local_connection *connection)
{
    int code = local_run(connection, LOCAL_BEGIN);
    if (code == SQLITE_DONE)
        code = sqlite3_exec(connection->db, "PRAGMA application_id = " TEXT(APPLICATION_ID), NULL, NULL, NULL);
    return code == SQLITE_OK ? local_run(connection, LOCAL_COMMIT) : code;
}

static enum ops_status check_existing(const char *path, struct ops_error *error)
{
    struct stat found;
    const char *what = NULL;
    if (lstat(path, &found) != 0)
        what = strerror(errno);
    else if (S_ISDIR(found.st_mode))
        what = "it is a directory";
    else if (S_ISLNK(found.st_mode))
        what = "it is a symbolic link, and links are not followed";
    else if (!S_ISREG(found.st_mode))
        what = "it is not a regular file";
    if (what)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "The file %s can't be used: %s.", path, what);
    return OPS_OK;
}

enum ops_status local_file_ensure(const char *path, struct ops_error *error)
{
    /* Only a file that is new is ever opened here: closing a descriptor of a database drops all the locks that SQLite, in
     * this process, holds on it. */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == EEXIST)
        return check_existing(path, error);
    if (fd < 0)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "The file %s can't be created: %s.", path, strerror(errno));
    int failed = fchmod(fd, S_IRUSR | S_IWUSR);
    int reason = errno;
    (void)close(fd); /* nothing has been written */
    if (failed)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "The mode of %s can't be set: %s.", path, strerror(reason));
    return OPS_OK;
}

sqlite3_stmt *local_statement(struct local_connection *connection, enum local_statement which)
{
    sqlite3_stmt **statement = &connection->statements[which];
    if (*statement) {
        (void)sqlite3_reset(*statement); /* repeats the last run's failure, which has been told */
        (void)sqlite3_clear_bindings(*statement);
    } else if (sqlite3_prepare_v3(connection->db, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) !=
               SQLITE_OK) {
        return NULL;
    }
    return *statement;
}

int local_run(struct local_connection *connection, enum local_statement which)
{
    sqlite3_stmt *statement = local_statement(connection, which);
    if (!statement)
        return sqlite3_extended_errcode(connection->db);
    int code = sqlite3_step(statement);
    (void)sqlite3_reset(statement); /* the code is known already */
    return code;
}

/* Runs a statement that gives one number. */
static int read_number(sqlite3 *db, const char *sql, int *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret_number = sqlite3_column_int(statement, 0);
    int ended = sqlite3_finalize(statement);
    return code == SQLITE_ROW ? ended : code;
}

struct identity {
    int application_id;
    int user_version;
    int object_count;
};

static int read_identity(sqlite3 *db, struct identity *identity)
{
    int code = read_number(db, "PRAGMA application_id", &identity->application_id);
    if (code == SQLITE_OK)
        code = read_number(db, "PRAGMA user_version", &identity->user_version);
    if (code == SQLITE_OK)
        code = read_number(db, "SELECT count(*) FROM sqlite_schema", &identity->object_count);
    return code;
}

static bool identity_is_empty(const struct identity *identity)
{
    return identity->application_id == 0 && identity->user_version == 0 && identity->object_count == 0;
}

static enum ops_status check_identity(const struct local_connection *connection, const struct identity *identity,
                                      struct ops_error *error)
{
    if (identity->application_id != APPLICATION_ID)
        return ops_fail(error, OPS_STORE_UNAVAILABLE,
                        "The file %s is another application's database (application id %d); it is left as it is.",
                        connection->path, identity->application_id);
    if (identity->user_version != SCHEMA_VERSION)
        return ops_fail(error, OPS_STORE_UNAVAILABLE,
                        "The record store %s has format %d, and this version of g3nops knows only format %d.",
                        connection->path, identity->user_version, SCHEMA_VERSION);
    return OPS_OK;
}

static int use_wal(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    bool is_wal = mode && strcmp(mode, "wal") == 0;
    int ended = sqlite3_finalize(statement);
    if (code != SQLITE_ROW || ended != SQLITE_OK)
        return code != SQLITE_ROW ? code : ended;
    return is_wal ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* Two processes may do this at once: whoever comes second finds the tables when it has the lock. */
static int create_schema(sqlite3 *db)
{
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return code;
    struct identity identity = {0};
    code = read_identity(db, &identity);
    if (code == SQLITE_OK && identity_is_empty(&identity))
        code = sqlite3_exec(db, schema, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (!sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* closing the connection would do the same */
    return code;
}

/* In one transaction: another process may be creating the schema between two looks. */
static int look_at_identity(sqlite3 *db, struct identity *identity)
{
    int code = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = read_identity(db, identity);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (!sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* closing the connection would do the same */
    return code;
}

/* Looks before it writes: a database that is not ours is not even switched to WAL. */
static int set_up(sqlite3 *db, bool writer, struct identity *identity)
{
    int code = sqlite3_exec(db, settings, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = look_at_identity(db, identity);
    if (code != SQLITE_OK || !writer)
        return code;
    if (identity_is_empty(identity)) {
        code = use_wal(db);
        if (code == SQLITE_OK)
            code = create_schema(db);
        if (code == SQLITE_OK)
            code = look_at_identity(db, identity);
        return code;
    }
    return identity->application_id == APPLICATION_ID ? use_wal(db) : SQLITE_OK;
}

/* The switch to WAL does not wait for a lock (SQLite refuses where waiting could be a deadlock), so it is tried again for as
 * long as any other statement would have waited. */
static int set_up_patiently(sqlite3 *db, bool writer, struct identity *identity)
{
    int code = set_up(db, writer, identity);
    for (int tries = 1; (code & 0xff) == SQLITE_BUSY && tries < SETUP_TRIES_MAX; tries++) {
        const struct timespec pause = {.tv_nsec = SETUP_RETRY_MS * 1000000L};
        (void)nanosleep(&pause, NULL); /* woken early by a signal, it tries earlier */
        code = set_up(db, writer, identity);
    }
    return code;
}

static int open_file(struct local_connection *connection)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(connection->path, &connection->db, flags, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(connection->db, BUSY_TIMEOUT_MS);
    return code;
}

enum ops_status local_connection_open(struct local_connection *connection, const char *path, bool writer,
                                      struct ops_error *error)
{
    struct identity identity = {0};
    *connection = (struct local_connection){.path = path};
    int code = open_file(connection);
    if (code == SQLITE_OK)
        code = set_up_patiently(connection->db, writer, &identity);
    enum ops_status status =
        code == SQLITE_OK ? check_identity(connection, &identity, error) : local_fail(connection, code, error);
    if (status != OPS_OK)
        local_connection_close(connection);
    return status;
}

void local_connection_close(struct local_connection *connection)
{
    for (size_t i = 0; i < LOCAL_STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(connection->statements[i]); /* repeats the last run's failure, which has been told */
    (void)sqlite3_close(connection->db);                   /* can't be busy: its statements are gone */
    *connection = (struct local_connection){.db = NULL};
}
