#include "adapters/local/table.h"

#include "adapters/local/table_schema.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A page is a transaction of its own, and a transaction costs two or three waits for the disk and one write of every page of
 * the key's index that it touches: large pages are what makes a vacuum quick. 50000 keys take about 5 MiB. */
enum {
    TABLE_PAGE_MAX = 50000,
    BUSY_TIMEOUT_MS = 2000,
    RANGE_SPARSE_MAX = 64, /* rowids per record beyond which a range delete reads more than it saves */
    SQL_MAX_BYTES = 64 * 1024,
    VALUE_TEXT_MAX = OPS_CURSOR_MAX_BYTES,
};

/* The places of parameters, the same in all statements. */
enum {
    PARAM_FIRST = 1, /* rowid */
    PARAM_LAST,      /* rowid, or the limit of a page */
    PARAM_TEXT,      /* the scope's value as text */
    PARAM_BLOB,      /* the same bytes as a blob */
    PARAM_TEXT_END,  /* the first text after all that begin with value */
    PARAM_BLOB_END,
    PARAM_PATH, /* JSON path of an attribute in the body */
    PARAM_KEY = 10,
    PARAM_UPTO_KEY = 20,
};

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_BEGIN_IMMEDIATE,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_VERSION,
    STATEMENT_PAGE,
    STATEMENT_PAGE_AFTER,
    STATEMENT_COUNT,
    STATEMENT_COUNT_AFTER,
    STATEMENT_DELETE_RANGE,
    STATEMENT_DELETE_ROW,
    STATEMENT_DELETE_KEY,
    STATEMENTS
};

struct table {
    struct ops_target target;
    struct local_table_schema schema;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    enum ops_scope_by by;
    char *value;
    char *value_end; /* for a prefix; NULL when there is none */
    size_t value_end_length;
    char *path;
    bool narrow; /* so few records are in scope that an index finds them all for each page */

    /* What remove needs to know about the page that was read last. */
    uint32_t page_serial;
    sqlite3_int64 page_version; /* SQLite's data_version when it was read */
};

/* How a record's id begins; then its key columns follow, each as a type letter, a length and its bytes. */
struct id_head {
    sqlite3_int64 rowid;
    uint32_t page_serial;
    uint32_t position;
};

enum { VALUE_HEAD_BYTES = 1 + sizeof(uint32_t) };

/* One value of a key column: 'n', 'i' and 'r' (as decimal text), 't' or 'b'. */
struct value {
    char type;
    struct ops_view bytes;
};

static enum ops_status table_fail(struct table *table, int result, struct ops_error *error)
{
    return local_sql_fail(table->db, result, table->schema.file, error);
}

/* ---- Statements ---- */

static void append_keys(struct ops_buf *sql, const struct table *table, const char *before, const char *after)
{
    for (size_t i = 0; i < table->schema.key_count; i++) {
        ops_buf_append_text(sql, i ? ", " : "");
        ops_buf_append_format(sql, "%s%s%s", before, table->schema.keys[i], after);
    }
}

/* " AND (k1, k2) > (?10, ?11)" by bytes, whatever the columns' collations. */
static void append_key_bound(struct ops_buf *sql, const struct table *table, const char *operator, int first_param)
{
    ops_buf_append_text(sql, " AND (");
    append_keys(sql, table, "", " COLLATE BINARY");
    ops_buf_append_format(sql, ") %s (", operator);
    for (size_t i = 0; i < table->schema.key_count; i++)
        ops_buf_append_format(sql, "%s?%d", i ? ", " : "", first_param + (int)i);
    ops_buf_append_text(sql, ")");
}

/* The scope, exact by bytes: the casts take collations and affinities out of the comparison. */
static void append_scope(struct ops_buf *sql, const struct table *table)
{
    const char *column = table->schema.scope_column;
    if (!column)
        return;
    if (table->schema.scope_in_body)
        ops_buf_append_format(sql, " AND CASE WHEN json_valid(%s) THEN json_extract(%s, ?%d) END = ?%d COLLATE BINARY",
                              column, column, PARAM_PATH, PARAM_TEXT);
    else if (table->by == OPS_SCOPE_KEY_PREFIX)
        ops_buf_append_format(sql, " AND substr(CAST(%s AS BLOB), 1, length(?%d)) = ?%d", column, PARAM_BLOB, PARAM_BLOB);
    else
        ops_buf_append_format(sql, " AND CAST(%s AS TEXT) = ?%d COLLATE BINARY", column, PARAM_TEXT);
}

