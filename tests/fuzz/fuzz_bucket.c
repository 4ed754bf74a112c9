/* What S3 answers about a bucket, and what a task's record says of a place in it. The first byte says which it is; what
 * comes after it is the text.
 */
#include "fuzz/fuzz.h"

#include "adapters/aws/bucket_errors.h"
#include "adapters/aws/bucket_list.h"
#include "adapters/aws/bucket_receipt.h"
#include "adapters/aws/percent.h"
#include "adapters/aws/xml.h"

enum { TEXT_MAX_BYTES = 16 * 1024 * 1024 };

/* ---- Listings ---- */

static void write_entry(struct ops_buf *buf, enum ops_s3_list list, const struct ops_s3_entry *entry)
{
    static const char *const elements[] = {"Contents", "Version", "Upload"};
    static const char *const ids[] = {"None", "VersionId", "UploadId"};
    ops_buf_append_format(buf, "<%s><Key>", elements[list]);
    ops_aws_percent_append(buf, entry->key, true);
    ops_buf_append_format(buf, "</Key><%s>", ids[list]);
    ops_xml_append(buf, entry->id);
    ops_buf_append_format(buf, "</%s><Size>%lld</Size></%s>", ids[list], (long long)entry->size_bytes, elements[list]);
}

static void write_listing(struct ops_buf *buf, enum ops_s3_list list, const struct ops_s3_listing *listing)
{
    static const char *const roots[] = {"ListBucketResult", "ListVersionsResult", "ListMultipartUploadsResult"};
    ops_buf_append_format(buf, "<%s>", roots[list]);
    for (size_t i = 0; i < listing->count; i++)
        write_entry(buf, list, &listing->entries[i]);
    ops_buf_append_format(buf, "<IsTruncated>%s</IsTruncated><EncodingType>url</EncodingType></%s>",
                          listing->is_truncated ? "true" : "false", roots[list]);
    FUZZ_MUST(ops_buf_status(buf) == OPS_OK);
}

static void must_be_same(const struct ops_s3_listing *listing, const struct ops_s3_listing *again)
{
    FUZZ_MUST(listing->count == again->count && listing->is_truncated == again->is_truncated);
    for (size_t i = 0; i < listing->count; i++) {
        const struct ops_s3_entry *entry = &listing->entries[i];
        FUZZ_MUST(ops_view_equal(entry->key, again->entries[i].key) && ops_view_equal(entry->id, again->entries[i].id) &&
                  entry->size_bytes == again->entries[i].size_bytes && entry->key.length > 0 && entry->size_bytes >= 0);
        FUZZ_MUST(i == 0 || ops_s3_compare(listing->entries[i - 1].key, entry->key) <= 0);
    }
}

static void read_listing(enum ops_s3_list list, struct ops_view text)
{
    struct ops_s3_listing listing, again;
    struct ops_buf buf;
    ops_s3_listing_init(&listing);
    ops_s3_listing_init(&again);
    ops_buf_init(&buf, TEXT_MAX_BYTES);
    enum ops_status status = ops_s3_listing_read(&listing, list, text);
    FUZZ_MUST(status == OPS_OK || status == OPS_CORRUPT || status == OPS_LIMIT);
    FUZZ_MUST(status == OPS_OK || listing.count == 0);
    if (status == OPS_OK) {
        write_listing(&buf, list, &listing);
        FUZZ_MUST(ops_s3_listing_read(&again, list, ops_buf_view(&buf)) == OPS_OK);
        must_be_same(&listing, &again);
    }
    ops_s3_listing_release(&listing);
    ops_s3_listing_release(&again);
    ops_buf_release(&buf);
}

/* ---- Errors ---- */

static void write_error(void *context, const struct ops_s3_error *error)
{
    struct ops_buf *buf = context;
    const struct ops_view texts[] = {error->key, error->version_id, error->code, error->message};
    static const char *const names[] = {"Key", "VersionId", "Code", "Message"};
    ops_buf_append_text(buf, "<Error>");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        FUZZ_MUST(ops_s3_fits_xml(texts[i])); /* it came through XML */
        ops_buf_append_format(buf, "<%s>", names[i]);
        ops_xml_append(buf, texts[i]);
        ops_buf_append_format(buf, "</%s>", names[i]);
    }
    ops_buf_append_text(buf, "</Error>");
}

/* What was read, written again; the status of the reading. */
static enum ops_status rewrite_errors(struct ops_view text, struct ops_buf *buf)
{
    ops_buf_init(buf, TEXT_MAX_BYTES);
    ops_buf_append_text(buf, "<DeleteResult>");
    enum ops_status status = ops_s3_errors_read(text, write_error, buf);
    ops_buf_append_text(buf, "</DeleteResult>");
    FUZZ_MUST(ops_buf_status(buf) == OPS_OK);
    return status;
}

static void read_errors(struct ops_view text)
{
    struct ops_buf first, second;
    enum ops_status status = rewrite_errors(text, &first);
    FUZZ_MUST(status == OPS_OK || status == OPS_CORRUPT || status == OPS_LIMIT);
    FUZZ_MUST(rewrite_errors(ops_buf_view(&first), &second) == OPS_OK);
    FUZZ_MUST(ops_view_equal(ops_buf_view(&first), ops_buf_view(&second)));
    ops_buf_release(&first);
    ops_buf_release(&second);
}

/* ---- Receipts ---- */

/* A receipt's records can't be told from it; its place and its last key can. */
static void read_receipt(const char *text)
{
    struct ops_s3_receipt receipt, again;
    struct ops_buf buf;
    ops_s3_receipt_init(&receipt);
    ops_s3_receipt_init(&again);
    ops_buf_init(&buf, TEXT_MAX_BYTES);
    enum ops_status status = ops_s3_receipt_read(&receipt, text);
    FUZZ_MUST(status == OPS_OK || status == OPS_CORRUPT);
    if (status == OPS_OK) {
        ops_s3_receipt_begin(&buf, &receipt.from);
        ops_s3_receipt_add(&buf, ops_buf_view(&receipt.last), ops_view("id", 2));
        ops_s3_receipt_end(&buf, ops_buf_view(&receipt.last));
        FUZZ_MUST(ops_s3_receipt_read(&again, ops_buf_text(&buf)) == OPS_OK);
        FUZZ_MUST(again.count == 1 && ops_s3_receipt_has(&again, ops_buf_view(&receipt.last), ops_view("id", 2)));
        FUZZ_MUST(again.from.list == receipt.from.list);
        FUZZ_MUST(ops_view_equal(ops_buf_view(&again.from.key), ops_buf_view(&receipt.from.key)));
        FUZZ_MUST(ops_view_equal(ops_buf_view(&again.from.id), ops_buf_view(&receipt.from.id)));
        FUZZ_MUST(ops_view_equal(ops_buf_view(&again.last), ops_buf_view(&receipt.last)));
    }
    ops_s3_receipt_release(&receipt);
    ops_s3_receipt_release(&again);
    ops_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return 0;
    struct ops_view text = fuzz_view(bytes + 1, count - 1);
    unsigned which = bytes[0] % (OPS_S3_LIST_COUNT + 2);
    if (which < OPS_S3_LIST_COUNT) {
        read_listing((enum ops_s3_list)which, text);
    } else if (which == OPS_S3_LIST_COUNT) {
        read_errors(text);
    } else {
        char *copy = strndup(text.data, text.length);
        FUZZ_MUST(copy != NULL);
        read_receipt(copy);
        free(copy);
    }
    return 0;
}
