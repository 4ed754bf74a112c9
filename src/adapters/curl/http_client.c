#include "adapters/curl/http_client.h"

#include "adapters/curl/lane.h"
#include "base/mem.h"
#include "base/mem_wipe.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

/* More threads than this may exchange at once; then some lanes, with their connections, are not kept. */
enum { IDLE_LANES_MAX = 16 };

/* Each call has a lane to itself while it lasts. The one that was given back last is taken first, so that there are as many
 * lanes as threads that exchange at once, and a thread mostly finds its connections open. */
struct curl_client {
    struct ops_http_client base;
    struct ops_curl_environment environment;
    pthread_mutex_t mutex;
    struct {
        struct ops_curl_lane *idle[IDLE_LANES_MAX];
        size_t idle_count;
    } synced;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_code;

static bool wipes;

static char *duplicate(const char *text)
{
    return strdup(text);
}

/* Its copies of a request's body and headers, and of an answer, go by way of these. */
static void initialise_curl(void)
{
    global_code =
        wipes ? curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, ops_mem_wipe_free, ops_mem_wipe_resize, duplicate, calloc)
              : curl_global_init(CURL_GLOBAL_DEFAULT);
}

void ops_curl_wipe_what_is_freed(void)
{
    wipes = true;
}

static struct curl_client *curl_client(struct ops_http_client *self)
{
    return (struct curl_client *)self;
}

static struct ops_curl_lane *take_lane(struct curl_client *client)
{
    pthread_mutex_lock(&client->mutex);
    struct ops_curl_lane *lane = client->synced.idle_count ? client->synced.idle[--client->synced.idle_count] : NULL;
    pthread_mutex_unlock(&client->mutex);
    if (!lane && ops_curl_lane_new(&client->environment, &lane) != OPS_OK)
        return NULL;
    return lane;
}

static void give_back_lane(struct curl_client *client, struct ops_curl_lane *lane)
{
    pthread_mutex_lock(&client->mutex);
    bool keep = client->synced.idle_count < IDLE_LANES_MAX;
    if (keep)
        client->synced.idle[client->synced.idle_count++] = lane;
    pthread_mutex_unlock(&client->mutex);
    if (!keep)
        ops_curl_lane_free(lane);
}

static void curl_exchange_all(struct ops_http_client *self, struct ops_http_exchange *exchanges, size_t count, size_t width,
                              int64_t begin_within_ms)
{
    struct curl_client *client = curl_client(self);
    struct ops_curl_lane *lane = take_lane(client);
    if (!lane) {
        for (size_t i = 0; i < count; i++)
            exchanges[i].status = OPS_NO_MEMORY;
        return;
    }
    if (ops_curl_lane_run(lane, exchanges, count, width, begin_within_ms))
        give_back_lane(client, lane);
    else
        ops_curl_lane_free(lane);
}

static enum ops_status curl_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                     struct ops_http_response *ret_response, struct ops_error *error)
{
    struct ops_http_exchange exchange = {.request = request, .response = ret_response, .error = error};
    curl_exchange_all(self, &exchange, 1, 1, INT64_MAX);
    return exchange.status;
}

static void curl_release(struct ops_http_client *self)
{
    struct curl_client *client = curl_client(self);
    for (size_t i = 0; i < client->synced.idle_count; i++)
        ops_curl_lane_free(client->synced.idle[i]);
    ops_curl_environment_release(&client->environment);
    pthread_mutex_destroy(&client->mutex);
    ops_mem_free(client);
}

static const struct ops_http_client_ops curl_ops = {
    .exchange = curl_exchange,
    .exchange_all = curl_exchange_all,
    .release = curl_release,
};

enum ops_status ops_curl_http_client_new_with(const struct ops_curl_options *options, struct ops_http_client **ret_client)
{
    (void)pthread_once(&global_once, initialise_curl);
    if (global_code != CURLE_OK)
        return OPS_NO_MEMORY;
    struct curl_client *client = ops_mem_zeroed(1, sizeof *client);
    if (!client)
        return OPS_NO_MEMORY;
    enum ops_status status = ops_curl_environment_init(&client->environment, options->ca_bundle);
    if (status != OPS_OK) {
        ops_mem_free(client);
        return status;
    }
    client->base.ops = &curl_ops;
    (void)pthread_mutex_init(&client->mutex, NULL); /* a default mutex needs no resources on Linux */
    *ret_client = &client->base;
    return OPS_OK;
}

enum ops_status ops_curl_http_client_new(struct ops_http_client **ret_client)
{
    return ops_curl_http_client_new_with(&(struct ops_curl_options){.ca_bundle = NULL}, ret_client);
}
