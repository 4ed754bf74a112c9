#include "adapters/aws/bucket_receipt.h"

#include "adapters/aws/percent.h"
#include "base/json.h"
#include "base/mem.h"

#include <endian.h>
#include <stdlib.h>

enum { HASH_BITS = 48, HASH_CHARACTERS = HASH_BITS / 6 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Odd, and with no pattern in their bits: the golden ratio, and the constants of MurmurHash3's finalizer, which mix well
 * (A. Appleby, "MurmurHash3"). */
#define WORD_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define MIX_FACTOR_1 UINT64_C(0xff51afd7ed558ccd)
#define MIX_FACTOR_2 UINT64_C(0xc4ceb9fe1a85ec53)

static uint64_t take_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * WORD_FACTOR;
    return hash ^ hash >> 32;
}

/* The length goes in too: what the last word is filled up with must not pass for text. */
static uint64_t take_text(uint64_t hash, struct ops_view text)
{
    for (size_t i = 0; i < text.length; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, text.data + i, text.length - i < sizeof word ? text.length - i : sizeof word);
        hash = take_word(hash, le64toh(word));
    }
    return take_word(hash, text.length);
}

static uint64_t hash_of(struct ops_view key, struct ops_view id)
{
    /* The version of an object in a bucket without versions is "null" as soon as they are switched on. */
    if (ops_view_is(id, "null"))
        id = ops_view("", 0);
    uint64_t hash = take_text(take_text(0, key), id);
    hash = (hash ^ hash >> 33) * MIX_FACTOR_1;
    hash = (hash ^ hash >> 33) * MIX_FACTOR_2;
    return (hash ^ hash >> 33) >> (64 - HASH_BITS);
}

void ops_s3_receipt_begin(struct ops_buf *buf, const struct ops_s3_place *from)
{
    ops_buf_append_char(buf, '{');
    ops_s3_place_append(buf, from);
    ops_buf_append_text(buf, ",\"records\":\"");
}

void ops_s3_receipt_add(struct ops_buf *buf, struct ops_view key, struct ops_view id)
{
    uint64_t hash = hash_of(key, id);
    char text[HASH_CHARACTERS];
    for (size_t i = 0; i < HASH_CHARACTERS; i++)
        text[i] = alphabet[hash >> (HASH_BITS - 6 - 6 * i) & 63];
    ops_buf_append(buf, text, sizeof text);
}

void ops_s3_receipt_end(struct ops_buf *buf, struct ops_view last)
{
    ops_buf_append_text(buf, "\",\"last\":\"");
    ops_aws_percent_append(buf, last, true);
    ops_buf_append_text(buf, "\"}");
}

void ops_s3_receipt_init(struct ops_s3_receipt *receipt)
{
    *receipt = (struct ops_s3_receipt){.count = 0};
    ops_s3_place_init(&receipt->from);
    ops_buf_init(&receipt->last, 3 * OPS_S3_KEY_MAX_BYTES);
}

void ops_s3_receipt_release(struct ops_s3_receipt *receipt)
{
    ops_s3_place_release(&receipt->from);
    ops_buf_release(&receipt->last);
    ops_mem_free(receipt->hashes);
    ops_s3_receipt_init(receipt);
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static enum ops_status read_hash(const char *text, uint64_t *ret_hash)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < HASH_CHARACTERS; i++) {
        const char *at = memchr(alphabet, text[i], sizeof alphabet - 1);
        if (!at)
            return OPS_CORRUPT;
        hash = hash << 6 | (uint64_t)(at - alphabet);
    }
    *ret_hash = hash;
    return OPS_OK;
}

static enum ops_status read_hashes(struct ops_s3_receipt *receipt, const json_t *text)
{
    size_t length = json_string_length(text); /* 0 of what is no string */
    if (length == 0 || length % HASH_CHARACTERS != 0)
        return OPS_CORRUPT;
    receipt->count = length / HASH_CHARACTERS;
    receipt->hashes = ops_mem_alloc(receipt->count * sizeof *receipt->hashes);
    if (!receipt->hashes)
        return OPS_NO_MEMORY;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < receipt->count && status == OPS_OK; i++)
        status = read_hash(json_string_value(text) + i * HASH_CHARACTERS, &receipt->hashes[i]);
    if (status == OPS_OK)
        qsort(receipt->hashes, receipt->count, sizeof *receipt->hashes, compare_hashes);
    return status;
}

enum ops_status ops_s3_receipt_read(struct ops_s3_receipt *receipt, const char *text)
{
    json_t *object = NULL;
    enum ops_status status = ops_json_parse_object(ops_view_of(text), &object, NULL);
    if (status == OPS_OK)
        status = ops_s3_place_read(&receipt->from, object);
    if (status == OPS_OK)
        status = ops_s3_bytes_read(&receipt->last, json_object_get(object, "last"));
    if (status == OPS_OK && receipt->last.length > OPS_S3_KEY_MAX_BYTES)
        status = OPS_CORRUPT;
    if (status == OPS_OK)
        status = read_hashes(receipt, json_object_get(object, "records"));
    json_decref(object);
    return status == OPS_OK || status == OPS_NO_MEMORY ? status : OPS_CORRUPT;
}

bool ops_s3_receipt_has(const struct ops_s3_receipt *receipt, struct ops_view key, struct ops_view id)
{
    uint64_t hash = hash_of(key, id);
    return bsearch(&hash, receipt->hashes, receipt->count, sizeof hash, compare_hashes) != NULL;
}
