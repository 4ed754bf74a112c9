/* The audit trail: read, verified, delivered. */
#ifndef OPS_APP_AUDIT_H
#define OPS_APP_AUDIT_H

#include "app/app.h"
#include "ports/store.h"

/* Follows the chain from its first record and compares its end with AUDIT_HEAD. *ret_count: records that are as they
 * should be, also on failure. OPS_CORRUPT with a sentence that names the first broken record. */
enum ops_status ops_audit_verify(struct ops_app *app, json_int_t *ret_count, struct ops_error *error) OPS_MUST_USE;

/* Up to limit records from number seq on, as many as a page of the store has. */
enum ops_status ops_audit_read_from(struct ops_app *app, json_int_t seq, size_t limit, json_t **ret_records,
                                    struct ops_error *error) OPS_MUST_USE;

/* How far the trail has been delivered, and the record that accepts what the log has besides (0: none). */
enum ops_status ops_audit_position(struct ops_app *app, json_int_t *ret_seq, json_int_t *ret_accepted_seq,
                                   struct ops_error *error) OPS_MUST_USE;

/* Adds to a transaction that record seq, which it writes too, accepts what the log has besides. */
enum ops_status ops_audit_put_acceptance(struct ops_app *app, struct ops_txn *txn, json_int_t seq,
                                         struct ops_error *error) OPS_MUST_USE;

/* Delivers the next waiting records to the log sink, at most OPS_LOG_BATCH_MAX, in the order of the chain, at least once.
 * When another process is at it, or the store has parted from its delivered log (app/trail.h), does nothing. */
enum ops_status ops_audit_deliver(struct ops_app *app, size_t *ret_count, struct ops_error *error) OPS_MUST_USE;

#endif
