#include "adapters/aws/sts.h"

#include "adapters/aws/credentials_source.h"
#include "adapters/aws/endpoint.h"
#include "adapters/aws/percent.h"
#include "adapters/aws/secret_text.h"
#include "adapters/aws/sigv4.h"
#include "adapters/aws/xml.h"

#include <stdio.h>

enum {
    CONNECT_TIMEOUT_MS = 3000,
    TIMEOUT_MS = 10000,
    URL_MAX_BYTES = 2048,
    FORM_MAX_BYTES = 3 * OPS_STS_TOKEN_MAX_BYTES + 16 * 1024, /* everything percent-encoded */
    SESSION_NAME_SIZE = 32,
    CODE_SIZE = 96,
    INSTANT_SIZE = 64,
};

static const char content_type[] = "application/x-www-form-urlencoded; charset=utf-8";

/* What a request is made of. */
struct question {
    struct ops_aws_endpoint endpoint;
    struct ops_buf form;
    struct ops_buf url;
    struct ops_buf path;
    struct ops_buf host;
    char date[OPS_SIGV4_DATE_SIZE];
    char payload_sha256[OPS_SHA256_HEX_SIZE];
    char authorization[OPS_SIGV4_AUTHORIZATION_SIZE];
    struct ops_http_request request;
};

static void question_release(struct question *question)
{
    ops_aws_endpoint_release(&question->endpoint);
    ops_buf_wipe(&question->form);
    ops_buf_release(&question->url);
    ops_buf_release(&question->path);
    ops_buf_release(&question->host);
}

/* value NULL: left out. */
static void append_parameter(struct ops_buf *form, const char *name, const char *value)
{
    if (!value)
        return;
    ops_buf_append_char(form, '&');
    ops_buf_append_text(form, name);
    ops_buf_append_char(form, '=');
    ops_aws_percent_append(form, ops_view_of(value), false);
}

static const char *action_of(const struct ops_sts_role *role)
{
    return role->web_identity_token ? "AssumeRoleWithWebIdentity" : "AssumeRole";
}

static void write_form(const struct ops_sts_role *role, int64_t now_ms, struct ops_buf *form)
{
    char session_name[SESSION_NAME_SIZE], duration[SESSION_NAME_SIZE];
    (void)snprintf(session_name, sizeof session_name, "g3nops-%lld", (long long)(now_ms / OPS_SECOND_MS));
    (void)snprintf(duration, sizeof duration, "%lld", (long long)role->duration_s);
    ops_buf_append_text(form, "Action=");
    ops_buf_append_text(form, action_of(role));
    append_parameter(form, "Version", "2011-06-15");
    append_parameter(form, "RoleArn", role->arn);
    append_parameter(form, "RoleSessionName", role->session_name ? role->session_name : session_name);
    append_parameter(form, "ExternalId", role->external_id);
    append_parameter(form, "DurationSeconds", role->duration_s ? duration : NULL);
    append_parameter(form, "WebIdentityToken", role->web_identity_token);
}

static enum ops_status write_url(struct question *question)
{
    ops_aws_endpoint_place(&question->endpoint, NULL, "/", &question->host, &question->path);
    ops_buf_append_format(&question->url, "%s://%s%s", question->endpoint.scheme, ops_buf_text(&question->host),
                          ops_buf_text(&question->path));
    const struct ops_buf *parts[] = {&question->host, &question->path, &question->url};
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == OPS_OK; i++)
        status = ops_buf_status(parts[i]);
    return status;
}

static void add_header(struct ops_http_request *request, const char *name, const char *value)
{
    request->headers[request->header_count++] = (struct ops_http_header){name, value};
}

static enum ops_status sign(struct question *question, const struct ops_aws_keys *keys, const char *region, int64_t now_ms)
{
    struct ops_http_request *request = &question->request;
    ops_sigv4_date(now_ms, question->date);
    add_header(request, "x-amz-date", question->date);
    if (keys->session_token[0])
        add_header(request, "x-amz-security-token", keys->session_token);
    const struct ops_sigv4_request signed_request = {
        .method = request->method,
        .path = ops_buf_text(&question->path),
        .query = "",
        .headers = request->headers,
        .header_count = request->header_count,
        .payload_sha256 = question->payload_sha256,
    };
    struct ops_sigv4_key key;
    enum ops_status status = ops_sha256_hex(request->body, question->payload_sha256);
    if (status == OPS_OK)
        status = ops_sigv4_key_derive(keys->secret_access_key, region, ops_aws_service_name(OPS_AWS_STS), now_ms, &key);
    if (status == OPS_OK)
        status = ops_sigv4_authorization(&signed_request, &key, keys->access_key_id, question->authorization);
    ops_sigv4_key_wipe(&key);
    add_header(request, "authorization", question->authorization);
    return status;
}

static enum ops_status write_question(const struct ops_aws_credentials_context *context, const struct ops_sts_role *role,
                                      struct question *question)
{
    const char *region = ops_aws_settings_region(context->settings);
    int64_t now_ms = ops_clock_now_ms(context->clock);
    enum ops_status status = ops_aws_endpoint_init(context->settings, OPS_AWS_STS, region, &question->endpoint);
    if (status == OPS_OK)
        status = write_url(question);
    if (status == OPS_OK)
        status = ops_secret_buf_init(&question->form, FORM_MAX_BYTES);
    if (status != OPS_OK)
        return status;
    write_form(role, now_ms, &question->form);
    question->request = (struct ops_http_request){
        .method = "POST",
        .url = ops_buf_text(&question->url),
        .body = ops_buf_view(&question->form),
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .timeout_ms = TIMEOUT_MS,
    };
    add_header(&question->request, "host", ops_buf_text(&question->host));
    add_header(&question->request, "content-type", content_type);
    status = ops_buf_status(&question->form);
    return status == OPS_OK && role->keys ? sign(question, role->keys, region, now_ms) : status;
}

