/* The audit trail: read, verified, delivered. */
#ifndef OPS_APP_AUDIT_H
#define OPS_APP_AUDIT_H

#include "app/app.h"

/* Follows the chain from its first record and compares its end with AUDIT_HEAD. *ret_count: records that are as they
 * should be, also on failure. OPS_CORRUPT with a sentence that names the first broken record. */
enum ops_status ops_audit_verify(struct ops_app *app, json_int_t *ret_count, struct ops_error *error) OPS_MUST_USE;

/* Delivers the next waiting records to the log sink, at most OPS_LOG_BATCH_MAX, in the order of the chain, at least once.
 * When another process is at it, does nothing. */
enum ops_status ops_audit_deliver(struct ops_app *app, size_t *ret_count, struct ops_error *error) OPS_MUST_USE;

#endif
