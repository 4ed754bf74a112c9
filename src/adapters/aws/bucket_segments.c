/*
 * In how many ranges of keys a bucket is read side by side.
 *
 * S3 tells nothing about how keys are spread but their order, so planning asks for single keys: the first behind a given
 * one. With these it finds the prefix that all keys have in common, the characters that follow it, and so on below the
 * branch that is taken to hold the most, each branch as much as its siblings, until there are branches enough. The ranges
 * are then cut between branches, so that each has about the same share.
 *
 * Cutting in the wrong place costs speed and nothing else: the ranges cover every key there is or may come, wherever they
 * are cut.
 */
#include "adapters/aws/bucket.h"
#include "adapters/aws/percent.h"
#include "base/json.h"
#include "base/mem.h"

enum {
    SMALL_MAX = 4 * 1000, /* a bucket of fewer objects is read in one piece */
    ASKED_MAX = 128,      /* single keys: a few seconds at most */
    BRANCHES_MAX = 256,
};

/* Behind every key that begins with what it is appended to: a character of a private use area, which no key has. */
#define BEHIND_ALL "\xf4\x8f\xbf\xbd"

/* A prefix, and what part of all keys is taken to begin with it. */
struct branch {
    struct ops_buf prefix;
    double share;
    bool is_leaf; /* it can't be divided, or that was not worth while */
};

struct planner {
    struct ops_s3_bucket *bucket;
    struct ops_error *error;
    struct branch branches[BRANCHES_MAX]; /* in order */
    size_t count;
    size_t asked_count;
};

/* ---- Asking ---- */

/* The first key behind prefix + suffix; empty when there is none. */
static enum ops_status find(struct planner *planner, struct ops_view prefix, const char *suffix, struct ops_buf *found)
{
    struct ops_buf after;
    ops_buf_init(&after, OPS_S3_KEY_MAX_BYTES);
    ops_buf_append_view(&after, prefix);
    ops_buf_append_text(&after, suffix);
    enum ops_status status = ops_buf_status(&after);
    planner->asked_count++;
    if (status == OPS_OK)
        status = ops_s3_find(planner->bucket, ops_buf_view(&after), found, planner->error);
    ops_buf_release(&after);
    return status;
}

static bool is_inside(struct ops_view key, struct ops_view prefix)
{
    return key.length > 0 && ops_view_starts_with(key, prefix);
}