/* A condition that an index can use, and that holds for all records in scope. */
static void append_narrow(struct ops_buf *sql, const struct table *table)
{
    const char *column = table->schema.scope_column;
    if (table->by == OPS_SCOPE_KEY_PREFIX)
        ops_buf_append_format(sql,
                              " AND ((%s >= ?%d COLLATE BINARY AND %s < ?%d COLLATE BINARY) OR (%s >= ?%d AND %s < ?%d))",
                              column, PARAM_TEXT, column, PARAM_TEXT_END, column, PARAM_BLOB, column, PARAM_BLOB_END);
    else
        ops_buf_append_format(sql, " AND %s IN (?%d, ?%d)", column, PARAM_TEXT, PARAM_BLOB);
}

static void append_source(struct ops_buf *sql, const struct table *table)
{
    const char *hint = table->schema.rowid && !table->narrow ? " NOT INDEXED" : "";
    ops_buf_append_format(sql, " FROM %s%s WHERE 1", table->schema.table, hint);
    append_scope(sql, table);
    if (table->narrow)
        append_narrow(sql, table);
}

static void write_page(struct ops_buf *sql, const struct table *table, enum statement which)
{
    const char *rowid = table->schema.rowid;
    ops_buf_append_format(sql, "SELECT %s, ", rowid ? rowid : "0");
    append_keys(sql, table, "", "");
    append_source(sql, table);
    if (rowid)
        ops_buf_append_format(sql, " AND %s >= ?%d ORDER BY %s", rowid, PARAM_FIRST, rowid);
    else if (which == STATEMENT_PAGE_AFTER)
        append_key_bound(sql, table, ">", PARAM_KEY);
    if (!rowid) {
        ops_buf_append_text(sql, " ORDER BY ");
        append_keys(sql, table, "", " COLLATE BINARY");
    }
    ops_buf_append_format(sql, " LIMIT ?%d", PARAM_LAST);
}

static void write_count(struct ops_buf *sql, const struct table *table, enum statement which)
{
    ops_buf_append_text(sql, "SELECT count(*)");
    append_source(sql, table);
    if (table->schema.rowid) {
        ops_buf_append_format(sql, " AND %s BETWEEN ?%d AND ?%d", table->schema.rowid, PARAM_FIRST, PARAM_LAST);
        return;
    }
    if (which == STATEMENT_COUNT_AFTER)
        append_key_bound(sql, table, ">", PARAM_KEY);
    append_key_bound(sql, table, "<=", PARAM_UPTO_KEY);
}

static void write_delete(struct ops_buf *sql, const struct table *table, enum statement which)
{
    const struct local_table_schema *schema = &table->schema;
    const char *rowid = schema->rowid;
    if (which != STATEMENT_DELETE_KEY && !rowid) {
        ops_buf_append_text(sql, "SELECT 0");
        return;
    }
    ops_buf_append_format(sql, "DELETE FROM %s%s WHERE 1", schema->table,
                          which == STATEMENT_DELETE_KEY ? "" : " NOT INDEXED");
    if (which == STATEMENT_DELETE_RANGE)
        ops_buf_append_format(sql, " AND %s BETWEEN ?%d AND ?%d", rowid, PARAM_FIRST, PARAM_LAST);
    if (which == STATEMENT_DELETE_ROW)
        ops_buf_append_format(sql, " AND %s = ?%d", rowid, PARAM_FIRST);
    for (size_t i = 0; i < schema->key_count && which != STATEMENT_DELETE_RANGE; i++) {
        int param = PARAM_KEY + (int)i;
        if (which == STATEMENT_DELETE_KEY)
            ops_buf_append_format(sql, " AND %s = ?%d", schema->keys[i], param);
        ops_buf_append_format(sql, " AND +%s IS ?%d COLLATE BINARY", schema->keys[i], param);
    }
    append_scope(sql, table);
}

