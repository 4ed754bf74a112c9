#include "surfaces/wire/waiting.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct ops_waiting {
    pthread_t thread;
    int wake_fd; /* readable: something has changed */
    pthread_mutex_t lock;
    struct {
        struct ops_waiter *first;
        size_t count;
        bool ending;
    } synced;
};

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* fails only for a clock that does not exist */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A full counter is as good a sign as one more. */
static void wake(struct ops_waiting *waiting)
{
    ssize_t ignored = write(waiting->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
}

/* POLLHUP and POLLERR come unasked. */
static struct pollfd watched(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return (struct pollfd){.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
}

bool ops_waiting_gone(struct MHD_Connection *connection)
{
    struct pollfd client = watched(connection);
    return poll(&client, 1, 0) == 1;
}

/* ---- The thread ---- */

/* All descriptors to look at, the one that wakes first. */
static nfds_t watch_all_locked(struct ops_waiting *waiting, struct pollfd polled[static OPS_WAITERS_MAX + 1],
                               int *ret_timeout_ms)
{
    nfds_t count = 0;
    int64_t first_ms = INT64_MAX;
    polled[count++] = (struct pollfd){.fd = waiting->wake_fd, .events = POLLIN};
    for (const struct ops_waiter *waiter = waiting->synced.first; waiter; waiter = waiter->next) {
        polled[count++] = watched(waiter->connection);
        first_ms = waiter->due_ms < first_ms ? waiter->due_ms : first_ms;
    }
    int64_t left_ms = first_ms == INT64_MAX ? -1 : first_ms - now_ms();
    *ret_timeout_ms = first_ms == INT64_MAX ? -1 : left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
    return count;
}

static void resume_locked(struct ops_waiting *waiting, struct ops_waiter **link)
{
    struct ops_waiter *waiter = *link;
    *link = waiter->next;
    waiting->synced.count--;
    MHD_resume_connection(waiter->connection); /* from here on the waiter is its request's again */
}

/* Those that are due, all at the end, and those whose client has gone. New ones come first in the list, so the descriptors
 * that were looked at belong to the last of it. */
static void resume_some_locked(struct ops_waiting *waiting, const struct pollfd *polled, nfds_t polled_count)
{
    int64_t at_ms = now_ms();
    size_t added = waiting->synced.count - (polled_count - 1), position = 0;
    for (struct ops_waiter **link = &waiting->synced.first; *link; position++) {
        bool gone = position >= added && polled[1 + position - added].revents != 0;
        if (gone || waiting->synced.ending || (*link)->due_ms <= at_ms)
            resume_locked(waiting, link);
        else
            link = &(*link)->next;
    }
}

static void *watch(void *context)
{
    struct ops_waiting *waiting = context;
    struct pollfd polled[OPS_WAITERS_MAX + 1];
    pthread_mutex_lock(&waiting->lock);
    while (!waiting->synced.ending || waiting->synced.first) {
        int timeout_ms;
        nfds_t count = watch_all_locked(waiting, polled, &timeout_ms);
        pthread_mutex_unlock(&waiting->lock);
        if (poll(polled, count, timeout_ms) < 0)
            for (nfds_t i = 0; i < count; i++)
                polled[i].revents = 0; /* interrupted, or no memory: what is due is seen all the same */
        uint64_t signs;
        ssize_t ignored = read(waiting->wake_fd, &signs, sizeof signs); /* it does not block */
        (void)ignored;
        pthread_mutex_lock(&waiting->lock);
        resume_some_locked(waiting, polled, count);
    }
    pthread_mutex_unlock(&waiting->lock);
    return NULL;
}

/* ---- From outside ---- */

bool ops_waiting_add(struct ops_waiting *waiting, struct ops_waiter *waiter, struct MHD_Connection *connection,
                     int64_t wait_ms)
{
    pthread_mutex_lock(&waiting->lock);
    bool may = !waiting->synced.ending && waiting->synced.count < OPS_WAITERS_MAX;
    if (may) {
        MHD_suspend_connection(connection);
        *waiter = (struct ops_waiter){waiting->synced.first, connection, now_ms() + wait_ms};
        waiting->synced.first = waiter;
        waiting->synced.count++;
        wake(waiting);
    }
    pthread_mutex_unlock(&waiting->lock);
    return may;
}

enum ops_status ops_waiting_start(struct ops_waiting **ret_waiting, struct ops_error *error)
{
    struct ops_waiting *waiting = ops_mem_zeroed(1, sizeof *waiting);
    if (!waiting)
        return OPS_NO_MEMORY;
    waiting->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)pthread_mutex_init(&waiting->lock, NULL); /* a default mutex needs nothing that could fail */
    int reason = waiting->wake_fd < 0 ? errno : pthread_create(&waiting->thread, NULL, watch, waiting);
    if (reason == 0) {
        *ret_waiting = waiting;
        return OPS_OK;
    }
    if (waiting->wake_fd >= 0)
        (void)close(waiting->wake_fd); /* nothing was written to it */
    (void)pthread_mutex_destroy(&waiting->lock);
    ops_mem_free(waiting);
    return ops_fail(error, OPS_IO_ERROR, "The server can't start: the thread for those who wait: %s.", strerror(reason));
}

void ops_waiting_end(struct ops_waiting *waiting)
{
    pthread_mutex_lock(&waiting->lock);
    waiting->synced.ending = true;
    wake(waiting);
    pthread_mutex_unlock(&waiting->lock);
    (void)pthread_join(waiting->thread, NULL); /* it is ours, and ends */
}

void ops_waiting_free(struct ops_waiting *waiting)
{
    if (!waiting)
        return;
    (void)close(waiting->wake_fd); /* nothing is left to be written to it */
    (void)pthread_mutex_destroy(&waiting->lock);
    ops_mem_free(waiting);
}
