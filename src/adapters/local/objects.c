#include "adapters/local/objects.h"

#include "adapters/local/inspect.h"
#include "adapters/local/kept.h"
#include "adapters/local/place.h"
#include "adapters/local/remover.h"
#include "adapters/local/streams.h"
#include "adapters/local/tree.h"
#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { OBJECTS_PAGE_MAX = 5000 };

struct objects {
    struct ops_target target;
    char *name;
    char *prefix;
    struct ops_view prefix_view;
    bool exact;
    bool flat;
    int root_fd;
    uint64_t mount_id;
    char *data_dir;
    struct local_kept kept;
    struct local_walk walk; /* stands behind the last key of the last page */
    struct ops_buf at;      /* the cursor that it stands at */
    bool walking;
    size_t passed_over_count; /* of the page: before its last key */
    /* Of the page's keys, those that were refused and can't be seen any more, since something was mounted there meanwhile.
     */
    struct ops_recount out_of_sight;
};

static enum ops_status bad_text(const struct objects *objects, const char *what, struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_ERROR, "The %s does not belong to %s.", what, objects->name);
}

static void walk_stop(struct objects *objects)
{
    if (objects->walking)
        local_walk_end(&objects->walk);
    objects->walking = false;
}

/* The keys behind after, up to and with until. */
static enum ops_status walk_start(struct objects *objects, struct local_walk *walk, struct ops_view after,
                                  struct ops_view until, struct ops_error *error)
{
    const struct local_walk_options options = {
        .root_fd = objects->root_fd,
        .mount_id = objects->mount_id,
        .name = objects->name,
        .kept = &objects->kept,
        .prefix = objects->prefix_view,
        .exact = objects->exact,
        .flat = objects->flat,
        .after = after,
        .until = until,
    };
    return local_walk_begin(walk, &options, error);
}

/* A cursor is the last key in base 64, since a key need not be UTF-8. */
static enum ops_status walk_to(struct objects *objects, const char *cursor, struct ops_error *error)
{
    if (objects->walking && strcmp(cursor, ops_buf_text(&objects->at)) == 0)
        return OPS_OK;
    struct ops_buf key;
    ops_buf_init(&key, LOCAL_KEY_MAX_BYTES);
    walk_stop(objects);
    ops_buf_clear(&objects->at);
    ops_buf_append_text(&objects->at, cursor);
    enum ops_status status = ops_base64url_decode(ops_view_of(cursor), &key);
    if (status == OPS_OK)
        status = ops_buf_status(&objects->at);
    else if (status != OPS_NO_MEMORY)
        status = bad_text(objects, "cursor", error);
    if (status == OPS_OK) {
        objects->walking = true;
        status = walk_start(objects, &objects->walk, ops_buf_view(&key), ops_view(NULL, 0), error);
    }
    ops_buf_release(&key);
    return status;
}

static enum ops_status add_key(struct ops_key_page *page, const struct local_found *found)
{
    struct ops_key *added = ops_key_page_add(page);
    if (!added)
        return OPS_NO_MEMORY;
    added->id.length = found->key.length;
    added->size_bytes = found->size_bytes;
    added->kept = found->kept;
    ops_buf_append_view(&page->storage, found->key);
    return ops_buf_status(&page->storage);
}

/* The next key of a walk. */
static enum ops_status next_key(const struct objects *objects, struct local_walk *walk, struct local_found *ret_found,
                                struct ops_error *error)
{
    enum ops_status status;
    do
        status = local_walk_next(walk, ret_found, error);
    while (status == OPS_OK && objects->flat && ret_found->key.length > 0 &&
           local_stream_is_idle(objects->root_fd, ret_found->key.data, &ret_found->place));
    return status;
}

static void note_undeletable(struct objects *objects, const struct local_found *found)
{
    const char *refusal = found->refusal;
    if (found->kept)
        return;
    if (objects->flat)
        refusal = local_stream_refusal(objects->root_fd, found->key.data, &found->place, refusal);
    if (refusal)
        ops_remarks_add(objects->target.remarks, OPS_REMARK_UNDELETABLE, found->key, refusal);
}

