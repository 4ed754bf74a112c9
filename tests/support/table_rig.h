/* A data directory with one SQLite file, an application's connection to it, and the local engine's view of its tables: for
 * tests of the table target. One at a time. Whatever goes wrong ends the test.
 */
#ifndef OPS_TESTS_TABLE_RIG_H
#define OPS_TESTS_TABLE_RIG_H

#include "ports/catalogue.h"
#include "support/scratch.h"

#include <sqlite3.h>

struct table_rig {
    char data[SCRATCH_SIZE];
    sqlite3 *db; /* the application's, to <data>/app.db */
    struct ops_catalogue *catalogue;
    struct ops_key_page page; /* what table_page read last */
    struct ops_remarks remarks;
    struct ops_error error;
};

extern struct table_rig table;

/* For cmocka; state is not used. */
int table_set_up(void **state);
int table_tear_down(void **state);

#define TABLE_PATH(name) scratch_path(table.data, name)

void table_sql(const char *format, ...) OPS_PRINTF(1, 2);
sqlite3_int64 table_number(const char *format, ...) OPS_PRINTF(1, 2);

/* The "sqlite" object of table name of app.db; key is JSON ("[\"id\"]") or NULL for none; more is further members, with a
 * comma before each, or "". The caller's to release. */
json_t *table_location(const char *name, const char *key, const char *more);

/* takes location. */
enum ops_status table_try_open(json_t *location, const struct ops_scope *scope, struct ops_target **ret_target);
struct ops_target *table_open(json_t *location, const struct ops_scope *scope);
void table_refused(json_t *location, const struct ops_scope *scope, const char *reason);

/* The page from cursor on, "" being the start; remarks are cleared before. */
size_t table_page(struct ops_target *target, const char *cursor, size_t limit);

/* Removes what table_page read; all of it must go. */
void table_remove(struct ops_target *target);

/* The records of all pages, and what was said of others, which stays in table.remarks. */
size_t table_walk(struct ops_target *target, size_t limit, void (*on_page)(struct ops_target *target));

extern const struct ops_scope table_all;
struct ops_scope table_by(const char *attribute, const char *value);

#endif
