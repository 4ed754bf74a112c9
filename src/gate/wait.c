/*
 * A check that knows nothing waits only where the gate has not had the chance to ask: at the very beginning, and after the
 * process was frozen for longer than knowledge lasts. Where it has asked and heard nothing, waiting would make a request
 * slower for each of OPS's failures.
 *
 * The first such check sets, by compare-and-swap, until when all of them wait: the budget is the gate's, not each request's.
 */
#include "gate/gate.h"

#include <time.h>

static enum ops_gate_verdict judge(struct opsgate *gate)
{
    return ops_gate_cell_judge(&gate->cell, ops_gate_monotonic_ns, ops_gate_wall_ns, NULL);
}

static bool had_its_chance(struct opsgate *gate, int64_t now_ns)
{
    int64_t tried_ns = atomic_load(&gate->tried_ns);
    int64_t ahead_ns = ops_gate_wall_ns(NULL) - now_ns;
    return tried_ns != 0 && ops_gate_counts(now_ns - tried_ns) &&
           ops_gate_clocks_agree(atomic_load(&gate->tried_ahead_ns), ahead_ns);
}

/* Until when checks wait, and whether this one is the first of them. What was set before a freeze is over, and no longer
 * counts. */
static int64_t patience(struct opsgate *gate, int64_t now_ns, bool *ret_first)
{
    int64_t until_ns = atomic_load(&gate->patience_until_ns), fresh_ns = now_ns + gate->first_wait_ns;
    *ret_first = false;
    while (!*ret_first && (until_ns == 0 || now_ns - until_ns > OPS_GATE_KNOWLEDGE_MAX_NS))
        *ret_first = atomic_compare_exchange_weak(&gate->patience_until_ns, &until_ns, fresh_ns);
    return *ret_first ? fresh_ns : until_ns;
}

static struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / OPS_GATE_SECOND, .tv_nsec = ns % OPS_GATE_SECOND};
}

/* A child's parent's thread did not come along. Without one nothing will be known: the gate is open, nobody waits, and in 20
 * seconds the next check tries again. */
static bool has_thread_locked(struct opsgate *gate, int64_t now_ns)
{
    if (!gate->synced.has_thread && ops_gate_thread_start(gate) != OPSGATE_OK)
        atomic_store(&gate->patience_until_ns, now_ns);
    return gate->synced.has_thread;
}

static void wait_until(struct opsgate *gate, int64_t now_ns, int64_t until_ns)
{
    const struct timespec until = timespec_of(until_ns);
    pthread_mutex_lock(&gate->mutex);
    bool in_time = has_thread_locked(gate, now_ns) && now_ns < until_ns;
    gate->synced.poked = true;
    pthread_cond_signal(&gate->wake);
    while (in_time && !had_its_chance(gate, ops_gate_monotonic_ns(NULL)))
        in_time = pthread_cond_timedwait(&gate->tried, &gate->mutex, &until) == 0;
    pthread_mutex_unlock(&gate->mutex);
}

/* What was learned in between is seen by the last look, with the clocks' distance that belongs to it. Once the time is up a
 * check touches no lock any more, however long the question takes. A thread that is cancelled in here would take the mutex
 * along. */
enum ops_gate_verdict ops_gate_wait(struct opsgate *gate)
{
    int64_t now_ns = ops_gate_monotonic_ns(NULL);
    bool first;
    int cancel_state;
    if (had_its_chance(gate, now_ns))
        return judge(gate);
    int64_t until_ns = patience(gate, now_ns, &first);
    if (!first && now_ns >= until_ns)
        return judge(gate);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    wait_until(gate, now_ns, until_ns);
    (void)pthread_setcancelstate(cancel_state, NULL);
    return judge(gate);
}
