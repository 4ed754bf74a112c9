/* Loading and writing maintenance windows: each is kept under its id, under its list, and while active as the singleton. */
#ifndef OPS_APP_WINDOWS_H
#define OPS_APP_WINDOWS_H

#include "app/commit.h"
#include "core/window.h"

enum ops_status ops_windows_load(struct ops_app *app, const char *id, json_t **ret_window, struct ops_error *error)
    OPS_MUST_USE; /* OPS_MAINTENANCE_NOT_FOUND */

/* *ret_window is NULL when none is active. */
enum ops_status ops_windows_active(struct ops_app *app, json_t **ret_window, struct ops_error *error) OPS_MUST_USE;

/* The scheduled window that starts first; *ret_window is NULL when none is scheduled. */
enum ops_status ops_windows_next(struct ops_app *app, json_t **ret_window, struct ops_error *error) OPS_MUST_USE;

/* Writes the step from before (NULL: a new window) to after, with its event, in one transaction. */
enum ops_status ops_windows_write(struct ops_app *app, const json_t *before, json_t *after, struct ops_audit_event *event,
                                  int64_t now_ms, struct ops_error *error) OPS_MUST_USE;

/* Starts the window unless another is active: OPS_MAINTENANCE_ALREADY_ACTIVE. */
enum ops_status ops_windows_start(struct ops_app *app, const json_t *window, const char *started_by,
                                  const struct ops_who *who, int64_t now_ms, json_t **ret_window,
                                  struct ops_error *error) OPS_MUST_USE;

#endif
