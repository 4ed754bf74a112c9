/*
 * A bucket as a vacuum target: objects, in a bucket with versioning all versions and delete markers, then unfinished
 * uploads.
 *
 * Source: Amazon S3 API Reference, GetBucketVersioning, ListObjectsV2, ListObjectVersions, ListMultipartUploads.
 *
 * A bucket that has never had versioning is listed by ListObjectsV2, which is half as long. Whether it has is asked anew at
 * each open; a place in the one listing is a place in the other, since both are in the order of their keys.
 */
#include "adapters/aws/bucket.h"

#include "adapters/aws/bucket_receipt.h"
#include "adapters/aws/xml.h"
#include "base/json.h"
#include "base/mem.h"

enum {
    ANSWER_LIMIT_BYTES = 16 * 1024 * 1024,
    QUERY_MAX_BYTES = 16 * 1024,
    RECORD_ROOM_BYTES = 1024 + 64, /* S3's longest key, and more than its ids take */
};

static struct ops_s3_bucket *bucket_of(struct ops_target *self)
{
    return (struct ops_s3_bucket *)self;
}

static enum ops_status bad_text(const struct ops_s3_bucket *bucket, const char *what, struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_ERROR, "The %s does not belong to %s.", what, bucket->name);
}

static struct ops_s3_range range_of(const struct ops_s3_bucket *bucket, uint32_t segment)
{
    struct ops_s3_range range = {.after = ops_view("", 0)};
    if (segment > 0)
        range.after = ops_view_of(bucket->bounds[segment - 1]);
    if (segment + 1 < bucket->target.segment_count) {
        range.last = ops_view_of(bucket->bounds[segment]);
        range.is_bounded = true;
    }
    return range;
}

/* ---- Pages ---- */

struct paging {
    struct ops_s3_walk walk;
    struct ops_s3_place start; /* of the listing that gave the page's first record */
    struct ops_key_page *page;
};

static enum ops_status to_list(struct paging *paging, enum ops_s3_list list)
{
    paging->walk.ended = false;
    return ops_s3_place_behind(&paging->walk.at, list, paging->walk.range.after);
}

static enum ops_status read_cursor(struct paging *paging, const char *cursor, struct ops_error *error)
{
    const struct ops_s3_bucket *bucket = paging->walk.bucket;
    struct ops_s3_place *at = &paging->walk.at;
    json_t *object = NULL;
    if (!cursor[0])
        return to_list(paging, ops_s3_first_list(bucket));
    enum ops_status status = ops_json_parse_object(ops_view_of(cursor), &object, NULL);
    if (status == OPS_OK)
        status = ops_s3_place_read(at, object);
    json_decref(object);
    if (status == OPS_OK && ops_s3_compare(ops_buf_view(&at->key), paging->walk.range.after) < 0)
        status = OPS_CORRUPT;
    if (status == OPS_OK && at->list == OPS_S3_OBJECTS)
        at->list = ops_s3_first_list(bucket);
    return status == OPS_OK || status == OPS_NO_MEMORY ? status : bad_text(bucket, "cursor", error);
}

static void remark_undeletable(const struct paging *paging, struct ops_view key)
{
    const struct ops_s3_bucket *bucket = paging->walk.bucket;
    if (bucket->needs_mfa && paging->walk.at.list == OPS_S3_VERSIONS)
        ops_remarks_add(bucket->target.remarks, OPS_REMARK_UNDELETABLE, key,
                        "the bucket has MFA delete on: a version goes only with a code from the owner's device");
}

/* An id is kind, key, NUL, version or upload. */
static enum ops_status add_record(void *context, const struct ops_s3_entry *entry)
{
    struct paging *paging = context;
    struct ops_key_page *page = paging->page;
    bool is_upload = paging->walk.at.list == OPS_S3_UPLOADS;
    if (page->count == 0)
        ops_s3_receipt_begin(&page->receipt, &paging->start);
    struct ops_key *key = ops_key_page_add(page);
    if (!key)
        return OPS_NO_MEMORY;
    key->size_bytes = entry->size_bytes;
    key->guarded.length = entry->key.length;
    key->id.length = entry->key.length + entry->id.length + 2;
    ops_buf_append_char(&page->storage, is_upload ? OPS_S3_KIND_UPLOAD : OPS_S3_KIND_OBJECT);
    ops_buf_append_view(&page->storage, entry->key);
    ops_buf_append_char(&page->storage, '\0');
    ops_buf_append_view(&page->storage, entry->id);
    ops_s3_receipt_add(&page->receipt, entry->key, entry->id);
    remark_undeletable(paging, entry->key);
    return ops_buf_status(&page->storage);
}

/* How many records one more listing may give; 0: this page has enough. A listing of a few records costs as much as one of a
 * thousand. */
