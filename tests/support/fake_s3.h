/* S3 in memory, behind the port of HTTP clients: one bucket, with versions and unfinished uploads, in the words of the
 * Amazon S3 API Reference. What the service does and emulators do not is done here: listings in the order of their keys with
 * the newest version first, a plus for a blank, at most 1000 records in a listing whatever is asked for, markers that are
 * not there any more. It also answers STS GetCallerIdentity. What other servers of the protocol do differently is done when
 * a test asks for it.
 *
 * A test may look at each request before it is carried out, and answer in S3's place.
 */
#ifndef OPS_TESTS_FAKE_S3_H
#define OPS_TESTS_FAKE_S3_H

#include "ports/http_client.h"

#define FAKE_S3_ACCOUNT "123456789012"

enum fake_s3_versioning { FAKE_S3_UNVERSIONED, FAKE_S3_ENABLED, FAKE_S3_SUSPENDED };

enum fake_s3_operation {
    FAKE_S3_OTHER, /* of the JSON protocol: there are no tables and no log groups */
    FAKE_S3_STS,
    FAKE_S3_LIST_BUCKETS,
    FAKE_S3_GET_VERSIONING,
    FAKE_S3_GET_LOCK,
    FAKE_S3_LIST_OBJECTS,
    FAKE_S3_LIST_VERSIONS,
    FAKE_S3_LIST_UPLOADS,
    FAKE_S3_DELETE_MANY,
    FAKE_S3_DELETE_ONE,
    FAKE_S3_ABORT_UPLOAD,
    FAKE_S3_OPERATION_COUNT
};

struct fake_s3_record {
    char *key;
    char *id; /* "null" in a bucket without versions */
    bool is_marker;
    bool is_upload;
    int64_t size_bytes;
};

struct fake_s3;

/* True: the test has answered, with ret_status and, for OPS_OK, an HTTP status and a body. */
typedef bool (*fake_s3_hook_fn)(struct fake_s3 *s3, enum fake_s3_operation operation, const struct ops_http_request *request,
                                struct ops_http_response *response, enum ops_status *ret_status);

struct fake_s3 {
    struct ops_http_client base;
    const char *bucket;
    enum fake_s3_versioning versioning;
    bool mfa_delete;
    const char *object_lock; /* what stands in ObjectLockConfiguration; NULL: there is none */
    size_t listing_max;  /* records in one listing; 0: 1000 */
    bool markers_last;   /* a listing of versions has its delete markers behind all its versions, as moto's has */
    bool adds_to_keys;   /* NextKeyMarker is the key with something behind it that is no part of it, as MinIO's is */
    bool begins_again;   /* behind a version that has gone, the rest of its key is listed from its newest on, as by MinIO */
    bool begins_with_it; /* behind a key and no version, the key itself comes first, as by SeaweedFS */
    struct fake_s3_record *records; /* in the order of listings */
    size_t count;
    size_t capacity;
    unsigned next_id;
    fake_s3_hook_fn hook; /* NULL: none */
    size_t calls[FAKE_S3_OPERATION_COUNT];
    size_t ownerless_count; /* calls about the bucket without the right x-amz-expected-bucket-owner */
};

/* bucket stays the caller's. */
void fake_s3_init(struct fake_s3 *s3, const char *bucket, enum fake_s3_versioning versioning);
void fake_s3_release(struct fake_s3 *s3);

/* An object of 7 bytes; in a bucket with versioning its newest version. */
void fake_s3_put(struct fake_s3 *s3, const char *key);
/* What a DELETE of the key without a version does. */
void fake_s3_delete(struct fake_s3 *s3, const char *key);
void fake_s3_begin_upload(struct fake_s3 *s3, const char *key);

/* Whether the key is there, in any version, marker or upload. */
bool fake_s3_has(const struct fake_s3 *s3, const char *key);

/* Answers in S3's place: for the hook. */
bool fake_s3_answer(struct ops_http_response *response, int http_status, const char *body, enum ops_status *ret_status);

#endif
