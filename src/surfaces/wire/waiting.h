/* Requests that wait and hold no thread meanwhile: their connections are taken out of the HTTP library's hands, and given
 * back when their time has come, when the client has hung up, or when the server stops.
 *
 * One thread watches over all of them. The library does not look at such a connection, so it is here that a client who hangs
 * up is noticed.
 */
#ifndef OPS_SURFACES_WIRE_WAITING_H
#define OPS_SURFACES_WIRE_WAITING_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;

enum { OPS_WAITERS_MAX = 256 };

/* Part of the request's own state, which lasts as long as the request. */
struct ops_waiter {
    struct ops_waiter *next;
    struct MHD_Connection *connection;
    int64_t due_ms; /* monotonic */
};

struct ops_waiting;

/* OPS_IO_ERROR: the thread can't be started. */
enum ops_status ops_waiting_start(struct ops_waiting **ret_waiting, struct ops_error *error) OPS_MUST_USE;

/* From the library's handler of connection: it is called again for the same request after wait_ms at the latest. False:
 * there is no waiting, since too many do already or the server stops. */
bool ops_waiting_add(struct ops_waiting *waiting, struct ops_waiter *waiter, struct MHD_Connection *connection,
                     int64_t wait_ms);

/* Whether the client has gone. One who has only ended his half of the connection is taken for gone too: on TCP the two look
 * alike, and the library closes such a connection when it gets it back. */
bool ops_waiting_gone(struct MHD_Connection *connection);

/* Gives all connections back, and from then on nobody waits. */
void ops_waiting_end(struct ops_waiting *waiting);

/* After the end, once no handler can be called any more. NULL is fine. */
void ops_waiting_free(struct ops_waiting *waiting);

#endif
