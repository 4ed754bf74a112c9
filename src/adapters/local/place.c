#include "adapters/local/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { WANTED = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_INO | STATX_SIZE | STATX_MNT_ID };

int local_open_below(int fd, const char *path, size_t length)
{
    if (length > 0 && path[length - 1] == '/') {
        errno = EINVAL;
        return -1;
    }
    int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    while (at >= 0 && length > 0) {
        const char *slash = memchr(path, '/', length);
        size_t component = slash ? (size_t)(slash - path) : length;
        char name[NAME_MAX + 1];
        int next = -1;
        if (local_component_valid(path, component)) {
            memcpy(name, path, component);
            name[component] = '\0';
            next = openat(at, name, LOCAL_DIRECTORY_FLAGS);
        } else {
            errno = EINVAL;
        }
        int reason = errno;
        close(at);
        errno = reason;
        at = next;
        path += component + (slash ? 1 : 0);
        length -= component + (slash ? 1 : 0);
    }
    return at;
}

const char *local_printable(struct ops_view key, char ret_text[static OPS_REMARK_NAME_SIZE])
{
    struct ops_remarks one = {.count = 0};
    ops_remarks_add(&one, OPS_REMARK_REFUSED, key, "");
    memcpy(ret_text, one.first[0].name, OPS_REMARK_NAME_SIZE);
    return ret_text;
}

void local_path_truncate(struct ops_buf *path, size_t length)
{
    if (path->data) {
        path->length = length;
        path->data[length] = '\0';
    }
}

/* ---- Mounts ---- */

/* "mnt_id:	29" is a line of /proc/.../fdinfo since Linux 3.15, also for a descriptor that opened nothing. */
static bool mount_of_descriptor(int fd, uint64_t *ret_mount_id)
{
    static const char member[] = "mnt_id:";
    char path[64], text[1024];
    (void)snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = info >= 0 ? read(info, text, sizeof text - 1) : -1;
    int reason = errno;
    if (info >= 0)
        close(info);
    text[length > 0 ? length : 0] = '\0';
    const char *found = strstr(text, member);
    if (found)
        *ret_mount_id = strtoull(found + sizeof member - 1, NULL, 10);
    errno = info < 0 && (reason == EMFILE || reason == ENFILE || reason == ENOMEM) ? reason : EOPNOTSUPP;
    return found;
}

/* What is at a descriptor, but for the mount. */
static bool look_at_descriptor(int fd, struct statx *ret_place)
{
    struct stat info;
    if (statx(fd, "", AT_EMPTY_PATH, WANTED, ret_place) == 0)
        return true;
    if (fstat(fd, &info) != 0)
        return false;
    *ret_place = (struct statx){
        .stx_mode = (uint16_t)info.st_mode,
        .stx_nlink = (uint32_t)info.st_nlink,
        .stx_uid = info.st_uid,
        .stx_ino = info.st_ino,
        .stx_size = (uint64_t)info.st_size,
        .stx_dev_major = major(info.st_dev),
        .stx_dev_minor = minor(info.st_dev),
    };
    return true;
}

/* For a kernel or a filter that leaves statx, or the mount in it, out. */
static bool look_by_descriptor(int fd, const char *name, struct statx *ret_place)
{
    uint64_t mount_id = 0;
    int at = *name ? openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : fd; /* a path only: the thing is not opened */
    bool good = at >= 0 && look_at_descriptor(at, ret_place) && mount_of_descriptor(at, &mount_id);
    int reason = errno;
    if (at >= 0 && at != fd)
        close(at);
    ret_place->stx_mnt_id = mount_id;
    errno = reason;
    return good;
}

bool local_look(int fd, const char *name, struct statx *ret_place)
{
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);
    int result = statx(fd, name, flags, WANTED, ret_place);
    if (result == 0 && ret_place->stx_mask & STATX_MNT_ID)
        return true;
    if (result != 0 && errno != ENOSYS && errno != EPERM) /* a filter's way to say no is one of the two */
        return false;
    return look_by_descriptor(fd, name, ret_place);
}

/* Whoever goes into a mount on the way down is still in it, or in another, at the end. */
int local_open_inside(int fd, uint64_t mount_id, const char *path, size_t length)
{
    struct statx place;
    int inside = local_open_below(fd, path, length);
    if (inside < 0)
        return -1;
    int reason = local_look(inside, "", &place) ? EXDEV : errno;
    if (reason == EXDEV && place.stx_mnt_id == mount_id)
        return inside;
    close(inside);
    errno = reason;
    return -1;
}
