/* Makes what OPS itself needs in an account: its table and the audit log group. Changes nothing that exists.
 *
 * Permissions: dynamodb:DescribeTable, CreateTable, DescribeContinuousBackups, UpdateContinuousBackups;
 * logs:DescribeLogGroups, CreateLogGroup, CreateLogStream.
 */
#ifndef OPS_ADAPTERS_AWS_BOOTSTRAP_H
#define OPS_ADAPTERS_AWS_BOOTSTRAP_H

#include "adapters/aws/client.h"

#include <jansson.h>

/* Appends to *ret_report (array, the caller's) one object for each thing: {"kind": "table"|"log_group"|"log_stream"|...,
 * "name", "action": "created"|"exists", "warning"?}. The table gets the keys pk and sk, on-demand capacity, deletion
 * protection and point-in-time recovery; the log group gets no retention, so that audit records stay for good. A thing that
 * exists in another shape (other keys, a retention) is left as it is and gets a warning; other keys are OPS_TARGET_ERROR.
 * What was done before a failure is in the report. */
enum ops_status ops_aws_bootstrap(struct ops_aws_client *client, const char *table, const char *log_group,
                                  const char *log_stream, json_t **ret_report, struct ops_error *error) OPS_MUST_USE;

/* Appends the CloudFormation template (YAML) that makes the same things. */
void ops_aws_bootstrap_template(const char *table, const char *log_group, const char *log_stream, struct ops_buf *buf);

#endif
