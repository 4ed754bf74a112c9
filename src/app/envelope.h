/* The envelope around every answer (CONTRACT section 2). */
#ifndef OPS_APP_ENVELOPE_H
#define OPS_APP_ENVELOPE_H

#include "app/context.h"

/* What stats and errors say of a call. */
struct ops_envelope {
    const char *call_name;
    const char *request_id;
    int64_t now_ms;
    int64_t latency_ms;
    const char *session_fingerprint; /* NULL or "": none; likewise below */
    const char *actor;
    const char *orgcode;
    const char *cccode;
    json_int_t revision; /* 0: none */
};

/* Appends {"success":true,"data": and what follows: between the two the caller appends the data's JSON. */
void ops_envelope_begin(struct ops_buf *body);
void ops_envelope_end(struct ops_buf *body, const struct ops_build *build, const struct ops_envelope *envelope);

/* Appends a whole error envelope. Statuses that are words between rooms go out under the contract's tags. */
void ops_envelope_error(struct ops_buf *body, const struct ops_build *build, const struct ops_envelope *envelope,
                        enum ops_status status, const struct ops_error *error);

/* The status under which one that the contract does not name goes out; others as they are. */
enum ops_status ops_envelope_status(enum ops_status status);

/* Appends a JSON string. */
void ops_envelope_text(struct ops_buf *body, const char *text);

#endif
