/* A cancel that was asked for in time and with the right code, and that the store could not take: a full disk, a table that
 * is throttled. The operator was there within the five minutes, so the vacuum is not started; as soon as the store takes it
 * the cancel is written, with the time at which it was asked for.
 *
 * It is this process's word alone, and goes with it: whoever asked is told so. */
#ifndef OPS_APP_VETO_H
#define OPS_APP_VETO_H

#include "app/context.h"

/* Whether a failure to write is the store's, so that another try may succeed. */
bool ops_veto_is_for(enum ops_status status);

/* The latest OPS_VETOES_MAX are remembered. who is copied. */
void ops_veto_add(struct ops_app *app, const char *vacuum_id, const struct ops_who *who, int64_t asked_ms);

/* A copy, borrowing nothing. False: there is none. */
bool ops_veto_find(struct ops_app *app, const char *vacuum_id, struct ops_veto *ret_veto);

/* It is cancelled, or over in another way. */
void ops_veto_forget(struct ops_app *app, const char *vacuum_id);

#endif
