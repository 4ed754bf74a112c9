#include "surfaces/wire/crowd.h"

#include "base/mem.h"
#include "base/wait.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Of the places, so large a part more, and so many at least, may be held by those who were told to go and did not yet: a thread
 * of the library that does not run for a moment closes none of its own, while others go on accepting. */
enum { LOOK_EVERY_MS = 250, BUCKETS = 1024, LEAVING_PART = 4, LEAVING_LEAST = 64 };

/* In which order they have to go; the rest stays. */
enum kind { KIND_NEW, KIND_SLOW, KIND_IDLE, KIND_STAYS, KINDS };

/* Those of one kind, the one who has to go first in front. */
struct lists {
    struct ops_link of_kind[KINDS];
};

struct ops_crowd_party {
    struct ops_crowd_party *next; /* in its bucket */
    struct ops_party who;
    size_t count; /* present and not leaving */
    size_t holds; /* present */
    struct lists lists;
};

struct ops_crowd {
    struct ops_crowd_config config;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct {
        bool ending;
        size_t here; /* present and not leaving */
        struct ops_crowd_count count;
        struct lists lists;
        struct ops_crowd_party *parties[BUCKETS];
    } synced;
};

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* fails only for a clock that does not exist */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- lists ---- */

static void lists_init(struct lists *lists)
{
    for (int kind = 0; kind < KINDS; kind++)
        lists->of_kind[kind] = (struct ops_link){&lists->of_kind[kind], &lists->of_kind[kind]};
}

static void link_last(struct ops_link *list, struct ops_link *link)
{
    *link = (struct ops_link){list->before, list};
    list->before->after = link;
    list->before = link;
}

static void unlink_it(struct ops_link *link)
{
    link->before->after = link->after;
    link->after->before = link->before;
}

static struct ops_guest *guest_in_crowd(struct ops_link *link)
{
    return (struct ops_guest *)(void *)((char *)link - offsetof(struct ops_guest, in_crowd));
}

static struct ops_guest *guest_in_party(struct ops_link *link)
{
    return (struct ops_guest *)(void *)((char *)link - offsetof(struct ops_guest, in_party));
}

static enum kind kind_of(const struct ops_guest *guest)
{
    if (guest->is_leaving || guest->phase == OPS_GUEST_ANSWER)
        return KIND_STAYS;
    if (!guest->is_proven)
        return KIND_NEW;
    return guest->phase == OPS_GUEST_IDLE ? KIND_IDLE : KIND_SLOW;
}

static void list_locked(struct ops_crowd *crowd, struct ops_guest *guest)
{
    enum kind kind = kind_of(guest);
    link_last(&crowd->synced.lists.of_kind[kind], &guest->in_crowd);
    link_last(&guest->party->lists.of_kind[kind], &guest->in_party);
}

static void unlist_locked(struct ops_guest *guest)
{
    unlink_it(&guest->in_crowd);
    unlink_it(&guest->in_party);
}

/* ---- parties ---- */

static size_t bucket_of(struct ops_party who)
{
    uint64_t mixed = (who.high ^ who.low << 7) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(mixed >> 54) % BUCKETS;
}

/* With one more of its guests present. NULL: no memory. */
static struct ops_crowd_party *hold_party_locked(struct ops_crowd *crowd, struct ops_party who)
{
    struct ops_crowd_party **bucket = &crowd->synced.parties[bucket_of(who)];
    struct ops_crowd_party *party = *bucket;
    while (party && !ops_party_same(party->who, who))
        party = party->next;
    if (!party) {
        party = ops_mem_zeroed(1, sizeof *party);
        if (!party)
            return NULL;
        party->who = who;
        lists_init(&party->lists);
        party->next = *bucket;
        *bucket = party;
    }
    party->holds++;
    return party;
}

static void let_go_party_locked(struct ops_crowd *crowd, struct ops_crowd_party *party)
{
    if (--party->holds > 0)
        return;
    struct ops_crowd_party **link = &crowd->synced.parties[bucket_of(party->who)];
    while (*link != party)
        link = &(*link)->next;
    *link = party->next;
    ops_mem_free(party);
}

/* ---- going ---- */

/* Whatever the library is at with this socket, its next call finds the end. */
static void send_away_locked(struct ops_crowd *crowd, struct ops_guest *guest)
{
    unlist_locked(guest);
    guest->is_leaving = true;
    guest->due_ms = 0;
    guest->party->count--;
    crowd->synced.here--;
    list_locked(crowd, guest);
    (void)shutdown(guest->fd, SHUT_RDWR); /* one that is closed already is as good */
}

/* NULL: nobody has to go. */
static struct ops_guest *first_to_go(struct lists *lists, struct ops_guest *(*guest_of)(struct ops_link *), int64_t at_ms)
{
    for (enum kind kind = KIND_NEW; kind < KIND_STAYS; kind++) {
        struct ops_link *list = &lists->of_kind[kind];
        struct ops_guest *guest = list->after == list ? NULL : guest_of(list->after);
        if (guest && (kind != KIND_SLOW || guest->since_ms + OPS_CROWD_GRACE_MS <= at_ms))
            return guest;
    }
    return NULL;
}

/* False: there is none. */
static bool make_place_locked(struct ops_crowd *crowd, struct ops_crowd_party *party, int64_t at_ms)
{
    const struct ops_crowd_config *config = &crowd->config;
    struct ops_guest *guest = NULL;
    if (crowd->synced.count.present > config->places + config->places / LEAVING_PART + LEAVING_LEAST)
        return false;
    bool party_full = party->count >= config->party_places;
    if (!party_full && crowd->synced.here < config->places)
        return true;
    guest = party_full ? first_to_go(&party->lists, guest_in_party, at_ms)
                       : first_to_go(&crowd->synced.lists, guest_in_crowd, at_ms);
    if (!guest)
        return false;
    crowd->synced.count.displaced++;
    send_away_locked(crowd, guest);
    return true;
}

