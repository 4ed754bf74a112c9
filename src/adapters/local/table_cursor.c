#include "adapters/local/table_parts.h"
#include "base/hash.h"
#include "base/json.h"

enum { VALUE_TEXT_MAX = OPS_CURSOR_MAX_BYTES };

/* The key of a table without rowids as JSON: type letter and base 64 of each value. */
static enum ops_status key_json(const struct local_table *table, struct ops_view id, json_t **ret_array)
{
    struct ops_buf text;
    ops_buf_init(&text, VALUE_TEXT_MAX);
    size_t offset = sizeof(struct local_id_head);
    json_t *array = json_array();
    enum ops_status status = array ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < table->schema.key_count && status == OPS_OK; i++) {
        struct local_value value = local_id_value(id, &offset);
        ops_buf_clear(&text);
        ops_buf_append_char(&text, value.type);
        ops_base64url_append(&text, value.bytes);
        status = ops_buf_status(&text);
        if (status == OPS_OK && json_array_append_new(array, json_string(ops_buf_text(&text))) != 0)
            status = OPS_NO_MEMORY;
    }
    ops_buf_release(&text);
    if (status == OPS_OK)
        *ret_array = array;
    else
        json_decref(array);
    return status;
}

/* Binds a key that key_json wrote; SQLite copies, since the decoded bytes do not stay. */
static enum ops_status bind_key_json(struct local_table *table, sqlite3_stmt *statement, int first_param,
                                     const json_t *array, struct ops_error *error)
{
    struct ops_buf bytes;
    ops_buf_init(&bytes, VALUE_TEXT_MAX);
    enum ops_status status = json_array_size(array) == table->schema.key_count ? OPS_OK : OPS_TARGET_ERROR;
    for (size_t i = 0; i < table->schema.key_count && status == OPS_OK; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        ops_buf_clear(&bytes);
        if (!text || !*text || ops_base64url_decode(ops_view_of(text + 1), &bytes) != OPS_OK) {
            status = ops_buf_status(&bytes) == OPS_NO_MEMORY ? OPS_NO_MEMORY : OPS_TARGET_ERROR;
            break;
        }
        int param = first_param + (int)i, result;
        struct ops_view view = ops_buf_view(&bytes);
        const char *data = view.length ? view.data : "";
        if (*text == 't')
            result = sqlite3_bind_text64(statement, param, data, view.length, SQLITE_TRANSIENT, SQLITE_UTF8);
        else if (*text == 'b')
            result = sqlite3_bind_blob64(statement, param, data, view.length, SQLITE_TRANSIENT);
        else
            result = local_value_bind(statement, param, (struct local_value){*text, ops_view(data, view.length)});
        if (result != SQLITE_OK)
            status = local_table_fail(table, result, error);
    }
    ops_buf_release(&bytes);
    return status;
}

static enum ops_status not_ours(const struct local_table *table, const char *what, struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_ERROR, "The %s does not belong to table file %s.", what, table->schema.file);
}

/* ops_json_parse_object, but what can't be read is not the caller's body. */
static enum ops_status parse(const struct local_table *table, const char *text, const char *what, json_t **ret,
                             struct ops_error *error)
{
    enum ops_status status = ops_json_parse_object(ops_view_of(text), ret, error);
    return status == OPS_OK || status == OPS_NO_MEMORY ? status : not_ours(table, what, error);
}

/* {"rowid": first of the next page} or {"after": key of the last record}. */
enum ops_status local_cursor_write(const struct local_table *table, struct ops_key_page *page, struct ops_error *error)
{
    struct ops_view id = ops_buf_view(&table->last_id);
    if (page->last || (id.length == 0 && page->count == 0))
        return OPS_OK;
    if (id.length == 0)
        id = page->keys[page->count - 1].id;
    sqlite3_int64 rowid = local_id_head(id).rowid;
    if (table->schema.rowid && rowid == INT64_MAX) {
        page->last = true;
        return OPS_OK;
    }
    json_t *cursor = json_object(), *after = NULL;
    enum ops_status status = cursor ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK && table->schema.rowid)
        status = ops_json_set_integer(cursor, "rowid", rowid + 1);
    else if (status == OPS_OK && (status = key_json(table, id, &after)) == OPS_OK)
        status = ops_json_set(cursor, "after", after);
    if (status == OPS_OK)
        status = ops_json_append(cursor, &page->cursor);
    json_decref(cursor);
    return status == OPS_LIMIT
               ? ops_fail(error, OPS_LIMIT, "A key in table file %s is too large to handle.", table->schema.file)
               : status;
}

enum ops_status local_cursor_bind(struct local_table *table, const char *cursor, sqlite3_stmt **ret_rows,
                                  struct ops_error *error)
{
    json_t *start = NULL;
    enum ops_status status = *cursor ? parse(table, cursor, "cursor", &start, error) : OPS_OK;
    if (status != OPS_OK)
        return status;
    *ret_rows = table->statements[start && !table->schema.rowid ? LOCAL_TABLE_PAGE_AFTER : LOCAL_TABLE_PAGE];
    if (table->schema.rowid) {
        const json_t *rowid = json_object_get(start, "rowid");
        int result = sqlite3_bind_int64(*ret_rows, LOCAL_PARAM_FIRST, start ? json_integer_value(rowid) : INT64_MIN);
        if (start && !json_is_integer(rowid))
            status = not_ours(table, "cursor", error);
        else if (result != SQLITE_OK)
            status = local_table_fail(table, result, error);
    } else if (start) {
        status = bind_key_json(table, *ret_rows, LOCAL_PARAM_KEY, json_object_get(start, "after"), error);
        if (status == OPS_TARGET_ERROR)
            status = not_ours(table, "cursor", error);
    }
    json_decref(start);
    return status;
}

