/* The HTTP surface: what API Gateway fronts. It reads and never changes anything; see the operations with a route in
 * app/call.h. Beside them stand GET /ops/openapi.yaml and, for Prometheus, GET /metrics; and for whoever watches over the
 * process GET /healthz, which says that it is there, and GET /readyz, which says that it works or what keeps it from that.
 *
 * A POST takes its inputs from a JSON body, which may be {} but not empty; a GET takes them from the query.
 */
#ifndef OPS_SURFACES_HTTP_SERVER_H
#define OPS_SURFACES_HTTP_SERVER_H

#include "app/call.h"
#include "base/slot.h"
#include "surfaces/wire/limits.h"
#include "surfaces/wire/traffic.h"

enum {
    OPS_HTTP_BODY_MAX_BYTES = 64 * 1024,
    OPS_HTTP_CONNECTIONS_PER_ADDRESS = 1024, /* where config says nothing: a quarter of all */
};

/* Appends a line for each thing that keeps the process from working, "sweep: ...\n". From any of the server's threads;
 * cheap. */
typedef void (*ops_http_ready_fn)(void *context, struct ops_buf *reasons);

/* All but tls is borrowed; openapi, traffic and hosts outlive the server. */
struct ops_http_config {
    const char *host;              /* an address or a name, without brackets; "*": all addresses */
    uint16_t port;                 /* 0: the kernel picks one */
    struct ops_shared *tls;        /* of ops_tls_read (surfaces/wire/tls.h), whose hold is taken; NULL: no TLS */
    unsigned threads;              /* 0: as many as the wire thinks fit */
    struct ops_wire_limits limits; /* connections_per_party 0: OPS_HTTP_CONNECTIONS_PER_ADDRESS */
    struct ops_view openapi;       /* what GET /ops/openapi.yaml answers; empty: there is no such route */
    struct ops_traffic *traffic;   /* where answers are counted, and what GET /metrics tells of; NULL: no such route */
    const char *const *hosts;      /* names that a request's Host may have besides loopback's, up to NULL; NULL: any */
    ops_http_ready_fn ready;       /* what GET /readyz asks besides the store; NULL: nothing */
    void *ready_context;
    const char *proof_token;       /* see base/proof.h; outlives the server; NULL: it proves nothing */
    struct ops_log *access_log;    /* a line for each answer; NULL: none */
};

struct ops_http_server;

/* Listens and answers from its own threads until it is stopped. app outlives it. OPS_USAGE: the host can't be resolved.
 * OPS_IO_ERROR: the address can't be listened on. OPS_NO_MEMORY. config's tls is taken whatever comes of it. */
enum ops_status ops_http_server_start(struct ops_app *app, const struct ops_http_config *config,
                                      struct ops_http_server **ret_server, struct ops_error *error) OPS_MUST_USE;

uint16_t ops_http_server_port(const struct ops_http_server *server);

/* "127.0.0.1:8080": what its host turned out to stand for, whoever else listens on another address of that name. */
const char *ops_http_server_bound(const struct ops_http_server *server);

/* As ops_wire_server_replace_tls: new connections are shown this. Takes the caller's hold. */
void ops_http_server_replace_tls(struct ops_http_server *server, struct ops_shared *tls);

/* Lets requests under way finish, for a few seconds at most. NULL is fine. */
void ops_http_server_stop(struct ops_http_server *server);

#endif
