#include "support/aws_rig.h"

#include "adapters/curl/http_client.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "base/json.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MAX_BYTES = 16 * 1024 * 1024 };

static atomic_size_t wait_count;

static void wait_not_at_all(int64_t wait_ms)
{
    (void)wait_ms;
    atomic_fetch_add(&wait_count, 1);
}

size_t aws_rig_take_waits(void)
{
    return atomic_exchange(&wait_count, 0);
}

/* A variable that the rig answers for: from the process's environment, else with what an emulator is content with. */
struct rig_variable {
    const char *name;
    const char *otherwise;
};

static const struct rig_variable variables[] = {
    {"AWS_ACCESS_KEY_ID", "AKIAOPSTESTEMULATORS"},
    {"AWS_SECRET_ACCESS_KEY", "a/secret+of/nobody"},
    {"AWS_REGION", "eu-central-1"},
};

static const char *const endpoint_names[OPS_AWS_SERVICE_COUNT] = {
    [OPS_AWS_DYNAMODB] = "AWS_ENDPOINT_URL_DYNAMODB",
    [OPS_AWS_S3] = "AWS_ENDPOINT_URL_S3",
    [OPS_AWS_LOGS] = "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    [OPS_AWS_LAMBDA] = "AWS_ENDPOINT_URL_LAMBDA",
    [OPS_AWS_STS] = "AWS_ENDPOINT_URL_STS",
};

static const char *rig_variable(void *context, const char *name)
{
    const struct aws_rig_options *options = context;
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT; service++)
        if (strcmp(name, endpoint_names[service]) == 0)
            return options->endpoints[service];
    if (strcmp(name, "AWS_ENDPOINT_URL") == 0)
        return options->endpoint_url ? options->endpoint_url : "http://aws.test";
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (strcmp(name, variables[i].name) == 0)
            return getenv(name) ? getenv(name) : variables[i].otherwise;
    return NULL;
}

const char *aws_rig_endpoint(const char *variable, const char *title)
{
    const char *url = getenv(variable);
    if (url && url[0])
        return url;
    printf("skipped: %s is not running (%s is not set)\n", title, variable);
    return NULL;
}

static enum ops_status open_credentials(struct aws_rig *rig, struct ops_clock *clock)
{
    const struct ops_aws_credentials_context context = {&rig->env, rig->settings, rig->http, clock};
    struct ops_aws_credentials *plain = NULL;
    enum ops_status status = ops_aws_env_credentials_new(&context, &plain);
    return status == OPS_OK ? ops_aws_cached_credentials_new(plain, clock, &rig->credentials) : status; /* takes plain */
}

static enum ops_status open_all(struct aws_rig *rig, struct ops_error *error)
{
    static const struct ops_aws_settings_flags no_flags = {.region = NULL};
    struct ops_clock *clock = rig->options.clock ? rig->options.clock : ops_system_clock();
    enum ops_status status = ops_aws_settings_new(&rig->env, &no_flags, &rig->settings, error);
    rig->http = rig->options.http;
    if (status == OPS_OK && !rig->http)
        status = ops_curl_http_client_new(&rig->http);
    if (status == OPS_OK)
        status = open_credentials(rig, clock);
    if (status != OPS_OK)
        return status;
    const struct ops_aws_client_config config = {
        .settings = rig->settings,
        .region = ops_aws_settings_region(rig->settings),
        .credentials = rig->credentials,
        .http = rig->http,
        .clock = clock,
        .random = ops_system_random(),
        .wait = wait_not_at_all,
    };
    return ops_aws_client_new(&config, &rig->client, error);
}

bool aws_rig_open_with(struct aws_rig *rig, const struct aws_rig_options *options)
{
    struct ops_error error = OPS_ERROR_INIT;
    *rig = (struct aws_rig){.options = *options};
    rig->env = (struct ops_env){rig_variable, &rig->options};
    enum ops_status status = open_all(rig, &error);
    if (status != OPS_OK) {
        if (status != OPS_NO_MEMORY)
            (void)fprintf(stderr, "%s\n", ops_error_text(&error, status));
        aws_rig_close(rig);
    }
    ops_error_release(&error);
    return status == OPS_OK;
}

bool aws_rig_open(struct aws_rig *rig, const char *endpoint_url)
{
    const struct aws_rig_options options = {.endpoint_url = endpoint_url};
    return aws_rig_open_with(rig, &options);
}

void aws_rig_close(struct aws_rig *rig)
{
    ops_aws_client_free(rig->client);
    ops_aws_credentials_release(rig->credentials);
    if (!rig->options.http)
        ops_http_client_release(rig->http);
    ops_aws_settings_free(rig->settings);
    *rig = (struct aws_rig){.client = NULL};
}

enum ops_status aws_rig_ask(struct aws_rig *rig, enum ops_aws_service service, const char *target, const char *body,
                            json_t **ret_answer)
{
    struct ops_aws_call call;
    json_t *answer = NULL;
    ops_aws_call_init(&call, service, ANSWER_MAX_BYTES);
    ops_aws_call_json(&call, target, ops_view_of(body));
    ops_aws_call_send(rig->client, &call);
    enum ops_status status = call.status;
    if (status != OPS_OK && status != OPS_NO_MEMORY)
        (void)fprintf(stderr, "%s\n", ops_error_text(&call.error, status));
    /* CloudWatch Logs answers some operations with nothing. */
    if (status == OPS_OK && ret_answer && call.response.body.length > 0)
        status = ops_json_parse_object(ops_buf_view(&call.response.body), &answer, NULL);
    if (status == OPS_OK && ret_answer)
        *ret_answer = answer;
    ops_aws_call_release(&call);
    return status;
}
