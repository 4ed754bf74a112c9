/* DynamoDB: the operations, and those on one item. Source: Amazon DynamoDB API Reference. */
#include "stub/dynamodb.h"

enum { ITEM_MAX_BYTES = 400 * 1024 };

/* ---- What the operations share ---- */

struct stub_table *stub_table_named(struct stub_call *call, struct ops_view name)
{
    struct stub_table *table = stub_map_get(&call->world->tables, name);
    if (!table)
        stub_refuse(call, 400, "ResourceNotFoundException", "Requested resource not found: Table: %.*s not found",
                    (int)name.length, name.data ? name.data : "");
    return table;
}

struct stub_table *stub_table_of_input(struct stub_call *call)
{
    return stub_table_named(call, stub_json_view(json_object_get(call->input, "TableName")));
}

bool stub_read_key(struct stub_call *call, const struct stub_table *table, const json_t *key, struct stub_key *ret_key)
{
    if (stub_table_key_of(table, key, ret_key) && json_object_size(key) == table->key_count)
        return true;
    stub_refuse_invalid(call, "The provided key element does not match the schema");
    return false;
}

bool stub_read_item(struct stub_call *call, const struct stub_table *table, const json_t *item, struct stub_key *ret_key)
{
    if (!table->ops->put)
        stub_refuse_invalid(call, "Table %s is numbered: the stub computes its items and takes no others", table->name);
    else if (!stub_table_key_of(table, item, ret_key))
        stub_refuse_invalid(call, "One or more parameter values were invalid: Missing the key %s in the item",
                            table->key_names[0]);
    else if (json_dumpb(item, NULL, 0, JSON_COMPACT) > ITEM_MAX_BYTES)
        stub_refuse_invalid(call, "Item size has exceeded the maximum allowed size");
    else
        return true;
    return false;
}

void stub_append_capacity(struct stub_call *call, const json_t *input, const struct stub_table *table, double units)
{
    struct ops_view wanted = stub_json_view(json_object_get(input, "ReturnConsumedCapacity"));
    if (wanted.length && !ops_view_is(wanted, "NONE"))
        ops_buf_append_format(&call->answer->body, ",\"ConsumedCapacity\":{\"TableName\":\"%s\",\"CapacityUnits\":%.1f}",
                              table->name, units);
}

/* ---- Writes of one item ---- */

/* Whether "ConditionExpression" holds for what is at position (SIZE_MAX: nothing); false: refused. */
static bool check_condition(struct stub_call *call, const struct stub_table *table, size_t position)
{
    const char *text = json_string_value(json_object_get(call->input, "ConditionExpression"));
    struct stub_placeholders placeholders;
    struct stub_expression condition;
    struct ops_buf problem;
    stub_buf_init(&problem);
    stub_placeholders_init(&placeholders, call->input);
    bool holds = false;
    if (!stub_expression_read(text, &placeholders, &condition, &problem) ||
        !stub_placeholders_all_used(&placeholders, &problem))
        stub_refuse_invalid(call, "%s", ops_buf_text(&problem));
    else if (!stub_expression_holds(&condition, table, position))
        stub_refuse(call, 400, "ConditionalCheckFailedException", "The conditional request failed");
    else
        holds = true;
    stub_placeholders_release(&placeholders);
    ops_buf_release(&problem);
    return holds;
}

/* {} or, when it is asked for, the item that was there. */
static void answer_old(struct stub_call *call, const struct stub_table *table, size_t position)
{
    struct ops_buf *body = &call->answer->body;
    ops_buf_append_char(body, '{');
    if (position != SIZE_MAX && ops_view_is(stub_json_view(json_object_get(call->input, "ReturnValues")), "ALL_OLD")) {
        ops_buf_append_text(body, "\"Attributes\":");
        stub_table_append(table, position, NULL, body);
    }
    ops_buf_append_char(body, '}');
}

