/*
 * Looking keys up in the table itself, with strong consistency: to count what is still there of a page, and to verify what a
 * global secondary index says, which is eventually consistent. Source: Amazon DynamoDB Developer Guide, "DynamoDB read
 * consistency"; Amazon DynamoDB API Reference, "BatchGetItem".
 */
#include "adapters/aws/table.h"

#include "base/mem.h"

#include <stdlib.h>

#define BATCH_GET "DynamoDB_20120810.BatchGetItem"

enum {
    BATCH_KEYS_MAX = 100,
    BATCHES_MAX = OPS_AWS_TABLE_PAGE_MAX / BATCH_KEYS_MAX,
    ANSWER_MAX_BYTES = 4 * 1024 * 1024,
    /* Each answer that leaves keys unprocessed has processed at least one. */
    ROUNDS_MAX = 8,
};

/* Called with items that exist; anything but OPS_OK stops the looking up. */
typedef enum ops_status (*on_found_fn)(void *context, const struct ops_aws_rows *items);

struct lookup {
    struct ops_aws_table *table;
    struct ops_aws_shape shape;
    on_found_fn on_found;
    void *context;
    size_t count;
    struct ops_aws_call calls[BATCHES_MAX];
    struct ops_buf bodies[BATCHES_MAX];
    struct ops_aws_rows items;
};

static enum ops_status write_batch(struct lookup *lookup, size_t number, const struct ops_buf *head,
                                   const struct ops_view *keys, size_t count)
{
    struct ops_buf *body = &lookup->bodies[number];
    struct ops_aws_call *call = &lookup->calls[number];
    ops_buf_init(body, OPS_AWS_TABLE_REQUEST_MAX_BYTES);
    ops_aws_call_init(call, OPS_AWS_DYNAMODB, ANSWER_MAX_BYTES);
    ops_buf_append_view(body, ops_buf_view(head));
    for (size_t i = 0; i < count; i++) {
        ops_buf_append_text(body, i ? "," : "");
        ops_buf_append_view(body, keys[i]);
    }
    ops_buf_append_text(body, "]}}}");
    ops_aws_call_json(call, BATCH_GET, ops_buf_view(body));
    return ops_buf_status(body);
}

static enum ops_status write_batches(struct lookup *lookup, const struct ops_buf *head, const struct ops_view *keys,
                                     size_t count)
{
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < count && status == OPS_OK; i += BATCH_KEYS_MAX) {
        size_t batch = count - i < BATCH_KEYS_MAX ? count - i : BATCH_KEYS_MAX;
        status = write_batch(lookup, lookup->count++, head, keys + i, batch);
    }
    return status;
}

static void lookup_free(struct lookup *lookup)
{
    for (size_t i = 0; i < lookup->count; i++) {
        ops_aws_call_release(&lookup->calls[i]);
        ops_buf_release(&lookup->bodies[i]);
    }
    ops_aws_rows_release(&lookup->items);
    ops_mem_free(lookup);
}

/* Hands on what an answer found, and makes the next request of what it left. *ret_more: there is a next. */
static enum ops_status read_batch(struct lookup *lookup, size_t number, bool *ret_more, struct ops_error *error)
{
    struct ops_aws_call *call = &lookup->calls[number];
    struct ops_buf *body = &lookup->bodies[number];
    struct ops_view left = {NULL, 0};
    if (call->status != OPS_OK)
        return ops_aws_table_read_failed(call, error);
    enum ops_status status = ops_aws_read_found(&lookup->table->reader, ops_buf_view(&call->response.body),
                                                lookup->table->name, &lookup->shape, &lookup->items, &left);
    if (status == OPS_OK && lookup->items.count > BATCH_KEYS_MAX)
        status = OPS_CORRUPT;
    if (status == OPS_OK)
        status = lookup->on_found(lookup->context, &lookup->items);
    if (status == OPS_CORRUPT || status == OPS_LIMIT)
        return ops_aws_table_unreadable(lookup->table, error);
    *ret_more = status == OPS_OK && left.length > 0;
    if (!*ret_more)
        return status;
    ops_buf_clear(body);
    ops_buf_append_text(body, "{\"RequestItems\":");
    ops_buf_append_view(body, left);
    ops_buf_append_text(body, "}");
    call->body = ops_buf_view(body);
    return ops_buf_status(body);
}

static enum ops_status settle_batch(struct lookup *lookup, size_t number, struct ops_error *error)
{
    struct ops_aws_call *call = &lookup->calls[number];
    bool asked = call->status != OPS_THROTTLED && call->status != OPS_STORE_UNAVAILABLE && call->status != OPS_UNKNOWN;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool more = false;
        if (!asked)
            ops_aws_call_send_patiently(lookup->table->stack->client, call);
        enum ops_status status = read_batch(lookup, number, &more, error);
        if (status != OPS_OK || !more)
            return status;
        asked = false;
    }
    return ops_fail(error, OPS_THROTTLED, "DynamoDB leaves keys of the table %s unprocessed.", lookup->table->name);
}

