/* A source that a test scripts: what a gate's question is answered with, and how long that takes. All of it is atomic, so
 * that a fork finds it whole. */
#ifndef OPS_TESTS_GATE_SCRIPT_H
#define OPS_TESTS_GATE_SCRIPT_H

#include "opsgate.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { SCRIPT_DEADLINE_MS = 60000 };

#define SCRIPT_WINDOW_ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

struct script {
    atomic_int answer;            /* as an opsgate_ask_fn gives it */
    _Atomic(const char *) window; /* NULL: nothing is written */
    atomic_bool hangs;            /* no answer until this is false */
    atomic_uint begun_count;
    atomic_uint ended_count;
};

/* With this as config.ask and a script as ask_context. */
int script_ask(void *context, unsigned timeout_ms, char *window, size_t size);

/* A gate that asks the script, with what else the configuration says; NULL: as it comes. Fails the test when it does not
 * open. */
opsgate *script_open(struct script *script, const opsgate_config *config);

/* Waits until so many questions have ended; whether they did before the deadline. */
bool script_wait_ended(struct script *script, unsigned count);

/* Waits until a check gives that; whether it did before the deadline. */
bool script_wait_check(opsgate *gate, int wanted);

void script_pause_ms(long wait_ms);
int64_t script_now_ms(void); /* monotonic */

/* The value of a header, or NULL. */
const char *script_header(const opsgate_response *response, const char *name);

#endif
