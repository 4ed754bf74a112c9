/*
 * A round of calls shares one set of keys, one time and so one signing key for each service; each call has an envelope with
 * what its request is made of. After a round the calls that were refused for their keys or their time are sent once more.
 */
#include "adapters/aws/client.h"

#include "adapters/aws/answer.h"
#include "adapters/aws/endpoint.h"
#include "adapters/aws/sigv4.h"
#include "adapters/aws/xml.h"
#include "base/mem.h"
#include "base/retry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    CONNECT_TIMEOUT_MS = 3100,
    URL_MAX_BYTES = 16 * 1024,
    HOST_MAX_BYTES = 512,
    ACCOUNT_ANSWER_MAX_BYTES = 64 * 1024,
    BEGIN_ANYTIME_MS = 3600 * 1000,
    /* DynamoDB takes signatures that are five minutes off, S3 fifteen: a clock that is off by less is no reason. */
    SKEW_MIN_MS = 60 * 1000,
};

#define AHEAD_NOT_KNOWN INT64_MIN

static const char user_agent[] = "g3nops";

struct ops_aws_client {
    struct ops_other_clock clock_of_services; /* first: its slot is given nothing else */
    const struct ops_aws_settings *settings;
    struct ops_aws_credentials *credentials;
    struct ops_http_client *http;
    struct ops_clock *clock;
    struct ops_random *random;
    void (*wait)(int64_t wait_ms);
    char region[OPS_SIGV4_NAME_MAX + 1];
    struct ops_aws_endpoint endpoints[OPS_AWS_SERVICE_COUNT];
    _Atomic int64_t skew_ms; /* what must be added to our clock to have the service's */
    _Atomic int64_t ahead_ms; /* how far our clock is ahead of theirs, by the latest answer; AHEAD_NOT_KNOWN */
    pthread_mutex_t mutex;
    struct {
        struct ops_sigv4_key keys[OPS_AWS_SERVICE_COUNT];
        char secrets[OPS_AWS_SERVICE_COUNT][OPS_AWS_SECRET_SIZE]; /* that each was derived from */
        char account[OPS_AWS_ACCOUNT_SIZE];
    } synced;
};

static bool clock_of_services_ahead_ms(struct ops_other_clock *self, int64_t *ret_ahead_ms)
{
    int64_t ahead_ms = atomic_load(&((struct ops_aws_client *)self)->ahead_ms);
    if (ahead_ms == AHEAD_NOT_KNOWN)
        return false;
    *ret_ahead_ms = ahead_ms;
    return true;
}

static const struct ops_other_clock_ops clock_of_services_ops = {.ahead_ms = clock_of_services_ahead_ms};

struct ops_other_clock *ops_aws_client_clock(struct ops_aws_client *client)
{
    return &client->clock_of_services;
}

static void sleep_ms(int64_t wait_ms)
{
    const struct timespec wait = {.tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL); /* a signal may cut it short, and that is fine */
}

enum ops_status ops_aws_client_new(const struct ops_aws_client_config *config, struct ops_aws_client **ret_client,
                                   struct ops_error *error)
{
    if (!config->region || strlen(config->region) > OPS_SIGV4_NAME_MAX || !config->region[0])
        return ops_fail(error, OPS_INVALID_FIELD, "No AWS region is configured; set AWS_REGION or give --region.");
    struct ops_aws_client *client = ops_mem_zeroed(1, sizeof *client);
    if (!client)
        return OPS_NO_MEMORY;
    (void)pthread_mutex_init(&client->mutex, NULL); /* a default mutex needs no resources on Linux */
    client->clock_of_services.ops = &clock_of_services_ops;
    atomic_init(&client->ahead_ms, AHEAD_NOT_KNOWN);
    client->settings = config->settings;
    client->credentials = config->credentials;
    client->http = config->http;
    client->clock = config->clock;
    client->random = config->random;
    client->wait = config->wait ? config->wait : sleep_ms;
    memcpy(client->region, config->region, strlen(config->region) + 1);
    enum ops_status status = OPS_OK;
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT && status == OPS_OK; service++)
        status = ops_aws_endpoint_init(client->settings, (enum ops_aws_service)service, client->region,
                                       &client->endpoints[service]);
    if (status == OPS_OK)
        *ret_client = client;
    else
        ops_aws_client_free(client);
    return status;
}

void ops_aws_client_free(struct ops_aws_client *client)
{
    if (!client)
        return;
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT; service++)
        ops_aws_endpoint_release(&client->endpoints[service]);
    explicit_bzero(&client->synced, sizeof client->synced);
    (void)pthread_mutex_destroy(&client->mutex);
    ops_mem_free(client);
}

