/*
 * Removing records of a page: objects and versions up to a thousand at a time by DeleteObjects, several requests side by
 * side; by one request each what XML can't name, and unfinished uploads.
 *
 * Source: Amazon S3 API Reference, DeleteObjects, DeleteObject, AbortMultipartUpload.
 *
 * Requests go in waves. Everything is over within OPS_REMOVE_MAX_MS: a wave is sent once, and once more for those that were
 * refused for their keys or their time, each time with begin and end in sight.
 */
#include "adapters/aws/bucket.h"
#include "adapters/aws/bucket_errors.h"
#include "adapters/aws/percent.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <stdio.h>

enum {
    WAVE_MAX = 16,                    /* requests */
    WAVES_BEGIN_WITHIN_MS = 8 * 1000, /* a later wave is left for another time */
    BEGIN_WITHIN_MS = 2 * 1000,
    TIMEOUT_MS = 8 * 1000,
    BODY_MAX_BYTES = 1024 * 1024,                  /* S3 takes no more than about that, whatever the number of keys */
    BODY_LIMIT_BYTES = BODY_MAX_BYTES + 64 * 1024, /* with the key that goes over it */
    PATH_MAX_BYTES = 16 * 1024,
    ANSWER_MAX_BYTES = 4 * 1024 * 1024,
    DIGEST_SIZE = 48, /* base 64 of 32 bytes, and more */
    NAME_MAX_BYTES = 16 * 1024,
    REASON_SIZE = 512,
};

_Static_assert(WAVES_BEGIN_WITHIN_MS + 2 * (BEGIN_WITHIN_MS + TIMEOUT_MS) < OPS_REMOVE_MAX_MS, "a removal is over in time");

/* One request, for the keys order[from..to) of its removal. */
struct request {
    size_t from;
    size_t to;
    struct ops_buf body;
    struct ops_buf path;
    struct ops_buf query;
    char digest[DIGEST_SIZE];
};

struct removal {
    struct ops_s3_bucket *bucket;
    const struct ops_key *keys;
    enum ops_removal *outcomes;
    size_t count;
    uint32_t *order;   /* indexes into keys: first those that can go many at a time */
    size_t many_count; /* of these */
    size_t next;       /* in order: those before it have been sent */
    struct ops_aws_call calls[WAVE_MAX];
    struct request requests[WAVE_MAX];
    size_t request_count;
    struct ops_error *error;
    enum ops_status status; /* of the removal as a whole */
    bool any_removed;
    bool throttled;
};

/* The parts of an id. */
struct record {
    bool is_upload;
    struct ops_view key;
    struct ops_view id;
};

static struct record record_of(const struct ops_key *key)
{
    const char *text = key->id.data + 1;
    size_t length = key->id.length - 1;
    const char *end = memrchr(text, '\0', length); /* a key may hold one, an id can't */
    size_t key_length = (size_t)(end - text);
    return (struct record){key->id.data[0] == OPS_S3_KIND_UPLOAD, ops_view(text, key_length),
                           ops_view(end + 1, length - key_length - 1)};
}

static struct record record_at(const struct removal *removal, size_t place)
{
    return record_of(&removal->keys[removal->order[place]]);
}

static enum ops_removal *outcome_at(const struct removal *removal, size_t place)
{
    return &removal->outcomes[removal->order[place]];
}

static bool goes_with_many(const struct record *record)
{
    return !record->is_upload && ops_s3_fits_xml(record->key);
}

static void put_in_order(struct removal *removal)
{
    size_t back = removal->count;
    for (size_t i = 0; i < removal->count; i++) {
        struct record record = record_of(&removal->keys[i]);
        removal->outcomes[i] = OPS_RETRY;
        if (goes_with_many(&record))
            removal->order[removal->many_count++] = (uint32_t)i;
        else
            removal->order[--back] = (uint32_t)i;
    }
}

/* ---- Requests ---- */

/* S3 asks for a digest of the list of keys. MD5 is what every server of its protocol takes; where the host's policy forbids
 * it (FIPS 140), SHA-256, which S3 takes too. */
