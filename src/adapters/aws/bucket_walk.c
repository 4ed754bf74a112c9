#include "adapters/aws/bucket.h"

#include "adapters/aws/percent.h"

struct list_words {
    const char *operation;
    const char *limit;
    const char *after_key;
    const char *after_id;
};

static const struct list_words words[OPS_S3_LIST_COUNT] = {
    [OPS_S3_OBJECTS] = {"list-type=2", "max-keys", "start-after", NULL},
    [OPS_S3_VERSIONS] = {"versions=", "max-keys", "key-marker", "version-id-marker"},
    [OPS_S3_UPLOADS] = {"uploads=", "max-uploads", "key-marker", "upload-id-marker"},
};

enum ops_s3_list ops_s3_first_list(const struct ops_s3_bucket *bucket)
{
    return bucket->is_versioned ? OPS_S3_VERSIONS : OPS_S3_OBJECTS;
}

static void add_parameter(struct ops_buf *query, const char *name, struct ops_view value)
{
    if (!name || value.length == 0)
        return;
    ops_buf_append_format(query, "&%s=", name);
    ops_aws_percent_append(query, value, false);
}

static enum ops_status write_query(const struct ops_s3_walk *walk, size_t limit)
{
    struct ops_buf *query = &walk->bucket->query;
    const struct list_words *list = &words[walk->at.list];
    ops_buf_clear(query);
    ops_buf_append_format(query, "%s&encoding-type=url&%s=%zu", list->operation, list->limit, limit);
    add_parameter(query, "prefix", walk->bucket->prefix);
    add_parameter(query, list->after_key, ops_buf_view(&walk->at.key));
    add_parameter(query, list->after_id, ops_buf_view(&walk->at.id));
    return ops_buf_status(query);
}

static enum ops_status unreadable(const struct ops_s3_walk *walk, const char *what, struct ops_error *error)
{
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "S3 gave a listing of the bucket %s that %s.", walk->bucket->name, what);
}

/* ---- What a listing says ---- */

static bool in_scope(const struct ops_s3_bucket *bucket, struct ops_view key)
{
    return ops_view_starts_with(key, bucket->prefix) && (!bucket->exact || key.length == bucket->prefix.length);
}

/* Behind the scope is what is longer than the one key of it; everything else is kept away by the prefix. */
static bool is_beyond(const struct ops_s3_walk *walk, struct ops_view key)
{
    const struct ops_s3_range *range = &walk->range;
    return (range->is_bounded && ops_s3_compare(key, range->last) > 0) ||
           (walk->bucket->exact && ops_s3_compare(key, walk->bucket->prefix) > 0);
}

static bool is_behind_place(const struct ops_s3_walk *walk, struct ops_view key)
{
    int order = ops_s3_compare(key, ops_buf_view(&walk->at.key));
    return order > 0 || (order == 0 && walk->at.id.length > 0);
}

/* Entries from..to of a listing are those of one key. */
struct group {
    size_t from;
    size_t to;
    struct ops_view key;
    bool is_whole; /* there is no more of the key */
};

static struct group group_at(const struct ops_s3_walk *walk, size_t from)
{
    const struct ops_s3_listing *listing = &walk->bucket->listing;
    struct group group = {.from = from, .to = from + 1, .key = listing->entries[from].key};
    while (group.to < listing->count && ops_view_equal(listing->entries[group.to].key, group.key))
        group.to++;
    group.is_whole = group.to < listing->count || !listing->is_truncated || walk->at.list == OPS_S3_OBJECTS;
    return group;
}

static enum ops_status hand_on(const struct ops_s3_walk *walk, struct group group)
{
    enum ops_status status = OPS_OK;
    for (size_t i = group.from; i < group.to && status == OPS_OK; i++)
        status = walk->on_entry(walk->context, &walk->bucket->listing.entries[i]);
    return status;
}

/* How a listing is gone through. */
struct progress {
    struct ops_view reached; /* the last key that is done with */
    struct group group;      /* the one in hand */
    size_t given;
    bool is_full; /* the group in hand must wait */
};

