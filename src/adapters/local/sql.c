#include "adapters/local/sql.h"

static enum ops_status status_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return OPS_THROTTLED;
    case SQLITE_NOMEM:
        return OPS_NO_MEMORY;
    case SQLITE_FULL:
    case SQLITE_IOERR:
        return OPS_STORE_UNAVAILABLE;
    case SQLITE_TOOBIG:
        return OPS_LIMIT;
    default:
        return OPS_TARGET_ERROR;
    }
}

enum ops_status local_sql_fail(sqlite3 *db, int result, const char *file, struct ops_error *error)
{
    enum ops_status status = status_of(result);
    if (status == OPS_NO_MEMORY)
        return status;
    const char *reason = db ? sqlite3_errmsg(db) : sqlite3_errstr(result);
    return ops_fail(error, status, "The table file %s can't be used: %s.", file, reason);
}

void local_sql_append_identifier(struct ops_buf *sql, const char *name)
{
    ops_buf_append_char(sql, '"');
    for (; *name; name++) {
        if (*name == '"')
            ops_buf_append_char(sql, '"');
        ops_buf_append_char(sql, *name);
    }
    ops_buf_append_char(sql, '"');
}

enum ops_status local_sql_prepare(sqlite3 *db, const struct ops_buf *sql, const char *file, sqlite3_stmt **ret_statement,
                                  struct ops_error *error)
{
    if (ops_buf_status(sql) != OPS_OK)
        return ops_buf_status(sql);
    int result = sqlite3_prepare_v3(db, ops_buf_text(sql), -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL);
    return result == SQLITE_OK ? OPS_OK : local_sql_fail(db, result, file, error);
}

int local_sql_bind_text(sqlite3_stmt *statement, int param, struct ops_view text)
{
    return sqlite3_bind_text64(statement, param, text.data ? text.data : "", text.length, SQLITE_STATIC, SQLITE_UTF8);
}

int local_sql_bind_blob(sqlite3_stmt *statement, int param, struct ops_view bytes)
{
    return sqlite3_bind_blob64(statement, param, bytes.length ? bytes.data : "", bytes.length, SQLITE_STATIC);
}

enum ops_status local_sql_run(sqlite3 *db, const char *text, const char *file, struct ops_error *error)
{
    int result = sqlite3_exec(db, text, NULL, NULL, NULL);
    return result == SQLITE_OK ? OPS_OK : local_sql_fail(db, result, file, error);
}
