#include "adapters/local/table.h"

#include "adapters/local/table_parts.h"
#include "base/mem.h"

enum { BUSY_TIMEOUT_MS = 2000 };

enum ops_status local_table_fail(struct local_table *table, int result, struct ops_error *error)
{
    return local_sql_fail(table->db, result, table->schema.file, error);
}

static void table_close(struct ops_target *self)
{
    struct local_table *table = (struct local_table *)self;
    for (enum local_table_statement which = 0; which < LOCAL_TABLE_STATEMENTS; which++)
        (void)sqlite3_finalize(table->statements[which]); /* repeats an old failure */
    for (size_t i = 0; i < table->schema.index_count; i++) {
        (void)sqlite3_finalize(table->schema.indexes[i].check); /* likewise */
        (void)sqlite3_finalize(table->schema.indexes[i].rebuild);
    }
    (void)sqlite3_close(table->db); /* nothing is left open that could make it busy */
    local_table_schema_release(&table->schema);
    local_scope_release(&table->scope);
    ops_buf_release(&table->last_id);
    ops_mem_free(table);
}

static const struct ops_target_ops table_ops = {
    .page = local_table_page,
    .remove = local_table_remove,
    .recount = local_table_recount,
    .close = table_close,
};

static enum ops_status connect(struct local_table *table, struct ops_error *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int result = sqlite3_open_v2(table->schema.file, &table->db, flags, NULL);
    if (result != SQLITE_OK)
        return local_table_fail(table, result, error);
    (void)sqlite3_extended_result_codes(table->db, 1);      /* can't fail on an open connection */
    (void)sqlite3_busy_timeout(table->db, BUSY_TIMEOUT_MS); /* likewise */
    result = local_scope_register(table);
    if (result != SQLITE_OK)
        return local_table_fail(table, result, error);
    return local_sql_run(table->db, "PRAGMA cache_size = -8192; PRAGMA foreign_keys = OFF", table->schema.file, error);
}

static enum ops_status table_start(struct local_table *table, const char *data_dir, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_error *error)
{
    enum ops_status status = local_table_file(data_dir, spec, &table->schema.file, error);
    if (status == OPS_OK)
        status = local_table_file_check(data_dir, table->schema.file, error);
    if (status == OPS_OK)
        status = local_scope_copy(&table->scope, scope);
    if (status == OPS_OK)
        status = connect(table, error);
    if (status == OPS_OK)
        status = local_table_schema_read(&table->schema, table->db, spec, scope, error);
    /* A trigger that somebody makes after the check is never run by us either. */
    if (status == OPS_OK)
        (void)sqlite3_db_config(table->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    if (status == OPS_OK)
        status = local_table_prepare(table, error);
    return status;
}

enum ops_status local_table_open(const char *data_dir, const struct ops_target_spec *spec, const struct ops_scope *scope,
                                 struct ops_target **ret_target, struct ops_error *error)
{
    struct local_table *table = ops_mem_zeroed(1, sizeof *table);
    if (!table)
        return OPS_NO_MEMORY;
    table->target = (struct ops_target){
        .ops = &table_ops, .segment_count = 1, .page_max = LOCAL_TABLE_PAGE_MAX, .batch_max = LOCAL_TABLE_PAGE_MAX};
    ops_buf_init(&table->last_id, LOCAL_TABLE_ID_MAX_BYTES);
    enum ops_status status = table_start(table, data_dir, spec, scope, error);
    if (status != OPS_OK) {
        table_close(&table->target);
        return status;
    }
    *ret_target = &table->target;
    return OPS_OK;
}
