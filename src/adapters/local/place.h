/* What is at a name, and on which mount. Private to this folder.
 *
 * A bind mount of the same file system has the device number of what it lies in: only the mount's own number tells the two
 * apart. statx says it (Linux 5.8); where it does not, or a filter forbids the call, /proc does. Where neither does, nothing
 * is looked at at all, since nobody could say what would be emptied.
 */
#ifndef OPS_ADAPTERS_LOCAL_PLACE_H
#define OPS_ADAPTERS_LOCAL_PLACE_H

#include "base/buf.h"
#include "ports/remarks.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { LOCAL_DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

/* A component that may be opened: not empty, not "." and not "..". Inline, since a listing asks it of every name. */
static inline bool local_component_valid(const char *name, size_t length)
{
    return length > 0 && length <= NAME_MAX && !(length == 1 && name[0] == '.') &&
           !(length == 2 && name[0] == '.' && name[1] == '.') && !memchr(name, '\0', length);
}

/* Opens the directory path below fd, component by component. -1 and errno on failure; fd itself stays open. A path has one
 * spelling only: one with a slash too many would name a directory that a guard knows by another name. Mounts are entered. */
int local_open_below(int fd, const char *path, size_t length);

/* A key as an error may show it. Returns ret_text. */
const char *local_printable(struct ops_view key, char ret_text[static OPS_REMARK_NAME_SIZE]);

void local_path_truncate(struct ops_buf *path, size_t length);

/* Looks at name in the directory fd, or at fd itself where name is "": type, permissions, owner, links, inode, device,
 * size, stx_mnt_id, and the attributes that the file system tells. A link is looked at itself, nothing is opened, and no
 * automount begins. False and errno; EOPNOTSUPP: it can't be told on which mount it is. */
bool local_look(int fd, const char *name, struct statx *ret_place);

/* As local_open_below, and nothing is entered that is mounted below fd, which is on the mount mount_id: errno is EXDEV. */
int local_open_inside(int fd, uint64_t mount_id, const char *path, size_t length);

#define LOCAL_MOUNTED_HERE "something is mounted here, and mounts are not entered"

#endif
