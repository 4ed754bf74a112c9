/* One exchange at a time: a libcurl handle, and what has to stay in place while it is under way. */
#ifndef OPS_ADAPTERS_CURL_TRANSFER_H
#define OPS_ADAPTERS_CURL_TRANSFER_H

#include "adapters/curl/environment.h"
#include "ports/http_client.h"

#include <curl/curl.h>

enum { OPS_CURL_HEADERS_ROOM = OPS_HTTP_HEADERS_MAX + 2 };

struct ops_curl_transfer {
    CURL *handle;
    struct ops_http_exchange *exchange; /* NULL while idle */
    struct ops_curl_transfer *next;     /* for whoever keeps it in a list */
    struct curl_slist headers[OPS_CURL_HEADERS_ROOM];
    size_t header_count;
    char *lines; /* the text of the headers, kept from one exchange to the next */
    size_t lines_room;
    bool begun;       /* a connection was there to send the request on */
    bool broken_off;  /* what had been sent was not sent again */
    long sent_before; /* libcurl's count of bytes when it began */
    char reason[CURL_ERROR_SIZE];
};

/* environment outlives the transfer. OPS_NO_MEMORY. */
enum ops_status ops_curl_transfer_new(const struct ops_curl_environment *environment,
                                      struct ops_curl_transfer **ret_transfer) OPS_MUST_USE;
void ops_curl_transfer_free(struct ops_curl_transfer *transfer); /* NULL is fine */

/* Makes the handle ready for the exchange, which stays in place until end. When it can't, the exchange has its status
 * and the transfer is idle. */
bool ops_curl_transfer_begin(struct ops_curl_transfer *transfer, struct ops_http_exchange *exchange) OPS_MUST_USE;

/* Fills the exchange from what became of it, and is idle again. */
void ops_curl_transfer_end(struct ops_curl_transfer *transfer, CURLcode code);

#endif
