#include "adapters/local/remover.h"

#include "adapters/local/place.h"
#include "adapters/local/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

void local_remover_begin(struct local_remover *remover, int root_fd, uint64_t mount_id, const struct local_kept *kept,
                         struct ops_view prefix)
{
    *remover =
        (struct local_remover){.root_fd = root_fd, .mount_id = mount_id, .kept = kept, .prefix = prefix, .parent_fd = -1};
    ops_buf_init(&remover->parent, PATH_MAX);
}

/* Whether the directory, with a final '/', begins with the prefix. */
static bool in_scope(struct ops_view directory, struct ops_view prefix)
{
    if (prefix.length == directory.length + 1 && prefix.data[directory.length] == '/')
        prefix.length--;
    return ops_view_starts_with(directory, prefix);
}

/* Removes the parent while it is empty and in scope, then its own parent, never the root. What is not empty stops it, as
 * anything does. */
static void prune(struct local_remover *remover)
{
    struct ops_buf *path = &remover->parent;
    for (bool gone = remover->parent_fd >= 0; gone && path->length > 0 && in_scope(ops_buf_view(path), remover->prefix);) {
        const char *text = ops_buf_text(path), *slash = strrchr(text, '/');
        size_t above = slash ? (size_t)(slash - text) : 0;
        int fd = local_open_inside(remover->root_fd, remover->mount_id, text, above);
        gone = fd >= 0 && unlinkat(fd, slash ? slash + 1 : text, AT_REMOVEDIR) == 0;
        if (fd >= 0)
            close(fd);
        local_path_truncate(path, above);
    }
}

static void leave_parent(struct local_remover *remover)
{
    if (remover->started)
        prune(remover);
    if (remover->parent_fd >= 0)
        close(remover->parent_fd);
    remover->parent_fd = -1;
    remover->started = false;
    ops_buf_clear(&remover->parent);
}

static void enter_parent(struct local_remover *remover, struct ops_view path)
{
    if (remover->started && ops_view_equal(ops_buf_view(&remover->parent), path))
        return;
    leave_parent(remover);
    ops_buf_append_view(&remover->parent, path);
    remover->parent_errno = ENOMEM;
    if (ops_buf_status(&remover->parent) != OPS_OK)
        return;
    remover->started = true;
    remover->parent_fd = local_open_inside(remover->root_fd, remover->mount_id, path.data, path.length);
    remover->parent_errno = errno;
}

/* A path that leads nowhere any more, or through a link, or to a directory, says that there is no such object, and one that
 * leads to no directory, or to one that is not empty, that there is no such empty directory. */
static enum ops_removal removal_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EISDIR:
    case ENOTEMPTY:
    case EEXIST: /* the other word for ENOTEMPTY (rmdir(2)) */
        return OPS_ABSENT;
    case EBUSY:
    case EINTR:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return OPS_RETRY;
    default:
        return OPS_FAILED;
    }
}

static bool is_mount_point(const struct local_remover *remover, const char *name)
{
    struct statx place;
    return local_look(remover->parent_fd, name, &place) && place.stx_mnt_id != remover->mount_id;
}

const char *local_remover_keeps(const struct local_remover *remover, int fd, const char *name)
{
    struct statx place;
    const char *reason = NULL;
    if (local_look(fd, name, &place))
        (void)local_kept_as(remover->kept, fd, name, &place, &reason);
    return reason;
}

static enum ops_removal remove_name(struct local_remover *remover, const char *name, int flags, const char **ret_why)
{
    const char *kept = flags & AT_REMOVEDIR ? NULL : local_remover_keeps(remover, remover->parent_fd, name);
    if (kept) {
        *ret_why = kept;
        return OPS_FAILED;
    }
    if (unlinkat(remover->parent_fd, name, flags) == 0)
        return OPS_REMOVED;
    int number = errno;
    remover->out_of_sight = number == EBUSY && is_mount_point(remover, name);
    enum ops_removal outcome = remover->out_of_sight ? OPS_FAILED : removal_of(number);
    if (outcome == OPS_FAILED)
        *ret_why = local_rights_explain(remover->parent_fd, name, number);
    return outcome;
}

static enum ops_removal refuse_parent(struct local_remover *remover, const char **ret_why)
{
    enum ops_removal outcome = removal_of(remover->parent_errno);
    remover->out_of_sight = outcome == OPS_FAILED;
    if (outcome == OPS_FAILED)
        *ret_why = local_rights_explain(remover->root_fd, "", remover->parent_errno);
    return outcome;
}

enum ops_removal local_remover_remove(struct local_remover *remover, struct ops_view key, const char **ret_why)
{
    int flags = key.length > 0 && key.data[key.length - 1] == '/' ? AT_REMOVEDIR : 0;
    key.length -= flags ? 1 : 0;
    size_t base = key.length;
    while (base > 0 && key.data[base - 1] != '/')
        base--;
    char name[NAME_MAX + 1];
    size_t length = key.length - base;
    remover->out_of_sight = false;
    *ret_why = "it can't be a key";
    if (!local_component_valid(key.data + base, length) || base == 1)
        return OPS_FAILED;
    memcpy(name, key.data + base, length);
    name[length] = '\0';
    enter_parent(remover, ops_view(key.data, base > 0 ? base - 1 : 0));
    return remover->parent_fd < 0 ? refuse_parent(remover, ret_why) : remove_name(remover, name, flags, ret_why);
}

void local_remover_end(struct local_remover *remover)
{
    leave_parent(remover);
    ops_buf_release(&remover->parent);
}
