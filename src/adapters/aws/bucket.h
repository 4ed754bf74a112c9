/* What the files of a bucket target share.
 *
 *   bucket.c          opening, pages, recounts
 *   bucket_inspect.c  what can be told of it beforehand
 *   bucket_remove.c   removals
 *   bucket_segments.c planning in how many ranges of keys a large bucket is read
 *   bucket_walk.c     one listing after another, and what of it is in scope
 *   bucket_call.c     calls about the bucket, and what their answers mean for a target
 *   bucket_place.c, bucket_receipt.c, bucket_list.c   cursors, receipts, XML
 */
#ifndef OPS_ADAPTERS_AWS_BUCKET_H
#define OPS_ADAPTERS_AWS_BUCKET_H

#include "adapters/aws/answer.h"
#include "adapters/aws/bucket_place.h"
#include "adapters/aws/stack.h"

enum {
    OPS_S3_SEGMENTS_MAX = 16,
    OPS_S3_LIST_MAX = 1000,   /* what S3 gives in one listing at most */
    OPS_S3_DELETE_MAX = 1000, /* what it takes in one DeleteObjects at most */
    /* Four listings and four deletions side by side a page: a quarter of the checkpoints, and a worker that spends its time
     * removing rather than waiting for one answer after the other. */
    OPS_S3_LISTINGS_PER_PAGE = 4,
    OPS_S3_PAGE_MAX = OPS_S3_LISTINGS_PER_PAGE * OPS_S3_LIST_MAX,
};

struct ops_s3_bucket {
    struct ops_target target;
    struct ops_aws_stack *stack;
    char *name;
    char account[OPS_AWS_ACCOUNT_SIZE]; /* that the bucket must belong to */
    char *value;                        /* of the scope; "" for everything */
    struct ops_view prefix;             /* that keys in scope begin with */
    bool exact;                         /* and end with */
    bool is_versioned;                  /* versioning is on, or was once: there may be versions and markers */
    bool needs_mfa;                     /* S3 removes a version only with a code from a device */
    bool lacks_versioning;              /* the server can't say whether versioning is on */
    bool lacks_uploads;                 /* the server knows no unfinished uploads */
    struct ops_buf split;
    char *bounds[OPS_S3_SEGMENTS_MAX]; /* segment i has the keys behind bounds[i - 1], up to and with bounds[i] */
    struct ops_s3_listing listing;     /* the latest */
    struct ops_buf answer;
    struct ops_buf query;
};

/* ---- bucket_call.c ---- */

/* A call about the bucket, which S3 refuses if the bucket is another account's (Amazon S3 User Guide, "Verifying bucket
 * ownership with bucket owner condition"). */
void ops_s3_call_init(const struct ops_s3_bucket *bucket, struct ops_aws_call *call, const char *method,
                      size_t body_limit_bytes);

/* What the end of a call that needs this right means for a target: OPS_OK, OPS_THROTTLED, OPS_STORE_UNAVAILABLE,
 * OPS_TARGET_MISSING, OPS_TARGET_ERROR, OPS_LIMIT, OPS_NO_MEMORY, with a sentence. */
enum ops_status ops_s3_call_status(const struct ops_s3_bucket *bucket, const struct ops_aws_call *call, const char *right,
                                   struct ops_error *error) OPS_MUST_USE;

/* Whether the bucket itself is what is missing. */
bool ops_s3_call_misses_bucket(const struct ops_aws_call *call);

/* A question about the bucket, asked by GET with the query in bucket->query, and what became of it. */
struct ops_s3_question {
    const char *operation; /* as S3 calls it */
    const char *right;     /* that it needs: "s3:ListBucket" */
    /* Reads the answer. OPS_CORRUPT, OPS_LIMIT: it is none to this question. Anything else is the question's status. */
    enum ops_status (*read)(void *context, struct ops_view answer);
    void *context;
    bool patiently; /* as ops_aws_call_send_patiently, and so too for answers that can't be read */

    bool is_lacking;                  /* the server can't do it at all; OPS_TARGET_ERROR */
    bool is_denied;                   /* the account may not do it; OPS_TARGET_ERROR */
    char code[OPS_AWS_CODE_SIZE];     /* S3's word for what is wrong, or "" */
    char reason[OPS_AWS_REASON_SIZE]; /* a clause, where it was refused */
};

