/* What the files of the DynamoDB side share. */
#ifndef STUB_DYNAMODB_H
#define STUB_DYNAMODB_H

#include "stub/call.h"
#include "stub/expression.h"

/* The table that is named, or NULL: then the call has been refused. */
struct stub_table *stub_table_named(struct stub_call *call, struct ops_view name);
struct stub_table *stub_table_of_input(struct stub_call *call); /* by "TableName" */

/* A key that must be that and nothing more; false: refused. */
bool stub_read_key(struct stub_call *call, const struct stub_table *table, const json_t *key, struct stub_key *ret_key);

/* The key of an item that may be put; false: refused. */
bool stub_read_item(struct stub_call *call, const struct stub_table *table, const json_t *item, struct stub_key *ret_key);

/* Appends "ConsumedCapacity" as a member behind others when input asks for it. */
void stub_append_capacity(struct stub_call *call, const json_t *input, const struct stub_table *table, double units);

void stub_get_item(struct stub_call *call);
void stub_put_item(struct stub_call *call);
void stub_delete_item(struct stub_call *call);
void stub_scan(struct stub_call *call);
void stub_query(struct stub_call *call);
void stub_batch_write(struct stub_call *call);
void stub_batch_get(struct stub_call *call);
void stub_transact_write(struct stub_call *call);
void stub_create_table(struct stub_call *call);
void stub_describe_table(struct stub_call *call);
void stub_list_tables(struct stub_call *call);

#endif
