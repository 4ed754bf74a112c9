/* The question by which a client finds out whether this is the serve that it takes it for: base/proof.h. */
#ifndef OPS_SURFACES_WIRE_PROOF_H
#define OPS_SURFACES_WIRE_PROOF_H

#include "surfaces/wire/server.h"

/* Whether request was that question, and reply now has the answer. token NULL: nobody is answered here. */
bool ops_wire_prove(const char *token, enum ops_surface surface, const struct ops_wire_request *request,
                    struct ops_wire_reply *reply);

#endif
