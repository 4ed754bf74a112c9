/*
 * A transaction is sent with its token until an answer says what became of it. Sources: Amazon DynamoDB API Reference,
 * TransactWriteItems; Developer Guide, "Amazon DynamoDB Transactions: How it works", Idempotency: within ten minutes a
 * request with a token that has been used succeeds without doing anything, and one whose content differs is refused.
 *
 * Once an answer was lost, only success says what happened. That a repeat is refused proves nothing: a condition may fail
 * for what the lost one has written.
 */
#include "adapters/aws/store_call.h"

#include "adapters/aws/item.h"
#include "base/json.h"

#include <stdio.h>

enum {
    REQUEST_MAX_BYTES = 16 * 1024 * 1024, /* DynamoDB takes no longer one */
    ANSWER_MAX_BYTES = 256 * 1024,
    EXPRESSION_MAX_BYTES = 256,
    PLACEHOLDER_SIZE = 24,
};

/* The partition whose records are never changed or deleted. */
static const char audit_pk[] = "AUDIT";

/* A condition expression, with what its placeholders stand for. */
struct expression {
    struct ops_buf text;
    json_t *names;
    json_t *values;
};

static const char *const cond_formats[] = {
    [OPS_COND_ABSENT] = "attribute_not_exists(#pk)",
    [OPS_COND_EXISTS] = "attribute_exists(#pk)",
    [OPS_COND_EQUALS] = "#n%zu = :v%zu",
    [OPS_COND_AT_MOST] = "#n%zu <= :v%zu",
};

static enum ops_status add_value(struct expression *expression, const struct ops_cond *cond, size_t number)
{
    char placeholder[PLACEHOLDER_SIZE];
    json_t *attribute = NULL;
    (void)snprintf(placeholder, sizeof placeholder, "#n%zu", number);
    enum ops_status status = ops_json_set_text(expression->names, placeholder, cond->name);
    if (status == OPS_OK)
        status = ops_aws_item_write_value(cond->value, &attribute);
    placeholder[0] = ':';
    placeholder[1] = 'v';
    return status == OPS_OK ? ops_json_set(expression->values, placeholder, attribute) : status;
}

static enum ops_status add_cond(struct expression *expression, const struct ops_cond *cond, size_t number)
{
    if (expression->text.length > 0)
        ops_buf_append_text(&expression->text, " AND ");
    ops_buf_append_format(&expression->text, cond_formats[cond->kind], number, number);
    bool has_value = cond->kind == OPS_COND_EQUALS || cond->kind == OPS_COND_AT_MOST;
    return has_value ? add_value(expression, cond, number) : ops_json_set_text(expression->names, "#pk", "pk");
}

/* All conditions of op; none gives an empty text. A put into the audit trail has one more, which keeps what is there. */
static enum ops_status fill_expression(const struct ops_op *op, struct expression *expression)
{
    static const struct ops_cond absent = {.kind = OPS_COND_ABSENT};
    bool keeps = op->kind == OPS_OP_PUT && strcmp(op->pk, audit_pk) == 0;
    expression->names = json_object();
    expression->values = json_object();
    enum ops_status status = expression->names && expression->values ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK && keeps)
        status = add_cond(expression, &absent, 0);
    for (size_t i = 0; i < op->cond_count && status == OPS_OK; i++)
        if (!keeps || op->conds[i].kind != OPS_COND_ABSENT)
            status = add_cond(expression, &op->conds[i], i);
    return status == OPS_OK ? ops_buf_status(&expression->text) : status;
}

/* DynamoDB refuses names and values that no expression uses, also empty ones. */
static enum ops_status add_expression(json_t *request, const struct expression *expression)
{
    if (expression->text.length == 0)
        return OPS_OK;
    enum ops_status status = ops_json_set_text(request, "ConditionExpression", ops_buf_text(&expression->text));
    if (status == OPS_OK)
        status = ops_json_set(request, "ExpressionAttributeNames", json_incref(expression->names));
    if (status == OPS_OK && json_object_size(expression->values) > 0)
        status = ops_json_set(request, "ExpressionAttributeValues", json_incref(expression->values));
    return status;
}

