#include "surfaces/wire/listen.h"

#include <stdio.h>

#define UNIX_BEGIN "unix:"

static enum ops_status listen_unix(const char *path, struct ops_listener *ret_listener, struct ops_error *error)
{
    enum ops_status status = ops_listen_unix(path, &ret_listener->unix_listener, error);
    if (status != OPS_OK)
        return status;
    ret_listener->fd = ret_listener->unix_listener.fd;
    /* A path that fits a socket's address fits here. */
    (void)snprintf(ret_listener->address, sizeof ret_listener->address, UNIX_BEGIN "%s", path);
    return OPS_OK;
}

static enum ops_status check_tcp(const char *listen, bool loopback_only, struct ops_error *error)
{
    struct ops_host_port at;
    enum ops_status status = ops_host_port_parse(listen, &at, error);
    const struct ops_tcp_options options = {.host = at.host, .port = at.port, .loopback_only = loopback_only};
    return status == OPS_OK ? ops_listen_tcp_check(&options, error) : status;
}

static enum ops_status listen_tcp(const char *listen, bool loopback_only, struct ops_listener *ret_listener,
                                  struct ops_error *error)
{
    struct ops_host_port at;
    enum ops_status status = ops_host_port_parse(listen, &at, error);
    if (status != OPS_OK)
        return status;
    const struct ops_tcp_options options = {.host = at.host, .port = at.port, .loopback_only = loopback_only};
    status = ops_listen_tcp(&options, &ret_listener->fd, &at.port, error);
    if (status != OPS_OK)
        return status;
    ret_listener->port = at.port;
    ops_host_port_format(at.host, at.port, ret_listener->address);
    return OPS_OK;
}

bool ops_listens_on_unix(const char *listen)
{
    return ops_view_starts_with(ops_view_of(listen), ops_view_of(UNIX_BEGIN));
}

enum ops_status ops_listen(const char *listen, bool loopback_only, struct ops_listener *ret_listener,
                           struct ops_error *error)
{
    return ops_listens_on_unix(listen) ? listen_unix(listen + strlen(UNIX_BEGIN), ret_listener, error)
                                       : listen_tcp(listen, loopback_only, ret_listener, error);
}

enum ops_status ops_listen_check(const char *listen, bool loopback_only, struct ops_error *error)
{
    /* Of a path only its being used shows what it is good for. */
    return ops_listens_on_unix(listen) ? OPS_OK : check_tcp(listen, loopback_only, error);
}

void ops_listener_unlink(const struct ops_listener *listener)
{
    if (listener->unix_listener.path[0])
        ops_unix_listener_unlink(&listener->unix_listener);
}
