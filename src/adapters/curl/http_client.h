/* The HTTP client over libcurl: HTTP/1.1, connections kept alive, no redirects, no cookies, no netrc, http and https only.
 *
 * A proxy is used as libcurl's environment variables say when the client is made (http_proxy, https_proxy, HTTPS_PROXY,
 * all_proxy, ALL_PROXY, no_proxy, NO_PROXY), but never for this machine's own addresses, a unix socket, or the link-local
 * ones where a cloud keeps its metadata.
 *
 * What was sent is not sent again behind the caller's back: libcurl repeats a request when a connection that was kept alive
 * turns out to be dead, and it can't know whether the server had read it. GET and HEAD may be repeated; anything else is
 * repeated only when nothing of it had been sent, and is OPS_UNKNOWN otherwise.
 */
#ifndef OPS_ADAPTERS_CURL_HTTP_CLIENT_H
#define OPS_ADAPTERS_CURL_HTTP_CLIENT_H

#include "ports/http_client.h"

struct ops_curl_options {
    const char *ca_bundle; /* a PEM file with the authorities that are trusted; NULL or "": the system's */
};

/* From the first client of this process on, libcurl overwrites what it frees. For a program, which has libcurl to itself;
 * before its first client. */
void ops_curl_wipe_what_is_freed(void);

/* Freed with ops_http_client_release, when no exchange is under way. Options are copied. The environment is read here and
 * not later. OPS_NO_MEMORY; OPS_LIMIT: no_proxy is longer than 64 KiB. */
enum ops_status ops_curl_http_client_new(struct ops_http_client **ret_client) OPS_MUST_USE;
enum ops_status ops_curl_http_client_new_with(const struct ops_curl_options *options,
                                              struct ops_http_client **ret_client) OPS_MUST_USE;

#endif
