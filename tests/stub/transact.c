/* TransactWriteItems: all of it or nothing; once for each client request token. */
#include "stub/dynamodb.h"

enum { ACTIONS_MAX = 100, TOKEN_MAX = 36 };

enum kind { ACTION_PUT, ACTION_DELETE, ACTION_CHECK, ACTION_KIND_COUNT };

static const char *const kind_names[] = {"Put", "Delete", "ConditionCheck"};

struct action {
    enum kind kind;
    struct stub_table *table;
    json_t *json; /* borrowed: what stands under Put, Delete or ConditionCheck */
    struct stub_key key;
    size_t position; /* before anything was changed; SIZE_MAX: there is no item */
    bool holds;
};

struct transaction {
    struct stub_call *call;
    struct action actions[ACTIONS_MAX];
    size_t count;
};

/* ---- Reading ---- */

static bool read_kind(struct action *action, const json_t *element)
{
    for (int i = 0; i < ACTION_KIND_COUNT; i++) {
        action->kind = (enum kind)i;
        action->json = json_object_get(element, kind_names[i]);
        if (action->json)
            return json_object_size(element) == 1;
    }
    return false;
}

static bool read_condition(struct stub_call *call, struct action *action)
{
    struct stub_placeholders placeholders;
    struct stub_expression condition;
    struct ops_buf problem;
    stub_buf_init(&problem);
    stub_placeholders_init(&placeholders, action->json);
    bool fine = stub_expression_read(json_string_value(json_object_get(action->json, "ConditionExpression")), &placeholders,
                                     &condition, &problem) &&
                stub_placeholders_all_used(&placeholders, &problem);
    if (fine)
        action->holds = stub_expression_holds(&condition, action->table, action->position);
    else
        stub_refuse_invalid(call, "%s", ops_buf_text(&problem));
    stub_placeholders_release(&placeholders);
    ops_buf_release(&problem);
    return fine;
}

static bool read_action(struct stub_call *call, const json_t *element, struct action *action)
{
    if (!read_kind(action, element)) {
        stub_refuse_invalid(call, "TransactItems can only contain one of Check, Put, Update or Delete");
        return false;
    }
    action->table = stub_table_named(call, stub_json_view(json_object_get(action->json, "TableName")));
    if (!action->table)
        return false;
    bool fine = action->kind == ACTION_PUT
                    ? stub_read_item(call, action->table, json_object_get(action->json, "Item"), &action->key)
                    : stub_read_key(call, action->table, json_object_get(action->json, "Key"), &action->key);
    if (!fine)
        return false;
    if (!action->table->ops->find(action->table, &action->key, &action->position))
        action->position = SIZE_MAX;
    return read_condition(call, action);
}

static bool is_same_item(const struct action *a, const struct action *b)
{
    bool same = a->table == b->table;
    for (size_t i = 0; same && i < a->table->key_count; i++)
        same = stub_value_compare(&a->key.part[i], &b->key.part[i]) == 0;
    return same;
}

static bool read_actions(struct transaction *transaction)
{
    struct stub_call *call = transaction->call;
    const json_t *elements = json_object_get(call->input, "TransactItems");
    size_t count = json_array_size(elements);
    if (count < 1 || count > ACTIONS_MAX) {
        stub_refuse_invalid(call, "Member must have length less than or equal to 100, and at least 1");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_action(call, json_array_get(elements, i), &transaction->actions[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (is_same_item(&transaction->actions[i], &transaction->actions[j])) {
                stub_refuse_invalid(call, "Transaction request cannot include multiple operations on one item");
                return false;
            }
    }
    transaction->count = count;
    return true;
}

/* ---- Refusing ---- */

static void append_reason(struct ops_buf *body, const struct action *action, bool conflicts)
{
    if (conflicts) {
        ops_buf_append_text(body, "{\"Code\":\"TransactionConflict\",\"Message\":\"Transaction is ongoing for the item\"}");
        return;
    }
    if (action->holds) {
        ops_buf_append_text(body, "{\"Code\":\"None\"}");
        return;
    }
    ops_buf_append_text(body, "{\"Code\":\"ConditionalCheckFailed\",\"Message\":\"The conditional request failed\"");
    const json_t *wanted = json_object_get(action->json, "ReturnValuesOnConditionCheckFailure");
    if (ops_view_is(stub_json_view(wanted), "ALL_OLD") && action->position != SIZE_MAX) {
        ops_buf_append_text(body, ",\"Item\":");
        stub_table_append(action->table, action->position, NULL, body);
    }
    ops_buf_append_char(body, '}');
}

static const char *reason_name(const struct action *action, bool conflicts)
{
    if (conflicts)
        return "TransactionConflict";
    return action->holds ? "None" : "ConditionalCheckFailed";
}

/* A conflict is with the first item. */
static void cancel(struct transaction *transaction, bool is_conflict)
{
    struct ops_buf *body = &transaction->call->answer->body;
    struct ops_buf names;
    stub_buf_init(&names);
    for (size_t i = 0; i < transaction->count; i++)
        ops_buf_append_format(&names, "%s%s", i ? ", " : "", reason_name(&transaction->actions[i], is_conflict && i == 0));
    stub_refuse(transaction->call, 400, "TransactionCanceledException",
                "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", ops_buf_text(&names));
    body->length--;
    ops_buf_append_text(body, ",\"CancellationReasons\":[");
    for (size_t i = 0; i < transaction->count; i++) {
        if (i)
            ops_buf_append_char(body, ',');
        append_reason(body, &transaction->actions[i], is_conflict && i == 0);
    }
    ops_buf_append_text(body, "]}");
    ops_buf_release(&names);
}

/* ---- Once ---- */

/* Whether the token has been seen: then the call has been answered. */
static bool was_done(struct stub_call *call, struct ops_view token)
{
    const json_t *before = token.length ? stub_map_get(&call->world->transactions, token) : NULL;
    if (!before)
        return false;
    if (json_equal(before, json_object_get(call->input, "TransactItems")))
        ops_buf_append_text(&call->answer->body, "{}");
    else
        stub_refuse(call, 400, "IdempotentParameterMismatchException",
                    "The request uses the same client token as a previous, but non-identical request.");
    return true;
}

static void apply(struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->count; i++) {
        struct action *action = &transaction->actions[i];
        if (action->kind == ACTION_PUT)
            action->table->ops->put(action->table, &action->key, json_incref(json_object_get(action->json, "Item")));
        else if (action->kind == ACTION_DELETE)
            stub_table_delete(action->table, &action->key);
    }
    ops_buf_append_text(&transaction->call->answer->body, "{}");
}

void stub_transact_write(struct stub_call *call)
{
    struct ops_view token = stub_json_view(json_object_get(call->input, "ClientRequestToken"));
    if (token.length > TOKEN_MAX) {
        stub_refuse_invalid(call, "Value at 'clientRequestToken' must have length less than or equal to %d", TOKEN_MAX);
        return;
    }
    struct transaction transaction = {.call = call};
    if (was_done(call, token) || !read_actions(&transaction))
        return;
    bool is_conflict = call->rule && call->rule->fault == STUB_FAULT_TRANSACTION_CONFLICT;
    bool holds = !is_conflict;
    for (size_t i = 0; i < transaction.count; i++)
        holds = holds && transaction.actions[i].holds;
    if (!holds) {
        cancel(&transaction, is_conflict);
        return;
    }
    apply(&transaction);
    if (token.length)
        stub_map_set(&call->world->transactions, token, json_incref(json_object_get(call->input, "TransactItems")));
}
