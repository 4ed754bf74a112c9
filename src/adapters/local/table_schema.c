#include "adapters/local/table_schema.h"

#include "base/json.h"
#include "base/mem.h"

enum { SQL_MAX_BYTES = 64 * 1024 };

/* The names as the manifest gives them, before SQLite has been asked. */
struct names {
    const char *table;
    const char *keys[LOCAL_KEY_COLUMNS_MAX];
    size_t key_count;
    const json_t *columns; /* attribute -> column, or NULL */
    bool standard;
};

static enum ops_status names_read(const struct ops_target_spec *spec, struct names *ret, struct ops_error *error)
{
    *ret = (struct names){"items", {"pk", "sk"}, 2, NULL, true};
    if (!spec->location)
        return OPS_OK;
    const json_t *key = json_object_get(spec->location, "key");
    ret->standard = false;
    ret->table = ops_json_text(spec->location, "table", NULL);
    ret->columns = json_object_get(spec->location, "columns");
    ret->key_count = json_array_size(key);
    if (!ret->table || ret->key_count < 1 || ret->key_count > LOCAL_KEY_COLUMNS_MAX)
        return ops_fail(error, OPS_TARGET_ERROR, "The location of table %s must name a table and 1 to %d key columns.",
                        spec->name, LOCAL_KEY_COLUMNS_MAX);
    for (size_t i = 0; i < ret->key_count; i++)
        if (!(ret->keys[i] = json_string_value(json_array_get(key, i))))
            return ops_fail(error, OPS_TARGET_ERROR, "A key column of table %s is not a text.", spec->name);
    return OPS_OK;
}

static enum ops_status quote(const char *prefix, const char *name, char **ret_quoted)
{
    struct ops_buf quoted;
    ops_buf_init(&quoted, SQL_MAX_BYTES);
    ops_buf_append_text(&quoted, prefix);
    local_sql_append_identifier(&quoted, name);
    enum ops_status status = ops_buf_status(&quoted);
    if (status == OPS_OK && !(*ret_quoted = ops_buf_take(&quoted)))
        status = OPS_NO_MEMORY;
    ops_buf_release(&quoted);
    return status;
}

static enum ops_status table_check(struct local_table_schema *schema, sqlite3 *db, const char *table, bool *ret_has_rowid,
                                   struct ops_error *error)
{
    char *type = NULL;
    sqlite3_int64 without_rowid = 0;
    enum ops_status status = local_ask_text(db, schema->file, "SELECT type FROM pragma_table_list(?1) WHERE schema = 'main'",
                                            table, NULL, &type, error);
    if (status == OPS_OK && !type)
        status = ops_fail(error, OPS_TARGET_ERROR, "The file %s has no table %s.", schema->file, table);
    else if (status == OPS_OK && (strcmp(type, "table") != 0 || sqlite3_strnicmp(table, "sqlite_", 7) == 0))
        status = ops_fail(error, OPS_TARGET_ERROR, "In file %s, %s is not an ordinary table.", schema->file, table);
    if (status == OPS_OK)
        status = local_ask_integer(db, schema->file, "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'", table,
                                   NULL, &without_rowid, error);
    *ret_has_rowid = !without_rowid;
    ops_mem_free(type);
    return status;
}

/* The column's own spelling, quoted. */
static enum ops_status column_find(const struct local_table_schema *schema, sqlite3 *db, const char *table, const char *name,
                                   char **ret_quoted, struct ops_error *error)
{
    char *column = NULL;
    enum ops_status status = local_ask_text(
        db, schema->file, "SELECT name FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE AND hidden <> 1", table,
        name, &column, error);
    if (status == OPS_OK && !column)
        status = ops_fail(error, OPS_TARGET_ERROR, "In file %s, table %s has no column %s.", schema->file, table, name);
    if (status == OPS_OK)
        status = quote("", column, ret_quoted);
    ops_mem_free(column);
    return status;
}

static enum ops_status rowid_find(struct local_table_schema *schema, sqlite3 *db, const char *table, struct ops_error *error)
{
    static const char *const aliases[] = {"rowid", "_rowid_", "oid"};
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0] && !schema->rowid; i++) {
        sqlite3_int64 taken = 0;
        enum ops_status status =
            local_ask_integer(db, schema->file, "SELECT count(*) FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE",
                              table, aliases[i], &taken, error);
        if (status != OPS_OK)
            return status;
        if (!taken)
            schema->rowid = aliases[i];
    }
    return schema->rowid ? OPS_OK
                         : ops_fail(error, OPS_TARGET_ERROR, "In file %s, the columns of table %s hide its rowid.",
                                    schema->file, table);
}

