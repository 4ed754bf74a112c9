/* A place in the listings of a bucket: behind a key, or within a key's versions or uploads.
 *
 * Between keys a place is a key, not the service's word for it: that may not be good any more when a vacuum goes on after a
 * crash. Within a key nobody but the service knows what comes next, since the order in which a listing gives a key's records
 * need not be the one in which it goes on; there a place is what the service itself has named.
 */
#ifndef OPS_ADAPTERS_AWS_BUCKET_PLACE_H
#define OPS_ADAPTERS_AWS_BUCKET_PLACE_H

#include "adapters/aws/bucket_list.h"

#include <jansson.h>

/* S3 takes keys of up to 1024 bytes; what else speaks its protocol may take longer ones. */
enum { OPS_S3_KEY_MAX_BYTES = 4096, OPS_S3_ID_MAX_BYTES = 1024, OPS_S3_MARKER_MAX_BYTES = OPS_S3_KEY_MAX_BYTES + 1024 };

struct ops_s3_place {
    enum ops_s3_list list;
    struct ops_buf key;    /* "": at the beginning */
    struct ops_buf id;     /* what the service has named beside the key; "": nothing */
    struct ops_buf marker; /* what it has named for the key, where that is not the key itself; else "" */
    bool is_within;        /* some of the key's versions or uploads may still come; else the place is behind all of them */
};

void ops_s3_place_init(struct ops_s3_place *place);
void ops_s3_place_release(struct ops_s3_place *place);

/* Behind a key. The views must not lie in the place itself, here and below. OPS_LIMIT: one is too long. */
enum ops_status ops_s3_place_behind(struct ops_s3_place *place, enum ops_s3_list list, struct ops_view key) OPS_MUST_USE;

/* Where the service says that it goes on: within the key, or behind it while the service is not. marker may be the key. */
enum ops_status ops_s3_place_named(struct ops_s3_place *place, enum ops_s3_list list, struct ops_view key, bool is_within,
                                   struct ops_view marker, struct ops_view id) OPS_MUST_USE;

/* Likewise, and what is done with stays as it is. */
enum ops_status ops_s3_place_go_on(struct ops_s3_place *place, struct ops_view marker, struct ops_view id) OPS_MUST_USE;

enum ops_status ops_s3_place_copy(struct ops_s3_place *place, const struct ops_s3_place *from) OPS_MUST_USE;

/* Appends the members of a JSON object that stand for the place, without its braces. */
void ops_s3_place_append(struct ops_buf *buf, const struct ops_s3_place *place);

/* OPS_CORRUPT: the object's members are no place's. */
enum ops_status ops_s3_place_read(struct ops_s3_place *place, const json_t *object) OPS_MUST_USE;

/* The bytes of a member that is percent-encoded text. OPS_CORRUPT: it is not. */
enum ops_status ops_s3_bytes_read(struct ops_buf *buf, const json_t *text) OPS_MUST_USE;

#endif