/* What an answer says, of either kind; their elements' names don't clash. */
struct answer {
    char access_key_id[OPS_AWS_KEY_ID_SIZE];
    char secret_access_key[OPS_AWS_SECRET_SIZE];
    char session_token[OPS_AWS_TOKEN_SIZE];
    char expiration[INSTANT_SIZE];
    char code[CODE_SIZE];
};

struct element {
    const char *name;
    size_t offset;
    size_t size;
};

#define ELEMENT(name, member)                                                                                               \
    {                                                                                                                       \
        name, offsetof(struct answer, member), sizeof((struct answer *)NULL)->member                                        \
    }

static const struct element elements[] = {
    ELEMENT("AccessKeyId", access_key_id),
    ELEMENT("SecretAccessKey", secret_access_key),
    ELEMENT("SessionToken", session_token),
    ELEMENT("Expiration", expiration),
    ELEMENT("Code", code),
};

static const struct element *element_of(const char *name)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (strcmp(elements[i].name, name) == 0)
            return &elements[i];
    return NULL;
}

static bool answer_begin(void *context, const char *name)
{
    (void)context;
    return element_of(name);
}

static enum ops_status answer_end(void *context, const char *name, struct ops_view text)
{
    const struct element *element = element_of(name);
    if (!element)
        return OPS_OK;
    if (text.length >= element->size)
        return OPS_LIMIT;
    char *member = (char *)context + element->offset;
    memcpy(member, text.length ? text.data : "", text.length);
    member[text.length] = '\0';
    return OPS_OK;
}

/* The code alone: the message that comes with it may repeat what was sent. */
static enum ops_status say_refused(const struct ops_sts_role *role, const struct answer *answer, int http_status,
                                   struct ops_error *error)
{
    size_t length = strspn(answer->code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.");
    if (length == 0 || answer->code[length])
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "STS answers %s for the role %s with HTTP status %d.", action_of(role),
                        role->arn, http_status);
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "STS refuses %s for the role %s: %s.", action_of(role), role->arn,
                    answer->code);
}

static enum ops_status read_answer(const struct ops_sts_role *role, const struct ops_http_response *response,
                                   struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    struct answer answer;
    memset(&answer, 0, sizeof answer);
    const struct ops_xml_handler handler = {.context = &answer, .begin = answer_begin, .end = answer_end};
    enum ops_status status = ops_xml_read(ops_buf_view(&response->body), &handler);
    const struct ops_aws_key_texts texts = {
        .source = "The answer of STS",
        .wrong = OPS_STORE_UNAVAILABLE,
        .access_key_id = {"AccessKeyId", answer.access_key_id},
        .secret_access_key = {"SecretAccessKey", answer.secret_access_key},
        .session_token = {"SessionToken", answer.session_token},
        .expiration = answer.expiration,
    };
    if (status != OPS_NO_MEMORY && response->status != 200)
        status = say_refused(role, &answer, response->status, error);
    else if (status == OPS_OK)
        status = ops_aws_keys_make(&texts, ret_keys, error);
    else if (status != OPS_NO_MEMORY)
        status = ops_fail(error, OPS_STORE_UNAVAILABLE, "The answer of STS can't be read.");
    explicit_bzero(&answer, sizeof answer);
    return status;
}

static enum ops_status ask(const struct ops_aws_credentials_context *context, const struct ops_sts_role *role,
                           const struct question *question, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    struct ops_http_response response;
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status = ops_aws_secret_answer_init(&response);
    if (status == OPS_OK)
        status = ops_aws_ask(context->http, &question->request, &response, &reason);
    if (status == OPS_OK)
        status = read_answer(role, &response, ret_keys, error);
    else if (status != OPS_NO_MEMORY)
        status = ops_fail(error, OPS_STORE_UNAVAILABLE, "STS: %s", ops_error_text(&reason, status));
    ops_error_release(&reason);
    ops_buf_wipe(&response.body);
    return status;
}

enum ops_status ops_sts_assume(const struct ops_aws_credentials_context *context, const struct ops_sts_role *role,
                               struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    if (!ops_aws_settings_region(context->settings))
        return ops_fail(error, OPS_INVALID_FIELD,
                        "The role %s can't be assumed without a region; set AWS_REGION or give --region.", role->arn);
    struct question question;
    memset(&question, 0, sizeof question);
    ops_buf_init(&question.url, URL_MAX_BYTES);
    ops_buf_init(&question.path, URL_MAX_BYTES);
    ops_buf_init(&question.host, URL_MAX_BYTES);
    enum ops_status status = write_question(context, role, &question);
    if (status == OPS_OK)
        status = ask(context, role, &question, ret_keys, error);
    else if (status == OPS_LIMIT)
        status = ops_fail(error, OPS_INVALID_FIELD, "What is configured for the role %.200s is too long.", role->arn);
    question_release(&question);
    return status;
}
