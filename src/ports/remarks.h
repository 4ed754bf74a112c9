/* What a target has to say of things that it passed over or kept: how many, the first few by name, and why.
 *
 * A vacuum is complete only when every record in scope could be seen, compared, read and removed. What could not is a
 * remark; its number goes into the target's counters, and its name and reason into the vacuum's record, for the operator.
 */
#ifndef OPS_PORTS_REMARKS_H
#define OPS_PORTS_REMARKS_H

#include "base/status.h"
#include "base/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ops_remark_kind {
    OPS_REMARK_UNREADABLE,   /* "unreadable": a place that can't be looked into (a directory, a prefix, what is mounted
                              * there, a path that is too deep): nobody knows what is in it. One remark a place */
    OPS_REMARK_INCOMPARABLE, /* "incomparable": a record whose attribute is of a type that can't be a tenant's name */
    OPS_REMARK_IGNORED, /* "ignored": the same, where the scope says that such a record is no trouble. Counted, not named:
                         * what is known of must not push out what is not */
    OPS_REMARK_UNDELETABLE, /* "undeletable": a record, or a place with records, from which a removal would be refused, as
                             * far as can be told beforehand. Said by page; counts in a dry run only */
    OPS_REMARK_REFUSED,     /* "refused": a record that was to be removed and is still there. Said by remove */
    OPS_REMARK_KIND_COUNT
};

enum {
    OPS_REMARKS_MAX = 10,         /* that are kept with name and reason */
    OPS_REMARK_NAME_SIZE = 256,   /* bytes, with the NUL; a longer name is cut in the middle */
    OPS_REMARK_REASON_SIZE = 192, /* likewise; a longer reason is cut at its end */
};

struct ops_remark {
    enum ops_remark_kind kind;
    char name[OPS_REMARK_NAME_SIZE];     /* printable UTF-8 */
    char reason[OPS_REMARK_REASON_SIZE]; /* likewise; a clause without a full stop */
};

/* Zeroed: none. */
struct ops_remarks {
    struct ops_remark first[OPS_REMARKS_MAX];
    size_t count; /* of first */
    int64_t counts[OPS_REMARK_KIND_COUNT];
};

const char *ops_remark_kind_name(enum ops_remark_kind kind);

/* Counts one more, and keeps its name and reason while there is room. name is any bytes: what is not UTF-8, or not to be
 * printed, becomes '?'. remarks NULL: nobody asks. */
void ops_remarks_add(struct ops_remarks *remarks, enum ops_remark_kind kind, struct ops_view name, const char *reason);

/* Adds a finished list to another. */
void ops_remarks_merge(struct ops_remarks *remarks, const struct ops_remarks *more);

void ops_remarks_clear(struct ops_remarks *remarks);

/* Takes those of a kind away. */
void ops_remarks_drop(struct ops_remarks *remarks, enum ops_remark_kind kind);

#endif
