/* SQLite's printf (format is the same) gives NULL where its text would be larger than a value may be, without a word; all
 * its other functions fail. With a smaller limit than the application has, a tenant's name that is made by printf would so
 * become nobody's. So where a schema calls it, it is called through here: in a connection of its own, where a NULL that the
 * format does not give by itself is an error.
 */
#include "adapters/local/limits.h"
#include "adapters/local/table_parts.h"

static int prepare(sqlite3 *db, int count, sqlite3_stmt **ret_statement)
{
    struct ops_buf sql;
    ops_buf_init(&sql, LOCAL_TABLE_SQL_MAX_BYTES);
    ops_buf_append_text(&sql, "SELECT printf(");
    for (int i = 0; i < count; i++)
        ops_buf_append_text(&sql, i ? ", ?" : "?");
    ops_buf_append_char(&sql, ')');
    int result =
        ops_buf_status(&sql) == OPS_OK ? sqlite3_prepare_v2(db, ops_buf_text(&sql), -1, ret_statement, NULL) : SQLITE_NOMEM;
    ops_buf_release(&sql);
    return result;
}

static int run(sqlite3_stmt *statement, sqlite3 *db, int count, sqlite3_value **values, sqlite3_context *context)
{
    int result = SQLITE_OK;
    for (int i = 0; i < count && result == SQLITE_OK; i++)
        result = sqlite3_bind_value(statement, i + 1, values[i]);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result != SQLITE_ROW)
        return sqlite3_errcode(db);
    sqlite3_value *text = sqlite3_column_value(statement, 0);
    bool is_null = sqlite3_value_type(text) == SQLITE_NULL;
    if (is_null && count > 0 && sqlite3_value_type(values[0]) != SQLITE_NULL)
        return SQLITE_TOOBIG;
    sqlite3_result_value(context, text);
    return SQLITE_OK;
}

/* SQLite writes a precision out, character by character, also where the text has long been too large. */
static bool asks_for_more(int most, int count, sqlite3_value **values)
{
    bool has_star = false;
    int64_t number = 0;
    const char *format = count > 0 ? (const char *)sqlite3_value_text(values[0]) : NULL;
    for (; format && *format; format++) {
        number = *format >= '0' && *format <= '9' ? number * 10 + (*format - '0') : 0;
        has_star = has_star || *format == '*';
        if (number > most)
            return true;
    }
    for (int i = 1; i < count && has_star; i++)
        if (sqlite3_value_int64(values[i]) > most || sqlite3_value_int64(values[i]) < -(sqlite3_int64)most)
            return true;
    return false;
}

static void call(sqlite3_context *context, int count, sqlite3_value **values)
{
    sqlite3 *db = sqlite3_user_data(context);
    sqlite3_stmt *statement = NULL;
    int most = local_limits_value_max(sqlite3_context_db_handle(context));
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, most); /* gives the limit before */
    int result = asks_for_more(most, count, values) ? SQLITE_TOOBIG : prepare(db, count, &statement);
    if (result == SQLITE_OK)
        result = run(statement, db, count, values, context);
    (void)sqlite3_finalize(statement); /* its failure was told by the step */
    if (result == SQLITE_TOOBIG)
        sqlite3_result_error_toobig(context);
    else if (result == SQLITE_NOMEM)
        sqlite3_result_error_nomem(context);
    else if (result != SQLITE_OK)
        sqlite3_result_error_code(context, result);
}

int local_printf_register(struct local_table *table)
{
    static const char *const names[] = {"printf", "format"};
    int result = SQLITE_OK;
    if (!table->printf_db)
        result = sqlite3_open_v2(":memory:", &table->printf_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && result == SQLITE_OK; i++)
        result = sqlite3_create_function_v2(table->db, names[i], -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                            table->printf_db, call, NULL, NULL, NULL);
    return result;
}
