#include "adapters/local/table_parts.h"

static enum ops_status read_rows(struct local_table *table, sqlite3_stmt *rows, size_t limit, struct ops_key_page *page,
                                 struct ops_error *error)
{
    int result;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
        if (!local_id_fits(table, rows, page)) {
            if (page->count > 0)
                return OPS_OK;
            return ops_fail(error, OPS_LIMIT, "A key in table file %s is too large to handle.", table->schema.file);
        }
        struct ops_key *key = ops_key_page_add(page);
        if (!key || !local_id_append(table, rows, page, key))
            return key ? ops_buf_status(&page->storage) : OPS_NO_MEMORY;
    }
    if (result != SQLITE_DONE)
        return local_table_fail(table, result, error);
    page->last = page->count < limit;
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
        status = read_rows(table, rows, limit, page, error);
    (void)sqlite3_reset(rows); /* repeats the failure of the step */
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_COMMIT, NULL, error);
    local_table_roll_back(table);
    return status;
}

enum ops_status local_table_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                 struct ops_key_page *ret_page, struct ops_error *error)
{
    (void)segment;
    struct local_table *table = (struct local_table *)self;
    sqlite3_stmt *rows = NULL;
    limit = limit < LOCAL_TABLE_PAGE_MAX ? limit : LOCAL_TABLE_PAGE_MAX;
    table->page_serial++;
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
    if (status != OPS_OK)
        ops_key_page_clear(ret_page);
    return status;
}
