/* A gate's source: OPS itself, by GET /ops/ping. */
#ifndef OPS_ADAPTERS_GATE_PING_SOURCE_H
#define OPS_ADAPTERS_GATE_PING_SOURCE_H

#include "ports/gate_source.h"
#include "ports/http_client.h"

/* url: http:// or https://, and what comes before /ops/ping, with /ops or all of that or without; copied. Takes client, also
 * on failure. OPS_NO_MEMORY, OPS_LIMIT: the URL is too long. */
enum ops_status ops_gate_ping_source_new(const char *url, struct ops_http_client *client,
                                         struct ops_gate_source **ret_source) OPS_MUST_USE;

#endif
