#include "adapters/local/beside.h"
#include "adapters/local/table_parts.h"

static void append_keys(struct ops_buf *sql, const struct local_table *table, const char *before, const char *after)
{
    for (size_t i = 0; i < table->schema.key_count; i++) {
        ops_buf_append_text(sql, i ? ", " : "");
        ops_buf_append_format(sql, "%s%s%s", before, table->schema.keys[i], after);
    }
}

/* " AND (k1, k2) > (?10, ?11)" by bytes, whatever the columns' collations. */
static void append_key_bound(struct ops_buf *sql, const struct local_table *table, const char *operator, int first_param)
{
    ops_buf_append_text(sql, " AND (");
    append_keys(sql, table, "", " COLLATE BINARY");
    ops_buf_append_format(sql, ") %s (", operator);
    for (size_t i = 0; i < table->schema.key_count; i++)
        ops_buf_append_format(sql, "%s?%d", i ? ", " : "", first_param + (int)i);
    ops_buf_append_text(sql, ")");
}

/* Exact, whatever the column's collation and affinity are: a function of ours sees the value itself. */
static void append_scope(struct ops_buf *sql, const struct local_table *table, const char *wanted)
{
    if (table->schema.scope_column)
        ops_buf_append_format(sql, " AND " LOCAL_STANDING "(%s)%s", table->schema.scope_column, wanted);
}

/* Everything that may be in scope, found through an index; and what can't be compared, where that is told: a BLOB is greater
 * than any text or number. what is the selected column. Two selections, since SQLite prefers a walk along the rowids to two
 * searches of an index that are joined by OR. */
static void append_candidates(struct ops_buf *sql, const struct local_table *table, const char *what)
{
    const char *column = table->schema.scope_column;
    ops_buf_append_format(sql, "SELECT %s FROM %s WHERE ", what, table->schema.table);
    if (table->scope.by == OPS_SCOPE_KEY_PREFIX)
        ops_buf_append_format(sql, "%s >= ?%d COLLATE BINARY AND %s < ?%d COLLATE BINARY", column, LOCAL_PARAM_TEXT, column,
                              LOCAL_PARAM_TEXT_END);
    else
        ops_buf_append_format(sql, "%s IN (?%d, ?%d, ?%d, ?%d)", column, LOCAL_PARAM_TEXT, LOCAL_PARAM_BLOB,
                              LOCAL_PARAM_INTEGER, LOCAL_PARAM_REAL);
    if (table->scope.by == OPS_SCOPE_KEY_PREFIX)
        ops_buf_append_format(sql, " UNION ALL SELECT %s FROM %s WHERE %s >= ?%d AND %s < ?%d", what, table->schema.table,
                              column, LOCAL_PARAM_BLOB, column, LOCAL_PARAM_BLOB_END);
    else if (local_scope_tells(&table->scope))
        ops_buf_append_format(sql, " UNION ALL SELECT %s FROM %s WHERE %s >= x''", what, table->schema.table, column);
}

static void append_narrow(struct ops_buf *sql, const struct local_table *table)
{
    ops_buf_append_format(sql, " AND %s IN (", table->schema.rowid);
    append_candidates(sql, table, table->schema.rowid);
    ops_buf_append_char(sql, ')');
}

static void append_source(struct ops_buf *sql, const struct local_table *table, const char *wanted)
{
    const char *hint = table->schema.rowid && !table->narrow ? " NOT INDEXED" : "";
    ops_buf_append_format(sql, " FROM %s%s WHERE 1", table->schema.table, hint);
    append_scope(sql, table, wanted);
    if (table->narrow)
        append_narrow(sql, table);
}

static void write_page(struct ops_buf *sql, const struct local_table *table, enum local_table_statement which)
{
    const char *rowid = table->schema.rowid;
    ops_buf_append_format(sql, "SELECT %s, ", rowid ? rowid : "0");
    append_keys(sql, table, "", "");
    /* Of what is only looked at the beginning will do, however long it is. */
    for (size_t i = 0; i < table->schema.guard_count; i++)
        ops_buf_append_format(sql, ", substr(%s, 1, %d)", table->schema.guards[i], OPS_RESOURCE_NAME_MAX);
    bool tells = local_scope_tells(&table->scope);
    if (tells)
        ops_buf_append_format(sql, ", " LOCAL_STANDING "(%s)", table->schema.scope_column);
    else
        ops_buf_append_format(sql, ", %d", LOCAL_INSIDE);
    append_source(sql, table, tells ? "" : " = 1");
    if (rowid)
        ops_buf_append_format(sql, " AND %s >= ?%d ORDER BY %s", rowid, LOCAL_PARAM_FIRST, rowid);
    else if (which == LOCAL_TABLE_PAGE_AFTER)
        append_key_bound(sql, table, ">", LOCAL_PARAM_KEY);
    if (!rowid) {
        ops_buf_append_text(sql, " ORDER BY ");
        append_keys(sql, table, "", " COLLATE BINARY");
    }
    ops_buf_append_format(sql, " LIMIT ?%d", LOCAL_PARAM_LAST);
}

