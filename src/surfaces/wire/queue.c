#include "surfaces/wire/queue.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

typedef enum MHD_Result (*queue_fn)(struct MHD_Connection *connection, unsigned http_status, struct MHD_Response *response);

static _Atomic(ops_queue_refusal_fn) on_refusal;

/* ---- the library's function ---- */

/* POSIX has a function's address as a pointer to data. */
static queue_fn next_queue(void)
{
    static _Atomic(queue_fn) known;
    queue_fn next = atomic_load_explicit(&known, memory_order_relaxed);
    if (next)
        return next;
    union {
        void *address;
        queue_fn function;
    } found = {.address = dlsym(RTLD_NEXT, "MHD_queue_response")};
    atomic_store_explicit(&known, found.function, memory_order_relaxed);
    return found.function;
}

void ops_queue_on_refusal(ops_queue_refusal_fn refuse)
{
    atomic_store(&on_refusal, refuse);
}

enum MHD_Result ops_queue_response(struct MHD_Connection *connection, unsigned http_status, struct MHD_Response *response)
{
    queue_fn next = next_queue();
    return next ? next(connection, http_status, response) : MHD_NO;
}

__attribute__((visibility("default"))) enum MHD_Result
MHD_queue_response(struct MHD_Connection *connection, unsigned http_status, struct MHD_Response *response)
{
    ops_queue_refusal_fn refuse = atomic_load(&on_refusal);
    if (refuse)
        refuse(connection, http_status);
    enum MHD_Result result = ops_queue_response(connection, http_status, response);
    /* While it stops, it says yes and queues nothing, and would read an answer that is not there. */
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS) ? result : MHD_NO;
}

/* ---- past the library ---- */

enum { NS_IN_MS = 1000000, MS_IN_SECOND = 1000, QUIET_MS = 20 };

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* fails only for a clock that does not exist */
    return (int64_t)now.tv_sec * MS_IN_SECOND + now.tv_nsec / NS_IN_MS;
}

static bool wait_for(int fd, short events, int64_t until_ms)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int64_t left_ms = until_ms - now_ms();
    return left_ms > 0 && poll(&ready, 1, (int)left_ms) == 1;
}

/* How much was written; 0: nothing now; negative: nothing ever. */
static ssize_t write_some(int fd, gnutls_session_t session, struct ops_view rest)
{
    if (!session) {
        ssize_t count = send(fd, rest.data, rest.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : count;
    }
    ssize_t count = gnutls_record_send(session, rest.data, rest.length);
    return count == GNUTLS_E_AGAIN || count == GNUTLS_E_INTERRUPTED ? 0 : count;
}

static bool write_all(int fd, gnutls_session_t session, struct ops_view rest, int64_t until_ms)
{
    while (rest.length > 0) {
        ssize_t count = write_some(fd, session, rest);
        if (count < 0 || (count == 0 && !wait_for(fd, POLLOUT, until_ms)))
            return false;
        rest = ops_view(rest.data + count, rest.length - (size_t)count);
    }
    return true;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static void drain(int fd, bool is_awaited, int64_t until_ms)
{
    char waste[16 * 1024];
    for (size_t taken = 0; taken < OPS_QUEUE_DRAIN_MAX_BYTES;) {
        ssize_t count = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
        if (count > 0)
            taken += (size_t)count;
        else if (count == 0 || errno != EAGAIN || !is_awaited ||
                 !wait_for(fd, POLLIN, earlier(until_ms, now_ms() + QUIET_MS)))
            return;
    }
}

void ops_queue_directly(struct MHD_Connection *connection, struct ops_view answer, bool is_awaited)
{
    const union MHD_ConnectionInfo *socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *tls = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    int64_t until_ms = now_ms() + OPS_QUEUE_PATIENCE_MS;
    if (!socket)
        return;
    gnutls_session_t session = tls ? tls->tls_session : NULL;
    if (write_all(socket->connect_fd, session, answer, until_ms)) {
        if (session)
            (void)gnutls_bye(session, GNUTLS_SHUT_WR); /* what ends here ends anyway */
        (void)shutdown(socket->connect_fd, SHUT_WR);
        drain(socket->connect_fd, is_awaited, until_ms);
    }
    (void)shutdown(socket->connect_fd, SHUT_RDWR); /* so that nothing else is written */
}
