/* The secret code: checked before every mutation, set by the one command that writes straight to the store. The rules are
 * those of core/secret.h, core/looks.h and core/wrong_codes.h; docs/design/secret.md tells why. */
#ifndef OPS_APP_SECRET_H
#define OPS_APP_SECRET_H

#include "app/app.h"
#include "app/call.h"

#include <stdbool.h>

/* All borrowed. */
struct ops_secret_check {
    const char *code;
    const char *actor;     /* NULL: not said */
    const char *operation; /* static */
    bool is_safe;          /* it leads in the safe direction: looked at in spite of a lock */
    struct ops_peer peer;
    struct ops_turn *turn; /* NULL: who asks can't wait */
};

/* OPS_OK when code is the secret code. OPS_SECRET_CODE_REQUIRED (code is NULL or empty), OPS_SECRET_CODE_NOT_SET,
 * OPS_SECRET_CODE_LOCKED, OPS_SECRET_CODE_MISMATCH (audited and counted, unless it is known to be wrong), or what kept it
 * from being checked. *ret_wait_ms is above 0 only with OPS_SECRET_CODE_LOCKED, and then there is no answer yet: check->turn
 * knows more, and the same check is to be asked for again after so long, or ops_turn_leave called. */
enum ops_status ops_secret_authorise(struct ops_app *app, const struct ops_secret_check *check, int64_t *ret_wait_ms,
                                     struct ops_error *error) OPS_MUST_USE;

/* Tells the audit trail of codes that came again though they were known to be wrong, if it is time to; at most once. */
enum ops_status ops_secret_tell_repeats(struct ops_app *app, struct ops_error *error) OPS_MUST_USE;

/* All borrowed. */
struct ops_secret_change {
    const char *old_code; /* not looked at when it is the first; may be NULL then */
    const char *new_code;
    const char *actor;
    struct ops_peer peer;
};

/* Sets the first code or replaces it; then the old one must be right. *ret_rotated tells which. A right old code is taken
 * also while codes are locked: a new code is what helps against one who guesses. */
enum ops_status ops_secret_change(struct ops_app *app, const struct ops_secret_change *change, bool *ret_rotated,
                                  struct ops_error *error) OPS_MUST_USE;

/* Likewise, by nobody known. */
enum ops_status ops_secret_set(struct ops_app *app, const char *old_code, const char *new_code, const char *actor,
                               bool *ret_rotated, struct ops_error *error) OPS_MUST_USE;

#endif
