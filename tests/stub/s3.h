/* What the files of the S3 side share. */
#ifndef STUB_S3_H
#define STUB_S3_H

#include "stub/bucket.h"
#include "stub/call.h"

#define STUB_S3_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"
#define STUB_S3_OWNER "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
#define STUB_S3_DATE "2024-01-02T03:04:05.000Z" /* when everything was made */

#define STUB_S3_UPLOAD_FORMAT "upload%010zu"

/* The call's bucket, or NULL: then the call has been refused. */
struct stub_bucket *stub_bucket_of_call(struct stub_call *call);

/* Begins an XML answer: declaration and root element. */
void stub_s3_begin(struct stub_call *call, const char *root);

void stub_s3_list_objects(struct stub_call *call);
void stub_s3_list_versions(struct stub_call *call);
void stub_s3_list_uploads(struct stub_call *call);
void stub_s3_delete_objects(struct stub_call *call);
void stub_s3_delete_object(struct stub_call *call);

#endif
