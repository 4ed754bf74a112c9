/* Source: AWS SDKs and Tools Reference Guide, "Credential provider chain". */
#include "adapters/aws/credentials_source.h"
#include "base/mem.h"

typedef enum ops_status (*make_fn)(const struct ops_aws_credentials_context *context,
                                   struct ops_aws_credentials **ret_credentials);

enum { SOURCE_COUNT = 5 };

static const make_fn usual_order[SOURCE_COUNT] = {
    ops_aws_env_credentials_new,       ops_aws_web_identity_credentials_new, ops_aws_profile_credentials_new,
    ops_aws_container_credentials_new, ops_aws_imds_credentials_new,
};

static const make_fn profile_first[SOURCE_COUNT] = {
    ops_aws_profile_credentials_new,   ops_aws_env_credentials_new,  ops_aws_web_identity_credentials_new,
    ops_aws_container_credentials_new, ops_aws_imds_credentials_new,
};

struct chain {
    struct ops_aws_credentials base;
    const struct ops_aws_settings *settings;
    struct ops_aws_credentials *sources[SOURCE_COUNT];
};

static struct chain *chain(struct ops_aws_credentials *self)
{
    return (struct chain *)self;
}

/* reason is why the last one, the instance metadata service, has nothing. */
static enum ops_status say_nothing_found(const struct chain *chain, const struct ops_error *reason, struct ops_error *error)
{
    return ops_fail(error, OPS_NOT_FOUND,
                    "No AWS credentials: none in the environment, no web identity token, none in the profile '%.60s', no "
                    "container endpoint, no instance role. %.120s Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                    "AWS_PROFILE, or give the task or instance a role.",
                    ops_aws_settings_profile(chain->settings), ops_error_text(reason, OPS_NOT_FOUND));
}

static enum ops_status chain_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    const struct chain *sources = chain(self);
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status = OPS_NOT_FOUND;
    for (size_t i = 0; i < SOURCE_COUNT && status == OPS_NOT_FOUND; i++)
        status = ops_aws_credentials_fetch(sources->sources[i], ret_keys, &reason);
    if (status == OPS_NOT_FOUND)
        (void)say_nothing_found(sources, &reason, error);
    else if (status != OPS_OK)
        (void)ops_fail(error, status, "%s", ops_error_text(&reason, status));
    ops_error_release(&reason);
    return status;
}

static void chain_release(struct ops_aws_credentials *self)
{
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        ops_aws_credentials_release(chain(self)->sources[i]);
    ops_mem_free(self);
}

static const struct ops_aws_credentials_ops chain_ops = {
    .fetch = chain_fetch,
    .release = chain_release,
};

enum ops_status ops_aws_chain_credentials_new(const struct ops_aws_credentials_context *context,
                                              struct ops_aws_credentials **ret_credentials)
{
    const make_fn *order = ops_aws_settings_profile_by_flag(context->settings) ? profile_first : usual_order;
    struct chain *made = ops_mem_zeroed(1, sizeof *made);
    if (!made)
        return OPS_NO_MEMORY;
    made->base.ops = &chain_ops;
    made->settings = context->settings;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < SOURCE_COUNT && status == OPS_OK; i++)
        status = order[i](context, &made->sources[i]);
    if (status == OPS_OK)
        *ret_credentials = &made->base;
    else
        chain_release(&made->base);
    return status;
}