const char *ops_aws_client_region(const struct ops_aws_client *client)
{
    return client->region;
}

void ops_aws_call_init(struct ops_aws_call *call, enum ops_aws_service service, size_t body_limit_bytes)
{
    memset(call, 0, sizeof *call);
    call->service = service;
    call->method = "POST";
    call->path = "/";
    call->query = "";
    call->timeout_ms = OPS_AWS_TIMEOUT_MS;
    ops_error_init(&call->error);
    ops_http_response_init(&call->response, body_limit_bytes);
}

void ops_aws_call_release(struct ops_aws_call *call)
{
    ops_buf_release(&call->response.body);
    ops_error_release(&call->error);
}

void ops_aws_call_header(struct ops_aws_call *call, const char *name, const char *value)
{
    call->headers[call->header_count++] = (struct ops_http_header){name, value};
}

void ops_aws_call_json(struct ops_aws_call *call, const char *target, struct ops_view body)
{
    bool logs = call->service == OPS_AWS_LOGS;
    ops_aws_call_header(call, "content-type", logs ? "application/x-amz-json-1.1" : "application/x-amz-json-1.0");
    ops_aws_call_header(call, "x-amz-target", target);
    call->body = body;
}

/* What all calls of a round share. */
struct signing {
    struct ops_aws_keys keys;
    int64_t at_ms;
    char date[OPS_SIGV4_DATE_SIZE];
    bool has_keys;
    enum ops_status status; /* why there are no keys */
    struct ops_error error;
};

/* What the request of one call is made of. */
struct envelope {
    struct ops_aws_call *call;
    struct ops_buf host;
    struct ops_buf path;
    struct ops_buf url;
    char payload_sha256[OPS_SHA256_HEX_SIZE];
    char authorization[OPS_SIGV4_AUTHORIZATION_SIZE];
    struct ops_http_request request;
    bool sent;
};

static void envelope_release(struct envelope *envelope)
{
    ops_buf_release(&envelope->host);
    ops_buf_release(&envelope->path);
    ops_buf_release(&envelope->url);
}

static void envelope_init(struct envelope *envelope, struct ops_aws_call *call)
{
    envelope->call = call;
    ops_buf_init(&envelope->host, HOST_MAX_BYTES);
    ops_buf_init(&envelope->path, URL_MAX_BYTES);
    ops_buf_init(&envelope->url, URL_MAX_BYTES);
}

static void signing_begin(struct ops_aws_client *client, struct signing *signing)
{
    ops_error_init(&signing->error);
    signing->status = ops_aws_credentials_fetch(client->credentials, &signing->keys, &signing->error);
    signing->has_keys = signing->status == OPS_OK;
    signing->at_ms = ops_clock_now_ms(client->clock) + atomic_load(&client->skew_ms);
    ops_sigv4_date(signing->at_ms, signing->date);
}

static void signing_end(struct signing *signing)
{
    ops_aws_keys_wipe(&signing->keys);
    ops_error_release(&signing->error);
}

/* The day's key for a service, derived when the day, or the secret, is another than last time. */
static enum ops_status signing_key(struct ops_aws_client *client, const struct signing *signing,
                                   enum ops_aws_service service, struct ops_sigv4_key *ret_key)
{
    pthread_mutex_lock(&client->mutex);
    struct ops_sigv4_key *kept = &client->synced.keys[service];
    char *secret = client->synced.secrets[service];
    enum ops_status status = OPS_OK;
    if (strncmp(kept->day, signing->date, sizeof kept->day - 1) != 0 ||
        strcmp(secret, signing->keys.secret_access_key) != 0) {
        status = ops_sigv4_key_derive(signing->keys.secret_access_key, client->region, ops_aws_service_name(service),
                                      signing->at_ms, kept);
        if (status == OPS_OK)
            memcpy(secret, signing->keys.secret_access_key, OPS_AWS_SECRET_SIZE);
        else
            kept->day[0] = '\0';
    }
    *ret_key = *kept;
    pthread_mutex_unlock(&client->mutex);
    return status;
}

static void add_header(struct ops_http_request *request, const char *name, const char *value)
{
    request->headers[request->header_count++] = (struct ops_http_header){name, value};
}

