/* Who shares one allowance of connections: a user on a unix socket, an address on TCP. */
#ifndef OPS_SURFACES_WIRE_PARTY_H
#define OPS_SURFACES_WIRE_PARTY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Equal for those of one party, and for nobody else. */
struct ops_party {
    uint64_t high;
    uint64_t low;
};

/* A machine has millions of loopback addresses, and whoever has an IPv6 address has its whole /64 as a rule: each counts as
 * one. An IPv4 address is the same one inside IPv6. What is no address of these families is one party. */
struct ops_party ops_party_of_address(const struct sockaddr *address);

struct ops_party ops_party_of_user(uint64_t uid);

/* Of a connected socket, as the kernel says. */
struct ops_party ops_party_of_socket(int fd);

bool ops_party_same(struct ops_party a, struct ops_party b);

#endif
