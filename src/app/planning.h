/* Making a vacuum's plan: what the manifest names, what the guard keeps, what exists. */
#ifndef OPS_APP_PLANNING_H
#define OPS_APP_PLANNING_H

#include "app/context.h"

/* Plans a running vacuum and fixes the plan in its record; ends it as failed when it was asked for with another plan, or
 * when it could not be planned for too long. *ret_busy: nothing was done, as another worker of this app is at it.
 * OPS_CONFLICT: another host's was quicker. */
enum ops_status ops_planning_step(struct ops_app *app, const json_t *vacuum, bool *ret_busy,
                                  struct ops_error *error) OPS_MUST_USE;

enum { OPS_PLANNING_CROWDED_WAIT_MS = 50 };

/* Another try at the targets that could not be planned, when a pass over the others is done; in_pass are those that are to
 * be looked at again. *ret_wait_ms: how long until the next step of this vacuum is of use. */
enum ops_status ops_planning_survey_again(struct ops_app *app, const json_t *vacuum, const json_t *in_pass,
                                          int64_t *ret_wait_ms, struct ops_error *error) OPS_MUST_USE;

#endif
