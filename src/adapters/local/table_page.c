#include "adapters/local/table_parts.h"

static enum ops_status key_too_large(const struct local_table *table, struct ops_error *error)
{
    return ops_fail(error, OPS_LIMIT, "A key in table file %s is too large to handle.", table->schema.file);
}

/* The page goes on behind a record that can't be compared; where it ends there, the cursor needs its id. */
static enum ops_status tell_incomparable(struct local_table *table, sqlite3_stmt *row, int standing, struct ops_error *error)
{
    char reason[OPS_REMARK_REASON_SIZE];
    (void)local_id_append(table, row, 0, &table->last_id);
    if (ops_buf_status(&table->last_id) != OPS_OK)
        return ops_buf_status(&table->last_id) == OPS_LIMIT ? key_too_large(table, error) : OPS_NO_MEMORY;
    local_scope_reason(table, standing, reason);
    local_id_remark(table, table->scope.ignore_incomparable ? OPS_REMARK_IGNORED : OPS_REMARK_INCOMPARABLE,
                    ops_buf_view(&table->last_id), reason);
    return OPS_OK;
}

static enum ops_status add_key(struct local_table *table, sqlite3_stmt *row, struct ops_key_page *page)
{
    struct ops_key *key = ops_key_page_add(page);
    if (!key || !local_id_append_key(table, row, page, key))
        return key ? ops_buf_status(&page->storage) : OPS_NO_MEMORY;
    return OPS_OK;
}

static enum ops_status read_rows(struct local_table *table, sqlite3_stmt *rows, size_t limit, struct ops_key_page *page,
                                 struct ops_error *error)
{
    int result, standing_column = 1 + (int)(table->schema.key_count + table->schema.guard_count);
    size_t seen = 0;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        int standing = sqlite3_column_int(rows, standing_column);
        bool incomparable = standing >= LOCAL_INCOMPARABLE;
        if (!incomparable && !local_id_fits(table, rows, page))
            return seen > 0 ? OPS_OK : key_too_large(table, error);
        ops_buf_clear(&table->last_id);
        enum ops_status status = incomparable ? tell_incomparable(table, rows, standing, error) : add_key(table, rows, page);
        if (status != OPS_OK)
            return status;
        seen++;
    }
    if (result != SQLITE_DONE)
        return local_table_fail(table, result, error);
    page->last = seen < limit;
    return OPS_OK;
}

/* The rows and the data_version come from one read transaction, so that the version is the rows' own. */
static enum ops_status read_page(struct local_table *table, sqlite3_stmt *rows, size_t limit, struct ops_key_page *page,
                                 struct ops_error *error)
{
    enum ops_status status = local_table_run(table, LOCAL_TABLE_BEGIN, NULL, error);
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_VERSION, &table->page_version, error);
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_SCHEMA, &table->page_schema, error);
    if (status == OPS_OK)
        status = read_rows(table, rows, limit, page, error);
    (void)sqlite3_reset(rows); /* repeats the failure of the step */
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_COMMIT, NULL, error);
    local_table_roll_back(table);
    return status;
}

/* The same words for every record: what keeps one from being deleted keeps them all. */
static void tell_undeletable(const struct local_table *table, const struct ops_key_page *page)
{
    char trouble[LOCAL_TROUBLE_SIZE];
    if (page->count == 0 || !local_table_trouble(table, trouble))
        return;
    for (size_t i = 0; i < page->count; i++)
        local_id_remark(table, OPS_REMARK_UNDELETABLE, page->keys[i].id, trouble);
}

enum ops_status local_table_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                 struct ops_key_page *ret_page, struct ops_error *error)
{
    (void)segment;
    struct local_table *table = (struct local_table *)self;
    sqlite3_stmt *rows = NULL;
    limit = limit < LOCAL_TABLE_PAGE_MAX ? limit : LOCAL_TABLE_PAGE_MAX;
    table->page_serial++;
    ops_buf_clear(&table->last_id);
    enum ops_status status = local_cursor_bind(table, cursor, &rows, error);
    if (status == OPS_OK && sqlite3_bind_int64(rows, LOCAL_PARAM_LAST, (sqlite3_int64)limit) != SQLITE_OK)
        status = OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = read_page(table, rows, limit, ret_page, error);
    if (status == OPS_OK) {
        local_id_set_views(ret_page);
        status = local_cursor_write(table, ret_page, error);
    }
    if (status == OPS_OK)
        status = local_receipt_write(table, cursor, ret_page, error);
    if (status == OPS_OK && ret_page->last)
        status = local_index_settle(table, error);
    if (status == OPS_OK)
        tell_undeletable(table, ret_page);
    if (status != OPS_OK)
        ops_key_page_clear(ret_page);
    return status;
}
