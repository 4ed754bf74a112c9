#include "surfaces/wire/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

/* unix(7): who had the socket when it was connected. */
static void ask_credentials(int fd, struct ops_peer *peer)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return;
    peer->kind = OPS_PEER_PROCESS;
    peer->uid = credentials.uid;
    peer->pid = credentials.pid;
}

static void write_address(const union address *address, struct ops_peer *peer)
{
    bool is_v6 = address->any.sa_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&address->v6.sin6_addr : (const void *)&address->v4.sin_addr;
    if (!inet_ntop(address->any.sa_family, bytes, peer->text, sizeof peer->text))
        return;
    peer->kind = OPS_PEER_ADDRESS;
    peer->port = ntohs(is_v6 ? address->v6.sin6_port : address->v4.sin_port);
}

void ops_wire_request_peer(const struct ops_wire_request *request, struct ops_peer *ret_peer)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    union address address = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof address;
    *ret_peer = (struct ops_peer){.kind = OPS_PEER_UNKNOWN};
    if (!info || getpeername(info->connect_fd, &address.any, &size) != 0)
        return;
    if (address.any.sa_family == AF_UNIX)
        ask_credentials(info->connect_fd, ret_peer);
    else if (address.any.sa_family == AF_INET || address.any.sa_family == AF_INET6)
        write_address(&address, ret_peer);
}
