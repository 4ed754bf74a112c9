/* URLs that people configure, taken apart no further than needed. */
#ifndef OPS_ADAPTERS_AWS_URL_H
#define OPS_ADAPTERS_AWS_URL_H

#include "base/view.h"

struct ops_aws_url {
    bool https;
    struct ops_view host; /* without port, and without the brackets of an IPv6 address */
    const char *rest;     /* path and query: "", or begins with "/" */
};

/* False for anything but http or https with a host, perhaps a port and a path: no user name (who writes one may have meant
 * the host to be another than it is), no fragment, nothing that is not printable ASCII. Borrows url. */
bool ops_aws_url_parse(const char *url, struct ops_aws_url *ret_url);

#endif
