#include "adapters/aws/settings.h"

#include "adapters/aws/env.h"
#include "adapters/aws/ini.h"
#include "adapters/aws/secret_text.h"
#include "adapters/aws/url.h"
#include "base/mem.h"

#include <errno.h>

enum { REGION_MAX_BYTES = 64, PATH_MAX_BYTES = 4096 };

struct ops_aws_settings {
    struct ops_ini files[OPS_AWS_FILE_COUNT];
    char *profile;
    bool profile_by_flag;
    char *region;
    char *ca_bundle;
    char *endpoints[OPS_AWS_SERVICE_COUNT];
};

struct file_place {
    const char *variable;
    const char *below_home;
};

static const struct file_place places[OPS_AWS_FILE_COUNT] = {
    [OPS_AWS_CREDENTIALS_FILE] = {"AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"},
    [OPS_AWS_CONFIG_FILE] = {"AWS_CONFIG_FILE", "/.aws/config"},
};

/* Names by service id, which is not always the signing name (Reference Guide, "Service-specific endpoints"). */
struct service_place {
    const char *variable;
    const char *setting;
};

static const struct service_place services[OPS_AWS_SERVICE_COUNT] = {
    [OPS_AWS_DYNAMODB] = {"AWS_ENDPOINT_URL_DYNAMODB", "dynamodb"},
    [OPS_AWS_S3] = {"AWS_ENDPOINT_URL_S3", "s3"},
    [OPS_AWS_LOGS] = {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "cloudwatch_logs"},
    [OPS_AWS_LAMBDA] = {"AWS_ENDPOINT_URL_LAMBDA", "lambda"},
    [OPS_AWS_STS] = {"AWS_ENDPOINT_URL_STS", "sts"},
};

/* The path of a file, in a buffer that stays empty when there is none to look for: without HOME nobody has a ~. */
static void file_path(const struct ops_env *env, const struct file_place *place, struct ops_buf *path)
{
    const char *named = ops_env_text(env, place->variable), *home = ops_env_text(env, "HOME");
    bool below_home = !named || (named[0] == '~' && (named[1] == '/' || !named[1]));
    if (below_home && !home && !named)
        return;
    if (below_home && home) {
        ops_buf_append_text(path, home);
        ops_buf_append_text(path, named ? named + 1 : place->below_home);
    } else {
        ops_buf_append_text(path, named);
    }
}

static enum ops_status load_file(const char *path, struct ops_ini *ret_ini, struct ops_error *error)
{
    struct ops_buf text;
    enum ops_status status = ops_secret_buf_init(&text, OPS_INI_FILE_MAX_BYTES);
    if (status == OPS_OK)
        status = ops_secret_file_read(path, &text);
    if (status == OPS_OK)
        status = ops_ini_parse(path, ops_buf_view(&text), ret_ini, error);
    else if (status == OPS_NOT_FOUND)
        status = OPS_OK;
    else if (status == OPS_LIMIT)
        status = ops_fail(error, OPS_INVALID_FIELD, "%s is larger than %d bytes.", path, OPS_INI_FILE_MAX_BYTES);
    else if (status == OPS_IO_ERROR)
        status = ops_fail(error, OPS_IO_ERROR, "%s can't be read: %s.", path, strerror(errno));
    ops_buf_wipe(&text);
    return status;
}

static enum ops_status load_files(struct ops_aws_settings *settings, const struct ops_env *env, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    for (int file = 0; file < OPS_AWS_FILE_COUNT && status == OPS_OK; file++) {
        struct ops_buf path;
        ops_buf_init(&path, PATH_MAX_BYTES);
        file_path(env, &places[file], &path);
        status = ops_buf_status(&path);
        if (status == OPS_LIMIT)
            status =
                ops_fail(error, OPS_INVALID_FIELD, "%s is longer than %d bytes.", places[file].variable, PATH_MAX_BYTES);
        if (status == OPS_OK && path.length)
            status = load_file(ops_buf_text(&path), &settings->files[file], error);
        ops_buf_release(&path);
    }
    return status;
}

/* [default] and [profile NAME] in the config file, where the last one counts; just [NAME] in the credentials file. */
static bool is_profile(enum ops_aws_file file, const char *header, const char *profile)
{
    if (file == OPS_AWS_CREDENTIALS_FILE)
        return strcmp(header, profile) == 0;
    bool is_default = strcmp(header, "default") == 0 && strcmp(profile, "default") == 0;
    return is_default || ops_ini_header_is(header, "profile", profile);
}

