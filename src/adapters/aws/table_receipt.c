#include "adapters/aws/table_receipt.h"

#define VALUE_END ','
#define ROW_END ';'

enum { HEAD_MAX_BYTES = OPS_AWS_TABLE_TEXT_MAX_BYTES, ESCAPE_BYTES = sizeof "\\u002c" - 1 };

static bool separates(char c)
{
    return c == VALUE_END || c == ROW_END;
}

static void append_value(struct ops_buf *buf, struct ops_view value, char end)
{
    size_t from = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (!separates(value.data[i]))
            continue;
        ops_buf_append(buf, value.data + from, i - from);
        ops_buf_append_format(buf, "\\u%04x", (unsigned)value.data[i]);
        from = i + 1;
    }
    ops_buf_append(buf, value.data + from, value.length - from);
    ops_buf_append_char(buf, end);
}

/* With its separator. */
static size_t value_length(struct ops_view value)
{
    size_t length = value.length + 1;
    for (size_t i = 0; i < value.length; i++)
        length += separates(value.data[i]) ? ESCAPE_BYTES - 1 : 0;
    return length;
}

static char end_of(const struct ops_aws_columns *columns, size_t column)
{
    return column + 1 < columns->key_count ? VALUE_END : ROW_END;
}

void ops_aws_receipt_begin(const struct ops_aws_columns *columns, struct ops_buf *buf)
{
    for (size_t i = 0; i < columns->key_count; i++) {
        ops_buf_append_char(buf, columns->list[i].type);
        append_value(buf, ops_view_of(columns->list[i].name), end_of(columns, i));
    }
}

void ops_aws_receipt_add(const struct ops_aws_columns *columns, const struct ops_view *values, struct ops_buf *buf)
{
    for (size_t i = 0; i < columns->key_count; i++)
        append_value(buf, values[i], end_of(columns, i));
}

size_t ops_aws_receipt_begin_length(const struct ops_aws_columns *columns)
{
    size_t length = 0;
    for (size_t i = 0; i < columns->key_count; i++)
        length += 1 + value_length(ops_view_of(columns->list[i].name));
    return length;
}

size_t ops_aws_receipt_add_length(const struct ops_aws_columns *columns, const struct ops_view *values)
{
    size_t length = 0;
    for (size_t i = 0; i < columns->key_count; i++)
        length += value_length(values[i]);
    return length;
}

/* ---- Reading ---- */

/* Takes from *rest what stands before the next such end, and the end. False: there is none. */
static bool take_value(struct ops_view *rest, char end, struct ops_view *ret_value)
{
    for (size_t i = 0; i < rest->length; i++) {
        if (!separates(rest->data[i]))
            continue;
        *ret_value = ops_view(rest->data, i);
        bool right = rest->data[i] == end;
        *rest = ops_view(rest->data + i + 1, rest->length - i - 1);
        return right;
    }
    return false;
}

static enum ops_status take_head(const struct ops_aws_columns *columns, struct ops_view *rest)
{
    struct ops_buf head;
    ops_buf_init(&head, HEAD_MAX_BYTES);
    ops_aws_receipt_begin(columns, &head);
    enum ops_status status = ops_buf_status(&head);
    if (status == OPS_OK && (rest->length < head.length || memcmp(rest->data, head.data, head.length) != 0))
        status = OPS_CORRUPT;
    if (status == OPS_OK)
        *rest = ops_view(rest->data + head.length, rest->length - head.length);
    ops_buf_release(&head);
    return status;
}

static enum ops_status take_row(const struct ops_aws_columns *columns, struct ops_view *rest, struct ops_aws_rows *rows)
{
    struct ops_view *row = ops_aws_rows_next(rows);
    enum ops_status status = row ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; i < columns->key_count && status == OPS_OK; i++)
        status = take_value(rest, end_of(columns, i), &row[i]) ? ops_aws_value_check(row[i]) : OPS_CORRUPT;
    rows->count += status == OPS_OK;
    return status;
}

enum ops_status ops_aws_receipt_read(const struct ops_aws_columns *columns, struct ops_view receipt,
                                     struct ops_aws_rows *ret_rows)
{
    const struct ops_aws_shape shape = {.columns = columns, .count = columns->key_count};
    ops_aws_rows_begin(ret_rows, &shape);
    enum ops_status status = take_head(columns, &receipt);
    while (status == OPS_OK && receipt.length > 0)
        status = take_row(columns, &receipt, ret_rows);
    return status;
}
