/* A target of a vacuum's plan, opened as it was planned or not at all. */
#ifndef OPS_APP_PLANNED_H
#define OPS_APP_PLANNED_H

#include "app/context.h"

/* doc is an element of the record's targets. OPS_TARGET_ERROR: what is there now is another thing than was planned, or
 * protected under one of its names, or it is not cut into as many segments: its tasks would leave some of it out, and the
 * vacuum would pass for complete. OPS_CORRUPT: doc can't be read. Otherwise as ops_catalogue_open. */
enum ops_status ops_planned_open(struct ops_app *app, const json_t *doc, struct ops_target **ret_target,
                                 struct ops_error *error) OPS_MUST_USE;

/* Whether what is there is still what was planned, and protected under none of its names, by the manifest of now: the part
 * of ops_planned_open that may change while a target is open. */
enum ops_status ops_planned_check(struct ops_app *app, const json_t *doc, struct ops_error *error) OPS_MUST_USE;

/* Tells an open target of the tables of the manifest of now, as ops_planned_open does: the files of more than before may
 * have to stay. */
enum ops_status ops_planned_keep(struct ops_app *app, struct ops_target *target, struct ops_error *error) OPS_MUST_USE;

/* Whether what kept a planned target from being worked on will most likely not get better: it is missing, not what was
 * planned, damaged, too large, protected, or there is no right to it. What else there is may pass by itself: it is busy,
 * throttled or unavailable. */
bool ops_planned_lasts(enum ops_status status);

/* That, as a sentence. Of a target that is missing only the vacuum knows that it was there: where it went can't be told, a
 * volume that is away looks like a table that was dropped, and so it never counts as empty. */
const char *ops_planned_trouble(enum ops_status status, const struct ops_error *error);

#endif
