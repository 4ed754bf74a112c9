/* Sessions from the tables of USM and UAS in DynamoDB: the items of the embedded engine's tables (see
 * adapters/local/sessions.h), each member of a body an attribute.
 *
 * What a table's key is called, DescribeTable tells. In a table that has a partition key alone, it is the session's guid, or
 * the user's id; in one with a sort key, pk is "SESSION#<guid>" and sk "SESSION", or "USER#<user_id>" and "USER".
 *
 * Permissions: dynamodb:DescribeTable and dynamodb:GetItem.
 */
#ifndef OPS_ADAPTERS_AWS_SESSIONS_H
#define OPS_ADAPTERS_AWS_SESSIONS_H

#include "adapters/aws/client.h"
#include "ports/session.h"

/* client outlives it; the names are copied. */
enum ops_status ops_aws_sessions_new(struct ops_aws_client *client, const char *sessions_table, const char *users_table,
                                     struct ops_session_source **ret_source) OPS_MUST_USE;

#endif
