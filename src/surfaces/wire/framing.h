/* How a request is framed: whether everybody on its way reads it as the same request, with the same end.
 *
 * The HTTP library is lenient. Where a proxy before us reads a head otherwise than it, somebody can hide a request in
 * another's (RFC 9112, sections 2.2, 3.2, 5 and 6.3); so what can be read in two ways is refused.
 */
#ifndef OPS_SURFACES_WIRE_FRAMING_H
#define OPS_SURFACES_WIRE_FRAMING_H

#include "base/view.h"

#include <stdbool.h>

struct MHD_Connection;

struct ops_wire_fault {
    const char *field; /* the header, or "head" */
    const char *sentence;
    int http_status; /* 0: 400 */
};

/* The parts of a request line, where the library has left them; they last as long as the request. */
struct ops_request_line {
    const char *method;
    const char *target;     /* without its query, which stands behind it */
    const char *target_end; /* of ops_target_end */
    const char *version;
    struct ops_view authority; /* of a target in absolute form; else its data is NULL */
};

/* The end of a target and its query, before the library has cut anything out of it. NULL: there is a byte in it that must
 * not be. */
const char *ops_target_end(const char *target);

/* Whether the library must be told to be strict itself, since how it reads lines can't be seen in what it leaves. */
bool ops_framing_needs_strict_library(void);

/* NULL: there is nothing wrong with it. Static. To be asked before anything of the body is read. */
const struct ops_wire_fault *ops_framing_fault(struct MHD_Connection *connection, const struct ops_request_line *line);

/* The head takes more room than there is. */
extern const struct ops_wire_fault ops_framing_too_long;

/* What is wrong with a request that the library refuses with http_status, as far as can be told. Static. */
const struct ops_wire_fault *ops_framing_refused(struct MHD_Connection *connection, unsigned http_status);

#endif