static const struct ops_ini_section *find_profile(const struct ops_aws_settings *settings, enum ops_aws_file file,
                                                  const char *profile)
{
    const struct ops_ini *ini = &settings->files[file];
    for (size_t i = ini->section_count; i-- > 0;)
        if (is_profile(file, ini->sections[i].header, profile))
            return &ini->sections[i];
    return NULL;
}

bool ops_aws_settings_has_profile(const struct ops_aws_settings *settings, const char *profile)
{
    return find_profile(settings, OPS_AWS_CREDENTIALS_FILE, profile) || find_profile(settings, OPS_AWS_CONFIG_FILE, profile);
}

/* A setting as it stands in a file, "" when it stands there without a value. profile NULL: the one in use. */
static const char *raw_value(const struct ops_aws_settings *settings, enum ops_aws_file file, const char *profile,
                             const char *name)
{
    return ops_ini_get(find_profile(settings, file, profile ? profile : settings->profile), name, NULL);
}

static const char *unless_empty(const char *value)
{
    return value && value[0] ? value : NULL;
}

const char *ops_aws_settings_file_value(const struct ops_aws_settings *settings, enum ops_aws_file file, const char *profile,
                                        const char *name)
{
    return unless_empty(raw_value(settings, file, profile, name));
}

/* A setting without a value in the credentials file hides the config file's. */
const char *ops_aws_settings_profile_value(const struct ops_aws_settings *settings, const char *profile, const char *name)
{
    const char *value = raw_value(settings, OPS_AWS_CREDENTIALS_FILE, profile, name);
    return unless_empty(value ? value : raw_value(settings, OPS_AWS_CONFIG_FILE, profile, name));
}

/* The first that says something. */
static const char *first_of(const char *a, const char *b, const char *c)
{
    if (unless_empty(a))
        return a;
    return b ? b : c;
}

/* Copies a value that may be missing. */
static enum ops_status keep(const char *value, char **ret_copy)
{
    *ret_copy = value ? ops_mem_strdup(value) : NULL;
    return value && !*ret_copy ? OPS_NO_MEMORY : OPS_OK;
}

static enum ops_status choose_profile(struct ops_aws_settings *settings, const struct ops_env *env,
                                      const struct ops_aws_settings_flags *flags, struct ops_error *error)
{
    const char *asked = first_of(flags->profile, ops_env_text(env, "AWS_PROFILE"), ops_env_text(env, "AWS_DEFAULT_PROFILE"));
    settings->profile_by_flag = asked && asked == flags->profile;
    enum ops_status status = keep(asked ? asked : "default", &settings->profile);
    if (status == OPS_OK && asked && !ops_aws_settings_has_profile(settings, asked))
        return ops_fail(error, OPS_INVALID_FIELD,
                        "The AWS profile '%s' is neither in the config nor in the credentials file.", asked);
    return status;
}

