/* What else is in a table's file. */
#include "adapters/local/table_beside.h"

#include "adapters/local/beside.h"
#include "adapters/local/identity.h"
#include "adapters/local/limits.h"
#include "adapters/local/table_schema.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 4096, BUSY_TIMEOUT_MS = 2000 };

struct beside {
    const char *shown_file; /* as the manifest writes it */
    struct stat info;
    ops_on_resource_fn on_resource;
    void *context;
};

static void write_note(const struct beside *beside, const struct local_virtual *table, struct ops_buf *note)
{
    if (!table->module)
        ops_buf_append_format(note, "a table of %s", beside->shown_file);
    else if (table->full_text == LOCAL_NO_FULL_TEXT)
        ops_buf_append_format(note, "a virtual table (%s) of %s", table->module, beside->shown_file);
    else if (!table->content)
        ops_buf_append_format(note, "a full-text table of %s", beside->shown_file);
    else if (!table->content[0])
        ops_buf_append_format(note, "a full-text table without content of %s", beside->shown_file);
    else
        ops_buf_append_format(note, "a full-text index of %s in %s", table->content, beside->shown_file);
}

static enum ops_status tell_table(const struct beside *beside, const char *table, const struct local_virtual *virtual)
{
    struct ops_buf name, note, lower;
    char identity[OPS_IDENTITY_SIZE];
    ops_buf_init(&name, NAME_MAX_BYTES);
    ops_buf_init(&note, NAME_MAX_BYTES);
    ops_buf_init(&lower, NAME_MAX_BYTES);
    ops_buf_append_format(&name, "%s: %s", beside->shown_file, table);
    write_note(beside, virtual, &note);
    for (const char *c = table; *c; c++)
        ops_buf_append_char(&lower, *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
    enum ops_status status = ops_buf_status(&name);
    if (status == OPS_OK)
        status = ops_buf_status(&note);
    if (status == OPS_OK)
        status = ops_buf_status(&lower);
    if (status == OPS_OK)
        status = local_identity_text(&beside->info, ops_buf_text(&lower), identity);
    const struct ops_resource resource = {
        .kind = OPS_TABLE, .name = ops_buf_text(&name), .guarded = table, .identity = identity, .note = ops_buf_text(&note)};
    if (status == OPS_OK)
        status = beside->on_resource(beside->context, &resource);
    ops_buf_release(&lower);
    ops_buf_release(&note);
    ops_buf_release(&name);
    return status;
}

static enum ops_status tell_row(const struct beside *beside, const char *table, const char *sql)
{
    struct local_virtual virtual = {.module = NULL};
    enum ops_status status = sql ? local_virtual_read(sql, &virtual) : OPS_OK;
    if (status == OPS_OK || status == OPS_INVALID_FIELD)
        status = tell_table(beside, table, &virtual);
    local_virtual_release(&virtual);
    return status;
}

/* The parts of a virtual table are "shadow" tables; those of one whose module is not known here are ordinary tables. */
static enum ops_status tell_all(const struct beside *beside, sqlite3 *db, const char *file, struct ops_error *error)
{
    static const char sql[] =
        "SELECT l.name, CASE l.type WHEN 'virtual' THEN s.sql END FROM pragma_table_list AS l"
        " JOIN main.sqlite_schema AS s ON s.name = l.name AND s.type = 'table'"
        " WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " ORDER BY l.name";
    sqlite3_stmt *rows = NULL;
    enum ops_status status = OPS_OK;
    int result = sqlite3_prepare_v2(db, sql, -1, &rows, NULL);
    while (result == SQLITE_OK && status == OPS_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);
        status = name ? tell_row(beside, name, (const char *)sqlite3_column_text(rows, 1)) : OPS_NO_MEMORY;
        result = SQLITE_OK;
    }
    if (status == OPS_OK && result != SQLITE_DONE)
        status = local_sql_fail(db, result, file, error);
    (void)sqlite3_finalize(rows); /* its failure was told by the step */
    return status;
}

/* Opened for reading only, SQLite would leave the files of a write-ahead log behind that it had to make. */
static enum ops_status look_into(struct beside *beside, const char *file, struct ops_error *error)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int result = stat(file, &beside->info) == 0 ? sqlite3_open_v2(file, &db, flags, NULL) : SQLITE_CANTOPEN;
    enum ops_status status;
    char trouble[OPS_ERROR_TEXT_SIZE / 2];
    if (result == SQLITE_OK)
        local_limits_set(db);
    if (result == SQLITE_OK && !local_beside_prepare(db, file, trouble, sizeof trouble)) {
        status = ops_fail(error, OPS_TARGET_ERROR, "The table file %s can't be looked into: %s.", file, trouble);
    } else if (result == SQLITE_OK) {
        (void)sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS); /* can't fail on an open connection */
        status = tell_all(beside, db, file, error);
    } else {
        status = local_sql_fail(db, result, file, error);
    }
    (void)sqlite3_close(db); /* nothing is left open that could make it busy */
    return status;
}

enum ops_status local_table_list_beside(const char *data_dir, const struct ops_target_spec *spec,
                                        ops_on_resource_fn on_resource, void *context, struct ops_error *error)
{
    char *file = NULL, shown[OPS_RESOURCE_NAME_MAX + sizeof "stack/tables/.sqlite"];
    struct local_file_id id;
    struct ops_error why = OPS_ERROR_INIT;
    (void)snprintf(shown, sizeof shown, "stack/tables/%.*s.sqlite", OPS_RESOURCE_NAME_MAX, spec->name);
    struct beside beside = {
        .shown_file = ops_json_text(spec->location, "file", shown), .on_resource = on_resource, .context = context};
    enum ops_status status = local_table_file(data_dir, spec, &file, &why);
    if (status == OPS_OK)
        status = local_table_file_check(data_dir, file, &id, &why);
    if (status == OPS_OK)
        status = look_into(&beside, file, error);
    else if (status != OPS_TARGET_MISSING)
        status = ops_fail(error, status, "%s", ops_error_text(&why, status));
    ops_error_release(&why);
    ops_mem_free(file);
    return status == OPS_TARGET_MISSING ? OPS_OK : status;
}
