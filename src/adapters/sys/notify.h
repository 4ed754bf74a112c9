/* Telling the service manager how we are, by the protocol of sd_notify(3): datagrams to the socket that it names. */
#ifndef OPS_ADAPTERS_SYS_NOTIFY_H
#define OPS_ADAPTERS_SYS_NOTIFY_H

#include "base/error.h"

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { OPS_NOTIFY_TEXT_MAX = 2048 };

/* Nothing is told where nobody asked for it, or the socket is not one that can be sent to. */
struct ops_notify {
    int fd; /* -1: nobody to tell */
    struct sockaddr_un to;
    socklen_t to_length;
    int64_t watchdog_ms; /* the manager expects a sign of life that often; 0: it does not */
};

/* As the environment has them, each NULL where it is not set: NOTIFY_SOCKET (a path, or a name that begins with @),
 * WATCHDOG_USEC and WATCHDOG_PID. */
void ops_notify_open(struct ops_notify *notify, const char *socket, const char *watchdog_usec, const char *watchdog_pid);
void ops_notify_close(struct ops_notify *notify);

/* Assignments, each ended by a line feed but the last. A text that is too long is cut; one that can't be sent, since the
 * manager is not there or has no room, is lost. Thread-safe. */
void ops_notify_tell(const struct ops_notify *notify, const char *format, ...) OPS_PRINTF(2, 3);

/* RELOADING=1, with the moment that it asks for. READY=1 ends it. */
void ops_notify_reloading(const struct ops_notify *notify);

#endif