static void write_count(struct ops_buf *sql, const struct local_table *table, enum local_table_statement which)
{
    ops_buf_append_text(sql, "SELECT count(*)");
    append_source(sql, table, " = 1");
    if (table->schema.rowid) {
        ops_buf_append_format(sql, " AND %s BETWEEN ?%d AND ?%d", table->schema.rowid, LOCAL_PARAM_FIRST, LOCAL_PARAM_LAST);
        return;
    }
    if (which == LOCAL_TABLE_COUNT_AFTER)
        append_key_bound(sql, table, ">", LOCAL_PARAM_KEY);
    append_key_bound(sql, table, "<=", LOCAL_PARAM_UPTO_KEY);
}

static void write_delete(struct ops_buf *sql, const struct local_table *table, enum local_table_statement which)
{
    const struct local_table_schema *schema = &table->schema;
    const char *rowid = schema->rowid;
    if (which != LOCAL_TABLE_DELETE_KEY && !rowid) {
        ops_buf_append_text(sql, "SELECT 0");
        return;
    }
    ops_buf_append_format(sql, "DELETE FROM %s%s WHERE 1", schema->table,
                          which == LOCAL_TABLE_DELETE_KEY ? "" : " NOT INDEXED");
    if (which == LOCAL_TABLE_DELETE_RANGE)
        ops_buf_append_format(sql, " AND %s BETWEEN ?%d AND ?%d", rowid, LOCAL_PARAM_FIRST, LOCAL_PARAM_LAST);
    if (which == LOCAL_TABLE_DELETE_ROW)
        ops_buf_append_format(sql, " AND %s = ?%d", rowid, LOCAL_PARAM_FIRST);
    for (size_t i = 0; i < schema->key_count && which != LOCAL_TABLE_DELETE_RANGE; i++) {
        int param = LOCAL_PARAM_KEY + (int)i;
        if (which == LOCAL_TABLE_DELETE_KEY)
            ops_buf_append_format(sql, " AND %s = ?%d", schema->keys[i], param);
        ops_buf_append_format(sql, " AND +%s IS ?%d COLLATE BINARY", schema->keys[i], param);
    }
    append_scope(sql, table, " = 1");
}

