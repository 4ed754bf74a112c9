/* A small g3nops in memory: a store, a stack with records in it, a clock that stands still, and the app on top.
 *
 *     world_init(&world, NULL);
 *     json_t *answer = world_operate(&world, "ops_vacuumall", "{'dry_run': true}");
 *     ...
 *     world_release(&world);
 *
 * Every answer is checked against the contract's envelope, and everything that leaves the app (answers, audit records, log
 * events) for a session guid or a secret code. JSON is written with ' in place of ".
 */
#ifndef OPS_TESTS_WORLD_H
#define OPS_TESTS_WORLD_H

#include "app/call.h"
#include "app/work.h"
#include "support/fault_ports.h"

#define WORLD_SECRET "correct horse battery"
#define WORLD_GUID "session-guid-0123456789"

enum { WORLD_WORKERS_MAX = 2 };

struct world {
    struct ops_manifest manifest;
    struct ops_app_ports real;
    struct fault_ports ports;
    struct ops_app *app;
    struct ops_worker *workers[WORLD_WORKERS_MAX];
    size_t worker_count;
    int64_t step_count;
    void (*before_answer)(void *context); /* around the app's part of world_call; NULL: nothing to do */
    void (*after_answer)(void *context);
    void *around_context;
};

/* At 2026-11-24T03:00:00Z, with the secret code set, a session, and one worker. manifest_text NULL: the world's own. Ends
 * the test when something fails. Deletions are counted and guarded: a protected record that is removed ends the test. */
void world_init(struct world *world, const char *manifest_text);
void world_release(struct world *world);

/* The world's own stack; see world.c. */
void world_fill(struct world *world);
void world_add_rows(struct world *world, const char *table, const char *orgcode, int first, int count);
size_t world_count(struct world *world, enum ops_target_kind kind, const char *name);

int64_t world_now_ms(struct world *world);
void world_pass(struct world *world, int64_t duration_ms);

/* All give the parsed envelope. */
json_t *world_invoke(struct world *world, const char *function, const char *payload); /* as it is */
/* With the secret code and actor ann, where the operation takes them. */
json_t *world_operate(struct world *world, const char *function, const char *payload);
json_t *world_get(struct world *world, const char *route, const char *query); /* with the session's header */
json_t *world_call(struct world *world, const struct ops_call *call, struct ops_answer *ret_answer);

/* The answer's error tag, "ok" for a success, "static" for the answer of no memory. */
const char *world_tag(const json_t *answer);
const json_t *world_data(const json_t *answer);
const json_t *world_details(const json_t *answer);

/* world_operate, expected to end with tag; gives the data (new reference), or NULL after a refusal. */
json_t *world_do(struct world *world, const char *function, const char *payload, const char *tag);
/* Likewise for a read. */
json_t *world_read(struct world *world, const char *route, const char *query, const char *tag);

/* Schedules a window that starts in so many seconds; its id. */
void world_schedule(struct world *world, int64_t in_seconds, char ret_id[static OPS_ULID_SIZE]);
/* Asks for a vacuum of everything; its id. */
void world_vacuum_all(struct world *world, char ret_id[static OPS_ULID_SIZE]);

/* Sweeps and steps all workers, while the clock moves on as they ask, until no vacuum is open or the limit is reached. */
void world_settle(struct world *world, int64_t limit_ms);
/* Sweeps and steps for that long, whatever is open. */
void world_run(struct world *world, int64_t duration_ms);
/* One worker's process dies: it can't give anything back. A new one takes its place. */
void world_crash(struct world *world, size_t worker);

/* Record as the app shows it. */
json_t *world_vacuum(struct world *world, const char *id);
const json_t *world_target(const json_t *vacuum, const char *name);

/* The documents of a partition, in order. */
json_t *world_partition(struct world *world, const char *pk);
size_t world_audit_count(struct world *world, const char *type);

/* How many steps may run side by side now. */
uint32_t world_pace_limit(struct world *world);

/* What must hold at any moment: ACTIVE_MAINTENANCE exactly while one window is active, its copies agree, the mutex is held
 * exactly while a vacuum is open, the audit chain verifies, delivered records are in the order of the chain. */
void world_check(struct world *world);

#endif
