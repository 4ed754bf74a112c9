/* One request in, one envelope out. Surfaces turn bytes into a call and an answer into bytes, and know no rules.
 *
 * Operations are found in a table by route (HTTP) or by function name (invoke); the table also feeds the OpenAPI file, the
 * reference page and their tests.
 */
#ifndef OPS_APP_CALL_H
#define OPS_APP_CALL_H

#include "app/app.h"
#include "base/buf.h"
#include "base/ulid.h"
#include "core/peer.h"

enum { OPS_ANSWER_MAX_BYTES = 6 * 1024 * 1024 }; /* Lambda's limit for an answer */

enum ops_field_type {
    OPS_FIELD_TEXT,    /* min..max characters (code points) */
    OPS_FIELD_NAME,    /* likewise, and all of them to be seen: no control and no format characters */
    OPS_FIELD_INTEGER, /* min..max; in a query, digits */
    OPS_FIELD_FLAG,    /* true or false */
    OPS_FIELD_INSTANT, /* RFC 3339 with Z or an offset */
    OPS_FIELD_ULID,
    OPS_FIELD_ORGCODE,
    OPS_FIELD_SHA256, /* 64 lower-case hexadecimal digits */
    OPS_FIELD_CHOICE, /* one of choices */
    OPS_FIELD_SECRET, /* text, min..max bytes; never repeated in an error */
};

struct ops_field {
    const char *name;
    enum ops_field_type type;
    int64_t min;
    int64_t max;
    bool required;
    const char *choices; /* CHOICE: words separated by '|' */
    const char *help;    /* a phrase for the reference */
};

enum { OPS_OPERATION_FIELDS_MAX = 10 };

enum ops_access {
    OPS_ACCESS_OPEN,    /* anyone who reaches the surface */
    OPS_ACCESS_SESSION, /* a session that counts */
    OPS_ACCESS_SECRET,  /* the secret code */
};

struct ops_call_context; /* app's own */

struct ops_operation {
    const char *name;     /* "maintenance/list", "ops_vacuumall" */
    const char *route;    /* HTTP: "/ops/maintenance/list"; NULL on the invoke surface */
    const char *function; /* invoke: "ops_vacuumall"; NULL on the HTTP surface */
    bool takes_post;      /* HTTP: POST as well as GET */
    enum ops_access access;
    bool is_safe; /* SECRET: it leads in the safe direction, and a code for it is looked at also while codes are locked */
    const char *summary; /* a sentence for the reference */
    struct ops_field fields[OPS_OPERATION_FIELDS_MAX]; /* besides secret_code, actor and reason; ends at name NULL */
    enum ops_status (*run)(struct ops_call_context *context, json_t **ret_data); /* app's own */
};

const struct ops_operation *ops_operations(size_t *ret_count);
const struct ops_operation *ops_operation_by_route(struct ops_view path);        /* NULL: no such route */
const struct ops_operation *ops_operation_by_function(struct ops_view function); /* NULL: no such function */

/* The fields that every secret-gated operation takes besides its own; ends at name NULL. */
const struct ops_field *ops_operator_fields(void);

/* Of a call whose secret code is to be looked at in spite of a lock (core/looks.h): its place in line. Begins as zero. */
struct ops_turn {
    uint64_t ticket;  /* 0: none */
    int64_t began_ms; /* monotonic; when the call was made first */
    bool is_wrong;    /* the code was looked at, and its caller is to be told not before */
    int64_t tell_ms;  /* this; monotonic */
};

struct ops_call {
    const struct ops_operation *operation;
    const char *name;             /* what stats.call shows, "GET /maintenance/list"; NULL: the operation's */
    json_t *input;                /* object or NULL for none; borrowed, but its secret_code is overwritten once checked */
    bool from_query;              /* values are texts and are read as the field's type */
    struct ops_view session_guid; /* from the header; empty for none (a POST body's session_guid is found in input) */
    struct ops_peer peer;         /* who calls; all zero: nobody knows */
    struct ops_turn *turn;        /* NULL: the caller can't wait */
};

struct ops_answer {
    int http_status;
    enum ops_status status;
    int64_t retry_after_seconds; /* 0: none; else for a Retry-After header */
    int64_t wait_ms;             /* above 0: there is no answer yet */
    char request_id[OPS_ULID_SIZE]; /* of the envelope */
    struct ops_buf body;         /* the envelope, one line of JSON */
};

void ops_answer_init(struct ops_answer *answer);
void ops_answer_release(struct ops_answer *answer);

/* Runs the operation and writes its envelope. Always leaves an answer: without memory even for the envelope, a static one.
 * Thread-safe. answer must be initialised; it may be used again and again, and keeps its memory.
 *
 * With call->turn there may be no answer yet: answer->wait_ms is above 0 then, nothing was done, call->turn has a place in a
 * line, and the same call is to be made again after so long, or ops_turn_leave. Nobody is kept waiting for ever. */
void ops_app_answer(struct ops_app *app, const struct ops_call *call, struct ops_answer *answer);

/* The caller has gone. A turn without a place is fine. */
void ops_turn_leave(struct ops_app *app, struct ops_turn *turn);

/* The envelope of a request that a surface refuses itself (no such route, wrong method, body too large, ...). call_name is
 * what stats.call shows. error may be NULL. */
void ops_app_refuse(struct ops_app *app, const char *call_name, enum ops_status status, const struct ops_error *error,
                    struct ops_answer *answer);

#endif
