/* The gate's rule: when may what a gate knows close its service?
 *
 * Only while it is surely young. A gate that has heard nothing for 20 seconds is open: a service that stays closed because
 * OPS can't be reached would turn one outage into two.
 */
#ifndef OPS_GATE_DECIDE_H
#define OPS_GATE_DECIDE_H

#include "ports/gate_source.h"

#include <stdbool.h>
#include <stdint.h>

#define OPS_GATE_MS INT64_C(1000000) /* in nanoseconds */
#define OPS_GATE_SECOND (1000 * OPS_GATE_MS)
#define OPS_GATE_KNOWLEDGE_MAX_NS (20 * OPS_GATE_SECOND)

/* A coarse clock is late by a tick of the kernel, of which there are a hundred a second or more; and while it is being set
 * right it may lose as much again in 20 seconds (500 ppm, adjtimex(2)). What is learned counts as older by both. */
#define OPS_GATE_TICK_NS (10 * OPS_GATE_MS)
#define OPS_GATE_CLOCK_ERROR_NS (2 * OPS_GATE_TICK_NS)

/* Zeroed: nothing is known. */
struct ops_gate_knowledge {
    int64_t learned_ns; /* monotonic; the truth is not older than this */
    bool known;
    bool active; /* a window was active then */
};

/* Whether knowledge of that age counts. What seems to come from the future does not: its clock is not ours. */
static inline bool ops_gate_counts(int64_t age_ns)
{
    return age_ns >= 0 && age_ns <= OPS_GATE_KNOWLEDGE_MAX_NS;
}

/* What follows from an answer to a question that was sent at asked_ns, from a snapshot that was answer_age_ns old at most
 * when the question arrived: neither the way back nor that makes the knowledge younger than it is. */
struct ops_gate_knowledge ops_gate_learn(int64_t asked_ns, int64_t answer_age_ns, bool active);

/* Whether requests are turned away at now_ns (monotonic). */
bool ops_gate_blocks(const struct ops_gate_knowledge *knowledge, int64_t now_ns);

#endif