static enum ops_status add_conditions(const struct ops_op *op, json_t *request)
{
    struct expression expression = {.names = NULL};
    ops_buf_init(&expression.text, EXPRESSION_MAX_BYTES);
    enum ops_status status = fill_expression(op, &expression);
    if (status == OPS_OK)
        status = add_expression(request, &expression);
    ops_buf_release(&expression.text);
    json_decref(expression.names);
    json_decref(expression.values);
    return status;
}

static enum ops_status add_subject(const struct ops_op *op, json_t *request)
{
    bool is_put = op->kind == OPS_OP_PUT;
    json_t *subject = NULL;
    enum ops_status status =
        is_put ? ops_aws_item_write(op->pk, op->sk, op->doc, &subject) : ops_aws_item_key(op->pk, op->sk, &subject);
    return status == OPS_OK ? ops_json_set(request, is_put ? "Item" : "Key", subject) : status;
}

static enum ops_status add_op(const struct aws_store *store, const struct ops_op *op, json_t *list)
{
    static const char *const names[] = {[OPS_OP_PUT] = "Put", [OPS_OP_DELETE] = "Delete", [OPS_OP_CHECK] = "ConditionCheck"};
    json_t *request = json_pack("{s:s}", "TableName", store->table);
    enum ops_status status = request ? add_subject(op, request) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = add_conditions(op, request);
    if (status == OPS_OK && json_array_append_new(list, json_pack("{s:O}", names[op->kind], request)) != 0)
        status = OPS_NO_MEMORY;
    json_decref(request);
    return status;
}

static enum ops_status write_request(const struct aws_store *store, const struct ops_txn *txn, struct ops_buf *buf)
{
    json_t *list = json_array();
    enum ops_status status = list ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < txn->count && status == OPS_OK; i++)
        status = add_op(store, &txn->ops[i], list);
    if (status == OPS_OK)
        status = ops_aws_store_write(json_pack("{s:s, s:O}", "ClientRequestToken", txn->token, "TransactItems", list), buf);
    json_decref(list);
    return status;
}

struct code_row {
    const char *code;
    enum ops_status status;
};

/* Why an operation is to blame that the transaction was cancelled; of several the first in this order counts. Another
 * transaction that was in the way says nothing of the conditions: every checkpoint of every worker looks at the one mutex,
 * and must not take a collision there for the loss of its lease. */
static const struct code_row reason_rows[] = {
    {"ValidationError", OPS_LIMIT},
    {"ItemCollectionSizeLimitExceeded", OPS_LIMIT},
    {"ConditionalCheckFailed", OPS_CONFLICT},
    {"ProvisionedThroughputExceeded", OPS_THROTTLED},
    {"ThrottlingError", OPS_THROTTLED},
    {"TransactionConflict", OPS_THROTTLED},
};

/* What refuses a transaction as a whole, where it is not what the client says. A request is refused for its form when it, or
 * one of its items, is too large. */
static const struct code_row refusal_rows[] = {
    {"IdempotentParameterMismatchException", OPS_INTERNAL_ERROR},
    {"ItemCollectionSizeLimitExceededException", OPS_LIMIT},
    {"ValidationException", OPS_LIMIT},
};

static const json_t *reason_with(const json_t *reasons, const char *code)
{
    size_t i;
    json_t *reason;
    json_array_foreach(reasons, i, reason)
        if (strcmp(ops_json_text(reason, "Code", ""), code) == 0)
            return reason;
    return NULL;
}

/* The status of a cancelled transaction; one that was cancelled for no reason that we know surely did not happen either. */
static enum ops_status judge_reasons(const json_t *reasons, struct ops_error *error)
{
    for (size_t i = 0; i < sizeof reason_rows / sizeof reason_rows[0]; i++) {
        const json_t *reason = reason_with(reasons, reason_rows[i].code);
        if (!reason)
            continue;
        return ops_fail(error, reason_rows[i].status, "DynamoDB cancelled the transaction: %s: %s", reason_rows[i].code,
                        ops_json_text(reason, "Message", "no more is said."));
    }
    return OPS_TARGET_ERROR;
}

