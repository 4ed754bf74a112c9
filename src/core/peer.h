/* Who sent a request, as far as the machine can vouch for it. */
#ifndef OPS_CORE_PEER_H
#define OPS_CORE_PEER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { OPS_PEER_TEXT_SIZE = 128, OPS_PEER_WORDS_SIZE = OPS_PEER_TEXT_SIZE + 32 };

enum ops_peer_kind {
    OPS_PEER_UNKNOWN,
    OPS_PEER_PROCESS, /* at the other end of a unix socket: unix(7), SO_PEERCRED */
    OPS_PEER_ADDRESS, /* at the other end of a TCP connection */
    OPS_PEER_SOURCE,  /* what a cloud says of an invocation */
};

struct ops_peer {
    enum ops_peer_kind kind;
    int64_t uid;                   /* PROCESS */
    int64_t pid;                   /* PROCESS; 0: in a namespace that we don't see into */
    uint16_t port;                 /* ADDRESS */
    char text[OPS_PEER_TEXT_SIZE]; /* ADDRESS: numeric. SOURCE: its words */
};

/* Those who share one allowance: a user on a unix socket, an address on TCP. A machine has millions of loopback addresses
 * and whoever is on it may use any, so all of those are one. */
bool ops_peer_same(const struct ops_peer *a, const struct ops_peer *b);

/* Those of the same that are also one caller: a process, a connection. */
bool ops_peer_same_caller(const struct ops_peer *a, const struct ops_peer *b);

/* {"uid", "pid"?}, {"address"} or {"source"}, for audit records. NULL: nothing is known, or there is no memory; which of the
 * two, the kind tells. */
json_t *ops_peer_json(const struct ops_peer *peer);

/* "uid:1000", "address:127.0.0.1", "source:...", for records; "" where nothing is known. Of a source's words what is not
 * ASCII is '?'. */
void ops_peer_text(const struct ops_peer *peer, char ret_text[static OPS_PEER_WORDS_SIZE]);

/* "uid 1000, pid 4711", for people. */
void ops_peer_words(const struct ops_peer *peer, char ret_words[static OPS_PEER_WORDS_SIZE]);

#endif
