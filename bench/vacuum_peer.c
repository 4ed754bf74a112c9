/* vacuum_peer all|org FILE [ORGCODE] [ROWS_PER_CHUNK]: what a vacuum is measured against. Deletes from the standard table
 * with SQLite's C interface and nothing else: no keys are read, nothing is guarded, nothing could be told about a single
 * record.
 *
 * Of the ways tried (rowid ranges; rowid IN (SELECT ... LIMIT n); key ranges) rowid ranges are the quickest, on tables whose
 * rows lie in the order of their keys as on those where they do not, and larger chunks are quicker. The journal mode and
 * synchronous are the file's own, each chunk is committed, and its WHERE keeps the truncate optimisation out.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int fail(sqlite3 *db)
{
    fprintf(stderr, "vacuum_peer: %s\n", db ? sqlite3_errmsg(db) : "no memory");
    return 1;
}

static int prepare(sqlite3 *db, const char *format, const char *condition, const char *orgcode, sqlite3_stmt **ret)
{
    char sql[512];
    snprintf(sql, sizeof sql, format, condition);
    int result = sqlite3_prepare_v2(db, sql, -1, ret, NULL);
    if (result == SQLITE_OK && orgcode)
        result = sqlite3_bind_text(*ret, 3, orgcode, -1, SQLITE_STATIC);
    return result;
}

/* Deletes one chunk behind *at, moves *at on. SQLITE_DONE when nothing was left, SQLITE_OK when something was. */
static int delete_chunk(sqlite3 *db, sqlite3_stmt *bound, sqlite3_stmt *delete, int chunk, sqlite3_int64 *at,
                        sqlite3_int64 *rows)
{
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return SQLITE_ERROR;
    sqlite3_bind_int64(bound, 1, *at);
    sqlite3_bind_int(bound, 2, chunk);
    if (sqlite3_step(bound) != SQLITE_ROW)
        return SQLITE_ERROR;
    int none = sqlite3_column_type(bound, 0) == SQLITE_NULL;
    sqlite3_int64 last = sqlite3_column_int64(bound, 0);
    sqlite3_reset(bound);
    if (!none) {
        sqlite3_bind_int64(delete, 1, *at);
        sqlite3_bind_int64(delete, 2, last);
        if (sqlite3_step(delete) != SQLITE_DONE)
            return SQLITE_ERROR;
        sqlite3_reset(delete);
        *rows += sqlite3_changes(db);
        *at = last;
    }
    if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return SQLITE_ERROR;
    return none ? SQLITE_DONE : SQLITE_OK;
}

int main(int argc, char **argv)
{
    int org = argc >= 2 && strcmp(argv[1], "org") == 0;
    if (argc < 3 || (!org && strcmp(argv[1], "all") != 0)) {
        fprintf(stderr, "usage: vacuum_peer all|org FILE [ORGCODE] [ROWS_PER_CHUNK]\n");
        return 2;
    }
    const char *orgcode = !org ? NULL : argc >= 4 ? argv[3] : "acme";
    const char *condition = org ? " AND orgcode = ?3" : "";
    int chunk = argc >= 5 ? atoi(argv[4]) : 50000, result;
    sqlite3 *db = NULL;
    sqlite3_stmt *bound = NULL, *delete = NULL;
    double begin = seconds();
    if (sqlite3_open_v2(argv[2], &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA cache_size = -8192", NULL, NULL, NULL) != SQLITE_OK ||
        prepare(db, "SELECT max(rowid) FROM (SELECT rowid FROM items WHERE rowid > ?1%s ORDER BY rowid LIMIT ?2)", condition,
                orgcode, &bound) != SQLITE_OK ||
        prepare(db, "DELETE FROM items WHERE rowid > ?1 AND rowid <= ?2%s", condition, orgcode, &delete) != SQLITE_OK)
        return fail(db);
    sqlite3_int64 at = INT64_MIN, rows = 0;
    while ((result = delete_chunk(db, bound, delete, chunk, &at, &rows)) == SQLITE_OK)
        ;
    if (result != SQLITE_DONE)
        return fail(db);
    sqlite3_finalize(bound);
    sqlite3_finalize(delete);
    sqlite3_close(db);
    double elapsed = seconds() - begin;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"mode\":\"%s\",\"rows\":%lld,\"seconds\":%.3f,\"rows_per_second\":%.0f,\"peak_rss_kib\":%ld}\n", argv[1],
           (long long)rows, elapsed, (double)rows / elapsed, usage.ru_maxrss);
    return 0;
}
