/* What the running app knows of its delivered log (app/delivered.h), and what it does about a store that has parted from it.
 *
 * Until an operator accepts it, nothing is delivered, since that would be a second story over the first, and no vacuum
 * begins or goes on, since the store may not know that it was cancelled. Everything else goes on. Nor does a vacuum begin
 * before the log was read once: what can't be seen may say that it was cancelled. Later a log group that is down delays
 * delivery and no more.
 */
#ifndef OPS_APP_TRAIL_H
#define OPS_APP_TRAIL_H

#include "app/context.h"

enum {
    OPS_TRAIL_TAIL = 200,            /* so many of the log's last events are compared: twice what is delivered at a time */
    OPS_TRAIL_LOOK_AGAIN_MS = 10000, /* while the two have parted; another process may have accepted it */
};

void ops_trail_init(struct ops_trail *trail);
void ops_trail_release(struct ops_trail *trail);

/* Compares the log's end with the store, if that was not done yet, or if the store's trail has gone back since: position and
 * head are as they were read just now. *ret_held: they have parted. */
enum ops_status ops_trail_may_deliver(struct ops_app *app, json_int_t position_seq, json_int_t head_seq, bool *ret_held,
                                      struct ops_error *error) OPS_MUST_USE;

/* Whether a vacuum may start or go on: they have not parted, as somebody has seen. Who comes first looks, who comes meanwhile
 * may not yet. */
bool ops_trail_may_vacuum(struct ops_app *app);

/* Whether they have parted, by what is known. Never waits for the store. */
bool ops_trail_held(struct ops_app *app);

enum { OPS_TRAIL_WORDS_SIZE = 256 };

/* For how many seconds no vacuum may start or go on, at least 1, and why, in a sentence; 0: they may. Never waits. */
int64_t ops_trail_keeps_seconds(struct ops_app *app, char ret_words[static OPS_TRAIL_WORDS_SIZE]);

/* OPS_STORE_UNAVAILABLE with what is the matter while they have parted; else OPS_OK. */
enum ops_status ops_trail_check(struct ops_app *app, struct ops_error *error) OPS_MUST_USE;

/* Adds {"status", "first_seq", "store_seq", "log_seq"} as "audit" while they have parted; *ret_well: they have not. */
enum ops_status ops_trail_show(struct ops_app *app, json_t *data, bool *ret_well) OPS_MUST_USE;

#endif
