/*
 * What requests say. Most of a request is the same for a target's whole life and is written once, as its head.
 *
 * Names stand in expressions as #k0, #k1, ... (the columns) and #a (the scope's attribute), since any of them may be one of
 * DynamoDB's reserved words (Amazon DynamoDB Developer Guide, "Expression attribute names"). A name that is not used in an
 * expression makes DynamoDB refuse the request.
 */
#include "adapters/aws/table.h"

/* How a scope is read. */
struct reading {
    const char *operation;
    const char *condition_member; /* of a condition on the partition key; NULL: there is none */
    const char *condition;
    bool names_attribute; /* there is a condition on #a */
    bool shows_attribute; /* and the answer has it */
};

static const struct reading readings[OPS_SCOPE_BY_COUNT] = {
    [OPS_SCOPE_ALL] = {"DynamoDB_20120810.Scan", NULL, NULL, false, false},
    [OPS_SCOPE_ATTRIBUTE] = {"DynamoDB_20120810.Scan", NULL, NULL, true, true},
    [OPS_SCOPE_INDEX] = {"DynamoDB_20120810.Query", NULL, NULL, true, false},
    [OPS_SCOPE_KEY_PREFIX] = {"DynamoDB_20120810.Scan", "FilterExpression", "begins_with(#k0,:v)", false, false},
    [OPS_SCOPE_KEY] = {"DynamoDB_20120810.Query", "KeyConditionExpression", "#k0=:v", false, false},
};

static bool scans(const struct ops_aws_table *table)
{
    return table->by != OPS_SCOPE_INDEX && table->by != OPS_SCOPE_KEY;
}

bool ops_aws_table_filters(const struct ops_aws_table *table)
{
    return table->by == OPS_SCOPE_ATTRIBUTE || table->by == OPS_SCOPE_KEY_PREFIX;
}

static enum ops_status append_member(struct ops_buf *head, const char *before, const char *text)
{
    ops_buf_append_text(head, before);
    return ops_aws_append_quoted(head, text);
}

/* ,"ProjectionExpression":"#k0,#k1","ExpressionAttributeNames":{"#k0":"pk","#k1":"sk"}; attribute, when there is one, is
 * named too, and projected when the answer is to have it. */
static enum ops_status append_names(struct ops_buf *head, const struct ops_aws_columns *columns, size_t count,
                                    const char *attribute, bool projected)
{
    ops_buf_append_text(head, ",\"ProjectionExpression\":\"");
    for (size_t i = 0; i < count; i++)
        ops_buf_append_format(head, "%s#k%zu", i ? "," : "", i);
    ops_buf_append_text(head, projected ? ",#a\"" : "\"");
    ops_buf_append_text(head, ",\"ExpressionAttributeNames\":{");
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < count && status == OPS_OK; i++) {
        ops_buf_append_format(head, "%s\"#k%zu\":", i ? "," : "", i);
        status = ops_aws_append_quoted(head, columns->list[i].name);
    }
    if (attribute && status == OPS_OK)
        status = append_member(head, ",\"#a\":", attribute);
    ops_buf_append_text(head, "}");
    return status;
}

static enum ops_status append_condition(const struct ops_aws_table *table, struct ops_buf *head)
{
    const struct reading *reading = &readings[table->by];
    if (table->by == OPS_SCOPE_ATTRIBUTE)
        return ops_aws_tenant_filter(&table->tenant, head);
    if (table->by == OPS_SCOPE_INDEX)
        return ops_aws_tenant_key_condition(&table->tenant, head);
    if (!reading->condition)
        return OPS_OK;
    ops_buf_append_format(head, ",\"%s\":\"%s\",\"ExpressionAttributeValues\":{\":v\":{\"S\":", reading->condition_member,
                          reading->condition);
    enum ops_status status = ops_aws_append_quoted(head, table->value);
    ops_buf_append_text(head, "}}");
    return status;
}

static enum ops_status write_page_head(struct ops_aws_table *table)
{
    const struct reading *reading = &readings[table->by];
    const struct ops_aws_columns *columns = &table->schema.columns;
    struct ops_buf *head = &table->page_head;
    enum ops_status status = append_member(head, "{\"TableName\":", table->name);
    if (status == OPS_OK && table->by == OPS_SCOPE_INDEX)
        status = append_member(head, ",\"IndexName\":", table->index);
    /* A global index knows no other reading than the eventually consistent. */
    ops_buf_append_text(head, table->schema.index_is_global ? "" : ",\"ConsistentRead\":true");
    if (status == OPS_OK)
        status = append_names(head, columns, columns->count, reading->names_attribute ? table->attribute : NULL,
                              reading->shows_attribute && table->extra);
    return status == OPS_OK ? append_condition(table, head) : status;
}

/* {"RequestItems":{"things":{"ConsistentRead":true,...,"Keys":[ */
static enum ops_status write_look_up_head(const struct ops_aws_table *table, const char *attribute, struct ops_buf *head)
{
    const struct ops_aws_columns *columns = &table->schema.columns;
    enum ops_status status = append_member(head, "{\"RequestItems\":{", table->name);
    ops_buf_append_text(head, ":{\"ConsistentRead\":true");
    if (status == OPS_OK)
        status = append_names(head, columns, columns->key_count, attribute, attribute);
    ops_buf_append_text(head, ",\"Keys\":[");
    return status;
}

static void place_tenant(struct ops_aws_table *table)
{
    ops_aws_tenant_init(&table->tenant, table->attribute, table->value, &table->schema);
    table->extra = table->tenant.type ? NULL : table->attribute;
    table->has_none = table->attribute && ops_aws_tenant_has_none(&table->tenant);
}

enum ops_status ops_aws_table_write_heads(struct ops_aws_table *table)
{
    place_tenant(table);
    table->page_operation = readings[table->by].operation;
    enum ops_status status = write_page_head(table);
    if (status == OPS_OK)
        status = write_look_up_head(table, NULL, &table->count_head);
    if (status == OPS_OK)
        status = write_look_up_head(table, table->extra, &table->verify_head);
    if (status == OPS_OK)
        status = append_member(&table->remove_head, "{\"RequestItems\":{", table->name);
    ops_buf_append_text(&table->remove_head, ":[");
    struct ops_buf *const heads[] = {&table->page_head, &table->count_head, &table->verify_head, &table->remove_head};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0] && status == OPS_OK; i++)
        status = ops_buf_status(heads[i]);
    return status;
}

void ops_aws_table_write_page(const struct ops_aws_table *table, uint32_t dynamodb_segment, size_t limit,
                              struct ops_view position, struct ops_buf *body)
{
    ops_buf_clear(body);
    ops_buf_append_view(body, ops_buf_view(&table->page_head));
    ops_buf_append_format(body, ",\"Limit\":%zu", limit);
    if (scans(table))
        ops_buf_append_format(body, ",\"Segment\":%u,\"TotalSegments\":%u", (unsigned)dynamodb_segment,
                              (unsigned)(table->target.segment_count * table->lane_count));
    if (position.length > 0) {
        ops_buf_append_text(body, ",\"ExclusiveStartKey\":");
        ops_buf_append_view(body, position);
    }
    ops_buf_append_text(body, "}");
}
