/* How far a vacuum is, from looks at its record: pure arithmetic.
 *
 * The pace is that of the last half minute, counted from one advance to another: what went before the first one, planning
 * say, is no part of it, nor is a time in which nothing went forward. There is none until there is evidence for it, and none
 * while the vacuum stands still or is not running.
 */
#ifndef OPS_SURFACES_CLI_PROGRESS_H
#define OPS_SURFACES_CLI_PROGRESS_H

#include "base/buf.h"

#include <jansson.h>

/* One look. */
struct ops_progress_look {
    int64_t at_ms;   /* monotonic */
    int64_t handled; /* records that need no more work: read (dry run), or deleted or failed */
    int64_t total;   /* how many the latest dry run of the same plan found; -1: there was none */
    bool running;    /* not while it is pending or paused: then nothing goes forward by itself */
};

enum {
    OPS_PROGRESS_ADVANCES = 64,                 /* remembered */
    OPS_PROGRESS_WINDOW_MS = 30 * 1000,         /* an older one counts no more, if there are enough others */
    OPS_PROGRESS_EVIDENCE_MS = 5 * 1000,        /* from the first that counts until now, before a pace is told; */
    OPS_PROGRESS_EVIDENCE_ADVANCES = 3,         /* and so many of them */
    OPS_PROGRESS_STANDING_STILL_MS = 15 * 1000, /* without one it stands still; a page takes seconds at most */
};

struct ops_progress_advance {
    int64_t at_ms;
    int64_t handled;
};

/* Zeroed at first. */
struct ops_progress {
    struct ops_progress_advance advances[OPS_PROGRESS_ADVANCES]; /* a ring */
    size_t first, count;                                         /* in it */
    bool begun;                                                  /* last and since_ms are of a look */
    struct ops_progress_look last;
    int64_t since_ms; /* the latest advance; before there is one, the first look since it runs */
};

struct ops_progress_view {
    double rate_per_second; /* below 0: not known */
    int64_t percent;        /* 0..100; -1: not known */
    int64_t left_seconds;   /* -1: not known */
    int64_t still_seconds;  /* it stands still for so long; -1: it goes forward, or is not to */
    bool estimating;        /* the time left will be known: there is a total, and it goes forward */
};

/* Notes a look and says how it goes. Counts that go back (a crash made a worker count again) start the pace anew. */
struct ops_progress_view ops_progress_note(struct ops_progress *progress, const struct ops_progress_look *look);

/* What a vacuum record offers. */
struct ops_progress_look ops_progress_look_at(const json_t *vacuum, int64_t monotonic_ms);

/* Targets that are over, and all that are touched. */
void ops_progress_targets(const json_t *vacuum, size_t *ret_done, size_t *ret_all);

/* "running: 3 of 18 targets, 1,234 deleted, 410/s, 42%, 3s left", or of a pending one "pending: starts in 4:12". Where width
 * columns are too few, parts are left out, never cut off: the count of targets before all, and the time that is left after
 * all others. Width 0: as long as it gets. */
void ops_progress_append_line(struct ops_buf *buf, const json_t *vacuum, const struct ops_progress_view *view,
                              int64_t now_ms, size_t width);

#endif
