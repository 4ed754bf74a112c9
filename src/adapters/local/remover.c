#include "adapters/local/remover.h"

#include "adapters/local/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

void local_remover_begin(struct local_remover *remover, int root_fd, dev_t device)
{
    *remover = (struct local_remover){.root_fd = root_fd, .device = device, .parent_fd = -1};
    ops_buf_init(&remover->parent, PATH_MAX);
}

/* Removes the parent while it is empty, then its own parent, never the root. What is not empty stops it, as anything does.
 */
static void prune(struct local_remover *remover)
{
    struct ops_buf *path = &remover->parent;
    for (bool gone = remover->parent_fd >= 0; gone && path->length > 0;) {
        const char *text = ops_buf_text(path), *slash = strrchr(text, '/');
        size_t above = slash ? (size_t)(slash - text) : 0;
        int fd = local_open_below(remover->root_fd, text, above);
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
    struct stat info;
    if (remover->started && ops_view_equal(ops_buf_view(&remover->parent), path))
        return;
    leave_parent(remover);
    ops_buf_append_view(&remover->parent, path);
    remover->parent_errno = ENOMEM;
    if (ops_buf_status(&remover->parent) != OPS_OK)
        return;
    remover->started = true;
    remover->parent_fd = local_open_below(remover->root_fd, path.data, path.length);
    remover->parent_errno = errno;
    if (remover->parent_fd >= 0 && (fstat(remover->parent_fd, &info) != 0 || info.st_dev != remover->device)) {
        close(remover->parent_fd);
        remover->parent_fd = -1;
        remover->parent_errno = EXDEV;
    }
}

/* A path that leads nowhere any more, or through a link, or to a directory, says that there is no such object. */
static enum ops_removal removal_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EISDIR:
        return OPS_REMOVED;
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

enum ops_removal local_remover_remove(struct local_remover *remover, struct ops_view key)
{
    size_t base = key.length;
    while (base > 0 && key.data[base - 1] != '/')
        base--;
    char name[NAME_MAX + 1];
    size_t length = key.length - base;
    if (!local_component_valid(key.data + base, length) || base == 1)
        return OPS_FAILED;
    memcpy(name, key.data + base, length);
    name[length] = '\0';
    enter_parent(remover, ops_view(key.data, base > 0 ? base - 1 : 0));
    if (remover->parent_fd < 0)
        return removal_of(remover->parent_errno);
    return unlinkat(remover->parent_fd, name, 0) == 0 ? OPS_REMOVED : removal_of(errno);
}

void local_remover_end(struct local_remover *remover)
{
    leave_parent(remover);
    ops_buf_release(&remover->parent);
}
