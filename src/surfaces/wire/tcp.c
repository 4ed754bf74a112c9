#include "surfaces/wire/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALL_ADDRESSES "*"

static bool read_port(const char *text, uint16_t *ret_port)
{
    size_t length = strlen(text);
    if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
        return false;
    unsigned long port = strtoul(text, NULL, 10);
    if (port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool is_all(const struct ops_tcp_options *options)
{
    return strcmp(options->host, ALL_ADDRESSES) == 0;
}

/* The host's part of text, without brackets: a bare IPv6 address is ambiguous and is not one. */
static bool split_host(const char *text, const char *colon, struct ops_view *ret_host)
{
    struct ops_view host = ops_view(text, (size_t)(colon - text));
    bool bracketed = host.length >= 2 && host.data[0] == '[' && host.data[host.length - 1] == ']';
    if (bracketed)
        host = ops_view(host.data + 1, host.length - 2);
    if (host.length == 0 || host.length >= OPS_HOST_SIZE)
        return false;
    if (!bracketed && memchr(host.data, ':', host.length))
        return false;
    *ret_host = host;
    return true;
}

enum ops_status ops_host_port_parse(const char *text, struct ops_host_port *ret_host_port, struct ops_error *error)
{
    const char *colon = strrchr(text, ':');
    struct ops_view host;
    uint16_t port;
    if (!colon || !split_host(text, colon, &host) || !read_port(colon + 1, &port))
        return ops_fail(error, OPS_USAGE,
                        "'%s' is not an address to listen on; write HOST:PORT, with an IPv6 host in brackets.", text);
    memcpy(ret_host_port->host, host.data, host.length);
    ret_host_port->host[host.length] = '\0';
    ret_host_port->port = port;
    return OPS_OK;
}

void ops_host_port_format(const char *host, uint16_t port, char ret_text[static OPS_ADDRESS_SIZE])
{
    const char *format = strchr(host, ':') ? "[%.255s]:%u" : "%.255s:%u";
    (void)snprintf(ret_text, OPS_ADDRESS_SIZE, format, host, (unsigned)port);
}

const char *ops_host_to_reach(const char *host)
{
    static const struct {
        const char *all, *loopback;
    } hosts[] = {{ALL_ADDRESSES, "127.0.0.1"}, {"0.0.0.0", "127.0.0.1"}, {"::", "::1"}};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (strcmp(host, hosts[i].all) == 0)
            return hosts[i].loopback;
    return host;
}

const char *ops_host_to_show(const char *host)
{
    return strcmp(host, ALL_ADDRESSES) == 0 ? "0.0.0.0" : host;
}

static bool is_loopback(const struct sockaddr *address)
{
    enum { LOOPBACK_NET = 127 };
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == LOOPBACK_NET;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == LOOPBACK_NET);
}

static bool is_any_v6(const struct sockaddr *address)
{
    struct sockaddr_in6 v6;
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
}

/* "::" takes IPv4 as well, whatever the system's own setting is (ipv6(7), IPV6_V6ONLY). */
static bool prepare(int fd, const struct sockaddr *address)
{
    static const int on = 1, off = 0;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           (!is_any_v6(address) || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0);
}

/* A socket that listens on one address, or -1 with errno. */
static int open_listener(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (prepare(fd, address->ai_addr) && bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(fd, OPS_LISTEN_BACKLOG) == 0)
        return fd;
    int reason = errno;
    (void)close(fd); /* nothing was written to it */
    errno = reason;
    return -1;
}

/* IPv4 first: a client that was told "localhost" or "127.0.0.1" finds us either way. But of all addresses IPv6's, which has
 * IPv4's in it, where the machine has IPv6 at all. */
static int open_first(const struct addrinfo *addresses, bool all)
{
    static const int usual[] = {AF_INET, AF_INET6}, for_all[] = {AF_INET6, AF_INET};
    const int *families = all ? for_all : usual;
    errno = EADDRNOTAVAIL;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        for (const struct addrinfo *a = addresses; a; a = a->ai_next) {
            int fd = a->ai_family == families[i] ? open_listener(a) : -1;
            if (fd >= 0 || errno == EADDRINUSE)
                return fd;
        }
    }
    return -1;
}

static enum ops_status bound_port(int fd, uint16_t *ret_port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t length = sizeof address;
    if (getsockname(fd, &address.any, &length) != 0)
        return OPS_IO_ERROR;
    *ret_port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
    return OPS_OK;
}

void ops_tcp_bound_address(int fd, char ret_text[static OPS_ADDRESS_SIZE])
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8];
    ret_text[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
        getnameinfo((const struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        ops_host_port_format(host, (uint16_t)strtoul(port, NULL, 10), ret_text);
}

static enum ops_status refuse_address(const struct ops_tcp_options *options, int reason, struct ops_error *error)
{
    char text[OPS_ADDRESS_SIZE];
    ops_host_port_format(options->host, options->port, text);
    if (reason == EADDRINUSE)
        return ops_fail(error, OPS_IO_ERROR, "Can't listen on %s: another process already does.", text);
    return ops_fail(error, OPS_IO_ERROR, "Can't listen on %s: %s.", text, strerror(reason));
}

static enum ops_status check_loopback(const struct ops_tcp_options *options, const struct addrinfo *addresses,
                                      struct ops_error *error)
{
    for (const struct addrinfo *a = addresses; options->loopback_only && a; a = a->ai_next)
        if (!is_loopback(a->ai_addr))
            return ops_fail(error, OPS_USAGE,
                            "'%s' is not a loopback address; this surface listens on loopback or on a "
                            "unix socket only.",
                            options->host);
    return OPS_OK;
}

/* What the host stands for; *ret_addresses is the caller's, freeaddrinfo. */
static enum ops_status resolve(const struct ops_tcp_options *options, struct addrinfo **ret_addresses,
                               struct ops_error *error)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)options->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    int result = getaddrinfo(is_all(options) ? NULL : options->host, service, &hints, &addresses);
    if (result != 0)
        return ops_fail(error, OPS_USAGE, "The host '%s' can't be resolved: %s.", options->host, gai_strerror(result));
    enum ops_status status = check_loopback(options, addresses, error);
    if (status == OPS_OK)
        *ret_addresses = addresses;
    else
        freeaddrinfo(addresses);
    return status;
}

enum ops_status ops_listen_tcp_check(const struct ops_tcp_options *options, struct ops_error *error)
{
    struct addrinfo *addresses = NULL;
    enum ops_status status = resolve(options, &addresses, error);
    if (status == OPS_OK)
        freeaddrinfo(addresses);
    return status;
}

enum ops_status ops_listen_tcp(const struct ops_tcp_options *options, int *ret_fd, uint16_t *ret_port,
                               struct ops_error *error)
{
    struct addrinfo *addresses = NULL;
    enum ops_status status = resolve(options, &addresses, error);
    if (status != OPS_OK)
        return status;
    int fd = open_first(addresses, is_all(options));
    status = fd < 0 ? refuse_address(options, errno, error) : bound_port(fd, ret_port);
    freeaddrinfo(addresses);
    if (status == OPS_OK)
        *ret_fd = fd;
    else if (fd >= 0)
        (void)close(fd); /* nothing was written to it */
    return status;
}
