/* Values of keys, and rows of them. Private to this folder.
 *
 * A value is text as it stands in JSON, between its quotes and with its escapes, so that it can be put into a request again
 * as it came. Values are views into the text that was read.
 */
#ifndef OPS_ADAPTERS_AWS_TABLE_VALUES_H
#define OPS_ADAPTERS_AWS_TABLE_VALUES_H

#include "adapters/aws/table_schema.h"

/* Whether text can be the inside of a JSON string. OPS_CORRUPT, OPS_NO_MEMORY. */
enum ops_status ops_aws_value_check(struct ops_view text) OPS_MUST_USE;

/* Whether a value is its own meaning; otherwise it must be decoded, which never makes it longer. */
bool ops_aws_value_is_plain(char type, struct ops_view value);

/* Appends what a value means: text without escapes, or a binary's bytes. OPS_CORRUPT, OPS_NO_MEMORY, OPS_LIMIT. */
enum ops_status ops_aws_value_decode(char type, struct ops_view value, struct ops_buf *buf) OPS_MUST_USE;

/* Whether a number's value is this canonical text (base/number_text.h). OPS_CORRUPT, OPS_NO_MEMORY. */
enum ops_status ops_aws_number_equals(struct ops_view value, const char *text, bool *ret_equal) OPS_MUST_USE;

/* Whether a string's value is this text. OPS_CORRUPT, OPS_NO_MEMORY. */
enum ops_status ops_aws_value_equals(struct ops_view value, const char *text, bool *ret_equal) OPS_MUST_USE;

/* What the items of a text have: the first count columns, each exactly once, and nothing else but for the extra. */
struct ops_aws_shape {
    const struct ops_aws_columns *columns;
    size_t count;
    const char *extra; /* an attribute that may be there too, with a value of any type; NULL: none */
};

/* Of each item its values in the columns' order. With an extra in the shape two more follow: its value when that is a string
 * or a number, else data is NULL; and the name of its type ("S", "N", "SS", ...), with data NULL when the item has no such
 * attribute. Starts zeroed; its memory is used again. */
struct ops_aws_rows {
    struct ops_view *values;
    size_t stride; /* values of one item */
    size_t count;
    bool more; /* after the last item stands the key where the answer ended: something may follow */
    size_t capacity;
};

static inline const struct ops_view *ops_aws_row(const struct ops_aws_rows *rows, size_t index)
{
    return rows->values + index * rows->stride;
}

void ops_aws_rows_release(struct ops_aws_rows *rows);
void ops_aws_rows_begin(struct ops_aws_rows *rows, const struct ops_aws_shape *shape);

/* A row without values for one more item, not counted yet; NULL without memory. */
struct ops_view *ops_aws_rows_next(struct ops_aws_rows *rows);

#endif
