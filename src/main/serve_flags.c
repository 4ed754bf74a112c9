#include "main/serve_flags.h"

#include "base/mem.h"
#include "surfaces/wire/host.h"

#include <string.h>

static const char http_listen_default[] = "127.0.0.1:8080";

static enum ops_status read_listeners(const struct ops_cli *cli, struct ops_serve_flags *flags, struct ops_error *error)
{
    const char *http = ops_cli_text(cli, "--http-listen");
    enum ops_status status = ops_host_port_parse(http ? http : http_listen_default, &flags->http, error);
    if (status != OPS_OK)
        return ops_error_about(error, status, "--http-listen");
    flags->invoke = ops_cli_text(cli, "--invoke-listen");
    if (flags->invoke)
        status = ops_listen_check(flags->invoke, true, error);
    return status == OPS_USAGE ? ops_error_about(error, status, "--invoke-listen") : status;
}

/* A list of names with commas between them; nothing for any host. */
static enum ops_status read_hosts(const struct ops_cli *cli, struct ops_serve_flags *flags, struct ops_error *error)
{
    const char *text = ops_cli_text(cli, "--http-host");
    size_t count = 0;
    char *rest = NULL;
    if (!text)
        return OPS_OK;
    flags->hosts_text = ops_mem_strdup(text);
    if (!flags->hosts_text)
        return OPS_NO_MEMORY;
    for (char *name = strtok_r(flags->hosts_text, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
        struct ops_host host;
        if (count == OPS_SERVE_HOSTS_MAX)
            return ops_fail(error, OPS_USAGE, "--http-host names more than %d hosts.", OPS_SERVE_HOSTS_MAX);
        if (strpbrk(name, "/@*") || !ops_host_read(ops_view_of(name), &host) || host.name.length != strlen(name))
            return ops_fail(error, OPS_USAGE, "--http-host takes names without a port, not '%.200s'.", name);
        flags->hosts[count++] = name;
    }
    return count ? OPS_OK : ops_fail(error, OPS_USAGE, "--http-host names no host.");
}

static enum ops_status read_tls(const struct ops_cli *cli, struct ops_serve_flags *flags, struct ops_error *error)
{
    flags->tls_cert = ops_cli_text(cli, "--tls-cert");
    flags->tls_key = ops_cli_text(cli, "--tls-key");
    if (!flags->tls_cert != !flags->tls_key)
        return ops_fail(error, OPS_USAGE, "TLS needs a certificate and its key; only one of them is given.");
    return flags->tls_cert ? ops_tls_read(flags->tls_cert, flags->tls_key, &flags->tls, error) : OPS_OK;
}

enum ops_status ops_serve_flags_read(const struct ops_cli *cli, struct ops_serve_flags *flags, struct ops_error *error)
{
    enum ops_status status = read_listeners(cli, flags, error);
    if (status == OPS_OK)
        status = read_hosts(cli, flags, error);
    return status == OPS_OK ? read_tls(cli, flags, error) : status;
}

void ops_serve_flags_release(struct ops_serve_flags *flags)
{
    ops_shared_let_go(flags->tls);
    ops_mem_free(flags->hosts_text);
}
