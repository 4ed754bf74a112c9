/* An S3 bucket: keys that are given or computed, a number of versions of each, unfinished uploads, and bits for what has
 * gone. */
#ifndef STUB_BUCKET_H
#define STUB_BUCKET_H

#include "stub/memory.h"

enum { STUB_KEY_SIZE = 64, STUB_VERSION_SIZE = 33 };

/* Keys in their order: a list, or "acme00042/object-0000001234", per_org to a tenant, one tenant after the other. */
struct stub_keys {
    size_t count;
    size_t per_org;
    const char *stem; /* "object-"; static */
    char **list;      /* owned; NULL: computed */
};

void stub_keys_init(struct stub_keys *keys, size_t count, size_t org_count, const char *stem);
void stub_keys_init_list(struct stub_keys *keys, const json_t *list); /* an array of strings, in any order */
void stub_keys_release(struct stub_keys *keys);

/* The text may be in room. */
struct ops_view stub_keys_text(const struct stub_keys *keys, size_t number, char room[static STUB_KEY_SIZE]);
bool stub_keys_find(const struct stub_keys *keys, struct ops_view text, size_t *ret_number);
size_t stub_keys_seek(const struct stub_keys *keys, struct ops_view text); /* the first that is not before text */

enum stub_versioning { STUB_UNVERSIONED, STUB_ENABLED, STUB_SUSPENDED };

/* Version 0 is the newest. A delete without a version id puts a delete marker above all of them; the stub keeps one marker a
 * key at most. */
struct stub_bucket {
    char *name;
    enum stub_versioning versioning;
    bool markers_last; /* a listing has its delete markers behind its versions, and not in their places */
    size_t lock_days;  /* default retention of Object Lock, which says so and locks nothing; 0: there is none */
    struct stub_keys keys;
    size_t version_count;      /* of each key, at first */
    struct stub_bits gone;     /* by key number * version_count + version */
    struct stub_bits unmarked; /* by key number: there is no delete marker */
    struct stub_keys uploads;
    struct stub_bits uploads_gone;
    uint64_t deleted_count; /* versions and markers that were there */
    uint64_t deleted_again_count;
    uint64_t markers_made_count;
};

struct stub_bucket *stub_bucket_new(struct ops_view name, enum stub_versioning versioning, size_t version_count);

/* Once keys and uploads are filled in. Each marked_every-th key begins with a delete marker; 0: none. */
void stub_bucket_ready(struct stub_bucket *bucket, size_t marked_every);
void stub_bucket_release(void *bucket); /* frees it */

/* The next key from number on that has a version or a marker; keys.count when there is none. */
size_t stub_bucket_next(const struct stub_bucket *bucket, size_t number);

/* The newest version of a key from this one on that is there; version_count when there is none. */
size_t stub_bucket_newest(const struct stub_bucket *bucket, size_t number, size_t version);
bool stub_bucket_is_marked(const struct stub_bucket *bucket, size_t number);

enum { STUB_MARKER = -1 }; /* as a version: the delete marker */

void stub_bucket_version_id(const struct stub_bucket *bucket, size_t number, long version,
                            char ret_id[static STUB_VERSION_SIZE]);
bool stub_bucket_read_version(const struct stub_bucket *bucket, size_t number, struct ops_view id, long *ret_version);

enum stub_deletion { STUB_DELETED, STUB_DELETED_MARKER, STUB_MADE_MARKER, STUB_NO_SUCH_VERSION };

/* version_id empty: none was given. */
enum stub_deletion stub_bucket_delete(struct stub_bucket *bucket, struct ops_view key, struct ops_view version_id);

/* How many keys have a newest version that is no marker. */
size_t stub_bucket_object_count(const struct stub_bucket *bucket);

#endif