static size_t room_for(const struct paging *paging, size_t limit)
{
    const struct ops_key_page *page = paging->page;
    size_t room = limit - page->count;
    size_t storage = (page->storage.limit_bytes - page->storage.length) / RECORD_ROOM_BYTES;
    if (room > storage)
        room = storage;
    if (page->count > 0)
        return room >= OPS_S3_LIST_MAX ? OPS_S3_LIST_MAX : 0;
    if (paging->walk.bucket->exact && paging->walk.at.list == OPS_S3_OBJECTS)
        return 1;
    return room == 0 ? 1 : room < OPS_S3_LIST_MAX ? room : OPS_S3_LIST_MAX;
}

/* One listing. What may not be listed is a remark, and the list ends there; where nobody hears of remarks, it is an error.
 */
static enum ops_status list_on(struct paging *paging, size_t room, struct ops_error *error)
{
    struct ops_s3_walk *walk = &paging->walk;
    enum ops_status status = ops_s3_walk_on(walk, room, error);
    if (status != OPS_TARGET_ERROR || !walk->question.is_denied || !walk->bucket->target.remarks)
        return status;
    ops_s3_remark_denied(walk->bucket, walk->at.list, ops_buf_view(&walk->at.key), walk->question.reason);
    walk->ended = true;
    return OPS_OK;
}

/* Listings until the page is full or a list ends. A page has records of one list, and is empty before the end only when
 * several listings in a row had nothing in scope. */
static enum ops_status fill_page(struct paging *paging, size_t limit, struct ops_error *error)
{
    struct ops_s3_walk *walk = &paging->walk;
    struct ops_key_page *page = paging->page;
    size_t room;
    for (int listings = 0; listings < OPS_S3_LISTINGS_PER_PAGE && (room = room_for(paging, limit)) > 0; listings++) {
        enum ops_status status = OPS_OK;
        if (page->count == 0)
            status = ops_s3_place_copy(&paging->start, &walk->at);
        if (status == OPS_OK)
            status = list_on(paging, room, error);
        page->last = walk->ended && walk->at.list == OPS_S3_UPLOADS;
        if (status == OPS_OK && walk->ended && !page->last)
            status = to_list(paging, OPS_S3_UPLOADS);
        if (status != OPS_OK || page->last || (page->count > 0 && walk->at.list != paging->start.list))
            return status;
    }
    return OPS_OK;
}

static struct ops_view set_views(struct ops_key_page *page)
{
    struct ops_view greatest = ops_view("", 0);
    const char *at = page->storage.data;
    for (size_t i = 0; i < page->count; i++) {
        struct ops_key *key = &page->keys[i];
        key->id.data = at;
        key->guarded.data = at + 1;
        at += key->id.length;
        if (ops_s3_compare(key->guarded, greatest) > 0)
            greatest = key->guarded;
    }
    return greatest;
}

static enum ops_status finish_page(struct paging *paging)
{
    struct ops_key_page *page = paging->page;
    struct ops_view greatest = set_views(page);
    if (page->count > 0)
        ops_s3_receipt_end(&page->receipt, greatest);
    if (!page->last) {
        ops_buf_append_char(&page->cursor, '{');
        ops_s3_place_append(&page->cursor, &paging->walk.at);
        ops_buf_append_char(&page->cursor, '}');
    }
    enum ops_status status = ops_buf_status(&page->receipt);
    return status == OPS_OK ? ops_buf_status(&page->cursor) : status;
}

static enum ops_status bucket_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                   struct ops_key_page *ret_page, struct ops_error *error)
{
    struct ops_s3_bucket *bucket = bucket_of(self);
    struct paging paging = {.page = ret_page};
    ops_s3_walk_init(&paging.walk, bucket, add_record, &paging);
    paging.walk.range = range_of(bucket, segment);
    ops_s3_place_init(&paging.start);
    enum ops_status status = read_cursor(&paging, cursor, error);
    if (status == OPS_OK)
        status = fill_page(&paging, limit < OPS_S3_PAGE_MAX ? limit : OPS_S3_PAGE_MAX, error);
    if (status == OPS_OK)
        status = finish_page(&paging);
    if (status != OPS_OK)
        ops_key_page_clear(ret_page);
    ops_s3_walk_release(&paging.walk);
    ops_s3_place_release(&paging.start);
    return status;
}

/* ---- Recounts ---- */

struct counting {
    const struct ops_s3_receipt *receipt;
    struct ops_recount there;
};

static enum ops_status count_record(void *context, const struct ops_s3_entry *entry)
{
    struct counting *counting = context;
    if (ops_s3_receipt_has(counting->receipt, entry->key, entry->id)) {
        counting->there.count++;
        counting->there.size_bytes += entry->size_bytes;
    }
    return OPS_OK;
}

