/* The answers with which S3 lists what a bucket holds: ListObjectsV2, ListObjectVersions, ListMultipartUploads.
 *
 * Source: Amazon S3 API Reference, the pages of these three operations. Keys are asked for with encoding-type=url, since XML
 * 1.0 can't carry all that a key may hold; a server that does not know that parameter gives them as they are and says so by
 * an EncodingType that is empty or missing.
 */
#ifndef OPS_ADAPTERS_AWS_BUCKET_LIST_H
#define OPS_ADAPTERS_AWS_BUCKET_LIST_H

#include "base/buf.h"

#include <stdint.h>

enum ops_s3_list { OPS_S3_OBJECTS, OPS_S3_VERSIONS, OPS_S3_UPLOADS, OPS_S3_LIST_COUNT };

/* Views into the listing. */
struct ops_s3_entry {
    struct ops_view key;
    struct ops_view id; /* of the version or upload; empty for an object */
    int64_t size_bytes; /* 0 of a delete marker and of an upload */
};

/* One answer, sorted by key. The order of one key's records says nothing: S3 gives them from the newest to the oldest,
 * others all delete markers behind all versions. Where the server goes on is what it says itself, in words that may be no
 * key: MinIO puts "[minio_cache:v2,...]" behind one. Keep it and read the next one into it: its memory is used again. */
struct ops_s3_listing {
    struct ops_s3_entry *entries;
    size_t count;
    size_t capacity;
    char *text; /* what the views look at */
    size_t text_capacity;
    bool is_truncated;
    bool was_in_order;        /* of its keys, before it was sorted */
    struct ops_view next_key; /* NextKeyMarker, of objects NextContinuationToken; empty when there is none */
    struct ops_view next_id;  /* NextVersionIdMarker or NextUploadIdMarker, likewise */
};

/* By bytes, which is the order of listings. */
int ops_s3_compare(struct ops_view a, struct ops_view b);

void ops_s3_listing_init(struct ops_s3_listing *listing);
void ops_s3_listing_release(struct ops_s3_listing *listing);

/* Reads a whole answer. OPS_CORRUPT: it is no answer to that kind of request, or only half of one. OPS_LIMIT, OPS_NO_MEMORY.
 * On failure the listing is empty. */
enum ops_status ops_s3_listing_read(struct ops_s3_listing *listing, enum ops_s3_list list,
                                    struct ops_view document) OPS_MUST_USE;

#endif
