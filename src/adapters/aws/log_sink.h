/* The audit trail's log group in CloudWatch Logs. */
#ifndef OPS_ADAPTERS_AWS_LOG_SINK_H
#define OPS_ADAPTERS_AWS_LOG_SINK_H

#include "adapters/aws/client.h"
#include "ports/log_sink.h"

#define OPS_AWS_AUDIT_STREAM "g3nops"

/* client and clock outlive it; the names are copied. The stream is made at the first append when it is missing; the group is
 * not. */
enum ops_status ops_aws_log_sink_new(struct ops_aws_client *client, struct ops_clock *clock, const char *group,
                                     const char *stream, struct ops_log_sink **ret_sink) OPS_MUST_USE;

#endif
