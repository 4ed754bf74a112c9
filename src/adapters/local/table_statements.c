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
static void append_scope(struct ops_buf *sql, const struct local_table *table)
{
    if (table->schema.scope_column)
        ops_buf_append_format(sql, " AND " LOCAL_STANDING "(%s) = %d", table->schema.scope_column, LOCAL_INSIDE);
}

/* Whatever decides what is there looks at the table itself: an index may lack what the table has, and SQLite trusts it. A
 * table without rowids is the index of its own primary key. */
static void append_source(struct ops_buf *sql, const struct local_table *table)
{
    const struct local_table_schema *schema = &table->schema;
    ops_buf_append_format(sql, " FROM %s", schema->table);
    if (schema->rowid)
        ops_buf_append_text(sql, " NOT INDEXED");
    else if (schema->primary_index)
        ops_buf_append_format(sql, " INDEXED BY %s", schema->primary_index);
    ops_buf_append_text(sql, " WHERE 1");
}

/* Of each record once, since a schema may compute a lot for it: where SQLite tells of each as it comes to it, in the
 * condition. Without rowids each record is given, whatever it is to the scope: where a page ends, its key is wanted. */
static void write_page(struct ops_buf *sql, const struct local_table *table, enum local_table_statement which)
{
    const char *rowid = table->schema.rowid;
    ops_buf_append_format(sql, "SELECT %s, ", rowid ? rowid : "0");
    append_keys(sql, table, "", "");
    /* Of what is only looked at the beginning will do, however long it is. */
    for (size_t i = 0; i < table->schema.guard_count; i++)
        ops_buf_append_format(sql, ", substr(%s, 1, %d)", table->schema.guards[i], OPS_RESOURCE_NAME_MAX);
    if (table->schema.scope_column && !table->visits)
        ops_buf_append_format(sql, ", " LOCAL_STANDING "(%s)", table->schema.scope_column);
    else
        ops_buf_append_format(sql, ", %d", LOCAL_INSIDE);
    append_source(sql, table);
    if (table->visits)
        ops_buf_append_format(sql, " AND " LOCAL_STANDING "(%s, %s) <> %d", table->schema.scope_column, rowid,
                              LOCAL_OUTSIDE);
    if (rowid)
        ops_buf_append_format(sql, " AND %s >= ?%d ORDER BY %s", rowid, LOCAL_PARAM_FIRST, rowid);
    else if (which == LOCAL_TABLE_PAGE_AFTER)
        append_key_bound(sql, table, ">", LOCAL_PARAM_KEY);
    if (!rowid) {
        ops_buf_append_text(sql, " ORDER BY ");
        append_keys(sql, table, "", " COLLATE BINARY");
    }
}

static void write_count(struct ops_buf *sql, const struct local_table *table, enum local_table_statement which)
{
    ops_buf_append_text(sql, "SELECT count(*)");
    append_source(sql, table);
    append_scope(sql, table);
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
    append_scope(sql, table);
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

static enum ops_status prepare_all(struct local_table *table, struct ops_error *error)
{
    struct ops_buf sql;
    ops_buf_init(&sql, LOCAL_TABLE_SQL_MAX_BYTES);
    enum ops_status status = OPS_OK;
    for (enum local_table_statement which = 0; which < LOCAL_TABLE_STATEMENTS && status == OPS_OK; which++) {
        ops_buf_clear(&sql);
        writers[which](&sql, table, which);
        status = local_sql_prepare(table->db, &sql, table->schema.file, &table->statements[which], error);
    }
    ops_buf_release(&sql);
    return status;
}

enum ops_status local_table_prepare(struct local_table *table, struct ops_error *error)
{
    const struct local_table_schema *schema = &table->schema;
    table->visits = schema->rowid && schema->scope_column && !schema->is_virtual;
    enum ops_status status = prepare_all(table, error);
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
