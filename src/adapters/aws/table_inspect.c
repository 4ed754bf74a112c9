/*
 * What can be told of a table without removing anything: whether it may be read, and what an index does not hold.
 *
 * Source: Amazon DynamoDB Developer Guide, "Take advantage of sparse indexes" (a record without one of the index's key
 * attributes is not in it), "Using Global Secondary Indexes" (a write with another type there is refused; what was there
 * before is not in the index); API Reference, "TableDescription" (counts are up to six hours old). Whether the account may
 * delete can't be asked without deleting.
 */
#include "adapters/aws/table.h"

#include "adapters/aws/answer.h"

enum { ANSWER_MAX_BYTES = 1024 * 1024 };

/* ---- Rights ---- */

/* Asks once. What may pass says nothing of the table. */
static enum ops_status try_call(struct ops_aws_table *table, struct ops_aws_call *call, const char *what,
                                struct ops_findings *findings)
{
    char reason[OPS_AWS_REASON_SIZE];
    struct ops_aws_pacer *pacer = &table->stack->pacers[OPS_AWS_DYNAMODB];
    size_t taken = ops_aws_pacer_enter(pacer, 1);
    ops_aws_call_send(table->stack->client, call);
    ops_aws_pacer_leave(pacer, taken, call->status == OPS_THROTTLED);
    if (call->status == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    if (call->status == OPS_TARGET_ERROR && !ops_aws_answer_rejects_keys(call) && !ops_aws_answer_rejects_time(call))
        ops_findings_add(findings, true, "Records of the table %s can't be %s: %s.", table->name, what,
                         ops_aws_answer_reason(call, reason));
    return OPS_OK;
}

static enum ops_status try_reading(struct ops_aws_table *table, struct ops_findings *findings)
{
    struct ops_aws_call call;
    struct ops_buf body;
    ops_buf_init(&body, OPS_AWS_TABLE_REQUEST_MAX_BYTES);
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, ANSWER_MAX_BYTES);
    ops_aws_table_write_page(table, 0, 1, ops_view("", 0), &body);
    ops_aws_call_json(&call, table->page_operation, ops_buf_view(&body));
    enum ops_status status = ops_buf_status(&body);
    if (status == OPS_OK)
        status = try_call(table, &call, "read", findings);
    ops_aws_call_release(&call);
    ops_buf_release(&body);
    return status;
}

/* A key of the right types, and mostly of nobody. */
static void append_some_key(const struct ops_aws_columns *columns, struct ops_buf *buf)
{
    static const struct {
        char type;
        const char *value;
    } values[] = {{'S', "g3nops"}, {'N', "0"}, {'B', "ZzNub3Bz"}};
    struct ops_view key[OPS_AWS_TABLE_KEYS_MAX];
    for (size_t i = 0; i < columns->key_count; i++)
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++)
            if (values[k].type == columns->list[i].type)
                key[i] = ops_view_of(values[k].value);
    ops_aws_key_append(columns, columns->key_count, key, buf);
}

static enum ops_status try_looking_up(struct ops_aws_table *table, struct ops_findings *findings)
{
    struct ops_aws_call call;
    struct ops_buf body;
    ops_buf_init(&body, OPS_AWS_TABLE_REQUEST_MAX_BYTES);
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, ANSWER_MAX_BYTES);
    ops_buf_append_view(&body, ops_buf_view(&table->count_head));
    append_some_key(&table->schema.columns, &body);
    ops_buf_append_text(&body, "]}}}");
    ops_aws_call_json(&call, OPS_AWS_BATCH_GET, ops_buf_view(&body));
    enum ops_status status = ops_buf_status(&body);
    if (status == OPS_OK)
        status = try_call(table, &call, "looked up, as a vacuum does after a crash and for a global index", findings);
    ops_aws_call_release(&call);
    ops_buf_release(&body);
    return status;
}

/* ---- Indexes ---- */

static void tell_sort_key(const struct ops_aws_table *table, struct ops_findings *findings)
{
    const struct ops_aws_table_schema *schema = &table->schema;
    bool is_known = schema->index_item_count >= 0 && schema->item_count > 0;
    if (is_known && schema->index_item_count >= schema->item_count)
        return;
    if (is_known)
        ops_findings_add(findings, false,
                         "The index %s of the table %s has the sort key %s: records without it are not in the index and not "
                         "found by it. It has %lld of the table's %lld records, as counted in the last six hours. The rule "
                         "\"attribute\" finds all.",
                         table->index, table->name, schema->index_sort_key, (long long)schema->index_item_count,
                         (long long)schema->item_count);
    else
        ops_findings_add(findings, false,
                         "The index %s of the table %s has the sort key %s: records without it are not in the index and not "
                         "found by it. How many there are is not known. The rule \"attribute\" finds all.",
                         table->index, table->name, schema->index_sort_key);
}

/* Of a name that may be both a string and a number an index holds one. */
static void tell_type(const struct ops_aws_table *table, struct ops_findings *findings)
{
    bool holds_numbers = table->tenant.index_type == 'N';
    ops_findings_add(findings, false,
                     "The index %s of the table %s holds records whose %s is a %s. One with the %s %s is not in it and not "
                     "found by it. The rule \"attribute\" finds both.",
                     table->index, table->name, table->attribute, holds_numbers ? "number" : "string",
                     holds_numbers ? "string" : "number", table->value);
}

enum ops_status ops_aws_table_inspect(struct ops_target *self, struct ops_findings *ret_findings, struct ops_error *error)
{
    struct ops_aws_table *table = (struct ops_aws_table *)self;
    (void)error;
    enum ops_status status = table->has_none ? OPS_OK : try_reading(table, ret_findings);
    if (status == OPS_OK)
        status = try_looking_up(table, ret_findings);
    if (status != OPS_OK || table->by != OPS_SCOPE_INDEX)
        return status;
    if (table->schema.index_sort_key)
        tell_sort_key(table, ret_findings);
    /* An attribute of the table's own key has one type in all records. */
    if (table->tenant.may_be_number && !table->tenant.type)
        tell_type(table, ret_findings);
    return OPS_OK;
}
