/* Whether the store takes writes, for those who ask how the service is: a full disk is read from as ever.
 *
 * Only a write tells. Anybody may ask, so one is made once in OPS_WRITE_LOOK_EVERY_MS at most, by one of those who ask; the
 * others get what was found last.
 */
#ifndef OPS_APP_WRITE_WATCH_H
#define OPS_APP_WRITE_WATCH_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { OPS_WRITE_LOOK_EVERY_MS = 5000, OPS_WRITE_REASON_SIZE = 96 };

struct ops_write_watch {
    pthread_mutex_t lock;
    struct {
        bool has_looked;
        bool is_looking;
        int64_t looked_ms; /* monotonic */
        bool is_writable;
        char reason[OPS_WRITE_REASON_SIZE]; /* a clause without names; "" while it is writable */
    } synced;
};

struct ops_app;

void ops_write_watch_init(struct ops_write_watch *watch);
void ops_write_watch_release(struct ops_write_watch *watch);

/* False, and why, when the store could not be written. */
bool ops_app_store_writable(struct ops_app *app, char ret_reason[static OPS_WRITE_REASON_SIZE]);

#endif
