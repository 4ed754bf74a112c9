/* Sessions from a source that can be replaced while checks are under way. */
#ifndef OPS_MAIN_CURRENT_SESSIONS_H
#define OPS_MAIN_CURRENT_SESSIONS_H

#include "base/slot.h"
#include "ports/session.h"

/* What a current source asks: made ahead, so that putting it in can't fail. Takes source when it succeeds; NULL: there is
 * none, and every check is OPS_SESSION_STORE_UNAVAILABLE. OPS_NO_MEMORY. */
enum ops_status ops_session_choice_new(struct ops_session_source *source, struct ops_shared **ret_choice) OPS_MUST_USE;

/* Takes the caller's hold of first when it succeeds. OPS_NO_MEMORY. */
enum ops_status ops_current_sessions_new(struct ops_shared *first, struct ops_session_source **ret_source) OPS_MUST_USE;

/* Checks that begin from now on ask that one. Takes the caller's hold; from any thread. */
void ops_current_sessions_replace(struct ops_session_source *source, struct ops_shared *choice);

#endif
