/* What every log sink must do: the promises of ports/log_sink.h. */
#ifndef OPS_TESTS_LOG_SINK_SUITE_H
#define OPS_TESTS_LOG_SINK_SUITE_H

#include "base/buf.h"
#include "ports/log_sink.h"

struct log_sink_suite_source {
    struct ops_log_sink *(*open)(void);
    /* Appends every event that the log group holds, in its order, each with a line end. */
    void (*read)(struct ops_log_sink *sink, struct ops_buf *buf);
    void (*close)(struct ops_log_sink *sink);
    bool keeps_blocks; /* blocks outlive a sink, so that it is not swept here for what it does without memory */
};

/* Runs every case on a sink of its own; the number of cases that failed. */
int log_sink_suite_run(const char *name, const struct log_sink_suite_source *source);

#endif
