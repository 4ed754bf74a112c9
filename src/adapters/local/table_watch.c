/* How long SQLite may go on with a statement.
 *
 * SQLite asks between two of its own steps; within one, such as a call of a function, nobody can stop it: that it ends is up
 * to the largest value that it may have (table_costs.c). Not while a transaction is given its end: then the answer would say
 * that it broke where it has happened.
 */
#include "adapters/local/table_parts.h"

#include <time.h>

/* Between two questions: SQLite's steps where each is short; and where functions are called that take long. */
enum { STEPS_BETWEEN = 1000, LONG_STEPS_BETWEEN = 1 };

int64_t local_watch_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* it can't fail */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool local_watch_is_ending(const struct local_watch *watch)
{
    return watch->ending && atomic_load_explicit(watch->ending, memory_order_relaxed);
}

static int must_end(void *context)
{
    struct local_table *table = context;
    struct local_watch *watch = &table->watch;
    if (watch->rests)
        return 0;
    int64_t now_ms = local_watch_now_ms();
    bool ends_page = now_ms > watch->page_until_ms || (watch->page_until_ms != INT64_MAX && local_watch_is_ending(watch));
    if (ends_page && table->visit.any) {
        watch->page_is_over = true;
        return 1;
    }
    if (!watch->hurried && local_watch_is_ending(watch)) {
        watch->hurried = true;
        watch->until_ms = watch->until_ms < now_ms + LOCAL_ENDING_MAX_MS ? watch->until_ms : now_ms + LOCAL_ENDING_MAX_MS;
    }
    watch->fired = watch->fired || now_ms > watch->until_ms;
    return watch->fired;
}

void local_watch_begin(struct local_table *table)
{
    struct local_watch *watch = &table->watch;
    *watch = (struct local_watch){.ending = watch->ending,
                                  .most_ms = watch->most_ms,
                                  .until_ms = local_watch_now_ms() + watch->most_ms,
                                  .page_until_ms = INT64_MAX};
    sqlite3_progress_handler(table->db, table->costly ? LONG_STEPS_BETWEEN : STEPS_BETWEEN, must_end, table);
}

enum ops_status local_watch_fail(const struct local_table *table, struct ops_error *error)
{
    const char *file = table->schema.file, *name = table->schema.name ? table->schema.name : "";
    if (table->watch.hurried)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "g3nops ends, and table %s of file %s has to wait.", name, file);
    return ops_fail(error, OPS_TARGET_ERROR,
                    "In file %s, SQLite was at work on table %s for %d s without giving a record, which is the limit.", file,
                    name, LOCAL_STATEMENT_MAX_MS / 1000);
}
