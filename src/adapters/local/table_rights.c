/* Whether SQLite can change a file: it writes into the file itself, and it makes files beside it, a journal or a write-ahead
 * log with its index, which it removes again. Only the file system is asked, and never by opening a database's file, since
 * closing it would drop the locks that SQLite has on it in this process. */
#include "adapters/local/beside.h"
#include "adapters/local/table_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Why path can't be written, as a clause; NULL: it can. A process with all rights is kept off by a read-only file system and
 * by attributes only. */
static const char *refused(const char *path, int mode)
{
    if (faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0)
        return NULL;
    return errno == EROFS ? "the file system is read-only" : strerror(errno);
}

static bool has_attribute(const char *path, uint64_t attribute)
{
    struct statx info;
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &info) == 0 &&
           (info.stx_attributes & attribute) != 0;
}

static bool file_trouble(const char *file, char trouble[static LOCAL_TROUBLE_SIZE])
{
    const char *why = refused(file, R_OK);
    if (why) {
        (void)snprintf(trouble, LOCAL_TROUBLE_SIZE, "it can't be read (%s)", why);
        return true;
    }
    why = has_attribute(file, STATX_ATTR_IMMUTABLE) ? "it is immutable (chattr +i)"
          : has_attribute(file, STATX_ATTR_APPEND)  ? "it can only be appended to (chattr +a)"
                                                    : refused(file, W_OK);
    if (why)
        (void)snprintf(trouble, LOCAL_TROUBLE_SIZE, "it can't be written (%s)", why);
    return why != NULL;
}

/* Files that are there already need not be made; only those of a write-ahead log are kept while others have it open. */
static bool beside_is_writable(const char *file, const char *suffix)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s", file, suffix);
    return length > 0 && (size_t)length < sizeof path && refused(path, W_OK) == NULL;
}

static bool directory_trouble(const char *file, bool wal, char trouble[static LOCAL_TROUBLE_SIZE])
{
    char directory[PATH_MAX];
    const char *slash = strrchr(file, '/');
    size_t length = slash > file ? (size_t)(slash - file) : 1;
    if (length >= sizeof directory)
        return false;
    memcpy(directory, file, length);
    directory[length] = '\0';
    const char *why = has_attribute(directory, STATX_ATTR_APPEND) && !wal ? "nothing can be removed from it (chattr +a)"
                                                                          : refused(directory, W_OK | X_OK);
    if (!why || (wal && beside_is_writable(file, "-wal") && beside_is_writable(file, "-shm")))
        return false;
    (void)snprintf(trouble, LOCAL_TROUBLE_SIZE, "SQLite can't make the files beside it that a change needs (%s)", why);
    return true;
}

bool local_table_trouble(const struct local_table *table, char trouble[static LOCAL_TROUBLE_SIZE])
{
    const char *file = table->schema.file;
    if (file_trouble(file, trouble) || directory_trouble(file, table->is_wal, trouble) ||
        local_beside_shuts_out(file, trouble, LOCAL_TROUBLE_SIZE))
        return true;
    if (sqlite3_db_readonly(table->db, "main") != 1)
        return false;
    (void)snprintf(trouble, LOCAL_TROUBLE_SIZE, "SQLite could open it for reading only");
    return true;
}
