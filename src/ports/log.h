/* Where a running g3nops says what happens: one line an event, for whoever operates it. Nothing depends on its being read.
 *
 * Not to be taken for the log sink (ports/log_sink.h), where the audit trail is delivered to.
 */
#ifndef OPS_PORTS_LOG_H
#define OPS_PORTS_LOG_H

#include "base/log_line.h"

struct ops_log;

struct ops_log_ops {
    /* Whether lines of this level are written at all; who has much to gather for a line asks before. */
    bool (*takes)(const struct ops_log *self, enum ops_log_level level);
    /* Writes the line with the time of now, or drops it. Never waits for a reader, never fails; from any thread. */
    void (*write)(struct ops_log *self, const struct ops_log_line *line);
};

/* Embed as the first member. Whoever made it frees it. */
struct ops_log {
    const struct ops_log_ops *ops;
};

/* log may be NULL in all of them: nobody wants to know. */
bool ops_log_takes(const struct ops_log *log, enum ops_log_level level);
void ops_log_write(struct ops_log *log, const struct ops_log_line *line);

/* A line without fields. */
void ops_log_say(struct ops_log *log, enum ops_log_level level, const char *event, const char *format, ...) OPS_PRINTF(4, 5);

#endif
