/* A directory tree as a set of keys: the paths, relative to its root, of everything below it that is no directory. Links,
 * sockets and pipes are keys too, so that nothing is left behind, and are removed themselves: none is ever opened or
 * followed. Private to this folder.
 *
 * A walk gives the keys in byte order and keeps a bounded window of names for each directory on its way, however many there
 * are. A key can't reach outside: each of its components is opened below the one before, never through a link.
 */
#ifndef OPS_ADAPTERS_LOCAL_TREE_H
#define OPS_ADAPTERS_LOCAL_TREE_H

#include "base/buf.h"
#include "ports/target.h"

#include <sys/stat.h>

enum { LOCAL_TREE_DEPTH_MAX = 100 };

/* A component that may be opened: not empty, not "." and not "..". */
bool local_component_valid(const char *name, size_t length);

/* Opens the directory path below fd, component by component. -1 and errno on failure; fd itself stays open. A path has one
 * spelling only: one with a slash too many would name a directory that a guard knows by another name. */
int local_open_below(int fd, const char *path, size_t length);

void local_path_truncate(struct ops_buf *path, size_t length);

/* Opens a directory that is reached from data_dir (links in its own path are fine) by the components of relative, none of
 * which may be a link. OPS_TARGET_MISSING, OPS_TARGET_ERROR. */
enum ops_status local_tree_open(const char *data_dir, const char *relative, int *ret_fd,
                                struct ops_error *error) OPS_MUST_USE;

struct local_tree_level;

/* Keys after a bound, in order. Zeroed means not begun. */
struct local_walk {
    int root_fd; /* borrowed */
    dev_t device;
    const char *name;       /* for error texts; borrowed */
    struct ops_view prefix; /* only keys that begin with it; borrowed */
    bool flat;              /* directories below the root are not entered */
    struct local_tree_level *levels[LOCAL_TREE_DEPTH_MAX];
    size_t depth;
    struct ops_buf path; /* of the innermost directory, with a final '/'; then of the key */
};

enum ops_status local_walk_begin(struct local_walk *walk, int root_fd, const char *name, struct ops_view prefix, bool flat,
                                 struct ops_view after, struct ops_error *error) OPS_MUST_USE;

/* The next key, valid until the next call. An empty key says that there are no more. */
enum ops_status local_walk_next(struct local_walk *walk, struct ops_view *ret_key, int64_t *ret_size_bytes,
                                struct ops_error *error) OPS_MUST_USE;
void local_walk_end(struct local_walk *walk); /* also a zeroed one */

#endif
