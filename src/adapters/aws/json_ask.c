#include "adapters/aws/json_ask.h"

#include "adapters/aws/answer.h"
#include "base/json.h"

enum { REQUEST_MAX_BYTES = 2 * 1024 * 1024, ANSWER_MAX_BYTES = 8 * 1024 * 1024 };

/* OPS_CORRUPT: the answer came, and is no JSON object. */
static enum ops_status read_answer(const struct ops_aws_call *call, json_t **ret_answer, struct ops_error *error)
{
    if (call->status != OPS_OK)
        return call->status == OPS_NO_MEMORY
                   ? OPS_NO_MEMORY
                   : ops_fail(error, call->status, "%s", ops_error_text(&call->error, call->status));
    struct ops_view body = ops_buf_view(&call->response.body);
    enum ops_status status = OPS_OK;
    if (body.length > 0)
        status = ops_json_parse_object(body, ret_answer, NULL);
    else
        *ret_answer = json_object(); /* CreateLogStream and its like answer with nothing */
    if (status == OPS_NO_MEMORY || (status == OPS_OK && !*ret_answer))
        return OPS_NO_MEMORY;
    return status == OPS_OK ? OPS_OK : OPS_CORRUPT;
}

static enum ops_status ask_patiently(struct ops_aws_client *client, struct ops_aws_call *call, json_t **ret_answer,
                                     struct ops_error *error)
{
    for (int attempt = 1;; attempt++) {
        ops_aws_call_send_patiently(client, call);
        enum ops_status status = read_answer(call, ret_answer, error);
        if (status != OPS_CORRUPT || attempt == OPS_AWS_TRIES_MAX)
            return status;
        ops_aws_client_back_off(client, attempt);
    }
}

static enum ops_status ask_once(struct ops_aws_client *client, struct ops_aws_call *call, json_t **ret_answer,
                                struct ops_error *error)
{
    ops_aws_call_send(client, call);
    return read_answer(call, ret_answer, error);
}

typedef enum ops_status (*ask_fn)(struct ops_aws_client *client, struct ops_aws_call *call, json_t **ret_answer,
                                  struct ops_error *error);

static enum ops_status ask(struct ops_aws_client *client, enum ops_aws_service service, const char *target, json_t *request,
                           ask_fn how, enum ops_status unreadable, json_t **ret_answer, struct ops_error *error)
{
    struct ops_aws_call call;
    struct ops_buf text;
    ops_buf_init(&text, REQUEST_MAX_BYTES);
    ops_aws_call_init(&call, service, ANSWER_MAX_BYTES);
    enum ops_status status = request ? ops_json_append(request, &text) : OPS_NO_MEMORY;
    if (status == OPS_OK) {
        ops_aws_call_json(&call, target, ops_buf_view(&text));
        status = how(client, &call, ret_answer, error);
    }
    if (status == OPS_CORRUPT)
        status = ops_fail(error, unreadable, "%s gave an answer to %s that can't be read.", ops_aws_service_title(service),
                          strchr(target, '.') + 1);
    ops_aws_call_release(&call);
    ops_buf_release(&text);
    json_decref(request);
    return status;
}

enum ops_status ops_aws_json_ask(struct ops_aws_client *client, enum ops_aws_service service, const char *target,
                                 json_t *request, json_t **ret_answer, struct ops_error *error)
{
    return ask(client, service, target, request, ask_patiently, OPS_TARGET_ERROR, ret_answer, error);
}

enum ops_status ops_aws_json_ask_once(struct ops_aws_client *client, enum ops_aws_service service, const char *target,
                                      json_t *request, json_t **ret_answer, struct ops_error *error)
{
    return ask(client, service, target, request, ask_once, OPS_UNKNOWN, ret_answer, error);
}
