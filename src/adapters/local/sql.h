/* What the table target asks of SQLite beyond its own interface: statements that keep their text, and SQLite's result codes
 * as our statuses.
 */
#ifndef OPS_ADAPTERS_LOCAL_SQL_H
#define OPS_ADAPTERS_LOCAL_SQL_H

#include "base/buf.h"
#include "base/error.h"

#include <sqlite3.h>

/* The status for the failure that db reports, with one sentence that names file and reason. A lock that could not be had is
 * OPS_THROTTLED, a full disk or an I/O error OPS_STORE_UNAVAILABLE, anything else about the file OPS_TARGET_ERROR. */
enum ops_status local_sql_fail(sqlite3 *db, int result, const char *file, struct ops_error *error);

/* Appends name as a quoted SQL identifier. */
void local_sql_append_identifier(struct ops_buf *sql, const char *name);

/* Prepares the text in sql, which may have failed. */
enum ops_status local_sql_prepare(sqlite3 *db, const struct ops_buf *sql, const char *file, sqlite3_stmt **ret_statement,
                                  struct ops_error *error) OPS_MUST_USE;

/* Bind bytes that stay where they are until the statement has run; empty ones are no NULL. An SQLite result code. */
int local_sql_bind_text(sqlite3_stmt *statement, int param, struct ops_view text);
int local_sql_bind_blob(sqlite3_stmt *statement, int param, struct ops_view bytes);

/* Runs text, which gives no rows that matter. */
enum ops_status local_sql_run(sqlite3 *db, const char *text, const char *file, struct ops_error *error) OPS_MUST_USE;

/* Ask a question with up to two texts bound; NULL: none. The first column of the first row: as a text that is the caller's,
 * or NULL when there is no row; as an integer, or 0. */
enum ops_status local_ask_text(sqlite3 *db, const char *file, const char *sql, const char *first, const char *second,
                               char **ret_text, struct ops_error *error) OPS_MUST_USE;
enum ops_status local_ask_integer(sqlite3 *db, const char *file, const char *sql, const char *first, const char *second,
                                  sqlite3_int64 *ret_value, struct ops_error *error) OPS_MUST_USE;

#endif
