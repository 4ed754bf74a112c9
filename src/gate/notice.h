/* What the active window is, made ready for whoever is turned away: written once for each answer of the source, copied for
 * each caller. */
#ifndef OPS_GATE_NOTICE_H
#define OPS_GATE_NOTICE_H

#include "base/error.h"
#include "base/view.h"

#include <jansson.h>

/* Zeroed: no window. */
struct ops_gate_notice {
    json_t *window; /* the five members of the contract's details, each there; NULL: no window */
    int64_t end_ms;      /* the estimated end, wall clock; 0: not known */
    int64_t estimate_ms; /* how long it is to last, by itself; 0: not known */
    bool told_overdue;   /* the source says so; one that says nothing of it says no */
};

void ops_gate_notice_release(struct ops_gate_notice *notice); /* leaves it zeroed */

/* From what a source gave; "" is no window, nor is one whose status is there and not "active". Members that are missing are
 * null, updates an empty array. OPS_CORRUPT: it is no JSON object; OPS_NO_MEMORY. */
enum ops_status ops_gate_notice_read(struct ops_view text, struct ops_gate_notice *ret_notice) OPS_MUST_USE;

/* The window goes on for longer than was estimated, by the source's clock or by the caller's: then its end is nothing to
 * promise any more. */
bool ops_gate_notice_overdue(const struct ops_gate_notice *notice, int64_t now_ms);

#endif
