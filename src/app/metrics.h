/* What a monitor watches: windows and vacuums in numbers.
 *
 * Monitors ask often and from several places, and must cost the store nothing to speak of: what was read is kept for
 * OPS_METRICS_GOOD_FOR_MS, and so is that it could not be read.
 */
#ifndef OPS_APP_METRICS_H
#define OPS_APP_METRICS_H

#include "app/app.h"

enum { OPS_METRICS_GOOD_FOR_MS = 5000, OPS_METRICS_PATIENCE_MS = 5000 };

enum { OPS_RESULT_SIZE = 32, OPS_RESULTS_MAX = 32 };

struct ops_result_count {
    char result[OPS_RESULT_SIZE]; /* "completed", "cancelled", or the tag of the error */
    int64_t vacuums;
    int64_t dry_runs;
};

struct ops_measures {
    struct ops_build build;
    bool store_up; /* the rest could be read; else it is zero */
    /* By this process, also where the store is not up. */
    int64_t secret_mismatches;
    int64_t swept_seconds;   /* since 1970; when a sweep last started all that was due; 0: not yet */
    int64_t audit_differs;   /* 1: the store has parted from its delivered audit log */
    size_t result_count;
    struct ops_result_count results[OPS_RESULTS_MAX]; /* of the vacuums that are over, since the store was begun */
    int64_t audit_undelivered;                        /* records that wait */
    int64_t maintenance_active; /* 0 or 1 */
    int64_t maintenance_overdue; /* likewise: one that is active for longer than was estimated */
    int64_t maintenance_scheduled;
    int64_t vacuum_pending; /* 0 or 1, as running: dry runs are counted for themselves */
    int64_t vacuum_running;
    int64_t vacuum_dry_runs;
    /* Of the clock; also where the store is not up. */
    int64_t clock_steps;
    int64_t clock_step_seconds; /* in all, forward or back */
    bool has_other_clock;
    int64_t clock_difference_seconds; /* from it, ahead or behind */
    /* Of the vacuum that runs; 0 while none does. */
    int64_t vacuum_records_matched;
    int64_t vacuum_records_deleted;
    int64_t vacuum_records_failed;
    int64_t vacuum_standing_seconds; /* of the one that is open and stands still, a dry run too; else 0 */
};

struct ops_metrics;

/* app outlives it. OPS_NO_MEMORY. */
enum ops_status ops_metrics_new(struct ops_app *app, struct ops_metrics **ret_metrics) OPS_MUST_USE;
void ops_metrics_free(struct ops_metrics *metrics); /* NULL is fine */

/* Thread-safe: of those who ask at a time one reads, and the others get what was read before, or a store that is not up
 * where nothing was, or where the reading takes longer than OPS_METRICS_PATIENCE_MS. So however many ask while a store does
 * not answer, they hold up one of a surface's threads. */
void ops_metrics_read(struct ops_metrics *metrics, struct ops_measures *ret_measures);

#endif
