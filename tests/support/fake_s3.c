#include "support/fake_s3.h"

#include "adapters/aws/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"

enum { PARAMETER_SIZE = 8192, LISTING_MAX = 1000, ID_SIZE = 40, OBJECT_BYTES = 7 };

/* ---- The bucket ---- */

static char *copy(const char *text)
{
    char *copied = strdup(text);
    if (!copied)
        abort();
    return copied;
}

/* The first record that does not come before the key. */
static size_t seek(const struct fake_s3 *s3, const char *key)
{
    size_t low = 0, high = s3->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(s3->records[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct fake_s3 *s3, size_t place, struct fake_s3_record record)
{
    if (s3->count == s3->capacity) {
        s3->capacity = s3->capacity ? 2 * s3->capacity : 64;
        s3->records = realloc(s3->records, s3->capacity * sizeof *s3->records);
        if (!s3->records)
            abort();
    }
    memmove(&s3->records[place + 1], &s3->records[place], (s3->count - place) * sizeof record);
    s3->records[place] = record;
    s3->count++;
}

static void take_out(struct fake_s3 *s3, size_t place)
{
    free(s3->records[place].key);
    free(s3->records[place].id);
    memmove(&s3->records[place], &s3->records[place + 1], (s3->count - place - 1) * sizeof s3->records[0]);
    s3->count--;
}

/* The place of a record; count when it is not there. */
static size_t find(const struct fake_s3 *s3, const char *key, const char *id, bool is_upload)
{
    for (size_t i = seek(s3, key); i < s3->count && strcmp(s3->records[i].key, key) == 0; i++)
        if (s3->records[i].is_upload == is_upload && strcmp(s3->records[i].id, id) == 0)
            return i;
    return s3->count;
}

void fake_s3_init(struct fake_s3 *s3, const char *bucket, enum fake_s3_versioning versioning)
{
    extern const struct ops_http_client_ops fake_s3_ops;
    *s3 = (struct fake_s3){.base = {&fake_s3_ops}, .bucket = bucket, .versioning = versioning};
}

void fake_s3_release(struct fake_s3 *s3)
{
    while (s3->count > 0)
        take_out(s3, s3->count - 1);
    free(s3->records);
    s3->records = NULL;
    s3->capacity = 0;
}

static void add(struct fake_s3 *s3, const char *key, bool is_marker)
{
    char id[ID_SIZE] = "null";
    if (s3->versioning == FAKE_S3_ENABLED)
        (void)snprintf(id, sizeof id, "version/%06u+=", s3->next_id++);
    else if (find(s3, key, id, false) < s3->count)
        take_out(s3, find(s3, key, id, false));
    insert(s3, seek(s3, key), (struct fake_s3_record){copy(key), copy(id), is_marker, false, is_marker ? 0 : OBJECT_BYTES});
}

void fake_s3_put(struct fake_s3 *s3, const char *key)
{
    add(s3, key, false);
}

void fake_s3_delete(struct fake_s3 *s3, const char *key)
{
    size_t place = find(s3, key, "null", false);
    if (s3->versioning != FAKE_S3_UNVERSIONED)
        add(s3, key, true);
    else if (place < s3->count)
        take_out(s3, place);
}

/* Uploads of a key are listed in the order of their beginnings. */
void fake_s3_begin_upload(struct fake_s3 *s3, const char *key)
{
    char id[ID_SIZE];
    (void)snprintf(id, sizeof id, "upload~%06u", s3->next_id++);
    size_t place = seek(s3, key);
    while (place < s3->count && strcmp(s3->records[place].key, key) == 0)
        place++;
    insert(s3, place, (struct fake_s3_record){copy(key), copy(id), false, true, 0});
}

bool fake_s3_has(const struct fake_s3 *s3, const char *key)
{
    size_t place = seek(s3, key);
    return place < s3->count && strcmp(s3->records[place].key, key) == 0;
}

/* ---- Requests ---- */

static void decode(const char *from, size_t length, char *to, size_t size)
{
    size_t out = 0;
    for (size_t i = 0; i < length && out + 1 < size; i++) {
        unsigned byte = (unsigned char)from[i];
        if (from[i] == '%' && length - i > 2) {
            (void)sscanf(from + i + 1, "%2x", &byte);
            i += 2;
        }
        to[out++] = (char)byte;
    }
    to[out] = '\0';
}

/* False: it is not there; "" in ret_value then. */
static bool parameter(const struct ops_http_request *request, const char *name, char ret_value[static PARAMETER_SIZE])
{
    const char *at = strchr(request->url, '?');
    ret_value[0] = '\0';
    while (at && *at) {
        size_t length = strcspn(++at, "&"), name_length = strlen(name);
        if (strncmp(at, name, name_length) == 0 && (name_length == length || at[name_length] == '=')) {
            if (length > name_length)
                decode(at + name_length + 1, length - name_length - 1, ret_value, PARAMETER_SIZE);
            return true;
        }
        at += length;
    }
    return false;
}

static const char *header(const struct ops_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return "";
}

/* The path below the bucket, "" for the bucket itself; NULL: no bucket is named. */
static const char *key_of(const struct ops_http_request *request, char bucket[static PARAMETER_SIZE],
                          char key[static PARAMETER_SIZE])
{
    const char *path = strchr(strstr(request->url, "://") + 3, '/') + 1;
    size_t bucket_length = strcspn(path, "/?"), rest = bucket_length + (path[bucket_length] == '/');
    decode(path, bucket_length, bucket, PARAMETER_SIZE);
    decode(path + rest, strcspn(path + rest, "?"), key, PARAMETER_SIZE);
    return bucket_length > 0 ? key : NULL;
}

static enum fake_s3_operation operation_of(const struct ops_http_request *request, const char *key)
{
    char value[PARAMETER_SIZE];
    if (header(request, "x-amz-target")[0])
        return FAKE_S3_OTHER;
    if (request->body.length > 0 && strncmp(request->body.data, "Action=", 7) == 0)
        return FAKE_S3_STS;
    if (!key)
        return FAKE_S3_LIST_BUCKETS;
    if (strcmp(request->method, "POST") == 0)
        return FAKE_S3_DELETE_MANY;
    if (strcmp(request->method, "DELETE") == 0)
        return parameter(request, "uploadId", value) ? FAKE_S3_ABORT_UPLOAD : FAKE_S3_DELETE_ONE;
    if (parameter(request, "versioning", value))
        return FAKE_S3_GET_VERSIONING;
    if (parameter(request, "object-lock", value))
        return FAKE_S3_GET_LOCK;
    if (parameter(request, "versions", value))
        return FAKE_S3_LIST_VERSIONS;
    return parameter(request, "uploads", value) ? FAKE_S3_LIST_UPLOADS : FAKE_S3_LIST_OBJECTS;
}

bool fake_s3_answer(struct ops_http_response *response, int http_status, const char *body, enum ops_status *ret_status)
{
    response->status = http_status;
    ops_buf_append_text(&response->body, body);
    *ret_status = ops_buf_status(&response->body);
    return true;
}

static void refuse(struct ops_http_response *response, int http_status, const char *code)
{
    response->status = http_status;
    ops_buf_append_format(&response->body,
                          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                          "<Message>The fake says %s</Message></Error>",
                          code, code);
}

/* ---- Listings ---- */

static void append_url(struct ops_buf *buf, const char *text)
{
    for (; *text; text++) {
        if (*text == ' ')
            ops_buf_append_char(buf, '+');
        else if (strchr("/-_.*", *text) || (*text >= '0' && *text <= '9') || ((*text | 32) >= 'a' && (*text | 32) <= 'z'))
            ops_buf_append_char(buf, *text);
        else
            ops_buf_append_format(buf, "%%%02X", (unsigned char)*text);
    }
}

static void append_record(struct ops_buf *body, enum fake_s3_operation list, const struct fake_s3_record *record)
{
    const char *element = list == FAKE_S3_LIST_UPLOADS   ? "Upload"
                          : list == FAKE_S3_LIST_OBJECTS ? "Contents"
                          : record->is_marker            ? "DeleteMarker"
                                                         : "Version";
    ops_buf_append_format(body, "<%s><Key>", element);
    append_url(body, record->key);
    ops_buf_append_text(body, "</Key>");
    if (list == FAKE_S3_LIST_UPLOADS)
        ops_buf_append_format(body, "<UploadId>%s</UploadId><Initiated>2024-01-02T03:04:05.000Z</Initiated>", record->id);
    if (list == FAKE_S3_LIST_VERSIONS)
        ops_buf_append_format(body, "<VersionId>%s</VersionId><IsLatest>false</IsLatest>", record->id);
    if (list != FAKE_S3_LIST_UPLOADS && !record->is_marker)
        ops_buf_append_format(
            body,
            "<LastModified>2024-01-02T03:04:05.000Z</LastModified><ETag>&quot;"
            "d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
            "<ChecksumType>FULL_OBJECT</ChecksumType><Size>%lld</Size><StorageClass>STANDARD</StorageClass>",
            (long long)record->size_bytes);
    if (list != FAKE_S3_LIST_OBJECTS)
        ops_buf_append_text(body,
                            "<Owner><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID></Owner>");
    ops_buf_append_format(body, "</%s>", element);
}

/* What a listing shows: of an unversioned or suspended bucket's objects the current ones. */
static bool shows(const struct fake_s3 *s3, enum fake_s3_operation list, size_t place)
{
    const struct fake_s3_record *record = &s3->records[place];
    if (list == FAKE_S3_LIST_UPLOADS || record->is_upload)
        return list == FAKE_S3_LIST_UPLOADS && record->is_upload;
    if (list == FAKE_S3_LIST_VERSIONS)
        return true;
    bool is_current = place == 0 || strcmp(s3->records[place - 1].key, record->key) != 0;
    return is_current && !record->is_marker;
}

/* Where a listing goes on. */
struct marker {
    char key[PARAMETER_SIZE];
    char id[PARAMETER_SIZE];
    bool with_key; /* without an id the key itself is not left out */
};

#define ADDED "[cache:v2]"

static void read_marker(const struct fake_s3 *s3, enum fake_s3_operation list, const struct ops_http_request *request,
                        struct marker *marker)
{
    (void)parameter(request, list == FAKE_S3_LIST_OBJECTS ? "start-after" : "key-marker", marker->key);
    (void)parameter(request, list == FAKE_S3_LIST_UPLOADS ? "upload-id-marker" : "version-id-marker", marker->id);
    char *added = strstr(marker->key, ADDED);
    if (added)
        *added = '\0';
    bool has_gone = marker->id[0] && find(s3, marker->key, marker->id, list == FAKE_S3_LIST_UPLOADS) == s3->count;
    marker->with_key = s3->begins_with_it || (s3->begins_again && has_gone);
    if (s3->begins_again && has_gone)
        marker->id[0] = '\0';
}

/* Behind a marker that may be gone: ids of both kinds grow, versions are listed backwards. */
static bool is_behind(const struct fake_s3_record *record, const struct marker *marker)
{
    int order = strcmp(record->key, marker->key);
    if (order != 0 || !marker->id[0])
        return order > 0 || (order == 0 && marker->with_key);
    bool newer = strcmp(record->id, marker->id) > 0;
    return record->is_upload ? newer : !newer && strcmp(record->id, marker->id) != 0;
}

static void append_records(const struct fake_s3 *s3, enum fake_s3_operation list, const size_t *places, size_t count,
                           struct ops_buf *body)
{
    for (int turn = 0; turn < (s3->markers_last ? 2 : 1); turn++)
        for (size_t i = 0; i < count; i++)
            if (!s3->markers_last || s3->records[places[i]].is_marker == (turn == 1))
                append_record(body, list, &s3->records[places[i]]);
}

static void append_next(const struct fake_s3 *s3, const struct fake_s3_record *last, struct ops_buf *body)
{
    const char *what = last->is_upload ? "Upload" : "Version";
    ops_buf_append_text(body, "<NextKeyMarker>");
    append_url(body, last->key);
    append_url(body, s3->adds_to_keys ? ADDED : "");
    ops_buf_append_format(body, "</NextKeyMarker><Next%sIdMarker>%s</Next%sIdMarker>", what, last->id, what);
}

static void answer_listing(const struct fake_s3 *s3, enum fake_s3_operation list, const struct ops_http_request *request,
                           struct ops_buf *body)
{
    char prefix[PARAMETER_SIZE], most[PARAMETER_SIZE];
    const char *root = list == FAKE_S3_LIST_UPLOADS    ? "ListMultipartUploadsResult"
                       : list == FAKE_S3_LIST_VERSIONS ? "ListVersionsResult"
                                                       : "ListBucketResult";
    struct marker marker;
    size_t places[LISTING_MAX];
    read_marker(s3, list, request, &marker);
    (void)parameter(request, "prefix", prefix);
    (void)parameter(request, list == FAKE_S3_LIST_UPLOADS ? "max-uploads" : "max-keys", most);
    size_t limit = strtoul(most, NULL, 10), count = 0;
    bool more = false;
    size_t limit_max = s3->listing_max ? s3->listing_max : LISTING_MAX;
    limit = limit > limit_max ? limit_max : limit;
    ops_buf_append_format(body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s" NAMESPACE "<Name>%s</Name>", root,
                          s3->bucket);
    for (size_t i = seek(s3, marker.key[0] && strcmp(marker.key, prefix) > 0 ? marker.key : prefix); i < s3->count && !more;
         i++) {
        const struct fake_s3_record *record = &s3->records[i];
        if (strncmp(record->key, prefix, strlen(prefix)) != 0)
            break;
        if (!shows(s3, list, i) || (marker.key[0] && !is_behind(record, &marker)))
            continue;
        more = count == limit;
        if (!more)
            places[count++] = i;
    }
    append_records(s3, list, places, count, body);
    if (more && list == FAKE_S3_LIST_OBJECTS)
        ops_buf_append_text(body, "<NextContinuationToken>of no use to who goes by keys</NextContinuationToken>");
    else if (more && count > 0)
        append_next(s3, &s3->records[places[count - 1]], body);
    ops_buf_append_format(body, "<EncodingType>url</EncodingType><IsTruncated>%s</IsTruncated></%s>",
                          more ? "true" : "false", root);
}

/* ---- Deletions ---- */

/* False: there is no such version or upload. */
static bool delete_record(struct fake_s3 *s3, const char *key, const char *id, bool is_upload)
{
    if (!id[0]) {
        fake_s3_delete(s3, key);
        return true;
    }
    size_t place = find(s3, key, id, is_upload);
    if (place == s3->count)
        return !is_upload; /* a version that is not there is deleted all the same */
    take_out(s3, place);
    return true;
}

struct deletion {
    struct fake_s3 *s3;
    char key[PARAMETER_SIZE];
    char id[PARAMETER_SIZE];
};

static bool deletion_begin(void *context, const char *name)
{
    struct deletion *deletion = context;
    if (strcmp(name, "Object") == 0)
        deletion->key[0] = deletion->id[0] = '\0';
    return true;
}

static enum ops_status deletion_end(void *context, const char *name, struct ops_view text)
{
    struct deletion *deletion = context;
    if (strcmp(name, "Key") == 0)
        (void)snprintf(deletion->key, PARAMETER_SIZE, "%.*s", (int)text.length, text.data);
    else if (strcmp(name, "VersionId") == 0)
        (void)snprintf(deletion->id, PARAMETER_SIZE, "%.*s", (int)text.length, text.data);
    else if (strcmp(name, "Object") == 0)
        (void)delete_record(deletion->s3, deletion->key, deletion->id, false);
    return OPS_OK;
}

static enum ops_status delete_many(struct fake_s3 *s3, const struct ops_http_request *request,
                                   struct ops_http_response *response)
{
    struct deletion deletion = {.s3 = s3};
    const struct ops_xml_handler handler = {.context = &deletion, .begin = deletion_begin, .end = deletion_end};
    enum ops_status status = ops_xml_read(request->body, &handler);
    if (status == OPS_NO_MEMORY)
        return status;
    if (!header(request, "content-md5")[0] || status != OPS_OK)
        refuse(response, 400, "MalformedXML");
    else
        ops_buf_append_text(&response->body,
                            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeleteResult" NAMESPACE "</DeleteResult>");
    return ops_buf_status(&response->body);
}

static void delete_one(struct fake_s3 *s3, const struct ops_http_request *request, const char *key, bool is_upload,
                       struct ops_http_response *response)
{
    char id[PARAMETER_SIZE];
    (void)parameter(request, is_upload ? "uploadId" : "versionId", id);
    response->status = 204;
    if (!delete_record(s3, key, id, is_upload))
        refuse(response, 404, "NoSuchUpload");
}

/* ---- The client ---- */

static enum ops_status carry_out(struct fake_s3 *s3, enum fake_s3_operation operation,
                                 const struct ops_http_request *request, const char *key, struct ops_http_response *response)
{
    static const char *const statuses[] = {"", "<Status>Enabled</Status>", "<Status>Suspended</Status>"};
    response->status = 200;
    switch (operation) {
    case FAKE_S3_OTHER:
        ops_buf_append_text(&response->body, "{\"TableNames\":[],\"logGroups\":[]}");
        break;
    case FAKE_S3_STS:
        ops_buf_append_text(&response->body, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>" FAKE_S3_ACCOUNT
                                             "</Account></GetCallerIdentityResult></GetCallerIdentityResponse>");
        break;
    case FAKE_S3_LIST_BUCKETS:
        ops_buf_append_format(&response->body,
                              "<ListAllMyBucketsResult" NAMESPACE "<Buckets><Bucket><Name>%s</Name></Bucket></Buckets>"
                              "</ListAllMyBucketsResult>",
                              s3->bucket);
        break;
    case FAKE_S3_GET_VERSIONING:
        ops_buf_append_format(&response->body, "<VersioningConfiguration" NAMESPACE "%s%s</VersioningConfiguration>",
                              statuses[s3->versioning], s3->mfa_delete ? "<MfaDelete>Enabled</MfaDelete>" : "");
        break;
    case FAKE_S3_GET_LOCK:
        if (!s3->object_lock)
            refuse(response, 404, "ObjectLockConfigurationNotFoundError");
        else
            ops_buf_append_format(&response->body, "<ObjectLockConfiguration" NAMESPACE "%s</ObjectLockConfiguration>",
                                  s3->object_lock);
        break;
    case FAKE_S3_DELETE_MANY:
        return delete_many(s3, request, response);
    case FAKE_S3_DELETE_ONE:
    case FAKE_S3_ABORT_UPLOAD:
        delete_one(s3, request, key, operation == FAKE_S3_ABORT_UPLOAD, response);
        break;
    default:
        answer_listing(s3, operation, request, &response->body);
        break;
    }
    return ops_buf_status(&response->body);
}

static enum ops_status fake_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                     struct ops_http_response *response, struct ops_error *error)
{
    struct fake_s3 *s3 = (struct fake_s3 *)self;
    char bucket[PARAMETER_SIZE], room[PARAMETER_SIZE];
    const char *key = key_of(request, bucket, room);
    enum fake_s3_operation operation = operation_of(request, key);
    bool is_about_bucket = operation > FAKE_S3_LIST_BUCKETS;
    enum ops_status status = OPS_OK;
    (void)error;
    s3->calls[operation]++;
    if (is_about_bucket && strcmp(header(request, "x-amz-expected-bucket-owner"), FAKE_S3_ACCOUNT) != 0)
        s3->ownerless_count++;
    if (s3->hook && s3->hook(s3, operation, request, response, &status))
        return status;
    if (is_about_bucket && strcmp(bucket, s3->bucket) != 0)
        refuse(response, 404, "NoSuchBucket");
    else
        return carry_out(s3, operation, request, key, response);
    return ops_buf_status(&response->body);
}

static void fake_free(struct ops_http_client *self)
{
    fake_s3_release((struct fake_s3 *)self);
}

extern const struct ops_http_client_ops fake_s3_ops;
const struct ops_http_client_ops fake_s3_ops = {.exchange = fake_exchange, .release = fake_free};