/* keys are their JSON texts, each different, and not needed any more when on_found is called. */
static enum ops_status look_up(struct ops_aws_table *table, const struct ops_buf *head, const char *extra,
                               const struct ops_view *keys, size_t count, on_found_fn on_found, void *context,
                               struct ops_error *error)
{
    struct lookup *lookup = count > 0 ? ops_mem_zeroed(1, sizeof *lookup) : NULL;
    if (!lookup)
        return count > 0 ? OPS_NO_MEMORY : OPS_OK;
    lookup->table = table;
    lookup->shape = (struct ops_aws_shape){&table->schema.columns, table->schema.columns.key_count, extra};
    lookup->on_found = on_found;
    lookup->context = context;
    enum ops_status status = write_batches(lookup, head, keys, count);
    if (status == OPS_OK)
        ops_aws_table_send_reads(table, lookup->calls, lookup->count);
    for (size_t i = 0; i < lookup->count && status == OPS_OK; i++)
        status = settle_batch(lookup, i, error);
    lookup_free(lookup);
    return status;
}

/* ---- Recount ---- */

static enum ops_status count_items(void *context, const struct ops_aws_rows *items)
{
    *(size_t *)context += items->count;
    return OPS_OK;
}

/* The texts of keys that were read, one behind the other in text. */
static enum ops_status write_keys(const struct ops_aws_table *table, const struct ops_aws_rows *items, struct ops_buf *text,
                                  struct ops_view *keys)
{
    const struct ops_aws_columns *columns = &table->schema.columns;
    for (size_t i = 0; i < items->count; i++) {
        ops_aws_key_append(columns, columns->key_count, ops_aws_row(items, i), text);
        keys[i].length = ops_aws_key_length(columns, columns->key_count, ops_aws_row(items, i));
    }
    const char *at = ops_buf_text(text);
    for (size_t i = 0; i < items->count; i++) {
        keys[i].data = at;
        at += keys[i].length;
    }
    return ops_buf_status(text);
}

static enum ops_status count_there(struct ops_aws_table *table, const struct ops_aws_rows *items, size_t *ret_count,
                                   struct ops_error *error)
{
    struct ops_buf text;
    ops_buf_init(&text, OPS_AWS_TABLE_REQUEST_MAX_BYTES);
    struct ops_view *keys = ops_mem_zeroed(items->count + 1, sizeof *keys);
    enum ops_status status = keys ? write_keys(table, items, &text, keys) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = look_up(table, &table->count_head, NULL, keys, items->count, count_items, ret_count, error);
    ops_mem_free(keys);
    ops_buf_release(&text);
    return status;
}

enum ops_status ops_aws_table_recount(struct ops_target *self, uint32_t segment, const char *receipt,
                                      struct ops_recount *ret_there, struct ops_error *error)
{
    (void)segment;
    struct ops_aws_table *table = (struct ops_aws_table *)self;
    struct ops_aws_rows items = {.values = NULL};
    size_t count = 0;
    enum ops_status status = OPS_OK;
    if (receipt[0])
        status = ops_aws_receipt_read(&table->schema.columns, ops_view_of(receipt), &items);
    if (status == OPS_CORRUPT || (status == OPS_OK && items.count > OPS_AWS_TABLE_PAGE_MAX))
        status = ops_fail(error, OPS_TARGET_ERROR, "The receipt does not belong to the table %s.", table->name);
    if (status == OPS_OK)
        status = count_there(table, &items, &count, error);
    ops_aws_rows_release(&items);
    if (status == OPS_OK)
        *ret_there = (struct ops_recount){.count = count};
    return status;
}

/* ---- Verification ---- */

struct verification {
    const struct ops_aws_table *table;
    struct ops_key_page *page;
};

static enum ops_status add_verified(void *context, const struct ops_aws_rows *items)
{
    const struct verification *verification = context;
    const struct ops_aws_table *table = verification->table;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < items->count && status == OPS_OK; i++) {
        const struct ops_view *values = ops_aws_row(items, i);
        enum ops_aws_owner owner = OPS_AWS_NOT_TENANTS;
        status = ops_aws_tenant_owns(&table->tenant, values, &owner);
        if (status == OPS_OK && owner == OPS_AWS_TENANTS)
            status = ops_aws_table_page_add(table, values, verification->page);
    }
    return status;
}

static int compare_views(const void *a, const void *b)
{
    const struct ops_view *left = a, *right = b;
    int order = memcmp(left->data, right->data, left->length < right->length ? left->length : right->length);
    return order ? order : (left->length > right->length) - (left->length < right->length);
}

/* An index that was caught in the middle of a change may name a record twice, and BatchGetItem refuses that. */
static size_t drop_duplicates(struct ops_view *keys, size_t count)
{
    size_t kept = 0;
    qsort(keys, count, sizeof *keys, compare_views);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !ops_view_equal(keys[kept - 1], keys[i]))
            keys[kept++] = keys[i];
    return kept;
}

enum ops_status ops_aws_table_verify_page(struct ops_aws_table *table, struct ops_key_page *page, struct ops_error *error)
{
    struct verification verification = {table, page};
    struct ops_view *keys = ops_mem_zeroed(page->count + 1, sizeof *keys);
    if (!keys)
        return OPS_NO_MEMORY;
    ops_aws_table_page_finish(table, page);
    size_t count = page->count;
    for (size_t i = 0; i < count; i++)
        keys[i] = page->keys[i].id;
    struct ops_buf named = page->storage;
    ops_buf_init(&page->storage, named.limit_bytes);
    ops_buf_clear(&page->receipt);
    page->count = 0;
    count = drop_duplicates(keys, count);
    enum ops_status status =
        look_up(table, &table->verify_head, table->extra, keys, count, add_verified, &verification, error);
    ops_buf_release(&named);
    ops_mem_free(keys);
    return status;
}
