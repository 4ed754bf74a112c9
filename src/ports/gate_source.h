/* Whom a gate asks whether a window is active. */
#ifndef OPS_PORTS_GATE_SOURCE_H
#define OPS_PORTS_GATE_SOURCE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

/* Ping answers from a snapshot that may be this old already when the question arrives. */
#define OPS_GATE_ANSWER_AGE_MAX_NS INT64_C(1000000000)

struct ops_gate_source;

struct ops_gate_source_ops {
    /* Asks, and takes timeout_ms at most. OPS_OK: window is empty when none is active, else the JSON object of the one that
     * is, with what is known of maintenance_id, description, started_at, estimated_end_utc or estimated_duration_seconds,
     * and updates. Anything else: it could not be found out, and error says why. One thread at a time. */
    enum ops_status (*ask)(struct ops_gate_source *self, int64_t timeout_ms, struct ops_buf *window,
                           struct ops_error *error);
    void (*close)(struct ops_gate_source *self);
    /* Lets go of what must not be open in two processes at once; the next question opens it again. No question is under way.
     * The thread that forks calls it, so it is for sources that share the process's descriptors. NULL: there is nothing of
     * the kind. */
    void (*before_fork)(struct ops_gate_source *self);
};

/* Embed as the first member. */
struct ops_gate_source {
    const struct ops_gate_source_ops *ops;
    int64_t answer_age_ns; /* so old the latest answer may have been already when it was given */
};

static inline void ops_gate_source_close(struct ops_gate_source *source)
{
    if (source)
        source->ops->close(source);
}

static inline void ops_gate_source_before_fork(struct ops_gate_source *source)
{
    if (source && source->ops->before_fork)
        source->ops->before_fork(source);
}

/* The sources that a configuration can name. */
struct ops_gate_sources {
    /* With ret_source NULL it only looks whether name is that of one. OPS_USAGE: it is not, and error says why;
     * OPS_NO_MEMORY; else the adapter's own reason why it can't be opened now. */
    enum ops_status (*open)(const char *name, struct ops_gate_source **ret_source, struct ops_error *error);
    /* Of a name that open takes: whether the source must have the descriptors of the process. Else the thread that opens,
     * asks and closes it may have a table of its own. */
    bool (*shares_descriptors)(const char *name);
};

#endif
