#include "surfaces/invoke/guard.h"

#include "surfaces/wire/host.h"

#include <strings.h>

enum { HTTP_PORT = 80 };

static enum ops_status refuse(struct ops_error *error, const char *field, const char *problem)
{
    enum ops_status status =
        ops_fail(error, OPS_INVALID_FIELD, "The header %s %s; web pages may not call functions.", field, problem);
    ops_error_detail(error, "field", field);
    return status;
}

/* What SDKs and tools send. Pages that send one of these must ask first, which nobody answers here. */
static bool is_of_programs(struct ops_view content_type)
{
    static const char *const types[] = {"application/json", "application/octet-stream"};
    static const char family[] = "application/x-amz-json-";
    size_t length = 0;
    while (length < content_type.length && !strchr("; \t", content_type.data[length]))
        length++;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (length == strlen(types[i]) && strncasecmp(content_type.data, types[i], length) == 0)
            return true;
    return length == 0 || (length > strlen(family) && strncasecmp(content_type.data, family, strlen(family)) == 0);
}

static bool is_local(struct ops_view text, uint16_t port)
{
    struct ops_host host;
    return ops_host_read(text, &host) && ops_host_is_loopback(host.name) && (host.port ? host.port : HTTP_PORT) == port;
}

enum ops_status ops_invoke_guard(const struct ops_wire_request *request, uint16_t port, struct ops_error *error)
{
    struct ops_view site = ops_wire_request_header(request, "Sec-Fetch-Site");
    struct ops_view host = ops_wire_request_host(request);
    if (ops_wire_request_header(request, "Origin").data)
        return refuse(error, "Origin", "is there");
    if (site.data && !ops_view_is(site, "none"))
        return refuse(error, "Sec-Fetch-Site", "is not 'none'");
    if (port && !is_of_programs(ops_wire_request_header(request, "Content-Type")))
        return refuse(error, "Content-Type",
                      "must be application/json, application/x-amz-json-... or application/octet-stream, or left out");
    if (port && host.data && !is_local(host, port))
        return refuse(error, "Host", "is not this listener's loopback address and port");
    return OPS_OK;
}
