#include "surfaces/wire/host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PORT_DIGITS_MAX = 5, LOOPBACK_NET = 127 };

/* Empty is none. */
static bool read_port(struct ops_view text, uint16_t *ret_port)
{
    unsigned port = 0;
    if (text.length > PORT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* What is in the brackets, and what stands behind them. */
static bool split_bracketed(struct ops_view text, struct ops_view *ret_name, struct ops_view *ret_rest)
{
    const char *end = memchr(text.data, ']', text.length);
    if (!end)
        return false;
    size_t length = (size_t)(end - text.data);
    *ret_name = ops_view(text.data + 1, length - 1);
    *ret_rest = ops_view(end + 1, text.length - length - 1);
    return true;
}

bool ops_host_read(struct ops_view text, struct ops_host *ret_host)
{
    struct ops_view name = text, rest = ops_view(NULL, 0);
    uint16_t port = 0;
    if (text.length > 0 && text.data[0] == '[') {
        if (!split_bracketed(text, &name, &rest))
            return false;
    } else if (text.length > 0) {
        const char *colon = memchr(text.data, ':', text.length);
        name.length = colon ? (size_t)(colon - text.data) : text.length;
        rest = ops_view(text.data + name.length, text.length - name.length);
        if (name.length > 1 && name.data[name.length - 1] == '.')
            name.length--;
    }
    if (rest.length > 0 && (rest.data[0] != ':' || !read_port(ops_view(rest.data + 1, rest.length - 1), &port)))
        return false;
    *ret_host = (struct ops_host){.name = name, .port = port};
    return true;
}

bool ops_host_is_loopback(struct ops_view name)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    if (ops_host_is(name, "localhost"))
        return true;
    if (name.length == 0 || name.length >= sizeof text)
        return false;
    (void)snprintf(text, sizeof text, "%.*s", (int)name.length, name.data);
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == LOOPBACK_NET;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool ops_host_is(struct ops_view name, const char *wanted)
{
    return name.length == strlen(wanted) && strncasecmp(name.data, wanted, name.length) == 0;
}
