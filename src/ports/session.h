/* Who a session belongs to, if it counts. */
#ifndef OPS_PORTS_SESSION_H
#define OPS_PORTS_SESSION_H

#include "base/error.h"
#include "base/view.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { OPS_SESSION_GUID_MAX = 128, OPS_SESSION_NAME_SIZE = 129 };

struct ops_session {
    char user[OPS_SESSION_NAME_SIZE];
    char orgcode[OPS_SESSION_NAME_SIZE]; /* "" when the source does not tell */
    char cccode[OPS_SESSION_NAME_SIZE];  /* likewise */
};

struct ops_session_source;

struct ops_session_source_ops {
    /* OPS_OK: the session is active and unexpired at now_ms and its user is active. OPS_SESSION_INVALID: it surely is not.
     * OPS_SESSION_STORE_UNAVAILABLE: it can't be told. guid has 1..OPS_SESSION_GUID_MAX printable ASCII characters. */
    enum ops_status (*check)(struct ops_session_source *self, struct ops_view guid, int64_t now_ms,
                             struct ops_session *ret_session, struct ops_error *error);
    void (*release)(struct ops_session_source *self);
};

/* Embed as the first member. check is thread-safe. */
struct ops_session_source {
    const struct ops_session_source_ops *ops;
};

/* For adapters that read the records of USM and UAS themselves, {"status", "expires_at", "user_id", "orgcode"?, "cccode"?}
 * and
 * {"status"}: what a session's record says at now_ms. OPS_SESSION_INVALID: not active, or expired. OPS_CORRUPT: it can't be
 * told; *ret_problem (static) says what is wrong with the record. */
enum ops_status ops_session_read(const json_t *record, int64_t now_ms, struct ops_session *ret_session,
                                 const char **ret_problem) OPS_MUST_USE;
bool ops_session_record_active(const json_t *record); /* of a session or a user */

static inline enum ops_status OPS_MUST_USE ops_session_check(struct ops_session_source *source, struct ops_view guid,
                                                             int64_t now_ms, struct ops_session *ret_session,
                                                             struct ops_error *error)
{
    return source->ops->check(source, guid, now_ms, ret_session, error);
}

static inline void ops_session_source_release(struct ops_session_source *source)
{
    if (source)
        source->ops->release(source);
}

#endif
