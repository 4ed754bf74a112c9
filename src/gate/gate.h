/* The inside of a gate, which its files share. */
#ifndef OPS_GATE_GATE_H
#define OPS_GATE_GATE_H

#include "gate/notice.h"
#include "ports/gate_source.h"
#include "gate/tally.h"
#include "opsgate.h"

#include <pthread.h>

struct opsgate {
    struct ops_gate_cell cell;
    _Alignas(OPS_GATE_LINE_BYTES) struct ops_gate_tally tally;

    /* What checks look at that know nothing. */
    _Atomic int64_t tried_ns;         /* when the latest question began that is over, answered or not; 0: none is */
    _Atomic int64_t tried_ahead_ns;   /* the wall clock's lead then */
    _Atomic int64_t patience_until_ns; /* checks that know nothing wait until then; 0: none has come yet */

    /* Never changed while the gate is open. */
    const struct ops_gate_sources *sources;
    char *source_name; /* NULL: a function of the caller's own */
    opsgate_ask_fn ask;
    void *ask_context;
    int64_t refresh_ns, timeout_ms, first_wait_ns;
    char **health_paths; /* NULL behind the last; NULL: none */
    char *service;

    pthread_mutex_t mutex;
    pthread_cond_t wake;  /* the thread has something to do */
    pthread_cond_t tried; /* a question is over */
    struct {              /* under mutex */
        bool closing;
        bool poked; /* somebody waits for an answer */
        bool has_thread;
        struct ops_gate_notice notice;
        uint64_t asked;
        uint64_t failed;
        char last_failure[OPSGATE_ERROR_SIZE];
        uint64_t dice;
    } synced;
    pthread_t thread;
    struct ops_gate_source *source; /* the thread's, which opens, asks and closes it */
    struct opsgate *next_open;      /* list of all, for fork */
};

int64_t ops_gate_monotonic_ns(void *unused); /* both coarse: a few milliseconds late, and cheap */
int64_t ops_gate_wall_ns(void *unused);

/* ---- thread.c: asking, again and again ---- */

/* With the mutex held. OPSGATE_OK or OPSGATE_NO_THREAD. */
opsgate_status ops_gate_thread_start(struct opsgate *gate);
bool ops_gate_thread_stop(struct opsgate *gate); /* without the mutex; false: it goes on, and needs the gate */

/* A number below limit, by chance; for jitter. With the mutex held. */
uint64_t ops_gate_roll(struct opsgate *gate, uint64_t limit);

/* ---- descriptors.c ---- */

/* Parts the calling thread from the process's table of descriptors: from now on it has one of its own, with nothing of the
 * process's in it, and standard streams that lead nowhere. False: the system refuses, and nothing has changed. Whatever this
 * thread opens, it alone must close. */
bool ops_gate_descriptors_part(void) OPS_MUST_USE;

/* For a thread that has parted, around what may have to tell something: a command that finds keys, glibc before it aborts, a
 * sanitizer. Takes the process's standard error as it is now, where the system lets it (pidfd_getfd(2); Linux 5.6), and gives
 * it back, since the process may close it or turn over the log that it leads to. */
void ops_gate_descriptors_borrow_stderr(void);
void ops_gate_descriptors_return_stderr(void);

/* ---- wait.c: checks that know nothing ---- */

enum ops_gate_verdict ops_gate_wait(struct opsgate *gate);

/* ---- fork.c ---- */

void ops_gate_conditions_init(struct opsgate *gate);

void ops_gate_fork_watch(struct opsgate *gate);
void ops_gate_fork_forget(struct opsgate *gate);

/* ---- open.c: opsgate_open and opsgate_config_check, with the sources that there are ---- */

opsgate_status ops_gate_config_check(const opsgate_config *config, const struct ops_gate_sources *sources,
                                     char why[OPSGATE_ERROR_SIZE]);
opsgate_status ops_gate_open(const opsgate_config *config, const struct ops_gate_sources *sources, opsgate **ret_gate,
                             char why[OPSGATE_ERROR_SIZE]);

#endif
