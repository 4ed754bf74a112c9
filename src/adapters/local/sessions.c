#include "adapters/local/sessions.h"

#include "adapters/local/beside.h"
#include "adapters/local/connection.h"
#include "adapters/local/limits.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BUSY_TIMEOUT_MS = 2000, ROW_KEY_SIZE = 160, BODY_MAX_BYTES = 64 * 1024 };

/* One kind of row: how its key is made and what messages call it. */
struct row_kind {
    const char *pk_prefix;
    const char *sk;
};

static const struct row_kind session_row = {"SESSION#", "SESSION"};
static const struct row_kind user_row = {"USER#", "USER"};

struct local_sessions {
    struct ops_session_source base;
    char *data_dir;
    char *sessions_table;
    char *users_table;
};

static struct local_sessions *local_sessions(struct ops_session_source *self)
{
    return (struct local_sessions *)self;
}

/* Sentences name the table's file, never a key: the key of a session is a credential. */
static enum ops_status fail(struct ops_error *error, const char *path, const char *reason)
{
    return ops_fail(error, OPS_SESSION_STORE_UNAVAILABLE, "The table %s can't be used: %s.", path, reason);
}

static enum ops_status fail_code(struct ops_error *error, const char *path, sqlite3 *db, int code)
{
    if ((code & 0xff) == SQLITE_NOMEM)
        return OPS_NO_MEMORY;
    return fail(error, path, db && sqlite3_errcode(db) ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

static enum ops_status check_table_name(const char *name, struct ops_error *error)
{
    if (!name[0] || name[0] == '.' || strchr(name, '/'))
        return ops_fail(error, OPS_INVALID_FIELD, "The table name '%s' is not a file name.", name);
    return OPS_OK;
}

/* The table's file. The data directory's own links are resolved, as SQLite is told to follow none. */
static enum ops_status table_path(const char *data_dir, const char *table, struct ops_buf *ret_path, struct ops_error *error)
{
    char resolved[PATH_MAX];
    ops_buf_init(ret_path, PATH_MAX);
    if (!realpath(data_dir, resolved))
        return fail(error, data_dir, strerror(errno));
    ops_buf_append_format(ret_path, "%s/stack/tables/%s.sqlite", resolved, table);
    enum ops_status status = ops_buf_status(ret_path);
    return status == OPS_LIMIT ? fail(error, data_dir, "the path is too long") : status;
}

static int open_table(const char *path, int flags, sqlite3 **ret_db)
{
    int code =
        sqlite3_open_v2(path, ret_db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, NULL);
    char trouble[128];
    if (code == SQLITE_OK)
        local_limits_set(*ret_db);
    if (code == SQLITE_OK)
        (void)local_beside_prepare(*ret_db, path, trouble,
                                   sizeof trouble); /* where it can't be, sessions are read all the same */
    return code == SQLITE_OK ? sqlite3_busy_timeout(*ret_db, BUSY_TIMEOUT_MS) : code;
}

/* Binds pk and sk as parameters 1 and 2. pk must outlive the statement's run. */
static int bind_key(sqlite3_stmt *statement, const struct row_kind *kind, struct ops_view name, char pk[static ROW_KEY_SIZE])
{
    int length = snprintf(pk, ROW_KEY_SIZE, "%s%.*s", kind->pk_prefix, (int)name.length, name.data ? name.data : "");
    if (length >= ROW_KEY_SIZE)
        return SQLITE_TOOBIG;
    int code = sqlite3_bind_text(statement, 1, pk, length, SQLITE_STATIC);
    return code == SQLITE_OK ? sqlite3_bind_text(statement, 2, kind->sk, -1, SQLITE_STATIC) : code;
}

static enum ops_status read_body(sqlite3_stmt *statement, const char *path, json_t **ret_body, struct ops_error *error)
{
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    size_t length = (size_t)sqlite3_column_bytes(statement, 0);
    if (!text || length > BODY_MAX_BYTES)
        return fail(error, path, "a row's body is not what it should be");
    enum ops_status status = ops_json_parse_object(ops_view(text, length), ret_body, NULL);
    return status == OPS_OK || status == OPS_NO_MEMORY ? status : fail(error, path, "a row's body is not a JSON object");
}

/* Reads the body of one row. OPS_SESSION_INVALID when there is surely no such row. Compared by bytes, whatever the table's
 * collation: a guid in the other case is another guid. */
static enum ops_status read_row(const char *path, const struct row_kind *kind, struct ops_view name, json_t **ret_body,
                                struct ops_error *error)
{
    static const char sql[] = "SELECT body FROM items WHERE pk = ?1 COLLATE BINARY AND sk = ?2 COLLATE BINARY";
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    char pk[ROW_KEY_SIZE];
    enum ops_status status;
    int code = open_table(path, SQLITE_OPEN_READONLY, &db);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = bind_key(statement, kind, name, pk);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        status = read_body(statement, path, ret_body, error);
    else if (code == SQLITE_DONE)
        status = OPS_SESSION_INVALID;
    else
        status = fail_code(error, path, db, code);
    (void)sqlite3_finalize(statement); /* a failure has been told */
    (void)sqlite3_close(db);           /* was only read */
    return status;
}

/* The body of one row of a table; see read_row. */
static enum ops_status read_item(const struct local_sessions *sessions, const char *table, const struct row_kind *kind,
                                 struct ops_view name, json_t **ret_body, struct ops_error *error)
{
    struct ops_buf path;
    enum ops_status status = table_path(sessions->data_dir, table, &path, error);
    if (status == OPS_OK)
        status = read_row(ops_buf_text(&path), kind, name, ret_body, error);
    ops_buf_release(&path);
    return status;
}

static enum ops_status read_session(const struct local_sessions *sessions, struct ops_view guid, int64_t now_ms,
                                    struct ops_session *session, struct ops_error *error)
{
    json_t *body = NULL;
    const char *problem = "";
    enum ops_status status = read_item(sessions, sessions->sessions_table, &session_row, guid, &body, error);
    if (status == OPS_OK)
        status = ops_session_read(body, now_ms, session, &problem);
    if (status == OPS_CORRUPT)
        status = fail(error, sessions->sessions_table, problem);
    json_decref(body);
    return status;
}

static enum ops_status local_check(struct ops_session_source *self, struct ops_view guid, int64_t now_ms,
                                   struct ops_session *ret_session, struct ops_error *error)
{
    const struct local_sessions *sessions = local_sessions(self);
    struct ops_session session = {.user = ""};
    json_t *user = NULL;
    enum ops_status status = read_session(sessions, guid, now_ms, &session, error);
    if (status == OPS_OK)
        status = read_item(sessions, sessions->users_table, &user_row, ops_view_of(session.user), &user, error);
    if (status == OPS_OK && !ops_session_record_active(user))
        status = OPS_SESSION_INVALID;
    if (status == OPS_OK)
        *ret_session = session;
    json_decref(user);
    return status;
}

static void local_release(struct ops_session_source *self)
{
    struct local_sessions *sessions = local_sessions(self);
    ops_mem_free(sessions->data_dir);
    ops_mem_free(sessions->sessions_table);
    ops_mem_free(sessions->users_table);
    ops_mem_free(sessions);
}

static const struct ops_session_source_ops local_ops = {
    .check = local_check,
    .release = local_release,
};

enum ops_status ops_local_sessions_new(const char *data_dir, const char *sessions_table, const char *users_table,
                                       struct ops_session_source **ret_source, struct ops_error *error)
{
    enum ops_status status = check_table_name(sessions_table, error);
    if (status == OPS_OK)
        status = check_table_name(users_table, error);
    if (status != OPS_OK)
        return status;
    struct local_sessions *sessions = ops_mem_zeroed(1, sizeof *sessions);
    if (!sessions)
        return OPS_NO_MEMORY;
    sessions->base.ops = &local_ops;
    sessions->data_dir = ops_mem_strdup(data_dir);
    sessions->sessions_table = ops_mem_strdup(sessions_table);
    sessions->users_table = ops_mem_strdup(users_table);
    if (!sessions->data_dir || !sessions->sessions_table || !sessions->users_table) {
        local_release(&sessions->base);
        return OPS_NO_MEMORY;
    }
    *ret_source = &sessions->base;
    return OPS_OK;
}

static enum ops_status make_directories(const char *data_dir, struct ops_error *error)
{
    static const char *const below[] = {"", "/stack", "/stack/tables"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        if (snprintf(path, sizeof path, "%s%s", data_dir, below[i]) >= (int)sizeof path)
            return fail(error, data_dir, "the path is too long");
        if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
            return ops_fail(error, OPS_SESSION_STORE_UNAVAILABLE, "The directory %s can't be made: %s.", path,
                            strerror(errno));
    }
    return OPS_OK;
}

static int insert_row(sqlite3 *db, const char *sql, const struct row_kind *kind, const char *name, struct ops_view body)
{
    sqlite3_stmt *statement = NULL;
    char pk[ROW_KEY_SIZE];
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = bind_key(statement, kind, ops_view_of(name), pk);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 3, body.data, (int)body.length, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    (void)sqlite3_finalize(statement); /* a failure has been told */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Adds a row to the table's file, which is made when missing. */
static enum ops_status write_row(const char *path, const char *sql, const struct row_kind *kind, const char *name,
                                 struct ops_view body, struct ops_error *error)
{
    static const char table[] =
        "CREATE TABLE IF NOT EXISTS items (pk TEXT, sk TEXT, orgcode TEXT, body TEXT, PRIMARY KEY (pk, sk))";
    sqlite3 *db = NULL;
    enum ops_status status = local_file_ensure(path, error);
    if (status != OPS_OK)
        return OPS_SESSION_STORE_UNAVAILABLE;
    int code = open_table(path, SQLITE_OPEN_READWRITE, &db);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, table, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = insert_row(db, sql, kind, name, body);
    if ((code & 0xff) == SQLITE_CONSTRAINT)
        status = ops_fail(error, OPS_CONFLICT, "The table %s has such a row already.", path);
    else if (code != SQLITE_OK)
        status = fail_code(error, path, db, code);
    (void)sqlite3_close(db); /* each statement was committed by itself */
    return status;
}

/* Adds the row with this body. Takes body; NULL is no memory. */
static enum ops_status write_item(const char *data_dir, const char *table, const char *sql, const struct row_kind *kind,
                                  const char *name, json_t *body, struct ops_error *error)
{
    struct ops_buf path, text;
    ops_buf_init(&text, BODY_MAX_BYTES);
    enum ops_status status = table_path(data_dir, table, &path, error);
    if (status == OPS_OK)
        status = body ? ops_json_append(body, &text) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = write_row(ops_buf_text(&path), sql, kind, name, ops_buf_view(&text), error);
    ops_buf_release(&path);
    ops_buf_release(&text);
    json_decref(body);
    return status;
}

enum ops_status ops_local_session_create(const char *data_dir, const char *sessions_table, const char *users_table,
                                         const char *user, const char *guid, int64_t expires_at_ms, struct ops_error *error)
{
    static const char keep[] = "INSERT INTO items (pk, sk, body) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    static const char insert[] = "INSERT INTO items (pk, sk, body) VALUES (?1, ?2, ?3)";
    char expires_at[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(expires_at_ms, expires_at);
    enum ops_status status = check_table_name(sessions_table, error);
    if (status == OPS_OK)
        status = check_table_name(users_table, error);
    if (status == OPS_OK && (!user[0] || strlen(user) >= OPS_SESSION_NAME_SIZE))
        status = ops_fail(error, OPS_INVALID_FIELD, "A user's name has 1 to %d bytes.", OPS_SESSION_NAME_SIZE - 1);
    if (status == OPS_OK && (!guid[0] || strlen(guid) > OPS_SESSION_GUID_MAX))
        status = ops_fail(error, OPS_INVALID_FIELD, "A session guid has 1 to %d characters.", OPS_SESSION_GUID_MAX);
    if (status == OPS_OK)
        status = make_directories(data_dir, error);
    if (status == OPS_OK)
        status = write_item(data_dir, users_table, keep, &user_row, user,
                            json_pack("{s:s, s:s}", "user_id", user, "status", "active"), error);
    if (status == OPS_OK)
        status = write_item(data_dir, sessions_table, insert, &session_row, guid,
                            json_pack("{s:s, s:s, s:s, s:s}", "session_guid", guid, "user_id", user, "status", "active",
                                      "expires_at", expires_at),
                            error);
    return status;
}
