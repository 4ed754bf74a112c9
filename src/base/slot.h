/* Something that is replaced while others use it.
 *
 * Who uses it holds it, and may go on doing so after another has taken its place; the last one that lets go frees it. The
 * thing itself must not change once it is shared, or guard itself.
 */
#ifndef OPS_BASE_SLOT_H
#define OPS_BASE_SLOT_H

#include "base/status.h"

#include <pthread.h>

/* A thing and the count of those who hold it. */
struct ops_shared;

typedef void (*ops_shared_free_fn)(void *thing);

/* Takes thing when it succeeds; free_thing (NULL: nothing is to be freed) gets it when nobody holds it any more. The caller
 * holds the result. OPS_NO_MEMORY. */
enum ops_status ops_shared_new(void *thing, ops_shared_free_fn free_thing, struct ops_shared **ret_shared) OPS_MUST_USE;

void *ops_shared_thing(const struct ops_shared *shared); /* good for as long as the caller holds it */
void ops_shared_let_go(struct ops_shared *shared);       /* from any thread; NULL is fine */

/* The place of what counts now. Every call is thread-safe, but for init and release. */
struct ops_slot {
    pthread_mutex_t lock;
    struct ops_shared *shared; /* under lock */
};

void ops_slot_init(struct ops_slot *slot, struct ops_shared *shared); /* takes the caller's hold */
void ops_slot_release(struct ops_slot *slot);                         /* those who still hold what was in it may go on */

/* What is in it, held until the caller lets go. Never waits for a replacement. */
struct ops_shared *ops_slot_hold(struct ops_slot *slot);

/* Takes the caller's hold of shared. Whoever asks from now on gets it; can't fail. */
void ops_slot_replace(struct ops_slot *slot, struct ops_shared *shared);

#endif
