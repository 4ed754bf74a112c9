/* Other people's code, run by a thread in the background, and what the process around it does meanwhile.
 *
 * libcurl, OpenSSL, SQLite and jansson hold locks of their own while they run. A child that is forked meanwhile finds them
 * held by a thread that is not there, for ever; libcurl's would keep a processor busy. And when the process ends, OpenSSL
 * frees what a connection of that thread still needs. So the thread enters before it calls them, and rests while it only
 * waits; whoever forks, or ends the process, stops all who are inside first. Threads that have not entered go on as ever.
 */
#ifndef OPS_BASE_FOREIGN_H
#define OPS_BASE_FOREIGN_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Not twice. False: the process is ending, and nothing of the kind may be called any more. */
bool ops_foreign_enter(void) OPS_MUST_USE;
void ops_foreign_leave(void);

/* Around a wait in which no lock is held. Nothing for a thread that has not entered. While the process ends, resume does not
 * return to one that has. */
void ops_foreign_rest(void);
void ops_foreign_resume(void);

/* Waits until nobody runs inside, for so long at most, and lets nobody in again before one of the other two. False: the time
 * was up, or the caller is inside itself, and nobody is kept out. */
bool ops_foreign_stop(int64_t within_ms);
void ops_foreign_go_on(void);               /* in the parent, where stop was true */
void ops_foreign_go_anew(bool was_stopped); /* in the child, with what stop was: nobody is inside */

/* From now on exit stops them before OpenSSL cleans up, and for good. */
void ops_foreign_end_at_exit(void);
bool ops_foreign_is_over(void); /* exit has done so: a thread that rested inside never comes back */

#endif
