/* The keys of items, in DynamoDB's answers and in our own cursors and receipts: read by jsmn, looked at one by one, and
 * copied only when they are taken. What is not exactly a key of the table is no key: it must never become a delete of
 * something else. Private to this folder.
 *
 * A value is text as it stands in the JSON, between its quotes and with its escapes, so that it can be put into a request
 * again as it came. Values are views into the text that was read.
 */
#ifndef OPS_ADAPTERS_AWS_TABLE_KEYS_H
#define OPS_ADAPTERS_AWS_TABLE_KEYS_H

#include "adapters/aws/table_schema.h"

/* Memory for tokens, used again from one text to the next. Starts zeroed. */
struct ops_aws_reader {
    void *tokens;
    unsigned capacity;
};

void ops_aws_reader_release(struct ops_aws_reader *reader);

/* What the items of a text have: the first count columns, each exactly once, and nothing else but for the extra. */
struct ops_aws_shape {
    const struct ops_aws_columns *columns;
    size_t count;
    const char *extra; /* an attribute that may be there too, with a value of any type; NULL: none */
};

/* Of each item its values in the columns' order. With an extra in the shape one more follows: the extra's when it is a
 * string, else data is NULL. Starts zeroed; its memory is used again. */
struct ops_aws_rows {
    struct ops_view *values;
    size_t stride; /* values of one item */
    size_t count;
    bool more; /* after the last item stands the key where the answer ended: something may follow */
    size_t capacity;
};

static inline const struct ops_view *ops_aws_row(const struct ops_aws_rows *items, size_t index)
{
    return items->values + index * items->stride;
}

void ops_aws_rows_release(struct ops_aws_rows *items);

/* Statuses of reading: OPS_CORRUPT, it is not what it should be; OPS_LIMIT, there is too much of it; OPS_NO_MEMORY. On
 * failure what *ret_items holds says nothing. */

/* An answer to Scan or Query. */
enum ops_status ops_aws_read_page(struct ops_aws_reader *reader, struct ops_view answer, const struct ops_aws_shape *shape,
                                  struct ops_aws_rows *ret_items) OPS_MUST_USE;

/* An answer to BatchGetItem for one table. *ret_unprocessed: its UnprocessedKeys, empty when there are none. */
enum ops_status ops_aws_read_found(struct ops_aws_reader *reader, struct ops_view answer, const char *table,
                                   const struct ops_aws_shape *shape, struct ops_aws_rows *ret_items,
                                   struct ops_view *ret_unprocessed) OPS_MUST_USE;

/* An array of keys. */
enum ops_status ops_aws_read_receipt(struct ops_aws_reader *reader, struct ops_view receipt,
                                     const struct ops_aws_shape *shape, struct ops_aws_rows *ret_items) OPS_MUST_USE;

/* An array of count places. For each there is an item; that of a place which is no key has no values (data NULL), and
 * ret_finished says of each place whether it is false, not null. */
enum ops_status ops_aws_read_cursor(struct ops_aws_reader *reader, struct ops_view cursor, const struct ops_aws_shape *shape,
                                    size_t count, struct ops_aws_rows *ret_items, bool *ret_finished) OPS_MUST_USE;

/* The JSON text of the key made of the first count columns. */
size_t ops_aws_key_length(const struct ops_aws_columns *columns, size_t count, const struct ops_view *values);
void ops_aws_key_append(const struct ops_aws_columns *columns, size_t count, const struct ops_view *values,
                        struct ops_buf *buf);

/* Whether a value is its own meaning; otherwise it must be decoded, which never makes it longer. */
bool ops_aws_value_is_plain(char type, struct ops_view value);

/* Appends what a value means: text without escapes, or a binary's bytes. OPS_CORRUPT, OPS_NO_MEMORY, OPS_LIMIT. */
enum ops_status ops_aws_value_decode(char type, struct ops_view value, struct ops_buf *buf) OPS_MUST_USE;

/* Whether a string's value is this text. OPS_CORRUPT, OPS_NO_MEMORY. */
enum ops_status ops_aws_value_equals(struct ops_view value, const char *text, bool *ret_equal) OPS_MUST_USE;

#endif
