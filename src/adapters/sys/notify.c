#include "adapters/sys/notify.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A manager that does not read for so long is not told. */
enum { SEND_MAX_MS = 1000 };

/* False: it is no address. An abstract name has a NUL where the text has an @, and none at its end. */
static bool address_of(const char *socket, struct sockaddr_un *address, socklen_t *ret_length)
{
    size_t length = strlen(socket);
    if ((socket[0] != '/' && socket[0] != '@') || length < 2 || length >= sizeof address->sun_path)
        return false;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, socket, length);
    if (socket[0] == '@')
        address->sun_path[0] = '\0';
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (socket[0] == '/'));
    return true;
}

/* Opened once, so that a process that has no descriptor left can still say that it lives. */
static int open_socket(void)
{
    const struct timeval send_max = {.tv_sec = SEND_MAX_MS / 1000};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_max, sizeof send_max); /* without it a send may take longer */
    return fd;
}

/* Only when it is meant for this process. */
static int64_t watchdog_of(const char *usec, const char *pid)
{
    int64_t interval_usec = usec ? strtoll(usec, NULL, 10) : 0;
    if (interval_usec <= 0 || (pid && strtoll(pid, NULL, 10) != (long long)getpid()))
        return 0;
    return interval_usec < 1000 ? 1 : interval_usec / 1000;
}

void ops_notify_open(struct ops_notify *notify, const char *socket, const char *watchdog_usec, const char *watchdog_pid)
{
    *notify = (struct ops_notify){.fd = -1};
    if (socket && address_of(socket, &notify->to, &notify->to_length))
        notify->fd = open_socket();
    notify->watchdog_ms = notify->fd >= 0 ? watchdog_of(watchdog_usec, watchdog_pid) : 0;
}

void ops_notify_close(struct ops_notify *notify)
{
    if (notify->fd >= 0)
        (void)close(notify->fd); /* what was sent is there */
    *notify = (struct ops_notify){.fd = -1};
}

void ops_notify_tell(const struct ops_notify *notify, const char *format, ...)
{
    char text[OPS_NOTIFY_TEXT_MAX];
    va_list args;
    if (notify->fd < 0)
        return;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length > 0)
        (void)sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&notify->to,
                     notify->to_length); /* see the header */
}

void ops_notify_reloading(const struct ops_notify *notify)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* exists */
    ops_notify_tell(notify, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}
