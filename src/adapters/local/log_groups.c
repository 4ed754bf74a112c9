#include "adapters/local/listing.h"
#include "adapters/local/place.h"
#include "adapters/local/tree.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

/* One run over the tree of log groups. */
struct groups {
    struct local_listing *listing;
    uint64_t mount_id;   /* of the root: what else is mounted is not entered */
    struct ops_buf path; /* of the group that is looked at, as its name begins */
    size_t depth;
};

static enum ops_status list_groups(struct groups *groups, int fd);

/* 0 and the descriptor, or errno: EXDEV where something is mounted. */
static int open_group(const struct groups *groups, int parent_fd, const char *name, int *ret_fd)
{
    struct statx place;
    *ret_fd = -1;
    if (!local_look(parent_fd, name, &place))
        return errno;
    if (place.stx_mnt_id != groups->mount_id)
        return EXDEV;
    int fd = openat(parent_fd, name, LOCAL_DIRECTORY_FLAGS);
    int number = fd < 0 || !local_look(fd, "", &place) ? errno : place.stx_mnt_id != groups->mount_id ? EXDEV : 0;
    if (number == 0)
        *ret_fd = fd;
    else if (fd >= 0)
        close(fd);
    return number;
}

static enum ops_status enter_group(struct groups *groups, int parent_fd, const char *name)
{
    struct ops_view path = ops_buf_view(&groups->path);
    int fd = -1;
    if (path.length > LOCAL_KEY_MAX_BYTES || groups->depth == LOCAL_TREE_DEPTH_MAX) {
        local_listing_miss(groups->listing, path, "it is nested too deep");
        return OPS_OK;
    }
    int number = open_group(groups, parent_fd, name, &fd);
    if (number == 0) {
        groups->depth++;
        enum ops_status status = list_groups(groups, fd);
        groups->depth--;
        return status;
    }
    if (number == ENOENT || number == ENOTDIR || number == ELOOP)
        return OPS_OK; /* it went away meanwhile */
    if (number != EXDEV)
        return local_listing_miss_errno(groups->listing, path, number);
    local_listing_miss(groups->listing, path, LOCAL_MOUNTED_HERE);
    return OPS_OK;
}

static enum ops_status list_group_below(struct groups *groups, int parent_fd, const char *name)
{
    size_t length = groups->path.length;
    ops_buf_append_char(&groups->path, '/');
    ops_buf_append_text(&groups->path, name);
    enum ops_status status = ops_buf_status(&groups->path);
    if (status == OPS_OK)
        status = enter_group(groups, parent_fd, name);
    local_path_truncate(&groups->path, length);
    return status;
}

static mode_t entry_type(DIR *directory, const struct dirent *entry)
{
    struct statx place;
    if (entry->d_type != DT_UNKNOWN)
        return (mode_t)DTTOIF(entry->d_type);
    return local_look(dirfd(directory), entry->d_name, &place) ? place.stx_mode & S_IFMT : 0;
}

static enum ops_status read_group(struct groups *groups, DIR *directory)
{
    enum ops_status status = OPS_OK;
    bool has_file = false, has_directory = false;
    const struct dirent *entry;
    while (errno = 0, status == OPS_OK && (entry = readdir(directory)) != NULL) {
        if (!local_component_valid(entry->d_name, strlen(entry->d_name)))
            continue;
        mode_t type = entry_type(directory, entry);
        has_file |= S_ISREG(type);
        has_directory |= S_ISDIR(type);
        if (S_ISDIR(type))
            status = list_group_below(groups, dirfd(directory), entry->d_name);
    }
    if (status == OPS_OK && errno != 0)
        status = local_listing_miss_errno(groups->listing, ops_buf_view(&groups->path), errno);
    if (status == OPS_OK && groups->depth > 0 && (has_file || !has_directory))
        status = ops_resource_found(groups->listing->on_resource, groups->listing->context, OPS_LOG_GROUP,
                                    ops_buf_text(&groups->path));
    return status;
}

/* Takes fd. */
static enum ops_status list_groups(struct groups *groups, int fd)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        int number = errno;
        close(fd);
        return local_listing_miss_errno(groups->listing, ops_buf_view(&groups->path), number);
    }
    enum ops_status status = read_group(groups, directory);
    (void)closedir(directory); /* it was only read */
    return status;
}

enum ops_status local_log_groups_list(struct local_listing *listing, int fd)
{
    struct groups groups = {.listing = listing};
    struct statx root;
    if (!local_look(fd, "", &root)) {
        int number = errno;
        close(fd);
        return local_listing_miss_errno(listing, ops_view(NULL, 0), number);
    }
    groups.mount_id = root.stx_mnt_id;
    ops_buf_init(&groups.path, LOCAL_KEY_MAX_BYTES + NAME_MAX + 1);
    enum ops_status status = list_groups(&groups, fd);
    ops_buf_release(&groups.path);
    return status;
}
