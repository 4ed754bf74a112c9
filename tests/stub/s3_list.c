/* ListObjectsV2, ListObjectVersions and ListMultipartUploads. */
#include "stub/numbers.h"
#include "stub/s3.h"

#include <stdlib.h>

enum { PAGE_MAX = 1000, SIZE_LEAST = 1000 };

struct listing {
    struct stub_call *call;
    struct stub_bucket *bucket;
    struct ops_buf *body;
    struct ops_buf prefix;
    struct ops_buf marker;   /* the key that it begins after */
    struct ops_buf marker_2; /* the version or upload after which it begins within that key */
    bool url_encoded;
    size_t limit;
    size_t count;
};

/* ---- Parameters ---- */

static size_t number_parameter(const struct stub_request *request, const char *name)
{
    struct ops_buf text;
    stub_buf_init(&text);
    bool given = stub_request_parameter(request, name, &text);
    unsigned long number = given ? strtoul(ops_buf_text(&text), NULL, 10) : PAGE_MAX;
    ops_buf_release(&text);
    return number < PAGE_MAX ? number : PAGE_MAX;
}

static void text_parameter(const struct stub_request *request, const char *name, struct ops_buf *ret_text)
{
    stub_buf_init(ret_text);
    (void)stub_request_parameter(request, name, ret_text); /* empty when it is not there */
}

/* False: refused. Release it either way. */
static bool open_listing(struct listing *listing, const char *limit, const char *marker, const char *marker_2)
{
    const struct stub_request *request = listing->call->request;
    struct ops_buf encoding, delimiter;
    text_parameter(request, "prefix", &listing->prefix);
    text_parameter(request, marker, &listing->marker);
    text_parameter(request, marker_2, &listing->marker_2);
    text_parameter(request, "encoding-type", &encoding);
    text_parameter(request, "delimiter", &delimiter);
    listing->body = &listing->call->answer->body;
    listing->limit = number_parameter(request, limit);
    listing->url_encoded = ops_view_is(ops_buf_view(&encoding), "url");
    listing->bucket = stub_bucket_of_call(listing->call);
    bool fine = listing->bucket && !delimiter.length;
    if (delimiter.length)
        stub_refuse(listing->call, 501, "NotImplemented", "The stub knows no delimiter.");
    ops_buf_release(&encoding);
    ops_buf_release(&delimiter);
    return fine;
}

static void close_listing(struct listing *listing)
{
    ops_buf_release(&listing->prefix);
    ops_buf_release(&listing->marker);
    ops_buf_release(&listing->marker_2);
}

/* ---- Elements ---- */

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '/' || c == '*';
}

/* As S3 does it: a form's encoding, with a plus for a space. */
static void append_url(struct ops_buf *buf, struct ops_view text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (is_unreserved(text.data[i]))
            continue;
        ops_buf_append(buf, text.data + start, i - start);
        start = i + 1;
        if (text.data[i] == ' ')
            ops_buf_append_char(buf, '+');
        else
            ops_buf_append_format(buf, "%%%02X", (unsigned char)text.data[i]);
    }
    ops_buf_append(buf, text.data + start, text.length - start);
}

/* An element whose text is a key or a prefix. */
static void append_key(const struct listing *listing, const char *name, struct ops_view text)
{
    if (!listing->url_encoded) {
        stub_append_element(listing->body, name, text);
        return;
    }
    ops_buf_append_char(listing->body, '<');
    ops_buf_append_text(listing->body, name);
    ops_buf_append_char(listing->body, '>');
    append_url(listing->body, text);
    ops_buf_append_text(listing->body, "</");
    ops_buf_append_text(listing->body, name);
    ops_buf_append_char(listing->body, '>');
}

static void append_head(const struct listing *listing)
{
    stub_append_element(listing->body, "Name", ops_buf_view(&listing->call->bucket));
    append_key(listing, "Prefix", ops_buf_view(&listing->prefix));
    if (listing->url_encoded)
        ops_buf_append_text(listing->body, "<EncodingType>url</EncodingType>");
}

static void append_flag(const struct listing *listing, bool is_truncated)
{
    ops_buf_append_text(listing->body,
                        is_truncated ? "<IsTruncated>true</IsTruncated>" : "<IsTruncated>false</IsTruncated>");
}