enum ops_status local_rowids_check(struct local_table *table, sqlite3_int64 schema_version, struct ops_error *error)
{
    sqlite3_int64 now = 0;
    if (!table->schema.key_is_rowid || !table->schema.rowid_moves)
        return OPS_OK;
    enum ops_status status = local_table_run(table, LOCAL_TABLE_SCHEMA, &now, error);
    if (status != OPS_OK || now == schema_version)
        return status;
    return ops_fail(
        error, OPS_TARGET_ERROR,
        "The file %s was rewritten (VACUUM), or its schema changed, while records of table %s were removed, which "
        "are known by their rowids alone; vacuum again.",
        table->schema.file, table->schema.name);
}

/* {"count", "first", "last", "schema"} as rowids, or {"count", "after"?, "upto"} as keys: a range, and how many records of
 * it were in scope. A record that a writer adds inside the range later can't make a recount larger than the page was. */
enum ops_status local_receipt_write(const struct local_table *table, const char *cursor, struct ops_key_page *page,
                                    struct ops_error *error)
{
    if (page->count == 0)
        return OPS_OK;
    struct ops_view last = page->keys[page->count - 1].id;
    json_t *receipt = json_object(), *before = NULL, *upto = NULL;
    enum ops_status status = receipt ? ops_json_set_integer(receipt, "count", (json_int_t)page->count) : OPS_NO_MEMORY;
    if (status == OPS_OK && table->schema.rowid) {
        status = ops_json_set_integer(receipt, "first", local_id_head(page->keys[0].id).rowid);
        if (status == OPS_OK)
            status = ops_json_set_integer(receipt, "last", local_id_head(last).rowid);
        if (status == OPS_OK)
            status = ops_json_set_integer(receipt, "schema", table->page_schema);
    } else if (status == OPS_OK) {
        if (*cursor)
            status = parse(table, cursor, "cursor", &before, error);
        if (status == OPS_OK && before)
            status = ops_json_set(receipt, "after", json_incref(json_object_get(before, "after")));
        if (status == OPS_OK)
            status = key_json(table, last, &upto);
        if (status == OPS_OK)
            status = ops_json_set(receipt, "upto", upto);
    }
    if (status == OPS_OK)
        status = ops_json_append(receipt, &page->receipt);
    json_decref(before);
    json_decref(receipt);
    return status;
}

static enum ops_status bind_receipt(struct local_table *table, const json_t *receipt, sqlite3_stmt *statement,
                                    struct ops_error *error)
{
    if (!table->schema.rowid) {
        const json_t *after = json_object_get(receipt, "after");
        enum ops_status status = after ? bind_key_json(table, statement, LOCAL_PARAM_KEY, after, error) : OPS_OK;
        if (status == OPS_OK)
            status = bind_key_json(table, statement, LOCAL_PARAM_UPTO_KEY, json_object_get(receipt, "upto"), error);
        return status;
    }
    const json_t *first = json_object_get(receipt, "first"), *last = json_object_get(receipt, "last");
    if (!json_is_integer(first) || !json_is_integer(last))
        return OPS_TARGET_ERROR;
    if (sqlite3_bind_int64(statement, LOCAL_PARAM_FIRST, json_integer_value(first)) != SQLITE_OK ||
        sqlite3_bind_int64(statement, LOCAL_PARAM_LAST, json_integer_value(last)) != SQLITE_OK)
        return OPS_NO_MEMORY;
    return OPS_OK;
}

enum ops_status local_table_recount(struct ops_target *self, uint32_t segment, const char *receipt_text,
                                    struct ops_recount *ret_there, struct ops_error *error)
{
    (void)segment;
    struct local_table *table = (struct local_table *)self;
    json_t *receipt = NULL;
    sqlite3_int64 there = 0;
    if (!*receipt_text) {
        *ret_there = (struct ops_recount){0, 0};
        return OPS_OK;
    }
    enum ops_status status = parse(table, receipt_text, "receipt", &receipt, error);
    if (status != OPS_OK)
        return status;
    bool after = json_object_get(receipt, "after") != NULL;
    local_watch_begin(table);
    enum local_table_statement which = after ? LOCAL_TABLE_COUNT_AFTER : LOCAL_TABLE_COUNT;
    status = bind_receipt(table, receipt, table->statements[which], error);
    if (status == OPS_TARGET_ERROR)
        status = not_ours(table, "receipt", error);
    if (status == OPS_OK)
        status = local_rowids_check(table, ops_json_integer(receipt, "schema", 0), error);
    if (status == OPS_OK)
        status = local_table_run(table, which, &there, error);
    json_int_t most = ops_json_integer(receipt, "count", 0);
    if (status == OPS_OK)
        *ret_there = (struct ops_recount){(size_t)(there < most ? there : most), 0};
    json_decref(receipt);
    return status;
}
