#include "base/url.h"

#include <stdio.h>
#include <string.h>

#define SCHEME_END "://"

/* Where the host begins: behind the last '@' of the authority, which ends with the first of these. */
static const char *host_of(const char *authority)
{
    const char *host = authority;
    for (const char *c = authority; *c && !strchr("/?#", *c); c++)
        if (*c == '@')
            host = c + 1;
    return host;
}

const char *ops_url_show(const char *url, char ret_shown[static OPS_URL_SHOWN_SIZE])
{
    const char *scheme_end = strstr(url, SCHEME_END);
    const char *authority = scheme_end ? scheme_end + strlen(SCHEME_END) : url;
    const char *host = scheme_end ? host_of(authority) : url;
    size_t kept = (size_t)(authority - url);
    (void)snprintf(ret_shown, OPS_URL_SHOWN_SIZE, "%.*s%s", kept < OPS_URL_SHOWN_SIZE ? (int)kept : 0, url, host);
    return ret_shown;
}
