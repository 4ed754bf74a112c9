/* Keys that a profile of the shared files leads to, perhaps by way of other profiles and roles.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Assume role credential provider", "Shared config and credentials files"; the
 * order within a profile is botocore's.
 */
#include "adapters/aws/credentials_process.h"
#include "adapters/aws/credentials_source.h"
#include "adapters/aws/sts.h"
#include "adapters/aws/web_identity.h"
#include "base/mem.h"

#include <stdlib.h>

enum { CHAIN_MAX = 5 }; /* profiles, each the source of the one before */

/* The way from the profile in use to the one that has keys of its own. */
struct walk {
    const struct ops_aws_credentials_context *context;
    struct ops_aws_process_memory *process;
    const char *profiles[CHAIN_MAX];
    size_t count;
};

/* OPS_NOT_FOUND: the profile has nothing of that kind, and error is left alone. */
typedef enum ops_status (*kind_fn)(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                   struct ops_error *error);

static const char *value_of(const struct walk *walk, const char *profile, const char *name)
{
    return ops_aws_settings_profile_value(walk->context->settings, profile, name);
}

static bool has_static_keys(const struct walk *walk, const char *profile)
{
    return value_of(walk, profile, "aws_access_key_id") || value_of(walk, profile, "aws_secret_access_key");
}

static enum ops_status fetch_from(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                  struct ops_error *error);

struct named_source {
    const char *name;
    enum ops_status (*make)(const struct ops_aws_credentials_context *context, struct ops_aws_credentials **ret_credentials);
    enum ops_status missing; /* what it means that the source has nothing to give */
};

static const struct named_source named_sources[] = {
    {"Environment", ops_aws_env_credentials_new, OPS_INVALID_FIELD},
    {"Ec2InstanceMetadata", ops_aws_imds_credentials_new, OPS_STORE_UNAVAILABLE},
    {"EcsContainer", ops_aws_container_credentials_new, OPS_INVALID_FIELD},
};

static enum ops_status fetch_named(const struct walk *walk, const struct named_source *named, const char *profile,
                                   struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    struct ops_aws_credentials *source = NULL;
    enum ops_status status = named->make(walk->context, &source);
    if (status == OPS_OK)
        status = ops_aws_credentials_fetch(source, ret_keys, error);
    if (status == OPS_NOT_FOUND)
        status =
            ops_fail(error, named->missing, "The AWS profile '%.100s' has credential_source = %s, and there are no keys.",
                     profile, named->name);
    ops_aws_credentials_release(source);
    return status;
}

static enum ops_status from_credential_source(const struct walk *walk, const char *profile, const char *name,
                                              struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    for (size_t i = 0; i < sizeof named_sources / sizeof named_sources[0]; i++)
        if (strcmp(named_sources[i].name, name) == 0)
            return fetch_named(walk, &named_sources[i], profile, ret_keys, error);
    return ops_fail(error, OPS_INVALID_FIELD,
                    "The AWS profile '%.100s' has credential_source = %.100s; it may be Environment, Ec2InstanceMetadata or "
                    "EcsContainer.",
                    profile, name);
}

/* A profile may be its own source, when it has keys beside its role; any other return to where one has been is a loop. */
static enum ops_status from_source_profile(struct walk *walk, const char *profile, const char *source,
                                           struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    if (!ops_aws_settings_has_profile(walk->context->settings, source))
        return ops_fail(error, OPS_INVALID_FIELD, "The AWS profile '%.100s' has source_profile = %.100s, and there is none.",
                        profile, source);
    bool itself = strcmp(profile, source) == 0 && has_static_keys(walk, source);
    for (size_t i = 0; i < walk->count && !itself; i++)
        if (strcmp(walk->profiles[i], source) == 0)
            return ops_fail(error, OPS_INVALID_FIELD,
                            "The source_profile of the AWS profile '%.100s' leads back to '%.100s'.", profile, source);
    if (walk->count == CHAIN_MAX)
        return ops_fail(error, OPS_INVALID_FIELD, "The AWS profile '%.100s' leads to its keys over more than %d profiles.",
                        walk->profiles[0], CHAIN_MAX);
    walk->profiles[walk->count++] = source;
    enum ops_status status = fetch_from(walk, source, ret_keys, error);
    if (status == OPS_NOT_FOUND)
        return ops_fail(error, OPS_INVALID_FIELD, "The AWS profile '%.100s' is a source_profile and has no credentials.",
                        source);
    return status;
}

