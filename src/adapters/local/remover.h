/* Removes keys of a directory tree, and the directories that this leaves empty. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_REMOVER_H
#define OPS_ADAPTERS_LOCAL_REMOVER_H

#include "adapters/local/kept.h"
#include "base/buf.h"
#include "ports/target.h"

struct local_remover {
    int root_fd; /* borrowed */
    uint64_t mount_id;
    const struct local_kept *kept; /* borrowed */
    struct ops_view prefix; /* borrowed */
    int parent_fd;          /* of the last key; owned; -1 when it could not be opened */
    int parent_errno;       /* why */
    struct ops_buf parent;  /* its path, "" for the root */
    bool started;
    bool out_of_sight; /* the last key was refused since it can't be seen any more */
};

/* mount_id: of the root; nothing is removed from another mount. kept: nothing of it is removed either. prefix: a directory
 * that does not begin with it, with its final '/', is not removed for being empty. */
void local_remover_begin(struct local_remover *remover, int root_fd, uint64_t mount_id, const struct local_kept *kept,
                         struct ops_view prefix);
/* A key with a final '/' is an empty directory: one that is not empty any more is no key, and absent. *ret_why is
 * set where the outcome is OPS_FAILED: a clause, until the next call. */
enum ops_removal local_remover_remove(struct local_remover *remover, struct ops_view key, const char **ret_why);
void local_remover_end(struct local_remover *remover);

/* Why the file name in the directory fd is not removed, whoever asks, or NULL. */
const char *local_remover_keeps(const struct local_remover *remover, int fd, const char *name);

#endif