static enum ops_status count_on(struct ops_s3_walk *walk, const struct ops_s3_receipt *receipt, struct ops_error *error)
{
    const struct counting *counting = walk->context;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && !walk->ended && counting->there.count < receipt->count)
        status = ops_s3_walk_on(walk, OPS_S3_LIST_MAX, error);
    return status;
}

/* All of one key's, from its first version or upload on: the place in it where the page began may be gone. */
static enum ops_status count_in_key(struct ops_s3_walk *walk, const struct ops_s3_receipt *receipt, struct ops_error *error)
{
    walk->prefix = ops_buf_view(&receipt->from.key);
    walk->exact = true;
    return count_on(walk, receipt, error);
}

/* Up to the page's last key, and with all of that key: a page that ended within it ends where only the service knows. */
static enum ops_status count_behind_key(struct ops_s3_walk *walk, const struct ops_s3_receipt *receipt,
                                        struct ops_error *error)
{
    walk->range = (struct ops_s3_range){.last = ops_buf_view(&receipt->last), .is_bounded = true};
    enum ops_status status = ops_s3_place_behind(&walk->at, walk->at.list, ops_buf_view(&receipt->from.key));
    return status == OPS_OK ? count_on(walk, receipt, error) : status;
}

typedef enum ops_status (*count_fn)(struct ops_s3_walk *walk, const struct ops_s3_receipt *receipt, struct ops_error *error);

static enum ops_status count_by(count_fn count, struct ops_s3_bucket *bucket, struct counting *counting,
                                struct ops_error *error)
{
    const struct ops_s3_receipt *receipt = counting->receipt;
    struct ops_s3_walk walk;
    ops_s3_walk_init(&walk, bucket, count_record, counting);
    if (receipt->from.list == OPS_S3_UPLOADS)
        walk.at.list = OPS_S3_UPLOADS;
    enum ops_status status = count(&walk, receipt, error);
    ops_s3_walk_release(&walk);
    return status;
}

static enum ops_status count_records(struct ops_s3_bucket *bucket, const struct ops_s3_receipt *receipt,
                                     struct ops_recount *ret_there, struct ops_error *error)
{
    struct counting counting = {.receipt = receipt};
    bool is_in_one_key = ops_view_equal(ops_buf_view(&receipt->from.key), ops_buf_view(&receipt->last));
    enum ops_status status = OPS_OK;
    if (receipt->from.is_within)
        status = count_by(count_in_key, bucket, &counting, error);
    if (status == OPS_OK && !is_in_one_key)
        status = count_by(count_behind_key, bucket, &counting, error);
    if (status == OPS_OK)
        *ret_there = counting.there;
    return status;
}

static enum ops_status bucket_recount(struct ops_target *self, uint32_t segment, const char *receipt,
                                      struct ops_recount *ret_there, struct ops_error *error)
{
    (void)segment;
    struct ops_s3_bucket *bucket = bucket_of(self);
    struct ops_s3_receipt read;
    if (!receipt[0]) {
        *ret_there = (struct ops_recount){.count = 0};
        return OPS_OK;
    }
    ops_s3_receipt_init(&read);
    enum ops_status status = ops_s3_receipt_read(&read, receipt);
    if (status == OPS_CORRUPT)
        status = bad_text(bucket, "receipt", error);
    if (status == OPS_OK)
        status = count_records(bucket, &read, ret_there, error);
    ops_s3_receipt_release(&read);
    return status;
}

/* ---- Opening ---- */

static void bucket_close(struct ops_target *self)
{
    struct ops_s3_bucket *bucket = bucket_of(self);
    for (size_t i = 0; i < OPS_S3_SEGMENTS_MAX; i++)
        ops_mem_free(bucket->bounds[i]);
    ops_s3_listing_release(&bucket->listing);
    ops_buf_release(&bucket->split);
    ops_buf_release(&bucket->answer);
    ops_buf_release(&bucket->query);
    ops_mem_free(bucket->value);
    ops_mem_free(bucket->name);
    ops_mem_free(bucket);
}

static const struct ops_target_ops bucket_ops = {
    .page = bucket_page,
    .remove = ops_s3_remove,
    .recount = bucket_recount,
    .close = bucket_close,
    .inspect = ops_s3_inspect,
};