/* What objects and versions have in common. */
static void append_object(const struct listing *listing, size_t number)
{
    struct ops_buf *body = listing->body;
    char digits[STUB_NUMBER_DIGITS];
    (void)stub_write_digits(digits, number, sizeof digits);
    ops_buf_append_text(body, "<LastModified>" STUB_S3_DATE "</LastModified><ETag>&quot;0123456789abcdef012345");
    ops_buf_append(body, digits, sizeof digits);
    ops_buf_append_text(body, "&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
                              "<ChecksumType>FULL_OBJECT</ChecksumType><Size>");
    ops_buf_append_integer(body, (int64_t)(SIZE_LEAST + number % SIZE_LEAST));
    ops_buf_append_text(body, "</Size>");
}

/* The first key that is asked for: not before the prefix, and behind the marker. */
static size_t first_key(const struct listing *listing, const struct stub_keys *keys)
{
    struct ops_view marker = ops_buf_view(&listing->marker);
    size_t first = stub_keys_seek(keys, ops_buf_view(&listing->prefix)), number;
    size_t behind = marker.length ? stub_keys_seek(keys, marker) : 0;
    if (marker.length && stub_keys_find(keys, marker, &number))
        behind = number + 1;
    return first > behind ? first : behind;
}

/* ---- ListObjectsV2 ---- */

static void append_contents(struct listing *listing, size_t number, struct ops_view key, bool with_owner)
{
    ops_buf_append_text(listing->body, "<Contents>");
    append_key(listing, "Key", key);
    append_object(listing, number);
    if (with_owner)
        ops_buf_append_text(listing->body, "<Owner><ID>" STUB_S3_OWNER "</ID></Owner>");
    ops_buf_append_text(listing->body, "<StorageClass>STANDARD</StorageClass></Contents>");
}

/* A continuation token is the last key that was given, in hexadecimal: it must look like nothing a client could make up. */
static void append_token(const struct listing *listing, const char *name, struct ops_view key)
{
    ops_buf_append_format(listing->body, "<%s>", name);
    for (size_t i = 0; i < key.length; i++)
        ops_buf_append_format(listing->body, "%02x", (unsigned char)key.data[i]);
    ops_buf_append_format(listing->body, "</%s>", name);
}

/* Puts the key of the continuation token in the marker's place. */
static void read_token(struct listing *listing)
{
    struct ops_buf token, percents;
    text_parameter(listing->call->request, "continuation-token", &token);
    stub_buf_init(&percents);
    for (size_t i = 0; i + 1 < token.length; i += 2)
        ops_buf_append_format(&percents, "%%%.2s", token.data + i);
    if (token.length) {
        ops_buf_clear(&listing->marker);
        stub_percent_decode(ops_buf_view(&percents), &listing->marker);
    }
    ops_buf_release(&token);
    ops_buf_release(&percents);
}

static void list_objects(struct listing *listing)
{
    const struct stub_bucket *bucket = listing->bucket;
    const struct stub_keys *keys = &bucket->keys;
    struct ops_view prefix = ops_buf_view(&listing->prefix), key;
    char room[STUB_KEY_SIZE], last_room[STUB_KEY_SIZE];
    struct ops_buf owner;
    text_parameter(listing->call->request, "fetch-owner", &owner);
    bool with_owner = ops_view_is(ops_buf_view(&owner), "true"), more = false;
    size_t last = 0;
    for (size_t n = first_key(listing, keys); (n = stub_bucket_next(bucket, n)) < keys->count; n++) {
        key = stub_keys_text(keys, n, room);
        if (!ops_view_starts_with(key, prefix))
            break;
        if (stub_bucket_is_marked(bucket, n))
            continue;
        more = listing->count == listing->limit;
        if (more)
            break;
        append_contents(listing, n, key, with_owner);
        listing->count++;
        last = n;
    }
    append_flag(listing, more);
    if (more && listing->count)
        append_token(listing, "NextContinuationToken", stub_keys_text(keys, last, last_room));
    ops_buf_release(&owner);
}

