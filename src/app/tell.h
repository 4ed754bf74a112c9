/* What the app says in the log (ports/log.h) of what it does. */
#ifndef OPS_APP_TELL_H
#define OPS_APP_TELL_H

#include "app/context.h"

/* Until it is set to another, what this thread says is said for that request; NULL: for none, as for every thread to begin
 * with. Returns the one before. Kept by the thread, since it would else have to go through every function between a request
 * and what it writes. */
const char *ops_tell_for(const char *request_id);

/* An audit record that was written: its type is the event, its members and those of its data are the fields. */
void ops_tell_record(struct ops_app *app, const json_t *record);

/* Adds the request, if there is one, and writes the line. */
void ops_tell(struct ops_app *app, struct ops_log_line *line);

/* Where a running vacuum is, at most once in OPS_TELL_PROGRESS_MS. */
#define OPS_TELL_PROGRESS_MS OPS_MINUTE_MS
void ops_tell_progress(struct ops_app *app, const json_t *vacuum);

#endif
