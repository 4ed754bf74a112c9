#include "ports/session.h"

#include "base/json.h"

#include <stdio.h>

bool ops_session_record_active(const json_t *record)
{
    return strcmp(ops_json_text(record, "status", ""), "active") == 0;
}

/* Copies a member into a session's field; an absent or null one gives "". False when it is of another type or too long. */
static bool copy_name(const json_t *record, const char *member, char ret_name[static OPS_SESSION_NAME_SIZE])
{
    const json_t *value = json_object_get(record, member);
    if (value && !json_is_null(value) && !json_is_string(value))
        return false;
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    return snprintf(ret_name, OPS_SESSION_NAME_SIZE, "%s", text) < OPS_SESSION_NAME_SIZE;
}

enum ops_status ops_session_read(const json_t *record, int64_t now_ms, struct ops_session *ret_session,
                                 const char **ret_problem)
{
    struct ops_session session;
    int64_t expires_at_ms = 0;
    if (!ops_session_record_active(record))
        return OPS_SESSION_INVALID;
    if (ops_json_instant(record, "expires_at", &expires_at_ms) != OPS_OK) {
        *ret_problem = "a session has no expires_at that is a time";
        return OPS_CORRUPT;
    }
    if (expires_at_ms <= now_ms)
        return OPS_SESSION_INVALID;
    if (!copy_name(record, "user_id", session.user) || !session.user[0] || !copy_name(record, "orgcode", session.orgcode) ||
        !copy_name(record, "cccode", session.cccode)) {
        *ret_problem = "a session's user_id, orgcode or cccode is not what it should be";
        return OPS_CORRUPT;
    }
    *ret_session = session;
    return OPS_OK;
}
