/* Exchanges side by side in one thread: libcurl's multi interface with its connections, and the loop that drives it.
 *
 * Driven by sockets (curl_multi_socket_action) and poll(2): libcurl looks only at the connections on which something
 * happened. curl_multi_perform looks at all of them each time, which costs half as much again per request when 64 are busy;
 * epoll costs two calls for each request, as libcurl gives up its interest in a connection in between.
 */
#ifndef OPS_ADAPTERS_CURL_LANE_H
#define OPS_ADAPTERS_CURL_LANE_H

#include "adapters/curl/environment.h"
#include "ports/http_client.h"

struct ops_curl_lane;

/* environment outlives the lane. OPS_NO_MEMORY. */
enum ops_status ops_curl_lane_new(const struct ops_curl_environment *environment,
                                  struct ops_curl_lane **ret_lane) OPS_MUST_USE;
void ops_curl_lane_free(struct ops_curl_lane *lane); /* NULL is fine */

/* As the port's exchange_all. For one thread at a time. False: libcurl gave up, every exchange has its status all the same,
 * and the lane is of no more use. */
bool ops_curl_lane_run(struct ops_curl_lane *lane, struct ops_http_exchange *exchanges, size_t count, size_t width,
                       int64_t begin_within_ms) OPS_MUST_USE;

#endif