static enum ops_status add_digest(struct request *request, struct ops_aws_call *call)
{
    static const struct {
        const char *header;
        const EVP_MD *(*algorithm)(void);
    } digests[] = {{"content-md5", EVP_md5}, {"x-amz-checksum-sha256", EVP_sha256}};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        if (EVP_Digest(request->body.data, request->body.length, digest, &length, digests[i].algorithm(), NULL) != 1)
            continue;
        (void)EVP_EncodeBlock((unsigned char *)request->digest, digest, (int)length);
        ops_aws_call_header(call, digests[i].header, request->digest);
        return OPS_OK;
    }
    return OPS_NO_MEMORY;
}

static struct request *add_request(struct removal *removal, const char *method, const char *operation,
                                   struct ops_aws_call **ret_call)
{
    struct request *request = &removal->requests[removal->request_count];
    struct ops_aws_call *call = &removal->calls[removal->request_count++];
    *request = (struct request){.from = removal->next, .to = removal->next};
    ops_buf_init(&request->body, BODY_LIMIT_BYTES);
    ops_buf_init(&request->path, PATH_MAX_BYTES);
    ops_buf_init(&request->query, PATH_MAX_BYTES);
    ops_s3_call_init(removal->bucket, call, method, ANSWER_MAX_BYTES);
    call->operation = operation;
    call->timeout_ms = TIMEOUT_MS;
    *ret_call = call;
    return request;
}

static enum ops_status add_many(struct removal *removal)
{
    struct ops_aws_call *call;
    struct request *request = add_request(removal, "POST", "DeleteObjects", &call);
    struct ops_buf *body = &request->body;
    ops_s3_delete_begin(body);
    while (request->to < removal->many_count && request->to - request->from < OPS_S3_DELETE_MAX &&
           body->length < BODY_MAX_BYTES) {
        struct record record = record_at(removal, request->to++);
        ops_s3_delete_add(body, record.key, record.id);
    }
    ops_s3_delete_end(body);
    call->query = "delete=";
    call->body = ops_buf_view(body);
    ops_aws_call_header(call, "content-type", "application/xml");
    enum ops_status status = ops_buf_status(body);
    return status == OPS_OK ? add_digest(request, call) : status;
}

static enum ops_status add_one(struct removal *removal)
{
    struct ops_aws_call *call;
    struct record record = record_at(removal, removal->next);
    struct request *request =
        add_request(removal, "DELETE", record.is_upload ? "AbortMultipartUpload" : "DeleteObject", &call);
    request->to++;
    ops_buf_append_char(&request->path, '/');
    ops_aws_percent_append(&request->path, record.key, true);
    if (record.id.length > 0) {
        ops_buf_append_text(&request->query, record.is_upload ? "uploadId=" : "versionId=");
        ops_aws_percent_append(&request->query, record.id, false);
    }
    call->path = ops_buf_text(&request->path);
    call->query = ops_buf_text(&request->query);
    enum ops_status status = ops_buf_status(&request->path);
    return status == OPS_OK ? ops_buf_status(&request->query) : status;
}

static enum ops_status fill_wave(struct removal *removal)
{
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && removal->request_count < WAVE_MAX && removal->next < removal->count) {
        status = removal->next < removal->many_count ? add_many(removal) : add_one(removal);
        removal->next = removal->requests[removal->request_count - 1].to;
    }
    return status;
}

static void empty_wave(struct removal *removal)
{
    for (size_t i = 0; i < removal->request_count; i++) {
        ops_aws_call_release(&removal->calls[i]);
        ops_buf_release(&removal->requests[i].body);
        ops_buf_release(&removal->requests[i].path);
        ops_buf_release(&removal->requests[i].query);
    }
    removal->request_count = 0;
}

/* ---- Outcomes ---- */

static void set_outcomes(struct removal *removal, const struct request *request, enum ops_removal outcome)
{
    for (size_t i = request->from; i < request->to; i++)
        *outcome_at(removal, i) = outcome;
    removal->any_removed = removal->any_removed || outcome == OPS_REMOVED;
}

