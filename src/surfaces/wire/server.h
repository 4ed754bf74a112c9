/* What the surfaces that listen have in common: a pool of threads that read requests, collect their bodies and send answers,
 * over libmicrohttpd.
 *
 * A surface hands in one function that turns a request into a reply. It is called once a request is complete, from any of
 * the threads, several at a time.
 *
 * Whoever is at the other end may be hostile: who keeps a place for too long or has too many loses it (crowd.h), what all
 * bodies together may take is limited, and a request that can be read in two ways is refused and its connection closed
 * (framing.h).
 */
#ifndef OPS_SURFACES_WIRE_SERVER_H
#define OPS_SURFACES_WIRE_SERVER_H

#include "app/call.h"
#include "base/slot.h"
#include "surfaces/wire/framing.h"
#include "surfaces/wire/limits.h"
#include "surfaces/wire/traffic.h"

struct MHD_Connection;

enum {
    OPS_WIRE_CONNECTION_MEMORY_BYTES = 16 * 1024,  /* request line, headers and buffers of one connection, where the surface
                                                      names no number */
    OPS_WIRE_DISCARD_MAX_BYTES = 64 * 1024 * 1024, /* a refused body is read and dropped up to here, to keep the answer */
    OPS_WIRE_DRAIN_MAX_MS = 3000,                  /* how long stop waits for requests under way */
    OPS_WIRE_HANDOVER_MIN_BYTES = 64 * 1024,       /* smaller answers are copied, larger ones handed over */
    OPS_WIRE_THREADS_LEAST = 4, /* where the surface names no number: some of them may wait for a store, for USM or a hash */
    OPS_WIRE_THREADS_MAX = 64,
    OPS_WIRE_HEADERS_MAX = 4,
};

/* All borrowed, for the length of the call. */
struct ops_wire_request {
    struct MHD_Connection *connection;
    const char *method;
    const char *target;   /* as it was sent: not decoded, but without its query */
    struct ops_view path; /* of target, without scheme and authority */
    bool has_body;
    enum ops_status body_status; /* OPS_OK, OPS_PAYLOAD_TOO_LARGE, OPS_NO_MEMORY, or OPS_THROTTLED: there was no room for it
                                    beside the others; body is what came, or empty */
    struct ops_view body;
    const struct ops_wire_fault *fault; /* NULL; else it is to be refused with 400 and OPS_INVALID_FIELD, and nothing in it
                                           is to be trusted; of one that the library could not read there may be but the
                                           begin of the path, or none ("") */
    struct ops_view authority;          /* of a target in absolute form; else empty */
    struct ops_turn *turn;              /* the request's, for its call of app; NULL: it can't wait */
};

struct ops_wire_header {
    const char *name;
    const char *value;
};

/* One for each thread, used again and again: what a surface leaves here is sent. */
struct ops_wire_reply {
    struct ops_answer answer; /* for the surface's calls of app; keeps its memory */
    struct ops_buf scratch;   /* for a body that the surface makes itself; keeps its memory */
    int http_status;
    struct ops_view body; /* answer's, scratch's or a static one */
    bool body_is_static;
    const char *content_type; /* NULL: none */
    int64_t retry_after_seconds;
    bool is_probe;   /* of whoever watches over the process, again and again: logs leave it out */
    int64_t wait_ms; /* above 0: nothing is sent yet; the request comes again after so long, and holds no thread till then */
    struct ops_wire_header headers[OPS_WIRE_HEADERS_MAX]; /* borrowed until the reply is sent */
    size_t header_count;
    char request_id[64]; /* room for a header's value */
    unsigned line;       /* the thread's, for counting; the server's own */
};

typedef void (*ops_wire_answer_fn)(void *context, const struct ops_wire_request *request, struct ops_wire_reply *reply);
typedef void (*ops_wire_leave_fn)(void *context, struct ops_turn *turn);

struct ops_wire_config {
    ops_wire_answer_fn answer;
    ops_wire_leave_fn leave; /* NULL: requests never wait. Else called for one that has a place in a line and won't be back:
                                its client has gone, or the server stops, before it comes once more, without a turn */
    void *context;
    size_t body_max_bytes;
    size_t connection_memory_bytes; /* 0: OPS_WIRE_CONNECTION_MEMORY_BYTES. A head may take all but 2 KiB of it; each of its
                                       headers, cookies and arguments takes 64 bytes besides its own, and a cookie counts
                                       twice */
    bool awaits_rest; /* who is refused in the midst of a head may send more of it, and is sure to have the answer. It holds
                         the thread, for OPS_QUEUE_PATIENCE_MS at most, so others than the gate wait for one client at a time
                       */
    unsigned threads; /* 0: one for each core, and OPS_WIRE_THREADS_LEAST at least */
    struct ops_wire_limits limits;
    struct ops_shared *tls;      /* of ops_tls_read; NULL: no TLS; else the caller's hold is taken */
    struct ops_traffic *traffic; /* answers are counted there, as surface's; NULL: nowhere; else it outlives the server */
    enum ops_surface surface;
    const char
        *proof_token; /* by which it proves itself (base/proof.h), borrowed for the server's life; NULL: it does not */
    struct ops_log *access_log; /* a line for each answer; NULL: none; else with traffic, and it outlives the server */
};

struct ops_wire_server;

/* Takes listen_fd when it succeeds, and config's tls whatever comes of it. OPS_IO_ERROR: the threads could not be set up,
 * with the library's words. */
enum ops_status ops_wire_server_start(int listen_fd, const struct ops_wire_config *config,
                                      struct ops_wire_server **ret_server, struct ops_error *error) OPS_MUST_USE;

/* From now on new connections are shown this; those that are there go on with what they were shown. Only for a server that
 * speaks TLS. Takes the caller's hold; from any thread. */
void ops_wire_server_replace_tls(struct ops_wire_server *server, struct ops_shared *tls);

/* Takes no further connections, lets requests under way finish for at most OPS_WIRE_DRAIN_MAX_MS, then closes all. NULL is
 * fine. */
void ops_wire_server_stop(struct ops_wire_server *server);

/* The reply is answer's envelope, with its status and Retry-After. */
void ops_wire_reply_answer(struct ops_wire_reply *reply);
void ops_wire_reply_header(struct ops_wire_reply *reply, const char *name, const char *value);

/* Who is at the other end of the connection, as the kernel says. */
void ops_wire_request_peer(const struct ops_wire_request *request, struct ops_peer *ret_peer);

/* Whom it is for: the authority of its target, or else the header Host. */
struct ops_view ops_wire_request_host(const struct ops_wire_request *request);

/* A request header, or the empty view; name is matched without regard to case. */
struct ops_view ops_wire_request_header(const struct ops_wire_request *request, const char *name);

typedef void (*ops_wire_on_argument_fn)(void *context, struct ops_view name, struct ops_view value);

/* Each name and value of the query in order, still percent-encoded but with blanks for '+'. A name without '=' has the
 * empty value. */
void ops_wire_query(const struct ops_wire_request *request, ops_wire_on_argument_fn on_argument, void *context);

extern const char ops_wire_json_type[]; /* "application/json; charset=utf-8" */

#endif
