/* Which items a page of a table held, small enough for a task's record: the columns of the table's key with their types, and
 * then each item's values.
 *
 *     Spk,Nsk;carol,17;carol,18;dave,3;
 *
 * A value is as it stands in JSON; a comma or a semicolon in it is written as JSON's escape, so that they only separate.
 * There are no quotes in it: the record, a JSON text too, would have two bytes for each.
 */
#ifndef OPS_ADAPTERS_AWS_TABLE_RECEIPT_H
#define OPS_ADAPTERS_AWS_TABLE_RECEIPT_H

#include "adapters/aws/table_values.h"

void ops_aws_receipt_begin(const struct ops_aws_columns *columns, struct ops_buf *buf);
void ops_aws_receipt_add(const struct ops_aws_columns *columns, const struct ops_view *values, struct ops_buf *buf);

/* What these two append at most. */
size_t ops_aws_receipt_begin_length(const struct ops_aws_columns *columns);
size_t ops_aws_receipt_add_length(const struct ops_aws_columns *columns, const struct ops_view *values);

/* The rows have the key's columns; their values are views into receipt. OPS_CORRUPT: it is no receipt, or one of a table
 * with another key; OPS_NO_MEMORY. On failure what *ret_rows holds says nothing. */
enum ops_status ops_aws_receipt_read(const struct ops_aws_columns *columns, struct ops_view receipt,
                                     struct ops_aws_rows *ret_rows) OPS_MUST_USE;

#endif