static enum ops_status read_keys(struct objects *objects, size_t limit, struct ops_key_page *page, struct ops_error *error)
{
    struct local_found found;
    size_t before = objects->walk.passed_over_count;
    objects->passed_over_count = 0;
    while (page->count < limit && page->storage.limit_bytes - page->storage.length >= LOCAL_KEY_MAX_BYTES) {
        enum ops_status status = next_key(objects, &objects->walk, &found, error);
        if (status != OPS_OK)
            return status;
        if (found.key.length == 0) {
            page->last = true;
            return OPS_OK;
        }
        objects->passed_over_count = objects->walk.passed_over_count - before;
        note_undeletable(objects, &found);
        status = add_key(page, &found);
        if (status != OPS_OK)
            return status;
    }
    return page->count > 0 ? OPS_OK : OPS_LIMIT;
}

static void set_views(struct ops_key_page *page)
{
    const char *at = page->storage.data;
    for (size_t i = 0; i < page->count; i++) {
        page->keys[i].id.data = at;
        page->keys[i].guarded = page->keys[i].id;
        at += page->keys[i].id.length;
    }
}

/* The receipt is "<cursor before> <last key> <number>": the keys between the two, each in base 64 or nothing, and how many
 * places between them could not be looked into. */
static enum ops_status write_marks(struct objects *objects, const char *cursor, struct ops_key_page *page)
{
    if (page->count == 0)
        return OPS_OK;
    struct ops_view last = page->keys[page->count - 1].id;
    ops_buf_append_text(&page->receipt, cursor);
    ops_buf_append_char(&page->receipt, ' ');
    ops_base64url_append(&page->receipt, last);
    ops_buf_append_char(&page->receipt, ' ');
    ops_buf_append_integer(&page->receipt, (int64_t)objects->passed_over_count);
    ops_buf_clear(&objects->at);
    ops_base64url_append(&objects->at, last);
    if (!page->last)
        ops_buf_append_view(&page->cursor, ops_buf_view(&objects->at));
    enum ops_status status = ops_buf_status(&page->receipt);
    if (status == OPS_OK)
        status = ops_buf_status(&page->cursor);
    return status == OPS_OK ? ops_buf_status(&objects->at) : status;
}

static enum ops_status objects_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                    struct ops_key_page *ret_page, struct ops_error *error)
{
    (void)segment;
    struct objects *objects = (struct objects *)self;
    enum ops_status status = local_kept_look(&objects->kept);
    if (status == OPS_OK)
        status = walk_to(objects, cursor, error);
    objects->walk.remarks = self->remarks;
    objects->out_of_sight = (struct ops_recount){0, 0};
    if (status == OPS_OK)
        status = read_keys(objects, limit < OBJECTS_PAGE_MAX ? limit : OBJECTS_PAGE_MAX, ret_page, error);
    if (status == OPS_OK) {
        set_views(ret_page);
        status = write_marks(objects, cursor, ret_page);
    }
    /* A walk that is over, or broke, starts anew from the cursor, and then sees what came meanwhile. */
    if (status != OPS_OK || ret_page->last)
        walk_stop(objects);
    if (status != OPS_OK)
        ops_key_page_clear(ret_page);
    return status;
}

/* Names a key that stays. What is said first is what the error says: what follows is often its consequence. */
static void note_refusal(struct objects *objects, const struct ops_key *key, const char *why, bool first,
                         struct ops_error *error)
{
    char name[OPS_REMARK_NAME_SIZE];
    ops_remarks_add(objects->target.remarks, OPS_REMARK_REFUSED, key->id, why);
    if (first)
        (void)ops_fail(error, OPS_TARGET_ERROR, "In %s, %s: %s.", objects->name, local_printable(key->id, name), why);
}

static void note_out_of_sight(struct objects *objects, const struct ops_key *key)
{
    objects->out_of_sight.count++;
    objects->out_of_sight.size_bytes += key->size_bytes;
}

