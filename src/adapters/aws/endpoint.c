#include "adapters/aws/endpoint.h"

#include "base/mem.h"

enum { HOST_MAX_BYTES = 512, BUCKET_LABEL_MAX = 63 };

static const char *partition_suffix(const char *region)
{
    return strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
}

/* "https://host:8000/prefix" in three. */
static void split_url(const char *url, struct ops_aws_endpoint *endpoint)
{
    const char *colon = strstr(url, "://");
    const char *host = colon ? colon + 3 : url;
    size_t host_length = strcspn(host, "/");
    endpoint->scheme = colon ? ops_mem_strndup(url, (size_t)(colon - url)) : ops_mem_strdup("https");
    endpoint->host = ops_mem_strndup(host, host_length);
    endpoint->prefix = ops_mem_strdup(host + host_length);
    endpoint->custom = true;
}

static void service_host(enum ops_aws_service service, const char *region, struct ops_aws_endpoint *endpoint)
{
    struct ops_buf host;
    ops_buf_init(&host, HOST_MAX_BYTES);
    ops_buf_append_format(&host, "%s.%s.%s", ops_aws_service_name(service), region, partition_suffix(region));
    endpoint->scheme = ops_mem_strdup("https");
    endpoint->host = ops_buf_take(&host);
    endpoint->prefix = ops_mem_strdup("");
}

enum ops_status ops_aws_endpoint_init(const struct ops_aws_settings *settings, enum ops_aws_service service,
                                      const char *region, struct ops_aws_endpoint *ret_endpoint)
{
    struct ops_aws_endpoint endpoint = {.custom = false};
    const char *configured = ops_aws_settings_endpoint(settings, service);
    if (configured)
        split_url(configured, &endpoint);
    else
        service_host(service, region, &endpoint);
    if (!endpoint.scheme || !endpoint.host || !endpoint.prefix) {
        ops_aws_endpoint_release(&endpoint);
        return OPS_NO_MEMORY;
    }
    *ret_endpoint = endpoint;
    return OPS_OK;
}

void ops_aws_endpoint_release(struct ops_aws_endpoint *endpoint)
{
    ops_mem_free(endpoint->scheme);
    ops_mem_free(endpoint->host);
    ops_mem_free(endpoint->prefix);
    *endpoint = (struct ops_aws_endpoint){.custom = false};
}

/* A name that can be a label of a host under the service's wildcard certificate: no dots, no capitals (Amazon S3 User Guide,
 * "Virtual hosting of general purpose buckets"). */
static bool is_label(const char *bucket)
{
    size_t length = strlen(bucket);
    return length > 0 && length <= BUCKET_LABEL_MAX && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

void ops_aws_endpoint_place(const struct ops_aws_endpoint *endpoint, const char *bucket, const char *path,
                            struct ops_buf *host, struct ops_buf *full_path)
{
    bool in_host = bucket && !endpoint->custom && is_label(bucket);
    if (in_host)
        ops_buf_append_format(host, "%s.", bucket);
    ops_buf_append_text(host, endpoint->host);
    ops_buf_append_text(full_path, endpoint->prefix);
    if (bucket && !in_host)
        ops_buf_append_format(full_path, "/%s", bucket);
    ops_buf_append_text(full_path, path);
}
