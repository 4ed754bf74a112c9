/* A session source that a test fills.
 *
 *     ops_memory_sessions_new(&source);
 *     ops_memory_sessions_add(source, "guid-1", &(struct ops_session){.user = "ann"}, now_ms + OPS_HOUR_MS);
 *     ops_memory_sessions_remove(source, "guid-1");
 */
#ifndef OPS_ADAPTERS_MEMORY_SESSIONS_H
#define OPS_ADAPTERS_MEMORY_SESSIONS_H

#include "ports/session.h"

/* OPS_NO_MEMORY. Freed with ops_session_source_release. */
enum ops_status ops_memory_sessions_new(struct ops_session_source **ret_source) OPS_MUST_USE;

/* Adds a session, or replaces the one with this guid. It is copied. OPS_NO_MEMORY; OPS_LIMIT when the guid is too long. */
enum ops_status ops_memory_sessions_add(struct ops_session_source *source, const char *guid,
                                        const struct ops_session *session, int64_t expires_at_ms) OPS_MUST_USE;

void ops_memory_sessions_remove(struct ops_session_source *source, const char *guid); /* fine when there is none */

#endif
