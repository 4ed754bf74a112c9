/* Sessions from the tables of USM and UAS in DynamoDB. */
#ifndef OPS_ADAPTERS_AWS_SESSIONS_H
#define OPS_ADAPTERS_AWS_SESSIONS_H

#include "adapters/aws/client.h"
#include "ports/session.h"

/* client outlives it; the names are copied. users_table may be NULL: then the session alone decides. */
enum ops_status ops_aws_sessions_new(struct ops_aws_client *client, const char *sessions_table, const char *users_table,
                                     struct ops_session_source **ret_source) OPS_MUST_USE;

#endif