static void list_headers(struct envelope *envelope, const struct signing *signing)
{
    const struct ops_aws_call *call = envelope->call;
    struct ops_http_request *request = &envelope->request;
    add_header(request, "host", ops_buf_text(&envelope->host));
    if (!call->unsigned_call) {
        add_header(request, "x-amz-date", signing->date);
        if (call->service == OPS_AWS_S3)
            add_header(request, "x-amz-content-sha256", envelope->payload_sha256);
        if (signing->keys.session_token[0])
            add_header(request, "x-amz-security-token", signing->keys.session_token);
    }
    for (size_t i = 0; i < call->header_count; i++)
        add_header(request, call->headers[i].name, call->headers[i].value);
}

static enum ops_status sign(struct ops_aws_client *client, struct envelope *envelope, const struct signing *signing)
{
    const struct ops_aws_call *call = envelope->call;
    struct ops_http_request *request = &envelope->request;
    const struct ops_sigv4_request signed_request = {
        .method = call->method,
        .path = ops_buf_text(&envelope->path),
        .query = call->query,
        .headers = request->headers,
        .header_count = request->header_count,
        .payload_sha256 = envelope->payload_sha256,
        .single_encoding = call->service == OPS_AWS_S3,
    };
    struct ops_sigv4_key key;
    enum ops_status status = signing_key(client, signing, call->service, &key);
    if (status == OPS_OK)
        status = ops_sigv4_authorization(&signed_request, &key, signing->keys.access_key_id, envelope->authorization);
    ops_sigv4_key_wipe(&key);
    if (status == OPS_OK)
        add_header(request, "authorization", envelope->authorization);
    return status;
}

static void write_url(struct ops_aws_client *client, struct envelope *envelope)
{
    const struct ops_aws_call *call = envelope->call;
    const struct ops_aws_endpoint *endpoint = &client->endpoints[call->service];
    ops_buf_clear(&envelope->host);
    ops_buf_clear(&envelope->path);
    ops_buf_clear(&envelope->url);
    ops_aws_endpoint_place(endpoint, call->bucket, call->path, &envelope->host, &envelope->path);
    ops_buf_append_text(&envelope->url, endpoint->scheme);
    ops_buf_append_text(&envelope->url, "://");
    ops_buf_append_view(&envelope->url, ops_buf_view(&envelope->host));
    ops_buf_append_view(&envelope->url, ops_buf_view(&envelope->path));
    if (call->query[0]) {
        ops_buf_append_char(&envelope->url, '?');
        ops_buf_append_text(&envelope->url, call->query);
    }
}

static enum ops_status url_status(const struct envelope *envelope)
{
    enum ops_status status = ops_buf_status(&envelope->host);
    if (status == OPS_OK)
        status = ops_buf_status(&envelope->path);
    return status == OPS_OK ? ops_buf_status(&envelope->url) : status;
}

static enum ops_status fill_envelope(struct ops_aws_client *client, struct envelope *envelope, const struct signing *signing)
{
    struct ops_aws_call *call = envelope->call;
    write_url(client, envelope);
    enum ops_status status = url_status(envelope);
    if (status == OPS_OK)
        status = ops_sha256_hex(call->body, envelope->payload_sha256);
    if (status != OPS_OK)
        return status;
    envelope->request = (struct ops_http_request){
        .method = call->method,
        .url = ops_buf_text(&envelope->url),
        .body = call->body,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .timeout_ms = call->timeout_ms,
    };
    list_headers(envelope, signing);
    if (!call->unsigned_call)
        status = sign(client, envelope, signing);
    add_header(&envelope->request, "user-agent", user_agent);
    return status;
}

static void ask_for_headers(struct ops_http_response *response)
{
    static const char *const names[] = {"date", "x-amz-bucket-region", "x-amzn-errortype"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        response->wanted[i].name = names[i];
        response->wanted[i].value[0] = '\0';
    }
}

/* Makes a call ready to go: its answer is forgotten, its request signed. False: it can't be sent, and its status says why.
 */
static bool prepare(struct ops_aws_client *client, struct envelope *envelope, const struct signing *signing)
{
    struct ops_aws_call *call = envelope->call;
    ops_buf_clear(&call->response.body);
    ops_error_release(&call->error);
    ask_for_headers(&call->response);
    call->code[0] = call->message[0] = '\0';
    call->response.status = 0;
    if (!signing->has_keys && !call->unsigned_call) {
        bool for_good = signing->status == OPS_INVALID_FIELD || signing->status == OPS_NOT_FOUND;
        call->status = signing->status == OPS_NO_MEMORY ? OPS_NO_MEMORY : OPS_STORE_UNAVAILABLE;
        (void)ops_fail(&call->error, call->status, "%s%s", for_good ? "AWS credentials: " : "",
                       ops_error_text(&signing->error, signing->status));
        return false;
    }
    call->status = fill_envelope(client, envelope, signing);
    return call->status == OPS_OK;
}

