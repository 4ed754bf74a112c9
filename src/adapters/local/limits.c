#include "adapters/local/limits.h"

#include <stddef.h>

struct limit {
    int id;
    int value;
};

/* Those of a schema's text leave room for long ones: a schema that can't be read is a file that can't be vacuumed. */
static const struct limit limits[] = {
    {SQLITE_LIMIT_LENGTH, LOCAL_VALUE_MAX_BYTES},
    {SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024},
    {SQLITE_LIMIT_EXPR_DEPTH, 1000},
    {SQLITE_LIMIT_VDBE_OP, 250 * 1000},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
};

void local_limits_set(sqlite3 *db)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        (void)sqlite3_limit(db, limits[i].id, limits[i].value); /* gives the limit before */
}

int local_limits_value_max(sqlite3 *db)
{
    return sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1);
}
