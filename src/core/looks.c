#include "core/looks.h"

/* ---- What was ---- */

static void keep(struct ops_look_ring *ring, const struct ops_peer *peer, int64_t now_ms)
{
    ring->looks[ring->next] = (struct ops_look){*peer, now_ms};
    ring->next = (ring->next + 1) % OPS_LOOK_KEPT_MAX;
    if (ring->count < OPS_LOOK_KEPT_MAX)
        ring->count++;
}

typedef bool (*same_fn)(const struct ops_peer *a, const struct ops_peer *b);

/* INT64_MIN: never, as far as is remembered. */
static int64_t last_ms(const struct ops_look_ring *ring, same_fn same, const struct ops_peer *peer)
{
    int64_t found_ms = INT64_MIN;
    for (size_t i = 0; i < ring->count; i++)
        if (ring->looks[i].at_ms > found_ms && same(&ring->looks[i].peer, peer))
            found_ms = ring->looks[i].at_ms;
    return found_ms;
}

/* When the next look may be peer's: a second after his last, and when the oldest one can be forgotten. */
static int64_t due_ms(const struct ops_looks *looks, const struct ops_peer *peer)
{
    const struct ops_look_ring *had = &looks->had;
    int64_t before_ms = last_ms(had, ops_peer_same, peer);
    if (had->count == OPS_LOOK_KEPT_MAX && had->looks[had->next].at_ms > before_ms)
        before_ms = had->looks[had->next].at_ms;
    return before_ms == INT64_MIN ? INT64_MIN : before_ms + OPS_LOOK_EVERY_MS;
}

/* ---- The line ---- */

static int64_t rank_ms(const struct ops_looks *looks, const struct ops_peer *peer, int64_t came_ms)
{
    int64_t behind_ms = last_ms(&looks->turns, ops_peer_same_caller, peer) + OPS_LOOK_BEHIND_MS;
    return came_ms > behind_ms ? came_ms : behind_ms;
}

/* A caller's turn puts all that he waits for behind. */
static void keep_turn(struct ops_looks *looks, const struct ops_peer *peer, int64_t now_ms)
{
    keep(&looks->turns, peer, now_ms);
    for (size_t i = 0; i < looks->waiter_count; i++)
        if (looks->waiters[i].rank_ms < now_ms + OPS_LOOK_BEHIND_MS && ops_peer_same_caller(&looks->waiters[i].peer, peer))
            looks->waiters[i].rank_ms = now_ms + OPS_LOOK_BEHIND_MS;
}

static bool goes_before(const struct ops_look_waiter *a, const struct ops_look_waiter *b)
{
    return a->rank_ms < b->rank_ms || (a->rank_ms == b->rank_ms && a->ticket < b->ticket);
}

static struct ops_look_waiter *find_waiter(struct ops_looks *looks, uint64_t ticket)
{
    for (size_t i = 0; i < looks->waiter_count; i++)
        if (looks->waiters[i].ticket == ticket)
            return &looks->waiters[i];
    return NULL;
}

static void remove_waiter(struct ops_looks *looks, struct ops_look_waiter *waiter, int64_t now_ms)
{
    const struct ops_peer peer = waiter->peer;
    *waiter = looks->waiters[--looks->waiter_count];
    keep_turn(looks, &peer, now_ms);
}

static void forget_absent(struct ops_looks *looks, int64_t now_ms)
{
    for (size_t i = looks->waiter_count; i-- > 0;)
        if (now_ms - looks->waiters[i].asked_ms > OPS_LOOK_ABSENT_MS)
            remove_waiter(looks, &looks->waiters[i], now_ms);
}

static size_t line_length(const struct ops_looks *looks, const struct ops_peer *peer)
{
    size_t length = 0;
    for (size_t i = 0; i < looks->waiter_count; i++)
        length += ops_peer_same(&looks->waiters[i].peer, peer);
    return length;
}

static bool is_first(const struct ops_looks *looks, const struct ops_look_waiter *waiter)
{
    for (size_t i = 0; i < looks->waiter_count; i++)
        if (goes_before(&looks->waiters[i], waiter) && ops_peer_same(&looks->waiters[i].peer, &waiter->peer))
            return false;
    return true;
}

