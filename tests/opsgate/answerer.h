/* An HTTP server that says what it is told to, to everyone who asks: a text as it is, head and body. It allocates nothing,
 * so that a sweep over failing allocations is not disturbed by it.
 */
#ifndef OPS_TESTS_OPSGATE_ANSWERER_H
#define OPS_TESTS_OPSGATE_ANSWERER_H

#include <pthread.h>
#include <stdatomic.h>

enum { ANSWERER_REQUEST_SIZE = 4096 };

struct answerer {
    pthread_t thread;
    int listener;
    int port;
    _Atomic(const char *) answer;
    char request[ANSWERER_REQUEST_SIZE]; /* the head of the last one; whole once it is answered */
};

/* Fails the test when it can't. */
void answerer_start(struct answerer *answerer);
void answerer_stop(struct answerer *answerer);

#endif
