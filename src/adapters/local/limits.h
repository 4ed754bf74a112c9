/* What SQLite may take of us for a file that is an application's: its values may be large, and its schema may compute larger
 * ones. Private to this folder.
 */
#ifndef OPS_ADAPTERS_LOCAL_LIMITS_H
#define OPS_ADAPTERS_LOCAL_LIMITS_H

#include <sqlite3.h>

/* SQLite holds a few values at a time, and what it makes of a JSON text is up to about ten times as large. A column that
 * nobody asks for is not read, whatever its size. */
enum {
    LOCAL_VALUE_MAX_BYTES = 4 * 1024 * 1024,
    LOCAL_VALUE_MIN_BYTES = 16 * 1024, /* a line of the schema must have room, whatever else is limited */
};

/* For each connection to an application's file, before its first statement; a value has LOCAL_VALUE_MAX_BYTES. */
void local_limits_set(sqlite3 *db);

/* The largest value that the connection takes. */
int local_limits_value_max(sqlite3 *db);

#endif
