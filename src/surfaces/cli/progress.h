/* How far a vacuum is, from looks at its record: pure arithmetic. */
#ifndef OPS_SURFACES_CLI_PROGRESS_H
#define OPS_SURFACES_CLI_PROGRESS_H

#include "base/buf.h"

#include <jansson.h>

/* One look. */
struct ops_progress_look {
    int64_t at_ms;   /* monotonic */
    int64_t handled; /* records that need no more work: read (dry run), or deleted, failed or protected */
    int64_t total;   /* how many the latest dry run of the same plan found; -1: there was none */
};

enum { OPS_PROGRESS_LOOKS = 16 }; /* the rate is over as many: some seconds, so that it is calm but not stale */

/* Zeroed at first. */
struct ops_progress {
    struct ops_progress_look looks[OPS_PROGRESS_LOOKS]; /* a ring */
    size_t count;                                       /* of looks ever noted */
};

struct ops_progress_view {
    int64_t rate_per_second; /* -1: not known yet */
    int64_t percent;         /* 0..100; -1: not known */
    int64_t left_seconds;    /* -1: not known */
};

/* Notes a look and says how it goes. Counts that go back (a crash made a worker count again) start the rate anew. */
struct ops_progress_view ops_progress_note(struct ops_progress *progress, const struct ops_progress_look *look);

/* What a vacuum record offers. */
struct ops_progress_look ops_progress_look_at(const json_t *vacuum, int64_t monotonic_ms);

/* Targets that are over, and all that are touched. */
void ops_progress_targets(const json_t *vacuum, size_t *ret_done, size_t *ret_all);

/* "running: 3 of 18 targets, 1,234 deleted, 410/s, 42%, 3s left", or of a pending one "pending: starts in 4:12". */
void ops_progress_append_line(struct ops_buf *buf, const json_t *vacuum, const struct ops_progress_view *view,
                              int64_t now_ms);

#endif
