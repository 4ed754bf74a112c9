#include "adapters/curl/environment.h"

#include "base/buf.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

enum { NO_PROXY_MAX_BYTES = 64 * 1024 };

/* This machine, and where a cloud keeps an instance's or a container's metadata and keys: 169.254.169.254, 169.254.170.2,
 * 169.254.170.23, fd00:ec2::254 and fd00:ec2::23 (Amazon EC2 User Guide, "Access instance metadata"; Amazon EKS User Guide,
 * "EKS Pod Identity"). A proxy would ask its own machine. libcurl 7.88 takes no network of version 6 here, only addresses.
 */
static const char never_by_proxy[] = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fd00:ec2::254,fd00:ec2::23";

/* Those that libcurl looks at for http and https (libcurl-env(3)). */
static const char *const proxy_variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};

static bool a_proxy_is_named(void)
{
    for (size_t i = 0; i < sizeof proxy_variables / sizeof proxy_variables[0]; i++) {
        const char *value = getenv(proxy_variables[i]);
        if (value && value[0])
            return true;
    }
    return false;
}

static const char *hosts_without_proxy(void)
{
    const char *hosts = getenv("no_proxy");
    if (!hosts)
        hosts = getenv("NO_PROXY");
    return hosts ? hosts : "";
}

/* "*" stands for every host, but only when it stands alone; it also spares libcurl from asking the environment again before
 * every request. */
static void write_no_proxy(struct ops_buf *list)
{
    const char *hosts = hosts_without_proxy();
    if (!a_proxy_is_named() || strcmp(hosts, "*") == 0)
        ops_buf_append_text(list, "*");
    else
        ops_buf_append_format(list, "%s%s%s", never_by_proxy, hosts[0] ? "," : "", hosts);
}

/* A libcurl that trusts a directory of certificates beside its bundle reads the whole bundle, some hundred certificates and
 * 25 ms, for each connection; one that trusts a bundle alone reads it once. So the directory is left out where it can be:
 * distributions make both from the same certificates. */
static const char *system_bundle(void)
{
    const char *bundle = curl_version_info(CURLVERSION_NOW)->cainfo;
    return bundle && access(bundle, R_OK) == 0 ? bundle : NULL;
}

enum ops_status ops_curl_environment_init(struct ops_curl_environment *environment, const char *ca_bundle)
{
    struct ops_curl_environment made = {.ca_bundle = NULL};
    struct ops_buf list;
    ops_buf_init(&list, NO_PROXY_MAX_BYTES);
    write_no_proxy(&list);
    enum ops_status status = ops_buf_status(&list);
    made.no_proxy = ops_buf_take(&list);
    const char *bundle = ca_bundle && ca_bundle[0] ? ca_bundle : system_bundle();
    if (bundle && status == OPS_OK) {
        made.ca_bundle = ops_mem_strdup(bundle);
        status = made.ca_bundle ? OPS_OK : OPS_NO_MEMORY;
    }
    if (status == OPS_OK)
        *environment = made;
    else
        ops_curl_environment_release(&made);
    return status;
}

void ops_curl_environment_release(struct ops_curl_environment *environment)
{
    ops_mem_free(environment->ca_bundle);
    ops_mem_free(environment->no_proxy);
}
