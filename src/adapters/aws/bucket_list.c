#include "adapters/aws/bucket_list.h"

#include "adapters/aws/percent.h"
#include "adapters/aws/xml.h"
#include "base/mem.h"

#include <stdlib.h>

enum { ENTRY_DEPTH = 2, FIELD_DEPTH = 3 };

struct list_shape {
    const char *root;
    const char *entries[2];
    bool has_ids;
};

static const struct list_shape shapes[OPS_S3_LIST_COUNT] = {
    [OPS_S3_OBJECTS] = {"ListBucketResult", {"Contents", "Contents"}, false},
    [OPS_S3_VERSIONS] = {"ListVersionsResult", {"Version", "DeleteMarker"}, true},
    [OPS_S3_UPLOADS] = {"ListMultipartUploadsResult", {"Upload", "Upload"}, true},
};

enum field { FIELD_KEY, FIELD_ID, FIELD_SIZE, FIELD_TRUNCATED, FIELD_ENCODING, FIELD_NEXT_KEY, FIELD_NEXT_ID, FIELD_NONE };

struct field_name {
    const char *name;
    enum field field;
    int depth;
};

static const struct field_name field_names[] = {
    {"Key", FIELD_KEY, FIELD_DEPTH},
    {"Size", FIELD_SIZE, FIELD_DEPTH},
    {"VersionId", FIELD_ID, FIELD_DEPTH},
    {"UploadId", FIELD_ID, FIELD_DEPTH},
    {"IsTruncated", FIELD_TRUNCATED, ENTRY_DEPTH},
    {"EncodingType", FIELD_ENCODING, ENTRY_DEPTH},
    {"NextContinuationToken", FIELD_NEXT_KEY, ENTRY_DEPTH},
    {"NextKeyMarker", FIELD_NEXT_KEY, ENTRY_DEPTH},
    {"NextVersionIdMarker", FIELD_NEXT_ID, ENTRY_DEPTH},
    {"NextUploadIdMarker", FIELD_NEXT_ID, ENTRY_DEPTH},
};

struct reading {
    struct ops_s3_listing *listing;
    const struct list_shape *shape;
    int depth;
    bool in_root;
    bool in_entry;
    struct ops_s3_entry *entry; /* the one that is being read; NULL when there is no memory for it */
    enum field field;           /* that the element which has just begun is */
    size_t text_length;
    bool is_encoded;
    bool says_truncated; /* an answer without that is half of one */
};

void ops_s3_listing_init(struct ops_s3_listing *listing)
{
    *listing = (struct ops_s3_listing){.count = 0};
}

void ops_s3_listing_release(struct ops_s3_listing *listing)
{
    ops_mem_free(listing->entries);
    ops_mem_free(listing->text);
    ops_s3_listing_init(listing);
}

static void listing_clear(struct ops_s3_listing *listing)
{
    listing->count = 0;
    listing->is_truncated = listing->was_in_order = false;
    listing->next_key = listing->next_id = ops_view("", 0);
}

static struct ops_s3_entry *add_entry(struct ops_s3_listing *listing)
{
    struct ops_s3_entry *entries = ops_mem_room(listing->entries, listing->count, &listing->capacity, sizeof *entries);
    if (!entries)
        return NULL;
    listing->entries = entries;
    struct ops_s3_entry *entry = &listing->entries[listing->count++];
    *entry = (struct ops_s3_entry){.key = ops_view("", 0), .id = ops_view("", 0)};
    return entry;
}

/* Text takes no more room than its document, so what is kept never has to move. */
static enum ops_status reserve_text(struct ops_s3_listing *listing, size_t size_bytes)
{
    if (size_bytes <= listing->text_capacity)
        return OPS_OK;
    char *text = ops_mem_resize(listing->text, size_bytes);
    if (!text)
        return OPS_NO_MEMORY;
    listing->text = text;
    listing->text_capacity = size_bytes;
    return OPS_OK;
}

static bool is_entry(const struct reading *reading, const char *name)
{
    return strcmp(name, reading->shape->entries[0]) == 0 || strcmp(name, reading->shape->entries[1]) == 0;
}

static enum field field_of(const struct reading *reading, const char *name)
{
    if (reading->depth > FIELD_DEPTH || (reading->depth == FIELD_DEPTH && !reading->in_entry))
        return FIELD_NONE;
    for (size_t i = 0; i < sizeof field_names / sizeof field_names[0]; i++)
        if (name[0] == field_names[i].name[0] && reading->depth == field_names[i].depth &&
            strcmp(name, field_names[i].name) == 0)
            return field_names[i].field;
    return FIELD_NONE;
}

static bool on_begin(void *context, const char *name)
{
    struct reading *reading = context;
    reading->depth++;
    if (reading->depth == 1)
        reading->in_root = strcmp(name, reading->shape->root) == 0;
    if (reading->depth == ENTRY_DEPTH)
        reading->in_entry = is_entry(reading, name);
    if (reading->depth == ENTRY_DEPTH && reading->in_entry)
        reading->entry = add_entry(reading->listing);
    reading->field = field_of(reading, name);
    return reading->field != FIELD_NONE;
}

/* Only a document that is not in UTF-8 can have more text than bytes, and S3 sends none. */
static enum ops_status keep(struct reading *reading, struct ops_view text, struct ops_view *ret_kept)
{
    struct ops_s3_listing *listing = reading->listing;
    if (text.length > listing->text_capacity - reading->text_length)
        return OPS_CORRUPT;
    char *kept = listing->text + reading->text_length;
    if (text.length > 0) /* an empty element has no text to look at */
        memcpy(kept, text.data, text.length);
    reading->text_length += text.length;
    *ret_kept = ops_view(kept, text.length);
    return OPS_OK;
}

