/* The instance metadata service, version 2 only: a session token first, then the questions.
 *
 * Source: Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata", "Retrieve security
 * credentials from instance metadata"; AWS SDKs and Tools Reference Guide, "IMDS credential provider".
 */
#include "adapters/aws/credentials_source.h"
#include "adapters/aws/url.h"

#include <stdio.h>

enum { TIMEOUT_MS = 1000, URL_SIZE = 1024, SESSION_SIZE = 512, ROLE_SIZE = 65 };

static const char source[] = "The instance metadata service";
static const char disabled_name[] = "AWS_EC2_METADATA_DISABLED";
static const char endpoint_name[] = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
static const char mode_name[] = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";

/* One conversation: where, and the token that opens it. */
struct session {
    struct ops_http_client *http;
    const char *endpoint;
    char token[SESSION_SIZE];
};

static const char *configured(const struct ops_aws_credentials_context *context, const char *variable, const char *setting)
{
    const char *value = ops_aws_context_env(context, variable);
    return value ? value : ops_aws_settings_profile_value(context->settings, NULL, setting);
}

static enum ops_status choose_endpoint(const struct ops_aws_credentials_context *context, const char **ret_endpoint,
                                       struct ops_error *error)
{
    const char *endpoint = configured(context, endpoint_name, "ec2_metadata_service_endpoint");
    const char *mode = configured(context, mode_name, "ec2_metadata_service_endpoint_mode");
    struct ops_aws_url url;
    if (ops_env_is_true(ops_aws_context_env(context, disabled_name)))
        return ops_fail(error, OPS_NOT_FOUND, "%s is true.", disabled_name);
    if (endpoint && (!ops_aws_url_parse(endpoint, &url) || strchr(url.rest, '?')))
        return ops_fail(error, OPS_INVALID_FIELD, "%s is no URL like http://169.254.169.254.", endpoint_name);
    if (!endpoint)
        endpoint = mode && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
    *ret_endpoint = endpoint;
    return OPS_OK;
}

/* The body must be wiped in any case. OPS_OK: an answer of whatever HTTP status. */
static enum ops_status ask(const struct session *session, const char *method, const char *path,
                           struct ops_http_header header, struct ops_http_response *ret_response, struct ops_error *error)
{
    char url[URL_SIZE];
    size_t length = strlen(session->endpoint);
    bool slash = session->endpoint[length - 1] == '/';
    const struct ops_http_request request = {
        .method = method,
        .url = url,
        .headers = {header},
        .header_count = 1,
        .connect_timeout_ms = TIMEOUT_MS,
        .timeout_ms = TIMEOUT_MS,
    };
    enum ops_status status = ops_aws_secret_answer_init(ret_response);
    if (status != OPS_OK)
        return status;
    if (snprintf(url, sizeof url, "%s%s%s", session->endpoint, slash ? "" : "/", path) >= (int)sizeof url)
        return ops_fail(error, OPS_INVALID_FIELD, "%s is too long.", endpoint_name);
    status = ops_aws_ask(session->http, &request, ret_response, NULL);
    if (status != OPS_OK && status != OPS_NO_MEMORY)
        (void)ops_fail(error, status, "%s %s.", source, ops_aws_exchange_words(status));
    return status;
}

