#include "adapters/local/kept.h"

#include "adapters/local/identity.h"
#include "adapters/local/place.h"
#include "base/json.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#define TABLES_DIRECTORY "stack/tables"

static const char of_some_table[] = "it is the file of a table, or belongs to it";
static const char of_ops[] = "it belongs to g3nops itself";

/* What SQLite calls the files that it makes beside a database (its "Temporary Files Used By SQLite"). */
static const char *const beside[] = {"-wal", "-shm", "-journal"};
enum { BESIDE_COUNT = sizeof beside / sizeof beside[0] };

/* ---- Whose files ---- */

static void owners_free(struct local_kept_owner *owners, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ops_mem_free(owners[i].path);
        ops_mem_free(owners[i].reason);
    }
    ops_mem_free(owners);
}

static enum ops_status write_owner(const struct local_kept *kept, const struct ops_target_spec *table, const char *file,
                                   struct local_kept_owner *ret_owner)
{
    struct ops_buf path, reason;
    ops_buf_init(&path, 2 * PATH_MAX);
    ops_buf_init(&reason, OPS_REMARK_REASON_SIZE - 1);
    ops_buf_append_format(&path, "%s%s%s", file[0] == '/' ? "" : kept->data_dir, file[0] == '/' ? "" : "/", file);
    ops_buf_append_format(&reason, "it is the file of table %.100s, or belongs to it", table->name);
    enum ops_status status = ops_buf_status(&path);
    if (status == OPS_OK)
        status = ops_buf_status(&reason);
    if (status == OPS_OK) {
        ret_owner->path = ops_buf_take(&path);
        ret_owner->reason = ops_buf_take(&reason);
        status = ret_owner->path && ret_owner->reason ? OPS_OK : OPS_NO_MEMORY;
    }
    ops_buf_release(&path);
    ops_buf_release(&reason);
    return status;
}

/* Where the engine keeps its own is looked at as a whole. A path that is too long for the system leads to nothing. */
enum ops_status local_kept_tell(struct local_kept *kept, const struct ops_target_spec *tables, size_t count,
                                struct ops_error *error)
{
    struct local_mounts mounts = {.text = NULL};
    struct local_kept_owner *owners = ops_mem_zeroed(count, sizeof *owners);
    size_t owner_count = 0;
    enum ops_status status = owners ? local_mounts_read(&mounts, error) : OPS_NO_MEMORY;
    for (size_t i = 0; i < count && status == OPS_OK; i++) {
        const char *file = tables[i].kind == OPS_TABLE ? ops_json_text(tables[i].location, "file", NULL) : NULL;
        if (!file || !*file)
            continue;
        status = write_owner(kept, &tables[i], file, &owners[owner_count++]);
        if (status == OPS_LIMIT)
            status = OPS_OK;
    }
    if (status != OPS_OK) {
        owners_free(owners, owner_count);
        local_mounts_release(&mounts);
        return status;
    }
    owners_free(kept->owners, kept->owner_count);
    local_mounts_release(&kept->mounts);
    kept->owners = owners;
    kept->owner_count = owner_count;
    kept->mounts = mounts;
    kept->count = 0; /* their reasons may have been the owners' */
    return OPS_OK;
}

/* ---- Where they are ---- */

static enum ops_status add_file(struct local_kept *kept, const struct stat *info, const char *reason)
{
    if (S_ISDIR(info->st_mode))
        return OPS_OK;
    struct local_kept_file *files = ops_mem_room(kept->files, kept->count, &kept->capacity, sizeof *files);
    if (!files)
        return OPS_NO_MEMORY;
    kept->files = files;
    kept->files[kept->count++] = (struct local_kept_file){info->st_dev, info->st_ino, reason};
    return OPS_OK;
}

/* What is at name, and what it leads to where it is a link. No automount begins. */
static enum ops_status add_name(struct local_kept *kept, int fd, const char *name, const char *reason)
{
    struct stat info;
    if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
        return OPS_OK;
    enum ops_status status = add_file(kept, &info, reason);
    bool leads_on = S_ISLNK(info.st_mode) && fstatat(fd, name, &info, AT_NO_AUTOMOUNT) == 0;
    return status == OPS_OK && leads_on ? add_file(kept, &info, reason) : status;
}

static enum ops_status add_database(struct local_kept *kept, const char *path, const char *reason)
{
    enum ops_status status = add_name(kept, AT_FDCWD, path, reason);
    for (size_t i = 0; i < BESIDE_COUNT && status == OPS_OK; i++) {
        char name[PATH_MAX];
        if (snprintf(name, sizeof name, "%s%s", path, beside[i]) < (int)sizeof name)
            status = add_name(kept, AT_FDCWD, name, reason);
    }
    return status;
}

/* A directory on the way may be a link, without which the file is not found. */
static enum ops_status add_links_on_the_way(struct local_kept *kept, const char *path, const char *reason)
{
    enum ops_status status = OPS_OK;
    for (const char *slash = strchr(path + 1, '/'); slash && status == OPS_OK; slash = strchr(slash + 1, '/')) {
        char part[PATH_MAX];
        struct stat info;
        size_t length = (size_t)(slash - path);
        if (length >= sizeof part)
            return OPS_OK;
        memcpy(part, path, length);
        part[length] = '\0';
        if (lstat(part, &info) == 0 && S_ISLNK(info.st_mode))
            status = add_file(kept, &info, reason);
    }
    return status;
}

static bool join(char path[static PATH_MAX], const char *start, const char *middle, const char *end)
{
    int length = snprintf(path, PATH_MAX, "%s%s%s", start, middle, end);
    return length >= 0 && length < PATH_MAX;
}