/* The names as a JSON array, for json_each. */
static enum ops_status key_names_json(const struct names *names, struct ops_buf *buf)
{
    json_t *array = json_array();
    enum ops_status status = array ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < names->key_count && status == OPS_OK; i++)
        if (json_array_append_new(array, json_string(names->keys[i])) != 0)
            status = OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_json_append(array, buf);
    json_decref(array);
    return status;
}

/* Without uniqueness a delete by key could take a record that no page ever showed. */
static enum ops_status key_check(const struct local_table_schema *schema, sqlite3 *db, const struct names *names,
                                 struct ops_error *error)
{
    static const char unique_sets[] =
        "WITH wanted(name) AS (SELECT value COLLATE NOCASE FROM json_each(?2)),"
        " sets(id, name) AS ("
        "  SELECT 'primary key', name FROM pragma_table_xinfo(?1) WHERE pk > 0"
        "  UNION ALL SELECT i.name, c.name FROM pragma_index_list(?1) AS i, pragma_index_info(i.name) AS c"
        "  WHERE i.\"unique\" AND NOT i.partial)"
        " SELECT 1 FROM sets GROUP BY id HAVING count(*) = (SELECT count(*) FROM wanted)"
        " AND count(*) = (SELECT count(DISTINCT name) FROM wanted)"
        " AND sum(coalesce(name COLLATE NOCASE IN (SELECT name FROM wanted), 0)) = count(*)";
    struct ops_buf json;
    ops_buf_init(&json, SQL_MAX_BYTES);
    sqlite3_int64 unique = 0;
    enum ops_status status = key_names_json(names, &json);
    if (status == OPS_OK)
        status = local_ask_integer(db, schema->file, unique_sets, names->table, ops_buf_text(&json), &unique, error);
    if (status == OPS_OK && !unique)
        status =
            ops_fail(error, OPS_TARGET_ERROR,
                     "In file %s, the key columns of table %s are neither its primary key nor a unique index's columns.",
                     schema->file, names->table);
    ops_buf_release(&json);
    return status;
}

/* Without a rowid, pages are read in the order of the key, in which NULL has no place. */
static enum ops_status null_check(const struct local_table_schema *schema, sqlite3 *db, const struct names *names,
                                  struct ops_error *error)
{
    sqlite3_int64 nullable = 0;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < names->key_count && status == OPS_OK && !nullable; i++)
        status = local_ask_integer(db, schema->file,
                                   "SELECT count(*) FROM pragma_table_xinfo(?1)"
                                   " WHERE name = ?2 COLLATE NOCASE AND pk = 0 AND \"notnull\" = 0",
                                   names->table, names->keys[i], &nullable, error);
    if (status == OPS_OK && nullable)
        status =
            ops_fail(error, OPS_TARGET_ERROR, "In file %s, a key column of table %s may be NULL, and there is no rowid.",
                     schema->file, names->table);
    return status;
}

/* What a trigger does when a record goes can't be guarded. SQLite itself tells whether one would run: its program shows up
 * in the code of the delete. */
static enum ops_status trigger_check(const struct local_table_schema *schema, sqlite3 *db, struct ops_error *error)
{
    struct ops_buf sql;
    sqlite3_stmt *statement = NULL;
    bool found = false;
    int result = SQLITE_DONE;
    ops_buf_init(&sql, SQL_MAX_BYTES);
    ops_buf_append_format(&sql, "EXPLAIN DELETE FROM %s WHERE %s IS NULL", schema->table, schema->keys[0]);
    enum ops_status status = local_sql_prepare(db, &sql, schema->file, &statement, error);
    while (status == OPS_OK && !found && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *opcode = (const char *)sqlite3_column_text(statement, 1);
        found = opcode && strcmp(opcode, "Program") == 0;
    }
    if (found)
        status = ops_fail(error, OPS_TARGET_ERROR,
                          "In file %s, table %s has a trigger that runs on delete; what it does can't be guarded.",
                          schema->file, schema->table);
    else if (status == OPS_OK && result != SQLITE_DONE)
        status = local_sql_fail(db, result, schema->file, error);
    (void)sqlite3_finalize(statement); /* its failure was told by the step */
    ops_buf_release(&sql);
    return status;
}

