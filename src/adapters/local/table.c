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
    (void)sqlite3_close(table->db);                       /* nothing is left open that could make it busy */
    local_table_schema_release(&table->schema);
    ops_mem_free(table->value);
    ops_mem_free(table->value_end);
    ops_mem_free(table->path);
    ops_mem_free(table);
}

static const struct ops_target_ops table_ops = {
    .page = local_table_page,
    .remove = local_table_remove,
    .recount = local_table_recount,
    .close = table_close,
};

/* The first bytes after all that begin with value: its last byte that can grow grows, and what follows is cut. */
static enum ops_status make_value_end(struct local_table *table)
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

static enum ops_status copy_scope(struct local_table *table, const struct ops_scope *scope, struct ops_error *error)
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
    ops_buf_init(&path, LOCAL_TABLE_SQL_MAX_BYTES);
    ops_buf_append_format(&path, "$.\"%s\"", scope->attribute);
    table->path = ops_buf_take(&path);
    return table->path ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status connect(struct local_table *table, struct ops_error *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int result = sqlite3_open_v2(table->schema.file, &table->db, flags, NULL);
    if (result != SQLITE_OK)
        return local_table_fail(table, result, error);
    (void)sqlite3_extended_result_codes(table->db, 1);      /* can't fail on an open connection */
    (void)sqlite3_busy_timeout(table->db, BUSY_TIMEOUT_MS); /* likewise */
    return local_sql_run(table->db, "PRAGMA cache_size = -8192; PRAGMA foreign_keys = OFF", table->schema.file, error);
}

static enum ops_status table_start(struct local_table *table, const char *data_dir, const struct ops_target_spec *spec,
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
    enum ops_status status = table_start(table, data_dir, spec, scope, error);
    if (status != OPS_OK) {
        table_close(&table->target);
        return status;
    }
    *ret_target = &table->target;
    return OPS_OK;
}
