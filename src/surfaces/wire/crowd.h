/* Who is connected to a server, how far each has come, and who has to go.
 *
 * A connection is a place that somebody holds. There are only so many, so nobody may hold one for long without getting on: a
 * request's head, its body and the reading of its answer each have a time that is counted from their begin, however busily
 * a client drips bytes meanwhile. And a newcomer is not turned away while somebody is there who holds a place to no purpose:
 *
 *   1. who has not finished a request yet, the one who came first before the others;
 *   2. who has finished one, and has been at the next's body or answer for OPS_CROWD_GRACE_MS;
 *   3. who has finished one and whose next has not come, the longest before the others.
 *
 * Never one whose request is being answered. The same order holds among those of one party (party.h), who together have a
 * number of places of their own, so that one address with a thousand connections is in its own way first of all.
 *
 * To go means that the socket is shut down: the HTTP library, whose it is, sees its end and closes it. One thread watches
 * over the times.
 */
#ifndef OPS_SURFACES_WIRE_CROWD_H
#define OPS_SURFACES_WIRE_CROWD_H

#include "base/error.h"
#include "surfaces/wire/party.h"

#include <stddef.h>

enum { OPS_CROWD_GRACE_MS = 2000 };

enum ops_guest_phase {
    OPS_GUEST_HEAD,   /* it is new, and the head of its first request is not whole */
    OPS_GUEST_BODY,   /* a head is whole */
    OPS_GUEST_ANSWER, /* a request is whole and we are at it: it has all the time that we take */
    OPS_GUEST_SEND,   /* the answer is there */
    OPS_GUEST_IDLE,   /* a request is finished, and the head of the next is not whole */
    OPS_GUEST_PHASES,
};

struct ops_crowd_config {
    size_t places;
    size_t party_places;               /* of one party; at most places */
    int64_t time_ms[OPS_GUEST_PHASES]; /* that a phase may take; 0: any */
};

/* How it goes; all since the start. */
struct ops_crowd_count {
    size_t present;     /* now, with those who were told to go and did not yet */
    uint64_t late;      /* who took too long */
    uint64_t displaced; /* who went for a newcomer */
    uint64_t refused;   /* newcomers for whom there was nobody to go */
};

struct ops_link {
    struct ops_link *before;
    struct ops_link *after;
};

/* One connection, which the caller has room for. Its members are the crowd's, guarded by the crowd's lock. */
struct ops_guest {
    struct ops_link in_crowd; /* first: in the list of its kind, of all and of its party's */
    struct ops_link in_party;
    struct ops_crowd_party *party;
    int fd;
    enum ops_guest_phase phase;
    bool is_proven; /* it has finished a request */
    bool is_leaving;
    int64_t since_ms; /* of its phase; monotonic */
    int64_t due_ms;   /* 0: never */
};

struct ops_crowd;

/* OPS_IO_ERROR: the thread can't be started. */
enum ops_status ops_crowd_start(const struct ops_crowd_config *config, struct ops_crowd **ret_crowd,
                                struct ops_error *error) OPS_MUST_USE;

/* Once nobody is present. NULL is fine. */
void ops_crowd_end(struct ops_crowd *crowd);

/* Somebody has come, whose request's head is awaited from now on; fd stays open until leave. False: no memory, and guest is
 * not present. One for whom there is no place is present, and leaving. */
bool ops_crowd_enter(struct ops_crowd *crowd, struct ops_guest *guest, int fd, struct ops_party party);
void ops_crowd_leave(struct ops_crowd *crowd, struct ops_guest *guest);

/* The guest has come so far; IDLE makes it proven. False: it was told to go before, so nothing should be begun for it. */
bool ops_crowd_phase(struct ops_crowd *crowd, struct ops_guest *guest, enum ops_guest_phase phase);

void ops_crowd_read(struct ops_crowd *crowd, struct ops_crowd_count *ret_count);

#endif
