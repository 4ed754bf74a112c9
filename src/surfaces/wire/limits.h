/* What those at the other end of a server's connections may take of it. */
#ifndef OPS_SURFACES_WIRE_LIMITS_H
#define OPS_SURFACES_WIRE_LIMITS_H

#include <stddef.h>

enum {
    OPS_WIRE_CONNECTIONS_MAX = 4096,              /* open at once, where the process may open OPS_WIRE_FILES_AMPLE files */
    OPS_WIRE_FILES_AMPLE = 8192,                  /* with fewer, every server has that much fewer connections */
    OPS_WIRE_BODIES_MAX_BYTES = 16 * 1024 * 1024, /* all bodies under way, but for what each has anyway */

    OPS_WIRE_IDLE_TIMEOUT_SECONDS = 30,   /* without a byte either way */
    OPS_WIRE_HEAD_TIMEOUT_SECONDS = 10,   /* from a connection's begin to the end of its first head, TLS and all; and what a
                                             later head may take on top of the idle time */
    OPS_WIRE_BODY_TIMEOUT_SECONDS = 30,   /* from a head's end to its body's */
    OPS_WIRE_ANSWER_TIMEOUT_SECONDS = 60, /* to take an answer */
};

/* 0: the number above that is named so. */
struct ops_wire_limits {
    size_t connections;
    size_t connections_per_party; /* 0: as many as there may be */
    size_t bodies_max_bytes;
    /* Tests use short ones. */
    unsigned idle_timeout_seconds;
    unsigned head_timeout_seconds;
    unsigned body_timeout_seconds;
};

/* Puts numbers in the place of all zeros, and leaves no more connections than the process has files for. */
void ops_wire_limits_fill(struct ops_wire_limits *limits);

#endif
