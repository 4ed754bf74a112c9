/* Where audit records are delivered to: the log group /g3nretailstack/ops/maintenance-audit. */
#ifndef OPS_PORTS_LOG_SINK_H
#define OPS_PORTS_LOG_SINK_H

#include "base/error.h"
#include "base/pulse.h"
#include "base/view.h"

#include <stdint.h>

enum { OPS_LOG_BATCH_MAX = 100 };

struct ops_log_event {
    int64_t at_ms;
    struct ops_view text; /* one line of JSON, no line end */
};

struct ops_log_sink;

struct ops_log_sink_ops {
    /* Appends 1..OPS_LOG_BATCH_MAX events in order, durably, in one stream. OPS_OK: all are there. OPS_STORE_UNAVAILABLE,
     * OPS_THROTTLED: none is. OPS_UNKNOWN: a prefix, all, or none; sending them again is harmless. */
    enum ops_status (*append)(struct ops_log_sink *self, const struct ops_log_event *events, size_t count,
                              struct ops_error *error);
    void (*release)(struct ops_log_sink *self);
};

/* Embed as the first member. One append at a time. */
struct ops_log_sink {
    const struct ops_log_sink_ops *ops;
};

static inline enum ops_status OPS_MUST_USE ops_log_sink_append(struct ops_log_sink *sink, const struct ops_log_event *events,
                                                               size_t count, struct ops_error *error)
{
    ops_pulse_away();
    enum ops_status status = sink->ops->append(sink, events, count, error);
    ops_pulse_back();
    return status;
}

static inline void ops_log_sink_release(struct ops_log_sink *sink)
{
    if (sink)
        sink->ops->release(sink);
}

#endif
