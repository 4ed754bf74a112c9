#include "adapters/local/table_schema.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

enum { SQL_MAX_BYTES = 64 * 1024 };

/* The names as the manifest gives them, before SQLite has been asked. */
struct names {
    const char *table;
    const char *keys[LOCAL_KEY_COLUMNS_MAX];
    size_t key_count;      /* 0: the primary key, or the rowid where there is none */
    const json_t *columns; /* attribute -> column, or NULL */
    bool standard;
    bool rebuild; /* full-text indexes are to be made anew */
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
    ret->rebuild = strcmp(ops_json_text(spec->location, "fts", ""), "rebuild") == 0;
    ret->key_count = json_array_size(key);
    if (!ret->table || (key && ret->key_count < 1) || ret->key_count > LOCAL_KEY_COLUMNS_MAX)
        return ops_fail(error, OPS_TARGET_ERROR, "The location of table %s must name a table and at most %d key columns.",
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

static enum ops_status check_virtual(const struct local_table_schema *schema, const struct local_virtual *table,
                                     struct ops_error *error)
{
    if (table->full_text == LOCAL_NO_FULL_TEXT)
        return ops_fail(
            error, OPS_TARGET_ERROR,
            "In file %s, %s is a virtual table (%s), not an ordinary table; only full-text ones can be vacuumed.",
            schema->file, schema->name, table->module);
    if (table->content && !table->content[0])
        return ops_fail(error, OPS_TARGET_ERROR,
                        "In file %s, %s is a full-text table without content: nobody can tell whose its words are.",
                        schema->file, schema->name);
    if (table->content)
        return ops_fail(error, OPS_TARGET_ERROR,
                        "In file %s, %s is only an index of %s; name that one in the manifest, with \"fts\": \"rebuild\".",
                        schema->file, schema->name, table->content);
    return OPS_OK;
}

static enum ops_status virtual_check(const struct local_table_schema *schema, sqlite3 *db, struct ops_error *error)
{
    char *sql = NULL;
    struct local_virtual table = {.module = NULL};
    enum ops_status status = local_ask_text(
        db, schema->file, "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
        schema->name, NULL, &sql, error);
    if (status == OPS_OK)
        status = local_virtual_read(sql ? sql : "", &table);
    if (status == OPS_INVALID_FIELD)
        status = ops_fail(error, OPS_TARGET_ERROR, "In file %s, %s is not an ordinary table.", schema->file, schema->name);
    if (status == OPS_OK)
        status = check_virtual(schema, &table, error);
    local_virtual_release(&table);
    ops_mem_free(sql);
    return status;
}

enum table_form { PLAIN_TABLE, WITHOUT_ROWID, VIRTUAL_TABLE };

static enum ops_status table_check(const struct local_table_schema *schema, sqlite3 *db, enum table_form *ret_form,
                                   struct ops_error *error)
{
    char *type = NULL;
    sqlite3_int64 without_rowid = 0;
    const char *name = schema->name;
    enum ops_status status = local_ask_text(db, schema->file, "SELECT type FROM pragma_table_list(?1) WHERE schema = 'main'",
                                            name, NULL, &type, error);
    bool virtual = type && strcmp(type, "virtual") == 0;
    if (status == OPS_OK && !type)
        status = ops_fail(error, OPS_TARGET_ERROR, "The file %s has no table %s.", schema->file, name);
    else if (status == OPS_OK && virtual)
        status = virtual_check(schema, db, error);
    else if (status == OPS_OK && strcmp(type, "shadow") == 0)
        status = ops_fail(error, OPS_TARGET_ERROR, "In file %s, %s is part of a virtual table, not an ordinary table.",
                          schema->file, name);
    else if (status == OPS_OK && (strcmp(type, "table") != 0 || sqlite3_strnicmp(name, "sqlite_", 7) == 0))
        status = ops_fail(error, OPS_TARGET_ERROR, "In file %s, %s is not an ordinary table.", schema->file, name);
    if (status == OPS_OK)
        status = local_ask_integer(db, schema->file, "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'", name,
                                   NULL, &without_rowid, error);
    *ret_form = virtual ? VIRTUAL_TABLE : without_rowid ? WITHOUT_ROWID : PLAIN_TABLE;
    ops_mem_free(type);
    return status;
}

/* The column's own spelling, quoted. */
static enum ops_status column_find(const struct local_table_schema *schema, sqlite3 *db, const char *name, char **ret_quoted,
                                   struct ops_error *error)
{
    const char *table = schema->name;
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

/* The column that is the rowid itself: a sole INTEGER PRIMARY KEY, for which SQLite then makes no index. */
static enum ops_status rowid_column(const struct local_table_schema *schema, sqlite3 *db, char **ret_column,
                                    struct ops_error *error)
{
    return local_ask_text(db, schema->file,
                          "SELECT name FROM pragma_table_xinfo(?1) WHERE pk = 1 AND type = 'INTEGER' COLLATE NOCASE"
                          " AND (SELECT max(pk) FROM pragma_table_xinfo(?1)) = 1"
                          " AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')",
                          schema->name, NULL, ret_column, error);
}

static enum ops_status has_column(const struct local_table_schema *schema, sqlite3 *db, const char *column, bool *ret_has,
                                  struct ops_error *error)
{
    sqlite3_int64 count = 0;
    enum ops_status status =
        local_ask_integer(db, schema->file, "SELECT count(*) FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE",
                          schema->name, column, &count, error);
    *ret_has = count > 0;
    return status;
}

/* SQLite's names for the rowid, unless a column is called so; else the column that is the rowid. */
static enum ops_status rowid_find(struct local_table_schema *schema, sqlite3 *db, bool virtual, struct ops_error *error)
{
    static const char *const aliases[] = {"rowid", "_rowid_", "oid"};
    char *column = NULL;
    enum ops_status status = rowid_column(schema, db, &column, error);
    schema->rowid_moves = !column && !virtual;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0] && status == OPS_OK && !schema->rowid; i++) {
        bool taken = false;
        status = has_column(schema, db, aliases[i], &taken, error);
        if (status == OPS_OK && !taken && !(schema->rowid = ops_mem_strdup(aliases[i])))
            status = OPS_NO_MEMORY;
    }
    if (status == OPS_OK && !schema->rowid && column)
        status = quote("", column, &schema->rowid);
    ops_mem_free(column);
    if (status != OPS_OK || schema->rowid)
        return status;
    return ops_fail(error, OPS_TARGET_ERROR, "In file %s, the columns of table %s hide its rowid.", schema->file,
                    schema->name);
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
                     "In file %s, the key columns of table %s are neither its primary key nor a unique index's columns; "
                     "leave \"key\" out to go by the primary key or the rowid.",
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

/* The primary key; the rowid of a table that has none. By its primary key a record is also told from one that is
 * protected. */
static enum ops_status key_choose(struct local_table_schema *schema, sqlite3 *db, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    for (bool more = true; status == OPS_OK && more;) {
        char *column = NULL, place[16];
        (void)snprintf(place, sizeof place, "%zu", schema->key_count + 1);
        status = local_ask_text(db, schema->file, "SELECT name FROM pragma_table_xinfo(?1) WHERE pk = CAST(?2 AS INTEGER)",
                                schema->name, place, &column, error);
        more = column != NULL;
        if (more && schema->key_count == LOCAL_KEY_COLUMNS_MAX)
            status = ops_fail(error, OPS_TARGET_ERROR, "In file %s, the primary key of table %s has more than %d columns.",
                              schema->file, schema->name, LOCAL_KEY_COLUMNS_MAX);
        else if (more && (status = quote("", column, &schema->keys[schema->key_count])) == OPS_OK)
            schema->key_count++;
        if (schema->partition_key)
            ops_mem_free(column);
        else
            schema->partition_key = column;
    }
    if (status != OPS_OK || schema->key_count > 0)
        return status;
    schema->keys[0] = ops_mem_strdup(schema->rowid);
    schema->key_is_rowid = true;
    schema->key_count = 1;
    return schema->keys[0] ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status key_take(struct local_table_schema *schema, sqlite3 *db, const struct names *names,
                                struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < names->key_count && status == OPS_OK; i++) {
        status = column_find(schema, db, names->keys[i], &schema->keys[i], error);
        schema->key_count = i + 1;
    }
    if (status == OPS_OK && !(schema->partition_key = ops_mem_strdup(names->keys[0])))
        status = OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = key_check(schema, db, names, error);
    return status == OPS_OK && !schema->rowid ? null_check(schema, db, names, error) : status;
}

/* "key": ["rowid"] is the same as none, unless a column is called so. */
static enum ops_status key_read(struct local_table_schema *schema, sqlite3 *db, struct names *names, struct ops_error *error)
{
    bool is_column = false;
    if (names->key_count == 1 && sqlite3_stricmp(names->keys[0], "rowid") == 0) {
        enum ops_status status = has_column(schema, db, "rowid", &is_column, error);
        if (status != OPS_OK)
            return status;
        names->key_count = is_column;
    }
    return names->key_count > 0 ? key_take(schema, db, names, error) : key_choose(schema, db, error);
}

/* The column that the scope looks at. The standard table has few columns, and its other attributes are in the body. */
static const char *scope_column_name(const struct local_table_schema *schema, const struct names *names,
                                     const struct ops_scope *scope, bool *ret_in_body)
{
    *ret_in_body = false;
    if (scope->by == OPS_SCOPE_KEY || scope->by == OPS_SCOPE_KEY_PREFIX)
        return schema->partition_key;
    if (!names->standard)
        return ops_json_text(names->columns, scope->attribute, scope->attribute);
    static const char *const columns[] = {"pk", "sk", "orgcode"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (strcmp(scope->attribute, columns[i]) == 0)
            return columns[i];
    *ret_in_body = true;
    return "body";
}

static enum ops_status collation_read(struct local_table_schema *schema, sqlite3 *db, const char *column,
                                      struct ops_error *error)
{
    const char *collation = NULL;
    int result = sqlite3_table_column_metadata(db, "main", schema->name, column, NULL, &collation, NULL, NULL, NULL);
    if (result != SQLITE_OK)
        return local_sql_fail(db, result, schema->file, error);
    if (!collation || sqlite3_stricmp(collation, "BINARY") == 0)
        return OPS_OK;
    schema->scope_collation = ops_mem_strdup(collation);
    return schema->scope_collation ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status scope_read(struct local_table_schema *schema, sqlite3 *db, const struct names *names,
                                  const struct ops_scope *scope, struct ops_error *error)
{
    if (scope->by == OPS_SCOPE_ALL)
        return OPS_OK;
    const char *name = scope_column_name(schema, names, scope, &schema->scope_in_body);
    if (!name)
        return ops_fail(error, OPS_TARGET_ERROR, "In file %s, table %s has no key that could have a tenant's name in it.",
                        schema->file, schema->name);
    enum ops_status status = column_find(schema, db, name, &schema->scope_column, error);
    return status == OPS_OK ? collation_read(schema, db, name, error) : status;
}

static enum ops_status primary_index_find(struct local_table_schema *schema, sqlite3 *db, struct ops_error *error)
{
    char *index = NULL;
    enum ops_status status = local_ask_text(db, schema->file, "SELECT name FROM pragma_index_list(?1) WHERE origin = 'pk'",
                                            schema->name, NULL, &index, error);
    if (status == OPS_OK && index)
        status = quote("", index, &schema->primary_index);
    ops_mem_free(index);
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

static bool is_key(const struct local_table_schema *schema, const char *quoted)
{
    for (size_t i = 0; i < schema->key_count; i++)
        if (sqlite3_stricmp(schema->keys[i], quoted) == 0)
            return true;
    return false;
}

/* Takes quoted. */
static enum ops_status guard_add(struct local_table_schema *schema, char *quoted, struct ops_error *error)
{
    if (is_key(schema, quoted)) {
        ops_mem_free(quoted);
        return OPS_OK;
    }
    if (schema->guard_count == LOCAL_GUARDS_MAX) {
        ops_mem_free(quoted);
        return ops_fail(error, OPS_TARGET_ERROR, "In file %s, the keys of table %s have more than %d columns.", schema->file,
                        schema->name, LOCAL_GUARDS_MAX);
    }
    schema->guards[schema->guard_count++] = quoted;
    return OPS_OK;
}

/* Of a table of one's own nobody knows which column its owner takes for the partition key, and what the manifest says must
 * not take anything away from the guard: every column by which a record is known counts, and one that is called as ours is.
 */
static enum ops_status guards_read(struct local_table_schema *schema, sqlite3 *db, struct ops_error *error)
{
    static const char columns[] =
        "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1 AND (pk > 0 OR name = 'pk' COLLATE NOCASE)"
        " UNION SELECT c.name FROM pragma_index_list(?1) AS i, pragma_index_info(i.name) AS c"
        " WHERE i.\"unique\" AND c.name IS NOT NULL"
        " ORDER BY 1 LIMIT 1 OFFSET CAST(?2 AS INTEGER)";
    enum ops_status status = OPS_OK;
    bool more = true;
    schema->guards_all = true;
    for (size_t i = 0; status == OPS_OK && more; i++) {
        char *column = NULL, *quoted = NULL, place[24];
        (void)snprintf(place, sizeof place, "%zu", i);
        status = local_ask_text(db, schema->file, columns, schema->name, place, &column, error);
        more = column != NULL;
        if (status == OPS_OK && more)
            status = quote("", column, &quoted);
        if (status == OPS_OK && more)
            status = guard_add(schema, quoted, error);
        ops_mem_free(column);
    }
    return status;
}

enum ops_status local_table_schema_read(struct local_table_schema *schema, sqlite3 *db, const struct ops_target_spec *spec,
                                        const struct ops_scope *scope, struct ops_error *error)
{
    struct names names;
    enum table_form form = PLAIN_TABLE;
    enum ops_status status = names_read(spec, &names, error);
    if (status == OPS_OK && !(schema->name = ops_mem_strdup(names.table)))
        status = OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = table_check(schema, db, &form, error);
    if (status == OPS_OK)
        status = encoding_check(schema, db, error);
    if (status == OPS_OK)
        status = quote("main.", names.table, &schema->table);
    schema->is_virtual = form == VIRTUAL_TABLE;
    if (status == OPS_OK && form != WITHOUT_ROWID)
        status = rowid_find(schema, db, form == VIRTUAL_TABLE, error);
    if (status == OPS_OK && form == WITHOUT_ROWID)
        status = primary_index_find(schema, db, error);
    if (status == OPS_OK)
        status = key_read(schema, db, &names, error);
    if (status == OPS_OK && !names.standard)
        status = guards_read(schema, db, error);
    if (status == OPS_OK)
        status = local_dependents_read(schema, db, names.rebuild, error);
    if (status == OPS_OK)
        status = scope_read(schema, db, &names, scope, error);
    return status;
}

void local_table_schema_release(struct local_table_schema *schema)
{
    for (size_t i = 0; i < schema->key_count; i++)
        ops_mem_free(schema->keys[i]);
    for (size_t i = 0; i < schema->guard_count; i++)
        ops_mem_free(schema->guards[i]);
    ops_mem_free(schema->contentless);
    for (size_t i = 0; i < schema->index_count; i++) {
        ops_mem_free(schema->indexes[i].name);
        ops_mem_free(schema->indexes[i].content);
    }
    ops_mem_free(schema->scope_collation);
    ops_mem_free(schema->scope_column);
    ops_mem_free(schema->primary_index);
    ops_mem_free(schema->partition_key);
    ops_mem_free(schema->rowid);
    ops_mem_free(schema->table);
    ops_mem_free(schema->name);
    ops_mem_free(schema->file);
    *schema = (struct local_table_schema){.file = NULL};
}
