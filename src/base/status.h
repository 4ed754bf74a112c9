/* Every way in which g3nops can say no, in one table.
 *
 * HTTP answers, invoke envelopes, the CLI and the reference page all take their words from here, so that an
 * operator reads the same sentence wherever the trouble shows. CONTRACT section 7 fixes the tags and numbers.
 */
#ifndef OPS_BASE_STATUS_H
#define OPS_BASE_STATUS_H

/* X(symbol, tag, category, HTTP status, sentence) */
#define OPS_STATUS_TABLE(X) \
    X(OK, "ok", OK, 200, "Done.") \
    X(INVALID_JSON, "invalid-json", BAD_REQUEST, 400, "The body is not a JSON object that can be read.") \
    X(MISSING_FIELD, "missing-field", BAD_REQUEST, 400, "A required field is missing.") \
    X(INVALID_FIELD, "invalid-field", BAD_REQUEST, 400, "A field has a value that is not allowed.") \
    X(UNKNOWN_FIELD, "unknown-field", BAD_REQUEST, 400, "The request has a field that this operation does not know.") \
    X(CREDENTIAL_IN_QUERY, "credential-in-query", BAD_REQUEST, 400, \
      "A session guid must not be in the query string; send the header x-session-guid.") \
    X(BODY_NOT_ALLOWED, "body-not-allowed", BAD_REQUEST, 400, "A GET request must not have a body.") \
    X(CONFIRMATION_PHRASE_MISMATCH, "confirmation-phrase-mismatch", BAD_REQUEST, 400, \
      "The confirmation phrase is not the exact phrase that vacuum all asks for.") \
    X(START_NOT_IN_FUTURE, "start-not-in-future", BAD_REQUEST, 400, "The scheduled start is not in the future.") \
    X(SESSION_REQUIRED, "session-required", UNAUTHORIZED, 401, "This route needs a session; send the header x-session-guid.") \
    X(SESSION_INVALID, "session-invalid", UNAUTHORIZED, 401, "The session is unknown, expired or not active.") \
    X(SECRET_CODE_MISMATCH, "secret-code-mismatch", FORBIDDEN, 403, "The secret code is wrong.") \
    X(SECRET_CODE_REQUIRED, "secret-code-required", FORBIDDEN, 403, "This operation needs the secret code.") \
    X(ROUTE_NOT_FOUND, "route-not-found", NOT_FOUND, 404, "There is nothing at this path.") \
    X(MAINTENANCE_NOT_FOUND, "maintenance-not-found", NOT_FOUND, 404, "There is no maintenance window with this id.") \
    X(VACUUM_NOT_FOUND, "vacuum-not-found", NOT_FOUND, 404, "There is no such vacuum.") \
    X(NO_ACTIVE_MAINTENANCE, "no-active-maintenance", NOT_FOUND, 404, "No maintenance window is active.") \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", METHOD_NOT_ALLOWED, 405, "This path does not answer this method.") \
    X(MAINTENANCE_ALREADY_ACTIVE, "maintenance-already-active", CONFLICT, 409, "Another maintenance window is active.") \
    X(PLAN_DRIFTED, "plan-drifted", CONFLICT, 409, "What would be deleted is no longer what the dry run reported.") \
    X(MAINTENANCE_NOT_SCHEDULED, "maintenance-not-scheduled", CONFLICT, 409, "The maintenance window is not scheduled.") \
    X(MAINTENANCE_NOT_ACTIVE, "maintenance-not-active", CONFLICT, 409, "The maintenance window is not active.") \
    X(REVISION_CONFLICT, "revision-conflict", CONFLICT, 409, "The record has changed since the revision that was expected.") \
    X(VACUUM_IN_PROGRESS, "vacuum-in-progress", CONFLICT, 409, "Another vacuum is pending or running.") \
    X(VACUUM_NOT_PENDING, "vacuum-not-pending", CONFLICT, 409, "The vacuum is not pending any more and can't be cancelled.") \
    X(SECRET_CODE_NOT_SET, "secret-code-not-set", CONFLICT, 409, "No secret code has been set yet; run 'g3nops secret-set'.") \
    X(PAYLOAD_TOO_LARGE, "payload-too-large", PAYLOAD_TOO_LARGE, 413, "The body is larger than this surface takes.") \
    X(UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, 415, "The body must be application/json.") \
    X(SECRET_CODE_LOCKED, "secret-code-locked", TOO_MANY_REQUESTS, 429, \
      "Too many wrong secret codes in a row; wait before the next try.") \
    X(INTERNAL_ERROR, "internal-error", INTERNAL, 500, "Something went wrong inside g3nops.") \
    X(STORE_UNAVAILABLE, "store-unavailable", UNAVAILABLE, 503, "The record store can't be used right now.") \
    X(SESSION_STORE_UNAVAILABLE, "session-store-unavailable", UNAVAILABLE, 503, "Sessions can't be checked right now.") \
    X(MAINTENANCE_MODE, "maintenance-mode", UNAVAILABLE, 503, "The service is closed for maintenance.") \
    /* Words between rooms. A surface that meets one of them answers with the tag of its row all the same. */ \
    X(NOT_FOUND, "record-not-found", INTERNAL, 500, "A record that should exist was not found.") \
    X(CONFLICT, "write-conflict", CONFLICT, 409, "Someone else changed the same record at the same time; try again.") \
    X(UNKNOWN, "outcome-unknown", UNAVAILABLE, 503, "The store did not say whether the change was made; read before you try again.") \
    X(THROTTLED, "throttled", UNAVAILABLE, 503, "The store asks for fewer requests.") \
    X(NO_MEMORY, "out-of-memory", INTERNAL, 500, "There is not enough memory.") \
    X(LIMIT, "limit-exceeded", INTERNAL, 500, "A size went over its limit.") \
    X(CORRUPT, "record-corrupt", INTERNAL, 500, "A stored record is damaged.") \
    X(IO_ERROR, "io-error", INTERNAL, 500, "A file could not be read or written.") \
    X(TARGET_MISSING, "target-missing", INTERNAL, 500, "The table, bucket or log group does not exist.") \
    X(TARGET_ERROR, "target-error", INTERNAL, 500, "The table, bucket or log group can't be used.") \
    X(RECORDS_REMAIN, "records-remain", INTERNAL, 500, "Some records in scope are still there.") \
    X(MUTEX_EXPIRED, "mutex-expired", INTERNAL, 500, "The vacuum held the mutex for longer than its 24 hours.") \
    X(PROTECTED, "protected", INTERNAL, 500, "This is protected and is never deleted.") \
    X(USAGE, "usage", USAGE, 400, "The command line is wrong.") \
    X(UNREACHABLE, "unreachable", UNREACHABLE, 503, "The service could not be reached.")

