/* Signs of life of a loop that must go round, for somebody who watches it.
 *
 * The loop beats once in each round. While it waits for somebody outside, who may take any time, it is away: that says
 * nothing about the loop, and is no reason to end the process that it is in.
 */
#ifndef OPS_BASE_PULSE_H
#define OPS_BASE_PULSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeroed to begin with. Whoever watches reads both at any time, from any thread. */
struct ops_pulse {
    atomic_uint_fast64_t beat_count; /* grows as well whenever the loop leaves or is back */
    atomic_bool away;
};

/* From now on what this thread does is noted there; NULL: nowhere, as for every thread to begin with. */
void ops_pulse_of_thread(struct ops_pulse *pulse);

void ops_pulse_beat(void);
void ops_pulse_away(void); /* does not nest */
void ops_pulse_back(void);

/* The one who watches, and what it has seen. */
struct ops_watch {
    int64_t patience_ms; /* a loop that has given no sign for so long, and is not away, stands still */
    uint64_t seen_count;
    int64_t seen_ms; /* when the last sign was seen */
    int64_t looked_ms;
};

void ops_watch_init(struct ops_watch *watch, int64_t patience_ms, int64_t now_ms);

/* Whether the loop goes round, as far as anybody can tell; now_ms is monotonic. Looks a second or so apart: where much more
 * lies between two, the watcher itself stood still, and the loop gets its time anew. */
bool ops_watch_look(struct ops_watch *watch, const struct ops_pulse *pulse, int64_t now_ms);

#endif
