/*
 * What can be told of a bucket without removing anything: what S3 would refuse, and what this server does not do.
 *
 * Source: Amazon S3 API Reference, GetBucketVersioning, GetObjectLockConfiguration, ListMultipartUploads; Amazon S3 User
 * Guide, "Locking objects with Object Lock", "Configuring MFA delete". Whether the account may delete can't be asked without
 * deleting, and of which versions a lock or a legal hold is no listing says.
 */
#include "adapters/aws/bucket.h"

#include "adapters/aws/xml.h"

#include <stdio.h>

enum { MODE_SIZE = 32, NUMBER_SIZE = 16 };

/* The answer to GetObjectLockConfiguration. */
struct lock {
    bool is_on;
    char mode[MODE_SIZE]; /* of the default retention; "" when there is none */
    char days[NUMBER_SIZE];
    char years[NUMBER_SIZE];
};

static enum ops_status read_text(struct ops_view answer, const char *name, char *ret_text, size_t size)
{
    enum ops_status status = ops_xml_text(answer, name, ret_text, size);
    if (status == OPS_NOT_FOUND)
        ret_text[0] = '\0';
    return status == OPS_NOT_FOUND ? OPS_OK : status;
}

static enum ops_status read_lock(void *context, struct ops_view answer)
{
    struct lock *lock = context;
    char enabled[MODE_SIZE] = "";
    enum ops_status status = read_text(answer, "ObjectLockEnabled", enabled, sizeof enabled);
    if (status == OPS_OK)
        status = read_text(answer, "Mode", lock->mode, sizeof lock->mode);
    if (status == OPS_OK)
        status = read_text(answer, "Days", lock->days, sizeof lock->days);
    if (status == OPS_OK)
        status = read_text(answer, "Years", lock->years, sizeof lock->years);
    lock->is_on = strcmp(enabled, "Enabled") == 0;
    return status;
}

static void tell_lock(const struct ops_s3_bucket *bucket, const struct lock *lock, struct ops_findings *findings)
{
    if (!lock->is_on)
        return;
    if (lock->mode[0])
        ops_findings_add(
            findings, true,
            "The bucket %s has Object Lock on with a default retention of %s %s (%s): versions that are younger "
            "can't be removed.",
            bucket->name, lock->days[0] ? lock->days : lock->years, lock->days[0] ? "days" : "years", lock->mode);
    ops_findings_add(findings, false,
                     "The bucket %s has Object Lock on: a version with a retention or a legal hold of its own can't be "
                     "removed, and no listing says which have one.",
                     bucket->name);
}

/* A question whose answer matters and which went unanswered is a finding itself. */
static enum ops_status tell_unanswered(const struct ops_s3_bucket *bucket, const struct ops_s3_question *question,
                                       enum ops_status status, const char *what, const struct ops_error *why, bool blocks,
                                       struct ops_findings *findings)
{
    if (status == OPS_NO_MEMORY || status == OPS_OK)
        return status;
    if (question->is_denied)
        ops_findings_add(findings, blocks, "%s in the bucket %s may not be asked, which needs %s: %s.", what, bucket->name,
                         question->right, question->reason);
    else
        ops_findings_add(findings, blocks, "%s in the bucket %s can't be asked: %s", what, bucket->name,
                         ops_error_text(why, status));
    return OPS_OK;
}

static enum ops_status inspect_lock(struct ops_s3_bucket *bucket, struct ops_findings *findings)
{
    struct lock lock = {.is_on = false};
    struct ops_error why = OPS_ERROR_INIT;
    struct ops_s3_question question = {.operation = "GetObjectLockConfiguration",
                                       .right = "s3:GetBucketObjectLockConfiguration",
                                       .read = read_lock,
                                       .context = &lock};
    ops_buf_clear(&bucket->query);
    ops_buf_append_text(&bucket->query, "object-lock=");
    enum ops_status status = ops_buf_status(&bucket->query);
    if (status == OPS_OK)
        status = ops_s3_ask(bucket, &question, &why);
    if (status == OPS_OK)
        tell_lock(bucket, &lock, findings);
    /* A server that knows no locks has none. */
    else if (!question.is_lacking && strcmp(question.code, "ObjectLockConfigurationNotFoundError") != 0)
        status = tell_unanswered(bucket, &question, status, "Whether objects are locked", &why, false, findings);
    else
        status = OPS_OK;
    ops_error_release(&why);
    return status;
}

static enum ops_status inspect_uploads(struct ops_s3_bucket *bucket, struct ops_findings *findings)
{
    struct ops_s3_walk walk;
    struct ops_error why = OPS_ERROR_INIT;
    ops_s3_walk_init(&walk, bucket, NULL, NULL);
    enum ops_status status = ops_s3_place_behind(&walk.at, OPS_S3_UPLOADS, ops_view("", 0));
    if (status == OPS_OK)
        status = ops_s3_walk_on(&walk, OPS_S3_LIST_MAX, &why);
    if (status != OPS_OK)
        status = tell_unanswered(bucket, &walk.question, status, "What unfinished uploads there are", &why, true, findings);
    ops_s3_walk_release(&walk);
    ops_error_release(&why);
    return status;
}

static void tell_of_server(const struct ops_s3_bucket *bucket, struct ops_findings *findings)
{
    if (bucket->lacks_versioning && bucket->is_versioned)
        ops_findings_add(
            findings, false,
            "The server of the bucket %s does not implement GetBucketVersioning, but lists versions: the bucket "
            "is read by them.",
            bucket->name);
    else if (bucket->lacks_versioning)
        ops_findings_add(findings, false,
                         "The server of the bucket %s implements neither GetBucketVersioning nor ListObjectVersions: "
                         "versions are not looked for.",
                         bucket->name);
    if (bucket->lacks_uploads)
        ops_findings_add(findings, false,
                         "The server of the bucket %s does not implement ListMultipartUploads: unfinished uploads are not "
                         "looked for.",
                         bucket->name);
}

enum ops_status ops_s3_inspect(struct ops_target *self, struct ops_findings *ret_findings, struct ops_error *error)
{
    struct ops_s3_bucket *bucket = (struct ops_s3_bucket *)self;
    (void)error;
    if (bucket->needs_mfa)
        ops_findings_add(ret_findings, true,
                         "The bucket %s has MFA delete on: only its owner, with a code from a device, can remove versions, "
                         "so a vacuum would leave them.",
                         bucket->name);
    enum ops_status status = inspect_lock(bucket, ret_findings);
    if (status == OPS_OK)
        status = inspect_uploads(bucket, ret_findings);
    if (status == OPS_OK)
        tell_of_server(bucket, ret_findings);
    return status;
}
