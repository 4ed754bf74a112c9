/* One event for a log, and the three ways in which it is written as one line.
 *
 * Whatever the texts hold, the line is one: control characters, characters that are not seen or turn the direction of
 * writing, and what is not UTF-8 are escaped, and what is too long is cut.
 */
#ifndef OPS_BASE_LOG_LINE_H
#define OPS_BASE_LOG_LINE_H

#include "base/buf.h"
#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

/* X(symbol, name, priority of syslog(3)) */
#define OPS_LOG_LEVEL_TABLE(X)                                                                                              \
    X(ERROR, "error", 3)                                                                                                    \
    X(WARN, "warn", 4)                                                                                                      \
    X(INFO, "info", 6)                                                                                                      \
    X(DEBUG, "debug", 7)

enum ops_log_level {
#define X(symbol, name, priority) OPS_LOG_##symbol,
    OPS_LOG_LEVEL_TABLE(X)
#undef X
        OPS_LOG_LEVEL_COUNT
};

enum ops_log_format { OPS_LOG_TEXT, OPS_LOG_LOGFMT, OPS_LOG_JSON, OPS_LOG_FORMAT_COUNT };

const char *ops_log_level_name(enum ops_log_level level);
int ops_log_level_priority(enum ops_log_level level);
enum ops_log_level ops_log_level_of(const char *name);   /* OPS_LOG_LEVEL_COUNT: there is none */
enum ops_log_format ops_log_format_of(const char *name); /* "text", "logfmt", "json"; OPS_LOG_FORMAT_COUNT: none */

enum {
    OPS_LOG_FIELDS_MAX = 32,
    OPS_LOG_VALUE_MAX_BYTES = 512,  /* of a field; the rest is cut */
    OPS_LOG_WORDS_MAX_BYTES = 4000, /* of the sentence; likewise */
};

struct ops_log_field {
    const char *name; /* lower case and '_' */
    bool is_number;
    int64_t number;
    struct ops_view text;
};

/* All borrowed. */
struct ops_log_line {
    enum ops_log_level level;
    const char *event; /* "vacuum.started" */
    const char *words; /* a sentence, or NULL */
    size_t field_count;
    struct ops_log_field fields[OPS_LOG_FIELDS_MAX];
};

void ops_log_line_init(struct ops_log_line *line, enum ops_log_level level, const char *event, const char *words);

/* Each adds a field; beyond the last place, and for a text that is NULL, nothing. */
void ops_log_line_text(struct ops_log_line *line, const char *name, const char *text);
void ops_log_line_view(struct ops_log_line *line, const char *name, struct ops_view text);
void ops_log_line_number(struct ops_log_line *line, const char *name, int64_t number);

/* Appends the line with the time in UTC to the millisecond, and a line end. */
void ops_log_line_append(const struct ops_log_line *line, int64_t at_ms, enum ops_log_format format, struct ops_buf *buf);

#endif