/* It becomes part of host names. */
static bool can_be_region(const char *region)
{
    size_t length = strlen(region);
    return length <= REGION_MAX_BYTES &&
           strspn(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static enum ops_status choose_region(struct ops_aws_settings *settings, const struct ops_env *env,
                                     const struct ops_aws_settings_flags *flags, struct ops_error *error)
{
    const char *region = first_of(flags->region, ops_env_text(env, "AWS_REGION"), ops_env_text(env, "AWS_DEFAULT_REGION"));
    if (!region)
        region = ops_aws_settings_profile_value(settings, NULL, "region");
    if (region && !can_be_region(region))
        return ops_fail(error, OPS_INVALID_FIELD, "The AWS region '%.80s' can't be one: it has letters, digits and hyphens.",
                        region);
    return keep(region, &settings->region);
}

static enum ops_status choose_ca_bundle(struct ops_aws_settings *settings, const struct ops_env *env)
{
    const char *path = ops_env_text(env, "AWS_CA_BUNDLE");
    return keep(path ? path : ops_aws_settings_profile_value(settings, NULL, "ca_bundle"), &settings->ca_bundle);
}

/* Where an endpoint was configured: the value, and a name for people. */
struct found_endpoint {
    const char *url;
    const char *place;
};

static enum ops_status endpoint_of_services_section(const struct ops_aws_settings *settings, const char *setting,
                                                    struct found_endpoint *ret_found, struct ops_error *error)
{
    const char *services_name = ops_aws_settings_profile_value(settings, NULL, "services");
    const struct ops_ini *ini = &settings->files[OPS_AWS_CONFIG_FILE];
    if (!services_name)
        return OPS_OK;
    for (size_t i = ini->section_count; i-- > 0;) {
        const struct ops_ini_section *section = &ini->sections[i];
        if (section->setting_count && ops_ini_header_is(section->header, "services", services_name)) {
            *ret_found = (struct found_endpoint){ops_ini_get(section, setting, "endpoint_url"), "the services section"};
            return OPS_OK;
        }
    }
    return ops_fail(error, OPS_INVALID_FIELD,
                    "The AWS profile '%s' has services = %s, and the config file has no such section.", settings->profile,
                    services_name);
}

static enum ops_status find_endpoint(const struct ops_aws_settings *settings, const struct ops_env *env,
                                     const struct service_place *place, struct found_endpoint *ret_found,
                                     struct ops_error *error)
{
    const char *const variables[] = {place->variable, "AWS_ENDPOINT_URL"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        *ret_found = (struct found_endpoint){ops_env_text(env, variables[i]), variables[i]};
        if (ret_found->url)
            return OPS_OK;
    }
    enum ops_status status = endpoint_of_services_section(settings, place->setting, ret_found, error);
    if (status == OPS_OK && (!ret_found->url || !ret_found->url[0]))
        *ret_found = (struct found_endpoint){ops_aws_settings_profile_value(settings, NULL, "endpoint_url"),
                                             "endpoint_url of the profile"};
    return status;
}

/* The value stays out of the sentence: who writes a password into a URL does not want to read it in a log. */
static enum ops_status keep_endpoint(const struct found_endpoint *found, char **ret_endpoint, struct ops_error *error)
{
    struct ops_aws_url url;
    if (!found->url)
        return OPS_OK;
    if (!ops_aws_url_parse(found->url, &url) || strchr(url.rest, '?'))
        return ops_fail(error, OPS_INVALID_FIELD, "The AWS endpoint in %s is no URL like http://host:port or https://host.",
                        found->place);
    size_t length = strlen(found->url);
    while (found->url[length - 1] == '/')
        length--;
    *ret_endpoint = ops_mem_strndup(found->url, length);
    return *ret_endpoint ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status choose_endpoints(struct ops_aws_settings *settings, const struct ops_env *env,
                                        struct ops_error *error)
{
    static const char ignore[] = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
    const char *said = ops_env_text(env, ignore);
    if (!said)
        said = ops_aws_settings_profile_value(settings, NULL, "ignore_configured_endpoint_urls");
    if (ops_env_is_true(said))
        return OPS_OK;
    enum ops_status status = OPS_OK;
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT && status == OPS_OK; service++) {
        struct found_endpoint found = {.url = NULL};
        status = find_endpoint(settings, env, &services[service], &found, error);
        if (status == OPS_OK)
            status = keep_endpoint(&found, &settings->endpoints[service], error);
    }
    return status;
}

enum ops_status ops_aws_settings_new(const struct ops_env *env, const struct ops_aws_settings_flags *flags,
                                     struct ops_aws_settings **ret_settings, struct ops_error *error)
{
    struct ops_aws_settings *settings = ops_mem_zeroed(1, sizeof *settings);
    if (!settings)
        return OPS_NO_MEMORY;
    enum ops_status status = load_files(settings, env, error);
    if (status == OPS_OK)
        status = choose_profile(settings, env, flags, error);
    if (status == OPS_OK)
        status = choose_region(settings, env, flags, error);
    if (status == OPS_OK)
        status = choose_ca_bundle(settings, env);
    if (status == OPS_OK)
        status = choose_endpoints(settings, env, error);
    if (status == OPS_OK)
        *ret_settings = settings;
    else
        ops_aws_settings_free(settings);
    return status;
}

void ops_aws_settings_free(struct ops_aws_settings *settings)
{
    if (!settings)
        return;
    for (int file = 0; file < OPS_AWS_FILE_COUNT; file++)
        ops_ini_release(&settings->files[file]);
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT; service++)
        ops_mem_free(settings->endpoints[service]);
    ops_mem_free(settings->profile);
    ops_mem_free(settings->region);
    ops_mem_free(settings->ca_bundle);
    ops_mem_free(settings);
}

const char *ops_aws_settings_region(const struct ops_aws_settings *settings)
{
    return settings->region;
}

const char *ops_aws_settings_profile(const struct ops_aws_settings *settings)
{
    return settings->profile;
}

bool ops_aws_settings_profile_by_flag(const struct ops_aws_settings *settings)
{
    return settings->profile_by_flag;
}

const char *ops_aws_settings_endpoint(const struct ops_aws_settings *settings, enum ops_aws_service service)
{
    return settings->endpoints[service];
}

const char *ops_aws_settings_ca_bundle(const struct ops_aws_settings *settings)
{
    return settings->ca_bundle;
}