static enum ops_status read_size(struct ops_view text, int64_t *ret_size_bytes)
{
    int64_t size_bytes = 0;
    for (size_t i = 0; i < text.length; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || size_bytes > (INT64_MAX - digit) / 10)
            return OPS_CORRUPT;
        size_bytes = 10 * size_bytes + digit;
    }
    *ret_size_bytes = size_bytes;
    return text.length ? OPS_OK : OPS_CORRUPT;
}

static enum ops_status read_truncated(struct reading *reading, struct ops_view text)
{
    reading->says_truncated = true;
    reading->listing->is_truncated = ops_view_is(text, "true");
    return reading->listing->is_truncated || ops_view_is(text, "false") ? OPS_OK : OPS_CORRUPT;
}

static enum ops_status read_field(struct reading *reading, enum field field, struct ops_view text)
{
    switch (field) {
    case FIELD_KEY:
        return keep(reading, text, &reading->entry->key);
    case FIELD_ID:
        return reading->shape->has_ids ? keep(reading, text, &reading->entry->id) : OPS_OK;
    case FIELD_SIZE:
        return read_size(text, &reading->entry->size_bytes);
    case FIELD_TRUNCATED:
        return read_truncated(reading, text);
    case FIELD_ENCODING:
        reading->is_encoded = ops_view_is(text, "url");
        return OPS_OK;
    case FIELD_NEXT_KEY:
        return keep(reading, text, &reading->listing->next_key);
    case FIELD_NEXT_ID:
        return keep(reading, text, &reading->listing->next_id);
    case FIELD_NONE:
        break;
    }
    return OPS_OK;
}

/* Each record has a key; each version and upload has an id too. */
static enum ops_status end_entry(const struct reading *reading)
{
    const struct ops_s3_entry *entry = reading->entry;
    return entry->key.length > 0 && (entry->id.length > 0 || !reading->shape->has_ids) ? OPS_OK : OPS_CORRUPT;
}

static enum ops_status on_end(void *context, const char *name, struct ops_view text)
{
    struct reading *reading = context;
    enum ops_status status = OPS_OK;
    (void)name;
    if (!reading->in_root)
        status = OPS_CORRUPT;
    else if (reading->in_entry && !reading->entry)
        status = OPS_NO_MEMORY;
    else if (reading->field != FIELD_NONE)
        status = read_field(reading, reading->field, text);
    else if (reading->depth == ENTRY_DEPTH && reading->in_entry)
        status = end_entry(reading);
    reading->field = FIELD_NONE;
    reading->depth--;
    return status;
}

/* S3 encodes keys as forms do, with a plus for a blank; ids and tokens are given as they are. */
static bool decode(const struct ops_s3_listing *listing, struct ops_view *key)
{
    char *text = listing->text + (key->data - listing->text);
    return ops_aws_percent_decode(text, key->length, true, &key->length);
}

int ops_s3_compare(struct ops_view a, struct ops_view b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

/* What was kept earlier lies before what was kept later. */
static int compare_entries(const void *a, const void *b)
{
    struct ops_view x = ((const struct ops_s3_entry *)a)->key, y = ((const struct ops_s3_entry *)b)->key;
    int order = ops_s3_compare(x, y);
    return order ? order : (x.data > y.data) - (x.data < y.data);
}

/* S3 sorts; not everything that speaks its protocol does. */
static void sort(struct ops_s3_listing *listing)
{
    size_t i = 1;
    while (i < listing->count && ops_s3_compare(listing->entries[i - 1].key, listing->entries[i].key) <= 0)
        i++;
    listing->was_in_order = i >= listing->count;
    if (!listing->was_in_order)
        qsort(listing->entries, listing->count, sizeof listing->entries[0], compare_entries);
}

static enum ops_status finish(struct reading *reading)
{
    struct ops_s3_listing *listing = reading->listing;
    if (!reading->says_truncated)
        return OPS_CORRUPT;
    bool good = true;
    for (size_t i = 0; i < listing->count && good && reading->is_encoded; i++)
        good = decode(listing, &listing->entries[i].key);
    if (good && reading->is_encoded && reading->shape->has_ids && listing->next_key.length > 0)
        good = decode(listing, &listing->next_key);
    if (good)
        sort(listing);
    return good ? OPS_OK : OPS_CORRUPT;
}

static void start(struct reading *reading, struct ops_s3_listing *listing, const struct list_shape *shape)
{
    *reading = (struct reading){.listing = listing, .shape = shape, .field = FIELD_NONE};
    listing_clear(listing);
}

static void on_restart(void *context)
{
    struct reading *reading = context;
    start(reading, reading->listing, reading->shape);
}

enum ops_status ops_s3_listing_read(struct ops_s3_listing *listing, enum ops_s3_list list, struct ops_view document)
{
    struct reading reading;
    const struct ops_xml_handler handler = {.context = &reading, .begin = on_begin, .end = on_end, .restart = on_restart};
    start(&reading, listing, &shapes[list]);
    enum ops_status status = reserve_text(listing, document.length + 1);
    if (status == OPS_OK)
        status = ops_xml_read(document, &handler);
    if (status == OPS_OK)
        status = finish(&reading);
    if (status != OPS_OK)
        listing_clear(listing);
    return status;
}
