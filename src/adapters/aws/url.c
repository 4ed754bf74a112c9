#include "adapters/aws/url.h"

#include <strings.h>

#define HOST_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"
#define ADDRESS_CHARACTERS "ABCDEFabcdef0123456789:."

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || *text == '#' || *text == '\\')
            return false;
    return true;
}

/* What follows the scheme, or NULL. */
static const char *after_scheme(const char *url, bool *ret_https)
{
    static const char http[] = "http://", https[] = "https://";
    *ret_https = strncasecmp(url, https, sizeof https - 1) == 0;
    if (*ret_https)
        return url + sizeof https - 1;
    return strncasecmp(url, http, sizeof http - 1) == 0 ? url + sizeof http - 1 : NULL;
}

/* What follows the host, or NULL. */
static const char *split_host(const char *at, struct ops_view *ret_host)
{
    bool bracketed = *at == '[';
    at += bracketed;
    *ret_host = ops_view(at, strspn(at, bracketed ? ADDRESS_CHARACTERS : HOST_CHARACTERS));
    at += ret_host->length;
    if (ret_host->length == 0 || (bracketed && *at != ']'))
        return NULL;
    return at + bracketed;
}

/* What follows the port, or NULL; a port may be left out. */
static const char *skip_port(const char *at)
{
    if (*at != ':')
        return at;
    size_t digits = strspn(at + 1, "0123456789");
    return digits >= 1 && digits <= 5 ? at + 1 + digits : NULL;
}

bool ops_aws_url_parse(const char *url, struct ops_aws_url *ret_url)
{
    struct ops_aws_url parsed = {.https = false};
    const char *at = is_printable(url) ? after_scheme(url, &parsed.https) : NULL;
    at = at ? split_host(at, &parsed.host) : NULL;
    at = at ? skip_port(at) : NULL;
    if (!at || (*at && *at != '/'))
        return false;
    parsed.rest = at;
    *ret_url = parsed;
    return true;
}
