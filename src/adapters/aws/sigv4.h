/* AWS Signature Version 4. Pure: takes a request and a time, gives the headers that sign it.
 *
 * Source: AWS Identity and Access Management User Guide, "Create a signed AWS API request"; Amazon S3 API Reference,
 * "Signature Calculations for the Authorization Header".
 */
#ifndef OPS_ADAPTERS_AWS_SIGV4_H
#define OPS_ADAPTERS_AWS_SIGV4_H

#include "base/buf.h"
#include "base/hash.h"
#include "ports/http_client.h"

enum {
    OPS_SIGV4_DATE_SIZE = 17,           /* "20260102T030405Z" and the NUL */
    OPS_SIGV4_NAME_MAX = 64,            /* of a region, of a service */
    OPS_SIGV4_SECRET_MAX = 256,         /* of a secret access key */
    OPS_SIGV4_PARAMETERS_MAX = 32,      /* of a query */
    OPS_SIGV4_AUTHORIZATION_SIZE = 768, /* of the Authorization header's value */
};

/* What a signing key is made from, and the key itself: good for one UTC day, one region, one service. Make it once and keep
 * it; wipe it with ops_sigv4_key_wipe. */
struct ops_sigv4_key {
    char day[9]; /* "20260102" */
    char region[OPS_SIGV4_NAME_MAX + 1];
    char service[OPS_SIGV4_NAME_MAX + 1]; /* the signing name: "dynamodb", "s3", "logs", "lambda", "sts" */
    uint8_t bytes[OPS_SHA256_BYTES];
};

/* The key of the day that at_ms falls in. OPS_LIMIT: secret, region or service is too long. OPS_NO_MEMORY. */
enum ops_status ops_sigv4_key_derive(const char *secret_access_key, const char *region, const char *service, int64_t at_ms,
                                     struct ops_sigv4_key *ret_key) OPS_MUST_USE;
void ops_sigv4_key_wipe(struct ops_sigv4_key *key);

/* "20260102T030405Z" of an instant in the years 1970 to 9999. */
void ops_sigv4_date(int64_t at_ms, char ret_date[static OPS_SIGV4_DATE_SIZE]);

/* A request as it will be sent. All text borrowed for the call. */
struct ops_sigv4_request {
    const char *method;
    const char *path;                      /* as sent: percent-encoded, begins with "/" */
    const char *query;                     /* as sent, percent-encoded, without "?"; "" when there is none; in any order */
    const struct ops_http_header *headers; /* those that are signed: host and x-amz-date must be among them */
    size_t header_count;                   /* up to OPS_HTTP_HEADERS_MAX */
    const char *payload_sha256;            /* lower-case hexadecimal; for S3 it must also be header x-amz-content-sha256 */
    bool single_encoding;                  /* S3: the path is signed as sent, not normalised and not encoded a second time */
};

/* Appends the canonical request; for tests, and for whoever must find out why a service says that a signature is wrong. Too
 * many headers or parameters leave OPS_LIMIT in the buffer. */
void ops_sigv4_canonical(const struct ops_sigv4_request *request, struct ops_buf *buf);
/* Appends the list of the signed headers' names: "host;x-amz-date". Likewise. */
void ops_sigv4_signed_headers(const struct ops_sigv4_request *request, struct ops_buf *buf);

/* The value of the Authorization header. The x-amz-date header must fall in the key's day. OPS_LIMIT, OPS_NO_MEMORY. */
enum ops_status ops_sigv4_authorization(const struct ops_sigv4_request *request, const struct ops_sigv4_key *key,
                                        const char *access_key_id,
                                        char ret_value[static OPS_SIGV4_AUTHORIZATION_SIZE]) OPS_MUST_USE;

#endif
