/* What exists in an account's region, over DynamoDB, S3 and CloudWatch Logs. */
#ifndef OPS_ADAPTERS_AWS_CATALOGUE_H
#define OPS_ADAPTERS_AWS_CATALOGUE_H

#include "adapters/aws/identity.h"
#include "ports/catalogue.h"

/* client, clock and the text of own outlive it. */
enum ops_status ops_aws_catalogue_new(struct ops_aws_client *client, struct ops_clock *clock, const struct ops_aws_own *own,
                                      struct ops_catalogue **ret_catalogue) OPS_MUST_USE;

#endif