void stub_s3_list_objects(struct stub_call *call)
{
    struct listing listing = {.call = call};
    if (open_listing(&listing, "max-keys", "start-after", "")) {
        stub_s3_begin(call, "ListBucketResult");
        append_head(&listing);
        read_token(&listing);
        list_objects(&listing);
        ops_buf_append_format(listing.body, "<MaxKeys>%zu</MaxKeys><KeyCount>%zu</KeyCount></ListBucketResult>",
                              listing.limit, listing.count);
    }
    close_listing(&listing);
}

/* ---- ListObjectVersions ---- */

/* Where a listing of versions stands: at this version of this key. */
struct place {
    size_t number;
    long version;
};

/* Moves on to what is there, from place on; false at the end. */
static bool find_version(const struct stub_bucket *bucket, struct place *place)
{
    for (size_t next; (next = stub_bucket_next(bucket, place->number)) < bucket->keys.count;) {
        if (next != place->number)
            *place = (struct place){next, STUB_MARKER};
        if (place->version == STUB_MARKER && stub_bucket_is_marked(bucket, place->number))
            return true;
        size_t from = place->version == STUB_MARKER ? 0 : (size_t)place->version;
        size_t version = from < bucket->version_count ? stub_bucket_newest(bucket, place->number, from) : from;
        place->version = (long)version;
        if (version < bucket->version_count)
            return true;
        *place = (struct place){place->number + 1, STUB_MARKER};
    }
    return false;
}

static bool is_latest(const struct stub_bucket *bucket, const struct place *place)
{
    if (place->version == STUB_MARKER)
        return true;
    return !stub_bucket_is_marked(bucket, place->number) &&
           stub_bucket_newest(bucket, place->number, 0) == (size_t)place->version;
}

static void append_version(struct listing *listing, const struct place *place, struct ops_view key)
{
    bool is_marker = place->version == STUB_MARKER;
    char id[STUB_VERSION_SIZE];
    struct ops_buf *body = listing->body;
    stub_bucket_version_id(listing->bucket, place->number, place->version, id);
    ops_buf_append_text(body, is_marker ? "<DeleteMarker>" : "<Version>");
    append_key(listing, "Key", key);
    stub_append_element(body, "VersionId", ops_view_of(id));
    ops_buf_append_text(body,
                        is_latest(listing->bucket, place) ? "<IsLatest>true</IsLatest>" : "<IsLatest>false</IsLatest>");
    if (is_marker)
        ops_buf_append_text(body, "<LastModified>" STUB_S3_DATE "</LastModified>");
    else
        append_object(listing, place->number);
    ops_buf_append_text(body, "<Owner><ID>" STUB_S3_OWNER "</ID></Owner>");
    ops_buf_append_text(body, is_marker ? "</DeleteMarker>" : "<StorageClass>STANDARD</StorageClass></Version>");
}

static void append_next_place(struct listing *listing, const struct place *last)
{
    char room[STUB_KEY_SIZE], id[STUB_VERSION_SIZE];
    append_key(listing, "NextKeyMarker", stub_keys_text(&listing->bucket->keys, last->number, room));
    stub_bucket_version_id(listing->bucket, last->number, last->version, id);
    stub_append_element(listing->body, "NextVersionIdMarker", ops_view_of(id));
}

/* Behind the key marker, or, with a version marker too, behind that version of it. */
static struct place first_place(const struct listing *listing)
{
    const struct stub_keys *keys = &listing->bucket->keys;
    struct ops_view marker = ops_buf_view(&listing->marker), id = ops_buf_view(&listing->marker_2);
    struct place place = {first_key(listing, keys), STUB_MARKER};
    size_t number;
    long version;
    if (id.length && stub_keys_find(keys, marker, &number) && number + 1 >= place.number &&
        stub_bucket_read_version(listing->bucket, number, id, &version))
        place = (struct place){number, version + 1};
    return place;
}

/* In which turn a record is given: delete markers in the second, where they come last. */
static bool comes_now(const struct stub_bucket *bucket, const struct place *place, int turn)
{
    return !bucket->markers_last || (place->version == STUB_MARKER) == (turn == 1);
}

