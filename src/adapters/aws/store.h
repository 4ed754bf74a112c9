/* The record store over a DynamoDB table.
 *
 * Permissions: dynamodb:GetItem, Query, PutItem, DeleteItem and ConditionCheckItem on the table.
 */
#ifndef OPS_ADAPTERS_AWS_STORE_H
#define OPS_ADAPTERS_AWS_STORE_H

#include "adapters/aws/client.h"
#include "ports/store.h"

/* client outlives it; table is copied. Does not look whether the table exists: each call says so when it doesn't. */
enum ops_status ops_aws_store_new(struct ops_aws_client *client, const char *table,
                                  struct ops_store **ret_store) OPS_MUST_USE;

#endif
