#include "support/table_rig.h"

#include "adapters/local/catalogue.h"
#include "support/cmocka_all.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 1000 };

struct table_rig table;

const struct ops_scope table_all = {.by = OPS_SCOPE_ALL};

struct ops_scope table_by(const char *attribute, const char *value)
{
    return (struct ops_scope){.by = OPS_SCOPE_ATTRIBUTE, .attribute = attribute, .value = value};
}

int table_set_up(void **state)
{
    (void)state;
    table = (struct table_rig){.db = NULL};
    ops_error_init(&table.error);
    scratch_make(table.data);
    assert_int_equal(sqlite3_open(TABLE_PATH("app.db"), &table.db), SQLITE_OK);
    table_sql("PRAGMA synchronous = OFF");
    assert_int_equal(ops_local_catalogue_new(table.data, &table.catalogue, NULL), OPS_OK);
    ops_key_page_init(&table.page, 1 << 20);
    return 0;
}

int table_tear_down(void **state)
{
    (void)state;
    ops_key_page_release(&table.page);
    ops_error_release(&table.error);
    ops_catalogue_release(table.catalogue);
    assert_int_equal(sqlite3_close(table.db), SQLITE_OK);
    scratch_remove(table.data);
    return 0;
}

void table_sql(const char *format, ...)
{
    va_list arguments;
    char *reason = NULL;
    va_start(arguments, format);
    char *text = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    if (sqlite3_exec(table.db, text, NULL, NULL, &reason) != SQLITE_OK)
        fail_msg("%s: %s", text, reason);
    sqlite3_free(text);
}

sqlite3_int64 table_number(const char *format, ...)
{
    va_list arguments;
    sqlite3_stmt *statement = NULL;
    va_start(arguments, format);
    char *text = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    if (sqlite3_prepare_v2(table.db, text, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", text, sqlite3_errmsg(table.db));
    sqlite3_int64 number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_free(text);
    return number;
}

json_t *table_location(const char *name, const char *key, const char *more)
{
    char *text = sqlite3_mprintf("{\"file\": \"app.db\", \"table\": \"%s\"%s%s%s}", name, key ? ", \"key\": " : "",
                                 key ? key : "", more);
    json_t *location = json_loads(text, 0, NULL);
    if (!location)
        fail_msg("not JSON: %s", text);
    sqlite3_free(text);
    return location;
}

enum ops_status table_try_open(json_t *location, const struct ops_scope *scope, struct ops_target **ret_target)
{
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "things", .location = location};
    *ret_target = NULL;
    enum ops_status status = ops_catalogue_open(table.catalogue, &spec, scope, ret_target, &table.error);
    json_decref(location);
    if (status == OPS_OK)
        (*ret_target)->remarks = &table.remarks;
    return status;
}

struct ops_target *table_open(json_t *location, const struct ops_scope *scope)
{
    struct ops_target *target;
    enum ops_status status = table_try_open(location, scope, &target);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&table.error, status));
    return target;
}

void table_refused(json_t *location, const struct ops_scope *scope, const char *reason)
{
    struct ops_target *target;
    enum ops_status status = table_try_open(location, scope, &target);
    if (status != OPS_TARGET_ERROR || !strstr(table.error.text, reason))
        fail_msg("%s, and '%s' does not say '%s'", ops_status_tag(status), table.error.text, reason);
}

static size_t read_page(struct ops_target *target, const char *cursor, size_t limit)
{
    enum ops_status status = ops_target_page(target, 0, cursor, limit, &table.page, &table.error);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&table.error, status));
    return table.page.count;
}

size_t table_page(struct ops_target *target, const char *cursor, size_t limit)
{
    ops_remarks_clear(&table.remarks);
    return read_page(target, cursor, limit);
}

void table_remove(struct ops_target *target)
{
    enum ops_removal outcomes[BATCH_MAX];
    assert_true(table.page.count <= BATCH_MAX);
    enum ops_status status = ops_target_remove(target, table.page.keys, table.page.count, outcomes, &table.error);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&table.error, status));
    for (size_t i = 0; i < table.page.count; i++)
        assert_int_equal(outcomes[i], OPS_REMOVED);
}

size_t table_walk(struct ops_target *target, size_t limit, void (*on_page)(struct ops_target *target))
{
    char cursor[OPS_CURSOR_MAX_BYTES] = "";
    size_t total = 0;
    ops_remarks_clear(&table.remarks);
    do {
        total += read_page(target, cursor, limit);
        (void)snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&table.page.cursor));
        if (on_page && table.page.count > 0)
            on_page(target);
    } while (!table.page.last);
    return total;
}
