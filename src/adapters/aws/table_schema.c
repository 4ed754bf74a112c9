#include "adapters/aws/table_schema.h"

#include "base/json.h"
#include "base/mem.h"

static enum ops_status unreadable(const struct ops_target_spec *spec, struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_ERROR, "DynamoDB described the table %s in a way that can't be read.", spec->name);
}

enum ops_status ops_aws_append_quoted(struct ops_buf *buf, const char *text)
{
    size_t failures_before = ops_mem_failure_count();
    json_t *string = json_string(text);
    if (!string)
        return ops_mem_failure_count() == failures_before ? OPS_TARGET_ERROR : OPS_NO_MEMORY;
    enum ops_status status = ops_json_append(string, buf);
    json_decref(string);
    return status;
}

enum ops_status ops_aws_columns_add(struct ops_aws_columns *columns, const char *name, char type)
{
    if (columns->count == OPS_AWS_COLUMNS_MAX)
        return OPS_LIMIT;
    struct ops_aws_column *column = &columns->list[columns->count];
    *column = (struct ops_aws_column){.name = ops_mem_strdup(name), .type = type};
    ops_buf_init(&column->opening, OPS_AWS_TABLE_TEXT_MAX_BYTES);
    ops_buf_append_text(&column->opening, columns->count ? "\"}," : "{");
    enum ops_status status = ops_aws_append_quoted(&column->opening, name);
    ops_buf_append_format(&column->opening, ":{\"%c\":\"", type);
    columns->count++;
    if (!column->name)
        return OPS_NO_MEMORY;
    return status == OPS_OK ? ops_buf_status(&column->opening) : status;
}

void ops_aws_columns_release(struct ops_aws_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        ops_mem_free(columns->list[i].name);
        ops_buf_release(&columns->list[i].opening);
    }
    columns->count = 0;
}

void ops_aws_table_schema_release(struct ops_aws_table_schema *schema)
{
    ops_aws_columns_release(&schema->columns);
}

/* 'S', 'N' or 'B', or '\0' when the attribute is not defined. */
static char type_of(const json_t *table, const char *name)
{
    size_t i;
    const json_t *definition;
    json_array_foreach(json_object_get(table, "AttributeDefinitions"), i, definition) {
        const char *type = ops_json_text(definition, "AttributeType", "");
        if (strcmp(ops_json_text(definition, "AttributeName", ""), name) == 0)
            return strlen(type) == 1 && strchr("SNB", type[0]) ? type[0] : '\0';
    }
    return '\0';
}

static bool has_column(const struct ops_aws_columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (strcmp(columns->list[i].name, name) == 0)
            return true;
    return false;
}

static enum ops_status add_column(const json_t *table, const char *name, const struct ops_target_spec *spec,
                                  struct ops_aws_columns *columns, struct ops_error *error)
{
    char type = type_of(table, name);
    return type ? ops_aws_columns_add(columns, name, type) : unreadable(spec, error);
}

/* Adds the columns of a key that stand in that role ("HASH", "RANGE") and are not there yet. */
static enum ops_status add_columns(const json_t *table, const json_t *key_schema, const char *role,
                                   const struct ops_target_spec *spec, struct ops_aws_columns *columns,
                                   struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    size_t i;
    const json_t *element;
    json_array_foreach(key_schema, i, element) {
        const char *name = ops_json_text(element, "AttributeName", "");
        bool wanted = strcmp(ops_json_text(element, "KeyType", ""), role) == 0 && !has_column(columns, name);
        if (status == OPS_OK && wanted)
            status = add_column(table, name, spec, columns, error);
    }
    return status;
}

static enum ops_status read_keys(const json_t *table, const struct ops_target_spec *spec, struct ops_aws_columns *columns,
                                 struct ops_error *error)
{
    const json_t *key_schema = json_object_get(table, "KeySchema");
    enum ops_status status = add_columns(table, key_schema, "HASH", spec, columns, error);
    if (status == OPS_OK && columns->count != 1)
        return unreadable(spec, error);
    if (status == OPS_OK)
        status = add_columns(table, key_schema, "RANGE", spec, columns, error);
    if (status == OPS_OK && (columns->count != json_array_size(key_schema) || columns->count > OPS_AWS_TABLE_KEYS_MAX))
        return unreadable(spec, error);
    columns->key_count = columns->count;
    return status;
}

static const json_t *find_index(const json_t *table, const char *member, const char *name)
{
    size_t i;
    const json_t *index;
    json_array_foreach(json_object_get(table, member), i, index)
        if (strcmp(ops_json_text(index, "IndexName", ""), name) == 0)
            return index;
    return NULL;
}

