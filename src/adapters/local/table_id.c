#include "adapters/local/table_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    VALUE_HEAD_BYTES = 1 + sizeof(uint32_t),
    VALUE_SHOWN_MAX = 512, /* bytes of a key column in a remark's name, which is cut further */
};

static struct local_value column_value(sqlite3_stmt *row, int column, char text[static 32])
{
    static const char types[] = {
        [SQLITE_INTEGER] = 'i', [SQLITE_FLOAT] = 'r', [SQLITE_TEXT] = 't', [SQLITE_BLOB] = 'b', [SQLITE_NULL] = 'n'};
    struct local_value value = {.type = types[sqlite3_column_type(row, column)]};
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

int local_value_bind(sqlite3_stmt *statement, int param, struct local_value value)
{
    char number[32];
    snprintf(number, sizeof number, "%.*s", (int)(value.bytes.length < 31 ? value.bytes.length : 31), value.bytes.data);
    switch (value.type) {
    case 'i':
        return sqlite3_bind_int64(statement, param, strtoll(number, NULL, 10));
    case 'r':
        return sqlite3_bind_double(statement, param, strtod(number, NULL));
    case 't':
        return local_sql_bind_text(statement, param, value.bytes);
    case 'b':
        return local_sql_bind_blob(statement, param, value.bytes);
    default:
        return sqlite3_bind_null(statement, param);
    }
}

struct local_value local_id_value(struct ops_view id, size_t *offset)
{
    uint32_t length;
    const char *at = id.data + *offset;
    memcpy(&length, at + 1, sizeof length);
    *offset += VALUE_HEAD_BYTES + length;
    return (struct local_value){at[0], ops_view(at + VALUE_HEAD_BYTES, length)};
}

int local_id_bind(const struct local_table *table, sqlite3_stmt *statement, struct ops_view id)
{
    size_t offset = sizeof(struct local_id_head);
    int result = SQLITE_OK;
    for (size_t i = 0; i < table->schema.key_count && result == SQLITE_OK; i++)
        result = local_value_bind(statement, LOCAL_PARAM_KEY + (int)i, local_id_value(id, &offset));
    return result;
}

size_t local_id_append(const struct local_table *table, sqlite3_stmt *row, uint32_t position, struct ops_buf *ids)
{
    struct local_id_head head = {sqlite3_column_int64(row, 0), table->page_serial, position};
    size_t guarded_length = 0;
    ops_buf_append(ids, &head, sizeof head);
    for (size_t i = 0; i < table->schema.key_count + table->schema.guard_count; i++) {
        char text[32];
        struct local_value value = column_value(row, 1 + (int)i, text);
        uint32_t length = (uint32_t)value.bytes.length;
        if (i == 0)
            guarded_length = length;
        ops_buf_append_char(ids, value.type);
        ops_buf_append(ids, &length, sizeof length);
        ops_buf_append_view(ids, value.bytes);
    }
    return guarded_length;
}

/* NULL, numbers, texts, BLOBs, as SQLite orders them. */
static int rank_of(char type)
{
    return type == 'n' ? 0 : type == 'i' || type == 'r' ? 1 : type == 't' ? 2 : 3;
}

static int compare_numbers(struct local_value a, struct local_value b)
{
    char texts[2][32];
    (void)snprintf(texts[0], sizeof texts[0], "%.*s", (int)a.bytes.length, a.bytes.data);
    (void)snprintf(texts[1], sizeof texts[1], "%.*s", (int)b.bytes.length, b.bytes.data);
    if (a.type == 'i' && b.type == 'i') {
        long long left = strtoll(texts[0], NULL, 10), right = strtoll(texts[1], NULL, 10);
        return (left > right) - (left < right);
    }
    double left = strtod(texts[0], NULL), right = strtod(texts[1], NULL);
    return (left > right) - (left < right);
}

static int compare_values(struct local_value a, struct local_value b)
{
    int ranks = rank_of(a.type) - rank_of(b.type);
    if (ranks != 0 || a.type == 'n')
        return ranks;
    if (rank_of(a.type) == rank_of('i'))
        return compare_numbers(a, b);
    size_t shorter = a.bytes.length < b.bytes.length ? a.bytes.length : b.bytes.length;
    int bytes = shorter ? memcmp(a.bytes.data, b.bytes.data, shorter) : 0;
    return bytes ? bytes : (a.bytes.length > b.bytes.length) - (a.bytes.length < b.bytes.length);
}

bool local_id_may_precede(const struct local_table *table, struct ops_view id, struct ops_view next)
{
    size_t offset = sizeof(struct local_id_head), next_offset = offset;
    if (table->schema.rowid)
        return local_id_head(id).rowid < local_id_head(next).rowid;
    for (size_t i = 0; i < table->schema.key_count; i++) {
        int order = compare_values(local_id_value(id, &offset), local_id_value(next, &next_offset));
        if (order != 0)
            return order < 0;
    }
    return true;
}

bool local_id_append_key(const struct local_table *table, sqlite3_stmt *row, struct ops_key_page *page, struct ops_key *key)
{
    size_t start = page->storage.length;
    key->guarded.length = local_id_append(table, row, (uint32_t)(page->count - 1), &page->storage);
    key->id.length = page->storage.length - start;
    if (table->schema.guards_all)
        key->more.length = key->id.length - sizeof(struct local_id_head) - VALUE_HEAD_BYTES - key->guarded.length;
    return ops_buf_status(&page->storage) == OPS_OK;
}

bool local_id_fits(const struct local_table *table, sqlite3_stmt *row, const struct ops_key_page *page)
{
    size_t needed = sizeof(struct local_id_head);
    for (size_t i = 0; i < table->schema.key_count + table->schema.guard_count; i++)
        needed += VALUE_HEAD_BYTES + 32 + (size_t)sqlite3_column_bytes(row, 1 + (int)i);
    return needed <= page->storage.limit_bytes - page->storage.length;
}

void local_id_set_views(struct ops_key_page *page)
{
    const char *at = page->storage.data;
    for (size_t i = 0; i < page->count; i++) {
        struct ops_key *key = &page->keys[i];
        key->id.data = at;
        key->guarded.data = at + sizeof(struct local_id_head) + VALUE_HEAD_BYTES;
        key->more.data = key->guarded.data + key->guarded.length;
        at += key->id.length;
    }
}

static void append_shown(struct ops_buf *name, struct local_value value)
{
    size_t length = value.bytes.length < VALUE_SHOWN_MAX ? value.bytes.length : VALUE_SHOWN_MAX;
    if (value.type == 'n') {
        ops_buf_append_text(name, "NULL");
    } else if (value.type == 'b') {
        ops_buf_append_text(name, "x'");
        for (size_t i = 0; i < length && i < VALUE_SHOWN_MAX / 2; i++)
            ops_buf_append_format(name, "%02x", (unsigned char)value.bytes.data[i]);
        ops_buf_append_char(name, '\'');
    } else {
        ops_buf_append(name, value.bytes.data, length);
    }
}

void local_id_remark(const struct local_table *table, enum ops_remark_kind kind, struct ops_view id, const char *reason)
{
    struct ops_remarks *remarks = table->target.remarks;
    struct ops_buf name;
    size_t offset = sizeof(struct local_id_head);
    ops_buf_init(&name, LOCAL_KEY_COLUMNS_MAX * (VALUE_SHOWN_MAX + 8));
    if (remarks && remarks->count < OPS_REMARKS_MAX)
        for (size_t i = 0; i < table->schema.key_count; i++) {
            ops_buf_append_text(&name, i ? ", " : "");
            append_shown(&name, local_id_value(id, &offset));
        }
    ops_remarks_add(remarks, kind, ops_buf_view(&name), reason); /* without memory for its name it is counted all the same */
    ops_buf_release(&name);
}
