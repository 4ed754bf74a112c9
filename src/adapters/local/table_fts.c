/* Full-text indexes of a table's records (FTS5's and FTS4's "external content"): SQLite does not take a record's words out
 * of them when the record goes; the application does, often by a trigger, and triggers don't run here. So a table with such
 * an index is refused, unless its entry says that the index is to be made anew.
 *
 * That happens at the end of a walk over the table, in a transaction of its own, and only if the index differs from the
 * table. The walk whose removals made it differ leaves it so, since another one follows; the last look, which finds nothing
 * more, is also what puts it right, in whatever process. After a crash it is still the last look: it can't be left out, and
 * a transaction that was lost left the index as it was, which the next look sees.
 */
#include "adapters/local/table_parts.h"
#include "base/mem.h"

/* INSERT INTO f(f) VALUES('integrity-check') is FTS's way to be given a command. Only with a rank FTS5 compares its index
 * with the table's records; FTS4 always does. */
static enum ops_status prepare_command(struct local_table *table, const struct local_index *index, const char *command,
                                       sqlite3_stmt **ret_statement, struct ops_error *error)
{
    struct ops_buf sql;
    bool ranked = index->full_text == LOCAL_FTS5 && strcmp(command, "integrity-check") == 0;
    ops_buf_init(&sql, LOCAL_TABLE_SQL_MAX_BYTES);
    ops_buf_append_text(&sql, "INSERT INTO main.");
    local_sql_append_identifier(&sql, index->name);
    ops_buf_append_char(&sql, '(');
    local_sql_append_identifier(&sql, index->name);
    ops_buf_append_format(&sql, "%s) VALUES ('%s'%s)", ranked ? ", rank" : "", command, ranked ? ", 1" : "");
    enum ops_status status = local_sql_prepare(table->db, &sql, table->schema.file, ret_statement, error);
    ops_buf_release(&sql);
    return status;
}

/* Reads an entry, for which FTS reads the record's columns as it does to make the index anew: one whose columns the table
 * does not have any more is found before anything is deleted. */
static enum ops_status check_columns(struct local_table *table, const struct local_index *index, struct ops_error *error)
{
    struct ops_buf sql;
    sqlite3_stmt *statement = NULL;
    ops_buf_init(&sql, LOCAL_TABLE_SQL_MAX_BYTES);
    ops_buf_append_text(&sql, "SELECT * FROM main.");
    local_sql_append_identifier(&sql, index->name);
    ops_buf_append_text(&sql, " LIMIT 1");
    enum ops_status status = local_sql_prepare(table->db, &sql, table->schema.file, &statement, error);
    ops_buf_release(&sql);
    if (status != OPS_OK)
        return status;
    int result = sqlite3_step(statement);
    if ((result & 0xff) == SQLITE_ERROR)
        status = ops_fail(error, OPS_TARGET_ERROR,
                          "In file %s, the full-text table %s can't be made anew from the records of %s; does that have its "
                          "columns? (%s)",
                          table->schema.file, index->name, table->schema.name, sqlite3_errmsg(table->db));
    else if (result != SQLITE_ROW && result != SQLITE_DONE)
        status = local_table_fail(table, result, error);
    (void)sqlite3_finalize(statement); /* repeats the failure of the step */
    return status;
}

enum ops_status local_index_prepare(struct local_table *table, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < table->schema.index_count && status == OPS_OK; i++) {
        struct local_index *index = &table->schema.indexes[i];
        status = prepare_command(table, index, "integrity-check", &index->check, error);
        if (status == OPS_OK)
            status = prepare_command(table, index, "rebuild", &index->rebuild, error);
        if (status == OPS_OK)
            status = check_columns(table, index, error);
    }
    return status;
}

static int run(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    (void)sqlite3_reset(statement); /* repeats the failure of the step */
    return result;
}

static enum ops_status command_fail(struct local_table *table, const struct local_index *index, int result,
                                    struct ops_error *error)
{
    const char *file = table->schema.file;
    if ((result & 0xff) == SQLITE_INTERRUPT && !table->watch.hurried)
        return ops_fail(error, OPS_TARGET_ERROR,
                        "In file %s, the full-text table %s can't be made anew within %d s; give it the command 'rebuild' "
                        "yourself and vacuum again.",
                        file, index->name, LOCAL_STATEMENT_MAX_MS / 1000);
    if ((result & 0xff) == SQLITE_CORRUPT)
        return ops_fail(error, OPS_TARGET_ERROR,
                        "In file %s, the full-text table %s does not match its records, even after it was made anew.", file,
                        index->name);
    return local_table_fail(table, result, error);
}

/* In a transaction. A check that fails says SQLITE_CORRUPT, whatever the difference is. */
static enum ops_status settle_index(struct local_table *table, const struct local_index *index, struct ops_error *error)
{
    int result = run(index->check);
    if ((result & 0xff) == SQLITE_CORRUPT) {
        result = run(index->rebuild);
        if (result == SQLITE_DONE)
            result = run(index->check);
    }
    return result == SQLITE_DONE ? OPS_OK : command_fail(table, index, result, error);
}

enum ops_status local_index_settle(struct local_table *table, struct ops_error *error)
{
    if (table->schema.index_count == 0 || !table->target.removes || table->has_removed)
        return OPS_OK;
    char trouble[LOCAL_TROUBLE_SIZE];
    local_watch_begin(table);
    enum ops_status status = local_table_begin_write(table, trouble, error);
    for (size_t i = 0; i < table->schema.index_count && status == OPS_OK; i++)
        status = settle_index(table, &table->schema.indexes[i], error);
    table->watch.rests = true;
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_COMMIT, NULL, error);
    local_table_roll_back(table);
    return status;
}
