/* Where audit records are delivered to: the log group /g3nretailstack/ops/maintenance-audit. */
#ifndef OPS_PORTS_LOG_SINK_H
#define OPS_PORTS_LOG_SINK_H

#include "base/error.h"
#include "base/pulse.h"
#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

enum { OPS_LOG_BATCH_MAX = 100 };

struct ops_log_event {
    int64_t at_ms;
    struct ops_view text; /* one line of JSON, no line end */
};

struct ops_log_sink;

/* Where an event stands, for a person who looks for it. Lasts as long as the call. */
struct ops_log_place {
    const char *stream;
    const char *noun; /* "line", "event" */
    uint64_t number;  /* of the stream's, from 1 on; 0: not counted, since only the log's end was read */
    bool is_cut;      /* it is longer than any event that was ever appended: text is no more than its beginning */
};

/* Sees one event. Another status than OPS_OK ends the reading, and is what it comes to. */
typedef enum ops_status (*ops_on_log_event_fn)(void *context, const struct ops_log_place *place, struct ops_view text);

struct ops_log_sink_ops {
    /* Appends 1..OPS_LOG_BATCH_MAX events in order, durably, in one stream. OPS_OK: all are there. OPS_STORE_UNAVAILABLE,
     * OPS_THROTTLED: none is. OPS_UNKNOWN: a prefix, all, or none; sending them again is harmless. */
    enum ops_status (*append)(struct ops_log_sink *self, const struct ops_log_event *events, size_t count,
                              struct ops_error *error);
    /* Gives the last `last` events, or all with 0, in the order in which they were appended; what was never appended whole,
     * or by somebody else, is among them. Events that are appended meanwhile are given or not. A log that does not exist has
     * none. OPS_STORE_UNAVAILABLE, OPS_THROTTLED: it can't be read now. From any thread. */
    enum ops_status (*read)(struct ops_log_sink *self, size_t last, ops_on_log_event_fn on_event, void *context,
                            struct ops_error *error);
    /* How long the log keeps an event; 0: for ever. NULL: it does. */
    enum ops_status (*keeps)(struct ops_log_sink *self, int64_t *ret_keeps_ms, struct ops_error *error);
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

/* What on_event does is the caller's own work, and may be to ask somebody else. */
struct ops_log_reader {
    ops_on_log_event_fn on_event;
    void *context;
};

static inline enum ops_status ops_log_reader_event(void *context, const struct ops_log_place *place, struct ops_view text)
{
    const struct ops_log_reader *reader = (const struct ops_log_reader *)context;
    ops_pulse_back();
    enum ops_status status = reader->on_event(reader->context, place, text);
    ops_pulse_away();
    return status;
}

static inline enum ops_status OPS_MUST_USE ops_log_sink_read(struct ops_log_sink *sink, size_t last,
                                                             ops_on_log_event_fn on_event, void *context,
                                                             struct ops_error *error)
{
    struct ops_log_reader reader = {on_event, context};
    ops_pulse_away();
    enum ops_status status = sink->ops->read(sink, last, ops_log_reader_event, &reader, error);
    ops_pulse_back();
    return status;
}

static inline enum ops_status OPS_MUST_USE ops_log_sink_keeps(struct ops_log_sink *sink, int64_t *ret_keeps_ms,
                                                              struct ops_error *error)
{
    *ret_keeps_ms = 0;
    if (!sink->ops->keeps)
        return OPS_OK;
    ops_pulse_away();
    enum ops_status status = sink->ops->keeps(sink, ret_keeps_ms, error);
    ops_pulse_back();
    return status;
}

static inline void ops_log_sink_release(struct ops_log_sink *sink)
{
    if (sink)
        sink->ops->release(sink);
}

#endif
