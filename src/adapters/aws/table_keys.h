/* The keys of items in DynamoDB's answers and in our own cursors: read by jsmn, looked at one by one, and copied only when
 * they are taken. What is not exactly a key of the table is no key: it must never become a delete of something else. Private
 * to this folder.
 */
#ifndef OPS_ADAPTERS_AWS_TABLE_KEYS_H
#define OPS_ADAPTERS_AWS_TABLE_KEYS_H

#include "adapters/aws/table_values.h"

/* Memory for tokens, used again from one text to the next. Starts zeroed. */
struct ops_aws_reader {
    void *tokens;
    unsigned capacity;
};

void ops_aws_reader_release(struct ops_aws_reader *reader);

/* Statuses of reading: OPS_CORRUPT, it is not what it should be; OPS_LIMIT, there is too much of it; OPS_NO_MEMORY. On
 * failure what *ret_items holds says nothing. */

/* An answer to Scan or Query. */
enum ops_status ops_aws_read_page(struct ops_aws_reader *reader, struct ops_view answer, const struct ops_aws_shape *shape,
                                  struct ops_aws_rows *ret_items) OPS_MUST_USE;

/* An answer to BatchGetItem for one table. *ret_unprocessed: its UnprocessedKeys, empty when there are none. */
enum ops_status ops_aws_read_found(struct ops_aws_reader *reader, struct ops_view answer, const char *table,
                                   const struct ops_aws_shape *shape, struct ops_aws_rows *ret_items,
                                   struct ops_view *ret_unprocessed) OPS_MUST_USE;

/* An array of count places. For each there is an item; that of a place which is no key has no values (data NULL), and
 * ret_finished says of each place whether it is false, not null. */
enum ops_status ops_aws_read_cursor(struct ops_aws_reader *reader, struct ops_view cursor, const struct ops_aws_shape *shape,
                                    size_t count, struct ops_aws_rows *ret_items, bool *ret_finished) OPS_MUST_USE;

/* The JSON text of the key made of the first count columns. */
size_t ops_aws_key_length(const struct ops_aws_columns *columns, size_t count, const struct ops_view *values);
void ops_aws_key_append(const struct ops_aws_columns *columns, size_t count, const struct ops_view *values,
                        struct ops_buf *buf);

#endif
