/* What every exchange of a client shares: whom it trusts, and for whom it takes no proxy. */
#ifndef OPS_ADAPTERS_CURL_ENVIRONMENT_H
#define OPS_ADAPTERS_CURL_ENVIRONMENT_H

#include "base/status.h"

struct ops_curl_environment {
    char *ca_bundle; /* a PEM file with all who are trusted; NULL: what libcurl was built with */
    char *no_proxy;  /* in the words of CURLOPT_NOPROXY */
};

/* ca_bundle may be NULL or "". On failure there is nothing to release. OPS_NO_MEMORY, OPS_LIMIT. */
enum ops_status ops_curl_environment_init(struct ops_curl_environment *environment, const char *ca_bundle) OPS_MUST_USE;
void ops_curl_environment_release(struct ops_curl_environment *environment);

#endif
