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

/* Removes keys one after the other, and the directories that this leaves empty. */
struct local_remover {
    int root_fd; /* borrowed */
    dev_t device;
    int parent_fd;         /* of the last key; root_fd, or owned; -1 when it could not be opened */
    int parent_errno;      /* why */
    struct ops_buf parent; /* its path, "" for the root */
    bool started;
};

void local_remover_begin(struct local_remover *remover, int root_fd, dev_t device);
enum ops_removal local_remover_remove(struct local_remover *remover, struct ops_view key);
void local_remover_end(struct local_remover *remover);

#endif
