/* The audit trail's chain: records numbered from 1, each with the SHA-256 of the one before.
 *
 * A record is {"seq", "txn", "type", "at", "actor"?, "peer"?, "reason"?, "maintenance_id"? or "vacuum_id"?, "data"?,
 * "prev_sha256", "sha256"}: sha256 is over the record's canonical JSON without sha256 itself, prev_sha256 is the sha256 of
 * record seq - 1 (64 zeros for the first), and txn names the transaction that wrote it together with the change that it
 * tells of.
 */
#ifndef OPS_CORE_AUDIT_H
#define OPS_CORE_AUDIT_H

#include "base/error.h"
#include "base/hash.h"
#include "base/instant.h"

/* X(symbol, text): CONTRACT section 6. */
#define OPS_AUDIT_TYPE_TABLE(X) \
    X(MAINTENANCE_SCHEDULED, "maintenance.scheduled") \
    X(MAINTENANCE_STARTED, "maintenance.started") \
    X(MAINTENANCE_UPDATED, "maintenance.updated") \
    X(MAINTENANCE_ENDED, "maintenance.ended") \
    X(MAINTENANCE_CANCELLED, "maintenance.cancelled") \
    X(VACUUM_REQUESTED, "vacuum.requested") \
    X(VACUUM_STARTED, "vacuum.started") \
    X(VACUUM_COMPLETED, "vacuum.completed") \
    X(VACUUM_FAILED, "vacuum.failed") \
    X(VACUUM_CANCELLED, "vacuum.cancelled") \
    X(VACUUM_DRY_RUN, "vacuum.dry_run") \
    X(SECRET_SET, "secret.set") \
    X(SECRET_ROTATED, "secret.rotated") \
    X(SECRET_MISMATCH, "secret.mismatch") \
    X(SECRET_LOCKED, "secret.locked") \
    X(ROLLBACK_ACCEPTED, "audit.rollback_accepted")

enum ops_audit_type {
#define X(symbol, text) OPS_AUDIT_##symbol,
    OPS_AUDIT_TYPE_TABLE(X)
#undef X
    OPS_AUDIT_TYPE_COUNT
};

const char *ops_audit_type_name(enum ops_audit_type type);

/* The end of the chain, as kept in AUDIT_HEAD. */
struct ops_audit_head {
    json_int_t seq; /* 0: nothing yet */
    char sha256[OPS_SHA256_HEX_SIZE];
};

#define OPS_AUDIT_HEAD_EMPTY \
    {.seq = 0, .sha256 = "0000000000000000000000000000000000000000000000000000000000000000"}

/* head as a document and back; NULL reads as the empty chain. */
json_t *ops_audit_head_doc(const struct ops_audit_head *head); /* NULL when there is no memory */
enum ops_status ops_audit_head_read(const json_t *doc, struct ops_audit_head *ret_head) OPS_MUST_USE;

/* Who is behind a change: what was said, and what the machine can vouch for. All borrowed; each may be NULL. */
struct ops_who {
    const char *actor;  /* as they call themselves */
    const char *peer;   /* of ops_peer_text (core/peer.h) */
    const char *reason; /* as they say */
};

/* All text and JSON borrowed; each may be NULL but type. */
struct ops_audit_event {
    enum ops_audit_type type;
    const char *actor;
    const char *reason;
    const char *subject_name; /* "maintenance_id" or "vacuum_id" */
    const char *subject_id;
    json_t *data; /* what changed */
    const char *peer; /* of ops_peer_text */
};

/* Appends to the chain: gives the record and moves *head on to it. OPS_NO_MEMORY leaves head alone. */
enum ops_status ops_audit_append(struct ops_audit_head *head, const struct ops_audit_event *event, const char *txn,
                                 int64_t now_ms, json_t **ret_record) OPS_MUST_USE;

/* Checks that record is the next link after *head and moves *head on. OPS_CORRUPT with a sentence that says what is wrong.
 */
enum ops_status ops_audit_follow(struct ops_audit_head *head, const json_t *record, struct ops_error *error) OPS_MUST_USE;

#endif