/* The column that the scope looks at. The standard table has few columns, and its other attributes are in the body. */
static const char *scope_column_name(const struct names *names, const struct ops_scope *scope, bool *ret_in_body)
{
    *ret_in_body = false;
    if (scope->by == OPS_SCOPE_ALL)
        return NULL;
    if (scope->by == OPS_SCOPE_KEY || scope->by == OPS_SCOPE_KEY_PREFIX)
        return names->keys[0];
    if (!names->standard)
        return ops_json_text(names->columns, scope->attribute, scope->attribute);
    static const char *const columns[] = {"pk", "sk", "orgcode"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (strcmp(scope->attribute, columns[i]) == 0)
            return columns[i];
    *ret_in_body = true;
    return "body";
}

static enum ops_status scope_read(struct local_table_schema *schema, sqlite3 *db, const struct names *names,
                                  const struct ops_scope *scope, struct ops_error *error)
{
    const char *name = scope_column_name(names, scope, &schema->scope_in_body);
    if (!name)
        return OPS_OK;
    enum ops_status status = column_find(schema, db, names->table, name, &schema->scope_column, error);
    sqlite3_int64 flag = 0;
    if (status == OPS_OK)
        status = local_ask_integer(db, schema->file,
                                   "SELECT count(*) FROM pragma_index_list(?1) AS i, pragma_index_info(i.name) AS c"
                                   " WHERE NOT i.partial AND c.seqno = 0 AND c.name = ?2 COLLATE NOCASE",
                                   names->table, name, &flag, error);
    schema->scope_has_index = flag > 0;
    if (status == OPS_OK)
        status = local_ask_integer(
            db, schema->file,
            "SELECT count(*) FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE"
            " AND type NOT LIKE '%INT%' AND (type LIKE '%CHAR%' OR type LIKE '%TEXT%' OR type LIKE '%CLOB%')",
            names->table, name, &flag, error);
    schema->scope_is_text = flag > 0;
    return status;
}

/* Prefixes are compared by their UTF-8 bytes, which a UTF-16 database does not keep. */
static enum ops_status encoding_check(const struct local_table_schema *schema, sqlite3 *db, struct ops_error *error)
{
    char *encoding = NULL;
    enum ops_status status = local_ask_text(db, schema->file, "PRAGMA encoding", NULL, NULL, &encoding, error);
    if (status == OPS_OK && (!encoding || strcmp(encoding, "UTF-8") != 0))
        status = ops_fail(error, OPS_TARGET_ERROR, "The database %s is not in UTF-8.", schema->file);
    ops_mem_free(encoding);
    return status;
}

enum ops_status local_table_schema_read(struct local_table_schema *schema, sqlite3 *db, const struct ops_target_spec *spec,
                                        const struct ops_scope *scope, struct ops_error *error)
{
    struct names names;
    bool has_rowid = true;
    enum ops_status status = names_read(spec, &names, error);
    if (status == OPS_OK)
        status = table_check(schema, db, names.table, &has_rowid, error);
    if (status == OPS_OK)
        status = encoding_check(schema, db, error);
    if (status == OPS_OK)
        status = quote("main.", names.table, &schema->table);
    for (size_t i = 0; i < names.key_count && status == OPS_OK; i++) {
        status = column_find(schema, db, names.table, names.keys[i], &schema->keys[i], error);
        schema->key_count = i + 1;
    }
    if (status == OPS_OK)
        status = key_check(schema, db, &names, error);
    if (status == OPS_OK)
        status = trigger_check(schema, db, error);
    if (status == OPS_OK)
        status = has_rowid ? rowid_find(schema, db, names.table, error) : null_check(schema, db, &names, error);
    if (status == OPS_OK)
        status = scope_read(schema, db, &names, scope, error);
    return status;
}

void local_table_schema_release(struct local_table_schema *schema)
{
    for (size_t i = 0; i < schema->key_count; i++)
        ops_mem_free(schema->keys[i]);
    ops_mem_free(schema->scope_column);
    ops_mem_free(schema->table);
    ops_mem_free(schema->file);
    *schema = (struct local_table_schema){.file = NULL};
}
