/*
 * Removing by BatchWriteItem, 25 keys a request, the requests side by side.
 *
 * Of n requests the k-th takes the keys k, k + n, k + 2n, ...: neighbours in a page, which may lie in one partition, go
 * different ways. A delete that is repeated does no harm, so whatever is not surely done is to be tried again. Source:
 * Amazon DynamoDB API Reference, "BatchWriteItem".
 */
#include "adapters/aws/table.h"

#include "adapters/aws/answer.h"
#include "adapters/aws/item.h"
#include "base/mem.h"

#define BATCH_WRITE "DynamoDB_20120810.BatchWriteItem"

/* A call that was refused for its keys or its time is sent once more, so there may be two rounds of
 * BEGIN_WITHIN_MS + TIMEOUT_MS. They and the fetching of other keys in between fit OPS_REMOVE_MAX_MS. */
enum {
    BATCH_MAX = 25,
    REQUESTS_MAX = OPS_AWS_TABLE_BATCH_MAX / BATCH_MAX,
    ANSWER_MAX_BYTES = 2 * 1024 * 1024,
    TIMEOUT_MS = 6000,
    BEGIN_WITHIN_MS = 4000,
};

_Static_assert(2 * (BEGIN_WITHIN_MS + TIMEOUT_MS) < OPS_REMOVE_MAX_MS, "a removal is over in time");

/* Kept from one page to the next with its memory. */
struct ops_aws_removal {
    struct ops_aws_call calls[REQUESTS_MAX];
    struct ops_buf bodies[REQUESTS_MAX];
};

/* One request's share of the keys. */
struct share {
    const struct ops_key *keys;
    enum ops_removal *outcomes;
    size_t first;
    size_t step;
    size_t count;
};

static enum ops_status removal_new(struct ops_aws_removal **ret_removal)
{
    struct ops_aws_removal *removal = ops_mem_alloc(sizeof *removal);
    if (!removal)
        return OPS_NO_MEMORY;
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        ops_aws_call_init(&removal->calls[i], OPS_AWS_DYNAMODB, ANSWER_MAX_BYTES);
        ops_aws_call_json(&removal->calls[i], BATCH_WRITE, ops_view(NULL, 0));
        removal->calls[i].timeout_ms = TIMEOUT_MS;
        ops_buf_init(&removal->bodies[i], OPS_AWS_TABLE_REQUEST_MAX_BYTES);
    }
    *ret_removal = removal;
    return OPS_OK;
}

void ops_aws_table_removal_free(struct ops_aws_removal *removal)
{
    for (size_t i = 0; removal && i < REQUESTS_MAX; i++) {
        ops_aws_call_release(&removal->calls[i]);
        ops_buf_release(&removal->bodies[i]);
    }
    ops_mem_free(removal);
}

static void set_outcomes(const struct share *share, enum ops_removal outcome)
{
    for (size_t i = 0; i < share->count; i++)
        share->outcomes[share->first + i * share->step] = outcome;
}

static enum ops_status write_request(const struct ops_aws_table *table, const struct share *share, struct ops_buf *body)
{
    static const char before[] = "{\"DeleteRequest\":{\"Key\":", after[] = "}},";
    ops_buf_clear(body);
    ops_buf_append_view(body, ops_buf_view(&table->remove_head));
    for (size_t i = 0; i < share->count; i++) {
        ops_buf_append(body, before, sizeof before - 1);
        ops_buf_append_view(body, share->keys[share->first + i * share->step].id);
        ops_buf_append(body, after, sizeof after - (i + 1 < share->count ? 1 : 2));
    }
    ops_buf_append_text(body, "]}}");
    return ops_buf_status(body);
}

/* ---- Answers ---- */

