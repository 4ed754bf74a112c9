#include "adapters/aws/bucket.h"

#include "adapters/aws/percent.h"

enum { SHOWN_MAX_BYTES = 120 };

struct list_words {
    const char *operation;
    const char *right;
    const char *query;
    const char *limit;
    const char *after_key;
    const char *after_id;
    const char *after_marker; /* what the service has named */
};

static const struct list_words words[OPS_S3_LIST_COUNT] = {
    [OPS_S3_OBJECTS] = {"ListObjectsV2", "s3:ListBucket", "list-type=2", "max-keys", "start-after", NULL,
                        "continuation-token"},
    [OPS_S3_VERSIONS] = {"ListObjectVersions", "s3:ListBucketVersions", "versions=", "max-keys", "key-marker",
                         "version-id-marker", "key-marker"},
    [OPS_S3_UPLOADS] = {"ListMultipartUploads", "s3:ListBucketMultipartUploads", "uploads=", "max-uploads", "key-marker",
                        "upload-id-marker", "key-marker"},
};

enum ops_s3_list ops_s3_first_list(const struct ops_s3_bucket *bucket)
{
    return bucket->is_versioned ? OPS_S3_VERSIONS : OPS_S3_OBJECTS;
}

void ops_s3_walk_init(struct ops_s3_walk *walk, struct ops_s3_bucket *bucket, ops_s3_on_entry_fn on_entry, void *context)
{
    *walk = (struct ops_s3_walk){
        .bucket = bucket, .prefix = bucket->prefix, .exact = bucket->exact, .on_entry = on_entry, .context = context};
    ops_s3_place_init(&walk->at);
    walk->at.list = ops_s3_first_list(bucket);
}

void ops_s3_walk_release(struct ops_s3_walk *walk)
{
    ops_s3_place_release(&walk->at);
}

static void add_parameter(struct ops_buf *query, const char *name, struct ops_view value)
{
    if (!name || value.length == 0)
        return;
    ops_buf_append_format(query, "&%s=", name);
    ops_aws_percent_append(query, value, false);
}

static enum ops_status write_query(const struct ops_s3_walk *walk, size_t ask)
{
    struct ops_buf *query = &walk->bucket->query;
    const struct list_words *list = &words[walk->at.list];
    const struct ops_s3_place *at = &walk->at;
    ops_buf_clear(query);
    ops_buf_append_format(query, "%s&encoding-type=url&%s=%zu", list->query, list->limit, ask);
    add_parameter(query, "prefix", walk->prefix);
    if (at->marker.length > 0)
        add_parameter(query, list->after_marker, ops_buf_view(&at->marker));
    else
        add_parameter(query, list->after_key, ops_buf_view(&at->key));
    add_parameter(query, list->after_id, ops_buf_view(&at->id));
    return ops_buf_status(query);
}

/* ---- Listings that mislead ---- */

static enum ops_status misleads(const struct ops_s3_walk *walk, const char *how, struct ops_view text,
                                struct ops_error *error)
{
    struct ops_buf shown;
    ops_buf_init(&shown, 3 * SHOWN_MAX_BYTES);
    ops_aws_percent_append(&shown, ops_view(text.data, text.length < SHOWN_MAX_BYTES ? text.length : SHOWN_MAX_BYTES), true);
    enum ops_status status = ops_fail(error, OPS_TARGET_ERROR, "S3 gave a listing of the bucket %s that %s%s%s.",
                                      walk->bucket->name, how, text.length > 0 ? " " : "", ops_buf_text(&shown));
    ops_buf_release(&shown);
    return status;
}

static struct ops_view view_of_none(void)
{
    return ops_view("", 0);
}

/* Records that come too late for their place would be passed over, and those behind the end of a listing that is in no order
 * never be asked for. */
static enum ops_status check_order(const struct ops_s3_walk *walk, struct ops_error *error)
{
    const struct ops_s3_listing *listing = &walk->bucket->listing;
    if (listing->count > 0 && ops_s3_compare(listing->entries[0].key, ops_buf_view(&walk->at.key)) < 0)
        return misleads(walk, "is not in the order of its keys: it goes back to", listing->entries[0].key, error);
    if (!listing->is_truncated)
        return OPS_OK;
    if (walk->at.list == OPS_S3_OBJECTS && !listing->was_in_order)
        return misleads(walk, "is not in the order of its keys, so that what follows can't be told", view_of_none(), error);
    if (walk->at.list != OPS_S3_OBJECTS && listing->next_key.length == 0)
        return misleads(walk, "is not complete and does not say where it goes on", view_of_none(), error);
    return OPS_OK;
}

