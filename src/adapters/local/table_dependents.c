/* What a delete from a table is about besides the record: full-text indexes, which SQLite leaves as they are, and triggers.
 */
#include "adapters/local/table_schema.h"
#include "base/mem.h"

#include <string.h>

enum { SQL_MAX_BYTES = 64 * 1024 };

/* ---- Full-text indexes ---- */

/* What the compiler of SQL touches. */
struct watch {
    const struct local_table_schema *schema;
    bool reads_table;  /* it reads the table in question */
    bool goes_further; /* a trigger writes somewhere else than to an index, or looks somewhere */
};

static int watch_reads(void *context, int action, const char *a, const char *b, const char *schema, const char *trigger)
{
    struct watch *watch = context;
    (void)b;
    (void)schema;
    (void)trigger;
    if (action == SQLITE_READ && a && sqlite3_stricmp(a, watch->schema->name) == 0)
        watch->reads_table = true;
    return SQLITE_OK;
}

/* Compiles sql and no more. */
static int compile(sqlite3 *db, const struct ops_buf *sql,
                   int (*on_action)(void *, int, const char *, const char *, const char *, const char *),
                   struct watch *watch)
{
    sqlite3_stmt *statement = NULL;
    (void)sqlite3_set_authorizer(db, on_action, watch); /* can't fail */
    int result = sqlite3_prepare_v2(db, ops_buf_text(sql), -1, &statement, NULL);
    (void)sqlite3_set_authorizer(db, NULL, NULL); /* likewise */
    (void)sqlite3_finalize(statement);            /* it has not run */
    return result;
}

static enum ops_status compile_view(sqlite3 *db, const char *view, struct watch *watch, int *ret_result)
{
    struct ops_buf sql;
    ops_buf_init(&sql, SQL_MAX_BYTES);
    ops_buf_append_text(&sql, "SELECT * FROM main.");
    local_sql_append_identifier(&sql, view);
    enum ops_status status = ops_buf_status(&sql);
    if (status == OPS_OK)
        *ret_result = compile(db, &sql, watch_reads, watch);
    ops_buf_release(&sql);
    return status;
}

/* Whether the words of index are the table's: content is the table itself, or a view of it. */
static enum ops_status is_of_table(const struct local_table_schema *schema, sqlite3 *db, const char *index,
                                   const char *content, bool *ret_is, struct ops_error *error)
{
    struct watch watch = {.schema = schema};
    sqlite3_int64 is_view = 0;
    int result = SQLITE_OK;
    *ret_is = sqlite3_stricmp(content, schema->name) == 0;
    if (*ret_is)
        return OPS_OK;
    enum ops_status status = local_ask_integer(
        db, schema->file, "SELECT count(*) FROM main.sqlite_schema WHERE type = 'view' AND name = ?1 COLLATE NOCASE",
        content, NULL, &is_view, error);
    if (status == OPS_OK && is_view)
        status = compile_view(db, content, &watch, &result);
    *ret_is = watch.reads_table;
    if (result == SQLITE_NOMEM)
        return OPS_NO_MEMORY;
    if (result != SQLITE_OK && !watch.reads_table)
        return ops_fail(error, OPS_TARGET_ERROR,
                        "In file %s, nobody can tell whether the full-text table %s keeps words of table %s: its view %s "
                        "can't be read (%s).",
                        schema->file, index, schema->name, content, sqlite3_errmsg(db));
    return status;
}

static enum ops_status add_index(struct local_table_schema *schema, const char *name, const char *content,
                                 enum local_full_text full_text, struct ops_error *error)
{
    if (schema->index_count == LOCAL_INDEXES_MAX)
        return ops_fail(error, OPS_TARGET_ERROR, "In file %s, table %s has more than %d full-text tables over it.",
                        schema->file, schema->name, LOCAL_INDEXES_MAX);
    struct local_index *index = &schema->indexes[schema->index_count++];
    *index = (struct local_index){.name = ops_mem_strdup(name), .content = ops_mem_strdup(content), .full_text = full_text};
    return index->name && index->content ? OPS_OK : OPS_NO_MEMORY;
}

/* Of what it has words nothing says. */
static enum ops_status note_contentless(struct local_table_schema *schema, const char *name)
{
    if (schema->contentless_count++ > 0)
        return OPS_OK;
    schema->contentless = ops_mem_strdup(name);
    return schema->contentless ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status look_at_virtual(struct local_table_schema *schema, sqlite3 *db, const char *name, const char *sql,
                                       struct ops_error *error)
{
    struct local_virtual table = {.module = NULL};
    bool is = false;
    enum ops_status status = local_virtual_read(sql, &table);
    if (status == OPS_INVALID_FIELD)
        return OPS_OK; /* an ordinary table */
    bool is_full_text = status == OPS_OK && table.full_text != LOCAL_NO_FULL_TEXT && table.content;
    if (is_full_text && !table.content[0])
        status = note_contentless(schema, name);
    else if (is_full_text)
        status = is_of_table(schema, db, name, table.content, &is, error);
    if (status == OPS_OK && is)
        status = add_index(schema, name, table.content, table.full_text, error);
    local_virtual_release(&table);
    return status;
}

static enum ops_status find_indexes(struct local_table_schema *schema, sqlite3 *db, struct ops_error *error)
{
    static const char sql[] = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0 ORDER BY name";
    sqlite3_stmt *rows = NULL;
    enum ops_status status = OPS_OK;
    int result = sqlite3_prepare_v2(db, sql, -1, &rows, NULL);
    while (result == SQLITE_OK && status == OPS_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0), *text = (const char *)sqlite3_column_text(rows, 1);
        status = name && text ? look_at_virtual(schema, db, name, text, error) : OPS_NO_MEMORY;
        result = SQLITE_OK;
    }
    if (status == OPS_OK && result != SQLITE_DONE)
        status = local_sql_fail(db, result, schema->file, error);
    (void)sqlite3_finalize(rows); /* its failure was told by the step */
    return status;
}

