/* The sidecar of the gate: the same cached answer for proxies and for services in any language, over HTTP.
 *
 *     any method /gate          204 while the service may answer, else the ready 503
 *     any method /gate/ok...    200, or 403 with the same headers and body, whatever follows: for Envoy, which takes nothing
 *                               else for a yes, any 5xx for a sidecar in trouble, and puts its own path behind this one
 *     any method /gate/deny     204, or 403 with the same headers, for nginx's auth_request, which takes no other no
 *     any method /gate/answer   the ready 503, for the proxy to send; also when the window has just ended
 *     GET /metrics              counters, as Prometheus reads them
 *     GET /healthz              200: the sidecar itself is there
 *
 * Where the proxy says what it was asked for itself (X-Original-Method and X-Original-URI, or X-Forwarded-Method and
 * X-Forwarded-Uri; to /gate/ok also by its method and by what follows), OPTIONS and the health paths of the configuration
 * pass.
 */
#ifndef OPS_SURFACES_GATE_SERVER_H
#define OPS_SURFACES_GATE_SERVER_H

#include "base/error.h"
#include "opsgate.h"

#include <stdint.h>

/* All text is borrowed. */
struct ops_gate_server_config {
    const char *listen; /* "HOST:PORT", "[IPV6]:PORT" (port 0: the kernel picks one), or "unix:PATH" */
    unsigned threads;   /* 0: as many as the wire thinks fit */
};

struct ops_gate_server;

/* Answers from its own threads until it is stopped; gate outlives it. OPS_USAGE: listen says nothing that can be listened
 * on. OPS_IO_ERROR: it can't be listened on now. OPS_NO_MEMORY. */
enum ops_status ops_gate_server_start(opsgate *gate, const struct ops_gate_server_config *config,
                                      struct ops_gate_server **ret_server, struct ops_error *error) OPS_MUST_USE;

/* "http://127.0.0.1:9180" or "unix:/run/gate.sock", with the port that was picked. */
const char *ops_gate_server_address(const struct ops_gate_server *server);

void ops_gate_server_stop(struct ops_gate_server *server); /* NULL is fine */

#endif
