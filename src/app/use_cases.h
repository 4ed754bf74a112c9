/* The operations of the table in operations.c. Each takes a call whose input is valid and whose caller may do this, and
 * gives its data. OPS_CONFLICT asks for the whole operation to be run again from its reads. */
#ifndef OPS_APP_USE_CASES_H
#define OPS_APP_USE_CASES_H

#include "app/context.h"

enum ops_status ops_run_stat(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_maintenance_list(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_maintenance_get(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_maintenance_schedule(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_maintenance_start(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_maintenance_end(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_maintenance_cancel(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_maintenance_update(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_vacuum_all(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_vacuum_org(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_vacuum_cancel(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_vacuum_status(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_vacuum_list(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_sweep(struct ops_call_context *context, json_t **ret_data);
enum ops_status ops_run_audit_list(struct ops_call_context *context, json_t **ret_data);

enum ops_status ops_run_audit_accept_rollback(struct ops_call_context *context, json_t **ret_data);

/* Ping writes its data as text, since it is asked more often than everything else together. */
enum ops_status ops_ping_data(struct ops_app *app, int64_t now_ms, struct ops_buf *data,
                              struct ops_error *error) OPS_MUST_USE;

#endif
