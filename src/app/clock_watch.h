/* Whether the wall clock can be trusted: what it did since the app was made, and what others say the time is.
 *
 * A window starts, and the five minutes of a pending vacuum end, by the wall clock of whoever sweeps. Where it was set, that
 * is sooner or later than an operator counted on. So it stays; but it is told: here, to whoever asks, and in the record of
 * each vacuum that was pending meanwhile, as "clock_steps": [{"at", "seconds"}].
 */
#ifndef OPS_APP_CLOCK_WATCH_H
#define OPS_APP_CLOCK_WATCH_H

#include "app/app.h"

enum {
    OPS_CLOCK_STEPS_KEPT = 8,               /* the latest, here and in a record */
    OPS_CLOCK_TOLD_FOR_MS = 10 * 60 * 1000, /* a step makes stat "degraded" for so long: twice the five minutes */
};

struct ops_clock_step {
    int64_t at_ms;   /* what the clock said when it was noticed, right after */
    int64_t step_ms; /* above zero: it was set forward */
};

struct ops_clock_news {
    int64_t step_count;                                /* since the app was made */
    int64_t stepped_ms;                                /* how far in all, forward or back */
    struct ops_clock_step steps[OPS_CLOCK_STEPS_KEPT]; /* the last of them, the latest first; min(count, kept) are there */
    bool is_recent;                                    /* the latest is not OPS_CLOCK_TOLD_FOR_MS ago */
    bool has_others;                                   /* somebody else's clock is known */
    int64_t ahead_ms;                                  /* of theirs; below zero: behind */
    bool is_apart;                                     /* from theirs, by more than OPS_CLOCK_STEP_MORE_THAN_MS */
};

/* Thread-safe, and never waits for the store. */
void ops_app_clock_news(struct ops_app *app, struct ops_clock_news *ret_news);

#endif
