#include "adapters/local/table_parts.h"

#include <stdio.h>

enum { RANGE_SPARSE_MAX = 64 }; /* rowids per record beyond which a range delete reads more than it saves */

/* Outcomes for records of which so many were there. Which ones, nobody asks. */
static void set_outcomes(enum ops_removal *ret_outcomes, size_t count, sqlite3_int64 removed)
{
    for (size_t i = 0; i < count; i++)
        ret_outcomes[i] = (sqlite3_int64)i < removed ? OPS_REMOVED : OPS_ABSENT;
}

static enum ops_status delete_range(struct local_table *table, sqlite3_int64 first, sqlite3_int64 last, size_t count,
                                    enum ops_removal *ret_outcomes, struct ops_error *error)
{
    sqlite3_stmt *statement = table->statements[LOCAL_TABLE_DELETE_RANGE];
    if (sqlite3_bind_int64(statement, LOCAL_PARAM_FIRST, first) != SQLITE_OK ||
        sqlite3_bind_int64(statement, LOCAL_PARAM_LAST, last) != SQLITE_OK)
        return OPS_NO_MEMORY;
    enum ops_status status = local_table_run(table, LOCAL_TABLE_DELETE_RANGE, NULL, error);
    if (status == OPS_OK && sqlite3_changes64(table->db) > (sqlite3_int64)count)
        return ops_fail(error, OPS_INTERNAL_ERROR, "Table file %s changed inside a transaction.", table->schema.file);
    set_outcomes(ret_outcomes, count, sqlite3_changes64(table->db));
    return status;
}

static bool has_null(const struct local_table *table, struct ops_view id)
{
    size_t offset = sizeof(struct local_id_head);
    for (size_t i = 0; i < table->schema.key_count; i++)
        if (local_id_value(id, &offset).type == 'n')
            return true;
    return false;
}

/* By rowid and key; and where the rowid is not the record's any more (VACUUM, INSERT OR REPLACE), by the unique key alone.
 */
static enum ops_status delete_one(struct local_table *table, struct ops_view id, struct ops_error *error)
{
    sqlite3_stmt *by_row = table->statements[LOCAL_TABLE_DELETE_ROW], *by_key = table->statements[LOCAL_TABLE_DELETE_KEY];
    enum ops_status status = OPS_OK;
    if (table->schema.rowid) {
        if (sqlite3_bind_int64(by_row, LOCAL_PARAM_FIRST, local_id_head(id).rowid) != SQLITE_OK ||
            local_id_bind(table, by_row, id) != SQLITE_OK)
            return OPS_NO_MEMORY;
        status = local_table_run(table, LOCAL_TABLE_DELETE_ROW, NULL, error);
        if (status != OPS_OK || sqlite3_changes64(table->db) > 0 || has_null(table, id))
            return status;
    }
    if (local_id_bind(table, by_key, id) != SQLITE_OK)
        return OPS_NO_MEMORY;
    return local_table_run(table, LOCAL_TABLE_DELETE_KEY, NULL, error);
}

/* How many keys from keys[0] on were neighbours in the page. */
static size_t run_length(const struct ops_key *keys, size_t count)
{
    struct local_id_head first = local_id_head(keys[0].id);
    size_t length = 1;
    while (length < count) {
        struct local_id_head head = local_id_head(keys[length].id);
        if (head.page_serial != first.page_serial || head.position != first.position + length)
            break;
        length++;
    }
    return length;
}

static bool range_pays(const struct ops_key *keys, size_t length)
{
    uint64_t first = (uint64_t)local_id_head(keys[0].id).rowid, last = (uint64_t)local_id_head(keys[length - 1].id).rowid;
    return length > 1 && (last - first) / RANGE_SPARSE_MAX < length;
}

static enum ops_status delete_batch(struct local_table *table, const struct ops_key *keys, size_t count,
                                    enum ops_removal *ret_outcomes, struct ops_error *error)
{
    sqlite3_int64 version = 0;
    enum ops_status status = local_rowids_check(table, table->page_schema, error);
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_VERSION, &version, error);
    bool unchanged = table->schema.rowid && version == table->page_version;
    for (size_t i = 0, length; i < count && status == OPS_OK; i += length) {
        struct local_id_head head = local_id_head(keys[i].id);
        length = unchanged && head.page_serial == table->page_serial ? run_length(keys + i, count - i) : 1;
        if (range_pays(keys + i, length)) {
            status = delete_range(table, head.rowid, local_id_head(keys[i + length - 1].id).rowid, length, ret_outcomes + i,
                                  error);
            continue;
        }
        for (size_t k = i; k < i + length && status == OPS_OK; k++) {
            status = delete_one(table, keys[k].id, error);
            set_outcomes(ret_outcomes + k, 1, sqlite3_changes64(table->db));
        }
    }
    return status;
}

/* A commit that was refused has changed nothing. One that broke may have reached the disk. */
static enum ops_status commit(struct local_table *table, struct ops_error *error)
{
    table->watch.rests = true;
    enum ops_status status = local_table_run(table, LOCAL_TABLE_COMMIT, NULL, error);
    bool still_open = !sqlite3_get_autocommit(table->db);
    local_table_roll_back(table);
    if (status == OPS_OK || status == OPS_THROTTLED || still_open)
        return status;
    return OPS_UNKNOWN;
}

/* Another try would end alike: nothing of the batch is gone, and each record is told. */
static void refuse_batch(struct local_table *table, const struct ops_key *keys, size_t count, const char *reason,
                         enum ops_removal *ret_outcomes)
{
    for (size_t i = 0; i < count; i++) {
        ret_outcomes[i] = OPS_FAILED;
        local_id_remark(table, OPS_REMARK_REFUSED, keys[i].id, reason);
    }
}

/* Whether the connection's last failure is SQLite's own and will not pass. */
static bool sqlite_refuses(const struct local_table *table, enum ops_status status)
{
    int code = sqlite3_errcode(table->db) & 0xff;
    return status == OPS_TARGET_ERROR && !table->watch.fired && code != SQLITE_OK && code != SQLITE_ROW &&
           code != SQLITE_DONE;
}

static const char *refusal(const struct local_table *table)
{
    if (sqlite3_extended_errcode(table->db) == SQLITE_CORRUPT_INDEX)
        return "the file is damaged: an index lacks the record (REINDEX makes indexes anew)";
    return sqlite3_errmsg(table->db);
}

/* What takes too long at once is done in smaller parts: nothing of it is gone yet. */
static enum ops_status take_less(struct local_table *table, size_t count, enum ops_status status)
{
    enum { PARTS = 8 };
    if (!table->watch.fired || table->watch.hurried || count <= 1)
        return status;
    table->target.batch_max = (count + PARTS - 1) / PARTS;
    return OPS_THROTTLED;
}

enum ops_status local_table_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                   enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct local_table *table = (struct local_table *)self;
    char reason[LOCAL_TROUBLE_SIZE];
    local_watch_begin(table);
    enum ops_status status = local_table_begin_write(table, reason, error);
    table->has_removed = true;
    if (status == OPS_OK)
        status = delete_batch(table, keys, count, ret_outcomes, error);
    status = take_less(table, count, status);
    if (status == OPS_OK)
        status = commit(table, error);
    if (!reason[0] && sqlite_refuses(table, status))
        (void)snprintf(reason, sizeof reason, "%s", refusal(table));
    local_table_roll_back(table);
    if (reason[0])
        refuse_batch(table, keys, count, reason, ret_outcomes);
    return reason[0] ? OPS_OK : status;
}
