/* What an AWS user has configured: region, endpoints, profile, as every AWS tool reads it.
 *
 * Sources: AWS SDKs and Tools Reference Guide, "Shared config and credentials files", "AWS Region", "Service-specific
 * endpoints"; AWS CLI User Guide, "Environment variables". A flag beats the environment, which beats the profile.
 */
#ifndef OPS_ADAPTERS_AWS_SETTINGS_H
#define OPS_ADAPTERS_AWS_SETTINGS_H

#include "base/error.h"
#include "base/view.h"

/* One value of the environment, or NULL. The text stays valid as long as the settings. */
typedef const char *(*ops_env_fn)(void *context, const char *name);

struct ops_env {
    ops_env_fn get;
    void *context;
};

static inline const char *ops_env_get(const struct ops_env *env, const char *name)
{
    return env->get(env->context, name);
}

enum ops_aws_service { OPS_AWS_DYNAMODB, OPS_AWS_S3, OPS_AWS_LOGS, OPS_AWS_LAMBDA, OPS_AWS_STS, OPS_AWS_SERVICE_COUNT };

/* "dynamodb", "s3", "logs", "lambda", "sts": the signing name and, but for the prefix, the host's first label. */
const char *ops_aws_service_name(enum ops_aws_service service);

struct ops_aws_settings;

struct ops_aws_settings_flags {
    const char *region;  /* --region, or NULL */
    const char *profile; /* --profile, or NULL */
};

/* Reads the two files that the environment names (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/config and
 * ~/.aws/credentials of HOME), when they exist. Everything is copied. OPS_INVALID_FIELD: a file can't be parsed (error names
 * file and line), a profile was asked for and is in neither file, an endpoint is no http or https URL, a region can't be
 * one, a profile names a services section that is not there. OPS_IO_ERROR: a file exists and can't be read. */
enum ops_status ops_aws_settings_new(const struct ops_env *env, const struct ops_aws_settings_flags *flags,
                                     struct ops_aws_settings **ret_settings, struct ops_error *error) OPS_MUST_USE;
void ops_aws_settings_free(struct ops_aws_settings *settings); /* NULL is fine */

/* From the flag, AWS_REGION, AWS_DEFAULT_REGION, or the profile; NULL when none says. Borrowed. */
const char *ops_aws_settings_region(const struct ops_aws_settings *settings);

/* "default" when nobody has asked for another. Borrowed. */
const char *ops_aws_settings_profile(const struct ops_aws_settings *settings);

/* The endpoint that was configured, without a trailing slash: AWS_ENDPOINT_URL_DYNAMODB (_S3, _CLOUDWATCH_LOGS, _LAMBDA,
 * _STS), AWS_ENDPOINT_URL, then the profile's services section and endpoint_url; NULL when there is none, or when
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true: then the service's own. Borrowed. */
const char *ops_aws_settings_endpoint(const struct ops_aws_settings *settings, enum ops_aws_service service);

/* A setting of a profile ("role_arn", "source_profile", ...), the credentials file before the config file; NULL when it is
 * not there. profile NULL: the one in use. Borrowed. */
const char *ops_aws_settings_profile_value(const struct ops_aws_settings *settings, const char *profile, const char *name);

/* AWS_CA_BUNDLE, or the profile's ca_bundle, or NULL. Borrowed. */
const char *ops_aws_settings_ca_bundle(const struct ops_aws_settings *settings);

/* Whether the profile in use was asked for by flag. */
bool ops_aws_settings_profile_by_flag(const struct ops_aws_settings *settings);

bool ops_aws_settings_has_profile(const struct ops_aws_settings *settings, const char *profile);

enum ops_aws_file { OPS_AWS_CREDENTIALS_FILE, OPS_AWS_CONFIG_FILE, OPS_AWS_FILE_COUNT };

/* A profile's setting from one of the files alone: keys belong together only when they stand together. */
const char *ops_aws_settings_file_value(const struct ops_aws_settings *settings, enum ops_aws_file file, const char *profile,
                                        const char *name);

#endif