/* The last in peer's line. */
static struct ops_look_waiter *last_waiter(struct ops_looks *looks, const struct ops_peer *peer)
{
    struct ops_look_waiter *last = NULL;
    for (size_t i = 0; i < looks->waiter_count; i++)
        if (ops_peer_same(&looks->waiters[i].peer, peer) && (!last || goes_before(last, &looks->waiters[i])))
            last = &looks->waiters[i];
    return last;
}

/* The last in the longest line, if that is longer than length. */
static struct ops_look_waiter *last_of_longer(struct ops_looks *looks, size_t length)
{
    const struct ops_peer *longest = NULL;
    for (size_t i = 0; i < looks->waiter_count; i++) {
        size_t own = line_length(looks, &looks->waiters[i].peer);
        if (own > length) {
            length = own;
            longest = &looks->waiters[i].peer;
        }
    }
    return longest ? last_waiter(looks, longest) : NULL;
}

static bool join(struct ops_looks *looks, const struct ops_look_waiter *newcomer)
{
    size_t length = line_length(looks, &newcomer->peer);
    struct ops_look_waiter *place = NULL;
    if (length >= OPS_LOOK_LINE_MAX) {
        place = last_waiter(looks, &newcomer->peer);
        if (!goes_before(newcomer, place))
            return false;
    } else if (looks->waiter_count < OPS_LOOK_WAITERS_MAX) {
        place = &looks->waiters[looks->waiter_count++];
    } else {
        place = last_of_longer(looks, length + 1);
    }
    if (place)
        *place = *newcomer;
    return place != NULL;
}

static int64_t wait_ms(int64_t due_ms, int64_t now_ms)
{
    int64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    if (left_ms < OPS_LOOK_ASK_SOONEST_MS)
        return OPS_LOOK_ASK_SOONEST_MS;
    return left_ms < OPS_LOOK_ASK_AGAIN_MS ? left_ms : OPS_LOOK_ASK_AGAIN_MS;
}

/* held is self's place, or NULL. */
static void begin_look(struct ops_looks *looks, const struct ops_look_waiter *self, struct ops_look_waiter *held,
                       int64_t now_ms)
{
    const struct ops_peer peer = self->peer;
    keep(&looks->had, &peer, now_ms);
    if (held)
        remove_waiter(looks, held, now_ms);
    else
        keep_turn(looks, &peer, now_ms);
}

enum ops_look_turn ops_looks_ask(struct ops_looks *looks, const struct ops_peer *peer, int64_t now_ms, uint64_t *ticket,
                                 int64_t *ret_wait_ms)
{
    uint64_t before = ticket ? *ticket : 0;
    forget_absent(looks, now_ms);
    struct ops_look_waiter *held = before ? find_waiter(looks, before) : NULL;
    const struct ops_look_waiter self = {.peer = *peer,
                                         .ticket = held ? before : ++looks->last_ticket,
                                         .rank_ms = held ? held->rank_ms : rank_ms(looks, peer, now_ms),
                                         .asked_ms = now_ms};
    int64_t due = due_ms(looks, peer);
    if (ticket)
        *ticket = 0;
    if (before && !held)
        return OPS_LOOK_NEVER;
    if (due <= now_ms && is_first(looks, &self)) {
        begin_look(looks, &self, held, now_ms);
        return OPS_LOOK_NOW;
    }
    if (held)
        held->asked_ms = now_ms;
    else if (!ticket || !join(looks, &self))
        return OPS_LOOK_NEVER;
    *ticket = self.ticket;
    *ret_wait_ms = wait_ms(due, now_ms);
    return OPS_LOOK_LATER;
}

bool ops_looks_wanted(const struct ops_looks *looks, const struct ops_peer *peer)
{
    return line_length(looks, peer) > 0;
}

void ops_looks_leave(struct ops_looks *looks, int64_t now_ms, uint64_t *ticket)
{
    struct ops_look_waiter *held = *ticket ? find_waiter(looks, *ticket) : NULL;
    if (held)
        remove_waiter(looks, held, now_ms);
    *ticket = 0;
}
