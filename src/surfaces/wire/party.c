#include "surfaces/wire/party.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* In low, beside what high says. */
enum { KIND_UNKNOWN, KIND_USER, KIND_LOOPBACK, KIND_V4, KIND_V6 };

enum { LOOPBACK_NET = 127, NETWORK_BYTES = 8, MAPPED_AT = 12 };

static struct ops_party of_v4(uint32_t address)
{
    bool is_loopback = address >> 24 == LOOPBACK_NET;
    return is_loopback ? (struct ops_party){0, KIND_LOOPBACK} : (struct ops_party){address, KIND_V4};
}

static struct ops_party of_v6(const struct in6_addr *address)
{
    uint64_t network;
    uint32_t mapped;
    if (IN6_IS_ADDR_LOOPBACK(address))
        return (struct ops_party){0, KIND_LOOPBACK};
    memcpy(&mapped, address->s6_addr + MAPPED_AT, sizeof mapped);
    if (IN6_IS_ADDR_V4MAPPED(address))
        return of_v4(ntohl(mapped));
    memcpy(&network, address->s6_addr, NETWORK_BYTES);
    return (struct ops_party){network, KIND_V6};
}

struct ops_party ops_party_of_address(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return of_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6)
        return (struct ops_party){0, KIND_UNKNOWN};
    memcpy(&v6, address, sizeof v6);
    return of_v6(&v6.sin6_addr);
}

struct ops_party ops_party_of_user(uint64_t uid)
{
    return (struct ops_party){uid, KIND_USER};
}

struct ops_party ops_party_of_socket(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } address = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof address;
    struct ucred credentials;
    if (getpeername(fd, &address.any, &size) != 0)
        return (struct ops_party){0, KIND_UNKNOWN};
    size = sizeof credentials;
    if (address.any.sa_family == AF_UNIX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
        return ops_party_of_user(credentials.uid);
    return ops_party_of_address(&address.any);
}

bool ops_party_same(struct ops_party a, struct ops_party b)
{
    return a.high == b.high && a.low == b.low;
}
