/* One HTTP exchange, over TCP, TLS or a unix socket. */
#ifndef OPS_PORTS_HTTP_CLIENT_H
#define OPS_PORTS_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/error.h"

enum { OPS_HTTP_HEADERS_MAX = 16 };

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
    struct ops_view body;     /* sent when data is not NULL */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;       /* for the whole exchange */
};

struct ops_http_response {
    int status;
    struct ops_buf body; /* init with the most that the caller takes; the client appends */
};

struct ops_http_client;

struct ops_http_client_ops {
    /* OPS_OK: an answer came whole, whatever its status. OPS_UNREACHABLE: no connection, surely nothing was sent.
     * OPS_UNKNOWN: the connection broke or the time ran out afterwards. OPS_LIMIT: the answer is larger than the buffer
     * takes. OPS_NO_MEMORY. error says in a sentence what happened. TLS certificates are always verified. */
    enum ops_status (*exchange)(struct ops_http_client *self, const struct ops_http_request *request,
                                struct ops_http_response *ret_response, struct ops_error *error);
    void (*release)(struct ops_http_client *self);
};

/* Embed as the first member. exchange is thread-safe. */
struct ops_http_client {
    const struct ops_http_client_ops *ops;
};

static inline enum ops_status OPS_MUST_USE ops_http_exchange(struct ops_http_client *client,
                                                             const struct ops_http_request *request,
                                                             struct ops_http_response *ret_response,
                                                             struct ops_error *error)
{
    return client->ops->exchange(client, request, ret_response, error);
}

static inline void ops_http_client_release(struct ops_http_client *client)
{
    if (client)
        client->ops->release(client);
}

#endif