void stub_put_item(struct stub_call *call)
{
    struct stub_table *table = stub_table_of_input(call);
    json_t *item = json_object_get(call->input, "Item");
    struct stub_key key;
    size_t position;
    if (!table || !stub_read_item(call, table, item, &key))
        return;
    if (!table->ops->find(table, &key, &position))
        position = SIZE_MAX;
    if (!check_condition(call, table, position))
        return;
    answer_old(call, table, position);
    table->ops->put(table, &key, json_incref(item));
}

void stub_delete_item(struct stub_call *call)
{
    struct stub_table *table = stub_table_of_input(call);
    struct stub_key key;
    size_t position;
    if (!table || !stub_read_key(call, table, json_object_get(call->input, "Key"), &key))
        return;
    if (!table->ops->find(table, &key, &position))
        position = SIZE_MAX;
    if (!check_condition(call, table, position))
        return;
    answer_old(call, table, position);
    stub_table_delete(table, &key);
}

/* ---- Tables ---- */

static void append_key_schema(struct ops_buf *body, const char *first, const char *second)
{
    ops_buf_append_format(body, "\"KeySchema\":[{\"AttributeName\":\"%s\",\"KeyType\":\"HASH\"}", first);
    if (second)
        ops_buf_append_format(body, ",{\"AttributeName\":\"%s\",\"KeyType\":\"RANGE\"}", second);
    ops_buf_append_char(body, ']');
}

static void append_attributes(struct ops_buf *body, const struct stub_table *table)
{
    ops_buf_append_text(body, ",\"AttributeDefinitions\":[");
    for (size_t i = 0; i < table->key_count; i++)
        ops_buf_append_format(body, "%s{\"AttributeName\":\"%s\",\"AttributeType\":\"%c\"}", i ? "," : "",
                              table->key_names[i], table->key_types[i]);
    for (size_t i = 0; i < table->index_count; i++)
        ops_buf_append_format(body, ",{\"AttributeName\":\"%s\",\"AttributeType\":\"S\"}", table->indexes[i].attribute);
    ops_buf_append_char(body, ']');
}

static void append_indexes(struct ops_buf *body, const struct stub_table *table)
{
    if (!table->index_count)
        return;
    ops_buf_append_text(body, ",\"GlobalSecondaryIndexes\":[");
    for (size_t i = 0; i < table->index_count; i++) {
        ops_buf_append_format(body, "%s{\"IndexName\":\"%s\",", i ? "," : "", table->indexes[i].name);
        append_key_schema(body, table->indexes[i].attribute, NULL);
        ops_buf_append_text(body, ",\"Projection\":{\"ProjectionType\":\"ALL\"},\"IndexStatus\":\"ACTIVE\"}");
    }
    ops_buf_append_char(body, ']');
}

static void append_description(struct ops_buf *body, const struct stub_table *table)
{
    ops_buf_append_format(body, "{\"TableName\":\"%s\",\"TableStatus\":\"ACTIVE\",\"ItemCount\":%zu,\"TableSizeBytes\":0,",
                          table->name, table->item_count);
    append_key_schema(body, table->key_names[0], table->key_names[1]);
    append_attributes(body, table);
    append_indexes(body, table);
    ops_buf_append_format(body,
                          ",\"TableArn\":\"arn:aws:dynamodb:" STUB_REGION ":" STUB_ACCOUNT ":table/%s\","
                          "\"CreationDateTime\":1700000000.0,\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"},"
                          "\"ProvisionedThroughput\":{\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":0,"
                          "\"WriteCapacityUnits\":0}}",
                          table->name);
}

void stub_describe_table(struct stub_call *call)
{
    const struct stub_table *table = stub_table_of_input(call);
    if (!table)
        return;
    ops_buf_append_text(&call->answer->body, "{\"Table\":");
    append_description(&call->answer->body, table);
    ops_buf_append_char(&call->answer->body, '}');
}

static const char *attribute_type(const json_t *definitions, const char *name)
{
    size_t i;
    json_t *definition;
    json_array_foreach(definitions, i, definition) {
        const char *found = json_string_value(json_object_get(definition, "AttributeName"));
        if (found && name && strcmp(found, name) == 0)
            return json_string_value(json_object_get(definition, "AttributeType"));
    }
    return NULL;
}