/* ---- the thread ---- */

static void look_locked(struct ops_crowd *crowd, int64_t at_ms)
{
    for (enum kind kind = KIND_NEW; kind < KINDS; kind++) {
        struct ops_link *list = &crowd->synced.lists.of_kind[kind];
        for (struct ops_link *link = list->after, *next; link != list; link = next) {
            struct ops_guest *guest = guest_in_crowd(link);
            next = link->after;
            if (guest->due_ms == 0 || guest->due_ms > at_ms)
                continue;
            crowd->synced.count.late++;
            send_away_locked(crowd, guest);
        }
    }
}

static void *watch(void *context)
{
    struct ops_crowd *crowd = context;
    pthread_mutex_lock(&crowd->lock);
    while (!crowd->synced.ending) {
        if (crowd->synced.here == 0) {
            (void)pthread_cond_wait(&crowd->wake, &crowd->lock); /* whatever woke it, it looks */
            continue;
        }
        const struct timespec until = ops_wait_until(LOOK_EVERY_MS);
        while (!crowd->synced.ending && ops_wait(&crowd->wake, &crowd->lock, &until))
            ;
        look_locked(crowd, now_ms());
    }
    pthread_mutex_unlock(&crowd->lock);
    return NULL;
}

/* ---- from outside ---- */

static void begin_phase(const struct ops_crowd *crowd, struct ops_guest *guest, enum ops_guest_phase phase, int64_t at_ms)
{
    int64_t time_ms = crowd->config.time_ms[phase];
    guest->phase = phase;
    guest->since_ms = at_ms;
    guest->due_ms = time_ms ? at_ms + time_ms : 0;
}

bool ops_crowd_enter(struct ops_crowd *crowd, struct ops_guest *guest, int fd, struct ops_party party)
{
    int64_t at_ms = now_ms();
    *guest = (struct ops_guest){.fd = fd};
    pthread_mutex_lock(&crowd->lock);
    guest->party = hold_party_locked(crowd, party);
    if (guest->party) {
        bool has_place = make_place_locked(crowd, guest->party, at_ms);
        begin_phase(crowd, guest, OPS_GUEST_HEAD, at_ms);
        list_locked(crowd, guest);
        guest->party->count++;
        crowd->synced.count.present++;
        if (crowd->synced.here++ == 0)
            pthread_cond_signal(&crowd->wake);
        if (!has_place) {
            crowd->synced.count.refused++;
            send_away_locked(crowd, guest);
        }
    }
    pthread_mutex_unlock(&crowd->lock);
    return guest->party != NULL;
}

void ops_crowd_leave(struct ops_crowd *crowd, struct ops_guest *guest)
{
    pthread_mutex_lock(&crowd->lock);
    unlist_locked(guest);
    crowd->synced.count.present--;
    if (!guest->is_leaving) {
        guest->party->count--;
        crowd->synced.here--;
    }
    let_go_party_locked(crowd, guest->party);
    pthread_mutex_unlock(&crowd->lock);
}

bool ops_crowd_phase(struct ops_crowd *crowd, struct ops_guest *guest, enum ops_guest_phase phase)
{
    int64_t at_ms = now_ms();
    pthread_mutex_lock(&crowd->lock);
    bool stays = !guest->is_leaving;
    if (stays) {
        enum kind before = kind_of(guest);
        begin_phase(crowd, guest, phase, at_ms);
        guest->is_proven |= phase == OPS_GUEST_IDLE;
        /* Who is new keeps its turn: a body that has begun is no reason to stay longer. */
        if (before != KIND_NEW || kind_of(guest) != KIND_NEW) {
            unlist_locked(guest);
            list_locked(crowd, guest);
        }
    }
    pthread_mutex_unlock(&crowd->lock);
    return stays;
}

void ops_crowd_read(struct ops_crowd *crowd, struct ops_crowd_count *ret_count)
{
    pthread_mutex_lock(&crowd->lock);
    *ret_count = crowd->synced.count;
    pthread_mutex_unlock(&crowd->lock);
}

/* ---- start and end ---- */

enum ops_status ops_crowd_start(const struct ops_crowd_config *config, struct ops_crowd **ret_crowd, struct ops_error *error)
{
    struct ops_crowd *crowd = ops_mem_zeroed(1, sizeof *crowd);
    if (!crowd)
        return OPS_NO_MEMORY;
    crowd->config = *config;
    lists_init(&crowd->synced.lists);
    ops_wait_init(&crowd->wake);
    (void)pthread_mutex_init(&crowd->lock, NULL); /* a default mutex needs nothing that could fail */
    int reason = pthread_create(&crowd->thread, NULL, watch, crowd);
    if (reason == 0) {
        *ret_crowd = crowd;
        return OPS_OK;
    }
    (void)pthread_cond_destroy(&crowd->wake);
    (void)pthread_mutex_destroy(&crowd->lock);
    ops_mem_free(crowd);
    return ops_fail(error, OPS_IO_ERROR, "The server can't start: the thread that watches over connections: %s.",
                    strerror(reason));
}

void ops_crowd_end(struct ops_crowd *crowd)
{
    if (!crowd)
        return;
    pthread_mutex_lock(&crowd->lock);
    crowd->synced.ending = true;
    pthread_cond_signal(&crowd->wake);
    pthread_mutex_unlock(&crowd->lock);
    (void)pthread_join(crowd->thread, NULL); /* it is ours, and ends */
    (void)pthread_cond_destroy(&crowd->wake);
    (void)pthread_mutex_destroy(&crowd->lock);
    ops_mem_free(crowd);
}