static struct ops_s3_bucket *bucket_new(struct ops_aws_stack *stack, const char *name, const struct ops_scope *scope)
{
    struct ops_s3_bucket *bucket = ops_mem_zeroed(1, sizeof *bucket);
    if (!bucket)
        return NULL;
    bucket->target = (struct ops_target){
        .ops = &bucket_ops, .segment_count = 1, .page_max = OPS_S3_PAGE_MAX, .batch_max = OPS_S3_PAGE_MAX};
    bucket->stack = stack;
    ops_s3_listing_init(&bucket->listing);
    ops_buf_init(&bucket->split, OPS_SPLIT_MAX_BYTES);
    ops_buf_init(&bucket->answer, ANSWER_LIMIT_BYTES);
    ops_buf_init(&bucket->query, QUERY_MAX_BYTES);
    bucket->name = ops_mem_strdup(name);
    bucket->value = ops_mem_strdup(scope->by == OPS_SCOPE_ALL ? "" : scope->value);
    bucket->prefix = ops_view_of(bucket->value);
    bucket->exact = scope->by == OPS_SCOPE_KEY;
    if (bucket->name && bucket->value)
        return bucket;
    bucket_close(&bucket->target);
    return NULL;
}

/* The answer to GetBucketVersioning. No Status: versioning was never switched on. */
struct versioning {
    struct ops_s3_bucket *bucket;
    int depth;
    bool in_root;
};

static bool on_versioning_begin(void *context, const char *name)
{
    struct versioning *versioning = context;
    if (++versioning->depth == 1) /* moto calls it by the operation in a bucket that never had versioning */
        versioning->in_root =
            strcmp(name, "VersioningConfiguration") == 0 || strcmp(name, "GetBucketVersioningResponse") == 0;
    return true;
}

static enum ops_status on_versioning_end(void *context, const char *name, struct ops_view text)
{
    struct versioning *versioning = context;
    versioning->depth--;
    if (!versioning->in_root)
        return OPS_CORRUPT;
    if (strcmp(name, "MfaDelete") == 0)
        versioning->bucket->needs_mfa = ops_view_is(text, "Enabled");
    else if (strcmp(name, "Status") == 0 && text.length > 0) {
        versioning->bucket->is_versioned = true;
        return ops_view_is(text, "Enabled") || ops_view_is(text, "Suspended") ? OPS_OK : OPS_CORRUPT;
    }
    return OPS_OK;
}

static enum ops_status read_versioning(void *context, struct ops_view answer)
{
    struct versioning versioning = {.bucket = context};
    const struct ops_xml_handler handler = {.context = &versioning, .begin = on_versioning_begin, .end = on_versioning_end};
    versioning.bucket->is_versioned = versioning.bucket->needs_mfa = false;
    return ops_xml_read(answer, &handler);
}

/* A server that can't say whether versioning is on may have versions all the same: it is asked for them. One that can't list
 * them either has none. Anything else leaves open what is there, and then the bucket can't be vacuumed. */
static enum ops_status try_versions(struct ops_s3_bucket *bucket, struct ops_error *error)
{
    struct ops_s3_walk walk;
    bucket->lacks_versioning = bucket->is_versioned = true;
    ops_s3_walk_init(&walk, bucket, NULL, NULL);
    walk.patiently = true;
    enum ops_status status = ops_s3_walk_on(&walk, OPS_S3_LIST_MAX, error);
    if (status == OPS_TARGET_ERROR && walk.question.is_lacking) {
        bucket->is_versioned = false;
        status = OPS_OK;
    }
    ops_s3_walk_release(&walk);
    return status;
}

static enum ops_status ask_versioning(struct ops_s3_bucket *bucket, struct ops_error *error)
{
    struct ops_s3_question question = {.operation = "GetBucketVersioning",
                                       .right = "s3:GetBucketVersioning",
                                       .read = read_versioning,
                                       .context = bucket,
                                       .patiently = true};
    ops_buf_append_text(&bucket->query, "versioning=");
    enum ops_status status = ops_buf_status(&bucket->query);
    if (status == OPS_OK)
        status = ops_s3_ask(bucket, &question, error);
    return status == OPS_TARGET_ERROR && question.is_lacking ? try_versions(bucket, error) : status;
}

enum ops_status ops_aws_bucket_open(struct ops_aws_stack *stack, const struct ops_target_spec *spec,
                                    const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    if (scope->by == OPS_SCOPE_ATTRIBUTE || scope->by == OPS_SCOPE_INDEX)
        return ops_fail(error, OPS_TARGET_ERROR, "Objects of the bucket %s have no attributes to find a tenant's by.",
                        spec->name);
    struct ops_s3_bucket *bucket = bucket_new(stack, spec->name, scope);
    if (!bucket)
        return OPS_NO_MEMORY;
    enum ops_status status = ops_aws_client_account(stack->client, bucket->account, error);
    if (status == OPS_OK)
        status = ask_versioning(bucket, error);
    if (status == OPS_OK)
        status = ops_s3_segments(bucket, spec->split, error);
    if (status != OPS_OK) {
        bucket_close(&bucket->target);
        return status;
    }
    bucket->target.split = ops_buf_text(&bucket->split);
    *ret_target = &bucket->target;
    return OPS_OK;
}
