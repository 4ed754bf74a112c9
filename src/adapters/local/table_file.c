#include "adapters/local/table_schema.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

static enum ops_status join(char **ret_path, const char *format, const char *a, const char *b)
{
    struct ops_buf path;
    ops_buf_init(&path, PATH_MAX - 1);
    ops_buf_append_format(&path, format, a, b);
    enum ops_status status = ops_buf_status(&path);
    if (status == OPS_OK && !(*ret_path = ops_buf_take(&path)))
        status = OPS_NO_MEMORY;
    ops_buf_release(&path);
    return status;
}

/* SQLite's own check refuses links anywhere in the path, so the directories are resolved first: a data directory may well be
 * reached through a link, only the file itself may not be one. */
static enum ops_status resolve_directory(const char *path, char **ret_file, struct ops_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
        return ops_fail(error, OPS_TARGET_ERROR, "The table file %s has no file name.", path);
    char *directory = slash ? ops_mem_strndup(path, (size_t)(slash - path) + 1) : ops_mem_strdup(".");
    if (!directory)
        return OPS_NO_MEMORY;
    char resolved[PATH_MAX];
    bool found = realpath(directory, resolved) != NULL;
    ops_mem_free(directory);
    if (!found && (errno == ENOENT || errno == ENOTDIR))
        return ops_fail(error, OPS_TARGET_MISSING, "The table file %s does not exist.", path);
    if (!found)
        return ops_fail(error, OPS_TARGET_ERROR, "The directory of table file %s can't be reached: %s.", path,
                        strerror(errno));
    return join(ret_file, strcmp(resolved, "/") == 0 ? "%s%s" : "%s/%s", resolved, base);
}

enum ops_status local_table_file(const char *data_dir, const struct ops_target_spec *spec, char **ret_file,
                                 struct ops_error *error)
{
    char *path = NULL;
    enum ops_status status;
    const char *file = ops_json_text(spec->location, "file", NULL);
    if (spec->location && (!file || !*file))
        return ops_fail(error, OPS_TARGET_ERROR, "The location of table %s names no file.", spec->name);
    if (!file && (!*spec->name || strchr(spec->name, '/')))
        return ops_fail(error, OPS_TARGET_ERROR, "The table name %s can't be the name of a file.", spec->name);
    if (file && file[0] == '/')
        status = join(&path, "%s%s", file, "");
    else
        status = join(&path, file ? "%s/%s" : "%s/stack/tables/%s.sqlite", data_dir, file ? file : spec->name);
    if (status == OPS_OK)
        status = resolve_directory(path, ret_file, error);
    ops_mem_free(path);
    return status;
}

static enum ops_status refuse_own_files(const char *data_dir, const char *file, const struct stat *info,
                                        struct ops_error *error)
{
    static const char *const own_files[] = {"ops.sqlite", "ops.sqlite-wal", "ops.sqlite-shm", "ops.sqlite-journal"};
    for (size_t i = 0; i < sizeof own_files / sizeof own_files[0]; i++) {
        char *own = NULL;
        struct stat own_info;
        enum ops_status status = join(&own, "%s/%s", data_dir, own_files[i]);
        if (status != OPS_OK)
            return status;
        bool same = stat(own, &own_info) == 0 && own_info.st_dev == info->st_dev && own_info.st_ino == info->st_ino;
        ops_mem_free(own);
        if (same)
            return ops_fail(error, OPS_TARGET_ERROR, "The file %s is where OPS keeps its own records and is not a target.",
                            file);
    }
    return OPS_OK;
}

/* SQLite finds the write-ahead log of a database by the name that the file is opened by. By another name an application's
 * newest records are not seen, and what is written damages the file. */
static enum ops_status check_names(const char *file, const struct stat *info, struct ops_error *error)
{
    if (info->st_nlink <= 1)
        return OPS_OK;
    return ops_fail(error, OPS_TARGET_ERROR,
                    "The table file %s has %llu names (hard links). SQLite finds a database's write-ahead log by the file's "
                    "name, so records that were written by another name would not be seen, and the file would be damaged.",
                    file, (unsigned long long)info->st_nlink);
}

enum ops_status local_table_file_check(const char *data_dir, const char *file, struct local_file_id *ret_id,
                                       struct ops_error *error)
{
    struct stat info;
    if (lstat(file, &info) != 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        return missing ? ops_fail(error, OPS_TARGET_MISSING, "The table file %s does not exist.", file)
                       : ops_fail(error, OPS_TARGET_ERROR, "The table file %s can't be reached: %s.", file, strerror(errno));
    }
    if (S_ISLNK(info.st_mode))
        return ops_fail(error, OPS_TARGET_ERROR, "The table file %s is a link; links are not followed.", file);
    if (!S_ISREG(info.st_mode))
        return ops_fail(error, OPS_TARGET_ERROR, "The table file %s is not a regular file.", file);
    enum ops_status status = refuse_own_files(data_dir, file, &info, error);
    if (status == OPS_OK)
        status = check_names(file, &info, error);
    *ret_id = (struct local_file_id){info.st_dev, info.st_ino};
    return status;
}

enum ops_status local_table_file_recheck(sqlite3 *db, const char *file, const struct local_file_id *id,
                                         struct ops_error *error)
{
    struct stat info;
    int moved = 0;
    bool there = lstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_dev == id->device && info.st_ino == id->inode;
    /* SQLite compares the path with the file that it has open. */
    int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (there && result == SQLITE_OK && !moved)
        return check_names(file, &info, error);
    return ops_fail(error, OPS_TARGET_ERROR,
                    "The table file %s is not the file any more that was opened: it was moved, removed or replaced.", file);
}
