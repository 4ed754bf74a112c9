/* The HTTP client over libcurl: HTTP/1.1, connections kept alive in a small pool, no redirects, http and https only. */
#ifndef OPS_ADAPTERS_CURL_HTTP_CLIENT_H
#define OPS_ADAPTERS_CURL_HTTP_CLIENT_H

#include "ports/http_client.h"

/* Freed with ops_http_client_release. OPS_NO_MEMORY. */
enum ops_status ops_curl_http_client_new(struct ops_http_client **ret_client) OPS_MUST_USE;

#endif
