#include "stub/bucket.h"

#include "stub/numbers.h"

#include <stdlib.h>

/* ---- Keys ---- */

void stub_keys_init(struct stub_keys *keys, size_t count, size_t org_count, const char *stem)
{
    *keys = (struct stub_keys){.count = count, .per_org = count ? (count + org_count - 1) / org_count : 1, .stem = stem};
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void stub_keys_init_list(struct stub_keys *keys, const json_t *list)
{
    size_t count = json_array_size(list);
    *keys = (struct stub_keys){.count = count, .per_org = 1, .stem = "", .list = stub_zeroed(count + 1, sizeof *keys->list)};
    for (size_t i = 0; i < count; i++)
        keys->list[i] = stub_copy(stub_json_view(json_array_get(list, i)));
    qsort(keys->list, count, sizeof *keys->list, compare_texts);
}

void stub_keys_release(struct stub_keys *keys)
{
    for (size_t i = 0; keys->list && i < keys->count; i++)
        ops_mem_free(keys->list[i]);
    ops_mem_free(keys->list);
}

struct ops_view stub_keys_text(const struct stub_keys *keys, size_t number, char room[static STUB_KEY_SIZE])
{
    if (keys->list)
        return ops_view_of(keys->list[number]);
    char *at = stub_write_digits(stub_write_text(room, STUB_ORG_STEM), number / keys->per_org, STUB_ORG_DIGITS);
    at = stub_write_text(stub_write_text(at, "/"), keys->stem);
    at = stub_write_digits(at, number, STUB_NUMBER_DIGITS);
    return ops_view(room, (size_t)(at - room));
}

size_t stub_keys_seek(const struct stub_keys *keys, struct ops_view text)
{
    size_t low = 0, high = keys->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        char room[STUB_KEY_SIZE];
        if (stub_compare(stub_keys_text(keys, middle, room), text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool stub_keys_find(const struct stub_keys *keys, struct ops_view text, size_t *ret_number)
{
    char room[STUB_KEY_SIZE];
    uint64_t org, number;
    if (keys->list) {
        *ret_number = stub_keys_seek(keys, text);
        return *ret_number < keys->count && ops_view_is(text, keys->list[*ret_number]);
    }
    struct ops_view left = text;
    if (!stub_take_text(&left, STUB_ORG_STEM) || !stub_take_digits(&left, STUB_ORG_DIGITS, &org) ||
        !stub_take_text(&left, "/") || !stub_take_text(&left, keys->stem) ||
        !stub_take_digits(&left, STUB_NUMBER_DIGITS, &number) || number >= keys->count)
        return false;
    *ret_number = (size_t)number;
    return ops_view_equal(stub_keys_text(keys, (size_t)number, room), text);
}

/* ---- A bucket's life ---- */

struct stub_bucket *stub_bucket_new(struct ops_view name, enum stub_versioning versioning, size_t version_count)
{
    struct stub_bucket *bucket = stub_zeroed(1, sizeof *bucket);
    bucket->name = stub_copy(name);
    bucket->versioning = versioning;
    bucket->version_count = versioning == STUB_UNVERSIONED ? 1 : version_count;
    return bucket;
}

void stub_bucket_ready(struct stub_bucket *bucket, size_t marked_every)
{
    stub_bits_init(&bucket->gone, bucket->keys.count * bucket->version_count);
    stub_bits_init(&bucket->unmarked, bucket->keys.count);
    stub_bits_init(&bucket->uploads_gone, bucket->uploads.count);
    for (size_t i = 0; i < bucket->keys.count; i++)
        if (!marked_every || bucket->versioning == STUB_UNVERSIONED || i % marked_every != marked_every - 1)
            (void)stub_bits_set(&bucket->unmarked, i);
}

void stub_bucket_release(void *context)
{
    struct stub_bucket *bucket = context;
    ops_mem_free(bucket->name);
    stub_keys_release(&bucket->keys);
    stub_keys_release(&bucket->uploads);
    stub_bits_release(&bucket->gone);
    stub_bits_release(&bucket->unmarked);
    stub_bits_release(&bucket->uploads_gone);
    ops_mem_free(bucket);
}

/* ---- What is there ---- */

size_t stub_bucket_next(const struct stub_bucket *bucket, size_t number)
{
    size_t count = bucket->keys.count, versions = bucket->version_count;
    if (number >= count)
        return count;
    size_t next = stub_bits_next_clear(&bucket->gone, number * versions, count * versions) / versions;
    if (bucket->unmarked.set_count == count)
        return next;
    size_t marked = stub_bits_next_clear(&bucket->unmarked, number, next);
    return marked < next ? marked : next;
}

size_t stub_bucket_newest(const struct stub_bucket *bucket, size_t number, size_t version)
{
    size_t first = number * bucket->version_count;
    return stub_bits_next_clear(&bucket->gone, first + version, first + bucket->version_count) - first;
}

bool stub_bucket_is_marked(const struct stub_bucket *bucket, size_t number)
{
    return !stub_bits_get(&bucket->unmarked, number);
}

size_t stub_bucket_object_count(const struct stub_bucket *bucket)
{
    size_t count = 0;
    for (size_t i = stub_bucket_next(bucket, 0); i < bucket->keys.count; i = stub_bucket_next(bucket, i + 1))
        count += !stub_bucket_is_marked(bucket, i);
    return count;
}

/* ---- Version ids: 32 characters, as S3's are ---- */

static bool is_null_version(const struct stub_bucket *bucket, long version)
{
    return bucket->versioning == STUB_UNVERSIONED || (bucket->versioning == STUB_SUSPENDED && version == 0);
}

void stub_bucket_version_id(const struct stub_bucket *bucket, size_t number, long version,
                            char ret_id[static STUB_VERSION_SIZE])
{
    char *at = ret_id;
    if (is_null_version(bucket, version)) {
        at = stub_write_text(at, "null");
    } else {
        at = stub_write_text(at, version == STUB_MARKER ? "m" : "v");
        at = stub_write_digits(at, number, STUB_NUMBER_DIGITS);
        at = stub_write_text(at, ".");
        at = stub_write_digits(at, version == STUB_MARKER ? 0 : (uint64_t)version, STUB_ORG_DIGITS);
        at = stub_write_text(at, "-stubVersionId_");
    }
    *at = '\0';
}

bool stub_bucket_read_version(const struct stub_bucket *bucket, size_t number, struct ops_view id, long *ret_version)
{
    char expected[STUB_VERSION_SIZE];
    struct ops_view left = id;
    uint64_t key, version = 0;
    bool is_marker = left.length && left.data[0] == 'm';
    if (!ops_view_is(left, "null") &&
        (!stub_take_text(&left, is_marker ? "m" : "v") || !stub_take_digits(&left, STUB_NUMBER_DIGITS, &key) ||
         !stub_take_text(&left, ".") || !stub_take_digits(&left, STUB_ORG_DIGITS, &version) ||
         version >= bucket->version_count))
        return false;
    *ret_version = is_marker ? STUB_MARKER : (long)version;
    stub_bucket_version_id(bucket, number, *ret_version, expected);
    return ops_view_is(id, expected);
}

/* ---- Deleting ---- */

static void count_deletion(struct stub_bucket *bucket, bool was_there)
{
    if (was_there)
        bucket->deleted_count++;
    else
        bucket->deleted_again_count++;
}

/* Amazon S3 User Guide, "Deleting object versions from a versioning-enabled bucket" and "... versioning-suspended bucket".
 */
static enum stub_deletion delete_newest(struct stub_bucket *bucket, size_t number)
{
    if (bucket->versioning != STUB_ENABLED)
        count_deletion(bucket, stub_bits_set(&bucket->gone, number * bucket->version_count));
    if (bucket->versioning == STUB_UNVERSIONED)
        return STUB_DELETED;
    bucket->markers_made_count += stub_bits_clear(&bucket->unmarked, number);
    return STUB_MADE_MARKER;
}

enum stub_deletion stub_bucket_delete(struct stub_bucket *bucket, struct ops_view key, struct ops_view version_id)
{
    size_t number;
    long version;
    if (!stub_keys_find(&bucket->keys, key, &number)) {
        count_deletion(bucket, false);
        return STUB_DELETED;
    }
    if (!version_id.length)
        return delete_newest(bucket, number);
    if (!stub_bucket_read_version(bucket, number, version_id, &version))
        return STUB_NO_SUCH_VERSION;
    if (version == STUB_MARKER) {
        count_deletion(bucket, stub_bits_set(&bucket->unmarked, number));
        return STUB_DELETED_MARKER;
    }
    count_deletion(bucket, stub_bits_set(&bucket->gone, number * bucket->version_count + (size_t)version));
    return STUB_DELETED;
}