/* What came of an exchange, in the words of a call. */
static void conclude(struct ops_aws_call *call, enum ops_status exchanged)
{
    bool success = call->response.status >= 200 && call->response.status < 300;
    call->status = exchanged == OPS_UNREACHABLE ? OPS_STORE_UNAVAILABLE : exchanged;
    if (exchanged == OPS_OK && (!success || ops_aws_answer_hides_error(call)))
        ops_aws_answer_explain(call);
}

/* An answer was written between its question and now, and tells its second only: what lies in between is no difference. */
static void compare_clocks(struct ops_aws_client *client, const struct ops_aws_call *call, int64_t asked_ms)
{
    int64_t date_ms = ops_aws_answer_date_ms(call), now_ms = ops_clock_now_ms(client->clock);
    if (date_ms < 0)
        return;
    int64_t ahead_ms = 0;
    if (date_ms + OPS_SECOND_MS < asked_ms)
        ahead_ms = asked_ms - date_ms;
    else if (date_ms > now_ms)
        ahead_ms = now_ms - date_ms;
    atomic_store(&client->ahead_ms, ahead_ms);
}

/* Sends the prepared calls among count, side by side. */
static void exchange_round(struct ops_aws_client *client, struct envelope *envelopes, size_t count, size_t width,
                           int64_t begin_within_ms, struct ops_http_exchange *exchanges)
{
    size_t ready = 0;
    int64_t asked_ms = ops_clock_now_ms(client->clock);
    for (size_t i = 0; i < count; i++) {
        if (!envelopes[i].sent)
            continue;
        struct ops_aws_call *call = envelopes[i].call;
        exchanges[ready++] = (struct ops_http_exchange){
            .request = &envelopes[i].request, .response = &call->response, .error = &call->error};
    }
    ops_http_exchange_all(client->http, exchanges, ready, width, begin_within_ms);
    ready = 0;
    for (size_t i = 0; i < count; i++) {
        if (!envelopes[i].sent)
            continue;
        compare_clocks(client, envelopes[i].call, asked_ms);
        conclude(envelopes[i].call, exchanges[ready++].status);
    }
}

/* Takes over the service's time when it is another than ours. False: our time is right, so it was not the reason. */
static bool correct_clock(struct ops_aws_client *client, const struct ops_aws_call *call, const struct signing *signing)
{
    int64_t date_ms = ops_aws_answer_date_ms(call);
    if (date_ms < 0 || llabs(date_ms - signing->at_ms) < SKEW_MIN_MS)
        return false;
    atomic_store(&client->skew_ms, date_ms - ops_clock_now_ms(client->clock));
    return true;
}

/* Whether something could be done so that the call may go better another time. */
static bool put_right(struct ops_aws_client *client, const struct ops_aws_call *call, const struct signing *signing)
{
    if (call->unsigned_call || call->status == OPS_OK)
        return false;
    if (ops_aws_answer_rejects_keys(call)) {
        ops_aws_cached_credentials_reject(client->credentials, &signing->keys);
        return true;
    }
    return ops_aws_answer_rejects_time(call) && correct_clock(client, call, signing);
}

/* One round over the calls whose envelope says sent; afterwards sent says which should go once more. */
static size_t send_round(struct ops_aws_client *client, struct envelope *envelopes, size_t count, size_t width,
                         int64_t begin_within_ms, struct ops_http_exchange *exchanges)
{
    struct signing signing = {.has_keys = false};
    size_t again = 0;
    int64_t began_ms = ops_clock_monotonic_ms(client->clock);
    signing_begin(client, &signing);
    for (size_t i = 0; i < count; i++)
        envelopes[i].sent = envelopes[i].sent && prepare(client, &envelopes[i], &signing);
    /* Keys may have been long in coming, and a caller under a lease can't wait for them. */
    int64_t spent_ms = ops_clock_monotonic_ms(client->clock) - began_ms;
    exchange_round(client, envelopes, count, width, begin_within_ms - spent_ms, exchanges);
    for (size_t i = 0; i < count; i++) {
        envelopes[i].sent = envelopes[i].sent && put_right(client, envelopes[i].call, &signing);
        again += envelopes[i].sent;
    }
    signing_end(&signing);
    return again;
}