/* Statuses as ops_s3_call_status. An answer that can't be read is OPS_TARGET_ERROR where that many tries were made, else
 * OPS_STORE_UNAVAILABLE. */
enum ops_status ops_s3_ask(struct ops_s3_bucket *bucket, struct ops_s3_question *question,
                           struct ops_error *error) OPS_MUST_USE;

/* A remark on a place in the bucket that may not be looked into: one of its lists, from a key on. */
void ops_s3_remark_denied(struct ops_s3_bucket *bucket, enum ops_s3_list list, struct ops_view after, const char *reason);

/* ---- bucket_walk.c ---- */

/* Keys behind after, up to and with last. */
struct ops_s3_range {
    struct ops_view after; /* "": from the beginning */
    struct ops_view last;
    bool is_bounded; /* last counts */
};

typedef enum ops_status (*ops_s3_on_entry_fn)(void *context, const struct ops_s3_entry *entry);

/* One listing at a time. */
struct ops_s3_walk {
    struct ops_s3_bucket *bucket;
    struct ops_view prefix; /* what keys in scope begin with, and for exact end with: the bucket's, unless set otherwise */
    bool exact;
    struct ops_s3_range range;
    struct ops_s3_place at; /* where the next listing begins */
    bool ended;             /* nothing follows in at.list */
    bool patiently;
    size_t ask; /* for so many records; 0: for as many as suit the limit */
    ops_s3_on_entry_fn on_entry; /* NULL: nobody wants to know */
    void *context;
    struct ops_s3_question question; /* the latest; whether it was denied, and why */
};

/* At the beginning of the list in which a bucket's objects are found. */
void ops_s3_walk_init(struct ops_s3_walk *walk, struct ops_s3_bucket *bucket, ops_s3_on_entry_fn on_entry, void *context);
void ops_s3_walk_release(struct ops_s3_walk *walk);

/* Asks for one listing, hands on at most limit records of it that are in scope and range, and moves on.
 *
 * It moves from key to key: a key whose versions or uploads may not all be in the listing, or not within the limit, is left
 * to the next listing as a whole, unless it is the only one. Then as much of it as came is handed on, and the next listing
 * begins where the service says that it goes on: by its markers, never by one of the records, whose order within a key says
 * nothing. A version that is named there may be gone by then, and not all that speak S3's protocol find the place again:
 * S3 does, MinIO begins with the key once more.
 *
 * A server that knows no unfinished uploads has none.
 *
 * Statuses as ops_target_ops.page, or the first of on_entry. OPS_TARGET_ERROR also for a listing that does not say where it
 * goes on, goes on where it was asked to, or turns back: behind it there would be records that nobody sees. */
enum ops_status ops_s3_walk_on(struct ops_s3_walk *walk, size_t limit, struct ops_error *error) OPS_MUST_USE;

/* Asks for the first key in scope behind a key; found is empty when there is none. */
enum ops_status ops_s3_find(struct ops_s3_bucket *bucket, struct ops_view after, struct ops_buf *found,
                            struct ops_error *error) OPS_MUST_USE;

/* The list in which a bucket's objects are found now. */
enum ops_s3_list ops_s3_first_list(const struct ops_s3_bucket *bucket);

/* ---- bucket_segments.c ---- */

/* Cuts the bucket as split says; NULL: into as many segments as suit it, which takes up to a few seconds. Fills split,
 * bounds and target.segment_count. */
enum ops_status ops_s3_segments(struct ops_s3_bucket *bucket, const char *split, struct ops_error *error) OPS_MUST_USE;

/* ---- bucket_inspect.c ---- */

enum ops_status ops_s3_inspect(struct ops_target *self, struct ops_findings *ret_findings,
                               struct ops_error *error) OPS_MUST_USE;

/* ---- bucket_remove.c ---- */

/* The kinds of a key's id: kind, key, NUL, id of version or upload. */
enum { OPS_S3_KIND_OBJECT = 'o', OPS_S3_KIND_UPLOAD = 'u' };

enum ops_status ops_s3_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                              enum ops_removal *ret_outcomes, struct ops_error *error) OPS_MUST_USE;

#endif
