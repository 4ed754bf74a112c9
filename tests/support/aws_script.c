#include "support/aws_script.h"

#include <stdio.h>
#include <strings.h>

static const struct aws_script_answer *next_answer(struct aws_script *script)
{
    size_t i = script->asked++;
    if (i >= AWS_SCRIPT_ANSWERS_MAX)
        i = AWS_SCRIPT_ANSWERS_MAX - 1;
    while (i > 0 && script->answers[i].http == 0)
        i--;
    return &script->answers[i];
}

static void note_request(struct aws_script *script, const struct ops_http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, "x-amz-target") == 0)
            (void)snprintf(script->target, sizeof script->target, "%s", request->headers[i].value);
    (void)snprintf(script->request, sizeof script->request, "%.*s", (int)request->body.length,
                   request->body.data ? request->body.data : "");
}

static enum ops_status script_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                       struct ops_http_response *ret_response, struct ops_error *error)
{
    struct aws_script *script = (struct aws_script *)self;
    const struct aws_script_answer *answer = next_answer(script);
    note_request(script, request);
    if (answer->status != OPS_OK)
        return ops_fail(error, answer->status, "The test says so.");
    ret_response->status = answer->http;
    ops_buf_append_text(&ret_response->body, answer->body);
    return ops_buf_status(&ret_response->body);
}

static const struct ops_http_client_ops script_ops = {.exchange = script_exchange};

void aws_script_init(struct aws_script *script, const struct aws_script_answer answers[static AWS_SCRIPT_ANSWERS_MAX])
{
    *script = (struct aws_script){.client = {&script_ops}};
    memcpy(script->answers, answers, sizeof script->answers);
}
