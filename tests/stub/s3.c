/* S3: which operation a request is about, and the small ones. Source: Amazon S3 API Reference. */
#include "stub/s3.h"

#include <stdio.h>

struct stub_bucket *stub_bucket_of_call(struct stub_call *call)
{
    struct stub_bucket *bucket = stub_map_get(&call->world->buckets, ops_buf_view(&call->bucket));
    if (!bucket)
        stub_refuse(call, 404, "NoSuchBucket", "The specified bucket does not exist");
    return bucket;
}

void stub_s3_begin(struct stub_call *call, const char *root)
{
    call->answer->content_type = "application/xml";
    ops_buf_append_format(&call->answer->body,
                          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"" STUB_S3_NAMESPACE "\">", root);
}

/* ---- Small operations ---- */

static void list_buckets(struct stub_call *call)
{
    const struct stub_map *buckets = &call->world->buckets;
    struct ops_buf *body = &call->answer->body;
    stub_s3_begin(call, "ListAllMyBucketsResult");
    ops_buf_append_text(body, "<Owner><ID>" STUB_S3_OWNER "</ID></Owner><Buckets>");
    for (size_t i = 0; i < buckets->count; i++) {
        ops_buf_append_text(body, "<Bucket>");
        stub_append_element(body, "Name", ops_view_of(buckets->entries[i].name));
        ops_buf_append_text(body, "<CreationDate>" STUB_S3_DATE "</CreationDate></Bucket>");
    }
    ops_buf_append_text(body, "</Buckets></ListAllMyBucketsResult>");
}

static void head_bucket(struct stub_call *call)
{
    if (!stub_bucket_of_call(call))
        return;
    call->answer->content_type = "application/xml";
    ops_buf_append_text(&call->answer->headers, "x-amz-bucket-region: " STUB_REGION "\r\n");
}

/* us-east-1 has no name here (GetBucketLocation, "LocationConstraint"). */
static void get_location(struct stub_call *call)
{
    if (!stub_bucket_of_call(call))
        return;
    stub_s3_begin(call, "LocationConstraint");
    ops_buf_append_text(&call->answer->body, "</LocationConstraint>");
}

static void get_versioning(struct stub_call *call)
{
    static const char *const words[] = {"", "<Status>Enabled</Status>", "<Status>Suspended</Status>"};
    const struct stub_bucket *bucket = stub_bucket_of_call(call);
    if (!bucket)
        return;
    stub_s3_begin(call, "VersioningConfiguration");
    ops_buf_append_text(&call->answer->body, words[bucket->versioning]);
    ops_buf_append_text(&call->answer->body, "</VersioningConfiguration>");
}

static void get_object_lock(struct stub_call *call)
{
    const struct stub_bucket *bucket = stub_bucket_of_call(call);
    if (bucket && bucket->lock_days == 0) {
        stub_refuse(call, 404, "ObjectLockConfigurationNotFoundError",
                    "Object Lock configuration does not exist for this bucket");
    } else if (bucket) {
        stub_s3_begin(call, "ObjectLockConfiguration");
        ops_buf_append_format(&call->answer->body,
                              "<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode>"
                              "<Days>%zu</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
                              bucket->lock_days);
    }
}

/* Whether the upload id is that of the upload with this number. */
static bool is_upload(const struct stub_call *call, size_t number)
{
    char expected[32];
    struct ops_buf id;
    stub_buf_init(&id);
    (void)stub_request_parameter(call->request, "uploadId", &id); /* the route has seen it */
    (void)snprintf(expected, sizeof expected, STUB_S3_UPLOAD_FORMAT, number);
    bool same = ops_view_is(ops_buf_view(&id), expected);
    ops_buf_release(&id);
    return same;
}

static void abort_upload(struct stub_call *call)
{
    struct stub_bucket *bucket = stub_bucket_of_call(call);
    size_t number;
    if (!bucket)
        return;
    if (stub_keys_find(&bucket->uploads, ops_buf_view(&call->key), &number) && is_upload(call, number) &&
        stub_bits_set(&bucket->uploads_gone, number)) {
        bucket->deleted_count++;
        call->answer->status = 204;
        return;
    }
    bucket->deleted_again_count++;
    stub_refuse(call, 404, "NoSuchUpload", "The specified upload does not exist.");
}

