#include "adapters/curl/transfer.h"

#include "base/mem.h"

#include <assert.h>

/* Pages of some hundred kilobytes come faster in larger pieces; 64 connections take 2 MiB of it while they are busy. */
enum { RECEIVE_BYTES = 32 * 1024 };

/* What is sent on a connection that the server is just closing may be lost without a trace of whether it was read. Servers
 * and balancers close what was idle for some tens of seconds; giving up earlier than they do keeps out of their way. */
enum { IDLE_CONNECTION_MAX_S = 15 };

static size_t write_body(char *bytes, size_t size, size_t count, void *context)
{
    const struct ops_curl_transfer *transfer = context;
    struct ops_buf *body = &transfer->exchange->response->body;
    ops_buf_append(body, bytes, size * count);
    return ops_buf_status(body) == OPS_OK ? size * count : 0;
}

/* Bytes of the request that were handed to the connection, over all attempts. */
static long sent_bytes(const struct ops_curl_transfer *transfer)
{
    long bytes = 0;
    (void)curl_easy_getinfo(transfer->handle, CURLINFO_REQUEST_SIZE, &bytes); /* a number that it always has */
    return bytes;
}

static bool something_left(const struct ops_curl_transfer *transfer)
{
    return transfer->begun && sent_bytes(transfer) > transfer->sent_before;
}

static bool may_be_repeated(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* Called when a connection stands and before the request is written, and again when libcurl wants to repeat it on a fresh
 * connection because the one that it had used again closed without a word. The server may have carried out the request and
 * then died, and a conditional write that is repeated would be refused by what it has itself written. */
static int before_request(void *context, char *address, char *local_address, int port, int local_port)
{
    struct ops_curl_transfer *transfer = context;
    (void)address, (void)local_address, (void)port, (void)local_port;
    if (!transfer->begun) {
        transfer->begun = true;
        transfer->sent_before = sent_bytes(transfer);
    } else if (something_left(transfer) && !may_be_repeated(transfer->exchange->request->method)) {
        transfer->broken_off = true;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

/* What never changes is set once, and not for each request after a curl_easy_reset, which would copy and parse it all again.
 * curl's option setters take their argument by its own type, so a failure sticks instead of being a table. */
static bool set_up_once(struct ops_curl_transfer *transfer, const struct ops_curl_environment *environment)
{
    CURL *handle = transfer->handle;
    int failures = 0;
    failures += curl_easy_setopt(handle, CURLOPT_PRIVATE, transfer) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->reason) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    /* A key of S3 may hold "/../", and the signature covers the path as it is. */
    failures += curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_NOPROXY, environment->no_proxy) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_MAX_S) != CURLE_OK;
    /* A lookup of a name can't be interrupted; without this, the end of a transfer would wait for it beyond its time. */
    failures += curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, write_body) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, before_request) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_PREREQDATA, transfer) != CURLE_OK;
    if (environment->ca_bundle) {
        failures += curl_easy_setopt(handle, CURLOPT_CAINFO, environment->ca_bundle) != CURLE_OK;
        failures += curl_easy_setopt(handle, CURLOPT_CAPATH, NULL) != CURLE_OK;
    }
    return failures == 0;
}

enum ops_status ops_curl_transfer_new(const struct ops_curl_environment *environment,
                                      struct ops_curl_transfer **ret_transfer)
{
    struct ops_curl_transfer *transfer = ops_mem_zeroed(1, sizeof *transfer);
    if (!transfer)
        return OPS_NO_MEMORY;
    transfer->handle = curl_easy_init();
    if (!transfer->handle || !set_up_once(transfer, environment)) {
        ops_curl_transfer_free(transfer);
        return OPS_NO_MEMORY;
    }
    *ret_transfer = transfer;
    return OPS_OK;
}

void ops_curl_transfer_free(struct ops_curl_transfer *transfer)
{
    if (!transfer)
        return;
    curl_easy_cleanup(transfer->handle);
    ops_mem_free(transfer->lines);
    ops_mem_free(transfer);
}

