#include "base/slot.h"

#include "base/mem.h"

#include <stdatomic.h>

struct ops_shared {
    void *thing;
    ops_shared_free_fn free_thing;
    atomic_uint holders;
};

enum ops_status ops_shared_new(void *thing, ops_shared_free_fn free_thing, struct ops_shared **ret_shared)
{
    struct ops_shared *shared = ops_mem_zeroed(1, sizeof *shared);
    if (!shared)
        return OPS_NO_MEMORY;
    shared->thing = thing;
    shared->free_thing = free_thing;
    atomic_init(&shared->holders, 1);
    *ret_shared = shared;
    return OPS_OK;
}

void *ops_shared_thing(const struct ops_shared *shared)
{
    return shared->thing;
}

void ops_shared_let_go(struct ops_shared *shared)
{
    /* Whoever frees it must have seen all that the others did with it. */
    if (!shared || atomic_fetch_sub_explicit(&shared->holders, 1, memory_order_acq_rel) > 1)
        return;
    if (shared->free_thing)
        shared->free_thing(shared->thing);
    ops_mem_free(shared);
}

void ops_slot_init(struct ops_slot *slot, struct ops_shared *shared)
{
    (void)pthread_mutex_init(&slot->lock, NULL); /* a default mutex needs nothing that could fail */
    slot->shared = shared;
}

void ops_slot_release(struct ops_slot *slot)
{
    ops_shared_let_go(slot->shared);
    slot->shared = NULL;
    (void)pthread_mutex_destroy(&slot->lock);
}

struct ops_shared *ops_slot_hold(struct ops_slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    struct ops_shared *shared = slot->shared;
    atomic_fetch_add_explicit(&shared->holders, 1, memory_order_relaxed);
    pthread_mutex_unlock(&slot->lock);
    return shared;
}

void ops_slot_replace(struct ops_slot *slot, struct ops_shared *shared)
{
    pthread_mutex_lock(&slot->lock);
    struct ops_shared *before = slot->shared;
    slot->shared = shared;
    pthread_mutex_unlock(&slot->lock);
    ops_shared_let_go(before);
}
