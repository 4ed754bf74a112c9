#include "adapters/local/streams.h"

#include "adapters/local/place.h"
#include "adapters/local/rights.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Never a wait, neither for a pipe's other end nor for somebody's lease. */
#define OPEN_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

#define CANNOT_BE_EMPTIED "somebody writes to it, and there is no right to empty it"

/* A lease on a file that is open for writing is refused, and one that is given is given back at once. Should somebody want
 * to write just then he waits that long, and the kernel says so by a signal: by one that is ignored, since SIGIO would end
 * the process. */
enum local_stream_use local_stream_use(int group_fd, const char *name)
{
    enum local_stream_use use = LOCAL_STREAM_UNKNOWN;
    int fd = openat(group_fd, name, O_RDONLY | OPEN_FLAGS);
    if (fd < 0)
        return use;
    if (fcntl(fd, F_SETSIG, SIGURG) == 0) {
        if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
            use = LOCAL_STREAM_FREE;
        else if (errno == EAGAIN)
            use = LOCAL_STREAM_WRITTEN;
    }
    close(fd); /* and with it the lease */
    return use;
}

/* Only a regular file can be emptied. One with another name is not: what is written to it is found under that name, and what
 * is there may be somebody's. */
static bool can_be_emptied(const struct statx *place)
{
    return S_ISREG(place->stx_mode) && place->stx_nlink == 1;
}

bool local_stream_is_idle(int group_fd, const char *name, const struct statx *place)
{
    return can_be_emptied(place) && place->stx_size == 0 && local_stream_use(group_fd, name) == LOCAL_STREAM_WRITTEN;
}

static bool may_be_written(int group_fd, const char *name, const struct statx *place)
{
    return !(place->stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) &&
           faccessat(group_fd, name, W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether it is open only matters where the one thing is possible and the other is not. */
const char *local_stream_refusal(int group_fd, const char *name, const struct statx *place, const char *refusal)
{
    if (!can_be_emptied(place))
        return refusal;
    bool writable = may_be_written(group_fd, name, place);
    if (!refusal == writable || local_stream_use(group_fd, name) != LOCAL_STREAM_WRITTEN)
        return refusal;
    return writable ? NULL : CANNOT_BE_EMPTIED;
}

/* Another file may have the name by now. */
static bool is_still(int fd, const struct statx *seen)
{
    struct statx place;
    return local_look(fd, "", &place) && place.stx_ino == seen->stx_ino && place.stx_mnt_id == seen->stx_mnt_id &&
           can_be_emptied(&place);
}

static enum ops_removal refuse_to_empty(int number, const char **ret_why)
{
    *ret_why = number == EACCES || number == EPERM ? CANNOT_BE_EMPTIED : strerror(number);
    return OPS_FAILED;
}

/* seen is what was found to be written to. */
static enum ops_removal empty_stream(int group_fd, const char *name, const struct statx *seen, const char **ret_why)
{
    int fd = openat(group_fd, name, O_WRONLY | OPEN_FLAGS);
    if (fd < 0) {
        bool may_pass = errno == EAGAIN || errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        return may_pass || errno == ENOENT || errno == ELOOP ? OPS_RETRY : refuse_to_empty(errno, ret_why);
    }
    enum ops_removal outcome = OPS_RETRY;
    if (is_still(fd, seen))
        outcome = ftruncate(fd, 0) == 0 ? OPS_REMOVED : refuse_to_empty(errno, ret_why);
    close(fd); /* nothing was written through it */
    return outcome;
}

static bool is_written(const struct local_remover *remover, const char *name, struct statx *ret_place)
{
    return local_look(remover->root_fd, name, ret_place) && ret_place->stx_mnt_id == remover->mount_id &&
           can_be_emptied(ret_place) && local_stream_use(remover->root_fd, name) == LOCAL_STREAM_WRITTEN;
}

enum ops_removal local_stream_remove(struct local_remover *remover, struct ops_view key, const char **ret_why)
{
    char name[NAME_MAX + 1];
    struct statx place;
    if (!local_component_valid(key.data, key.length) || memchr(key.data, '/', key.length))
        return local_remover_remove(remover, key, ret_why);
    memcpy(name, key.data, key.length);
    name[key.length] = '\0';
    if (local_remover_keeps(remover, remover->root_fd, name) || !is_written(remover, name, &place))
        return local_remover_remove(remover, key, ret_why);
    remover->out_of_sight = false;
    return empty_stream(remover->root_fd, name, &place, ret_why);
}