/* The keys of a share as values, in its order; NULL without memory. */
static json_t *share_keys(const struct share *share)
{
    json_t *keys = json_array();
    for (size_t i = 0; keys && i < share->count; i++) {
        json_t *key = NULL;
        if (ops_aws_item_parse(share->keys[share->first + i * share->step].id, &key) != OPS_OK ||
            json_array_append_new(keys, key) != 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

/* Marks the key that an unprocessed request names. False: it names none that was asked for. */
static bool mark_left(const struct share *share, const json_t *keys, const json_t *request)
{
    const json_t *left = json_object_get(json_object_get(request, "DeleteRequest"), "Key");
    for (size_t i = 0; left && i < share->count; i++) {
        if (!json_equal(left, json_array_get(keys, i)))
            continue;
        share->outcomes[share->first + i * share->step] = OPS_RETRY;
        return true;
    }
    return false;
}

/* False: what is left can't be told. */
static bool mark_all_left(const struct share *share, const json_t *left)
{
    size_t i;
    const json_t *request;
    bool known = json_is_array(left);
    json_t *keys = share_keys(share);
    json_array_foreach(left, i, request)
        known = known && keys && mark_left(share, keys, request);
    json_decref(keys);
    return known;
}

/* Outcomes by an answer that leaves something, or says so in other words than usual. Whether something was left. */
static bool read_unprocessed(const struct ops_aws_table *table, const struct ops_aws_call *call, const struct share *share)
{
    json_t *answer = NULL;
    set_outcomes(share, OPS_REMOVED);
    if (ops_aws_item_parse(ops_buf_view(&call->response.body), &answer) != OPS_OK) {
        set_outcomes(share, OPS_RETRY);
        return false;
    }
    const json_t *unprocessed = json_object_get(answer, "UnprocessedItems");
    size_t tables = json_object_size(unprocessed);
    const json_t *left = json_object_get(unprocessed, table->name);
    bool known = json_is_object(unprocessed) && tables == (left ? 1 : 0);
    if (known && left)
        known = mark_all_left(share, left);
    if (!known)
        set_outcomes(share, OPS_RETRY);
    json_decref(answer);
    return tables > 0;
}

/* Names each key of a request that was refused; a batch has one reason for all of them. */
static void remark_refused(const struct ops_aws_table *table, const struct ops_aws_call *call, const struct share *share)
{
    char reason[OPS_AWS_REASON_SIZE];
    (void)ops_aws_answer_reason(call, reason);
    for (size_t i = 0; i < share->count; i++)
        ops_remarks_add(table->target.remarks, OPS_REMARK_REFUSED, share->keys[share->first + i * share->step].id, reason);
}

/* Sets the outcomes of one request. *throttled when it asked for a slower pace. */
static enum ops_status read_answer(const struct ops_aws_table *table, const struct ops_aws_call *call,
                                   const struct share *share, bool *throttled, struct ops_error *error)
{
    static const char all_done[] = "{\"UnprocessedItems\":{}}";
    switch (call->status) {
    case OPS_OK:
        if (ops_view_equal(ops_buf_view(&call->response.body), ops_view(all_done, sizeof all_done - 1)))
            set_outcomes(share, OPS_REMOVED);
        else if (read_unprocessed(table, call, share))
            *throttled = true;
        return OPS_OK;
    case OPS_TARGET_MISSING:
        return ops_fail(error, OPS_TARGET_MISSING, "The table %s does not exist any more.", table->name);
    case OPS_TARGET_ERROR:
        (void)ops_fail(error, OPS_TARGET_ERROR, "%s", ops_error_text(&call->error, call->status));
        set_outcomes(share, OPS_FAILED);
        remark_refused(table, call, share);
        return OPS_OK;
    default:
        *throttled = *throttled || call->status == OPS_THROTTLED;
        ops_aws_answer_note(call, error);
        set_outcomes(share, OPS_RETRY);
        return OPS_OK;
    }
}

static struct share share_of(const struct ops_key *keys, size_t count, enum ops_removal *outcomes, size_t number,
                             size_t requests)
{
    return (struct share){keys, outcomes, number, requests, (count - number + requests - 1) / requests};
}

enum ops_status ops_aws_table_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                     enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct ops_aws_table *table = (struct ops_aws_table *)self;
    struct ops_aws_pacer *pacer = &table->stack->pacers[OPS_AWS_DYNAMODB];
    enum ops_status status = table->removal ? OPS_OK : removal_new(&table->removal);
    size_t requests = (count + BATCH_MAX - 1) / BATCH_MAX;
    for (size_t i = 0; i < requests && status == OPS_OK; i++) {
        const struct share share = share_of(keys, count, ret_outcomes, i, requests);
        status = write_request(table, &share, &table->removal->bodies[i]);
        table->removal->calls[i].body = ops_buf_view(&table->removal->bodies[i]);
    }
    if (status != OPS_OK)
        return status;
    bool throttled = false;
    size_t width = ops_aws_pacer_enter(pacer, requests);
    ops_aws_call_send_all(table->stack->client, table->removal->calls, requests, width, BEGIN_WITHIN_MS);
    for (size_t i = 0; i < requests && status == OPS_OK; i++) {
        const struct share share = share_of(keys, count, ret_outcomes, i, requests);
        status = read_answer(table, &table->removal->calls[i], &share, &throttled, error);
    }
    ops_aws_pacer_leave(pacer, width, throttled);
    return status;
}