static void write_plain(struct ops_buf *sql, const struct local_table *table, enum local_table_statement which)
{
    static const char *const texts[] = {
        [LOCAL_TABLE_BEGIN] = "BEGIN",
        [LOCAL_TABLE_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
        [LOCAL_TABLE_COMMIT] = "COMMIT",
        [LOCAL_TABLE_ROLLBACK] = "ROLLBACK",
        [LOCAL_TABLE_VERSION] = "PRAGMA main.data_version",
        [LOCAL_TABLE_SCHEMA] = "PRAGMA main.schema_version",
    };
    (void)table;
    ops_buf_append_text(sql, texts[which]);
}

static void (*const writers[LOCAL_TABLE_STATEMENTS])(struct ops_buf *, const struct local_table *,
                                                     enum local_table_statement) = {
    [LOCAL_TABLE_BEGIN] = write_plain,         [LOCAL_TABLE_BEGIN_IMMEDIATE] = write_plain,
    [LOCAL_TABLE_COMMIT] = write_plain,        [LOCAL_TABLE_ROLLBACK] = write_plain,
    [LOCAL_TABLE_VERSION] = write_plain,       [LOCAL_TABLE_SCHEMA] = write_plain,
    [LOCAL_TABLE_PAGE] = write_page,           [LOCAL_TABLE_PAGE_AFTER] = write_page,
    [LOCAL_TABLE_COUNT] = write_count,         [LOCAL_TABLE_COUNT_AFTER] = write_count,
    [LOCAL_TABLE_DELETE_RANGE] = write_delete, [LOCAL_TABLE_DELETE_ROW] = write_delete,
    [LOCAL_TABLE_DELETE_KEY] = write_delete,
};

/* Binds what stays the same for the target's whole life. A number that there is not stays NULL, which equals nothing. */
static int bind_scope(const struct local_table *table, sqlite3_stmt *statement)
{
    const struct local_scope *scope = &table->scope;
    struct ops_view value = ops_view(scope->value, scope->value_length),
                    end = ops_view(scope->value_end, scope->value_end_length);
    int count = sqlite3_bind_parameter_count(statement);
    int result = SQLITE_OK;
    if (count >= LOCAL_PARAM_TEXT && scope->value)
        result = local_sql_bind_text(statement, LOCAL_PARAM_TEXT, value);
    if (count >= LOCAL_PARAM_BLOB && scope->value && result == SQLITE_OK)
        result = local_sql_bind_blob(statement, LOCAL_PARAM_BLOB, value);
    if (count >= LOCAL_PARAM_TEXT_END && scope->value_end && result == SQLITE_OK)
        result = local_sql_bind_text(statement, LOCAL_PARAM_TEXT_END, end);
    if (count >= LOCAL_PARAM_BLOB_END && scope->value_end && result == SQLITE_OK)
        result = local_sql_bind_blob(statement, LOCAL_PARAM_BLOB_END, end);
    if (count >= LOCAL_PARAM_INTEGER && scope->has_integer && result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, LOCAL_PARAM_INTEGER, scope->integer);
    if (count >= LOCAL_PARAM_REAL && scope->has_real && result == SQLITE_OK)
        result = sqlite3_bind_double(statement, LOCAL_PARAM_REAL, scope->real);
    return result;
}

static enum ops_status prepare_scoped(struct local_table *table, const struct ops_buf *sql, sqlite3_stmt **ret_statement,
                                      struct ops_error *error)
{
    enum ops_status status = local_sql_prepare(table->db, sql, table->schema.file, ret_statement, error);
    if (status != OPS_OK)
        return status;
    int result = bind_scope(table, *ret_statement);
    return result == SQLITE_OK ? OPS_OK : local_table_fail(table, result, error);
}

/* Whether the scope is small enough to be found through an index at every page. A larger one is found in one walk along the
 * rowids, where it costs no sorting. */
static enum ops_status probe(struct local_table *table, struct ops_error *error)
{
    const struct local_table_schema *schema = &table->schema;
    bool prefix = table->scope.by == OPS_SCOPE_KEY_PREFIX;
    if (!schema->scope_column || schema->scope_in_body || !schema->scope_has_index || !schema->rowid ||
        (prefix && (!table->scope.value_end || !schema->scope_is_text)))
        return OPS_OK;
    struct ops_buf sql;
    sqlite3_stmt *statement = NULL;
    ops_buf_init(&sql, LOCAL_TABLE_SQL_MAX_BYTES);
    ops_buf_append_text(&sql, "SELECT count(*) FROM (");
    append_candidates(&sql, table, "1");
    ops_buf_append_format(&sql, " LIMIT %d)", LOCAL_TABLE_PAGE_MAX + 1);
    enum ops_status status = prepare_scoped(table, &sql, &statement, error);
    int result = status == OPS_OK ? sqlite3_step(statement) : SQLITE_ROW;
    if (result != SQLITE_ROW)
        status = local_table_fail(table, result, error);
    else if (status == OPS_OK)
        table->narrow = sqlite3_column_int64(statement, 0) <= LOCAL_TABLE_PAGE_MAX;
    (void)sqlite3_finalize(statement); /* repeats the failure of the step */
    ops_buf_release(&sql);
    return status;
}

static enum ops_status prepare_all(struct local_table *table, struct ops_error *error)
{
    struct ops_buf sql;
    ops_buf_init(&sql, LOCAL_TABLE_SQL_MAX_BYTES);
    enum ops_status status = OPS_OK;
    for (enum local_table_statement which = 0; which < LOCAL_TABLE_STATEMENTS && status == OPS_OK; which++) {
        ops_buf_clear(&sql);
        writers[which](&sql, table, which);
        status = prepare_scoped(table, &sql, &table->statements[which], error);
    }
    ops_buf_release(&sql);
    return status;
}

enum ops_status local_table_prepare(struct local_table *table, struct ops_error *error)
{
    enum ops_status status = probe(table, error);
    if (status == OPS_OK)
        status = prepare_all(table, error);
    if (status == OPS_OK)
        status = local_index_prepare(table, error);
    return status;
}

enum ops_status local_table_run(struct local_table *table, enum local_table_statement which, sqlite3_int64 *ret_value,
                                struct ops_error *error)
{
    sqlite3_stmt *statement = table->statements[which];
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        if (ret_value)
            *ret_value = sqlite3_column_int64(statement, 0);
    enum ops_status status = result == SQLITE_DONE ? OPS_OK : local_table_fail(table, result, error);
    (void)sqlite3_reset(statement); /* repeats the failure of the step */
    return status;
}

enum ops_status local_table_begin_write(struct local_table *table, char trouble[static LOCAL_TROUBLE_SIZE],
                                        struct ops_error *error)
{
    const char *file = table->schema.file;
    trouble[0] = '\0';
    enum ops_status status = local_table_file_recheck(table->db, file, &table->file_id, error);
    /* Not even tried: where a journal can't be removed again, the application could not use its file afterwards. */
    if (status == OPS_OK && local_table_trouble(table, trouble))
        status = ops_fail(error, OPS_TARGET_ERROR, "The table file %s can't be changed: %s.", file, trouble);
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_BEGIN_IMMEDIATE, NULL, error);
    if (status == OPS_OK)
        status = local_table_file_recheck(table->db, file, &table->file_id, error);
    if (status == OPS_OK && !table->is_wal && !local_beside_prepare_journal(file, trouble, LOCAL_TROUBLE_SIZE))
        status = ops_fail(error, OPS_TARGET_ERROR, "The table file %s can't be changed: %s.", file, trouble);
    if (status != OPS_OK)
        local_table_roll_back(table);
    return status;
}

void local_table_roll_back(struct local_table *table)
{
    /* SQLite may have rolled back by itself. If this fails, the next begin tells. */
    if (!sqlite3_get_autocommit(table->db))
        (void)local_table_run(table, LOCAL_TABLE_ROLLBACK, NULL, NULL);
}
