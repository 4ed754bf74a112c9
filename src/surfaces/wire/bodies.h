/* The bodies of all requests of a server, which together have a limit: each may be small and all of them not.
 *
 * A small one needs no share of it, so that no flood of large ones keeps it out. They count while they are under way, whole
 * ones too until they are answered.
 */
#ifndef OPS_SURFACES_WIRE_BODIES_H
#define OPS_SURFACES_WIRE_BODIES_H

#include "base/buf.h"

#include <stdatomic.h>

enum { OPS_BODY_FREE_BYTES = 4096 /* that each has without a share */ };

struct ops_bodies {
    size_t limit_bytes;
    atomic_size_t taken_bytes;
};

struct ops_body_bytes {
    struct ops_buf buf;
    size_t taken_bytes; /* its share */
};

void ops_bodies_init(struct ops_bodies *bodies, size_t limit_bytes);
void ops_body_bytes_init(struct ops_body_bytes *body, size_t max_bytes); /* allocates nothing */

/* OPS_PAYLOAD_TOO_LARGE: more than this body may have. OPS_THROTTLED: more than the others leave. OPS_NO_MEMORY. After each
 * of these the body is forgotten. From any thread, but one at a time for a body. */
enum ops_status ops_bodies_append(struct ops_bodies *bodies, struct ops_body_bytes *body, const char *bytes,
                                  size_t length) OPS_MUST_USE;

/* Overwrites and frees it, and gives back its share; it may be used again. */
void ops_bodies_forget(struct ops_bodies *bodies, struct ops_body_bytes *body);

#endif
