/* Which file systems this process sees, and where (proc(5), mountinfo). A directory that is mounted a second time has two
 * paths, and neither says so. Private to this folder.
 *
 * Paths here have no final slash, and the root directory is "".
 */
#ifndef OPS_ADAPTERS_LOCAL_MOUNTS_H
#define OPS_ADAPTERS_LOCAL_MOUNTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct local_mount {
    unsigned long long id;
    const char *device; /* "8:1" */
    const char *root;   /* the directory of the file system that is mounted */
    const char *point;  /* where */
    const char *upper;  /* of an overlay: the directory that is changed when something in it is, as it was mounted; else NULL */
};

/* Zeroed: none. */
struct local_mounts {
    char *text; /* what the rest points into */
    struct local_mount *list;
    size_t count;
};

/* OPS_TARGET_ERROR: the system does not tell, so nobody can say what a path leads to; OPS_STORE_UNAVAILABLE: not now. */
enum ops_status local_mounts_read(struct local_mounts *ret_mounts, struct ops_error *error) OPS_MUST_USE;

/* Likewise from a text, which it takes, also on failure. */
enum ops_status local_mounts_parse(char *text, struct local_mounts *ret_mounts, struct ops_error *error) OPS_MUST_USE;
void local_mounts_release(struct local_mounts *mounts);

/* The mount through which a path is seen that exists and has neither links nor dots in it. NULL: none of them. */
const struct local_mount *local_mounts_of(const struct local_mounts *mounts, const char *path);

/* Whether path is the directory or something in it. */
bool local_path_is_below(const char *path, const char *directory);

#endif
