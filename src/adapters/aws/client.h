/* Calls to AWS services: endpoint, signature, send, what the answer means. Knows no operation of any service.
 *
 * A call is one exchange; whether it is tried again is for whoever makes it, with two exceptions that no caller should see:
 * keys that expired meanwhile and a clock that is wrong are put right and the call is sent once more.
 */
#ifndef OPS_ADAPTERS_AWS_CLIENT_H
#define OPS_ADAPTERS_AWS_CLIENT_H

#include "adapters/aws/credentials.h"
#include "ports/clock.h"
#include "ports/http_client.h"
#include "ports/random.h"

enum {
    OPS_AWS_CALL_HEADERS_MAX = 6,
    OPS_AWS_CODE_SIZE = 96,
    OPS_AWS_MESSAGE_SIZE = 320,
    OPS_AWS_ACCOUNT_SIZE = 32, /* twelve digits at AWS; others that speak S3's protocol name owners otherwise */
    OPS_AWS_TIMEOUT_MS = 10000,
    OPS_AWS_TRIES_MAX = 4, /* of a patient call */
};

struct ops_aws_client;

struct ops_aws_client_config {
    const struct ops_aws_settings *settings;
    const char *region;
    struct ops_aws_credentials *credentials; /* cached */
    struct ops_http_client *http;
    struct ops_clock *clock;
    struct ops_random *random;
    void (*wait)(int64_t wait_ms); /* between two tries; NULL: sleeps */
};

/* Everything in config outlives the client; region is copied. The client is thread-safe. */
enum ops_status ops_aws_client_new(const struct ops_aws_client_config *config, struct ops_aws_client **ret_client,
                                   struct ops_error *error) OPS_MUST_USE;
void ops_aws_client_free(struct ops_aws_client *client); /* NULL is fine */

const char *ops_aws_client_region(const struct ops_aws_client *client);

/* The services' clock, by the Date of their answers. Borrowed from the client. */
struct ops_other_clock *ops_aws_client_clock(struct ops_aws_client *client);

/* One call. Init, fill in the request, send, look at status, release. All text borrowed until the call is over. */
struct ops_aws_call {
    /* The request. */
    enum ops_aws_service service;
    const char *method; /* "POST" after init */
    const char *operation; /* for people, where neither header nor method names it; NULL after init */
    const char *bucket; /* S3: put into the host name, or in front of the path where it can't be; NULL: none */
    const char *path;   /* percent-encoded, "/" after init */
    const char *query;  /* percent-encoded, without "?"; "" after init */
    struct ops_http_header headers[OPS_AWS_CALL_HEADERS_MAX]; /* beside those that the client sets */
    size_t header_count;
    struct ops_view body;
    int64_t timeout_ms;  /* of the whole exchange; OPS_AWS_TIMEOUT_MS after init */
    bool unsigned_call;  /* STS AssumeRoleWithWebIdentity */

    /* The answer. */
    enum ops_status status;
    struct ops_http_response response;
    char code[OPS_AWS_CODE_SIZE];       /* the service's own word for what is wrong, without its namespace; "" otherwise */
    char message[OPS_AWS_MESSAGE_SIZE]; /* and its own sentence, or "" */
    struct ops_error error;       /* a sentence: which call, what the service says; no secret */
};

/* body_limit_bytes: of the answer. */
void ops_aws_call_init(struct ops_aws_call *call, enum ops_aws_service service, size_t body_limit_bytes);
void ops_aws_call_release(struct ops_aws_call *call);
void ops_aws_call_header(struct ops_aws_call *call, const char *name, const char *value); /* both borrowed */

/* Makes it a call of the JSON protocol: target is "DynamoDB_20120810.GetItem" or "Logs_20140328.DescribeLogGroups". body
 * is JSON text. */
void ops_aws_call_json(struct ops_aws_call *call, const char *target, struct ops_view body);

/* What status means:
 *   OPS_OK                 2xx; the body came whole
 *   OPS_THROTTLED          the service asks for fewer requests; nothing happened
 *   OPS_STORE_UNAVAILABLE  not reached, or no keys to sign with; nothing happened
 *   OPS_UNKNOWN            sent, and no answer that says what became of it (5xx but 501 and 505, a broken connection, a
 *                          time-out)
 *   OPS_TARGET_MISSING     the service says that what the call is about does not exist (code says which)
 *   OPS_TARGET_ERROR       refused for good: see code; 501 and 505 are such too, as the server will never be able to
 *   OPS_LIMIT              the answer is larger than the caller takes
 *   OPS_NO_MEMORY
 * OPS_TARGET_MISSING and OPS_TARGET_ERROR surely did not happen. */
void ops_aws_call_send(struct ops_aws_client *client, struct ops_aws_call *call);

/* Sends many side by side, at most width at a time; one that has not begun after begin_within_ms, keys included, is not
 * begun (OPS_STORE_UNAVAILABLE). What is sent once more has as long again. */
void ops_aws_call_send_all(struct ops_aws_client *client, struct ops_aws_call *calls, size_t count, size_t width,
                           int64_t begin_within_ms);

/* Sends a call that may be repeated without harm until it succeeds, is refused for good, or four tries are used up (about
 * two seconds in all): after OPS_THROTTLED, OPS_STORE_UNAVAILABLE and OPS_UNKNOWN it waits as base/retry.h says. */
void ops_aws_call_send_patiently(struct ops_aws_client *client, struct ops_aws_call *call);

/* Waits after try number attempt (1, 2, ...) of something failed, as base/retry.h says. */
void ops_aws_client_back_off(struct ops_aws_client *client, int attempt);

/* The account that the keys belong to (STS GetCallerIdentity), asked for once and kept. OPS_STORE_UNAVAILABLE;
 * OPS_TARGET_ERROR: it can't be told, now or later; OPS_NO_MEMORY. */
enum ops_status ops_aws_client_account(struct ops_aws_client *client, char ret_account[static OPS_AWS_ACCOUNT_SIZE],
                                       struct ops_error *error) OPS_MUST_USE;

#endif
