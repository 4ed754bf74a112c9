/* Whom a request is for: a host's name and, behind a colon, a port. */
#ifndef OPS_SURFACES_WIRE_HOST_H
#define OPS_SURFACES_WIRE_HOST_H

#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

struct ops_host {
    struct ops_view name; /* without brackets, and without the dot that a full name may end with */
    uint16_t port;        /* 0: none was said */
};

/* "ops.example.com", "127.0.0.1:8080", "[::1]:8080"; empty for no host. False: it can't be read. The name is text's. */
bool ops_host_read(struct ops_view text, struct ops_host *ret_host);

/* "localhost", or an address of this machine for itself, written as one: 127.0.0.0/8 or ::1. No name can come to mean
 * another machine that way. */
bool ops_host_is_loopback(struct ops_view name);

/* Without regard to case. */
bool ops_host_is(struct ops_view name, const char *wanted);

#endif
