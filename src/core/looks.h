/* Whose secret code is looked at next, while it is locked.
 *
 * What leads in the safe direction stays open to a right code at all times. So codes for it are looked at in spite of a
 * lock, but at most one a second for each peer: no faster than that does anybody guess. Who comes while the second is not
 * over waits in line. The rules of the line:
 *
 *   1. Who came first goes first; but a caller who had his turn goes behind all others of his peer who come within the next
 *      five seconds. So one caller that sends wrong codes as fast as it can, by however many connections, does not hold up
 *      another for longer than until the next look, and several take turns.
 *   2. A turn that somebody does not wait for is had too.
 *   3. A line has its length. Who finds it full takes the place of the last in it, if he goes before that one; else he is
 *      sent away.
 *   4. Who does not ask again for a while has gone.
 *   5. Who was wrong while others wait is told so ten seconds later. So those who send the next code only once the last one
 *      was answered, by many connections, are for the most part not in line.
 *
 * Peers don't wait for each other. Times are of the monotonic clock.
 */
#ifndef OPS_CORE_LOOKS_H
#define OPS_CORE_LOOKS_H

#include "core/peer.h"

#include <stddef.h>

enum {
    OPS_LOOK_EVERY_MS = 1000,
    OPS_LOOK_BEHIND_MS = 5000,   /* how long a caller who had his turn goes behind those who come */
    OPS_LOOK_LINE_MAX = 20,      /* of one peer; so many seconds, at most, does anybody wait */
    OPS_LOOK_WAITERS_MAX = 64,   /* of all peers */
    OPS_LOOK_KEPT_MAX = 64,      /* looks that are remembered; of all peers together there are no more in a second */
    OPS_LOOK_ASK_AGAIN_MS = 200, /* at the latest: who is before somebody may have gone */
    OPS_LOOK_ASK_SOONEST_MS = 10,
    OPS_LOOK_ABSENT_MS = 3000,
    OPS_LOOK_TELL_WRONG_MS = 10000, /* after a look, where somebody waits */
};

struct ops_look {
    struct ops_peer peer;
    int64_t at_ms;
};

/* The latest, in a ring: the oldest is at next once it is full. */
struct ops_look_ring {
    struct ops_look looks[OPS_LOOK_KEPT_MAX];
    size_t count;
    size_t next;
};

struct ops_look_waiter {
    struct ops_peer peer;
    uint64_t ticket;
    int64_t rank_ms;  /* when he came, as it counts by rule 1 */
    int64_t asked_ms; /* the last time */
};

/* All zero: nobody has looked and nobody waits. Not thread-safe. */
struct ops_looks {
    struct ops_look_ring had;   /* looks */
    struct ops_look_ring turns; /* those, and turns that nobody waited for */
    struct ops_look_waiter waiters[OPS_LOOK_WAITERS_MAX];
    size_t waiter_count;
    uint64_t last_ticket;
};

enum ops_look_turn {
    OPS_LOOK_NOW,   /* the look is peer's, and has begun; the ticket is used up */
    OPS_LOOK_LATER, /* a place in line is held for the ticket; ask again after *ret_wait_ms */
    OPS_LOOK_NEVER, /* there is no place, or the one that was held is lost */
};

/* *ticket is 0 for who comes new, else from the last LATER; 0 again unless LATER. ticket NULL: who can't wait. */
enum ops_look_turn ops_looks_ask(struct ops_looks *looks, const struct ops_peer *peer, int64_t now_ms, uint64_t *ticket,
                                 int64_t *ret_wait_ms);

/* Whether anybody waits in peer's line. */
bool ops_looks_wanted(const struct ops_looks *looks, const struct ops_peer *peer);

/* Gives the place up; *ticket is 0 afterwards. One that is 0 already, or lost its place, is fine. */
void ops_looks_leave(struct ops_looks *looks, int64_t now_ms, uint64_t *ticket);

#endif
