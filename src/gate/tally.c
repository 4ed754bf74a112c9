#include "gate/tally.h"

#include <pthread.h>

_Thread_local unsigned ops_gate_own_line = OPS_GATE_NO_LINE;

static _Atomic uint64_t taken; /* a bit for each line that has an owner */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* its value is the line + 1, so that the end of a thread calls give_back */
static bool has_key;

static void give_back(void *value)
{
    unsigned line = (unsigned)(uintptr_t)value - 1;
    ops_gate_own_line = OPS_GATE_SHARED_LINE; /* for destructors that run after this one and still check */
    atomic_fetch_and_explicit(&taken, ~(UINT64_C(1) << line), memory_order_release);
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, give_back) == 0;
}

static unsigned take_line(void)
{
    uint64_t before = atomic_load_explicit(&taken, memory_order_relaxed);
    for (unsigned line = 0; line < OPS_GATE_SHARED_LINE;) {
        if (before >> line & 1)
            line++;
        else if (atomic_compare_exchange_weak_explicit(&taken, &before, before | UINT64_C(1) << line, memory_order_acquire,
                                                       memory_order_relaxed))
            return line;
    }
    return OPS_GATE_SHARED_LINE;
}

unsigned ops_gate_line_take(void)
{
    (void)pthread_once(&once, make_key); /* fails only for what is no once */
    unsigned line = has_key ? take_line() : OPS_GATE_SHARED_LINE;
    if (line != OPS_GATE_SHARED_LINE && pthread_setspecific(key, (void *)(uintptr_t)(line + 1)) != 0) {
        give_back((void *)(uintptr_t)(line + 1));
        line = OPS_GATE_SHARED_LINE;
    }
    ops_gate_own_line = line;
    return line;
}

void ops_gate_lines_forget(void)
{
    uint64_t mine = ops_gate_own_line < OPS_GATE_SHARED_LINE ? UINT64_C(1) << ops_gate_own_line : 0;
    atomic_store_explicit(&taken, mine, memory_order_relaxed);
}

uint64_t ops_gate_tally_sum(struct ops_gate_tally *tally, enum ops_gate_verdict verdict)
{
    uint64_t sum = 0;
    for (unsigned line = 0; line < OPS_GATE_LINES; line++)
        sum += atomic_load_explicit(&tally->lines[line].counts[verdict], memory_order_relaxed);
    return sum;
}