static bool goes_on_where_it_began(const struct ops_s3_walk *walk)
{
    const struct ops_s3_listing *listing = &walk->bucket->listing;
    const struct ops_s3_place *at = &walk->at;
    struct ops_view marker = at->marker.length > 0 ? ops_buf_view(&at->marker) : ops_buf_view(&at->key);
    return ops_view_equal(listing->next_key, marker) && ops_view_equal(listing->next_id, ops_buf_view(&at->id));
}

static enum ops_status leads_nowhere(const struct ops_s3_walk *walk, struct ops_error *error)
{
    const struct ops_s3_listing *listing = &walk->bucket->listing;
    if (listing->next_key.length == 0)
        return misleads(walk, "leads nowhere", view_of_none(), error);
    return misleads(walk, "leads nowhere: it goes on where it began, at", listing->next_key, error);
}

/* ---- What a listing says ---- */

static bool in_scope(const struct ops_s3_walk *walk, struct ops_view key)
{
    return ops_view_starts_with(key, walk->prefix) && (!walk->exact || key.length == walk->prefix.length);
}

/* Behind the scope is what is longer than the one key of it; everything else is kept away by the prefix. */
static bool is_beyond(const struct ops_s3_walk *walk, struct ops_view key)
{
    const struct ops_s3_range *range = &walk->range;
    return (range->is_bounded && ops_s3_compare(key, range->last) > 0) ||
           (walk->exact && ops_s3_compare(key, walk->prefix) > 0);
}

static bool is_behind_place(const struct ops_s3_walk *walk, struct ops_view key)
{
    int order = ops_s3_compare(key, ops_buf_view(&walk->at.key));
    return order > 0 || (order == 0 && walk->at.is_within);
}

/* Entries from..to of a listing are those of one key. */
struct group {
    size_t from;
    size_t to;
    struct ops_view key;
    bool is_whole; /* there is no more of the key */
};

/* Of a listing that is not complete the last key may have more, whatever the service names as the place where it goes on. */
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
    for (size_t i = group.from; i < group.to && status == OPS_OK && walk->on_entry; i++)
        status = walk->on_entry(walk->context, &walk->bucket->listing.entries[i]);
    return status;
}

static bool is_wanted(const struct ops_s3_walk *walk, struct group group)
{
    return in_scope(walk, group.key) && is_behind_place(walk, group.key);
}

/* How a listing is gone through. */
struct progress {
    struct ops_view reached; /* the last key that is done with */
    struct group group;      /* the one in hand */
    size_t given;
    bool is_full;  /* the group in hand must wait */
    bool too_much; /* a key alone is more than the limit */
};

/* Hands on key after key, as long as each is there as a whole, wanted, and not too much. */
static enum ops_status hand_on_whole_keys(struct ops_s3_walk *walk, size_t limit, struct progress *progress)
{
    const struct ops_s3_listing *listing = &walk->bucket->listing;
    while (progress->group.to < listing->count) {
        struct group group = progress->group = group_at(walk, progress->group.to);
        size_t size = is_wanted(walk, group) ? group.to - group.from : 0;
        walk->ended = is_beyond(walk, group.key);
        progress->is_full = !group.is_whole || progress->given + size > limit;
        if (walk->ended || progress->is_full)
            return OPS_OK;
        enum ops_status status = size > 0 ? hand_on(walk, group) : OPS_OK;
        if (status != OPS_OK)
            return status;
        progress->given += size;
        progress->reached = group.key;
    }
    walk->ended = !listing->is_truncated;
    return OPS_OK;
}

/* What there is of a key that is all that the listing has. Where the service goes on at another key, it has no more of this
 * one. */
static enum ops_status hand_on_part(struct ops_s3_walk *walk, struct group group, struct ops_error *error)
{
    const struct ops_s3_listing *listing = &walk->bucket->listing;
    bool is_within = ops_view_starts_with(listing->next_key, group.key);
    if (goes_on_where_it_began(walk))
        return leads_nowhere(walk, error);
    if (!is_within && ops_s3_compare(listing->next_key, group.key) < 0)
        return misleads(walk, "goes back to", listing->next_key, error);
    if (is_within && listing->next_key.length == group.key.length && listing->next_id.length == 0)
        return misleads(walk, "does not say where it goes on within", group.key, error);
    enum ops_status status = hand_on(walk, group);
    if (status != OPS_OK)
        return status;
    if (!is_within)
        return ops_s3_place_behind(&walk->at, walk->at.list, group.key);
    return ops_s3_place_named(&walk->at, walk->at.list, group.key, true, listing->next_key, listing->next_id);
}

