/* Where a service is: its own host in a region, or the one that was configured. */
#ifndef OPS_ADAPTERS_AWS_ENDPOINT_H
#define OPS_ADAPTERS_AWS_ENDPOINT_H

#include "adapters/aws/settings.h"
#include "base/buf.h"

struct ops_aws_endpoint {
    char *scheme; /* "https" or "http" */
    char *host;   /* with a port when it is not the scheme's own */
    char *prefix; /* path that goes in front of every call's, without a trailing slash; mostly "" */
    bool custom;
};

enum ops_status ops_aws_endpoint_init(const struct ops_aws_settings *settings, enum ops_aws_service service,
                                      const char *region, struct ops_aws_endpoint *ret_endpoint) OPS_MUST_USE;
void ops_aws_endpoint_release(struct ops_aws_endpoint *endpoint); /* also a zeroed one */

/* Appends the host and the path that reach path (of a bucket, when bucket is not NULL). */
void ops_aws_endpoint_place(const struct ops_aws_endpoint *endpoint, const char *bucket, const char *path,
                            struct ops_buf *host, struct ops_buf *full_path);

#endif