static enum ops_status fetch_role_source(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                         struct ops_error *error)
{
    const char *source_profile = value_of(walk, profile, "source_profile");
    const char *credential_source = value_of(walk, profile, "credential_source");
    if (!source_profile == !credential_source)
        return ops_fail(error, OPS_INVALID_FIELD,
                        "The AWS profile '%.100s' has a role_arn, and needs either source_profile or credential_source%s.",
                        profile, source_profile ? ", not both" : "");
    if (credential_source)
        return from_credential_source(walk, profile, credential_source, ret_keys, error);
    return from_source_profile(walk, profile, source_profile, ret_keys, error);
}

static enum ops_status read_duration(const struct walk *walk, const char *profile, int64_t *ret_duration_s,
                                     struct ops_error *error)
{
    const char *text = value_of(walk, profile, "duration_seconds");
    *ret_duration_s = 0;
    if (!text)
        return OPS_OK;
    char *end = NULL;
    long seconds = strtol(text, &end, 10);
    if (*end || seconds < OPS_STS_DURATION_MIN_S || seconds > OPS_STS_DURATION_MAX_S)
        return ops_fail(error, OPS_INVALID_FIELD,
                        "duration_seconds of the AWS profile '%.100s' must be a number from %d to %d.", profile,
                        OPS_STS_DURATION_MIN_S, OPS_STS_DURATION_MAX_S);
    *ret_duration_s = seconds;
    return OPS_OK;
}

/* What g3nops can't do itself, and who can. */
static enum ops_status say_impossible(const char *profile, const char *setting, struct ops_error *error)
{
    return ops_fail(error, OPS_INVALID_FIELD,
                    "The AWS profile '%.60s' needs a person to sign in (%s), which g3nops can't do; use a profile with "
                    "credential_process = aws configure export-credentials --profile %.60s --format process instead.",
                    profile, setting, profile);
}

static enum ops_status from_role(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                 struct ops_error *error)
{
    struct ops_aws_keys keys;
    struct ops_sts_role role = {
        .arn = value_of(walk, profile, "role_arn"),
        .session_name = value_of(walk, profile, "role_session_name"),
        .external_id = value_of(walk, profile, "external_id"),
        .keys = &keys,
    };
    if (!role.arn || value_of(walk, profile, "web_identity_token_file"))
        return OPS_NOT_FOUND;
    if (value_of(walk, profile, "mfa_serial"))
        return say_impossible(profile, "mfa_serial", error);
    enum ops_status status = read_duration(walk, profile, &role.duration_s, error);
    if (status == OPS_OK)
        status = fetch_role_source(walk, profile, &keys, error);
    if (status == OPS_OK)
        status = ops_sts_assume(walk->context, &role, ret_keys, error);
    ops_aws_keys_wipe(&keys);
    return status;
}

static enum ops_status from_web_identity(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                         struct ops_error *error)
{
    const struct ops_aws_web_identity identity = {
        .token_file = value_of(walk, profile, "web_identity_token_file"),
        .role_arn = value_of(walk, profile, "role_arn"),
        .session_name = value_of(walk, profile, "role_session_name"),
    };
    return identity.token_file ? ops_aws_web_identity_fetch(walk->context, &identity, ret_keys, error) : OPS_NOT_FOUND;
}

static enum ops_status from_sso(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                struct ops_error *error)
{
    static const char *const settings[] = {"sso_session", "sso_start_url", "sso_account_id", "sso_role_name", "sso_region"};
    (void)ret_keys;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (value_of(walk, profile, settings[i]))
            return say_impossible(profile, settings[i], error);
    return OPS_NOT_FOUND;
}

