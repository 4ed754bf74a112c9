/* Making a vacuum's plan: what the manifest names, what the guard keeps, what exists. */
#ifndef OPS_APP_PLANNING_H
#define OPS_APP_PLANNING_H

#include "app/context.h"

/* Plans a running vacuum and fixes the plan in its record; ends it as failed when it was asked for with another plan, or
 * when what exists can't be listed. *ret_busy: nothing was done, as another worker of this app is at it. OPS_CONFLICT:
 * another host's was quicker. */
enum ops_status ops_planning_step(struct ops_app *app, const json_t *vacuum, bool *ret_busy,
                                  struct ops_error *error) OPS_MUST_USE;

#endif
