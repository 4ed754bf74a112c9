#include "adapters/aws/store_call.h"

#include "adapters/aws/item.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

enum {
    REQUEST_MAX_BYTES = 64 * 1024,
    /* A page of a query is at most 1 MB by DynamoDB's count (Developer Guide, "Paginating table query results"); a null in a
     * list is 2 bytes of it and 14 of JSON. */
    ANSWER_MAX_BYTES = 16 * 1024 * 1024,
    EMPTY_PAGES_MAX = 8, /* one after the other, before a query is given up */
};

enum ops_status ops_aws_store_fail(const struct aws_store *store, const struct ops_aws_call *call, enum ops_status status,
                                   struct ops_error *error)
{
    switch (status) {
    case OPS_NO_MEMORY:
    case OPS_CONFLICT: /* whoever asked for the condition knows better what to say */
        return status;
    case OPS_TARGET_MISSING:
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "The table %s does not exist in %s; run 'g3nops aws-bootstrap'.",
                        store->table, ops_aws_client_region(store->client));
    case OPS_TARGET_ERROR:
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "The table %s in %s can't be used: %s", store->table,
                        ops_aws_client_region(store->client), ops_error_text(&call->error, status));
    default:
        return ops_fail(error, status, "%s", ops_error_text(&call->error, status));
    }
}

enum ops_status ops_aws_store_write(json_t *request, struct ops_buf *buf)
{
    enum ops_status status = request ? ops_json_append(request, buf) : OPS_NO_MEMORY;
    json_decref(request);
    return status;
}

static enum ops_status unreadable(const struct aws_store *store, struct ops_error *error)
{
    return ops_fail(error, OPS_CORRUPT, "A record in the table %s is not one that g3nops has written.", store->table);
}

/* An answer that can't be read says nothing about the table: it may be another server's. */
static enum ops_status no_answer(const struct aws_store *store, struct ops_error *error)
{
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "DynamoDB gave an answer about the table %s that can't be read.",
                    store->table);
}

static enum ops_status read_answer(const struct aws_store *store, const struct ops_aws_call *call, json_t **ret_answer,
                                   struct ops_error *error)
{
    /* A read whose answer is lost, or is longer than any answer of DynamoDB, has changed nothing. */
    if (call->status == OPS_UNKNOWN || call->status == OPS_LIMIT)
        return ops_aws_store_fail(store, call, OPS_STORE_UNAVAILABLE, error);
    if (call->status != OPS_OK)
        return ops_aws_store_fail(store, call, call->status, error);
    return ops_aws_item_parse(ops_buf_view(&call->response.body), ret_answer);
}

/* OPS_CORRUPT: it can't be read however often it comes. Whoever is in between may have spoilt one, and not the next. */
static enum ops_status ask_patiently(const struct aws_store *store, struct ops_aws_call *call, json_t **ret_answer,
                                     struct ops_error *error)
{
    for (int attempt = 1;; attempt++) {
        ops_aws_call_send_patiently(store->client, call);
        enum ops_status status = read_answer(store, call, ret_answer, error);
        if (status != OPS_CORRUPT || attempt == OPS_AWS_TRIES_MAX)
            return status;
        ops_aws_client_back_off(store->client, attempt);
    }
}

/* Asks what changes nothing; takes request. */
static enum ops_status ask(const struct aws_store *store, const char *target, json_t *request, json_t **ret_answer,
                           struct ops_error *error)
{
    struct ops_aws_call call;
    struct ops_buf text;
    ops_buf_init(&text, REQUEST_MAX_BYTES);
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, ANSWER_MAX_BYTES);
    enum ops_status status = ops_aws_store_write(request, &text);
    if (status == OPS_OK) {
        ops_aws_call_json(&call, target, ops_buf_view(&text));
        status = ask_patiently(store, &call, ret_answer, error);
    }
    if (status == OPS_CORRUPT)
        status = no_answer(store, error);
    ops_aws_call_release(&call);
    ops_buf_release(&text);
    return status;
}

static enum ops_status aws_get(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc,
                               struct ops_error *error)
{
    const struct aws_store *store = aws_store(self);
    json_t *key = NULL, *answer = NULL;
    enum ops_status status = ops_aws_item_key(pk, sk, &key);
    if (status == OPS_OK)
        status =
            ask(store, "DynamoDB_20120810.GetItem",
                json_pack("{s:s, s:b, s:o}", "TableName", store->table, "ConsistentRead", 1, "Key", key), &answer, error);
    if (status != OPS_OK)
        return status;
    json_t *item = json_object_get(answer, "Item");
    const char *found_sk;
    status = item ? ops_aws_item_read(item, ret_doc, &found_sk) : OPS_NOT_FOUND;
    if (status == OPS_CORRUPT)
        status = unreadable(store, error);
    json_decref(answer);
    return status;
}

/* The request for the page after after_sk, or for the first one. One document more than the limit is asked for: DynamoDB
 * stops at the limit without looking whether anything follows. */
