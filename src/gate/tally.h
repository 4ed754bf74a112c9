/* Counters that threads add to without getting into each other's way: each thread has a line of its own. */
#ifndef OPS_GATE_TALLY_H
#define OPS_GATE_TALLY_H

#include "gate/cell.h"

enum { OPS_GATE_LINES = 64, OPS_GATE_LINE_BYTES = 64 };

/* Zeroed to begin with. */
struct ops_gate_tally {
    struct {
        _Alignas(OPS_GATE_LINE_BYTES) _Atomic uint64_t counts[OPS_GATE_VERDICT_COUNT];
    } lines[OPS_GATE_LINES];
};

/* The last line is for all threads beyond the number of lines; the others have one owner at a time. */
enum { OPS_GATE_SHARED_LINE = OPS_GATE_LINES - 1 };

/* In the static block: a pointer to it costs no call, in a library either. The library that is loaded while the program runs
 * finds room there too, since it is only a word (glibc keeps more than a thousand bytes for such). */
enum { OPS_GATE_NO_LINE = 0xffff };
extern _Thread_local unsigned ops_gate_own_line __attribute__((tls_model("initial-exec")));

unsigned ops_gate_line_take(void); /* for a thread that has none */

/* The calling thread's line in every tally; given back when it ends. */
static inline unsigned ops_gate_line(void)
{
    unsigned line = ops_gate_own_line;
    return __builtin_expect(line == OPS_GATE_NO_LINE, 0) ? ops_gate_line_take() : line;
}

/* Everybody may use the lines of threads that are not there after a fork. Only for the child. */
void ops_gate_lines_forget(void);

static inline void ops_gate_tally_add(struct ops_gate_tally *tally, enum ops_gate_verdict verdict)
{
    unsigned line = ops_gate_line();
    _Atomic uint64_t *count = &tally->lines[line].counts[verdict];
    if (line == OPS_GATE_SHARED_LINE)
        atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
    else
        atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}

uint64_t ops_gate_tally_sum(struct ops_gate_tally *tally, enum ops_gate_verdict verdict);

#endif
