/* What exists in an account's region, over DynamoDB, S3 and CloudWatch Logs. */
#ifndef OPS_ADAPTERS_AWS_CATALOGUE_H
#define OPS_ADAPTERS_AWS_CATALOGUE_H

#include "adapters/aws/client.h"
#include "ports/catalogue.h"

/* client and clock outlive it. */
enum ops_status ops_aws_catalogue_new(struct ops_aws_client *client, struct ops_clock *clock,
                                      struct ops_catalogue **ret_catalogue) OPS_MUST_USE;

#endif
