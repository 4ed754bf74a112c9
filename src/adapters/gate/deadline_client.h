/* An HTTP client over another one, for whoever has only so much time in all: what stands behind it may try as often as it
 * likes, and sleep in between, but when the time is up every exchange fails at once.
 */
#ifndef OPS_ADAPTERS_GATE_DEADLINE_CLIENT_H
#define OPS_ADAPTERS_GATE_DEADLINE_CLIENT_H

#include "ports/clock.h"
#include "ports/http_client.h"

/* One thread at a time. */
struct ops_gate_deadline_client {
    struct ops_http_client base; /* first: this is the client; releasing it does nothing */
    struct ops_http_client *inner;
    struct ops_clock *clock;
    int64_t until_ms; /* monotonic */
};

/* inner and clock are borrowed and outlive it. There is no time before the first begin. */
void ops_gate_deadline_client_init(struct ops_gate_deadline_client *client, struct ops_http_client *inner,
                                   struct ops_clock *clock);

/* From now on there is that much time. */
void ops_gate_deadline_client_begin(struct ops_gate_deadline_client *client, int64_t timeout_ms);

#endif