/* Hands on key after key, as long as each is there as a whole, wanted, and not too much. */
static enum ops_status hand_on_whole_keys(struct ops_s3_walk *walk, size_t limit, struct progress *progress)
{
    const struct ops_s3_listing *listing = &walk->bucket->listing;
    while (progress->group.to < listing->count) {
        struct group group = progress->group = group_at(walk, progress->group.to);
        bool is_wanted = in_scope(walk->bucket, group.key) && is_behind_place(walk, group.key);
        size_t size = is_wanted ? group.to - group.from : 0;
        walk->ended = is_beyond(walk, group.key);
        progress->is_full = !group.is_whole || progress->given + size > limit;
        if (walk->ended || progress->is_full)
            return OPS_OK;
        enum ops_status status = is_wanted ? hand_on(walk, group) : OPS_OK;
        if (status != OPS_OK)
            return status;
        progress->given += size;
        progress->reached = group.key;
    }
    walk->ended = !listing->is_truncated;
    return OPS_OK;
}

/* A key that is too much for one listing, or for the limit: as much of it as there may be. */
static enum ops_status hand_on_part(struct ops_s3_walk *walk, struct group group, size_t limit)
{
    if (group.to - group.from > limit)
        group.to = group.from + limit;
    enum ops_status status = hand_on(walk, group);
    if (status == OPS_OK)
        status = ops_s3_place_set(&walk->at, walk->at.list, group.key, walk->bucket->listing.entries[group.to - 1].id);
    return status;
}

static enum ops_status take_listing(struct ops_s3_walk *walk, size_t limit, struct ops_error *error)
{
    struct progress progress = {.reached = ops_view("", 0)};
    enum ops_status status = hand_on_whole_keys(walk, limit, &progress);
    if (walk->bucket->exact && ops_view_equal(progress.reached, walk->bucket->prefix))
        walk->ended = true;
    if (status != OPS_OK || walk->ended)
        return status;
    if (progress.given > 0 || ops_s3_compare(progress.reached, ops_buf_view(&walk->at.key)) > 0)
        return ops_s3_place_set(&walk->at, walk->at.list, progress.reached, ops_view("", 0));
    if (progress.is_full && in_scope(walk->bucket, progress.group.key) && is_behind_place(walk, progress.group.key))
        return hand_on_part(walk, progress.group, limit);
    return unreadable(walk, "leads nowhere", error); /* the walk would never end */
}

static size_t ask_for(const struct ops_s3_walk *walk, size_t limit)
{
    if (walk->ask > 0)
        return walk->ask;
    return walk->at.list == OPS_S3_OBJECTS && limit < OPS_S3_LIST_MAX ? limit : OPS_S3_LIST_MAX;
}

enum ops_status ops_s3_walk_on(struct ops_s3_walk *walk, size_t limit, struct ops_error *error)
{
    struct ops_s3_bucket *bucket = walk->bucket;
    enum ops_status status = write_query(walk, ask_for(walk, limit));
    if (status == OPS_OK)
        status = ops_s3_get(bucket, walk->patiently, error);
    if (status != OPS_OK)
        return status;
    status = ops_s3_listing_read(&bucket->listing, walk->at.list, ops_buf_view(&bucket->answer));
    if (status == OPS_CORRUPT || status == OPS_LIMIT)
        return unreadable(walk, "can't be read", error);
    return status == OPS_OK ? take_listing(walk, limit, error) : status;
}

/* ---- One key ---- */

static enum ops_status keep_key(void *context, const struct ops_s3_entry *entry)
{
    struct ops_buf *found = context;
    if (found->length == 0)
        ops_buf_append_view(found, entry->key);
    return ops_buf_status(found);
}

enum ops_status ops_s3_find(struct ops_s3_bucket *bucket, struct ops_view after, struct ops_buf *found,
                            struct ops_error *error)
{
    /* For two, since some begin with the key itself that they are to begin after. */
    struct ops_s3_walk walk = {.bucket = bucket, .patiently = true, .ask = 2, .on_entry = keep_key, .context = found};
    ops_s3_place_init(&walk.at);
    ops_buf_clear(found);
    enum ops_status status = ops_s3_place_set(&walk.at, ops_s3_first_list(bucket), after, ops_view("", 0));
    if (status == OPS_OK)
        status = ops_s3_walk_on(&walk, 1, error);
    ops_s3_place_release(&walk.at);
    return status;
}
