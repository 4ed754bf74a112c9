/* Sessions from the tables of the embedded engine: USM's sessions and UAS's users, which the manifest names.
 *
 * A table is <data>/stack/tables/<name>.sqlite with items(pk, sk, orgcode, body). A session is pk "SESSION#<guid>", sk
 * "SESSION", body {"session_guid", "user_id", "status", "expires_at", "orgcode"?, "cccode"?}; a user is pk
 * "USER#<user_id>", sk "USER", body {"user_id", "status"}. Whatever is not there or can't be read is never a pass.
 */
#ifndef OPS_ADAPTERS_LOCAL_SESSIONS_H
#define OPS_ADAPTERS_LOCAL_SESSIONS_H

#include "ports/session.h"

/* Each table is opened for every check and only for reading, so that a replaced file is seen. Text is copied. Freed with
 * ops_session_source_release. OPS_INVALID_FIELD: a table's name is not a file name. OPS_NO_MEMORY. */
enum ops_status ops_local_sessions_new(const char *data_dir, const char *sessions_table, const char *users_table,
                                       struct ops_session_source **ret_source, struct ops_error *error) OPS_MUST_USE;

/* Stands in for USM: adds an active session for user, who is added as active when there is no such user, and left alone
 * otherwise. Makes the tables and directories that are missing. OPS_CONFLICT: there is a session with this guid.
 * OPS_INVALID_FIELD; OPS_SESSION_STORE_UNAVAILABLE; OPS_NO_MEMORY. */
enum ops_status ops_local_session_create(const char *data_dir, const char *sessions_table, const char *users_table,
                                         const char *user, const char *guid, int64_t expires_at_ms,
                                         struct ops_error *error) OPS_MUST_USE;

#endif
