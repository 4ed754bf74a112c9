/* The maintenance window's state machine.
 *
 *   scheduled -> active -> ended
 *   scheduled -> cancelled
 *
 * A window is the JSON object that CONTRACT section 2 describes, as stored and as shown. Every transition takes the window
 * as it is and gives a new one, revision + 1; the old one is left alone. A refusal names the window and its status in the
 * details. At most one window is active: that is the store's business (ACTIVE_MAINTENANCE), not this file's.
 */
#ifndef OPS_CORE_WINDOW_H
#define OPS_CORE_WINDOW_H

#include "base/error.h"
#include "base/instant.h"

#include <stdbool.h>

enum ops_window_status {
    OPS_WINDOW_SCHEDULED,
    OPS_WINDOW_ACTIVE,
    OPS_WINDOW_ENDED,
    OPS_WINDOW_CANCELLED,
    OPS_WINDOW_STATUS_COUNT
};

enum {
    OPS_DESCRIPTION_MAX = 2000, /* characters, of a description, an update's text and an end message */
    OPS_DURATION_MIN_SECONDS = 60,
    OPS_DURATION_MAX_SECONDS = 604800,
    OPS_SCHEDULE_AHEAD_MAX_DAYS = 366,
    /* Older updates leave the record (the audit trail keeps them), so that posting progress never fails on a record's size.
     */
    OPS_UPDATES_MAX = 100,
    OPS_UPDATES_MAX_BYTES = 96 * 1024,
};

const char *ops_window_status_name(enum ops_window_status status);

/* OPS_CORRUPT when the object has no status that is one. */
enum ops_status ops_window_status(const json_t *window, enum ops_window_status *ret_status) OPS_MUST_USE;

/* A new window, revision 1. OPS_START_NOT_IN_FUTURE; OPS_INVALID_FIELD when it starts too far ahead. */
enum ops_status ops_window_schedule(const char *id, const char *description, int64_t duration_seconds, int64_t start_ms,
                                    int64_t now_ms, json_t **ret_window, struct ops_error *error) OPS_MUST_USE;

/* started_by is "operator" or "sweep". OPS_MAINTENANCE_NOT_SCHEDULED. */
enum ops_status ops_window_start(const json_t *window, const char *started_by, int64_t now_ms, json_t **ret_window,
                                 struct ops_error *error) OPS_MUST_USE;

/* end_message may be NULL. OPS_MAINTENANCE_NOT_ACTIVE. */
enum ops_status ops_window_end(const json_t *window, const char *end_message, int64_t now_ms, json_t **ret_window,
                               struct ops_error *error) OPS_MUST_USE;

/* OPS_MAINTENANCE_NOT_SCHEDULED. */
enum ops_status ops_window_cancel(const json_t *window, int64_t now_ms, json_t **ret_window, struct ops_error *error)
    OPS_MUST_USE;

struct ops_window_change {
    const char *description;  /* NULL: as it is */
    int64_t duration_seconds; /* 0: as it is */
    const char *text;         /* NULL: no progress to post; else the window must be active */
};

/* OPS_MAINTENANCE_NOT_ACTIVE: it is over, or has not begun and text is given. */
enum ops_status ops_window_update(const json_t *window, const struct ops_window_change *change, int64_t now_ms,
                                  json_t **ret_window, struct ops_error *error) OPS_MUST_USE;

/* OPS_REVISION_CONFLICT when expected is not 0 and not the window's revision. */
enum ops_status ops_window_expect(const json_t *window, json_int_t expected_revision, struct ops_error *error) OPS_MUST_USE;

bool ops_window_is(const json_t *window, enum ops_window_status status);

/* Whether it is scheduled and its time has come. */
bool ops_window_due(const json_t *window, int64_t now_ms);

/* Of two scheduled windows, whether a starts before b: by scheduled start, then by id. */
bool ops_window_before(const json_t *a, const json_t *b);

/* Whether it is active and has gone on for longer than was estimated. */
bool ops_window_overdue(const json_t *window, int64_t now_ms);

/* What ping and gates show of an active window: CONTRACT section 2, with estimated_end_utc and overdue. OPS_CORRUPT. */
enum ops_status ops_window_notice(const json_t *window, int64_t now_ms, json_t **ret_notice) OPS_MUST_USE;

#endif