static enum ops_status objects_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                      enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct objects *objects = (struct objects *)self;
    struct local_remover remover;
    size_t refused = 0;
    enum ops_status status = local_kept_look(&objects->kept);
    if (status != OPS_OK)
        return status;
    local_remover_begin(&remover, objects->root_fd, objects->mount_id, &objects->kept, objects->prefix_view);
    for (size_t i = 0; i < count; i++) {
        const char *why = NULL;
        ret_outcomes[i] = objects->flat ? local_stream_remove(&remover, keys[i].id, &why)
                                        : local_remover_remove(&remover, keys[i].id, &why);
        if (ret_outcomes[i] == OPS_FAILED)
            note_refusal(objects, &keys[i], why, refused++ == 0, error);
        if (remover.out_of_sight)
            note_out_of_sight(objects, &keys[i]);
    }
    local_remover_end(&remover);
    return OPS_OK;
}

/* What the receipt's page was. */
struct range {
    struct ops_buf after, last;
    size_t passed_over_count;
    bool in_hand; /* the page that was last read */
};

static void range_release(struct range *range)
{
    ops_buf_release(&range->after);
    ops_buf_release(&range->last);
}

/* The number is missing in receipts of version 0.1. */
static enum ops_status range_read(const struct objects *objects, const char *receipt, struct range *ret_range,
                                  struct ops_error *error)
{
    const char *space = strchr(receipt, ' '), *number = space ? strchr(space + 1, ' ') : NULL;
    ops_buf_init(&ret_range->after, LOCAL_KEY_MAX_BYTES);
    ops_buf_init(&ret_range->last, LOCAL_KEY_MAX_BYTES);
    ret_range->passed_over_count = number ? strtoul(number, NULL, 10) : 0;
    if (!space || !space[1])
        return bad_text(objects, "receipt", error);
    size_t last_length = number ? (size_t)(number - space - 1) : strlen(space + 1);
    ret_range->in_hand = ops_view_equal(ops_view(space + 1, last_length), ops_buf_view(&objects->at));
    enum ops_status status = ops_base64url_decode(ops_view(receipt, (size_t)(space - receipt)), &ret_range->after);
    if (status == OPS_OK)
        status = ops_base64url_decode(ops_view(space + 1, last_length), &ret_range->last);
    return status == OPS_OK || status == OPS_NO_MEMORY ? status : bad_text(objects, "receipt", error);
}

/* What has become invisible since the page was read is counted by whoever could not remove it. Another one can't tell what
 * was removed of it before. */
static enum ops_status add_out_of_sight(const struct objects *objects, const struct range *range,
                                        const struct ops_remarks *remarks, struct ops_recount *there,
                                        struct ops_error *error)
{
    if ((size_t)remarks->counts[OPS_REMARK_UNREADABLE] <= range->passed_over_count)
        return OPS_OK;
    if (range->in_hand && objects->out_of_sight.count > 0) {
        there->count += objects->out_of_sight.count;
        there->size_bytes += objects->out_of_sight.size_bytes;
        return OPS_OK;
    }
    const struct ops_remark *newest = &remarks->first[remarks->count - 1];
    return ops_fail(error, OPS_TARGET_ERROR, "In %s it can't be counted any more what is left: %s: %s.", objects->name,
                    newest->name, newest->reason);
}

static enum ops_status count_range(struct objects *objects, const struct range *range, struct ops_recount *ret_there,
                                   struct ops_error *error)
{
    struct local_walk walk = {.depth = 0};
    struct ops_remarks remarks = {.count = 0};
    struct ops_recount there = {0, 0};
    struct local_found found;
    enum ops_status status = local_kept_look(&objects->kept);
    if (status == OPS_OK)
        status = walk_start(objects, &walk, ops_buf_view(&range->after), ops_buf_view(&range->last), error);
    walk.remarks = &remarks;
    while (status == OPS_OK && (status = next_key(objects, &walk, &found, error)) == OPS_OK && found.key.length > 0) {
        there.count++;
        there.size_bytes += found.size_bytes;
    }
    local_walk_end(&walk);
    if (status == OPS_OK)
        status = add_out_of_sight(objects, range, &remarks, &there, error);
    if (status == OPS_OK)
        *ret_there = there;
    return status;
}

static enum ops_status objects_recount(struct ops_target *self, uint32_t segment, const char *receipt,
                                       struct ops_recount *ret_there, struct ops_error *error)
{
    (void)segment;
    struct objects *objects = (struct objects *)self;
    struct range range;
    if (!*receipt) {
        *ret_there = (struct ops_recount){0, 0};
        return OPS_OK;
    }
    enum ops_status status = range_read(objects, receipt, &range, error);
    if (status == OPS_OK)
        status = count_range(objects, &range, ret_there, error);
    range_release(&range);
    return status;
}

