/* Security Token Service: keys of a role. Source: AWS Security Token Service API Reference, "AssumeRole" and
 * "AssumeRoleWithWebIdentity". */
#ifndef OPS_ADAPTERS_AWS_STS_H
#define OPS_ADAPTERS_AWS_STS_H

#include "adapters/aws/credentials.h"

enum { OPS_STS_TOKEN_MAX_BYTES = 20000, OPS_STS_DURATION_MIN_S = 900, OPS_STS_DURATION_MAX_S = 43200 };

/* All text borrowed for the call. */
struct ops_sts_role {
    const char *arn;
    const char *session_name;       /* NULL: g3nops-<seconds since the epoch> */
    const char *external_id;        /* NULL: none */
    int64_t duration_s;             /* 0: STS decides */
    const char *web_identity_token; /* NULL: signed by keys instead */
    const struct ops_aws_keys *keys;
};

/* OPS_INVALID_FIELD: no region is configured, or what is configured is too long. OPS_STORE_UNAVAILABLE: STS can't be reached
 * or refuses; error gives its code. */
enum ops_status ops_sts_assume(const struct ops_aws_credentials_context *context, const struct ops_sts_role *role,
                               struct ops_aws_keys *ret_keys, struct ops_error *error) OPS_MUST_USE;

#endif
