/* What a gate knows, where any number of threads read it without a lock while one writes.
 *
 * All of it is one word: when it was learned, and whether a window was active. Beside it stands how far the wall clock was
 * ahead of the monotonic one at that moment. The monotonic clock stands still while a machine is suspended or its memory
 * lies in a snapshot; the wall clock then jumps. Knowledge that would close the gate counts only while both agree on its age.
 */
#ifndef OPS_GATE_CELL_H
#define OPS_GATE_CELL_H

#include "gate/decide.h"

#include <stdatomic.h>

/* What a check was answered by. */
enum ops_gate_verdict { OPS_GATE_FRESH, OPS_GATE_STALE, OPS_GATE_UNKNOWN, OPS_GATE_BLOCKED, OPS_GATE_VERDICT_COUNT };

/* Zeroed but for fresh_ns: nothing is known. */
struct ops_gate_cell {
    _Atomic uint64_t word; /* learned_ns * 4 + known * 2 + active */
    _Atomic int64_t wall_ahead_ns;
    int64_t fresh_ns; /* knowledge that is older is overdue; set before the first check */
};

typedef int64_t (*ops_gate_clock_fn)(void *context); /* ns */

/* So far the two clocks may differ from what they did: they are read one after the other. */
#define OPS_GATE_CLOCKS_APART_NS OPS_GATE_SECOND

static inline uint64_t ops_gate_pack(struct ops_gate_knowledge knowledge)
{
    return (uint64_t)knowledge.learned_ns << 2 | (uint64_t)knowledge.known << 1 | (uint64_t)knowledge.active;
}

static inline struct ops_gate_knowledge ops_gate_unpack(uint64_t word)
{
    return (struct ops_gate_knowledge){.learned_ns = (int64_t)word >> 2, .known = word >> 1 & 1, .active = word & 1};
}

/* One writer at a time. The word first: a reader that sees the new distance of the clocks sees the new word as well, and
 * one that sees the new word with the old distance knows nothing, and looks again (wait.c). */
static inline void ops_gate_cell_set(struct ops_gate_cell *cell, struct ops_gate_knowledge knowledge, int64_t wall_ahead_ns)
{
    atomic_store_explicit(&cell->word, ops_gate_pack(knowledge), memory_order_release);
    atomic_store_explicit(&cell->wall_ahead_ns, wall_ahead_ns, memory_order_release);
}

static inline struct ops_gate_knowledge ops_gate_cell_get(struct ops_gate_cell *cell)
{
    return ops_gate_unpack(atomic_load_explicit(&cell->word, memory_order_acquire));
}

static inline bool ops_gate_clocks_agree(int64_t wall_ahead_then_ns, int64_t wall_ahead_now_ns)
{
    int64_t apart_ns = wall_ahead_now_ns - wall_ahead_then_ns;
    return apart_ns <= OPS_GATE_CLOCKS_APART_NS && apart_ns >= -OPS_GATE_CLOCKS_APART_NS;
}

/* The age by the wall clock counts too: as long as the clocks may differ, a freeze may have gone unseen. */
static inline bool ops_gate_surely_counts(int64_t age_ns, int64_t wall_ahead_then_ns, int64_t wall_ahead_now_ns)
{
    return ops_gate_clocks_agree(wall_ahead_then_ns, wall_ahead_now_ns) && ops_gate_counts(age_ns) &&
           age_ns + (wall_ahead_now_ns - wall_ahead_then_ns) <= OPS_GATE_KNOWLEDGE_MAX_NS;
}

/* The clocks are functions so that tests have their own; where they are given as constants they are inlined. The wall clock
 * is asked only where the answer would be to close: an open gate that should be closed is corrected by the next refresh. */
static inline enum ops_gate_verdict ops_gate_cell_judge(struct ops_gate_cell *cell, ops_gate_clock_fn monotonic,
                                                        ops_gate_clock_fn wall, void *context)
{
    int64_t ahead_ns = atomic_load_explicit(&cell->wall_ahead_ns, memory_order_acquire);
    struct ops_gate_knowledge knowledge = ops_gate_cell_get(cell);
    int64_t now_ns = monotonic(context), age_ns = now_ns - knowledge.learned_ns;
    if (!knowledge.known || !ops_gate_counts(age_ns))
        return OPS_GATE_UNKNOWN;
    if (!knowledge.active)
        return age_ns <= cell->fresh_ns ? OPS_GATE_FRESH : OPS_GATE_STALE;
    return ops_gate_surely_counts(age_ns, ahead_ns, wall(context) - now_ns) ? OPS_GATE_BLOCKED : OPS_GATE_UNKNOWN;
}

/* The short way of nearly all checks: true where the verdict is FRESH. False says nothing. */
static inline bool ops_gate_cell_is_fresh(struct ops_gate_cell *cell, ops_gate_clock_fn monotonic, void *context)
{
    struct ops_gate_knowledge knowledge = ops_gate_cell_get(cell);
    int64_t age_ns = monotonic(context) - knowledge.learned_ns;
    return knowledge.known && !knowledge.active && ops_gate_counts(age_ns) && age_ns <= cell->fresh_ns;
}

#endif
