/* The vacuum mutex: one vacuum at a time, with a fence and a safety release.
 *
 * The record is {"holder", "fence", "expires_at"}. It stays when the mutex is free (holder is ""), so that the fence only
 * ever grows: a worker that still holds an old fence can tell, and so can the store, in the transaction before each removal.
 *
 * That its vacuum has run out of its time is a matter of clocks until the mutex is closed: the holder stays, the fence
 * grows, and from then on it is a fact in the store, whatever a clock says.
 */
#ifndef OPS_CORE_MUTEX_H
#define OPS_CORE_MUTEX_H

#include "base/instant.h"
#include "base/ulid.h"

#include <jansson.h>
#include <stdbool.h>

#define OPS_MUTEX_LIFETIME_MS (24 * OPS_HOUR_MS)

struct ops_mutex {
    char holder[OPS_ULID_SIZE]; /* vacuum id, "" when free */
    json_int_t fence;           /* 0: never held */
    int64_t expires_ms;         /* a whole second */
};

enum ops_status ops_mutex_read(const json_t *doc, struct ops_mutex *ret_mutex) OPS_MUST_USE; /* NULL: never held */
json_t *ops_mutex_doc(const struct ops_mutex *mutex);                                        /* NULL: no memory */

bool ops_mutex_held(const struct ops_mutex *mutex);
bool ops_mutex_expired(const struct ops_mutex *mutex, int64_t now_ms); /* held, and past its time */

struct ops_mutex ops_mutex_take(const struct ops_mutex *mutex, const char *vacuum_id, int64_t now_ms);
struct ops_mutex ops_mutex_give_back(const struct ops_mutex *mutex);

/* Nobody works by it any more: it has another fence than the one that its vacuum took it with, and is to be given back. */
struct ops_mutex ops_mutex_close(const struct ops_mutex *mutex);
bool ops_mutex_closed(const struct ops_mutex *mutex, const char *vacuum_id, json_int_t taken_fence); /* held by it still */

#endif
