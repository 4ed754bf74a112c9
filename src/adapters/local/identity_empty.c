#include "adapters/local/identity_empty.h"

#include "adapters/local/beside.h"
#include "adapters/local/limits.h"
#include "adapters/local/sql.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

enum { SQL_MAX_BYTES = 2048 };

static bool has_no_row(sqlite3 *db, const char *table)
{
    struct ops_buf sql;
    sqlite3_stmt *row = NULL;
    ops_buf_init(&sql, SQL_MAX_BYTES);
    ops_buf_append_text(&sql, "SELECT 1 FROM main.");
    local_sql_append_identifier(&sql, table);
    ops_buf_append_text(&sql, " NOT INDEXED LIMIT 1"); /* an index may lack what the table has */
    bool empty = ops_buf_status(&sql) == OPS_OK && sqlite3_prepare_v2(db, ops_buf_text(&sql), -1, &row, NULL) == SQLITE_OK &&
                 sqlite3_step(row) == SQLITE_DONE;
    (void)sqlite3_finalize(row); /* what failed says that it can't be told */
    ops_buf_release(&sql);
    return empty;
}

/* A file with several names is not even looked into, since its write-ahead log may be another name's. Nobody waits for a
 * lock. Opened for reading only, SQLite would leave the files of a write-ahead log behind that it had to make. */
static bool table_is_empty(const char *path, const char *table, const struct stat *info)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (!S_ISREG(info->st_mode) || info->st_nlink > 1)
        return false;
    char trouble[128]; /* is no answer to whether it is empty */
    bool is_open = sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK;
    if (is_open)
        local_limits_set(db);
    bool empty = is_open && local_beside_prepare(db, path, trouble, sizeof trouble) && has_no_row(db, table);
    (void)sqlite3_close(db); /* nothing is left open that could make it busy */
    return empty;
}

static bool directory_is_empty(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    size_t count = 0;
    while (count <= 2 && readdir(directory))
        count++;
    (void)closedir(directory); /* it was only read */
    return count == 2;         /* "." and ".." */
}

bool local_is_empty(enum ops_target_kind kind, const char *path, const char *table, const struct stat *info)
{
    return kind == OPS_TABLE ? table_is_empty(path, table, info) : directory_is_empty(*path ? path : "/");
}
