/*
 * DynamoDB tables as vacuum targets, and their list.
 *
 * A large table is cut into segments, which workers read side by side; each segment is several of DynamoDB's own, the lanes.
 * The cut is made by the size that DescribeTable tells, which is up to six hours old: that is near enough for planning.
 */
#include "adapters/aws/table.h"

#include "adapters/aws/json_ask.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

#define DESCRIBE_TABLE "DynamoDB_20120810.DescribeTable"
#define LIST_TABLES "DynamoDB_20120810.ListTables"

enum {
    SEGMENT_ITEMS = 100 * 1000,
    SEGMENT_BYTES = 64 * 1024 * 1024,
    SEGMENTS_CHOSEN_MAX = 64,
    SEGMENTS_MAX = 1024,   /* that a plan may say */
    FILTERED_FIRST = 1000, /* items to look at where nobody knows how many pass */
    PAGE_ANSWER_MAX_BYTES = 4 * 1024 * 1024,
    LIST_PAGE_MAX = 100,
};

/* ---- Segments ---- */

static void choose_split(struct ops_aws_table *table)
{
    json_int_t by_items = table->schema.item_count / SEGMENT_ITEMS;
    json_int_t by_size = table->schema.size_bytes / SEGMENT_BYTES;
    json_int_t wanted = 1 + (by_items > by_size ? by_items : by_size);
    table->target.segment_count = wanted < SEGMENTS_CHOSEN_MAX ? (uint32_t)(wanted > 0 ? wanted : 1) : SEGMENTS_CHOSEN_MAX;
    table->lane_count = OPS_AWS_TABLE_LANES_MAX;
}

static bool read_split(struct ops_aws_table *table, const char *split)
{
    unsigned segments = 0, lanes = 0;
    char again[OPS_AWS_TABLE_SPLIT_SIZE];
    if (strlen(split) >= sizeof again || sscanf(split, "%4ux%4u", &segments, &lanes) != 2)
        return false;
    (void)snprintf(again, sizeof again, "%ux%u", segments, lanes);
    table->target.segment_count = segments;
    table->lane_count = lanes;
    return strcmp(again, split) == 0 && segments >= 1 && segments <= SEGMENTS_MAX && lanes >= 1 &&
           lanes <= OPS_AWS_TABLE_LANES_MAX;
}

/* A query reads one partition, which can't be cut. */
static enum ops_status cut(struct ops_aws_table *table, const struct ops_target_spec *spec, struct ops_error *error)
{
    bool queries = table->by == OPS_SCOPE_KEY || table->by == OPS_SCOPE_INDEX;
    table->target.segment_count = table->lane_count = 1;
    bool good = true;
    if (spec->split)
        good = read_split(table, spec->split) && (!queries || strcmp(spec->split, "1x1") == 0);
    else if (!queries)
        choose_split(table);
    if (!good)
        return ops_fail(error, OPS_TARGET_ERROR, "The plan cuts the table %s in a way that is not known here: %s.",
                        spec->name, spec->split);
    (void)snprintf(table->split, sizeof table->split, "%ux%u", (unsigned)table->target.segment_count,
                   (unsigned)table->lane_count);
    return OPS_OK;
}

/* ---- Open and close ---- */

static void table_close(struct ops_target *self)
{
    struct ops_aws_table *table = (struct ops_aws_table *)self;
    struct ops_buf *const heads[] = {&table->page_head, &table->count_head, &table->verify_head, &table->remove_head};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        ops_buf_release(heads[i]);
    for (size_t i = 0; i < OPS_AWS_TABLE_LANES_MAX; i++) {
        ops_buf_release(&table->lanes[i].position);
        ops_aws_rows_release(&table->lanes[i].items);
        ops_aws_call_release(&table->calls[i]);
        ops_buf_release(&table->bodies[i]);
    }
    ops_aws_table_removal_free(table->removal);
    ops_aws_reader_release(&table->reader);
    ops_aws_table_schema_release(&table->schema);
    ops_mem_free(table->name);
    ops_mem_free(table->attribute);
    ops_mem_free(table->value);
    ops_mem_free(table);
}

static const struct ops_target_ops table_ops = {
    .page = ops_aws_table_page,
    .remove = ops_aws_table_remove,
    .recount = ops_aws_table_recount,
    .close = table_close,
};

static void init_buffers(struct ops_aws_table *table)
{
    struct ops_buf *const heads[] = {&table->page_head, &table->count_head, &table->verify_head, &table->remove_head};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        ops_buf_init(heads[i], OPS_AWS_TABLE_TEXT_MAX_BYTES);
    for (size_t i = 0; i < OPS_AWS_TABLE_LANES_MAX; i++) {
        ops_buf_init(&table->lanes[i].position, OPS_CURSOR_MAX_BYTES);
        ops_buf_init(&table->bodies[i], OPS_AWS_TABLE_REQUEST_MAX_BYTES);
        ops_aws_call_init(&table->calls[i], OPS_AWS_DYNAMODB, PAGE_ANSWER_MAX_BYTES);
    }
}

/* NULL stays NULL. */
static bool copy_text(char **ret_copy, const char *text)
{
    *ret_copy = text ? ops_mem_strdup(text) : NULL;
    return !text || *ret_copy;
}

