/* Sessions as USM itself tells them: POST <url>/session/validate {"session_guid": ...} over the HTTP client port.
 *
 * A session counts when USM answers 2xx with {"success": true}, unless data.valid is false or data.status is not "active".
 * It surely does not when USM answers 401, 403 or 404, or 2xx with {"success": false}, or anything with the tag
 * session-doomed or ttl-expired. Asking is a use: USM's validate refreshes a session, which so lasts longer. Everything else
 * (a timeout, a valid that is neither true nor false) is OPS_SESSION_STORE_UNAVAILABLE: a check that can't be made is never
 * a pass. The guid is in no error.
 */
#ifndef OPS_ADAPTERS_USM_USM_H
#define OPS_ADAPTERS_USM_USM_H

#include "ports/http_client.h"
#include "ports/session.h"

/* client is borrowed and outlives the source; url, without the route, is copied. Freed with ops_session_source_release.
 * OPS_NO_MEMORY. */
enum ops_status ops_usm_sessions_new(struct ops_http_client *client, const char *url,
                                     struct ops_session_source **ret_source) OPS_MUST_USE;

#endif