static void append_versions(struct listing *listing, const struct place *places, size_t count)
{
    const struct stub_bucket *bucket = listing->bucket;
    char room[STUB_KEY_SIZE];
    for (int turn = 0; turn < (bucket->markers_last ? 2 : 1); turn++)
        for (size_t i = 0; i < count; i++)
            if (comes_now(bucket, &places[i], turn))
                append_version(listing, &places[i], stub_keys_text(&bucket->keys, places[i].number, room));
}

static void list_versions(struct listing *listing)
{
    const struct stub_bucket *bucket = listing->bucket;
    struct ops_view prefix = ops_buf_view(&listing->prefix);
    char room[STUB_KEY_SIZE];
    bool more = false;
    struct place places[PAGE_MAX];
    for (struct place at = first_place(listing); find_version(bucket, &at) && !more; at.version++) {
        if (!ops_view_starts_with(stub_keys_text(&bucket->keys, at.number, room), prefix))
            break;
        more = listing->count == listing->limit;
        if (!more)
            places[listing->count++] = at;
    }
    append_versions(listing, places, listing->count);
    append_flag(listing, more);
    if (more && listing->count)
        append_next_place(listing, &places[listing->count - 1]);
}

void stub_s3_list_versions(struct stub_call *call)
{
    struct listing listing = {.call = call};
    if (open_listing(&listing, "max-keys", "key-marker", "version-id-marker")) {
        stub_s3_begin(call, "ListVersionsResult");
        append_head(&listing);
        append_key(&listing, "KeyMarker", ops_buf_view(&listing.marker));
        stub_append_element(listing.body, "VersionIdMarker", ops_buf_view(&listing.marker_2));
        list_versions(&listing);
        ops_buf_append_format(listing.body, "<MaxKeys>%zu</MaxKeys></ListVersionsResult>", listing.limit);
    }
    close_listing(&listing);
}

/* ---- ListMultipartUploads ---- */

static void append_upload(struct listing *listing, size_t number, struct ops_view key)
{
    ops_buf_append_text(listing->body, "<Upload>");
    append_key(listing, "Key", key);
    ops_buf_append_format(listing->body, "<UploadId>" STUB_S3_UPLOAD_FORMAT "</UploadId>", number);
    ops_buf_append_text(listing->body, "<Initiator><ID>" STUB_S3_OWNER "</ID></Initiator><Owner><ID>" STUB_S3_OWNER
                                       "</ID></Owner><StorageClass>STANDARD</StorageClass>"
                                       "<Initiated>" STUB_S3_DATE "</Initiated></Upload>");
}

static void list_uploads(struct listing *listing)
{
    const struct stub_keys *keys = &listing->bucket->uploads;
    const struct stub_bits *gone = &listing->bucket->uploads_gone;
    struct ops_view prefix = ops_buf_view(&listing->prefix), key;
    char room[STUB_KEY_SIZE];
    bool more = false;
    size_t last = 0;
    for (size_t n = first_key(listing, keys); (n = stub_bits_next_clear(gone, n, keys->count)) < keys->count; n++) {
        key = stub_keys_text(keys, n, room);
        more = ops_view_starts_with(key, prefix) && listing->count == listing->limit;
        if (more || !ops_view_starts_with(key, prefix))
            break;
        append_upload(listing, n, key);
        listing->count++;
        last = n;
    }
    append_flag(listing, more);
    if (more && listing->count) {
        append_key(listing, "NextKeyMarker", stub_keys_text(keys, last, room));
        ops_buf_append_format(listing->body, "<NextUploadIdMarker>" STUB_S3_UPLOAD_FORMAT "</NextUploadIdMarker>", last);
    }
}

void stub_s3_list_uploads(struct stub_call *call)
{
    struct listing listing = {.call = call};
    if (open_listing(&listing, "max-uploads", "key-marker", "upload-id-marker")) {
        stub_s3_begin(call, "ListMultipartUploadsResult");
        stub_append_element(listing.body, "Bucket", ops_buf_view(&call->bucket));
        append_head(&listing);
        append_key(&listing, "KeyMarker", ops_buf_view(&listing.marker));
        stub_append_element(listing.body, "UploadIdMarker", ops_buf_view(&listing.marker_2));
        list_uploads(&listing);
        ops_buf_append_format(listing.body, "<MaxUploads>%zu</MaxUploads></ListMultipartUploadsResult>", listing.limit);
    }
    close_listing(&listing);
}