static void write_plain(struct ops_buf *sql, const struct table *table, enum statement which)
{
    static const char *const texts[] = {
        [STATEMENT_BEGIN] = "BEGIN",       [STATEMENT_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",  [STATEMENT_COMMIT] = "COMMIT",
        [STATEMENT_ROLLBACK] = "ROLLBACK", [STATEMENT_VERSION] = "PRAGMA main.data_version",
    };
    (void)table;
    ops_buf_append_text(sql, texts[which]);
}

static void (*const writers[STATEMENTS])(struct ops_buf *, const struct table *, enum statement) = {
    [STATEMENT_BEGIN] = write_plain,       [STATEMENT_BEGIN_IMMEDIATE] = write_plain,
    [STATEMENT_COMMIT] = write_plain,      [STATEMENT_ROLLBACK] = write_plain,
    [STATEMENT_VERSION] = write_plain,     [STATEMENT_PAGE] = write_page,
    [STATEMENT_PAGE_AFTER] = write_page,   [STATEMENT_COUNT] = write_count,
    [STATEMENT_COUNT_AFTER] = write_count, [STATEMENT_DELETE_RANGE] = write_delete,
    [STATEMENT_DELETE_ROW] = write_delete, [STATEMENT_DELETE_KEY] = write_delete,
};

static int bind_text(sqlite3_stmt *statement, int param, struct ops_view text)
{
    return sqlite3_bind_text64(statement, param, text.data ? text.data : "", text.length, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_blob(sqlite3_stmt *statement, int param, struct ops_view bytes)
{
    return sqlite3_bind_blob64(statement, param, bytes.length ? bytes.data : "", bytes.length, SQLITE_STATIC);
}

/* Binds what stays the same for the target's whole life. */
static int bind_scope(const struct table *table, sqlite3_stmt *statement)
{
    struct ops_view value = ops_view_of(table->value), end = ops_view(table->value_end, table->value_end_length);
    int count = sqlite3_bind_parameter_count(statement);
    int result = SQLITE_OK;
    if (count >= PARAM_TEXT && table->value)
        result = bind_text(statement, PARAM_TEXT, value);
    if (count >= PARAM_BLOB && table->value && result == SQLITE_OK)
        result = bind_blob(statement, PARAM_BLOB, value);
    if (count >= PARAM_TEXT_END && table->value_end && result == SQLITE_OK)
        result = bind_text(statement, PARAM_TEXT_END, end);
    if (count >= PARAM_BLOB_END && table->value_end && result == SQLITE_OK)
        result = bind_blob(statement, PARAM_BLOB_END, end);
    if (count >= PARAM_PATH && table->path && result == SQLITE_OK)
        result = bind_text(statement, PARAM_PATH, ops_view_of(table->path));
    return result;
}

static enum ops_status prepare_scoped(struct table *table, const struct ops_buf *sql, sqlite3_stmt **ret_statement,
                                      struct ops_error *error)
{
    enum ops_status status = local_sql_prepare(table->db, sql, table->schema.file, ret_statement, error);
    if (status != OPS_OK)
        return status;
    int result = bind_scope(table, *ret_statement);
    return result == SQLITE_OK ? OPS_OK : table_fail(table, result, error);
}

static enum ops_status prepare_all(struct table *table, struct ops_error *error)
{
    struct ops_buf sql;
    ops_buf_init(&sql, SQL_MAX_BYTES);
    enum ops_status status = OPS_OK;
    for (enum statement which = 0; which < STATEMENTS && status == OPS_OK; which++) {
        ops_buf_clear(&sql);
        writers[which](&sql, table, which);
        status = prepare_scoped(table, &sql, &table->statements[which], error);
    }
    ops_buf_release(&sql);
    return status;
}

/* Runs a prepared statement to its end; the integer in its last row's first column, if there is one. */
static enum ops_status run(struct table *table, enum statement which, sqlite3_int64 *ret_value, struct ops_error *error)
{
    sqlite3_stmt *statement = table->statements[which];
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        if (ret_value)
            *ret_value = sqlite3_column_int64(statement, 0);
    enum ops_status status = result == SQLITE_DONE ? OPS_OK : table_fail(table, result, error);
    (void)sqlite3_reset(statement); /* repeats the failure of the step */
    return status;
}

static void roll_back(struct table *table)
{
    /* SQLite may have rolled back by itself. If this fails, the next begin tells. */
    if (!sqlite3_get_autocommit(table->db))
        (void)run(table, STATEMENT_ROLLBACK, NULL, NULL);
}

/* ---- Values, cursors and receipts ---- */

static struct value column_value(sqlite3_stmt *row, int column, char text[static 32])
{
    static const char types[] = {
        [SQLITE_INTEGER] = 'i', [SQLITE_FLOAT] = 'r', [SQLITE_TEXT] = 't', [SQLITE_BLOB] = 'b', [SQLITE_NULL] = 'n'};
    struct value value = {.type = types[sqlite3_column_type(row, column)]};
    int length = 0;
    if (value.type == 'i')
        length = snprintf(text, 32, "%" PRId64, (int64_t)sqlite3_column_int64(row, column));
    else if (value.type == 'r')
        length = snprintf(text, 32, "%.17g", sqlite3_column_double(row, column));
    value.bytes = ops_view(text, (size_t)length);
    if (value.type == 't' || value.type == 'b') {
        const char *bytes = value.type == 't' ? (const char *)sqlite3_column_text(row, column)
                                              : (const char *)sqlite3_column_blob(row, column);
        value.bytes = ops_view(bytes, (size_t)sqlite3_column_bytes(row, column));
    }
    return value;
}

/* bytes stays where it is until the statement has run. Numbers' bytes end in something that is no digit. */
static int bind_value(sqlite3_stmt *statement, int param, struct value value)
{
    char number[32];
    snprintf(number, sizeof number, "%.*s", (int)(value.bytes.length < 31 ? value.bytes.length : 31), value.bytes.data);
    switch (value.type) {
    case 'i':
        return sqlite3_bind_int64(statement, param, strtoll(number, NULL, 10));
    case 'r':
        return sqlite3_bind_double(statement, param, strtod(number, NULL));
    case 't':
        return bind_text(statement, param, value.bytes);
    case 'b':
        return bind_blob(statement, param, value.bytes);
    default:
        return sqlite3_bind_null(statement, param);
    }
}

static struct id_head id_head(struct ops_view id)
{
    struct id_head head;
    memcpy(&head, id.data, sizeof head);
    return head;
}

/* The value at *offset of an id; moves on to the next. */
static struct value id_value(struct ops_view id, size_t *offset)
{
    uint32_t length;
    const char *at = id.data + *offset;
    memcpy(&length, at + 1, sizeof length);
    *offset += VALUE_HEAD_BYTES + length;
    return (struct value){at[0], ops_view(at + VALUE_HEAD_BYTES, length)};
}

static int bind_id(const struct table *table, sqlite3_stmt *statement, struct ops_view id)
{
    size_t offset = sizeof(struct id_head);
    int result = SQLITE_OK;
    for (size_t i = 0; i < table->schema.key_count && result == SQLITE_OK; i++)
        result = bind_value(statement, PARAM_KEY + (int)i, id_value(id, &offset));
    return result;
}

/* The key of a table without rowids as JSON: type letter and base 64 of each value. */
static enum ops_status key_json(const struct table *table, struct ops_view id, json_t **ret_array)
{
    struct ops_buf text;
    ops_buf_init(&text, VALUE_TEXT_MAX);
    size_t offset = sizeof(struct id_head);
    json_t *array = json_array();
    enum ops_status status = array ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < table->schema.key_count && status == OPS_OK; i++) {
        struct value value = id_value(id, &offset);
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
static enum ops_status bind_key_json(struct table *table, sqlite3_stmt *statement, int first_param, const json_t *array,
                                     struct ops_error *error)
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
            result = bind_value(statement, param, (struct value){*text, ops_view(data, view.length)});
        if (result != SQLITE_OK)
            status = table_fail(table, result, error);
    }
    ops_buf_release(&bytes);
    return status;
}

static enum ops_status not_ours(const struct table *table, const char *what, struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_ERROR, "The %s does not belong to table file %s.", what, table->schema.file);
}

/* ops_json_parse_object, but what can't be read is not the caller's body. */
static enum ops_status parse(const struct table *table, const char *text, const char *what, json_t **ret,
                             struct ops_error *error)
{
    enum ops_status status = ops_json_parse_object(ops_view_of(text), ret, error);
    return status == OPS_OK || status == OPS_NO_MEMORY ? status : not_ours(table, what, error);
}

/* ---- Pages ---- */

/* Adds the row's id to the page's storage; false when it does not fit any more. */
static bool store_row(const struct table *table, sqlite3_stmt *row, struct ops_key_page *page, struct ops_key *key)
{
    struct id_head head = {sqlite3_column_int64(row, 0), table->page_serial, (uint32_t)(page->count - 1)};
    size_t start = page->storage.length;
    ops_buf_append(&page->storage, &head, sizeof head);
    for (size_t i = 0; i < table->schema.key_count; i++) {
        char text[32];
        struct value value = column_value(row, 1 + (int)i, text);
        uint32_t length = (uint32_t)value.bytes.length;
        if (i == 0)
            key->guarded.length = length;
        ops_buf_append_char(&page->storage, value.type);
        ops_buf_append(&page->storage, &length, sizeof length);
        ops_buf_append_view(&page->storage, value.bytes);
    }
    key->id.length = page->storage.length - start;
    return ops_buf_status(&page->storage) == OPS_OK;
}

/* Bytes that the row will take, so that a full page ends before it rather than failing in it. */
static bool row_fits(const struct table *table, sqlite3_stmt *row, const struct ops_key_page *page)
{
    size_t needed = sizeof(struct id_head);
    for (size_t i = 0; i < table->schema.key_count; i++)
        needed += VALUE_HEAD_BYTES + 32 + (size_t)sqlite3_column_bytes(row, 1 + (int)i);
    return needed <= page->storage.limit_bytes - page->storage.length;
}

static void set_views(struct ops_key_page *page)
{
    const char *at = page->storage.data;
    for (size_t i = 0; i < page->count; i++) {
        struct ops_key *key = &page->keys[i];
        key->id.data = at;
        key->guarded.data = at + sizeof(struct id_head) + VALUE_HEAD_BYTES;
        at += key->id.length;
    }
}

static enum ops_status read_rows(struct table *table, sqlite3_stmt *rows, size_t limit, struct ops_key_page *page,
                                 struct ops_error *error)
{
    int result;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        if (!row_fits(table, rows, page)) {
            if (page->count > 0)
                return OPS_OK;
            return ops_fail(error, OPS_LIMIT, "A key in table file %s is too large to handle.", table->schema.file);
        }
        struct ops_key *key = ops_key_page_add(page);
        if (!key || !store_row(table, rows, page, key))
            return key ? ops_buf_status(&page->storage) : OPS_NO_MEMORY;
    }
    if (result != SQLITE_DONE)
        return table_fail(table, result, error);
    page->last = page->count < limit;
    return OPS_OK;
}