static void objects_close(struct ops_target *self)
{
    struct objects *objects = (struct objects *)self;
    walk_stop(objects);
    ops_buf_release(&objects->at);
    if (objects->root_fd >= 0)
        close(objects->root_fd);
    local_kept_release(&objects->kept);
    ops_mem_free(objects->data_dir);
    ops_mem_free(objects->name);
    ops_mem_free(objects->prefix);
    ops_mem_free(objects);
}

static enum ops_status objects_inspect(struct ops_target *self, struct ops_findings *ret_findings, struct ops_error *error)
{
    struct objects *objects = (struct objects *)self;
    const struct local_inspection inspection = {
        .root_fd = objects->root_fd,
        .mount_id = objects->mount_id,
        .kept = &objects->kept,
        .prefix = objects->prefix_view,
        .exact = objects->exact,
        .flat = objects->flat,
    };
    enum ops_status status = local_kept_look(&objects->kept);
    return status == OPS_OK ? local_inspect(&inspection, ret_findings, error) : status;
}

static enum ops_status objects_keep(struct ops_target *self, const struct ops_target_spec *tables, size_t count,
                                    struct ops_error *error)
{
    return local_kept_tell(&((struct objects *)self)->kept, tables, count, error);
}

static const struct ops_target_ops objects_ops = {
    .page = objects_page,
    .remove = objects_remove,
    .recount = objects_recount,
    .close = objects_close,
    .inspect = objects_inspect,
    .keep = objects_keep,
};

static enum ops_status look_failed(const char *name, int number, struct ops_error *error)
{
    if (number == ENOMEM)
        return OPS_NO_MEMORY;
    if (number == EOPNOTSUPP)
        return ops_fail(error, OPS_TARGET_ERROR,
                        "It can't be told what is mounted in the directory of %s: neither statx nor /proc says it.", name);
    return ops_fail(error, number == EMFILE || number == ENFILE || number == EIO ? OPS_STORE_UNAVAILABLE : OPS_TARGET_ERROR,
                    "The directory of %s can't be read: %s.", name, strerror(number));
}

static enum ops_status objects_start(struct objects *objects, const char *data_dir,
                                     const struct local_objects_options *options, struct ops_error *error)
{
    struct statx place;
    objects->name = ops_mem_strdup(options->name);
    objects->prefix = ops_mem_strndup(options->prefix.data ? options->prefix.data : "", options->prefix.length);
    objects->data_dir = ops_mem_strdup(data_dir);
    if (!objects->name || !objects->prefix || !objects->data_dir)
        return OPS_NO_MEMORY;
    objects->kept.data_dir = objects->data_dir;
    objects->prefix_view = ops_view(objects->prefix, options->prefix.length);
    enum ops_status status = local_tree_open(data_dir, options->relative, &objects->root_fd, error);
    if (status != OPS_OK)
        return status;
    if (!local_look(objects->root_fd, "", &place))
        return look_failed(options->name, errno, error);
    objects->mount_id = place.stx_mnt_id;
    return OPS_OK;
}

enum ops_status local_objects_open(const char *data_dir, const struct local_objects_options *options,
                                   struct ops_target **ret_target, struct ops_error *error)
{
    struct objects *objects = ops_mem_zeroed(1, sizeof *objects);
    if (!objects)
        return OPS_NO_MEMORY;
    objects->target = (struct ops_target){
        .ops = &objects_ops, .segment_count = 1, .page_max = OBJECTS_PAGE_MAX, .batch_max = OBJECTS_PAGE_MAX};
    objects->root_fd = -1;
    objects->exact = options->exact;
    objects->flat = options->flat;
    ops_buf_init(&objects->at, OPS_CURSOR_MAX_BYTES);
    enum ops_status status = objects_start(objects, data_dir, options, error);
    if (status != OPS_OK) {
        objects_close(&objects->target);
        return status;
    }
    *ret_target = &objects->target;
    return OPS_OK;
}
