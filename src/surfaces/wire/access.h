/* The access log: a line for each request that was answered, without what a log must not have. Neither query, headers nor
 * body are in it, and of the target only the path. */
#ifndef OPS_SURFACES_WIRE_ACCESS_H
#define OPS_SURFACES_WIRE_ACCESS_H

#include "ports/log.h"
#include "surfaces/wire/server.h"

void ops_access_tell(struct ops_log *log, enum ops_surface surface, const struct ops_wire_request *request,
                     const struct ops_wire_reply *reply, int64_t duration_ns);

#endif
