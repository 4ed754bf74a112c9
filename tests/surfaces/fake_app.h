/* An app for the surfaces' own tests: it has a few operations and answers with what it was asked. */
#ifndef OPS_TESTS_SURFACES_FAKE_APP_H
#define OPS_TESTS_SURFACES_FAKE_APP_H

#include "app/call.h"

#include <stdatomic.h>

/* Routes: /ops/ping (a fixed answer of FAKE_PING_BYTES), /ops/maintenance/list (GET and POST; echoes), /ops/large.
 * Functions: ops_echo, ops_crash, ops_refuse, and ops_wait, which is answered once the gate is open, or is refused to
 * whoever can't wait. */
enum { FAKE_PING_BYTES = 500, FAKE_LARGE_BYTES = 300 * 1024 };

struct ops_app {
    atomic_int delay_ms; /* of every answer */
    atomic_int calls;    /* answers begun */
    atomic_int retry_after_seconds;
    atomic_bool gate_open;
    atomic_int waiting; /* calls that were told to come again and did not yet leave or get their answer */
    atomic_int left;
};

#endif
