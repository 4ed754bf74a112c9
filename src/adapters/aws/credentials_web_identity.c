/* Source: AWS SDKs and Tools Reference Guide, "Assume role credential provider". */
#include "adapters/aws/credentials_source.h"
#include "adapters/aws/secret_text.h"
#include "adapters/aws/sts.h"
#include "adapters/aws/web_identity.h"

enum ops_status ops_aws_web_identity_fetch(const struct ops_aws_credentials_context *context,
                                           const struct ops_aws_web_identity *identity, struct ops_aws_keys *ret_keys,
                                           struct ops_error *error)
{
    struct ops_buf token;
    if (!identity->token_file)
        return ops_fail(error, OPS_NOT_FOUND, "No web identity token file is configured.");
    if (!identity->role_arn)
        return ops_fail(
            error, OPS_INVALID_FIELD,
            "A web identity token file is configured and no role; set AWS_ROLE_ARN, or role_arn in the profile.");
    enum ops_status status = ops_secret_token_read(identity->token_file, OPS_STS_TOKEN_MAX_BYTES, &token, error);
    const struct ops_sts_role role = {
        .arn = identity->role_arn,
        .session_name = identity->session_name,
        .web_identity_token = ops_buf_text(&token),
    };
    if (status == OPS_OK)
        status = ops_sts_assume(context, &role, ret_keys, error);
    ops_buf_wipe(&token);
    return status;
}

static const char *configured(const struct ops_aws_credentials_context *context, const char *variable, const char *setting)
{
    const char *value = ops_aws_context_env(context, variable);
    return value ? value : ops_aws_settings_profile_value(context->settings, NULL, setting);
}

static enum ops_status web_identity_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys,
                                          struct ops_error *error)
{
    const struct ops_aws_credentials_context *context = ops_aws_source_context(self);
    const struct ops_aws_web_identity identity = {
        .token_file = configured(context, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"),
        .role_arn = configured(context, "AWS_ROLE_ARN", "role_arn"),
        .session_name = configured(context, "AWS_ROLE_SESSION_NAME", "role_session_name"),
    };
    return ops_aws_web_identity_fetch(context, &identity, ret_keys, error);
}

static const struct ops_aws_credentials_ops web_identity_ops = {
    .fetch = web_identity_fetch,
    .release = ops_aws_source_release,
};

enum ops_status ops_aws_web_identity_credentials_new(const struct ops_aws_credentials_context *context,
                                                     struct ops_aws_credentials **ret_credentials)
{
    return ops_aws_source_new(&web_identity_ops, context, ret_credentials);
}
