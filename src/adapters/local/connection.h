/* One SQLite connection to a record store's file: opening, proving that the file is ours, and the words for a failure.
 * Private to this folder.
 */
#ifndef OPS_ADAPTERS_LOCAL_CONNECTION_H
#define OPS_ADAPTERS_LOCAL_CONNECTION_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>

enum local_statement {
    LOCAL_BEGIN,
    LOCAL_COMMIT,
    LOCAL_ROLLBACK,
    LOCAL_GET,
    LOCAL_PUT,
    LOCAL_DELETE,
    LOCAL_QUERY_UP, /* the next four are indexed: + 1 for "after a key", + 2 for descending */
    LOCAL_QUERY_UP_AFTER,
    LOCAL_QUERY_DOWN,
    LOCAL_QUERY_DOWN_AFTER,
    LOCAL_STATEMENT_COUNT
};

/* Used by one thread at a time. A zeroed one is closed. */
struct local_connection {
    sqlite3 *db;
    const char *path; /* borrowed */
    sqlite3_stmt *statements[LOCAL_STATEMENT_COUNT];
    struct local_connection *next; /* the pool's */
};

/* Writes what is there already: the database is as before, and its log longer by a page. SQLITE_DONE, or why it can't be. */
int local_write_nothing(struct local_connection *connection);

/* The clause of local_fail's sentence that names no file. */
const char *local_failure_words(int code);

/* Makes an empty file that only its owner can read, whatever the umask, if there is none at path. OPS_STORE_UNAVAILABLE
 * names the file and the reason; an existing directory, link or other oddity is one. */
enum ops_status local_file_ensure(const char *path, struct ops_error *error) OPS_MUST_USE;

/* Opens the file, which must exist. writer: also turns an empty file into a record store. On failure it is closed. */
enum ops_status local_connection_open(struct local_connection *connection, const char *path, bool writer,
                                      struct ops_error *error) OPS_MUST_USE;
void local_connection_close(struct local_connection *connection); /* also a closed one */

/* The prepared statement, reset and without bindings; NULL on failure, which local_fail can tell about. */
sqlite3_stmt *local_statement(struct local_connection *connection, enum local_statement which);

/* Runs a statement that gives no rows; an SQLite result code, SQLITE_DONE when it went well. */
int local_run(struct local_connection *connection, enum local_statement which);

/* The status for the connection's last failure, code being its SQLite result code, with a sentence for the file and reason.
 */
enum ops_status local_fail(const struct local_connection *connection, int code, struct ops_error *error) OPS_MUST_USE;

#endif
