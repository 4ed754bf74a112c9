/* The person's terminal: whether there is one, how wide it is, a question on it, and waiting that Ctrl-C ends.
 *
 * A table, because tests answer the questions themselves.
 */
#ifndef OPS_SURFACES_CLI_TERMINAL_H
#define OPS_SURFACES_CLI_TERMINAL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ops_stream { OPS_STREAM_IN, OPS_STREAM_OUT, OPS_STREAM_ERR };

struct ops_terminal;

struct ops_terminal_ops {
    bool (*is_terminal)(struct ops_terminal *self, enum ops_stream stream);
    int (*columns)(struct ops_terminal *self, enum ops_stream stream); /* 0: not known */
    /* Shows prompt and reads one line into answer (without its line end), with or without echo. OPS_UNREACHABLE: there is
     * no terminal. OPS_LIMIT: the line is longer than size - 1. OPS_IO_ERROR: the terminal went away, or the line ended
     * before it began (Ctrl-D). Ctrl-C ends the process after the terminal is as it was. */
    enum ops_status (*ask)(struct ops_terminal *self, const char *prompt, bool echo, char *answer, size_t size,
                           struct ops_error *error);
    /* While held, Ctrl-C and SIGTERM do not end the process but the next pause. */
    void (*hold_interrupts)(struct ops_terminal *self, bool hold);
    bool (*pause)(struct ops_terminal *self, int64_t wait_ms); /* false: interrupted */
};

/* Embed as the first member. One thread at a time. */
struct ops_terminal {
    const struct ops_terminal_ops *ops;
};

/* The process's own. Static. */
struct ops_terminal *ops_terminal_system(void);

#endif
