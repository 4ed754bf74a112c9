/* Source: AWS Lambda API Reference, Invoke: the answer is HTTP 200 also when the function broke down. */
#include "main/lambda.h"

#include "main/commands.h"

#include <stdio.h>

enum { PATH_SIZE = 256 };

static enum ops_status open_account(struct ops_cli *cli, struct ops_lambda *lambda, struct ops_error *error)
{
    if (lambda->opened)
        return OPS_OK;
    struct ops_place place;
    enum ops_status status = ops_command_place(cli, &place, error);
    if (status == OPS_OK)
        status = ops_account_open(&place, &lambda->account, error);
    lambda->opened = status == OPS_OK;
    return status;
}

static enum ops_status tell_failure(const struct ops_aws_call *call, const char *function, struct ops_error *error)
{
    const char *words = ops_error_text(&call->error, call->status);
    if (call->status == OPS_UNKNOWN)
        return ops_fail(error, OPS_UNKNOWN, "%s", words);
    if (call->status == OPS_TARGET_MISSING)
        return ops_fail(error, OPS_UNREACHABLE, "There is no function %s in this account's region: %s", function, words);
    return call->status == OPS_NO_MEMORY ? OPS_NO_MEMORY : ops_fail(error, OPS_UNREACHABLE, "%s", words);
}

enum ops_status ops_lambda_invoke(struct ops_cli *cli, void *context, const struct ops_cli_invocation *invocation,
                                  struct ops_http_response *response, struct ops_error *error)
{
    struct ops_lambda *lambda = context;
    char path[PATH_SIZE];
    enum ops_status status = open_account(cli, lambda, error);
    if (status != OPS_OK)
        return status;
    struct ops_aws_call call;
    ops_aws_call_init(&call, OPS_AWS_LAMBDA, response->body.limit_bytes);
    (void)snprintf(path, sizeof path, "/2015-03-31/functions/%.128s/invocations", invocation->function);
    ops_aws_call_header(&call, "content-type", "application/json");
    call.path = path;
    call.body = invocation->payload;
    call.timeout_ms = invocation->timeout_ms;
    ops_aws_call_send(lambda->account.client, &call);
    if (call.status == OPS_OK) {
        response->status = call.response.status;
        ops_buf_append_view(&response->body, ops_buf_view(&call.response.body));
        status = ops_buf_status(&response->body);
    } else {
        status = tell_failure(&call, invocation->function, error);
    }
    ops_aws_call_release(&call);
    return status;
}

void ops_lambda_close(struct ops_lambda *lambda)
{
    if (lambda->opened)
        ops_account_close(&lambda->account);
    lambda->opened = false;
}