static enum ops_status table_new(struct ops_aws_stack *stack, const struct ops_target_spec *spec,
                                 const struct ops_scope *scope, struct ops_aws_table **ret_table)
{
    struct ops_aws_table *table = ops_mem_zeroed(1, sizeof *table);
    if (!table)
        return OPS_NO_MEMORY;
    init_buffers(table);
    table->stack = stack;
    table->by = scope->by;
    table->ignores_incomparable = scope->ignore_incomparable;
    table->target = (struct ops_target){
        .ops = &table_ops,
        .split = table->split,
        .page_max = OPS_AWS_TABLE_PAGE_MAX,
        .batch_max = OPS_AWS_TABLE_BATCH_MAX,
    };
    if (!copy_text(&table->name, spec->name) || !copy_text(&table->attribute, scope->attribute) ||
        !copy_text(&table->value, scope->value)) {
        table_close(&table->target);
        return OPS_NO_MEMORY;
    }
    *ret_table = table;
    return OPS_OK;
}

static enum ops_status describe(struct ops_aws_stack *stack, const struct ops_target_spec *spec, json_t **ret_answer,
                                struct ops_error *error)
{
    enum ops_status status = ops_aws_json_ask(stack->client, OPS_AWS_DYNAMODB, DESCRIBE_TABLE,
                                              json_pack("{s:s}", "TableName", spec->name), ret_answer, error);
    if (status == OPS_TARGET_MISSING)
        return ops_fail(error, OPS_TARGET_MISSING, "The table %s does not exist in %s.", spec->name,
                        ops_aws_client_region(stack->client));
    if (status == OPS_LIMIT)
        return OPS_TARGET_ERROR;
    return status == OPS_UNKNOWN ? OPS_STORE_UNAVAILABLE : status;
}

/* Everything about the table that does not change while it is open. */
static enum ops_status prepare(struct ops_aws_table *table, const json_t *answer, const struct ops_target_spec *spec,
                               const struct ops_scope *scope, struct ops_error *error)
{
    enum ops_status status = ops_aws_table_schema_read(answer, spec, scope, &table->schema, error);
    if (status == OPS_OK)
        status = cut(table, spec, error);
    if (status != OPS_OK)
        return status;
    status = ops_aws_table_write_heads(table, scope->by == OPS_SCOPE_INDEX ? scope->index : NULL);
    if (status == OPS_TARGET_ERROR || status == OPS_LIMIT)
        return ops_fail(error, OPS_TARGET_ERROR, "The scope in the table %s can't be put into a request.", spec->name);
    for (size_t i = 0; i < OPS_AWS_TABLE_LANES_MAX; i++)
        ops_aws_call_json(&table->calls[i], table->page_operation, ops_view(NULL, 0));
    table->evaluate = ops_aws_table_filters(table) ? FILTERED_FIRST : OPS_AWS_TABLE_PAGE_MAX;
    return status;
}

enum ops_status ops_aws_table_open(struct ops_aws_stack *stack, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    json_t *answer = NULL;
    struct ops_aws_table *table = NULL;
    enum ops_status status = describe(stack, spec, &answer, error);
    if (status == OPS_OK)
        status = table_new(stack, spec, scope, &table);
    if (status == OPS_OK)
        status = prepare(table, answer, spec, scope, error);
    json_decref(answer);
    if (status == OPS_OK)
        *ret_target = &table->target;
    else if (table)
        table_close(&table->target);
    return status;
}

/* ---- List ---- */

static enum ops_status list_page(const json_t *answer, ops_on_resource_fn on_resource, void *context, char **last,
                                 struct ops_error *error)
{
    const json_t *names = json_object_get(answer, "TableNames");
    const char *more = ops_json_text(answer, "LastEvaluatedTableName", NULL);
    size_t i;
    const json_t *name;
    enum ops_status status = OPS_OK;
    if (!json_is_array(names))
        return ops_fail(error, OPS_TARGET_ERROR, "DynamoDB gave an answer to ListTables that can't be read.");
    if (more && *last && strcmp(more, *last) == 0)
        return ops_fail(error, OPS_TARGET_ERROR, "DynamoDB goes on with its list of tables where it began, at %s.", more);
    json_array_foreach(names, i, name)
        if (status == OPS_OK && json_is_string(name))
            status = ops_resource_found(on_resource, context, OPS_TABLE, json_string_value(name));
    ops_mem_free(*last);
    *last = NULL;
    if (status == OPS_OK && more)
        *last = ops_mem_strdup(more);
    return status == OPS_OK && more && !*last ? OPS_NO_MEMORY : status;
}

enum ops_status ops_aws_tables_list(struct ops_aws_stack *stack, ops_on_resource_fn on_resource, void *context,
                                    struct ops_error *error)
{
    char *last = NULL;
    enum ops_status status;
    do {
        json_t *answer = NULL;
        status = ops_aws_json_ask(stack->client, OPS_AWS_DYNAMODB, LIST_TABLES,
                                  ops_json_pack("{s:i, s:s*}", "Limit", LIST_PAGE_MAX, "ExclusiveStartTableName", last),
                                  &answer, error);
        if (status == OPS_UNKNOWN)
            status = OPS_STORE_UNAVAILABLE;
        else if (status == OPS_LIMIT || status == OPS_TARGET_MISSING)
            status = OPS_TARGET_ERROR;
        if (status == OPS_OK)
            status = list_page(answer, on_resource, context, &last, error);
        json_decref(answer);
    } while (status == OPS_OK && last);
    ops_mem_free(last);
    return status;
}
