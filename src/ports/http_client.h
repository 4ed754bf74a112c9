/* HTTP exchanges, one or many side by side, over TCP, TLS or a unix socket. */
#ifndef OPS_PORTS_HTTP_CLIENT_H
#define OPS_PORTS_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/error.h"
#include "base/url.h"

enum {
    OPS_HTTP_HEADERS_MAX = 16,
    OPS_HTTP_WANTED_MAX = 4,
    OPS_HTTP_VALUE_SIZE = 256,
};

struct ops_http_header {
    const char *name;
    const char *value;
};

/* All text borrowed for the call. */
struct ops_http_request {
    const char *method;
    const char *url;         /* http:// or https://; with a unix socket the host is only a name */
    const char *socket_path; /* NULL: by the URL's host and port */
    struct ops_http_header headers[OPS_HTTP_HEADERS_MAX];
    size_t header_count;
    struct ops_view body; /* sent when data is not NULL */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;      /* for the whole exchange */
    bool on_open_connection; /* sent on a connection that an exchange before has left open, or not at all: OPS_UNREACHABLE */
};

/* Whom it asks, for an error's text: the socket, or the URL without what is secret in it. */
const char *ops_http_request_shown(const struct ops_http_request *request, char shown[static OPS_URL_SHOWN_SIZE]);

/* A header of the answer that the caller wants to see. */
struct ops_http_wanted {
    const char *name;                /* NULL: not in use */
    char value[OPS_HTTP_VALUE_SIZE]; /* "" when it did not come; cut when it is longer; the last one when it came twice */
};

struct ops_http_response {
    int status;
    struct ops_buf body; /* the client appends */
    struct ops_http_wanted wanted[OPS_HTTP_WANTED_MAX];
};

/* An empty answer that takes a body of at most body_limit_bytes. Release its body when done. */
static inline void ops_http_response_init(struct ops_http_response *response, size_t body_limit_bytes)
{
    memset(response, 0, sizeof *response);
    ops_buf_init(&response->body, body_limit_bytes);
}

/* One of many that are carried out side by side. */
struct ops_http_exchange {
    const struct ops_http_request *request;
    struct ops_http_response *response;
    struct ops_error *error; /* may be NULL */
    enum ops_status status;  /* out: as ops_http_exchange returns it */
};

struct ops_http_client;

struct ops_http_client_ops {
    /* OPS_OK: an answer came whole, whatever its status. OPS_UNREACHABLE: no connection, surely nothing was sent.
     * OPS_UNKNOWN: the connection broke or the time ran out afterwards. OPS_LIMIT: the answer is larger than the buffer
     * takes. OPS_NO_MEMORY. error says in a sentence what happened. TLS certificates are always verified. */
    enum ops_status (*exchange)(struct ops_http_client *self, const struct ops_http_request *request,
                                struct ops_http_response *ret_response, struct ops_error *error);
    /* Carries out count exchanges, at most width (1 or more) of them at a time, in any order, and fills the status of each.
     * One that has not begun after begin_within_ms is not begun any more: OPS_UNREACHABLE. Returns when all are over. May be
     * left out: then they are carried out one after the other. */
    void (*exchange_all)(struct ops_http_client *self, struct ops_http_exchange *exchanges, size_t count, size_t width,
                         int64_t begin_within_ms);
    void (*release)(struct ops_http_client *self);
};

/* Embed as the first member. exchange and exchange_all are thread-safe. */
struct ops_http_client {
    const struct ops_http_client_ops *ops;
};

static inline enum ops_status OPS_MUST_USE ops_http_exchange(struct ops_http_client *client,
                                                             const struct ops_http_request *request,
                                                             struct ops_http_response *ret_response, struct ops_error *error)
{
    return client->ops->exchange(client, request, ret_response, error);
}

void ops_http_exchange_all(struct ops_http_client *client, struct ops_http_exchange *exchanges, size_t count, size_t width,
                           int64_t begin_within_ms);

static inline void ops_http_client_release(struct ops_http_client *client)
{
    if (client)
        client->ops->release(client);
}

#endif
