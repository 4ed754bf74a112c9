/* An HTTP server with one thread, for tests of clients. It answers by the path of the request:
 *
 *   /echo         200 with the request itself, head and body
 *   /<n>          status n, no body
 *   /moved        302 to /echo
 *   /big          200 with HTTP_SERVER_BIG_BYTES bytes
 *   /chunked      200 with "whole" in chunks
 *   /headers      200 with X-Short: short, X-Twice: one and two, and X-Long, of HTTP_SERVER_LONG_BYTES letters
 *   /gather/<n>   200, but only when n such requests wait for it
 *   /last         200, and then closes without having said that it would
 *   /used         200 as the first request on a connection; closes without an answer when there were others before
 *   /close        closes as soon as it has the request
 *   /cut          the head of an answer and half of its body, then closes
 *   /cut-chunked  likewise, in chunks
 *   /reset        likewise, then resets the connection
 *   /silent       nothing, ever
 *
 * It answers a HEAD without a body, and takes an absolute URL for its path, as a proxy would.
 */
#ifndef OPS_TESTS_HTTP_SERVER_H
#define OPS_TESTS_HTTP_SERVER_H

#include "support/scratch.h"

#include <pthread.h>
#include <stdatomic.h>

enum { HTTP_SERVER_BIG_BYTES = 100000, HTTP_SERVER_LONG_BYTES = 400 };

struct http_connection;

struct http_server {
    pthread_t thread;
    int listener;
    int stop[2]; /* a pipe */
    int port;    /* 0: on a unix socket, which is "s" in the directory */
    char directory[SCRATCH_SIZE];
    struct http_connection *connections;
    atomic_int accepted; /* connections */
    atomic_int closed;   /* connections that it has closed by itself */
    atomic_int requests; /* that came whole */
};

/* Each fails the test when it can't. */
void http_server_start(struct http_server *server);
void http_server_start_unix(struct http_server *server);
void http_server_stop(struct http_server *server);

#endif
