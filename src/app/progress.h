/* Whether the vacuum that is open gets on: an operator who sees neither progress nor a reason can't act.
 *
 * What is known is this process's: a worker of its own says when it has written something down, and what kept it from it.
 * The sweep looks at the store now and then, since another process may be the one that works.
 */
#ifndef OPS_APP_PROGRESS_H
#define OPS_APP_PROGRESS_H

#include "base/instant.h"
#include "base/ulid.h"
#include "ports/clock.h"

#include <jansson.h>
#include <pthread.h>

/* From then on a running vacuum in which nothing is written down is said to stand still. */
#define OPS_STANDS_STILL_MS OPS_MINUTE_MS
/* So often the sweep looks at the tasks of a vacuum in which our own workers write nothing down. */
#define OPS_PROGRESS_LOOK_MS (30 * OPS_SECOND_MS)

enum { OPS_PROGRESS_REASON_SIZE = 320 };

/* The one that deletes and some dry runs; with more of them open at once, the ones that moved last are known of. */
enum { OPS_PROGRESS_VACUUMS_MAX = 4 };

struct ops_vacuum_progress {
    char vacuum_id[OPS_ULID_SIZE];         /* or "" */
    int64_t moved_ms;                      /* monotonic; when it last moved, or was first seen */
    int64_t looked_ms;                     /* monotonic */
    int64_t told_ms;                       /* monotonic; when the log was last told where it is, or when it was first seen */
    json_int_t mark;                       /* of the store's records when it was looked at; -1: not yet */
    char reason[OPS_PROGRESS_REASON_SIZE]; /* what kept one of our workers from it since, or "" */
};

struct ops_progress {
    pthread_mutex_t lock;
    struct {
        struct ops_vacuum_progress vacuums[OPS_PROGRESS_VACUUMS_MAX];
    } synced;
};

struct ops_app;

void ops_progress_init(struct ops_progress *progress);
void ops_progress_release(struct ops_progress *progress);

/* Something of the vacuum was written down. */
void ops_progress_moved(struct ops_app *app, const char *vacuum_id);

/* Something kept a worker from it. */
void ops_progress_trouble(struct ops_app *app, const char *vacuum_id, const char *reason);

/* The sweep's look at an open vacuum. Without an answer of the store nothing is known, and nothing is said. */
void ops_progress_look(struct ops_app *app, const json_t *vacuum);

/* For how many seconds it has stood still, and the reason that is known, in a sentence; 0: it gets on, or is not known of.
 * now_ms is the wall clock's: a pending vacuum whose start lies further ahead than five minutes waits for the clock. What
 * waits for an operator's word on the audit trail stands still however short. */
int64_t ops_progress_stands_seconds(struct ops_app *app, const json_t *vacuum, int64_t now_ms,
                                    char ret_reason[static OPS_PROGRESS_REASON_SIZE]);

/* Whether every_ms have passed since this was true last, or since the vacuum became known of, as it does here too. */
bool ops_progress_tell_is_due(struct ops_app *app, const char *vacuum_id, int64_t every_ms);

#endif