/* length, or less: never between the bytes of a character. */
static size_t whole_characters(struct ops_view text, size_t length)
{
    while (length > 0 && length < text.length && ((uint8_t)text.data[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static size_t next_character(struct ops_view text, size_t length)
{
    length++;
    while (length < text.length && ((uint8_t)text.data[length] & 0xc0) == 0x80)
        length++;
    return length;
}

/* Makes prefix the longest one that all keys have in common which begin with it now; key is the first of them. The longer a
 * prefix, the more there is behind it: the place where that begins is found by halving. */
static enum ops_status lengthen(struct planner *planner, struct ops_buf *prefix, struct ops_view key, struct ops_buf *found)
{
    size_t common = prefix->length, distinct = key.length;
    while (distinct - common > 1) {
        size_t middle = whole_characters(key, common + (distinct - common) / 2);
        if (middle <= common)
            middle = next_character(key, common);
        if (middle >= distinct)
            break;
        enum ops_status status = find(planner, ops_view(key.data, middle), BEHIND_ALL, found);
        if (status != OPS_OK)
            return status;
        if (is_inside(ops_buf_view(found), ops_buf_view(prefix)))
            distinct = middle;
        else
            common = middle;
    }
    ops_buf_append(prefix, key.data + prefix->length, common - prefix->length);
    return ops_buf_status(prefix);
}

/* ---- Branches ---- */

static enum ops_status insert_branch(struct planner *planner, size_t place, struct ops_view prefix)
{
    struct branch branch = {.share = 0};
    ops_buf_init(&branch.prefix, OPS_S3_KEY_MAX_BYTES);
    ops_buf_append_view(&branch.prefix, prefix);
    enum ops_status status = ops_buf_status(&branch.prefix);
    if (status != OPS_OK) {
        ops_buf_release(&branch.prefix);
        return status;
    }
    memmove(&planner->branches[place + 1], &planner->branches[place],
            (planner->count - place) * sizeof planner->branches[0]);
    planner->branches[place] = branch;
    planner->count++;
    return OPS_OK;
}

static bool may_ask(const struct planner *planner)
{
    return planner->asked_count < ASKED_MAX && planner->count < BRANCHES_MAX;
}

/* Puts a branch for each character that follows prefix before the branch at place, which goes away. Left over when there are
 * too many: the last one then stands for all that follow. */
static enum ops_status divide(struct planner *planner, size_t place, struct ops_view prefix, struct ops_buf *key)
{
    size_t first = place;
    double share = planner->branches[place].share;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && is_inside(ops_buf_view(key), prefix) && may_ask(planner)) {
        struct ops_view text = ops_buf_view(key);
        struct ops_view child = ops_view(text.data, next_character(text, prefix.length));
        if (text.length == prefix.length) {
            status = find(planner, prefix, "", key); /* the key that is the prefix itself */
            continue;
        }
        status = insert_branch(planner, place, child);
        if (status == OPS_OK)
            status = find(planner, ops_buf_view(&planner->branches[place++].prefix), BEHIND_ALL, key);
    }
    struct branch *old = &planner->branches[place];
    old->is_leaf = true;
    if (place == first)
        return status;
    ops_buf_release(&old->prefix);
    memmove(old, old + 1, (planner->count - place - 1) * sizeof *old);
    planner->count--;
    for (size_t i = first; i < place; i++)
        planner->branches[i].share = share / (double)(place - first);
    return status;
}

static enum ops_status grow(struct planner *planner, size_t place)
{
    struct ops_buf prefix, key, found;
    ops_buf_init(&prefix, OPS_S3_KEY_MAX_BYTES);
    ops_buf_init(&key, OPS_S3_KEY_MAX_BYTES);
    ops_buf_init(&found, OPS_S3_KEY_MAX_BYTES);
    ops_buf_append_view(&prefix, ops_buf_view(&planner->branches[place].prefix));
    enum ops_status status = find(planner, ops_buf_view(&prefix), "", &key);
    if (status == OPS_OK && is_inside(ops_buf_view(&key), ops_buf_view(&prefix)))
        status = lengthen(planner, &prefix, ops_buf_view(&key), &found);
    if (status == OPS_OK)
        status = divide(planner, place, ops_buf_view(&prefix), &key);
    ops_buf_release(&prefix);
    ops_buf_release(&key);
    ops_buf_release(&found);
    return status;
}

/* The branch with the largest share that can be divided; count: none is worth it. */
static size_t largest(const struct planner *planner)
{
    size_t place = planner->count;
    double share = 1.0 / OPS_S3_SEGMENTS_MAX;
    for (size_t i = 0; i < planner->count; i++)
        if (!planner->branches[i].is_leaf && planner->branches[i].share > share) {
            place = i;
            share = planner->branches[i].share;
        }
    return place;
}

static enum ops_status grow_branches(struct planner *planner)
{
    enum ops_status status = insert_branch(planner, 0, planner->bucket->prefix);
    if (status != OPS_OK)
        return status;
    planner->branches[0].share = 1;
    size_t place;
    while (status == OPS_OK && may_ask(planner) && (place = largest(planner)) < planner->count)
        status = grow(planner, place);
    return status;
}

/* ---- Bounds ---- */

static enum ops_status add_bound(struct ops_s3_bucket *bucket, struct ops_view bound)
{
    char *text = ops_mem_strndup(bound.data, bound.length);
    if (!text)
        return OPS_NO_MEMORY;
    bucket->bounds[bucket->target.segment_count++ - 1] = text;
    return OPS_OK;
}

static void clear_bounds(struct ops_s3_bucket *bucket)
{
    for (size_t i = 0; i < OPS_S3_SEGMENTS_MAX; i++) {
        ops_mem_free(bucket->bounds[i]);
        bucket->bounds[i] = NULL;
    }
    bucket->target.segment_count = 1;
}

/* Bounds before those branches with which each segment has its share. */
static enum ops_status set_bounds(const struct planner *planner, size_t segment_count)
{
    struct ops_s3_bucket *bucket = planner->bucket;
    enum ops_status status = OPS_OK;
    double before = 0;
    clear_bounds(bucket);
    for (size_t i = 0; i < planner->count && status == OPS_OK; i++) {
        double due = (double)bucket->target.segment_count / (double)segment_count;
        /* A little less than due is due: shares are sums of fractions. */
        bool is_due = i > 0 && before > due - 1e-9 && bucket->target.segment_count < segment_count;
        if (is_due && !memchr(planner->branches[i].prefix.data, '\0', planner->branches[i].prefix.length))
            status = add_bound(bucket, ops_buf_view(&planner->branches[i].prefix));
        before += planner->branches[i].share;
    }
    return status;
}

static enum ops_status write_split(struct ops_s3_bucket *bucket)
{
    struct ops_buf *split = &bucket->split;
    ops_buf_clear(split);
    ops_buf_append_text(split, "{\"bounds\":[");
    for (size_t i = 0; i + 1 < bucket->target.segment_count; i++) {
        ops_buf_append_text(split, i > 0 ? ",\"" : "\"");
        ops_aws_percent_append(split, ops_view_of(bucket->bounds[i]), true);
        ops_buf_append_char(split, '"');
    }
    ops_buf_append_text(split, "]}");
    return ops_buf_status(split);
}

/* Fewer segments where the bounds are too long to be written down. */
static enum ops_status cut(const struct planner *planner)
{
    enum ops_status status = OPS_LIMIT;
    for (size_t count = OPS_S3_SEGMENTS_MAX; count >= 1 && status == OPS_LIMIT; count /= 2) {
        status = set_bounds(planner, count);
        if (status == OPS_OK)
            status = write_split(planner->bucket);
    }
    return status;
}

/* ---- The whole ---- */

static enum ops_status count_one(void *context, const struct ops_s3_entry *entry)
{
    (void)entry;
    ++*(size_t *)context;
    return OPS_OK;
}

static enum ops_status is_small(struct ops_s3_bucket *bucket, bool *ret_small, struct ops_error *error)
{
    size_t count = 0;
    struct ops_s3_walk walk;
    ops_s3_walk_init(&walk, bucket, count_one, &count);
    walk.patiently = true;
    enum ops_status status = OPS_OK;
    for (int i = 0; i < SMALL_MAX / OPS_S3_LIST_MAX && !walk.ended && status == OPS_OK; i++)
        status = ops_s3_walk_on(&walk, OPS_S3_LIST_MAX, error);
    ops_s3_walk_release(&walk);
    *ret_small = walk.ended;
    return status;
}

static enum ops_status plan(struct ops_s3_bucket *bucket, struct ops_error *error)
{
    struct planner *planner = ops_mem_zeroed(1, sizeof *planner);
    if (!planner)
        return OPS_NO_MEMORY;
    planner->bucket = bucket;
    planner->error = error;
    enum ops_status status = grow_branches(planner);
    if (status == OPS_OK)
        status = cut(planner);
    for (size_t i = 0; i < planner->count; i++)
        ops_buf_release(&planner->branches[i].prefix);
    ops_mem_free(planner);
    return status;
}

/* Bounds are in order, and none is empty: else a key would be in no segment, or in two. */
static enum ops_status take_bound(struct ops_s3_bucket *bucket, const json_t *text)
{
    struct ops_buf bound;
    uint32_t count = bucket->target.segment_count;
    ops_buf_init(&bound, OPS_SPLIT_MAX_BYTES);
    enum ops_status status = ops_s3_bytes_read(&bound, text);
    struct ops_view before = count > 1 ? ops_view_of(bucket->bounds[count - 2]) : ops_view("", 0);
    if (status == OPS_OK && (ops_s3_compare(ops_buf_view(&bound), before) <= 0 || strlen(bound.data) != bound.length))
        status = OPS_CORRUPT;
    if (status == OPS_OK)
        status = add_bound(bucket, ops_buf_view(&bound));
    ops_buf_release(&bound);
    return status;
}

static enum ops_status take_split(struct ops_s3_bucket *bucket, const char *split, struct ops_error *error)
{
    json_t *object = NULL;
    enum ops_status status = ops_json_parse_object(ops_view_of(split), &object, NULL);
    const json_t *bounds = json_object_get(object, "bounds");
    if (status == OPS_OK && (!json_is_array(bounds) || json_array_size(bounds) >= OPS_S3_SEGMENTS_MAX))
        status = OPS_CORRUPT;
    for (size_t i = 0; i < json_array_size(bounds) && status == OPS_OK; i++)
        status = take_bound(bucket, json_array_get(bounds, i));
    json_decref(object);
    if (status == OPS_OK)
        status = write_split(bucket);
    if (status == OPS_OK || status == OPS_NO_MEMORY)
        return status;
    return ops_fail(error, OPS_TARGET_ERROR, "The split does not belong to %s.", bucket->name);
}

enum ops_status ops_s3_segments(struct ops_s3_bucket *bucket, const char *split, struct ops_error *error)
{
    bool small = bucket->exact;
    if (split)
        return take_split(bucket, split, error);
    enum ops_status status = small ? OPS_OK : is_small(bucket, &small, error);
    if (status != OPS_OK)
        return status;
    return small ? write_split(bucket) : plan(bucket, error);
}
