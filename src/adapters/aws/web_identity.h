/* A role assumed with a token that somebody else puts into a file and renews: a projected service account, a CI system. */
#ifndef OPS_ADAPTERS_AWS_WEB_IDENTITY_H
#define OPS_ADAPTERS_AWS_WEB_IDENTITY_H

#include "adapters/aws/credentials.h"

/* Each may be NULL. */
struct ops_aws_web_identity {
    const char *token_file; /* read anew each time */
    const char *role_arn;
    const char *session_name;
};

/* OPS_NOT_FOUND: there is no token_file. */
enum ops_status ops_aws_web_identity_fetch(const struct ops_aws_credentials_context *context,
                                           const struct ops_aws_web_identity *identity, struct ops_aws_keys *ret_keys,
                                           struct ops_error *error) OPS_MUST_USE;

#endif