/* What is on an overlay has another device and inode there than in the directory that lies uppermost in it. path is without
 * links. */
static enum ops_status add_on_overlay(struct local_kept *kept, const struct local_mount *mount, const char *path,
                                      const char *reason)
{
    char other[PATH_MAX], upper[PATH_MAX];
    if (!mount->upper || mount->upper[0] != '/' || !join(upper, mount->upper, mount->root, ""))
        return OPS_OK;
    if (local_path_is_below(path, upper) && join(other, mount->point, path + strlen(upper), ""))
        return add_database(kept, other, reason);
    if (local_mounts_of(&kept->mounts, path) == mount && join(other, upper, path + strlen(mount->point), ""))
        return add_database(kept, other, reason);
    return OPS_OK;
}

static enum ops_status add_owner(struct local_kept *kept, const struct local_kept_owner *owner)
{
    char resolved[PATH_MAX];
    enum ops_status status = add_database(kept, owner->path, owner->reason);
    if (status == OPS_OK)
        status = add_links_on_the_way(kept, owner->path, owner->reason);
    if (status != OPS_OK || !realpath(owner->path, resolved))
        return status;
    if (strcmp(resolved, owner->path) != 0)
        status = add_database(kept, resolved, owner->reason);
    for (size_t i = 0; i < kept->mounts.count && status == OPS_OK; i++)
        status = add_on_overlay(kept, &kept->mounts.list[i], resolved, owner->reason);
    return status;
}

/* Whatever is in a directory of our own. */
static enum ops_status add_all_in(struct local_kept *kept, const char *relative, const char *reason)
{
    char path[PATH_MAX];
    DIR *directory = join(path, kept->data_dir, "/", relative) ? opendir(path) : NULL;
    enum ops_status status = OPS_OK;
    const struct dirent *entry;
    while (directory && status == OPS_OK && (entry = readdir(directory)) != NULL)
        status = add_name(kept, dirfd(directory), entry->d_name, reason);
    if (directory)
        (void)closedir(directory); /* it was only read */
    return status;
}

static int compare_files(const void *a, const void *b)
{
    const struct local_kept_file *one = a, *other = b;
    if (one->device != other->device)
        return one->device < other->device ? -1 : 1;
    return one->inode == other->inode ? 0 : one->inode < other->inode ? -1 : 1;
}

enum ops_status local_kept_look(struct local_kept *kept)
{
    kept->count = 0;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < kept->owner_count && status == OPS_OK; i++)
        if (kept->owners[i].path)
            status = add_owner(kept, &kept->owners[i]);
    if (status == OPS_OK)
        status = add_all_in(kept, TABLES_DIRECTORY, of_some_table);
    if (status == OPS_OK)
        status = add_all_in(kept, LOCAL_AUDIT_DIRECTORY, of_ops);
    for (size_t i = 0; local_own_files[i] && status == OPS_OK; i++) {
        char path[PATH_MAX];
        if (join(path, kept->data_dir, "/", local_own_files[i]))
            status = add_name(kept, AT_FDCWD, path, of_ops);
    }
    if (kept->count > 1)
        qsort(kept->files, kept->count, sizeof *kept->files, compare_files);
    return status;
}

/* ---- What a name is ---- */

static const struct local_kept_file *find(const struct local_kept *kept, dev_t device, ino_t inode)
{
    const struct local_kept_file wanted = {.device = device, .inode = inode};
    return kept->count > 0 ? bsearch(&wanted, kept->files, kept->count, sizeof *kept->files, compare_files) : NULL;
}

static const struct local_kept_file *find_led_to(const struct local_kept *kept, int fd, const char *name)
{
    struct stat info;
    return fstatat(fd, name, &info, AT_NO_AUTOMOUNT) == 0 ? find(kept, info.st_dev, info.st_ino) : NULL;
}

/* Behind the name's part that a database's file would be called, or NULL. */
static const char *end_of_base(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < BESIDE_COUNT; i++) {
        size_t end = strlen(beside[i]);
        if (length > end && strcmp(name + length - end, beside[i]) == 0)
            return name + length - end;
    }
    return NULL;
}

static const struct local_kept_file *find_beside(const struct local_kept *kept, int fd, const char *name)
{
    const char *end = end_of_base(name);
    char base[NAME_MAX + 1];
    if (!end || end - name > NAME_MAX)
        return NULL;
    memcpy(base, name, (size_t)(end - name));
    base[end - name] = '\0';
    return find_led_to(kept, fd, base);
}

enum local_kept_as local_kept_as(const struct local_kept *kept, int fd, const char *name, const struct statx *place,
                                 const char **ret_reason)
{
    if (kept->count == 0)
        return LOCAL_NOT_KEPT;
    const struct local_kept_file *file = find_beside(kept, fd, name);
    enum local_kept_as as = file ? LOCAL_KEPT_BESIDE : LOCAL_KEPT;
    if (!file)
        file = find(kept, makedev(place->stx_dev_major, place->stx_dev_minor), place->stx_ino);
    if (!file && S_ISLNK(place->stx_mode))
        file = find_led_to(kept, fd, name);
    if (file && ret_reason)
        *ret_reason = file->reason;
    return file ? as : LOCAL_NOT_KEPT;
}

void local_kept_release(struct local_kept *kept)
{
    owners_free(kept->owners, kept->owner_count);
    local_mounts_release(&kept->mounts);
    ops_mem_free(kept->files);
    *kept = (struct local_kept){.data_dir = NULL};
}
