/* Source: AWS SDKs and Tools Reference Guide, "Process credential provider". */
#include "adapters/aws/credentials_process.h"

#include "adapters/aws/credentials_source.h"
#include "adapters/aws/process.h"
#include "adapters/aws/secret_text.h"

#include <stdio.h>

enum { OUTPUT_MAX_BYTES = 64 * 1024, TIMEOUT_MS = 60 * 1000, SOURCE_SIZE = 200 };

enum ops_status ops_aws_process_fetch(const struct ops_aws_credentials_context *context, const char *profile,
                                      const char *command, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    static const struct ops_aws_key_format format = {.token_name = "SessionToken", .has_version = true};
    char source[SOURCE_SIZE];
    struct ops_buf output;
    (void)snprintf(source, sizeof source, "The credential_process of the AWS profile '%.100s'", profile);
    enum ops_status status = ops_secret_buf_init(&output, OUTPUT_MAX_BYTES);
    if (status == OPS_OK)
        status = ops_process_read(command, source, TIMEOUT_MS, context->clock, &output, error);
    if (status == OPS_OK)
        status = ops_aws_keys_read(ops_buf_view(&output), source, &format, ret_keys, error);
    ops_buf_wipe(&output);
    return status;
}
