/* What the active window is, made ready for whoever is turned away: written once for each answer of the source, copied for
 * each caller. */
#ifndef OPS_GATE_NOTICE_H
#define OPS_GATE_NOTICE_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

/* Zeroed: no window. */
struct ops_gate_notice {
    json_t *window;        /* the five members of the contract's details, each there; NULL: no window */
    struct ops_buf details; /* window as text */
    int64_t end_ms;        /* the estimated end, wall clock; 0: not known */
};

void ops_gate_notice_release(struct ops_gate_notice *notice); /* leaves it zeroed */

/* From what a source gave; "" is no window. Members that are missing are null, updates an empty array. OPS_CORRUPT: it is no
 * JSON object; OPS_NO_MEMORY. */
enum ops_status ops_gate_notice_read(struct ops_view text, struct ops_gate_notice *ret_notice) OPS_MUST_USE;

/* A member, or "" where it is not known. Borrowed. */
const char *ops_gate_notice_text(const struct ops_gate_notice *notice, const char *name);

#endif
