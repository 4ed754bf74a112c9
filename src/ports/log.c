#include "ports/log.h"

#include <stdarg.h>
#include <stdio.h>

bool ops_log_takes(const struct ops_log *log, enum ops_log_level level)
{
    return log && log->ops->takes(log, level);
}

void ops_log_write(struct ops_log *log, const struct ops_log_line *line)
{
    if (ops_log_takes(log, line->level))
        log->ops->write(log, line);
}

void ops_log_say(struct ops_log *log, enum ops_log_level level, const char *event, const char *format, ...)
{
    char words[OPS_LOG_WORDS_MAX_BYTES + sizeof "..."]; /* one that is too long for the line is seen to be cut */
    struct ops_log_line line;
    va_list args;
    if (!ops_log_takes(log, level))
        return;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    ops_log_line_init(&line, level, event, words);
    ops_log_write(log, &line);
}
