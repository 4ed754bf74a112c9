/* HTTP/1.1 as far as AWS clients use it, with answers that can be spoilt on the wire.
 *
 * libmicrohttpd can't stop in the middle of an answer or reset a connection, so this is a server of its own: an epoll loop a
 * thread, all on one listening socket.
 */
#ifndef STUB_HTTP_H
#define STUB_HTTP_H

#include "base/buf.h"

enum { STUB_HEADERS_MAX = 48 };

struct stub_header {
    struct ops_view name;
    struct ops_view value;
};

/* Everything is borrowed from the connection. */
struct stub_request {
    struct ops_view method;
    struct ops_view path;  /* percent-encoded */
    struct ops_view query; /* percent-encoded, without "?" */
    struct stub_header headers[STUB_HEADERS_MAX];
    size_t header_count;
    struct ops_view body;
};

/* Empty when it did not come. */
struct ops_view stub_request_header(const struct stub_request *request, const char *name);

/* Whether a parameter is there, with a value or without one; its value goes, decoded, to the end of ret_value (may be NULL).
 */
bool stub_request_parameter(const struct stub_request *request, const char *name, struct ops_buf *ret_value);

/* Appends text with its %XX decoded. */
void stub_percent_decode(struct ops_view text, struct ops_buf *buf);

/* How the answer ends. */
enum stub_ending {
    STUB_WHOLE,
    STUB_CUT,           /* half of the body, then an orderly end of the connection */
    STUB_RESET_HALFWAY, /* half of the body, then a reset */
    STUB_RESET_AT_ONCE, /* a reset, and not one byte */
};

struct stub_answer {
    int status;
    const char *content_type; /* NULL: none */
    struct ops_buf headers;   /* further header lines, each with its CR LF */
    struct ops_buf body;
    int64_t now_ms; /* what the Date header says */
    int64_t delay_ms;
    enum stub_ending ending;
};

typedef void (*stub_answer_fn)(void *context, const struct stub_request *request, struct stub_answer *answer);

struct stub_server;

/* Listens on 127.0.0.1; port 0 picks one. answer is called from all threads at once. Ends the program when it can't. */
struct stub_server *stub_server_start(uint16_t port, size_t thread_count, stub_answer_fn answer, void *context);
uint16_t stub_server_port(const struct stub_server *server);
void stub_server_stop(struct stub_server *server); /* waits for the threads and frees */

/* Milliseconds of the wall clock. */
int64_t stub_now_ms(void);

#endif
