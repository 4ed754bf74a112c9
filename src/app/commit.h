/* Writing: a change of state and its audit record, in one transaction, with the truth about whether it happened. */
#ifndef OPS_APP_COMMIT_H
#define OPS_APP_COMMIT_H

#include "app/context.h"
#include "core/audit.h"

/* The end of the audit chain as it is now; the empty one when nothing has been recorded. */
enum ops_status ops_audit_head_load(struct ops_app *app, struct ops_audit_head *ret_head, struct ops_error *error)
    OPS_MUST_USE;

/* Begins a transaction with a token of its own. */
void ops_change_begin(struct ops_app *app, struct ops_txn *txn, int64_t now_ms);

/* Adds the events to the chain and carries the transaction out. An unknown outcome is settled by reading the audit record
 * back, or by sending the same transaction again; only when that fails too is it OPS_UNKNOWN. OPS_CONFLICT: nothing
 * happened, and whoever decided on what was read before must read again. */
enum ops_status ops_change_commit(struct ops_app *app, struct ops_txn *txn, const struct ops_audit_event *events,
                                  size_t event_count, int64_t now_ms, struct ops_error *error) OPS_MUST_USE;

/* Likewise, but only while the chain ends with record seq; else OPS_CONFLICT. So the first event gets the number seq + 1. */
enum ops_status ops_change_commit_after(struct ops_app *app, struct ops_txn *txn, json_int_t seq,
                                        const struct ops_audit_event *events, size_t event_count, int64_t now_ms,
                                        struct ops_error *error) OPS_MUST_USE;

/* Carries out a transaction that is no change of state, and settles an unknown outcome by the record that it puts under
 * pk and sk, which has txn->token in its member "txn". */
enum ops_status ops_txn_commit(struct ops_app *app, const struct ops_txn *txn, const char *pk, const char *sk,
                               struct ops_error *error) OPS_MUST_USE;

#endif
