/* Wrappers around every port of the app, which ask a hook before each call: let it through, answer in its place, or let it
 * through and give another answer, as when the answer is lost on the way.
 */
#ifndef OPS_TESTS_FAULT_PORTS_H
#define OPS_TESTS_FAULT_PORTS_H

#include "app/app.h"

enum port_call {
    CALL_STORE_GET,
    CALL_STORE_QUERY,
    CALL_STORE_TRANSACT,
    CALL_CATALOGUE_LIST,
    CALL_CATALOGUE_OPEN,
    CALL_TARGET_PAGE,
    CALL_TARGET_REMOVE,
    CALL_TARGET_RECOUNT,
    CALL_SINK_APPEND,
    CALL_SINK_READ,
    CALL_SESSION_CHECK,
    CALL_HASHER_HASH,
    CALL_HASHER_VERIFY,
    PORT_CALL_COUNT
};

const char *port_call_name(enum port_call call);

struct port_fault {
    enum ops_status status; /* OPS_OK: no fault */
    bool after;             /* the call is carried out all the same */
};

#define NO_PORT_FAULT ((struct port_fault){OPS_OK, false})

typedef struct port_fault (*on_port_call_fn)(void *context, enum port_call call);
/* What becomes of one key that is to be removed; only OPS_REMOVED removes it. */
typedef enum ops_removal (*on_removal_fn)(void *context, const char *target, const struct ops_key *key);
/* Sees a document that was read, and may change it. */
typedef void (*on_document_fn)(void *context, const char *pk, json_t *doc);

struct fault_ports {
    struct ops_app_ports inner; /* the real ones; borrowed */
    struct ops_app_ports outer; /* what the app gets */
    struct ops_store store;
    struct ops_catalogue catalogue;
    struct ops_log_sink sink;
    struct ops_session_source sessions;
    struct ops_hasher hasher;
    on_port_call_fn on_call; /* NULL: no faults */
    void *call_context;
    on_removal_fn on_removal; /* NULL: all are removed */
    void *removal_context;
    on_document_fn on_document; /* NULL: as they are */
    void *document_context;
    size_t calls[PORT_CALL_COUNT];
    const char *opening; /* during CALL_CATALOGUE_OPEN: the target's name; else "" */
    size_t removed_count; /* keys that were handed to a real target */
};

/* outer's clock and random are inner's own. */
void fault_ports_init(struct fault_ports *ports, const struct ops_app_ports *inner);

#endif
