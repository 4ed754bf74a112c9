#include "adapters/aws/table_values.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/number_text.h"

#include <openssl/evp.h>

enum { VALUES_FIRST = 512 };

/* ---- Values ---- */

/* What a value means. NULL with OPS_CORRUPT: it is no JSON string. */
static json_t *decode_string(struct ops_view value, enum ops_status *ret_status)
{
    struct ops_buf quoted;
    json_t *string = NULL;
    ops_buf_init(&quoted, value.length + 2);
    ops_buf_append_char(&quoted, '"');
    ops_buf_append_view(&quoted, value);
    ops_buf_append_char(&quoted, '"');
    enum ops_status status = ops_buf_status(&quoted);
    if (status == OPS_OK)
        status = ops_json_load(ops_buf_view(&quoted), JSON_DECODE_ANY | JSON_ALLOW_NUL, &string, NULL);
    ops_buf_release(&quoted);
    if (status != OPS_OK)
        *ret_status = status == OPS_INVALID_JSON ? OPS_CORRUPT : OPS_NO_MEMORY;
    return string;
}

static bool has(struct ops_view value, char c)
{
    return value.length > 0 && memchr(value.data, c, value.length);
}

static bool has_escape(struct ops_view value)
{
    return has(value, '\\');
}

enum ops_status ops_aws_value_check(struct ops_view value)
{
    if (ops_json_is_plain(value))
        return OPS_OK;
    enum ops_status status = OPS_OK;
    json_decref(decode_string(value, &status));
    return status;
}

bool ops_aws_value_is_plain(char type, struct ops_view value)
{
    return type != 'B' && !has_escape(value);
}

/* Base 64 as RFC 4648 section 4 has it, padded; EVP_DecodeBlock would also take blanks at its ends. */
static enum ops_status decode_binary(struct ops_view text, struct ops_buf *buf)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t padding = 0;
    while (padding < 2 && padding < text.length && text.data[text.length - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.length - padding; i++)
        if (!memchr(letters, text.data[i], sizeof letters - 1))
            return OPS_CORRUPT;
    if (text.length % 4 != 0)
        return OPS_CORRUPT;
    for (size_t i = 0; i < text.length; i += 4) {
        unsigned char bytes[3];
        if (EVP_DecodeBlock(bytes, (const unsigned char *)text.data + i, 4) != 3)
            return OPS_CORRUPT;
        ops_buf_append(buf, bytes, i + 4 == text.length ? 3 - padding : 3);
    }
    return ops_buf_status(buf);
}

enum ops_status ops_aws_value_decode(char type, struct ops_view value, struct ops_buf *buf)
{
    json_t *string = NULL;
    enum ops_status status = OPS_OK;
    if (has_escape(value)) {
        string = decode_string(value, &status);
        if (!string)
            return status;
        value = ops_view(json_string_value(string), json_string_length(string));
    }
    if (type == 'B') {
        status = decode_binary(value, buf);
    } else {
        ops_buf_append_view(buf, value);
        status = ops_buf_status(buf);
    }
    json_decref(string);
    return status;
}

enum ops_status ops_aws_value_equals(struct ops_view value, const char *text, bool *ret_equal)
{
    enum ops_status status = OPS_OK;
    if (!has_escape(value)) {
        *ret_equal = ops_view_is(value, text);
        return OPS_OK;
    }
    json_t *string = decode_string(value, &status);
    if (string)
        *ret_equal = ops_view_is(ops_view(json_string_value(string), json_string_length(string)), text);
    json_decref(string);
    return status;
}

/* A number that JSON writes with an escape is one that nobody sends. */
enum ops_status ops_aws_number_equals(struct ops_view value, const char *text, bool *ret_equal)
{
    char number[OPS_NUMBER_TEXT_SIZE];
    enum ops_status status = ops_number_text(value, number);
    *ret_equal = status == OPS_OK && strcmp(number, text) == 0;
    return status == OPS_INVALID_FIELD ? OPS_CORRUPT : OPS_OK;
}

/* ---- Rows ---- */

void ops_aws_rows_release(struct ops_aws_rows *rows)
{
    ops_mem_free(rows->values);
    *rows = (struct ops_aws_rows){.values = NULL};
}

void ops_aws_rows_begin(struct ops_aws_rows *rows, const struct ops_aws_shape *shape)
{
    rows->stride = shape->count + (shape->extra ? 2 : 0);
    rows->count = 0;
    rows->more = false;
}

struct ops_view *ops_aws_rows_next(struct ops_aws_rows *rows)
{
    size_t needed = (rows->count + 1) * rows->stride;
    if (needed > rows->capacity) {
        size_t capacity = rows->capacity ? 2 * rows->capacity : VALUES_FIRST;
        struct ops_view *values = ops_mem_resize(rows->values, capacity * sizeof *values);
        if (!values)
            return NULL;
        rows->values = values;
        rows->capacity = capacity;
    }
    struct ops_view *row = rows->values + rows->count * rows->stride;
    for (size_t i = 0; i < rows->stride; i++)
        row[i] = (struct ops_view){NULL, 0};
    return row;
}