/* Copies the first line, when it is a word that fits. */
static bool copy_word(const struct ops_buf *body, char *ret_word, size_t size)
{
    const char *text = ops_buf_text(body);
    size_t length = strcspn(text, "\r\n");
    if (length == 0 || length >= size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    memcpy(ret_word, text, length);
    ret_word[length] = '\0';
    return true;
}

/* What is no instance does not answer here, or does not know the question. */
static enum ops_status read_token(const struct ops_http_response *response, struct session *session, struct ops_error *error)
{
    if (ops_aws_is_passing(response->status))
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s answers with HTTP status %d.", source, response->status);
    if (response->status != 200 || !copy_word(&response->body, session->token, sizeof session->token))
        return ops_fail(error, OPS_NOT_FOUND, "%s gives no session (HTTP status %d).", source, response->status);
    return OPS_OK;
}

static enum ops_status session_begin(const struct ops_aws_credentials_context *context, struct session *session,
                                     struct ops_error *error)
{
    struct ops_http_response response;
    *session = (struct session){.http = context->http};
    enum ops_status status = choose_endpoint(context, &session->endpoint, error);
    if (status != OPS_OK)
        return status;
    status = ask(session, "PUT", "latest/api/token",
                 (struct ops_http_header){"X-aws-ec2-metadata-token-ttl-seconds", "21600"}, &response, error);
    if (status == OPS_OK)
        status = read_token(&response, session, error);
    else if (status == OPS_UNREACHABLE || status == OPS_UNKNOWN || status == OPS_LIMIT)
        status = OPS_NOT_FOUND;
    ops_buf_wipe(&response.body);
    return status;
}

static void session_end(struct session *session)
{
    explicit_bzero(session, sizeof *session);
}

/* OPS_NOT_FOUND: the instance has nothing there. Whatever the status, the body must be wiped. */
static enum ops_status get(const struct session *session, const char *path, struct ops_http_response *ret_response,
                           struct ops_error *error)
{
    enum ops_status status =
        ask(session, "GET", path, (struct ops_http_header){"X-aws-ec2-metadata-token", session->token}, ret_response, error);
    if (status == OPS_UNREACHABLE || status == OPS_UNKNOWN || status == OPS_LIMIT)
        return OPS_STORE_UNAVAILABLE;
    if (status != OPS_OK || ret_response->status == 200)
        return status;
    return ops_fail(error, ret_response->status == 404 ? OPS_NOT_FOUND : OPS_STORE_UNAVAILABLE,
                    "%s answers with HTTP status %d.", source, ret_response->status);
}

/* A word that stands at path. */
static enum ops_status get_word(const struct session *session, const char *path, const char *characters, char *ret_word,
                                size_t size, struct ops_error *error)
{
    struct ops_http_response response;
    enum ops_status status = get(session, path, &response, error);
    if (status == OPS_OK && (!copy_word(&response.body, ret_word, size) || ret_word[strspn(ret_word, characters)] != '\0'))
        status = ops_fail(error, OPS_STORE_UNAVAILABLE, "%s gives an answer that can't be read.", source);
    ops_buf_wipe(&response.body);
    return status;
}

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static enum ops_status get_keys(const struct session *session, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    static const struct ops_aws_key_format format = {.token_name = "Token"};
    char role[ROLE_SIZE], path[URL_SIZE];
    struct ops_http_response response;
    enum ops_status status = get_word(session, "latest/meta-data/iam/security-credentials/", LETTERS_AND_DIGITS "+=,.@_-",
                                      role, sizeof role, error);
    if (status == OPS_NOT_FOUND)
        return ops_fail(error, status, "The EC2 instance has no role.");
    if (status != OPS_OK)
        return status;
    (void)snprintf(path, sizeof path, "latest/meta-data/iam/security-credentials/%s", role);
    status = get(session, path, &response, error);
    if (status == OPS_NOT_FOUND)
        status = OPS_STORE_UNAVAILABLE; /* the role was there a moment ago */
    if (status == OPS_OK)
        status = ops_aws_keys_read(ops_buf_view(&response.body), source, &format, ret_keys, error);
    ops_buf_wipe(&response.body);
    return status;
}

static enum ops_status imds_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    struct session session;
    enum ops_status status = session_begin(ops_aws_source_context(self), &session, error);
    if (status == OPS_OK)
        status = get_keys(&session, ret_keys, error);
    session_end(&session);
    return status;
}

static const struct ops_aws_credentials_ops imds_ops = {
    .fetch = imds_fetch,
    .release = ops_aws_source_release,
};

enum ops_status ops_aws_imds_credentials_new(const struct ops_aws_credentials_context *context,
                                             struct ops_aws_credentials **ret_credentials)
{
    return ops_aws_source_new(&imds_ops, context, ret_credentials);
}

enum ops_status ops_aws_imds_region(const struct ops_aws_credentials_context *context,
                                    char ret_region[static OPS_AWS_REGION_SIZE], struct ops_error *error)
{
    struct session session;
    char region[OPS_AWS_REGION_SIZE];
    enum ops_status status = session_begin(context, &session, error);
    if (status == OPS_OK)
        status =
            get_word(&session, "latest/meta-data/placement/region", LETTERS_AND_DIGITS "-", region, sizeof region, error);
    if (status == OPS_OK)
        memcpy(ret_region, region, sizeof region);
    session_end(&session);
    return status;
}
