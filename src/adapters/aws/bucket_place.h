/* A place in the listings of a bucket: behind a key, or within a key's versions or uploads behind one of them.
 *
 * Places are keys, not the service's tokens: a token may not be good any more when a vacuum goes on after a crash.
 */
#ifndef OPS_ADAPTERS_AWS_BUCKET_PLACE_H
#define OPS_ADAPTERS_AWS_BUCKET_PLACE_H

#include "adapters/aws/bucket_list.h"

#include <jansson.h>

/* S3 takes keys of up to 1024 bytes; what else speaks its protocol may take longer ones. */
enum { OPS_S3_KEY_MAX_BYTES = 4096, OPS_S3_ID_MAX_BYTES = 1024 };

struct ops_s3_place {
    enum ops_s3_list list;
    struct ops_buf key; /* "": at the beginning */
    struct ops_buf id;  /* "": behind all of the key's versions or uploads */
};

void ops_s3_place_init(struct ops_s3_place *place);
void ops_s3_place_release(struct ops_s3_place *place);

/* Key and id must not lie in the place itself. OPS_LIMIT: one is too long. */
enum ops_status ops_s3_place_set(struct ops_s3_place *place, enum ops_s3_list list, struct ops_view key,
                                 struct ops_view id) OPS_MUST_USE;

/* Appends the members of a JSON object that stand for the place, without its braces. */
void ops_s3_place_append(struct ops_buf *buf, const struct ops_s3_place *place);

/* OPS_CORRUPT: the object's members are no place's. */
enum ops_status ops_s3_place_read(struct ops_s3_place *place, const json_t *object) OPS_MUST_USE;

/* The bytes of a member that is percent-encoded text. OPS_CORRUPT: it is not. */
enum ops_status ops_s3_bytes_read(struct ops_buf *buf, const json_t *text) OPS_MUST_USE;

#endif