static void unknown_operation(struct stub_call *call)
{
    stub_refuse(call, 501, "NotImplemented", "The stub does not know this operation.");
}

/* ---- Routes ---- */

enum level { LEVEL_SERVICE, LEVEL_BUCKET, LEVEL_OBJECT };

extern const struct stub_operation stub_s3_operations[];
const struct stub_operation stub_s3_operations[] = {
    {"ListBuckets", list_buckets, true},
    {"HeadBucket", head_bucket, true},
    {"GetBucketVersioning", get_versioning, true},
    {"GetObjectLockConfiguration", get_object_lock, true},
    {"GetBucketLocation", get_location, true},
    {"ListObjectVersions", stub_s3_list_versions, true},
    {"ListMultipartUploads", stub_s3_list_uploads, true},
    {"ListObjectsV2", stub_s3_list_objects, true},
    {"DeleteObjects", stub_s3_delete_objects, true},
    {"AbortMultipartUpload", abort_upload, true},
    {"DeleteObject", stub_s3_delete_object, true},
    {NULL, unknown_operation, true},
};

/* The first that fits, in the order of the operations. */
static const struct {
    const char *method;
    enum level level;
    const char *parameter; /* NULL: any */
} routes[] = {
    {"GET", LEVEL_SERVICE, NULL},         {"HEAD", LEVEL_BUCKET, NULL},       {"GET", LEVEL_BUCKET, "versioning"},
    {"GET", LEVEL_BUCKET, "object-lock"}, {"GET", LEVEL_BUCKET, "location"},  {"GET", LEVEL_BUCKET, "versions"},
    {"GET", LEVEL_BUCKET, "uploads"},     {"GET", LEVEL_BUCKET, "list-type"}, {"POST", LEVEL_BUCKET, "delete"},
    {"DELETE", LEVEL_OBJECT, "uploadId"}, {"DELETE", LEVEL_OBJECT, NULL},
};

enum { ROUTE_COUNT = sizeof routes / sizeof routes[0] };

/* The part of the host name that is a bucket: what stands before ".s3." or ".localhost", else the first label. Nothing for
 * an address, for "localhost" and for the service's own name. */
static struct ops_view bucket_of_host(struct ops_view host)
{
    const char *colon = memchr(host.data ? host.data : "", ':', host.length);
    if (colon)
        host.length = (size_t)(colon - host.data);
    size_t digits = 0;
    while (digits < host.length && strchr("0123456789.", host.data[digits]))
        digits++;
    if (digits == host.length || ops_view_starts_with(host, ops_view_of("s3.")) || !memchr(host.data, '.', host.length))
        return ops_view("", 0);
    const char *end = memmem(host.data, host.length, ".s3.", 4);
    if (!end)
        end = memmem(host.data, host.length, ".localhost", strlen(".localhost"));
    if (!end)
        end = memchr(host.data, '.', host.length);
    return ops_view(host.data, (size_t)(end - host.data));
}

static void read_names(struct stub_call *call)
{
    struct ops_view path = call->request->path;
    struct ops_view bucket = bucket_of_host(stub_request_header(call->request, "host"));
    path = ops_view(path.data + 1, path.length - 1);
    if (!bucket.length) {
        const char *slash = memchr(path.data, '/', path.length);
        bucket = ops_view(path.data, slash ? (size_t)(slash - path.data) : path.length);
        size_t skip = bucket.length + (slash != NULL);
        path = ops_view(path.data + skip, path.length - skip);
    }
    stub_percent_decode(bucket, &call->bucket);
    stub_percent_decode(path, &call->key);
}

const struct stub_operation *stub_s3_route(struct stub_call *call)
{
    read_names(call);
    enum level level = call->key.length ? LEVEL_OBJECT : call->bucket.length ? LEVEL_BUCKET : LEVEL_SERVICE;
    size_t i = 0;
    while (i < ROUTE_COUNT && (routes[i].level != level || !ops_view_is(call->request->method, routes[i].method) ||
                               (routes[i].parameter && !stub_request_parameter(call->request, routes[i].parameter, NULL))))
        i++;
    return &stub_s3_operations[i];
}
