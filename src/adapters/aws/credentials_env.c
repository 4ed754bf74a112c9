/* Source: AWS SDKs and Tools Reference Guide, "AWS access keys". */
#include "adapters/aws/credentials_source.h"

static enum ops_status env_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    static const char id_name[] = "AWS_ACCESS_KEY_ID", secret_name[] = "AWS_SECRET_ACCESS_KEY",
                      token_name[] = "AWS_SESSION_TOKEN";
    const struct ops_aws_credentials_context *context = ops_aws_source_context(self);
    const struct ops_aws_key_texts texts = {
        .source = "The environment",
        .wrong = OPS_INVALID_FIELD,
        .access_key_id = {id_name, ops_aws_context_env(context, id_name)},
        .secret_access_key = {secret_name, ops_aws_context_env(context, secret_name)},
        .session_token = {token_name, ops_aws_context_env(context, token_name)},
    };
    if (!texts.access_key_id.text && !texts.secret_access_key.text)
        return ops_fail(error, OPS_NOT_FOUND, "%s is not set.", id_name);
    return ops_aws_keys_make(&texts, ret_keys, error);
}

static const struct ops_aws_credentials_ops env_ops = {
    .fetch = env_fetch,
    .release = ops_aws_source_release,
};

enum ops_status ops_aws_env_credentials_new(const struct ops_aws_credentials_context *context,
                                            struct ops_aws_credentials **ret_credentials)
{
    return ops_aws_source_new(&env_ops, context, ret_credentials);
}