/* X(symbol, tag, exit code, sentence) */
#define OPS_CATEGORY_TABLE(X) \
    X(OK, "ok", 0, "Done.") \
    X(BAD_REQUEST, "bad-request", 1, "The request is wrong.") \
    X(UNAUTHORIZED, "unauthorized", 1, "The caller is not known.") \
    X(FORBIDDEN, "forbidden", 1, "The caller may not do this.") \
    X(NOT_FOUND, "not-found", 1, "It does not exist.") \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", 1, "The method is not allowed.") \
    X(CONFLICT, "conflict", 1, "The state does not allow it.") \
    X(PAYLOAD_TOO_LARGE, "payload-too-large", 1, "The request is too large.") \
    X(UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", 1, "The media type is not supported.") \
    X(TOO_MANY_REQUESTS, "too-many-requests", 1, "Too many requests.") \
    X(INTERNAL, "internal", 1, "An internal error.") \
    X(UNAVAILABLE, "unavailable", 1, "Not available right now.") \
    X(USAGE, "usage", 2, "Wrong usage.") \
    X(UNREACHABLE, "unreachable", 3, "The service could not be reached.")

#define OPS_MUST_USE __attribute__((warn_unused_result))
#define OPS_PRINTF(text, first) __attribute__((format(printf, text, first)))

enum ops_status {
#define X(symbol, tag, category, http, sentence) OPS_##symbol,
    OPS_STATUS_TABLE(X)
#undef X
    OPS_STATUS_COUNT
};

enum ops_category {
#define X(symbol, tag, exit_code, sentence) OPS_CATEGORY_##symbol,
    OPS_CATEGORY_TABLE(X)
#undef X
    OPS_CATEGORY_COUNT
};

/* Each answers for every value, also one that is not in the table (as INTERNAL_ERROR). Static strings. */
const char *ops_status_tag(enum ops_status status);
const char *ops_status_sentence(enum ops_status status);
int ops_status_http(enum ops_status status);
int ops_status_exit_code(enum ops_status status);
enum ops_category ops_status_category(enum ops_status status);
const char *ops_category_tag(enum ops_category category);
const char *ops_category_sentence(enum ops_category category);

/* The status whose tag is tag, or OPS_STATUS_COUNT when there is none. */
enum ops_status ops_status_from_tag(const char *tag);

#endif