static enum ops_status judge_cancellation(struct ops_aws_call *call)
{
    json_t *answer = NULL;
    enum ops_status status = ops_aws_item_parse(ops_buf_view(&call->response.body), &answer);
    if (status == OPS_OK)
        status = judge_reasons(json_object_get(answer, "CancellationReasons"), &call->error);
    json_decref(answer);
    return status == OPS_CORRUPT ? OPS_TARGET_ERROR : status;
}

/* The answer to a write is "{}", perhaps with what it has cost. What is no object at all is not DynamoDB's. */
static enum ops_status judge_success(struct ops_aws_call *call)
{
    const char *body = ops_buf_text(&call->response.body);
    if (body[strspn(body, " \t\r\n")] == '{')
        return OPS_OK;
    return ops_fail(&call->error, OPS_UNKNOWN, "DynamoDB gave an answer to TransactWriteItems that can't be read.");
}

/* What one sending came to; call->error has the words. */
static enum ops_status judge(struct ops_aws_call *call)
{
    if (call->status == OPS_OK)
        return judge_success(call);
    if (call->status == OPS_LIMIT) /* of the answer: it may have been done */
        return OPS_UNKNOWN;
    if (strcmp(call->code, "TransactionCanceledException") == 0)
        return judge_cancellation(call);
    for (size_t i = 0; i < sizeof refusal_rows / sizeof refusal_rows[0]; i++)
        if (strcmp(call->code, refusal_rows[i].code) == 0)
            return refusal_rows[i].status;
    return call->status;
}

static bool may_pass(enum ops_status status)
{
    return status == OPS_THROTTLED || status == OPS_STORE_UNAVAILABLE || status == OPS_UNKNOWN;
}

static enum ops_status send(const struct aws_store *store, struct ops_aws_call *call, struct ops_error *error)
{
    enum ops_status status;
    bool lost = false;
    for (int attempt = 1;; attempt++) {
        ops_aws_call_send(store->client, call);
        status = judge(call);
        lost = lost || status == OPS_UNKNOWN;
        if (!may_pass(status) || attempt == OPS_AWS_TRIES_MAX)
            break;
        ops_aws_client_back_off(store->client, attempt);
    }
    if (status == OPS_OK)
        return OPS_OK;
    if (lost)
        return ops_fail(error, OPS_UNKNOWN, "DynamoDB did not say whether the change was made: %s",
                        ops_error_text(&call->error, status));
    return ops_aws_store_fail(store, call, status, error);
}

/* Words for a transaction that can't even be sent. */
static enum ops_status not_sendable(enum ops_status status, struct ops_error *error)
{
    if (status == OPS_LIMIT)
        return ops_fail(error, status, "The transaction is larger, or nested deeper, than DynamoDB takes.");
    if (status == OPS_INTERNAL_ERROR)
        return ops_fail(error, status, "The transaction has a key or a value that DynamoDB can't hold.");
    return status;
}

static enum ops_status transact(const struct aws_store *store, const struct ops_txn *txn, struct ops_error *error)
{
    struct ops_aws_call call;
    struct ops_buf text;
    ops_buf_init(&text, REQUEST_MAX_BYTES);
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, ANSWER_MAX_BYTES);
    enum ops_status status = write_request(store, txn, &text);
    if (status == OPS_OK) {
        ops_aws_call_json(&call, "DynamoDB_20120810.TransactWriteItems", ops_buf_view(&text));
        status = send(store, &call, error);
    } else {
        status = not_sendable(status, error);
    }
    ops_aws_call_release(&call);
    ops_buf_release(&text);
    return status;
}

enum ops_status ops_aws_store_transact(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error)
{
    if (txn->count == 0) /* DynamoDB takes none without operations */
        return OPS_OK;
    for (size_t i = 0; i < txn->count; i++)
        if (txn->ops[i].kind == OPS_OP_DELETE && strcmp(txn->ops[i].pk, audit_pk) == 0)
            return ops_fail(error, OPS_CONFLICT, "A record of the audit trail is never deleted.");
    return transact(aws_store(self), txn, error);
}
