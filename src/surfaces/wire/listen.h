/* Listening sockets: TCP and unix, non-blocking, closed on exec. */
#ifndef OPS_SURFACES_WIRE_LISTEN_H
#define OPS_SURFACES_WIRE_LISTEN_H

#include "base/error.h"
#include "base/view.h"

#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

enum {
    OPS_HOST_SIZE = 256,       /* of a host's name or address, with the NUL */
    OPS_LISTEN_BACKLOG = 1024, /* connections that wait for accept; the kernel may allow fewer (net.core.somaxconn) */
    OPS_ADDRESS_SIZE = OPS_HOST_SIZE + 8,
};

struct ops_host_port {
    char host[OPS_HOST_SIZE]; /* without brackets */
    uint16_t port;
};

/* Reads "HOST:PORT"; an IPv6 address stands in brackets, "[::1]:8080", and "*" for all addresses. OPS_USAGE with a sentence
 * that repeats the text. */
enum ops_status ops_host_port_parse(const char *text, struct ops_host_port *ret_host_port,
                                    struct ops_error *error) OPS_MUST_USE;

/* "127.0.0.1:8080", "[::1]:8080". */
void ops_host_port_format(const char *host, uint16_t port, char ret_text[static OPS_ADDRESS_SIZE]);

/* The address that a listening TCP socket really has, "127.0.0.1:8080"; "" where it can't be told. */
void ops_tcp_bound_address(int fd, char ret_text[static OPS_ADDRESS_SIZE]);

struct ops_tcp_options {
    const char *host;   /* an address, or a name that getaddrinfo knows (which may block); "*" and "::": all addresses, of
                           IPv4 too */
    uint16_t port;      /* 0: the kernel picks one */
    bool loopback_only; /* every address that host stands for must be loopback, or OPS_USAGE */
};

/* By which host a client of this machine reaches what listens on host: by the same, but all addresses are no place to
 * connect to. */
const char *ops_host_to_reach(const char *host);

/* host as an address: "0.0.0.0" for "*". */
const char *ops_host_to_show(const char *host);

/* *ret_fd is the caller's. OPS_USAGE: the host can't be resolved or may not be used. OPS_IO_ERROR: the address can't be
 * listened on, with the reason (in use, not this machine's, no permission). */
enum ops_status ops_listen_tcp(const struct ops_tcp_options *options, int *ret_fd, uint16_t *ret_port,
                               struct ops_error *error) OPS_MUST_USE;

/* Whether that host could be listened on, as far as can be told without doing so. OPS_USAGE as above. */
enum ops_status ops_listen_tcp_check(const struct ops_tcp_options *options, struct ops_error *error) OPS_MUST_USE;

/* A unix socket and the file that stands for it. */
struct ops_unix_listener {
    int fd;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    dev_t device; /* of the file, so that only our own is removed */
    ino_t inode;
};

/* Listens at path with mode 0600; the file never has a wider one. A socket that nobody listens on any more is replaced.
 * OPS_USAGE: path is empty or longer than the system allows. OPS_IO_ERROR: somebody listens there, the path is something
 * other than a socket, or the system refuses; the sentence says which. */
enum ops_status ops_listen_unix(const char *path, struct ops_unix_listener *ret_listener,
                                struct ops_error *error) OPS_MUST_USE;

/* Removes the file, if it is still the one that ops_listen_unix made. The descriptor is not closed. */
void ops_unix_listener_unlink(const struct ops_unix_listener *listener);

/* Either of the two, as a flag says it. */
struct ops_listener {
    int fd;
    struct ops_unix_listener unix_listener; /* path "" for TCP */
    uint16_t port;                          /* TCP; else 0 */
    char address[OPS_ADDRESS_SIZE];         /* as the flag says it, with the port that the kernel picked */
};

/* Whether a flag's text names a unix socket. */
bool ops_listens_on_unix(const char *listen);

/* Listens at "unix:PATH" or "HOST:PORT"; loopback_only is for the latter. ret_listener zeroed, and its fd the caller's.
 * Errors as above. */
enum ops_status ops_listen(const char *listen, bool loopback_only, struct ops_listener *ret_listener,
                           struct ops_error *error) OPS_MUST_USE;

/* OPS_USAGE where ops_listen would refuse what it is told, as far as can be told without listening. */
enum ops_status ops_listen_check(const char *listen, bool loopback_only, struct ops_error *error) OPS_MUST_USE;

/* Removes the file of a unix socket, if it is still the one; before the surface stops: while the last requests finish, a
 * client that comes too late finds nobody rather than silence, and the next process may already take the place. */
void ops_listener_unlink(const struct ops_listener *listener);

#endif
