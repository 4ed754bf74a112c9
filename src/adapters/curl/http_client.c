#include "adapters/curl/http_client.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <pthread.h>

enum { IDLE_MAX = 8, HEADER_MAX_BYTES = 16 * 1024 };

/* Each exchange has a handle of its own while it lasts; an idle handle keeps its connections open for the next one. */
struct curl_client {
    struct ops_http_client base;
    pthread_mutex_t mutex;
    struct {
        CURL *idle[IDLE_MAX];
        size_t idle_count;
    } synced;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_code;

static void initialise_curl(void)
{
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct curl_client *curl_client(struct ops_http_client *self)
{
    return (struct curl_client *)self;
}

static CURL *handle_take(struct curl_client *client)
{
    pthread_mutex_lock(&client->mutex);
    CURL *handle = client->synced.idle_count ? client->synced.idle[--client->synced.idle_count] : NULL;
    pthread_mutex_unlock(&client->mutex);
    return handle ? handle : curl_easy_init();
}

static void handle_give_back(struct curl_client *client, CURL *handle)
{
    curl_easy_reset(handle);
    pthread_mutex_lock(&client->mutex);
    bool keep = client->synced.idle_count < IDLE_MAX;
    if (keep)
        client->synced.idle[client->synced.idle_count++] = handle;
    pthread_mutex_unlock(&client->mutex);
    if (!keep)
        curl_easy_cleanup(handle);
}

static bool append_header(struct curl_slist **headers, const char *name, const char *value)
{
    struct ops_buf line;
    ops_buf_init(&line, HEADER_MAX_BYTES);
    /* curl's own syntax: "name;" sends the header without a value, "name:" would leave it out. */
    ops_buf_append_format(&line, value[0] ? "%s: %s" : "%s;", name, value);
    struct curl_slist *longer = ops_buf_status(&line) == OPS_OK ? curl_slist_append(*headers, ops_buf_text(&line)) : NULL;
    ops_buf_release(&line);
    if (longer)
        *headers = longer;
    return longer;
}

static bool has_line_break(const char *text)
{
    return strpbrk(text, "\r\n");
}

/* The caller's headers, and less of curl's: no wait for "100 Continue", no content type that the caller did not give. */
static enum ops_status make_headers(const struct ops_http_request *request, struct curl_slist **ret_headers,
                                    struct ops_error *error)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    bool complete = headers;
    bool has_type = false;
    for (size_t i = 0; i < request->header_count && complete; i++) {
        const struct ops_http_header *header = &request->headers[i];
        if (has_line_break(header->name) || has_line_break(header->value)) {
            curl_slist_free_all(headers);
            return ops_fail(error, OPS_UNREACHABLE, "A header with a line break was not sent.");
        }
        complete = append_header(&headers, header->name, header->value);
        has_type = has_type || curl_strequal(header->name, "content-type");
    }
    if (complete && !has_type) {
        struct curl_slist *longer = curl_slist_append(headers, "Content-Type:");
        complete = longer;
    }
    if (!complete) {
        curl_slist_free_all(headers);
        return OPS_NO_MEMORY;
    }
    *ret_headers = headers;
    return OPS_OK;
}

static size_t write_body(char *bytes, size_t size, size_t count, void *context)
{
    struct ops_buf *body = context;
    ops_buf_append(body, bytes, size * count);
    return ops_buf_status(body) == OPS_OK ? size * count : 0;
}

/* curl's option setters take their argument by its own type, so a failure sticks instead of being a table. */
static bool set_up(CURL *handle, const struct ops_http_request *request, struct curl_slist *headers, struct ops_buf *body,
                   char *reason)
{
    int failures = 0;
    failures += curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_URL, request->url) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, write_body) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_WRITEDATA, body) != CURLE_OK;
    if (request->body.data) {
        failures += curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length) != CURLE_OK;
        failures += curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body.data) != CURLE_OK;
    }
    if (strcmp(request->method, "HEAD") == 0)
        failures += curl_easy_setopt(handle, CURLOPT_NOBODY, 1L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK;
    if (request->socket_path) {
        failures += curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, request->socket_path) != CURLE_OK;
        failures += curl_easy_setopt(handle, CURLOPT_PROXY, "") != CURLE_OK;
    }
    return failures == 0;
}

/* What a failed exchange means is decided by what left the house, not by curl's code: nothing of the request, and it is
 * surely not done; something, and it may be. */
static enum ops_status tell_failure(CURL *handle, CURLcode code, const struct ops_http_request *request,
                                    const struct ops_buf *body, const char *reason, struct ops_error *error)
{
    long sent_bytes = 0;
    if (curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent_bytes) != CURLE_OK)
        sent_bytes = 1; /* not known: take the worse */
    const char *words = reason[0] ? reason : curl_easy_strerror(code);
    const char *through = request->socket_path ? request->socket_path : request->url;
    if (ops_buf_status(body) == OPS_LIMIT)
        return ops_fail(error, OPS_LIMIT, "The answer from %s is larger than %zu bytes.", through, body->limit_bytes);
    if (ops_buf_status(body) == OPS_NO_MEMORY || (code == CURLE_OUT_OF_MEMORY && sent_bytes == 0))
        return OPS_NO_MEMORY;
    if (sent_bytes == 0)
        return ops_fail(error, OPS_UNREACHABLE, "%s could not be reached: %s.", through, words);
    return ops_fail(error, OPS_UNKNOWN, "The exchange with %s broke off: %s.", through, words);
}

static enum ops_status curl_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                     struct ops_http_response *ret_response, struct ops_error *error)
{
    struct curl_client *client = curl_client(self);
    char reason[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    long http_status = 0;
    CURL *handle = NULL;
    enum ops_status status = make_headers(request, &headers, error);
    if (status != OPS_OK)
        return status;
    handle = handle_take(client);
    if (!handle || !set_up(handle, request, headers, &ret_response->body, reason)) {
        status = OPS_NO_MEMORY;
        goto out;
    }
    CURLcode code = curl_easy_perform(handle);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &http_status);
    if (code == CURLE_OK)
        ret_response->status = (int)http_status;
    else
        status = tell_failure(handle, code, request, &ret_response->body, reason, error);
out:
    if (handle)
        handle_give_back(client, handle);
    curl_slist_free_all(headers);
    return status;
}

static void curl_release(struct ops_http_client *self)
{
    struct curl_client *client = curl_client(self);
    for (size_t i = 0; i < client->synced.idle_count; i++)
        curl_easy_cleanup(client->synced.idle[i]);
    pthread_mutex_destroy(&client->mutex);
    ops_mem_free(client);
}

static const struct ops_http_client_ops curl_ops = {
    .exchange = curl_exchange,
    .release = curl_release,
};

enum ops_status ops_curl_http_client_new(struct ops_http_client **ret_client)
{
    (void)pthread_once(&global_once, initialise_curl);
    if (global_code != CURLE_OK)
        return OPS_NO_MEMORY;
    struct curl_client *client = ops_mem_zeroed(1, sizeof *client);
    if (!client)
        return OPS_NO_MEMORY;
    client->base.ops = &curl_ops;
    (void)pthread_mutex_init(&client->mutex, NULL); /* a default mutex needs no resources on Linux */
    *ret_client = &client->base;
    return OPS_OK;
}
