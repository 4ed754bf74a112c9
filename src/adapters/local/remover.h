/* Removes keys of a directory tree. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_REMOVER_H
#define OPS_ADAPTERS_LOCAL_REMOVER_H

#include "base/buf.h"
#include "ports/target.h"

#include <sys/stat.h>

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
