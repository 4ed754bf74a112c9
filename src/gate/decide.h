/* The gate's rule: when may what a gate knows close its service?
 *
 * Only while it is surely young. A gate that has heard nothing for 20 seconds is open: a service that stays closed because
 * OPS can't be reached would turn one outage into two.
 */
#ifndef OPS_GATE_DECIDE_H
#define OPS_GATE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#define OPS_GATE_KNOWLEDGE_MAX_MS INT64_C(20000)

/* Ping answers from a snapshot that may be this old already when the question arrives. */
#define OPS_GATE_ANSWER_AGE_MAX_MS INT64_C(1000)

/* Zeroed: nothing is known. */
struct ops_gate_knowledge {
    int64_t learned_ms; /* monotonic; the truth is not older than this */
    bool known;
    bool active; /* a window was active then */
};

/* What follows from an answer to a question that was sent at asked_ms: neither the way back nor the snapshot behind the
 * answer makes the knowledge younger than it is. */
struct ops_gate_knowledge ops_gate_learn(int64_t asked_ms, bool active);

/* Whether requests are turned away at now_ms (monotonic). */
bool ops_gate_blocks(const struct ops_gate_knowledge *knowledge, int64_t now_ms);

#endif
