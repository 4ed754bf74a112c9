#include "stub/table.h"

#include "base/number_text.h"

#include <stdlib.h>

void stub_table_init(struct stub_table *table, const struct stub_table_shape *shape)
{
    table->name = stub_copy(shape->name);
    table->key_count = shape->key_count;
    for (size_t i = 0; i < shape->key_count; i++) {
        table->key_names[i] = stub_copy(shape->key_names[i]);
        table->key_types[i] = shape->key_types[i];
    }
}

void stub_table_release(void *context)
{
    struct stub_table *table = context;
    table->ops->release(table);
    ops_mem_free(table->name);
    for (size_t i = 0; i < table->key_count; i++)
        ops_mem_free(table->key_names[i]);
    for (size_t i = 0; i < table->index_count; i++) {
        ops_mem_free(table->indexes[i].name);
        ops_mem_free(table->indexes[i].attribute);
    }
    ops_mem_free(table);
}

struct stub_value stub_value_of(const json_t *attribute)
{
    const char *type = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)attribute)); /* it only reads */
    const json_t *value = type ? json_object_get(attribute, type) : NULL;
    bool is_plain = type && type[0] && !type[1] && strchr("SNB", type[0]) && json_is_string(value);
    return is_plain ? (struct stub_value){type[0], stub_json_view(value)}
                    : (struct stub_value){'?', {"", 0}, ops_view_of(type)};
}

bool stub_value_is_of(const struct stub_value *value, struct ops_view type_name)
{
    return ops_view_equal(value->type == '?' ? value->type_name : ops_view(&value->type, 1), type_name);
}

/* Digits enough for what the tests count; DynamoDB has 38. */
static double number_of(const struct stub_value *value)
{
    char digits[64];
    size_t length = value->text.length < sizeof digits ? value->text.length : sizeof digits - 1;
    memcpy(digits, value->text.data, length);
    digits[length] = '\0';
    return strtod(digits, NULL);
}

static bool is_same_number(const struct stub_value *a, const struct stub_value *b)
{
    char left[OPS_NUMBER_TEXT_SIZE] = "", right[OPS_NUMBER_TEXT_SIZE] = "";
    return ops_number_text(a->text, left) == OPS_OK && ops_number_text(b->text, right) == OPS_OK && strcmp(left, right) == 0;
}

int stub_value_compare(const struct stub_value *a, const struct stub_value *b)
{
    if (a->type != 'N' || b->type != 'N')
        return stub_compare(a->text, b->text);
    double left = number_of(a), right = number_of(b);
    return left == right && !is_same_number(a, b) ? -1 : (left > right) - (left < right);
}

bool stub_table_key_of(const struct stub_table *table, const json_t *item, struct stub_key *ret_key)
{
    for (size_t i = 0; i < table->key_count; i++) {
        ret_key->part[i] = stub_value_of(json_object_get(item, table->key_names[i]));
        if (ret_key->part[i].type != table->key_types[i] || !ret_key->part[i].text.length)
            return false;
    }
    return true;
}

void stub_table_delete(struct stub_table *table, const struct stub_key *key)
{
    size_t position;
    if (!table->ops->find(table, key, &position)) {
        table->deleted_again_count++;
        return;
    }
    table->ops->remove(table, position);
    table->item_count--;
    table->deleted_count++;
}

void stub_table_append(const struct stub_table *table, size_t position, const json_t *names, struct ops_buf *buf)
{
    ops_buf_append_char(buf, '{');
    size_t start = buf->length;
    struct ops_view name;
    for (size_t i = 0;; i++) {
        size_t length = buf->length;
        if (length > start)
            ops_buf_append_char(buf, ',');
        if (!table->ops->append_attribute(table, position, i, &name, buf)) {
            buf->length = length;
            break;
        }
        if (names && !json_object_getn(names, name.data, name.length))
            buf->length = length;
    }
    ops_buf_append_char(buf, '}');
}

void stub_table_append_key(const struct stub_table *table, size_t position, struct ops_buf *buf)
{
    char room[STUB_ATTRIBUTE_SIZE];
    struct stub_value value;
    for (size_t i = 0; i < table->key_count; i++) {
        (void)table->ops->attribute(table, position, ops_view_of(table->key_names[i]), room, &value); /* each has its key */
        ops_buf_append_format(buf, "%s\"%s\":{\"%c\":", i ? "," : "", table->key_names[i], value.type);
        stub_append_json_string(buf, value.text);
        ops_buf_append_char(buf, '}');
    }
}
