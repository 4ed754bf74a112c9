/* What a page of a bucket held, small enough for a task's record: the range of the page, and eight characters for each
 * record.
 *
 *     {"list":"versions","key":"a","id":"","records":"hFdA90xkq1...","last":"zz"}
 *
 * The eight characters are 48 bits of a hash of key and id. A listing of the range, which S3 gives as it is at that moment
 * (Amazon S3 User Guide, "Amazon S3 data consistency model"), then tells which of them are still there; that a record which
 * came meanwhile passes for one of a thousand is as likely as 1000 in 2^48.
 */
#ifndef OPS_ADAPTERS_AWS_BUCKET_RECEIPT_H
#define OPS_ADAPTERS_AWS_BUCKET_RECEIPT_H

#include "adapters/aws/bucket_place.h"

/* Appends the beginning of the receipt of a page that begins at from; then each record; then the end, with the greatest key
 * of the page. */
void ops_s3_receipt_begin(struct ops_buf *buf, const struct ops_s3_place *from);
void ops_s3_receipt_add(struct ops_buf *buf, struct ops_view key, struct ops_view id);
void ops_s3_receipt_end(struct ops_buf *buf, struct ops_view last);

struct ops_s3_receipt {
    struct ops_s3_place from;
    struct ops_buf last;
    uint64_t *hashes; /* in order */
    size_t count;
};

void ops_s3_receipt_init(struct ops_s3_receipt *receipt);
void ops_s3_receipt_release(struct ops_s3_receipt *receipt);

/* Into an initialised one. OPS_CORRUPT: this is no receipt. */
enum ops_status ops_s3_receipt_read(struct ops_s3_receipt *receipt, const char *text) OPS_MUST_USE;
bool ops_s3_receipt_has(const struct ops_s3_receipt *receipt, struct ops_view key, struct ops_view id);

#endif