/* A global index is complete only once it was filled; a local one has no status of its own. */
static bool index_is_complete(const json_t *index)
{
    const char *status = ops_json_text(index, "IndexStatus", "ACTIVE");
    return (strcmp(status, "ACTIVE") == 0 || strcmp(status, "UPDATING") == 0) && !ops_json_flag(index, "Backfilling", false);
}

/* Whether the attribute alone is the index's partition key. */
static bool is_partition_key(const json_t *index, const char *attribute)
{
    bool found = false, others = false;
    size_t i;
    const json_t *element;
    json_array_foreach(json_object_get(index, "KeySchema"), i, element) {
        bool is_hash = strcmp(ops_json_text(element, "KeyType", ""), "HASH") == 0;
        bool is_it = strcmp(ops_json_text(element, "AttributeName", ""), attribute) == 0;
        found = found || (is_hash && is_it);
        others = others || (is_hash && !is_it);
    }
    return found && !others;
}

static enum ops_status read_index(const json_t *table, const struct ops_target_spec *spec, const struct ops_scope *scope,
                                  struct ops_aws_table_schema *schema, struct ops_error *error)
{
    const json_t *global = find_index(table, "GlobalSecondaryIndexes", scope->index);
    const json_t *index = global ? global : find_index(table, "LocalSecondaryIndexes", scope->index);
    if (!index)
        return ops_fail(error, OPS_TARGET_ERROR, "The table %s has no index %s.", spec->name, scope->index);
    if (!index_is_complete(index))
        return ops_fail(error, OPS_TARGET_ERROR, "The index %s of the table %s is not complete.", scope->index, spec->name);
    char type = type_of(table, scope->attribute);
    if (!is_partition_key(index, scope->attribute) || (type != 'S' && type != 'N'))
        return ops_fail(error, OPS_TARGET_ERROR,
                        "The partition key of the index %s of the table %s is not %s, a string or a number.", scope->index,
                        spec->name, scope->attribute);
    schema->index_is_global = global;
    schema->index_type = type;
    enum ops_status status = add_columns(table, json_object_get(index, "KeySchema"), "HASH", spec, &schema->columns, error);
    if (status == OPS_OK)
        status = add_columns(table, json_object_get(index, "KeySchema"), "RANGE", spec, &schema->columns, error);
    return status;
}

/* The name in the answer is compared, since DynamoDB also takes an ARN for a name: that would be a way round the names that
 * are protected. */
static enum ops_status check_table(const json_t *table, const struct ops_target_spec *spec, struct ops_error *error)
{
    const char *status = ops_json_text(table, "TableStatus", "");
    const char *name = ops_json_text(table, "TableName", "");
    if (!json_is_object(table) || !name[0])
        return unreadable(spec, error);
    if (strcmp(name, spec->name) != 0)
        return ops_fail(error, OPS_TARGET_ERROR, "%s is not the name of a table, but another way to say %s.", spec->name,
                        name);
    if (strcmp(status, "ACTIVE") != 0 && strcmp(status, "UPDATING") != 0)
        return ops_fail(error, OPS_TARGET_ERROR, "The table %s can't be used now; DynamoDB says that it is %s.", spec->name,
                        status);
    if (ops_json_flag(table, "DeletionProtectionEnabled", false))
        return ops_fail(error, OPS_TARGET_ERROR,
                        "The table %s has deletion protection; take it off if its records are to go.", spec->name);
    return OPS_OK;
}

enum ops_status ops_aws_table_schema_read(const json_t *answer, const struct ops_target_spec *spec,
                                          const struct ops_scope *scope, struct ops_aws_table_schema *schema,
                                          struct ops_error *error)
{
    const json_t *table = json_object_get(answer, "Table");
    enum ops_status status = check_table(table, spec, error);
    if (status == OPS_OK)
        status = read_keys(table, spec, &schema->columns, error);
    if (status != OPS_OK)
        return status;
    schema->item_count = ops_json_integer(table, "ItemCount", 0);
    schema->size_bytes = ops_json_integer(table, "TableSizeBytes", 0);
    bool by_key = scope->by == OPS_SCOPE_KEY || scope->by == OPS_SCOPE_KEY_PREFIX;
    if (by_key && schema->columns.list[0].type != 'S')
        return ops_fail(error, OPS_TARGET_ERROR, "The partition key %s of the table %s is not a string.",
                        schema->columns.list[0].name, spec->name);
    return scope->by == OPS_SCOPE_INDEX ? read_index(table, spec, scope, schema, error) : OPS_OK;
}