/* ---- Triggers ---- */

static bool is_index(const struct local_table_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->index_count; i++)
        if (sqlite3_stricmp(schema->indexes[i].name, name) == 0)
            return true;
    return false;
}

static int watch_triggers(void *context, int action, const char *a, const char *b, const char *schema, const char *trigger)
{
    struct watch *watch = context;
    bool writes = action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE;
    (void)b;
    (void)schema;
    if (trigger && (action == SQLITE_SELECT || (writes && !is_index(watch->schema, a))))
        watch->goes_further = true;
    return SQLITE_OK;
}

static void write_delete(const struct local_table_schema *schema, const char *before, struct ops_buf *sql)
{
    ops_buf_append_format(sql, "%sDELETE FROM %s WHERE %s IS NULL", before, schema->table, schema->keys[0]);
}

/* SQLite itself tells whether a trigger would run: its program shows up in the code of the delete, and in it a Halt with a
 * reason where it may refuse the delete. */
static enum ops_status look_at_code(const struct local_table_schema *schema, sqlite3 *db, bool *ret_runs, bool *ret_refuses,
                                    struct ops_error *error)
{
    struct ops_buf sql;
    sqlite3_stmt *code = NULL;
    int result = SQLITE_DONE;
    ops_buf_init(&sql, SQL_MAX_BYTES);
    write_delete(schema, "EXPLAIN ", &sql);
    enum ops_status status = local_sql_prepare(db, &sql, schema->file, &code, error);
    if (status == OPS_TARGET_ERROR && (sqlite3_errcode(db) & 0xff) == SQLITE_ERROR)
        status = ops_fail(error, OPS_TARGET_ERROR,
                          "In file %s, no record of table %s can be deleted: %s. One of its indexes, generated columns or "
                          "triggers needs what only the application has.",
                          schema->file, schema->name, sqlite3_errmsg(db));
    while (status == OPS_OK && (result = sqlite3_step(code)) == SQLITE_ROW) {
        const char *opcode = (const char *)sqlite3_column_text(code, 1);
        *ret_runs = *ret_runs || (opcode && strcmp(opcode, "Program") == 0);
        bool halts = opcode && strcmp(opcode, "Halt") == 0;
        *ret_refuses = *ret_refuses || (halts && (sqlite3_column_int(code, 2) != 0 || sqlite3_column_int(code, 3) != 0));
    }
    if (status == OPS_OK && result != SQLITE_DONE)
        status = local_sql_fail(db, result, schema->file, error);
    (void)sqlite3_finalize(code); /* its failure was told by the step */
    ops_buf_release(&sql);
    return status;
}

/* What a trigger does when a record goes can't be guarded, and triggers don't run here. One that only keeps a full-text
 * index does nothing that making it anew would not do. */
static enum ops_status check_triggers(const struct local_table_schema *schema, sqlite3 *db, struct ops_error *error)
{
    struct watch watch = {.schema = schema};
    struct ops_buf sql;
    bool runs = false, refuses = false;
    enum ops_status status = look_at_code(schema, db, &runs, &refuses, error);
    if (status != OPS_OK || !runs)
        return status;
    ops_buf_init(&sql, SQL_MAX_BYTES);
    write_delete(schema, "", &sql);
    status = ops_buf_status(&sql);
    int result = status == OPS_OK ? compile(db, &sql, watch_triggers, &watch) : SQLITE_OK;
    if (result != SQLITE_OK)
        status = local_sql_fail(db, result, schema->file, error);
    ops_buf_release(&sql);
    if (status == OPS_OK && (watch.goes_further || refuses))
        status = ops_fail(error, OPS_TARGET_ERROR,
                          "In file %s, table %s has a trigger that runs on delete; what it does can't be guarded.",
                          schema->file, schema->name);
    return status;
}

enum ops_status local_dependents_read(struct local_table_schema *schema, sqlite3 *db, bool rebuild, struct ops_error *error)
{
    enum ops_status status = find_indexes(schema, db, error);
    if (status == OPS_OK)
        status = check_triggers(schema, db, error);
    if (status == OPS_OK && schema->index_count > 0 && !rebuild)
        status =
            ops_fail(error, OPS_TARGET_ERROR,
                     "In file %s, the full-text table %s keeps the words of table %s, also of records that are deleted; "
                     "say \"fts\": \"rebuild\" in the manifest to have it made anew.",
                     schema->file, schema->indexes[0].name, schema->name);
    return status;
}
