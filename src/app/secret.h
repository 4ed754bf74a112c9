/* The secret code: checked before every mutation, set by the one command that writes straight to the store. */
#ifndef OPS_APP_SECRET_H
#define OPS_APP_SECRET_H

#include "app/app.h"

#include <stdbool.h>

/* OPS_OK when code is the secret code. OPS_SECRET_CODE_REQUIRED (code is NULL or empty), OPS_SECRET_CODE_NOT_SET,
 * OPS_SECRET_CODE_LOCKED, OPS_SECRET_CODE_MISMATCH (audited and counted), or what kept it from being checked. */
enum ops_status ops_secret_authorise(struct ops_app *app, const char *code, const char *actor, const char *operation,
                                     struct ops_error *error) OPS_MUST_USE;

/* Sets the first code (old is not looked at) or replaces it (old must be right). *ret_rotated tells which. */
enum ops_status ops_secret_set(struct ops_app *app, const char *old_code, const char *new_code, const char *actor,
                               bool *ret_rotated, struct ops_error *error) OPS_MUST_USE;

#endif