/* {"rowid": first of the next page} or {"after": key of the last record}. */
static enum ops_status write_cursor(const struct table *table, struct ops_key_page *page, struct ops_error *error)
{
    if (page->last || page->count == 0)
        return OPS_OK;
    struct ops_view id = page->keys[page->count - 1].id;
    sqlite3_int64 rowid = id_head(id).rowid;
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

/* {"count", "first", "last"} as rowids, or {"count", "after"?, "upto"} as keys: a range, and how many records of it were in
 * scope. A record that a writer adds inside the range later can't make a recount larger than the page was. */
static enum ops_status write_receipt(const struct table *table, const char *cursor, struct ops_key_page *page,
                                     struct ops_error *error)
{
    if (page->count == 0)
        return OPS_OK;
    struct ops_view last = page->keys[page->count - 1].id;
    json_t *receipt = json_object(), *before = NULL, *upto = NULL;
    enum ops_status status = receipt ? ops_json_set_integer(receipt, "count", (json_int_t)page->count) : OPS_NO_MEMORY;
    if (status == OPS_OK && table->schema.rowid) {
        status = ops_json_set_integer(receipt, "first", id_head(page->keys[0].id).rowid);
        if (status == OPS_OK)
            status = ops_json_set_integer(receipt, "last", id_head(last).rowid);
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

/* Chooses the statement and binds where the page starts. */
static enum ops_status bind_start(struct table *table, const char *cursor, sqlite3_stmt **ret_rows, struct ops_error *error)
{
    json_t *start = NULL;
    enum ops_status status = *cursor ? parse(table, cursor, "cursor", &start, error) : OPS_OK;
    if (status != OPS_OK)
        return status;
    *ret_rows = table->statements[start && !table->schema.rowid ? STATEMENT_PAGE_AFTER : STATEMENT_PAGE];
    if (table->schema.rowid) {
        const json_t *rowid = json_object_get(start, "rowid");
        int result = sqlite3_bind_int64(*ret_rows, PARAM_FIRST, start ? json_integer_value(rowid) : INT64_MIN);
        if (start && !json_is_integer(rowid))
            status = not_ours(table, "cursor", error);
        else if (result != SQLITE_OK)
            status = table_fail(table, result, error);
    } else if (start) {
        status = bind_key_json(table, *ret_rows, PARAM_KEY, json_object_get(start, "after"), error);
        if (status == OPS_TARGET_ERROR)
            status = not_ours(table, "cursor", error);
    }
    json_decref(start);
    return status;
}

/* The rows and the data_version come from one read transaction, so that the version is the rows' own. */
static enum ops_status read_page(struct table *table, sqlite3_stmt *rows, size_t limit, struct ops_key_page *page,
                                 struct ops_error *error)
{
    enum ops_status status = run(table, STATEMENT_BEGIN, NULL, error);
    if (status == OPS_OK)
        status = run(table, STATEMENT_VERSION, &table->page_version, error);
    if (status == OPS_OK)
        status = read_rows(table, rows, limit, page, error);
    (void)sqlite3_reset(rows); /* repeats the failure of the step */
    if (status == OPS_OK)
        status = run(table, STATEMENT_COMMIT, NULL, error);
    roll_back(table);
    return status;
}

static enum ops_status table_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                  struct ops_key_page *ret_page, struct ops_error *error)
{
    (void)segment;
    struct table *table = (struct table *)self;
    sqlite3_stmt *rows = NULL;
    limit = limit < TABLE_PAGE_MAX ? limit : TABLE_PAGE_MAX;
    table->page_serial++;
    enum ops_status status = bind_start(table, cursor, &rows, error);
    if (status == OPS_OK && sqlite3_bind_int64(rows, PARAM_LAST, (sqlite3_int64)limit) != SQLITE_OK)
        status = OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = read_page(table, rows, limit, ret_page, error);
    if (status == OPS_OK) {
        set_views(ret_page);
        status = write_cursor(table, ret_page, error);
    }
    if (status == OPS_OK)
        status = write_receipt(table, cursor, ret_page, error);
    if (status != OPS_OK)
        ops_key_page_clear(ret_page);
    return status;
}

/* ---- Removal ---- */

static enum ops_status delete_range(struct table *table, sqlite3_int64 first, sqlite3_int64 last, size_t count,
                                    struct ops_error *error)
{
    sqlite3_stmt *statement = table->statements[STATEMENT_DELETE_RANGE];
    if (sqlite3_bind_int64(statement, PARAM_FIRST, first) != SQLITE_OK ||
        sqlite3_bind_int64(statement, PARAM_LAST, last) != SQLITE_OK)
        return OPS_NO_MEMORY;
    enum ops_status status = run(table, STATEMENT_DELETE_RANGE, NULL, error);
    if (status == OPS_OK && sqlite3_changes64(table->db) > (sqlite3_int64)count)
        return ops_fail(error, OPS_INTERNAL_ERROR, "Table file %s changed inside a transaction.", table->schema.file);
    return status;
}

static bool has_null(const struct table *table, struct ops_view id)
{
    size_t offset = sizeof(struct id_head);
    for (size_t i = 0; i < table->schema.key_count; i++)
        if (id_value(id, &offset).type == 'n')
            return true;
    return false;
}

/* By rowid and key; and where the rowid is not the record's any more (VACUUM, INSERT OR REPLACE), by the unique key alone.
 */
static enum ops_status delete_one(struct table *table, struct ops_view id, struct ops_error *error)
{
    sqlite3_stmt *by_row = table->statements[STATEMENT_DELETE_ROW], *by_key = table->statements[STATEMENT_DELETE_KEY];
    enum ops_status status = OPS_OK;
    if (table->schema.rowid) {
        if (sqlite3_bind_int64(by_row, PARAM_FIRST, id_head(id).rowid) != SQLITE_OK ||
            bind_id(table, by_row, id) != SQLITE_OK)
            return OPS_NO_MEMORY;
        status = run(table, STATEMENT_DELETE_ROW, NULL, error);
        if (status != OPS_OK || sqlite3_changes64(table->db) > 0 || has_null(table, id))
            return status;
    }
    if (bind_id(table, by_key, id) != SQLITE_OK)
        return OPS_NO_MEMORY;
    return run(table, STATEMENT_DELETE_KEY, NULL, error);
}

/* How many keys from keys[0] on were neighbours in the page. */
static size_t run_length(const struct ops_key *keys, size_t count)
{
    struct id_head first = id_head(keys[0].id);
    size_t length = 1;
    while (length < count) {
        struct id_head head = id_head(keys[length].id);
        if (head.page_serial != first.page_serial || head.position != first.position + length)
            break;
        length++;
    }
    return length;
}

static bool range_pays(const struct ops_key *keys, size_t length)
{
    uint64_t first = (uint64_t)id_head(keys[0].id).rowid, last = (uint64_t)id_head(keys[length - 1].id).rowid;
    return length > 1 && (last - first) / RANGE_SPARSE_MAX < length;
}

static enum ops_status delete_batch(struct table *table, const struct ops_key *keys, size_t count, struct ops_error *error)
{
    sqlite3_int64 version = 0;
    enum ops_status status = run(table, STATEMENT_VERSION, &version, error);
    bool unchanged = table->schema.rowid && version == table->page_version;
    for (size_t i = 0, length; i < count && status == OPS_OK; i += length) {
        struct id_head head = id_head(keys[i].id);
        length = unchanged && head.page_serial == table->page_serial ? run_length(keys + i, count - i) : 1;
        if (range_pays(keys + i, length)) {
            status = delete_range(table, head.rowid, id_head(keys[i + length - 1].id).rowid, length, error);
            continue;
        }
        for (size_t k = i; k < i + length && status == OPS_OK; k++)
            status = delete_one(table, keys[k].id, error);
    }
    return status;
}

/* A commit that was refused has changed nothing. One that broke may have reached the disk. */
static enum ops_status commit(struct table *table, struct ops_error *error)
{
    enum ops_status status = run(table, STATEMENT_COMMIT, NULL, error);
    bool still_open = !sqlite3_get_autocommit(table->db);
    roll_back(table);
    if (status == OPS_OK || status == OPS_THROTTLED || still_open)
        return status;
    return OPS_UNKNOWN;
}

static enum ops_status table_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                    enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct table *table = (struct table *)self;
    enum ops_status status = run(table, STATEMENT_BEGIN_IMMEDIATE, NULL, error);
    if (status == OPS_OK)
        status = delete_batch(table, keys, count, error);
    if (status == OPS_OK)
        status = commit(table, error);
    roll_back(table);
    for (size_t i = 0; i < count && status == OPS_OK; i++)
        ret_outcomes[i] = OPS_REMOVED;
    return status;
}

static enum ops_status bind_receipt(struct table *table, const json_t *receipt, sqlite3_stmt *statement,
                                    struct ops_error *error)
{
    if (!table->schema.rowid) {
        const json_t *after = json_object_get(receipt, "after");
        enum ops_status status = after ? bind_key_json(table, statement, PARAM_KEY, after, error) : OPS_OK;
        if (status == OPS_OK)
            status = bind_key_json(table, statement, PARAM_UPTO_KEY, json_object_get(receipt, "upto"), error);
        return status;
    }
    const json_t *first = json_object_get(receipt, "first"), *last = json_object_get(receipt, "last");
    if (!json_is_integer(first) || !json_is_integer(last))
        return OPS_TARGET_ERROR;
    if (sqlite3_bind_int64(statement, PARAM_FIRST, json_integer_value(first)) != SQLITE_OK ||
        sqlite3_bind_int64(statement, PARAM_LAST, json_integer_value(last)) != SQLITE_OK)
        return OPS_NO_MEMORY;
    return OPS_OK;
}

static enum ops_status table_recount(struct ops_target *self, uint32_t segment, const char *receipt_text,
                                     struct ops_recount *ret_there, struct ops_error *error)
{
    (void)segment;
    struct table *table = (struct table *)self;
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
    enum statement which = after ? STATEMENT_COUNT_AFTER : STATEMENT_COUNT;
    status = bind_receipt(table, receipt, table->statements[which], error);
    if (status == OPS_TARGET_ERROR)
        status = not_ours(table, "receipt", error);
    if (status == OPS_OK)
        status = run(table, which, &there, error);
    json_int_t most = ops_json_integer(receipt, "count", 0);
    if (status == OPS_OK)
        *ret_there = (struct ops_recount){(size_t)(there < most ? there : most), 0};
    json_decref(receipt);
    return status;
}

/* ---- Opening and closing ---- */

static void table_close(struct ops_target *self)
{
    struct table *table = (struct table *)self;
    for (enum statement which = 0; which < STATEMENTS; which++)
        (void)sqlite3_finalize(table->statements[which]); /* repeats an old failure */
    (void)sqlite3_close(table->db);                       /* nothing is left open that could make it busy */
    local_table_schema_release(&table->schema);
    ops_mem_free(table->value);
    ops_mem_free(table->value_end);
    ops_mem_free(table->path);
    ops_mem_free(table);
}

static const struct ops_target_ops table_ops = {
    .page = table_page,
    .remove = table_remove,
    .recount = table_recount,
    .close = table_close,
};

/* The first bytes after all that begin with value: its last byte that can grow grows, and what follows is cut. */
static enum ops_status make_value_end(struct table *table)
{
    size_t length = strlen(table->value);
    while (length > 0 && (unsigned char)table->value[length - 1] == 0xff)
        length--;
    if (length == 0)
        return OPS_OK;
    table->value_end = ops_mem_strndup(table->value, length);
    if (!table->value_end)
        return OPS_NO_MEMORY;
    table->value_end[length - 1] = (char)((unsigned char)table->value_end[length - 1] + 1);
    table->value_end_length = length;
    return OPS_OK;
}

static enum ops_status copy_scope(struct table *table, const struct ops_scope *scope, struct ops_error *error)
{
    table->by = scope->by;
    if (scope->by == OPS_SCOPE_ALL)
        return OPS_OK;
    table->value = ops_mem_strdup(scope->value);
    if (!table->value)
        return OPS_NO_MEMORY;
    if (scope->by == OPS_SCOPE_KEY_PREFIX)
        return make_value_end(table);
    if (scope->by == OPS_SCOPE_KEY)
        return OPS_OK;
    if (strchr(scope->attribute, '"'))
        return ops_fail(error, OPS_TARGET_ERROR, "The attribute name %s can't be looked up.", scope->attribute);
    struct ops_buf path;
    ops_buf_init(&path, SQL_MAX_BYTES);
    ops_buf_append_format(&path, "$.\"%s\"", scope->attribute);
    table->path = ops_buf_take(&path);
    return table->path ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status connect(struct table *table, struct ops_error *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int result = sqlite3_open_v2(table->schema.file, &table->db, flags, NULL);
    if (result != SQLITE_OK)
        return table_fail(table, result, error);
    (void)sqlite3_extended_result_codes(table->db, 1);      /* can't fail on an open connection */
    (void)sqlite3_busy_timeout(table->db, BUSY_TIMEOUT_MS); /* likewise */
    return local_sql_run(table->db, "PRAGMA cache_size = -8192; PRAGMA foreign_keys = OFF", table->schema.file, error);
}

/* Whether the scope is small enough to be found through an index at every page. A larger one is found in one walk along the
 * rowids, where it costs no sorting. */
static enum ops_status probe(struct table *table, struct ops_error *error)
{
    const struct local_table_schema *schema = &table->schema;
    bool prefix = table->by == OPS_SCOPE_KEY_PREFIX;
    if (!schema->scope_column || schema->scope_in_body || !schema->scope_has_index || !schema->rowid ||
        (prefix && (!table->value_end || !schema->scope_is_text)))
        return OPS_OK;
    struct ops_buf sql;
    sqlite3_stmt *statement = NULL;
    ops_buf_init(&sql, SQL_MAX_BYTES);
    ops_buf_append_format(&sql, "SELECT count(*) FROM (SELECT 1 FROM %s WHERE 1", schema->table);
    append_narrow(&sql, table);
    ops_buf_append_format(&sql, " LIMIT %d)", TABLE_PAGE_MAX + 1);
    enum ops_status status = prepare_scoped(table, &sql, &statement, error);
    int result = status == OPS_OK ? sqlite3_step(statement) : SQLITE_ROW;
    if (result != SQLITE_ROW)
        status = table_fail(table, result, error);
    else if (status == OPS_OK)
        table->narrow = sqlite3_column_int64(statement, 0) <= TABLE_PAGE_MAX;
    (void)sqlite3_finalize(statement); /* repeats the failure of the step */
    ops_buf_release(&sql);
    return status;
}

static enum ops_status table_start(struct table *table, const char *data_dir, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_error *error)
{
    enum ops_status status = local_table_file(data_dir, spec, &table->schema.file, error);
    if (status == OPS_OK)
        status = local_table_file_check(data_dir, table->schema.file, error);
    if (status == OPS_OK)
        status = copy_scope(table, scope, error);
    if (status == OPS_OK)
        status = connect(table, error);
    if (status == OPS_OK)
        status = local_table_schema_read(&table->schema, table->db, spec, scope, error);
    /* A trigger that somebody makes after the check is never run by us either. */
    if (status == OPS_OK)
        (void)sqlite3_db_config(table->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    if (status == OPS_OK)
        status = probe(table, error);
    if (status == OPS_OK)
        status = prepare_all(table, error);
    return status;
}

enum ops_status local_table_open(const char *data_dir, const struct ops_target_spec *spec, const struct ops_scope *scope,
                                 struct ops_target **ret_target, struct ops_error *error)
{
    struct table *table = ops_mem_zeroed(1, sizeof *table);
    if (!table)
        return OPS_NO_MEMORY;
    table->target = (struct ops_target){
        .ops = &table_ops, .segment_count = 1, .page_max = TABLE_PAGE_MAX, .batch_max = TABLE_PAGE_MAX};
    enum ops_status status = table_start(table, data_dir, spec, scope, error);
    if (status != OPS_OK) {
        table_close(&table->target);
        return status;
    }
    *ret_target = &table->target;
    return OPS_OK;
}
