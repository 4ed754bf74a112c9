/* Source: AWS SDKs and Tools Reference Guide, "Process credential provider". */
#include "adapters/aws/credentials_process.h"

#include "adapters/aws/credentials_source.h"
#include "adapters/aws/process.h"
#include "adapters/aws/secret_text.h"

#include <stdio.h>

enum { OUTPUT_MAX_BYTES = 64 * 1024, TIMEOUT_MS = 60 * 1000, SOURCE_SIZE = 200 };

static enum ops_status run(const struct ops_aws_credentials_context *context, const char *profile, const char *command,
                           struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    static const struct ops_aws_key_format format = {.token_name = "SessionToken", .has_version = true};
    char source[SOURCE_SIZE];
    struct ops_aws_keys keys;
    struct ops_buf output;
    (void)snprintf(source, sizeof source, "The credential_process of the AWS profile '%.100s'", profile);
    enum ops_status status = ops_secret_buf_init(&output, OUTPUT_MAX_BYTES);
    if (status == OPS_OK)
        status = ops_process_read(command, source, TIMEOUT_MS, context->clock, &output, error);
    if (status == OPS_OK)
        status = ops_aws_keys_read(ops_buf_view(&output), source, &format, &keys, error);
    if (status == OPS_OK && keys.expires_ms <= ops_clock_now_ms(context->clock))
        status = ops_fail(error, OPS_STORE_UNAVAILABLE, "%s gives keys that have ended.", source);
    if (status == OPS_OK)
        *ret_keys = keys;
    ops_aws_keys_wipe(&keys);
    ops_buf_wipe(&output);
    return status;
}

static void remember(struct ops_aws_process_memory *memory, const char *command, enum ops_status status,
                     const struct ops_error *reason, int64_t now_ms)
{
    bool again = memory->command == command;
    int64_t peace_ms = again ? 2 * memory->peace_ms : OPS_AWS_PROCESS_PEACE_FIRST_MS;
    memory->command = command;
    memory->status = status;
    memory->peace_ms = peace_ms < OPS_AWS_PROCESS_PEACE_MAX_MS ? peace_ms : OPS_AWS_PROCESS_PEACE_MAX_MS;
    memory->until_ms = now_ms + memory->peace_ms;
    (void)snprintf(memory->text, sizeof memory->text, "%s", ops_error_text(reason, status));
}

enum ops_status ops_aws_process_fetch(const struct ops_aws_credentials_context *context, const char *profile,
                                      const char *command, struct ops_aws_process_memory *memory,
                                      struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    struct ops_error reason = OPS_ERROR_INIT;
    if (memory->command == command && ops_clock_monotonic_ms(context->clock) < memory->until_ms)
        return ops_fail(error, memory->status, "%s", memory->text);
    enum ops_status status = run(context, profile, command, ret_keys, &reason);
    if (status == OPS_OK)
        *memory = (struct ops_aws_process_memory){.command = NULL};
    else if (status != OPS_NO_MEMORY)
        remember(memory, command, status, &reason, ops_clock_monotonic_ms(context->clock));
    if (status != OPS_OK)
        (void)ops_fail(error, status, "%s", ops_error_text(&reason, status));
    ops_error_release(&reason);
    return status;
}