/* The table of a CreateTable; false when its keys make no sense. */
static bool read_shape(const json_t *input, struct stub_table_shape *ret_shape)
{
    const json_t *keys = json_object_get(input, "KeySchema");
    ret_shape->name = stub_json_view(json_object_get(input, "TableName"));
    ret_shape->key_count = json_array_size(keys);
    if (ret_shape->name.length < 3 || ret_shape->key_count < 1 || ret_shape->key_count > 2)
        return false;
    for (size_t i = 0; i < ret_shape->key_count; i++) {
        const json_t *key = json_array_get(keys, i);
        const char *name = json_string_value(json_object_get(key, "AttributeName"));
        const char *type = attribute_type(json_object_get(input, "AttributeDefinitions"), name);
        if (!ops_view_is(stub_json_view(json_object_get(key, "KeyType")), i ? "RANGE" : "HASH") || !type || !type[0])
            return false;
        ret_shape->key_names[i] = ops_view_of(name);
        ret_shape->key_types[i] = type[0];
    }
    return true;
}

void stub_create_table(struct stub_call *call)
{
    struct stub_table_shape shape;
    if (!read_shape(call->input, &shape)) {
        stub_refuse_invalid(call, "Invalid KeySchema, AttributeDefinitions or TableName");
        return;
    }
    if (stub_map_get(&call->world->tables, shape.name)) {
        stub_refuse(call, 400, "ResourceInUseException", "Table already exists: %.*s", (int)shape.name.length,
                    shape.name.data);
        return;
    }
    struct stub_table *table = stub_real_table_new(&shape);
    stub_map_set(&call->world->tables, shape.name, table);
    ops_buf_append_text(&call->answer->body, "{\"TableDescription\":");
    append_description(&call->answer->body, table);
    ops_buf_append_char(&call->answer->body, '}');
}

enum { TABLES_PAGE_MAX = 100 };

void stub_list_tables(struct stub_call *call)
{
    const struct stub_map *tables = &call->world->tables;
    struct ops_view after = stub_json_view(json_object_get(call->input, "ExclusiveStartTableName"));
    json_int_t limit = json_integer_value(json_object_get(call->input, "Limit"));
    size_t most = limit > 0 && limit < TABLES_PAGE_MAX ? (size_t)limit : TABLES_PAGE_MAX;
    size_t first = stub_map_seek(tables, after), at = first;
    if (at < tables->count && after.length && ops_view_is(after, tables->entries[at].name))
        first = ++at;
    struct ops_buf *body = &call->answer->body;
    ops_buf_append_text(body, "{\"TableNames\":[");
    for (; at < tables->count && at < first + most; at++)
        ops_buf_append_format(body, "%s\"%s\"", at > first ? "," : "", tables->entries[at].name);
    ops_buf_append_char(body, ']');
    if (at < tables->count)
        ops_buf_append_format(body, ",\"LastEvaluatedTableName\":\"%s\"", tables->entries[at - 1].name);
    ops_buf_append_char(body, '}');
}

/* ---- The operations ---- */

static void unknown_operation(struct stub_call *call)
{
    stub_refuse(call, 400, "UnknownOperationException", "The stub does not know this operation.");
}

static const struct stub_operation dynamodb_operations[] = {
    {"BatchWriteItem", stub_batch_write, true},
    {"Scan", stub_scan, false},
    {"Query", stub_query, false},
    {"GetItem", stub_get_item, false},
    {"PutItem", stub_put_item, false},
    {"DeleteItem", stub_delete_item, false},
    {"BatchGetItem", stub_batch_get, false},
    {"TransactWriteItems", stub_transact_write, false},
    {"CreateTable", stub_create_table, false},
    {"DescribeTable", stub_describe_table, false},
    {"ListTables", stub_list_tables, false},
    {NULL, unknown_operation, true},
};

extern const struct stub_operation stub_s3_operations[], stub_logs_operations[], stub_sts_operations[];

const struct stub_operation *stub_operations(enum stub_service service)
{
    static const struct stub_operation *const tables[] = {dynamodb_operations, stub_s3_operations, stub_logs_operations,
                                                          stub_sts_operations};
    return tables[service];
}
