#include "adapters/aws/item.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { INTEGER_SIZE = 24 }; /* INT64_MIN has 20 characters */

static const char pk_name[] = "pk", sk_name[] = "sk";

enum ops_status ops_aws_item_parse(struct ops_view text, json_t **ret_object)
{
    json_t *object = NULL;
    enum ops_status status = ops_json_load(text, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &object, NULL);
    if (json_is_object(object)) {
        *ret_object = object;
        return OPS_OK;
    }
    json_decref(object);
    return status == OPS_NO_MEMORY ? status : OPS_CORRUPT;
}

/* Writing. */

static enum ops_status write_value(json_t *value, int depth, json_t **ret_attribute);

/* {type: value}; takes value, NULL is no memory. */
static enum ops_status wrap(const char *type, json_t *value, json_t **ret_attribute)
{
    json_t *attribute = value ? json_object() : NULL;
    if (!attribute || json_object_set_new(attribute, type, value) != 0) {
        if (!attribute)
            json_decref(value);
        json_decref(attribute);
        return OPS_NO_MEMORY;
    }
    *ret_attribute = attribute;
    return OPS_OK;
}

static enum ops_status write_integer(json_int_t number, json_t **ret_attribute)
{
    char text[INTEGER_SIZE];
    (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, number);
    return wrap("N", json_string(text), ret_attribute);
}

static enum ops_status write_array(json_t *array, int depth, json_t **ret_attribute)
{
    json_t *list = json_array();
    enum ops_status status = list ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(array) && status == OPS_OK; i++) {
        json_t *element = NULL;
        status = write_value(json_array_get(array, i), depth + 1, &element);
        if (status == OPS_OK && json_array_append_new(list, element) != 0)
            status = OPS_NO_MEMORY;
    }
    if (status == OPS_OK)
        return wrap("L", list, ret_attribute);
    json_decref(list);
    return status;
}

/* Adds the members of object to map, each as an attribute. */
static enum ops_status write_members(json_t *object, int depth, json_t *map)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        json_t *member = NULL;
        enum ops_status status = write_value(value, depth + 1, &member);
        if (status == OPS_OK)
            status = ops_json_set(map, name, member);
        if (status != OPS_OK)
            return status;
    }
    return OPS_OK;
}

static enum ops_status write_object(json_t *object, int depth, json_t **ret_attribute)
{
    json_t *map = json_object();
    enum ops_status status = map ? write_members(object, depth, map) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        return wrap("M", map, ret_attribute);
    json_decref(map);
    return status;
}

static enum ops_status write_value(json_t *value, int depth, json_t **ret_attribute)
{
    if (depth > OPS_AWS_ITEM_DEPTH_MAX)
        return OPS_LIMIT;
    switch (json_typeof(value)) {
    case JSON_STRING:
        return wrap("S", json_incref(value), ret_attribute);
    case JSON_INTEGER:
        return write_integer(json_integer_value(value), ret_attribute);
    case JSON_TRUE:
    case JSON_FALSE:
        return wrap("BOOL", json_incref(value), ret_attribute);
    case JSON_NULL:
        return wrap("NULL", json_true(), ret_attribute);
    case JSON_ARRAY:
        return write_array(value, depth, ret_attribute);
    case JSON_OBJECT:
        return write_object(value, depth, ret_attribute);
    case JSON_REAL:
        break;
    }
    return OPS_INTERNAL_ERROR;
}

enum ops_status ops_aws_item_write_value(json_t *value, json_t **ret_attribute)
{
    return write_value(value, 0, ret_attribute);
}

enum ops_status ops_aws_item_text(const char *text, json_t **ret_attribute)
{
    size_t failures_before = ops_mem_failure_count();
    json_t *value = json_string(text);
    if (!value && ops_mem_failure_count() == failures_before)
        return OPS_INTERNAL_ERROR;
    return wrap("S", value, ret_attribute);
}

static enum ops_status set_text(json_t *item, const char *name, const char *text)
{
    json_t *attribute = NULL;
    enum ops_status status = ops_aws_item_text(text, &attribute);
    return status == OPS_OK ? ops_json_set(item, name, attribute) : status;
}

static enum ops_status set_key(json_t *item, const char *pk, const char *sk)
{
    enum ops_status status = set_text(item, pk_name, pk);
    return status == OPS_OK ? set_text(item, sk_name, sk) : status;
}

enum ops_status ops_aws_item_key(const char *pk, const char *sk, json_t **ret_key)
{
    json_t *key = json_object();
    enum ops_status status = key ? set_key(key, pk, sk) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        *ret_key = key;
    else
        json_decref(key);
    return status;
}

enum ops_status ops_aws_item_write(const char *pk, const char *sk, json_t *doc, json_t **ret_item)
{
    if (json_object_get(doc, pk_name) || json_object_get(doc, sk_name))
        return OPS_INTERNAL_ERROR;
    json_t *item = json_object();
    enum ops_status status = item ? write_members(doc, 0, item) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = set_key(item, pk, sk);
    if (status == OPS_OK)
        *ret_item = item;
    else
        json_decref(item);
    return status;
}

