/* Who must not call the invoke surface though he reaches it: a web page in the browser of somebody who may.
 *
 * A page may send any server a POST whose body is plain text or a form, without asking first, and one whose name has come to
 * mean 127.0.0.1 (DNS rebinding) reads the answers too. No browser sends such a request without one of these: the header
 * Origin, Sec-Fetch-Site that tells of a page, a media type that pages send, or a Host that is a name of somebody's. No page
 * connects to a unix socket, so there the last two may be what they are: curl calls JSON a form.
 */
#ifndef OPS_SURFACES_INVOKE_GUARD_H
#define OPS_SURFACES_INVOKE_GUARD_H

#include "base/error.h"
#include "surfaces/wire/server.h"

/* port: where we listen, which a client must have meant; 0: on a unix socket. OPS_INVALID_FIELD, with the header as field, or
 * OPS_OK. */
enum ops_status ops_invoke_guard(const struct ops_wire_request *request, uint16_t port,
                                 struct ops_error *error) OPS_MUST_USE;

#endif
