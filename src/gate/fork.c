/*
 * After fork the child has the gate but not its thread, and a copy of connections that are still the parent's. It forgets
 * what it knew, lets the copies lie, and starts a thread of its own at its first check. Before it, no gate's thread is in a
 * library (base/foreign.h), and what no child may find open is closed.
 */
#include "gate/gate.h"

#include "base/foreign.h"

#include <dlfcn.h>
#include <unistd.h>

enum { REST_WITHIN_MS = 1000 };

static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct opsgate *open_gates; /* under open_mutex */
static bool at_rest;               /* likewise: no gate's thread is in a library */
static int cancel_state;           /* likewise: of the thread that forks */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The threads come to rest: each is waiting for a network, or runs for some milliseconds. Where one is stuck in a file
 * system the fork does not wait for it. fork is where no thread is cancelled, and stays so. */
static void before_fork(void)
{
    int before;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_mutex_lock(&open_mutex);
    cancel_state = before;
    at_rest = ops_foreign_stop(REST_WITHIN_MS);
    for (struct opsgate *gate = open_gates; gate; gate = gate->next_open) {
        if (at_rest)
            ops_gate_source_before_fork(gate->source);
        pthread_mutex_lock(&gate->mutex);
    }
}

static void after_fork(void)
{
    int after = cancel_state;
    pthread_mutex_unlock(&open_mutex);
    (void)pthread_setcancelstate(after, NULL);
}

static void in_parent(void)
{
    if (at_rest)
        ops_foreign_go_on();
    for (struct opsgate *gate = open_gates; gate; gate = gate->next_open)
        pthread_mutex_unlock(&gate->mutex);
    after_fork();
}

/* Another sequence than the parent's, and than those of the parent's other children: a server that forks its workers one
 * after the other would have them ask in step. */
static uint64_t other_dice(uint64_t dice)
{
    uint64_t other = dice ^ (uint64_t)getpid() * 0x9e3779b97f4a7c15;
    return other ? other : dice;
}

/* The conditions may have waiters that are not there any more; the mutex is ours, since we locked it. */
static void start_anew(struct opsgate *gate)
{
    ops_gate_conditions_init(gate);
    atomic_store(&gate->cell.word, 0);
    atomic_store(&gate->tried_ns, 0);
    atomic_store(&gate->patience_until_ns, 0);
    gate->source = NULL;
    gate->synced.has_thread = gate->synced.poked = false;
    gate->synced.dice = other_dice(gate->synced.dice);
    pthread_mutex_unlock(&gate->mutex);
}

static void in_child(void)
{
    ops_gate_lines_forget();
    ops_foreign_go_anew(at_rest);
    for (struct opsgate *gate = open_gates; gate; gate = gate->next_open)
        start_anew(gate);
    after_fork();
}

/* Threads that have checked call back in here when they end, and so do fork and exit. The shared library is linked to stay;
 * a plug-in that the archive is in stays like this. A program is no object that could be found so, and stays anyway. */
static void stay_loaded(void)
{
    Dl_info found;
    if (dladdr(&once, &found) != 0 && found.dli_fname)
        (void)dlopen(found.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static void watch(void)
{
    stay_loaded();
    /* Without memory for it a child has no thread, and its gate opens after 20 seconds. */
    (void)pthread_atfork(before_fork, in_parent, in_child);
    ops_foreign_end_at_exit();
    json_object_seed(0); /* else the first object is made under a lock of jansson's, by whichever thread */
}

void ops_gate_fork_watch(struct opsgate *gate)
{
    (void)pthread_once(&once, watch);
    pthread_mutex_lock(&open_mutex);
    gate->next_open = open_gates;
    open_gates = gate;
    pthread_mutex_unlock(&open_mutex);
}

void ops_gate_fork_forget(struct opsgate *gate)
{
    pthread_mutex_lock(&open_mutex);
    struct opsgate **link = &open_gates;
    while (*link && *link != gate)
        link = &(*link)->next_open;
    if (*link)
        *link = gate->next_open;
    pthread_mutex_unlock(&open_mutex);
}