/* Reading. */

static enum ops_status read_value(json_t *attribute, int depth, json_t **ret_value);

static enum ops_status read_text(json_t *content, int depth, json_t **ret_value)
{
    (void)depth;
    if (!json_is_string(content))
        return OPS_CORRUPT;
    *ret_value = json_incref(content);
    return OPS_OK;
}

/* DynamoDB writes a number without leading zeros, and an integer of this size without an exponent. */
static bool is_integer(const char *text)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    return digits[0] && strspn(digits, "0123456789") == strlen(digits) && (digits[0] != '0' || !digits[1]);
}

static enum ops_status read_number(json_t *content, int depth, json_t **ret_value)
{
    (void)depth;
    const char *text = json_string_value(content);
    if (!text || strlen(text) != json_string_length(content) || !is_integer(text))
        return OPS_CORRUPT;
    errno = 0;
    intmax_t number = strtoimax(text, NULL, 10);
    if (errno != 0)
        return OPS_CORRUPT;
    *ret_value = json_integer((json_int_t)number);
    return *ret_value ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status read_flag(json_t *content, int depth, json_t **ret_value)
{
    (void)depth;
    if (!json_is_boolean(content))
        return OPS_CORRUPT;
    *ret_value = json_incref(content);
    return OPS_OK;
}

static enum ops_status read_null(json_t *content, int depth, json_t **ret_value)
{
    (void)depth;
    if (!json_is_true(content))
        return OPS_CORRUPT;
    *ret_value = json_null();
    return OPS_OK;
}

static enum ops_status read_list(json_t *content, int depth, json_t **ret_value)
{
    if (!json_is_array(content))
        return OPS_CORRUPT;
    json_t *array = json_array();
    enum ops_status status = array ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(content) && status == OPS_OK; i++) {
        json_t *element = NULL;
        status = read_value(json_array_get(content, i), depth + 1, &element);
        if (status == OPS_OK && json_array_append_new(array, element) != 0)
            status = OPS_NO_MEMORY;
    }
    if (status == OPS_OK)
        *ret_value = array;
    else
        json_decref(array);
    return status;
}

static enum ops_status read_members(json_t *map, int depth, json_t *object)
{
    const char *name;
    json_t *attribute;
    json_object_foreach(map, name, attribute) {
        json_t *value = NULL;
        enum ops_status status = read_value(attribute, depth + 1, &value);
        if (status == OPS_OK)
            status = ops_json_set(object, name, value);
        if (status != OPS_OK)
            return status;
    }
    return OPS_OK;
}

static enum ops_status read_map(json_t *content, int depth, json_t **ret_value)
{
    if (!json_is_object(content))
        return OPS_CORRUPT;
    json_t *object = json_object();
    enum ops_status status = object ? read_members(content, depth, object) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        *ret_value = object;
    else
        json_decref(object);
    return status;
}

struct type_row {
    const char *type;
    enum ops_status (*read)(json_t *content, int depth, json_t **ret_value);
};

static const struct type_row type_rows[] = {
    {"S", read_text}, {"N", read_number}, {"BOOL", read_flag}, {"NULL", read_null}, {"L", read_list}, {"M", read_map},
};

static enum ops_status read_value(json_t *attribute, int depth, json_t **ret_value)
{
    if (json_object_size(attribute) != 1 || depth > OPS_AWS_ITEM_DEPTH_MAX)
        return OPS_CORRUPT;
    for (size_t i = 0; i < sizeof type_rows / sizeof type_rows[0]; i++) {
        json_t *content = json_object_get(attribute, type_rows[i].type);
        if (content)
            return type_rows[i].read(content, depth, ret_value);
    }
    return OPS_CORRUPT;
}

enum ops_status ops_aws_item_read_value(json_t *attribute, json_t **ret_value)
{
    return read_value(attribute, 0, ret_value);
}

enum ops_status ops_aws_item_read_members(json_t *item, json_t **ret_object)
{
    return read_map(item, 0, ret_object);
}

enum ops_status ops_aws_item_read(json_t *item, json_t **ret_doc, const char **ret_sk)
{
    const char *sk = json_string_value(json_object_get(json_object_get(item, sk_name), "S"));
    if (!sk || !json_is_string(json_object_get(json_object_get(item, pk_name), "S")))
        return OPS_CORRUPT;
    json_t *doc = NULL;
    enum ops_status status = ops_aws_item_read_members(item, &doc);
    if (status != OPS_OK)
        return status;
    (void)json_object_del(doc, pk_name); /* both are there */
    (void)json_object_del(doc, sk_name);
    *ret_doc = doc;
    *ret_sk = sk;
    return OPS_OK;
}
