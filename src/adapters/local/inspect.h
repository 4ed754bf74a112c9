/* What can be told of a bucket or log group before a vacuum, without reading all of it. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_INSPECT_H
#define OPS_ADAPTERS_LOCAL_INSPECT_H

#include "adapters/local/kept.h"
#include "ports/target.h"

struct local_inspection {
    int root_fd; /* borrowed, as all of these */
    uint64_t mount_id;
    const struct local_kept *kept;
    struct ops_view prefix;
    bool exact;
    bool flat; /* a log group */
};

/* Looks at the names that are highest in the tree, a few thousand at most. Adds to ret_findings. OPS_NO_MEMORY,
 * OPS_STORE_UNAVAILABLE. */
enum ops_status local_inspect(const struct local_inspection *inspection, struct ops_findings *ret_findings,
                              struct ops_error *error) OPS_MUST_USE;

#endif
