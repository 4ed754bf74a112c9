/* Source: AWS SDKs and Tools Reference Guide, "Container credential provider"; Amazon EKS User Guide, "EKS Pod Identity".
 *
 * The path of the relative URI is what tells one task from another, so whoever knows it has the task's keys: no error quotes
 * it.
 */
#include "adapters/aws/credentials_source.h"
#include "adapters/aws/secret_text.h"
#include "adapters/aws/url.h"

#include <arpa/inet.h>

enum { TIMEOUT_MS = 2000, URL_MAX_BYTES = 2048, TOKEN_MAX_BYTES = 16 * 1024 };

#define AGENT_URL "http://169.254.170.2"

static const char relative_name[] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
static const char full_name[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
static const char token_name[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
static const char token_file_name[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
static const char source[] = "The container credentials endpoint";

static bool is_allowed_ipv4(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) != 1)
        return false;
    uint32_t number = ntohl(address.s_addr);
    return number >> 24 == IN_LOOPBACKNET || strcmp(host, "169.254.170.2") == 0 || strcmp(host, "169.254.170.23") == 0;
}

static bool is_allowed_ipv6(const char *host)
{
    struct in6_addr address, pod_identity;
    if (inet_pton(AF_INET6, host, &address) != 1 || inet_pton(AF_INET6, "fd00:ec2::23", &pod_identity) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&address) || IN6_ARE_ADDR_EQUAL(&address, &pod_identity);
}

/* Without TLS only this machine, and what answers for ECS and EKS beside it. */
static bool is_allowed_host(struct ops_view host)
{
    char text[INET6_ADDRSTRLEN + 1];
    if (host.length >= sizeof text)
        return false;
    memcpy(text, host.data, host.length);
    text[host.length] = '\0';
    return strcmp(text, "localhost") == 0 || is_allowed_ipv4(text) || is_allowed_ipv6(text);
}

/* Where to ask. OPS_NOT_FOUND: no variable says so. */
static enum ops_status write_url(const struct ops_aws_credentials_context *context, struct ops_buf *ret_url,
                                 struct ops_error *error)
{
    const char *relative = ops_aws_context_env(context, relative_name), *full = ops_aws_context_env(context, full_name);
    struct ops_aws_url url;
    if (!relative && !full)
        return ops_fail(error, OPS_NOT_FOUND, "Neither %s nor %s is set.", relative_name, full_name);
    if (relative && relative[0] != '/')
        return ops_fail(error, OPS_INVALID_FIELD, "%s must begin with a slash.", relative_name);
    ops_buf_append_text(ret_url, relative ? AGENT_URL : full);
    ops_buf_append_text(ret_url, relative ? relative : "");
    enum ops_status status = ops_buf_status(ret_url);
    const char *name = relative ? relative_name : full_name;
    if (status == OPS_LIMIT || (status == OPS_OK && !ops_aws_url_parse(ops_buf_text(ret_url), &url)))
        return ops_fail(error, OPS_INVALID_FIELD, "%s is no URL that can be used.", name);
    if (status == OPS_OK && !url.https && !is_allowed_host(url.host))
        return ops_fail(error, OPS_INVALID_FIELD,
                        "%s must be an https URL, or name this machine, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23].",
                        name);
    return status;
}

/* What goes into the Authorization header; length 0: nothing. To be wiped in any case. */
static enum ops_status read_token(const struct ops_aws_credentials_context *context, struct ops_buf *token,
                                  struct ops_error *error)
{
    const char *path = ops_aws_context_env(context, token_file_name), *text = ops_aws_context_env(context, token_name);
    enum ops_status status = OPS_OK;
    if (path) {
        status = ops_secret_token_read(path, TOKEN_MAX_BYTES, token, error);
    } else if (text) {
        status = ops_secret_buf_init(token, TOKEN_MAX_BYTES);
        if (status == OPS_OK)
            ops_buf_append_text(token, text);
    }
    if (status == OPS_OK && (ops_buf_status(token) != OPS_OK || strpbrk(ops_buf_text(token), "\r\n") ||
                             strlen(ops_buf_text(token)) != token->length))
        return ops_fail(error, OPS_INVALID_FIELD, "%s has no value that can be sent in a header.",
                        path ? token_file_name : token_name);
    return status;
}

static enum ops_status read_answer(const struct ops_http_response *response, struct ops_aws_keys *ret_keys,
                                   struct ops_error *error)
{
    static const struct ops_aws_key_format format = {.token_name = "Token"};
    if (response->status != 200)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s answers with HTTP status %d.", source, response->status);
    return ops_aws_keys_read(ops_buf_view(&response->body), source, &format, ret_keys, error);
}

static enum ops_status ask(const struct ops_aws_credentials_context *context, const char *url, const char *token,
                           struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    const struct ops_http_request request = {
        .method = "GET",
        .url = url,
        .headers = {{"Accept", "application/json"}, {"Authorization", token}},
        .header_count = token[0] ? 2 : 1,
        .connect_timeout_ms = TIMEOUT_MS,
        .timeout_ms = TIMEOUT_MS,
    };
    struct ops_http_response response;
    enum ops_status status = ops_aws_secret_answer_init(&response);
    if (status == OPS_OK)
        status = ops_aws_ask(context->http, &request, &response, NULL);
    if (status == OPS_OK)
        status = read_answer(&response, ret_keys, error);
    else if (status != OPS_NO_MEMORY)
        status = ops_fail(error, OPS_STORE_UNAVAILABLE, "%s %s.", source, ops_aws_exchange_words(status));
    ops_buf_wipe(&response.body);
    return status;
}

static enum ops_status container_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys,
                                       struct ops_error *error)
{
    const struct ops_aws_credentials_context *context = ops_aws_source_context(self);
    struct ops_buf url, token;
    ops_buf_init(&token, 0);
    enum ops_status status = ops_secret_buf_init(&url, URL_MAX_BYTES);
    if (status == OPS_OK)
        status = write_url(context, &url, error);
    if (status == OPS_OK)
        status = read_token(context, &token, error);
    if (status == OPS_OK)
        status = ask(context, ops_buf_text(&url), ops_buf_text(&token), ret_keys, error);
    ops_buf_wipe(&token);
    ops_buf_wipe(&url);
    return status;
}

static const struct ops_aws_credentials_ops container_ops = {
    .fetch = container_fetch,
    .release = ops_aws_source_release,
};

enum ops_status ops_aws_container_credentials_new(const struct ops_aws_credentials_context *context,
                                                  struct ops_aws_credentials **ret_credentials)
{
    return ops_aws_source_new(&container_ops, context, ret_credentials);
}
