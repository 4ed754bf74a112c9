/* make_rows FILE ROWS [random|ordered] [delete|wal]: fills a new table file in the standard format, for measuring.
 *
 * Five tenants share the table row by row. In random order (the default) neither the rowids nor the tenants follow the
 * keys, which is what a table that has lived for a while looks like.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const tenants[] = {"acme", "acme2", "globex", "initech", "umbrella"};
enum { TENANT_COUNT = 5 };

static int fail(sqlite3 *db, const char *file)
{
    fprintf(stderr, "make_rows: %s: %s\n", file, db ? sqlite3_errmsg(db) : "no memory");
    (void)sqlite3_close(db);
    return 1;
}

static unsigned long long greatest_common_divisor(unsigned long long a, unsigned long long b)
{
    while (b) {
        unsigned long long rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A step that visits every row once, far from the one before. */
static unsigned long long stride_for(unsigned long long rows)
{
    unsigned long long stride = 2654435761ULL % rows;
    while (stride < 2 || greatest_common_divisor(stride, rows) != 1)
        stride++;
    return stride;
}

static int insert_row(sqlite3_stmt *insert, unsigned long long number)
{
    const char *tenant = tenants[number % TENANT_COUNT];
    char pk[64], body[256];
    snprintf(pk, sizeof pk, "ITEM#%s#%08llu", tenant, number);
    snprintf(
        body, sizeof body,
        "{\"orgcode\":\"%s\",\"sku\":\"SKU-%06llu\",\"quantity\":%llu,\"price\":\"%llu.99\",\"name\":\"Item number %llu\","
        "\"updated_at\":\"2026-11-24T03:42:53Z\"}",
        tenant, number % 999983, number % 97, number % 500, number);
    sqlite3_bind_text(insert, 1, pk, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(insert, 2, "DETAIL", -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 3, tenant, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 4, body, -1, SQLITE_TRANSIENT);
    int result = sqlite3_step(insert);
    sqlite3_reset(insert);
    return result;
}

int main(int argc, char **argv)
{
    unsigned long long rows = argc >= 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (rows < 5) {
        fprintf(stderr, "usage: make_rows FILE ROWS [random|ordered] [delete|wal]\n");
        return 2;
    }
    unsigned long long stride = argc >= 4 && strcmp(argv[3], "ordered") == 0 ? 1 : stride_for(rows);
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    if (sqlite3_open(argv[1], &db) != SQLITE_OK)
        return fail(db, argv[1]);
    if (argc >= 5 && strcmp(argv[4], "wal") == 0)
        sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
    if (sqlite3_exec(db,
                     "PRAGMA synchronous=OFF; PRAGMA cache_size=-262144; BEGIN;"
                     "CREATE TABLE items(pk TEXT, sk TEXT, orgcode TEXT, body TEXT, PRIMARY KEY (pk, sk))",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "INSERT INTO items VALUES (?1, ?2, ?3, ?4)", -1, &insert, NULL) != SQLITE_OK)
        return fail(db, argv[1]);
    for (unsigned long long i = 0, number = 0; i < rows; i++, number = (number + stride) % rows)
        if (insert_row(insert, number) != SQLITE_DONE)
            return fail(db, argv[1]);
    sqlite3_finalize(insert);
    if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return fail(db, argv[1]);
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