void ops_aws_call_send_all(struct ops_aws_client *client, struct ops_aws_call *calls, size_t count, size_t width,
                           int64_t begin_within_ms)
{
    struct envelope *envelopes = ops_mem_zeroed(count, sizeof *envelopes);
    struct ops_http_exchange *exchanges = ops_mem_zeroed(count, sizeof *exchanges);
    for (size_t i = 0; i < count; i++) {
        calls[i].status = OPS_NO_MEMORY;
        if (!envelopes || !exchanges)
            continue;
        envelope_init(&envelopes[i], &calls[i]);
        envelopes[i].sent = true;
    }
    if (envelopes && exchanges) {
        if (send_round(client, envelopes, count, width, begin_within_ms, exchanges) > 0)
            (void)send_round(client, envelopes, count, width, begin_within_ms, exchanges);
        for (size_t i = 0; i < count; i++)
            envelope_release(&envelopes[i]);
    }
    ops_mem_free(envelopes);
    ops_mem_free(exchanges);
}

void ops_aws_call_send(struct ops_aws_client *client, struct ops_aws_call *call)
{
    ops_aws_call_send_all(client, call, 1, 1, BEGIN_ANYTIME_MS);
}

void ops_aws_client_back_off(struct ops_aws_client *client, int attempt)
{
    uint32_t random;
    ops_random_fill(client->random, (uint8_t *)&random, sizeof random);
    client->wait(ops_retry_wait_ms(attempt, random));
}

void ops_aws_call_send_patiently(struct ops_aws_client *client, struct ops_aws_call *call)
{
    for (int attempt = 1;; attempt++) {
        ops_aws_call_send(client, call);
        bool may_pass = call->status == OPS_THROTTLED || call->status == OPS_STORE_UNAVAILABLE ||
                        call->status == OPS_UNKNOWN;
        if (!may_pass || attempt == OPS_AWS_TRIES_MAX)
            return;
        ops_aws_client_back_off(client, attempt);
    }
}

/* A server that has no STS, or lets nobody ask it, will be like that tomorrow. */
static enum ops_status account_status(const struct ops_aws_call *call)
{
    if (call->status == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    bool lasts = (call->status == OPS_TARGET_ERROR || call->status == OPS_TARGET_MISSING || call->status == OPS_LIMIT) &&
                 !ops_aws_answer_rejects_keys(call) && !ops_aws_answer_rejects_time(call);
    return lasts ? OPS_TARGET_ERROR : OPS_STORE_UNAVAILABLE;
}

static enum ops_status ask_for_account(struct ops_aws_client *client, char account[static OPS_AWS_ACCOUNT_SIZE],
                                       struct ops_error *error)
{
    struct ops_aws_call call;
    ops_aws_call_init(&call, OPS_AWS_STS, ACCOUNT_ANSWER_MAX_BYTES);
    ops_aws_call_header(&call, "content-type", "application/x-www-form-urlencoded");
    call.operation = "GetCallerIdentity";
    call.body = ops_view_of("Action=GetCallerIdentity&Version=2011-06-15");
    ops_aws_call_send_patiently(client, &call);
    enum ops_status status = call.status;
    if (status == OPS_OK) {
        status = ops_xml_text(ops_buf_view(&call.response.body), "Account", account, OPS_AWS_ACCOUNT_SIZE);
        if (status != OPS_OK && status != OPS_NO_MEMORY)
            status = ops_fail(error, OPS_TARGET_ERROR, "STS gave an answer to GetCallerIdentity that can't be read.");
    } else {
        status = account_status(&call);
        if (status != OPS_NO_MEMORY)
            status = ops_fail(error, status, "The account is not known: %s", ops_error_text(&call.error, call.status));
    }
    ops_aws_call_release(&call);
    return status;
}

enum ops_status ops_aws_client_account(struct ops_aws_client *client, char ret_account[static OPS_AWS_ACCOUNT_SIZE],
                                       struct ops_error *error)
{
    char account[OPS_AWS_ACCOUNT_SIZE];
    pthread_mutex_lock(&client->mutex);
    memcpy(account, client->synced.account, sizeof account);
    pthread_mutex_unlock(&client->mutex);
    if (!account[0]) {
        enum ops_status status = ask_for_account(client, account, error);
        if (status != OPS_OK)
            return status;
        pthread_mutex_lock(&client->mutex);
        memcpy(client->synced.account, account, sizeof account);
        pthread_mutex_unlock(&client->mutex);
    }
    memcpy(ret_account, account, sizeof account);
    return OPS_OK;
}
