/* Where answers are handed to the HTTP library, ours and those that it makes itself.
 *
 * What it can't read it refuses without asking: in pages of its own; for what is wrong with a length, with two heads one
 * after the other (0.9.75); to some, when its memory is used up, not at all. But it queues those refusals by the same public
 * function as everybody. This room has that function too, in front of the library's, so that the surface is asked for an
 * answer instead. That is written to the connection as it is, behind which its socket is shut down: what the library sends
 * then reaches nobody, and it closes. (To be told that its answer can't be queued it does not bear everywhere: it gives back
 * the connection's memory, and goes on to read in it.) Where a library was linked so that it does not look for its functions
 * outside (Debian's are not), it answers as it always did.
 */
#ifndef OPS_SURFACES_WIRE_QUEUE_H
#define OPS_SURFACES_WIRE_QUEUE_H

#include "base/buf.h"

#include <microhttpd.h>

/* The library refuses what came, which it would do with this status. Called in one of its threads. */
typedef void (*ops_queue_refusal_fn)(struct MHD_Connection *connection, unsigned http_status);

/* One for the process; from any thread, again and again. */
void ops_queue_on_refusal(ops_queue_refusal_fn refuse);

/* An answer of ours, as MHD_queue_response. */
enum MHD_Result ops_queue_response(struct MHD_Connection *connection, unsigned http_status, struct MHD_Response *response);

enum { OPS_QUEUE_PATIENCE_MS = 100, OPS_QUEUE_DRAIN_MAX_BYTES = 2 * 1024 * 1024 };

/* Writes a whole answer, head and body, and shuts the connection's socket down: whatever is queued, nothing more is sent.
 * Before that it reads what still comes and is there, or as long as more comes and is_awaited, since who finds a connection
 * closed while he still sends may never read his answer; for OPS_QUEUE_PATIENCE_MS at most. */
void ops_queue_directly(struct MHD_Connection *connection, struct ops_view answer, bool is_awaited);

#endif
