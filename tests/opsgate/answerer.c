#include "opsgate/answerer.h"

#include "support/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Up to the empty line; false when the other side went away. */
static int read_head(struct answerer *answerer, int fd)
{
    size_t length = 0;
    while (length < ANSWERER_REQUEST_SIZE - 1) {
        ssize_t got = recv(fd, answerer->request + length, ANSWERER_REQUEST_SIZE - 1 - length, 0);
        if (got <= 0)
            return 0;
        length += (size_t)got;
        answerer->request[length] = '\0';
        if (strstr(answerer->request, "\r\n\r\n"))
            return 1;
    }
    return 0;
}

static void send_answer(struct answerer *answerer, int fd)
{
    const char *rest = atomic_load(&answerer->answer);
    size_t left = strlen(rest);
    while (left > 0) {
        ssize_t sent = send(fd, rest, left, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        rest += sent;
        left -= (size_t)sent;
    }
}

/* One connection after the other, each with one request. */
static void *serve(void *context)
{
    struct answerer *answerer = context;
    for (;;) {
        int fd = accept(answerer->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        if (read_head(answerer, fd))
            send_answer(answerer, fd);
        (void)shutdown(fd, SHUT_RDWR);
        (void)close(fd);
    }
}

void answerer_start(struct answerer *answerer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    answerer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(answerer->listener >= 0);
    assert_int_equal(bind(answerer->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(answerer->listener, 16), 0);
    assert_int_equal(getsockname(answerer->listener, (struct sockaddr *)&address, &length), 0);
    answerer->port = ntohs(address.sin_port);
    atomic_store(&answerer->answer, "");
    assert_int_equal(pthread_create(&answerer->thread, NULL, serve, answerer), 0);
}

void answerer_stop(struct answerer *answerer)
{
    (void)shutdown(answerer->listener, SHUT_RDWR); /* wakes accept, with a failure */
    (void)pthread_join(answerer->thread, NULL);
    (void)close(answerer->listener);
}
