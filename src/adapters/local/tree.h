/* A directory tree as a set of keys: the paths, relative to its root, of everything below it that is no directory. Links,
 * sockets and pipes are keys too, so that nothing is left behind, and are removed themselves: none is ever opened or
 * followed. A directory that is empty, or would be left behind empty, is a key with a final '/'. Private to this folder.
 *
 * A walk gives the keys in byte order and keeps a bounded window of names for each directory on its way, however many there
 * are. A key can't reach outside: each of its components is opened below the one before, never through a link.
 *
 * One bad place does not stop a walk: a directory that can't be opened or listed, that is nested too deep or has too long a
 * path, or at which something is mounted, and a file of which nothing can be told, is a remark, and the walk goes on behind
 * it. What is wrong with the root, or with the whole file system or process (no descriptors, no memory), is a status.
 */
#ifndef OPS_ADAPTERS_LOCAL_TREE_H
#define OPS_ADAPTERS_LOCAL_TREE_H

#include "adapters/local/kept.h"
#include "base/buf.h"
#include "ports/target.h"

#include <limits.h>
#include <sys/stat.h>

#define LOCAL_TREE_DEPTH_MAX 100 /* a text shows it */

enum { LOCAL_KEY_MAX_BYTES = PATH_MAX };

/* Opens a directory that is reached from data_dir (links in its own path are fine) by the components of relative, none of
 * which may be a link. OPS_TARGET_MISSING, OPS_TARGET_ERROR. */
enum ops_status local_tree_open(const char *data_dir, const char *relative, int *ret_fd,
                                struct ops_error *error) OPS_MUST_USE;

struct local_tree_level;

struct local_walk_options {
    int root_fd;            /* borrowed, as all of these */
    uint64_t mount_id;      /* of the root: other mounts are not entered */
    const char *name;       /* for error texts: "bucket pvm-data" */
    const struct local_kept *kept; /* files that are no keys; what it says changes between two calls only */
    struct ops_view prefix;        /* only keys that begin with it */
    bool exact;                    /* only the key that is the prefix */
    bool flat;              /* directories below the root are not entered */
    struct ops_view after;  /* only keys behind it; needed by begin only */
    struct ops_view until;  /* only keys up to and with it; "" for all */
};

/* Keys after a bound, in order. Zeroed means not begun. */
struct local_walk {
    struct local_walk_options options;
    struct ops_remarks *remarks; /* where it tells of what it passes over; NULL: nobody asks */
    struct local_tree_level *levels[LOCAL_TREE_DEPTH_MAX];
    size_t depth;
    size_t passed_over_count; /* what could not be looked into so far */
    struct ops_buf path;      /* of the innermost directory, with a final '/'; then of the key */
};

/* What a walk came to. */
struct local_found {
    struct ops_view key; /* with a NUL behind it, until the next call; empty: there are no more */
    int64_t size_bytes;
    struct statx place;  /* of a directory the type only; no mode where it could not be looked at */
    const char *refusal; /* why it could not be removed, as far as can be told; NULL: it could. Static */
    bool kept;           /* it stays, since it is the file of something else */
};

enum ops_status local_walk_begin(struct local_walk *walk, const struct local_walk_options *options,
                                 struct ops_error *error) OPS_MUST_USE;
enum ops_status local_walk_next(struct local_walk *walk, struct local_found *ret_found,
                                struct ops_error *error) OPS_MUST_USE;
void local_walk_end(struct local_walk *walk); /* also a zeroed one */

#endif
