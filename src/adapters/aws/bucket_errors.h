/* The body and the answer of DeleteObjects: which objects are to go, and which did not.
 *
 * Source: Amazon S3 API Reference, "DeleteObjects": in quiet mode the answer names those that were not removed, inside an
 * HTTP status 200.
 */
#ifndef OPS_ADAPTERS_AWS_BUCKET_ERRORS_H
#define OPS_ADAPTERS_AWS_BUCKET_ERRORS_H

#include "base/buf.h"

/* Whether XML 1.0 can carry the bytes (section 2.2, "Characters"): UTF-8, no control characters but tab, line feed and
 * carriage return. */
bool ops_s3_fits_xml(struct ops_view text);

void ops_s3_delete_begin(struct ops_buf *buf);
void ops_s3_delete_add(struct ops_buf *buf, struct ops_view key, struct ops_view version_id); /* "": the object itself */
void ops_s3_delete_end(struct ops_buf *buf);

/* An object that was not removed. Views are good for the call. */
struct ops_s3_error {
    struct ops_view key;
    struct ops_view version_id; /* may be empty although one was given */
    struct ops_view code;
    struct ops_view message;
};

typedef void (*ops_s3_on_error_fn)(void *context, const struct ops_s3_error *error);

/* OPS_CORRUPT: it is no whole answer to DeleteObjects; what on_error has heard until then holds. OPS_LIMIT,
 * OPS_NO_MEMORY. */
enum ops_status ops_s3_errors_read(struct ops_view document, ops_s3_on_error_fn on_error, void *context) OPS_MUST_USE;

#endif
