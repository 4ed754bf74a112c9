#include "adapters/local/sql.h"

#include "base/mem.h"

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

/* Runs a question about the schema with up to two texts bound. *ret_row stands on the first row, for the caller to read and
 * finalize; NULL when there is none. */
static enum ops_status ask(sqlite3 *db, const char *file, const char *sql, const char *first, const char *second,
                           sqlite3_stmt **ret_row, struct ops_error *error)
{
    *ret_row = NULL;
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK && first)
        result = sqlite3_bind_text(statement, 1, first, -1, SQLITE_STATIC);
    if (result == SQLITE_OK && second)
        result = sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *ret_row = statement;
        return OPS_OK;
    }
    enum ops_status status = result == SQLITE_DONE ? OPS_OK : local_sql_fail(db, result, file, error);
    (void)sqlite3_finalize(statement); /* its failure was told by the step */
    return status;
}

enum ops_status local_ask_text(sqlite3 *db, const char *file, const char *sql, const char *first, const char *second,
                               char **ret_text, struct ops_error *error)
{
    sqlite3_stmt *row = NULL;
    *ret_text = NULL;
    enum ops_status status = ask(db, file, sql, first, second, &row, error);
    if (status != OPS_OK || !row)
        return status;
    const char *text = (const char *)sqlite3_column_text(row, 0);
    *ret_text = text ? ops_mem_strdup(text) : NULL;
    (void)sqlite3_finalize(row); /* it was read, so nothing can fail */
    return *ret_text ? OPS_OK : OPS_NO_MEMORY;
}

enum ops_status local_ask_integer(sqlite3 *db, const char *file, const char *sql, const char *first, const char *second,
                                  sqlite3_int64 *ret_value, struct ops_error *error)
{
    sqlite3_stmt *row = NULL;
    *ret_value = 0;
    enum ops_status status = ask(db, file, sql, first, second, &row, error);
    if (row)
        *ret_value = sqlite3_column_int64(row, 0);
    (void)sqlite3_finalize(row); /* it was read, so nothing can fail */
    return status;
}