static enum ops_status from_login(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                  struct ops_error *error)
{
    (void)ret_keys;
    return value_of(walk, profile, "login_session") ? say_impossible(profile, "login_session", error) : OPS_NOT_FOUND;
}

static enum ops_status from_file(const struct walk *walk, enum ops_aws_file file, const char *profile,
                                 struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    static const char id_name[] = "aws_access_key_id", secret_name[] = "aws_secret_access_key",
                      token_name[] = "aws_session_token";
    const struct ops_aws_settings *settings = walk->context->settings;
    const struct ops_aws_key_texts texts = {
        .source = file == OPS_AWS_CREDENTIALS_FILE ? "The profile in the AWS credentials file"
                                                   : "The profile in the AWS config file",
        .wrong = OPS_INVALID_FIELD,
        .access_key_id = {id_name, ops_aws_settings_file_value(settings, file, profile, id_name)},
        .secret_access_key = {secret_name, ops_aws_settings_file_value(settings, file, profile, secret_name)},
        .session_token = {token_name, ops_aws_settings_file_value(settings, file, profile, token_name)},
    };
    if (!texts.access_key_id.text && !texts.secret_access_key.text)
        return OPS_NOT_FOUND;
    return ops_aws_keys_make(&texts, ret_keys, error);
}

static enum ops_status from_credentials_file(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                             struct ops_error *error)
{
    return from_file(walk, OPS_AWS_CREDENTIALS_FILE, profile, ret_keys, error);
}

static enum ops_status from_config_file(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                        struct ops_error *error)
{
    return from_file(walk, OPS_AWS_CONFIG_FILE, profile, ret_keys, error);
}

static enum ops_status from_process(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                    struct ops_error *error)
{
    const char *command = value_of(walk, profile, "credential_process");
    return command ? ops_aws_process_fetch(walk->context, profile, command, walk->process, ret_keys, error) : OPS_NOT_FOUND;
}

static const kind_fn kinds[] = {
    from_role, from_web_identity, from_sso, from_credentials_file, from_login, from_process, from_config_file,
};

/* A source profile that has keys is asked for them, not for its role. */
static enum ops_status fetch_from(struct walk *walk, const char *profile, struct ops_aws_keys *ret_keys,
                                  struct ops_error *error)
{
    bool is_source = walk->count > 1;
    enum ops_status status = OPS_NOT_FOUND;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && status == OPS_NOT_FOUND; i++)
        if (kinds[i] != from_role || !is_source || !has_static_keys(walk, profile))
            status = kinds[i](walk, profile, ret_keys, error);
    return status;
}

struct profile_source {
    struct ops_aws_source source;
    struct ops_aws_process_memory process;
};

static enum ops_status profile_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys,
                                     struct ops_error *error)
{
    const struct ops_aws_credentials_context *context = ops_aws_source_context(self);
    const char *profile = ops_aws_settings_profile(context->settings);
    struct walk walk = {
        .context = context, .process = &((struct profile_source *)self)->process, .profiles = {profile}, .count = 1};
    enum ops_status status = fetch_from(&walk, profile, ret_keys, error);
    if (status == OPS_NOT_FOUND)
        return ops_fail(error, OPS_NOT_FOUND, "The AWS profile '%.100s' has no credentials.", profile);
    return status;
}

static const struct ops_aws_credentials_ops profile_ops = {
    .fetch = profile_fetch,
    .release = ops_aws_source_release,
};

enum ops_status ops_aws_profile_credentials_new(const struct ops_aws_credentials_context *context,
                                                struct ops_aws_credentials **ret_credentials)
{
    struct profile_source *made = ops_mem_zeroed(1, sizeof *made);
    if (!made)
        return OPS_NO_MEMORY;
    made->source = (struct ops_aws_source){.base = {&profile_ops}, .context = *context};
    *ret_credentials = &made->source.base;
    return OPS_OK;
}