static bool has_line_break(const char *text)
{
    return strpbrk(text, "\r\n");
}

/* Room for "name: value" of each, and nothing that was there before: it may have been secret. */
static bool reserve_lines(struct ops_curl_transfer *transfer, const struct ops_http_request *request)
{
    size_t room = 0;
    for (size_t i = 0; i < request->header_count; i++)
        room += strlen(request->headers[i].name) + strlen(request->headers[i].value) + sizeof ": ";
    if (room <= transfer->lines_room)
        return true;
    char *lines = ops_mem_alloc(room);
    if (!lines)
        return false;
    ops_mem_free(transfer->lines);
    transfer->lines = lines;
    transfer->lines_room = room;
    return true;
}

/* line stays in place until the transfer ends. */
static void add_line(struct ops_curl_transfer *transfer, char *line)
{
    struct curl_slist *node = &transfer->headers[transfer->header_count];
    *node = (struct curl_slist){.data = line};
    if (transfer->header_count++ > 0)
        node[-1].next = node;
}

/* In curl's own syntax: "name;" sends the header without a value, "name:" would leave it out. Returns where the next goes.
 */
static char *write_line(char *at, const struct ops_http_header *header)
{
    at = stpcpy(at, header->name);
    at = stpcpy(at, header->value[0] ? ": " : ";");
    at = stpcpy(at, header->value);
    return at + 1;
}

/* The caller's headers, and less of curl's: no wait for "100 Continue", no content type that the caller did not give. The
 * list is made by hand, without the two allocations a line of curl_slist_append. */
static enum ops_status make_headers(struct ops_curl_transfer *transfer, const struct ops_http_request *request,
                                    struct ops_error *error)
{
    static char no_expect[] = "Expect:", no_type[] = "Content-Type:";
    bool has_type = false;
    assert(request->header_count <= OPS_HTTP_HEADERS_MAX);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct ops_http_header *header = &request->headers[i];
        if (has_line_break(header->name) || has_line_break(header->value))
            return ops_fail(error, OPS_UNREACHABLE, "A header with a line break was not sent.");
        has_type = has_type || curl_strequal(header->name, "content-type");
    }
    if (!reserve_lines(transfer, request))
        return OPS_NO_MEMORY;
    char *at = transfer->lines;
    for (size_t i = 0; i < request->header_count; i++) {
        add_line(transfer, at);
        at = write_line(at, &request->headers[i]);
    }
    if (request->body.data)
        add_line(transfer, no_expect);
    if (request->body.data && !has_type)
        add_line(transfer, no_type);
    return OPS_OK;
}

/* For a request that is only for whoever was at the other end before. */
static curl_socket_t open_no_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)context, (void)purpose, (void)address;
    return CURL_SOCKET_BAD;
}

static bool set_up(struct ops_curl_transfer *transfer, const struct ops_http_request *request)
{
    CURL *handle = transfer->handle;
    struct curl_slist *headers = transfer->header_count ? transfer->headers : NULL;
    int failures = 0;
    failures += curl_easy_setopt(handle, CURLOPT_URL, request->url) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, request->socket_path) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) != CURLE_OK;
    curl_opensocket_callback opens = request->on_open_connection ? open_no_socket : NULL;
    failures += curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, opens) != CURLE_OK;
    if (request->body.data) {
        failures += curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length) != CURLE_OK;
        failures += curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body.data) != CURLE_OK;
    }
    if (strcmp(request->method, "HEAD") == 0)
        failures += curl_easy_setopt(handle, CURLOPT_NOBODY, 1L) != CURLE_OK;
    failures += curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK;
    return failures == 0;
}

/* Takes back what points to the caller's memory or depends on the method, and forgets the text of the headers. None of
 * these can fail: they only set pointers and flags. */