/* What S3 says about one object of many (Amazon S3 API Reference, "Error responses"). What is not here was refused. */
static enum ops_removal outcome_of_code(const char *code)
{
    static const struct {
        const char *code;
        enum ops_removal outcome;
    } rows[] = {
        {"ConditionalRequestConflict", OPS_RETRY},
        {"InternalError", OPS_RETRY},
        {"NoSuchBucket", OPS_RETRY},
        {"NoSuchKey", OPS_REMOVED},
        {"NoSuchUpload", OPS_REMOVED},
        {"NoSuchVersion", OPS_REMOVED},
        {"OperationAborted", OPS_RETRY},
        {"RequestTimeout", OPS_RETRY},
        {"ServiceUnavailable", OPS_RETRY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(code, rows[i].code) == 0)
            return rows[i].outcome;
    return ops_aws_code_status(code, 0) == OPS_THROTTLED ? OPS_RETRY : OPS_FAILED;
}

/* Names a record that stays, with its version where it has one, and why. */
static void remark_refused(const struct removal *removal, size_t place, const char *reason)
{
    struct record record = record_at(removal, place);
    struct ops_buf name;
    ops_buf_init(&name, NAME_MAX_BYTES);
    ops_buf_append_view(&name, record.key);
    if (record.id.length > 0) {
        ops_buf_append_text(&name, record.is_upload ? " (upload " : " (version ");
        ops_buf_append_view(&name, record.id);
        ops_buf_append_char(&name, ')');
    }
    ops_remarks_add(removal->bucket->target.remarks, OPS_REMARK_REFUSED,
                    ops_buf_status(&name) == OPS_OK ? ops_buf_view(&name) : record.key, reason);
    ops_buf_release(&name);
}

static void say_refused(struct removal *removal, struct ops_view code, struct ops_view message)
{
    (void)ops_fail(removal->error, OPS_TARGET_ERROR, "S3 refuses to remove some of %s: %.*s: %.*s", removal->bucket->name,
                   (int)code.length, code.data, (int)message.length, message.data);
}

/* The errors of one request for many objects. */
struct errors {
    struct removal *removal;
    const struct request *request;
    bool strange; /* there was one about an object that was not asked for */
};

static void on_error(void *context, const struct ops_s3_error *error)
{
    struct errors *errors = context;
    struct removal *removal = errors->removal;
    char code[OPS_AWS_CODE_SIZE];
    (void)snprintf(code, sizeof code, "%.*s", (int)error->code.length, error->code.data);
    enum ops_removal outcome = outcome_of_code(code);
    bool found = false;
    char reason[REASON_SIZE];
    (void)snprintf(reason, sizeof reason, "%s%s%.*s", code, error->message.length > 0 ? ": " : "",
                   (int)error->message.length, error->message.data ? error->message.data : "");
    for (size_t i = errors->request->from; i < errors->request->to; i++) {
        struct record record = record_at(removal, i);
        if (!ops_view_equal(record.key, error->key) ||
            (error->version_id.length > 0 && !ops_view_equal(record.id, error->version_id)))
            continue;
        *outcome_at(removal, i) = outcome;
        found = true;
        if (outcome == OPS_FAILED)
            remark_refused(removal, i, reason);
    }
    errors->strange = errors->strange || !found;
    removal->throttled = removal->throttled || ops_aws_code_status(code, 0) == OPS_THROTTLED;
    if (outcome == OPS_FAILED)
        say_refused(removal, error->code, error->message);
    else if (outcome == OPS_RETRY && removal->error && !removal->error->text[0])
        (void)ops_fail(removal->error, OPS_STORE_UNAVAILABLE, "DeleteObjects: %s", reason);
}

/* What an answer does not name as not removed is removed, provided that it can be read from one end to the other and speaks
 * of nothing else. */
static void judge_many(struct removal *removal, const struct request *request, const struct ops_aws_call *call)
{
    struct errors errors = {.removal = removal, .request = request};
    set_outcomes(removal, request, OPS_REMOVED);
    enum ops_status status = ops_s3_errors_read(ops_buf_view(&call->response.body), on_error, &errors);
    if (status != OPS_OK || errors.strange)
        set_outcomes(removal, request, OPS_RETRY);
    if (status == OPS_NO_MEMORY)
        removal->status = OPS_NO_MEMORY;
}

static const char *right_of(const struct removal *removal, const struct request *request)
{
    struct record record = record_at(removal, request->from);
    if (record.is_upload)
        return "s3:AbortMultipartUpload";
    return record.id.length > 0 ? "s3:DeleteObjectVersion" : "s3:DeleteObject";
}

/* A request that was refused as a whole. That the bucket can't be used any more is said of the bucket; that this request
 * can't be right (400), of its keys. */
static void judge_refusal(struct removal *removal, const struct request *request, const struct ops_aws_call *call)
{
    if (ops_aws_answer_rejects_keys(call) || ops_aws_answer_rejects_time(call))
        return;
    enum ops_removal outcome = outcome_of_code(call->code);
    set_outcomes(removal, request, outcome);
    if (outcome == OPS_RETRY)
        ops_aws_answer_note(call, removal->error);
    if (outcome != OPS_FAILED)
        return;
    char reason[OPS_AWS_REASON_SIZE];
    (void)ops_aws_answer_reason(call, reason);
    for (size_t i = request->from; i < request->to; i++)
        remark_refused(removal, i, reason);
    bool of_bucket = request->from < removal->many_count && call->response.status != 400;
    enum ops_status status = ops_s3_call_status(removal->bucket, call, right_of(removal, request), removal->error);
    if (of_bucket && removal->status == OPS_OK)
        removal->status = status;
}

static void judge(struct removal *removal, const struct request *request, const struct ops_aws_call *call)
{
    switch (call->status) {
    case OPS_OK:
        if (request->from < removal->many_count)
            judge_many(removal, request, call);
        else
            set_outcomes(removal, request, OPS_REMOVED);
        break;
    case OPS_NO_MEMORY:
        removal->status = OPS_NO_MEMORY;
        break;
    case OPS_THROTTLED:
        removal->throttled = true;
        ops_aws_answer_note(call, removal->error);
        break;
    case OPS_TARGET_MISSING:
    case OPS_TARGET_ERROR:
        if (ops_s3_call_misses_bucket(call))
            removal->status = ops_s3_call_status(removal->bucket, call, right_of(removal, request), removal->error);
        else
            judge_refusal(removal, request, call);
        break;
    default:
        ops_aws_answer_note(call, removal->error);
        break; /* it may have happened or not: another time */
    }
}

static void send_wave(struct removal *removal)
{
    struct ops_aws_stack *stack = removal->bucket->stack;
    struct ops_aws_pacer *pacer = &stack->pacers[OPS_AWS_S3];
    removal->throttled = false;
    size_t width = ops_aws_pacer_enter(pacer, removal->request_count);
    ops_aws_call_send_all(stack->client, removal->calls, removal->request_count, width, BEGIN_WITHIN_MS);
    for (size_t i = 0; i < removal->request_count; i++)
        judge(removal, &removal->requests[i], &removal->calls[i]);
    ops_aws_pacer_leave(pacer, width, removal->throttled);
}

static void send_waves(struct removal *removal)
{
    struct ops_clock *clock = removal->bucket->stack->pacers[OPS_AWS_S3].clock;
    int64_t begun_ms = ops_clock_monotonic_ms(clock);
    while (removal->status == OPS_OK && removal->next < removal->count &&
           ops_clock_monotonic_ms(clock) - begun_ms <= WAVES_BEGIN_WITHIN_MS) {
        removal->status = fill_wave(removal);
        if (removal->status == OPS_OK)
            send_wave(removal);
        empty_wave(removal);
    }
}

enum ops_status ops_s3_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                              enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct ops_s3_bucket *bucket = (struct ops_s3_bucket *)self;
    if (bucket->needs_mfa)
        return ops_fail(error, OPS_TARGET_ERROR,
                        "The bucket %s has MFA delete on: only its owner, with a device, can remove versions.",
                        bucket->name);
    struct removal *removal = ops_mem_zeroed(1, sizeof *removal);
    uint32_t *order = ops_mem_alloc(count * sizeof *order);
    enum ops_status status = OPS_NO_MEMORY;
    if (removal && order) {
        removal->bucket = bucket;
        removal->keys = keys;
        removal->outcomes = ret_outcomes;
        removal->count = count;
        removal->order = order;
        removal->error = error;
        removal->status = OPS_OK;
        put_in_order(removal);
        send_waves(removal);
        /* Where something was removed, the bucket can be used, and the outcomes say the rest. */
        status = removal->status == OPS_TARGET_ERROR && removal->any_removed ? OPS_OK : removal->status;
    }
    ops_mem_free(order);
    ops_mem_free(removal);
    return status;
}
