#include "ports/http_client.h"

const char *ops_http_request_shown(const struct ops_http_request *request, char shown[static OPS_URL_SHOWN_SIZE])
{
    return request->socket_path ? request->socket_path : ops_url_show(request->url, shown);
}

void ops_http_exchange_all(struct ops_http_client *client, struct ops_http_exchange *exchanges, size_t count, size_t width,
                           int64_t begin_within_ms)
{
    if (client->ops->exchange_all) {
        client->ops->exchange_all(client, exchanges, count, width ? width : 1, begin_within_ms);
        return;
    }
    for (size_t i = 0; i < count; i++)
        exchanges[i].status =
            begin_within_ms <= 0
                ? ops_fail(exchanges[i].error, OPS_UNREACHABLE, "There was no time left to begin it.")
                : client->ops->exchange(client, exchanges[i].request, exchanges[i].response, exchanges[i].error);
}
