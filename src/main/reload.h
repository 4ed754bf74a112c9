/* What a serve reads anew when it is told to: its manifest, and its certificate where it speaks TLS. */
#ifndef OPS_MAIN_RELOAD_H
#define OPS_MAIN_RELOAD_H

#include "main/engine.h"
#include "surfaces/http/server.h"

/* All borrowed. */
struct ops_reload {
    struct ops_engine *engine;
    const struct ops_engine_config *config; /* that the engine was opened with */
    struct ops_http_server *http;
    const char *tls_cert; /* paths; NULL: no TLS */
    const char *tls_key;
};

/* Reads each, and takes it or stays with the one before; gives log one line about each. False: one was refused. */
bool ops_reload(const struct ops_reload *reload, struct ops_log *log);

#endif
