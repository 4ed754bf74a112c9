#include "adapters/local/table.h"

#include "adapters/local/beside.h"
#include "adapters/local/limits.h"
#include "adapters/local/table_parts.h"
#include "base/mem.h"

enum { BUSY_TIMEOUT_MS = 2000 };

enum ops_status local_table_fail(struct local_table *table, int result, struct ops_error *error)
{
    const char *file = table->schema.file, *name = table->schema.name;
    switch (result & 0xff) {
    case SQLITE_INTERRUPT:
        return local_watch_fail(table, error);
    case SQLITE_TOOBIG:
        return ops_fail(error, OPS_LIMIT,
                        "In file %s, a record of table %s has or computes a value of more than %d bytes, which is the limit "
                        "for what a vacuum reads of it: its key, the tenant's name, what is indexed.",
                        file, name ? name : "", local_limits_value_max(table->db));
    default:
        return local_sql_fail(table->db, result, file, error);
    }
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
    (void)sqlite3_close(table->printf_db);
    local_table_schema_release(&table->schema);
    local_scope_release(&table->scope);
    ops_buf_release(&table->last_id);
    ops_buf_release(&table->order[0]);
    ops_buf_release(&table->order[1]);
    ops_mem_free(table);
}

static enum ops_status table_inspect(struct ops_target *self, struct ops_findings *ret_findings, struct ops_error *error)
{
    struct local_table *table = (struct local_table *)self;
    char trouble[LOCAL_TROUBLE_SIZE];
    enum ops_status status = local_table_sample(table, error);
    if (status == OPS_NO_MEMORY)
        return status;
    if (status == OPS_LIMIT || status == OPS_TARGET_ERROR)
        ops_findings_add(ret_findings, true, "%s", ops_error_text(error, status));
    if (local_table_trouble(table, trouble))
        ops_findings_add(ret_findings, true, "The table file %s can't be changed, so a vacuum would delete nothing: %s.",
                         table->schema.file, trouble);
    if (table->schema.scope_collation)
        ops_findings_add(
            ret_findings, false,
            "For the application, column %s of table %s compares by %s; a vacuum compares by bytes, so what differs in "
            "case or in spaces is another tenant's.",
            table->schema.scope_column, table->schema.name, table->schema.scope_collation);
    if (table->schema.contentless_count > 0)
        ops_findings_add(
            ret_findings, false,
            "Beside table %.60s, %zu full-text tables without content (%.60s first) keep words and not whose they "
            "are: if they are this table's, they stay, and can be found. Delete them, or rebuild that table, in the "
            "application.",
            table->schema.name, table->schema.contentless_count, table->schema.contentless);
    for (size_t i = 0; i < table->schema.index_count; i++)
        ops_findings_add(ret_findings, false,
                         "The full-text table %s will be made anew from all records that table %s then has.",
                         table->schema.indexes[i].name, table->schema.name);
    return OPS_OK;
}

static const struct ops_target_ops table_ops = {
    .page = local_table_page,
    .remove = local_table_remove,
    .recount = local_table_recount,
    .close = table_close,
    .inspect = table_inspect,
};

static enum ops_status connect(struct local_table *table, struct ops_error *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int result = sqlite3_open_v2(table->schema.file, &table->db, flags, NULL);
    if (result != SQLITE_OK)
        return local_table_fail(table, result, error);
    local_limits_set(table->db);
    local_watch_begin(table);
    char trouble[LOCAL_TROUBLE_SIZE];
    if (!local_beside_prepare(table->db, table->schema.file, trouble, sizeof trouble))
        return ops_fail(error, OPS_TARGET_ERROR, "The table file %s can't be used, not even be read: %s.",
                        table->schema.file, trouble);
    (void)sqlite3_extended_result_codes(table->db, 1);      /* can't fail on an open connection */
    (void)sqlite3_busy_timeout(table->db, BUSY_TIMEOUT_MS); /* likewise */
    result = local_scope_register(table);
    if (result != SQLITE_OK)
        return local_table_fail(table, result, error);
    return local_sql_run(table->db, "PRAGMA cache_size = -8192; PRAGMA foreign_keys = OFF", table->schema.file, error);
}

static enum ops_status read_journal_mode(struct local_table *table, struct ops_error *error)
{
    char *mode = NULL;
    enum ops_status status =
        local_ask_text(table->db, table->schema.file, "PRAGMA main.journal_mode", NULL, NULL, &mode, error);
    table->is_wal = mode && strcmp(mode, "wal") == 0;
    ops_mem_free(mode);
    return status;
}

static enum ops_status table_start(struct local_table *table, const char *data_dir, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_error *error)
{
    enum ops_status status = local_table_file(data_dir, spec, &table->schema.file, error);
    if (status == OPS_OK)
        status = local_table_file_check(data_dir, table->schema.file, &table->file_id, error);
    if (status == OPS_OK)
        status = local_scope_copy(&table->scope, scope);
    if (status == OPS_OK)
        status = connect(table, error);
    if (status == OPS_OK)
        status = local_table_file_recheck(table->db, table->schema.file, &table->file_id, error);
    if (status == OPS_OK)
        status = read_journal_mode(table, error);
    if (status == OPS_OK)
        status = local_table_schema_read(&table->schema, table->db, spec, scope, error);
    /* A trigger that somebody makes after the check is never run by us either. */
    if (status == OPS_OK)
        (void)sqlite3_db_config(table->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    if (status == OPS_OK)
        status = local_table_prepare(table, error);
    if (status == OPS_OK)
        status = local_costs_limit(table, error);
    return status;
}

/* A WAL database in a directory where nothing can be written can't even be read, and SQLite's words for it don't say why. */
static void explain_refusal(const struct local_table *table, struct ops_error *error)
{
    char trouble[LOCAL_TROUBLE_SIZE];
    int code = sqlite3_errcode(table->db) & 0xff;
    bool of_rights = code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM;
    if (of_rights && local_table_trouble(table, trouble))
        (void)ops_fail(error, OPS_TARGET_ERROR, "The table file %s can't be used, not even be read: %s.", table->schema.file,
                       trouble);
}

enum ops_status local_table_open(const struct local_table_home *home, const struct ops_target_spec *spec,
                                 const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    struct local_table *table = ops_mem_zeroed(1, sizeof *table);
    if (!table)
        return OPS_NO_MEMORY;
    table->target = (struct ops_target){
        .ops = &table_ops, .segment_count = 1, .page_max = LOCAL_TABLE_PAGE_MAX, .batch_max = LOCAL_TABLE_PAGE_MAX};
    table->watch = (struct local_watch){.ending = home->ending, .most_ms = LOCAL_STATEMENT_MAX_MS};
    ops_buf_init(&table->last_id, LOCAL_TABLE_ID_MAX_BYTES);
    ops_buf_init(&table->order[0], LOCAL_TABLE_ID_MAX_BYTES);
    ops_buf_init(&table->order[1], LOCAL_TABLE_ID_MAX_BYTES);
    enum ops_status status = table_start(table, home->data_dir, spec, scope, error);
    if (status != OPS_OK && table->watch.fired)
        status = local_watch_fail(table, error);
    if (status == OPS_TARGET_ERROR && table->db)
        explain_refusal(table, error);
    if (status != OPS_OK) {
        table_close(&table->target);
        return status;
    }
    *ret_target = &table->target;
    return OPS_OK;
}