static void let_go(struct ops_curl_transfer *transfer)
{
    (void)curl_easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(transfer->handle, CURLOPT_POSTFIELDS, NULL);
    (void)curl_easy_setopt(transfer->handle, CURLOPT_HTTPGET, 1L); /* and no longer HEAD or POST */
    if (transfer->lines)
        explicit_bzero(transfer->lines, transfer->lines_room);
    transfer->header_count = 0;
    transfer->begun = transfer->broken_off = false;
    transfer->reason[0] = '\0';
    transfer->exchange = NULL;
}

bool ops_curl_transfer_begin(struct ops_curl_transfer *transfer, struct ops_http_exchange *exchange)
{
    transfer->exchange = exchange;
    exchange->status = make_headers(transfer, exchange->request, exchange->error);
    if (exchange->status == OPS_OK && !set_up(transfer, exchange->request))
        exchange->status = OPS_NO_MEMORY;
    if (exchange->status != OPS_OK)
        let_go(transfer);
    return exchange->status == OPS_OK;
}

/* What a failed exchange means is decided by what left the house, not by curl's code: nothing of the request, and it is
 * surely not done; something, and it may be. */
static enum ops_status tell_failure(const struct ops_curl_transfer *transfer, CURLcode code)
{
    const struct ops_http_request *request = transfer->exchange->request;
    const struct ops_buf *body = &transfer->exchange->response->body;
    struct ops_error *error = transfer->exchange->error;
    const char *words = transfer->broken_off  ? "the connection was closed without an answer"
                        : transfer->reason[0] ? transfer->reason
                                              : curl_easy_strerror(code);
    char shown[OPS_URL_SHOWN_SIZE];
    const char *through = ops_http_request_shown(request, shown);
    bool left = something_left(transfer);
    if (ops_buf_status(body) == OPS_LIMIT)
        return ops_fail(error, OPS_LIMIT, "The answer from %s is larger than %zu bytes.", through, body->limit_bytes);
    if (ops_buf_status(body) == OPS_NO_MEMORY || (code == CURLE_OUT_OF_MEMORY && !left))
        return OPS_NO_MEMORY;
    if (!left)
        return ops_fail(error, OPS_UNREACHABLE, "%s could not be reached: %s.", through, words);
    return ops_fail(error, OPS_UNKNOWN, "The exchange with %s broke off: %s.", through, words);
}

/* Of several with the same name, the last of the last answer counts (there may have been "100 Continue" before). */
static void read_wanted(const struct ops_curl_transfer *transfer, struct ops_http_wanted *wanted)
{
    struct curl_header *header;
    wanted->value[0] = '\0';
    CURLHcode code = curl_easy_header(transfer->handle, wanted->name, 0, CURLH_HEADER, -1, &header);
    if (code == CURLHE_OK && header->amount > 1)
        code = curl_easy_header(transfer->handle, wanted->name, header->amount - 1, CURLH_HEADER, -1, &header);
    if (code != CURLHE_OK)
        return;
    size_t length = strnlen(header->value, sizeof wanted->value - 1);
    memcpy(wanted->value, header->value, length);
    wanted->value[length] = '\0';
}

static enum ops_status read_answer(const struct ops_curl_transfer *transfer)
{
    struct ops_http_response *response = transfer->exchange->response;
    long http_status = 0;
    CURLcode code = curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &http_status);
    if (code != CURLE_OK)
        return tell_failure(transfer, code);
    response->status = (int)http_status;
    for (size_t i = 0; i < OPS_HTTP_WANTED_MAX; i++)
        if (response->wanted[i].name)
            read_wanted(transfer, &response->wanted[i]);
    return OPS_OK;
}

void ops_curl_transfer_end(struct ops_curl_transfer *transfer, CURLcode code)
{
    transfer->exchange->status = code == CURLE_OK ? read_answer(transfer) : tell_failure(transfer, code);
    let_go(transfer);
}
