/* What every session source must do: the promises of ports/session.h. */
#ifndef OPS_TESTS_SESSION_SUITE_H
#define OPS_TESTS_SESSION_SUITE_H

#include "ports/session.h"

struct session_suite_source {
    /* A source in which SESSION_SUITE_GUID is an active session of the active user "ann", of org "ACME" and cost centre
     * "CC1", until SESSION_SUITE_EXPIRES_MS, and which knows no other. */
    struct ops_session_source *(*open)(void);
    void (*close)(struct ops_session_source *source);
    bool expires; /* looks at now_ms itself */
};

#define SESSION_SUITE_GUID "5f0c1a52-3b7e-4a55-9d0c-0a9be6f2c001"
#define SESSION_SUITE_EXPIRES_MS INT64_C(1795521600000) /* 2026-11-24T12:00:00Z */

/* The number of cases that failed. */
int session_suite_run(const char *name, const struct session_suite_source *source);

#endif