/* Nothing of the listing is wanted, and there is more of it. */
static enum ops_status pass_over(struct ops_s3_walk *walk, struct ops_error *error)
{
    const struct ops_s3_listing *listing = &walk->bucket->listing;
    if (listing->next_key.length == 0 || goes_on_where_it_began(walk))
        return leads_nowhere(walk, error);
    return ops_s3_place_go_on(&walk->at, listing->next_key, listing->next_id);
}

static enum ops_status take_listing(struct ops_s3_walk *walk, size_t limit, bool *ret_too_much, struct ops_error *error)
{
    struct progress progress = {.reached = view_of_none()};
    enum ops_status status = check_order(walk, error);
    if (status == OPS_OK)
        status = hand_on_whole_keys(walk, limit, &progress);
    if (walk->exact && ops_view_equal(progress.reached, walk->prefix))
        walk->ended = true;
    if (status != OPS_OK || walk->ended)
        return status;
    if (progress.given > 0 || ops_s3_compare(progress.reached, ops_buf_view(&walk->at.key)) > 0)
        return ops_s3_place_behind(&walk->at, walk->at.list, progress.reached);
    if (!progress.is_full || !is_wanted(walk, progress.group))
        return pass_over(walk, error);
    *ret_too_much = progress.group.to - progress.group.from > limit;
    return *ret_too_much ? OPS_OK : hand_on_part(walk, progress.group, error);
}

static size_t ask_for(const struct ops_s3_walk *walk, size_t limit)
{
    if (walk->ask > 0)
        return walk->ask;
    return walk->at.list == OPS_S3_OBJECTS && limit < OPS_S3_LIST_MAX ? limit : OPS_S3_LIST_MAX;
}

static enum ops_status read_listing(void *context, struct ops_view answer)
{
    struct ops_s3_walk *walk = context;
    return ops_s3_listing_read(&walk->bucket->listing, walk->at.list, answer);
}

static enum ops_status ask_and_take(struct ops_s3_walk *walk, size_t limit, size_t ask, bool *ret_too_much,
                                    struct ops_error *error)
{
    walk->question = (struct ops_s3_question){.operation = words[walk->at.list].operation,
                                              .right = words[walk->at.list].right,
                                              .read = read_listing,
                                              .context = walk,
                                              .patiently = walk->patiently};
    enum ops_status status = write_query(walk, ask);
    if (status == OPS_OK)
        status = ops_s3_ask(walk->bucket, &walk->question, error);
    if (status == OPS_TARGET_ERROR && walk->at.list == OPS_S3_UPLOADS && walk->question.is_lacking) {
        walk->bucket->lacks_uploads = walk->ended = true;
        return OPS_OK;
    }
    return status == OPS_OK ? take_listing(walk, limit, ret_too_much, error) : status;
}

enum ops_status ops_s3_walk_on(struct ops_s3_walk *walk, size_t limit, struct ops_error *error)
{
    bool too_much = false;
    enum ops_status status = ask_and_take(walk, limit, ask_for(walk, limit), &too_much, error);
    if (status != OPS_OK || !too_much)
        return status;
    too_much = false;
    status = ask_and_take(walk, limit, limit, &too_much, error); /* the service knows a place behind so many */
    if (status == OPS_OK && too_much)
        status = misleads(walk, "has more records than it was asked for", view_of_none(), error);
    return status;
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
    struct ops_s3_walk walk;
    ops_s3_walk_init(&walk, bucket, keep_key, found);
    walk.patiently = true;
    walk.ask = 2; /* since some begin with the key itself that they are to begin after */
    ops_buf_clear(found);
    enum ops_status status = ops_s3_place_behind(&walk.at, walk.at.list, after);
    while (status == OPS_OK && found->length == 0 && !walk.ended) {
        status = ops_s3_walk_on(&walk, OPS_S3_LIST_MAX, error);
        walk.ask = 0; /* and some with all of its versions */
    }
    ops_s3_walk_release(&walk);
    return status;
}
