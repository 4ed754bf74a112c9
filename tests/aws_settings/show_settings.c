/* Prints what the settings say of the environment that it runs in, as one JSON object:
 *
 *   show_settings PROFILE [NAME...]    PROFILE "": none is asked for by flag; NAME: settings of the profile in use
 */
#include "adapters/aws/settings.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

static const char *process_env(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *endpoints_of(const struct ops_aws_settings *settings)
{
    json_t *endpoints = json_object();
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT; service++)
        (void)json_object_set_new(endpoints, ops_aws_service_name((enum ops_aws_service)service),
                                  text_or_null(ops_aws_settings_endpoint(settings, (enum ops_aws_service)service)));
    return endpoints;
}

static json_t *values_of(const struct ops_aws_settings *settings, char **names, int count)
{
    json_t *values = json_object();
    for (int i = 0; i < count; i++)
        (void)json_object_set_new(values, names[i], text_or_null(ops_aws_settings_profile_value(settings, NULL, names[i])));
    return values;
}

static json_t *describe(const struct ops_aws_settings *settings, char **names, int count)
{
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "status", "ok", "region",
                     text_or_null(ops_aws_settings_region(settings)), "profile", ops_aws_settings_profile(settings),
                     "ca_bundle", text_or_null(ops_aws_settings_ca_bundle(settings)), "endpoints", endpoints_of(settings),
                     "values", values_of(settings, names, count));
}

int main(int argc, char **argv)
{
    const struct ops_env env = {process_env, NULL};
    const struct ops_aws_settings_flags flags = {.profile = argc > 1 && argv[1][0] ? argv[1] : NULL};
    struct ops_aws_settings *settings = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_aws_settings_new(&env, &flags, &settings, &error);
    json_t *shown = status == OPS_OK
                        ? describe(settings, argv + 2, argc > 2 ? argc - 2 : 0)
                        : json_pack("{s:s, s:s}", "status", ops_status_tag(status), "error", ops_error_text(&error, status));
    int failed = shown ? json_dumpf(shown, stdout, JSON_COMPACT) : -1;
    json_decref(shown);
    ops_aws_settings_free(settings);
    ops_error_release(&error);
    return failed ? 1 : 0;
}