static enum ops_status page_request(const struct aws_store *store, const struct ops_query *query, const char *after_sk,
                                    json_t **ret_request)
{
    json_t *pk = NULL, *start = NULL;
    enum ops_status status = ops_aws_item_text(query->pk, &pk);
    if (status == OPS_OK && after_sk)
        status = ops_aws_item_key(query->pk, after_sk, &start);
    if (status == OPS_OK) {
        *ret_request = json_pack("{s:s, s:b, s:s, s:{s:s}, s:{s:O}, s:b, s:I, s:O*}", "TableName", store->table,
                                 "ConsistentRead", 1, "KeyConditionExpression", "#pk = :pk", "ExpressionAttributeNames",
                                 "#pk", "pk", "ExpressionAttributeValues", ":pk", pk, "ScanIndexForward", !query->descending,
                                 "Limit", (json_int_t)query->limit + 1, "ExclusiveStartKey", start);
        status = *ret_request ? OPS_OK : OPS_NO_MEMORY;
    }
    json_decref(pk);
    json_decref(start);
    return status;
}

static enum ops_status copy_sk(const char *sk, char ret_sk[static OPS_STORE_KEY_SIZE])
{
    return sk && snprintf(ret_sk, OPS_STORE_KEY_SIZE, "%s", sk) < OPS_STORE_KEY_SIZE ? OPS_OK : OPS_CORRUPT;
}

static enum ops_status add_to_page(json_t *item, struct ops_store_page *page)
{
    json_t *doc = NULL;
    const char *sk = NULL;
    enum ops_status status = ops_aws_item_read(item, &doc, &sk);
    if (status != OPS_OK)
        return status;
    if (json_array_append_new(page->docs, doc) != 0)
        return OPS_NO_MEMORY;
    return copy_sk(sk, page->last_sk);
}

/* Where a page without documents has ended, from which the next one goes on. */
static enum ops_status read_end(const json_t *end, char ret_sk[static OPS_STORE_KEY_SIZE])
{
    return copy_sk(json_string_value(json_object_get(json_object_get(end, "sk"), "S")), ret_sk);
}

static enum ops_status read_page(const struct ops_query *query, const json_t *answer, struct ops_store_page *page,
                                 char after_sk[static OPS_STORE_KEY_SIZE])
{
    const json_t *items = json_object_get(answer, "Items"), *end = json_object_get(answer, "LastEvaluatedKey");
    size_t count = json_array_size(items);
    enum ops_status status = OPS_OK;
    page->more = count > query->limit || end;
    for (size_t i = 0; i < count && i < query->limit && status == OPS_OK; i++)
        status = add_to_page(json_array_get(items, i), page);
    return status == OPS_OK && count == 0 && end ? read_end(end, after_sk) : status;
}

static enum ops_status fetch_page(const struct aws_store *store, const struct ops_query *query, const char *after_sk,
                                  struct ops_store_page *page, char ret_after_sk[static OPS_STORE_KEY_SIZE],
                                  struct ops_error *error)
{
    json_t *request = NULL, *answer = NULL;
    enum ops_status status = page_request(store, query, after_sk, &request);
    if (status == OPS_OK)
        status = ask(store, "DynamoDB_20120810.Query", request, &answer, error);
    if (status != OPS_OK)
        return status;
    status = json_is_array(json_object_get(answer, "Items")) ? read_page(query, answer, page, ret_after_sk)
                                                             : no_answer(store, error);
    json_decref(answer);
    return status == OPS_CORRUPT ? unreadable(store, error) : status;
}

/* DynamoDB may end a page before it has found anything, and then says how far it has got. Nobody else can go on from there:
 * a page of ours ends at a document. */
static enum ops_status fill_page(const struct aws_store *store, const struct ops_query *query, struct ops_store_page *page,
                                 struct ops_error *error)
{
    char after[OPS_STORE_KEY_SIZE];
    enum ops_status status = fetch_page(store, query, query->after_sk, page, after, error);
    for (int pages = 1; status == OPS_OK && json_array_size(page->docs) == 0 && page->more; pages++) {
        if (pages == EMPTY_PAGES_MAX)
            return ops_fail(error, OPS_STORE_UNAVAILABLE, "DynamoDB gave %d pages of the table %s without a record in them.",
                            pages, store->table);
        status = fetch_page(store, query, after, page, after, error);
    }
    return status;
}

static enum ops_status aws_query(struct ops_store *self, const struct ops_query *query, struct ops_store_page *ret_page,
                                 struct ops_error *error)
{
    struct ops_store_page page = {.docs = json_array()};
    enum ops_status status = page.docs ? fill_page(aws_store(self), query, &page, error) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        *ret_page = page;
    else
        ops_store_page_release(&page);
    return status;
}

static void aws_release(struct ops_store *self)
{
    struct aws_store *store = (struct aws_store *)self;
    ops_mem_free(store->table);
    ops_mem_free(store);
}

static const struct ops_store_ops aws_ops = {
    .get = aws_get,
    .query = aws_query,
    .transact = ops_aws_store_transact,
    .release = aws_release,
};

enum ops_status ops_aws_store_new(struct ops_aws_client *client, const char *table, struct ops_store **ret_store)
{
    struct aws_store *store = ops_mem_zeroed(1, sizeof *store);
    if (!store)
        return OPS_NO_MEMORY;
    store->base.ops = &aws_ops;
    store->client = client;
    store->table = ops_mem_strdup(table);
    if (!store->table) {
        aws_release(&store->base);
        return OPS_NO_MEMORY;
    }
    *ret_store = &store->base;
    return OPS_OK;
}
