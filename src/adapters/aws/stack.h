/* The stack's tables, buckets and log groups, as this account in this region has them. Private to this folder. */
#ifndef OPS_ADAPTERS_AWS_STACK_H
#define OPS_ADAPTERS_AWS_STACK_H

#include "adapters/aws/client.h"
#include "adapters/aws/pacer.h"
#include "ports/catalogue.h"

/* What a target works with; outlives it. */
struct ops_aws_stack {
    struct ops_aws_client *client;
    struct ops_aws_pacer pacers[OPS_AWS_SERVICE_COUNT]; /* those of DynamoDB, S3 and CloudWatch Logs are in use */
};

typedef enum ops_status (*ops_aws_open_fn)(struct ops_aws_stack *stack, const struct ops_target_spec *spec,
                                           const struct ops_scope *scope, struct ops_target **ret_target,
                                           struct ops_error *error);
typedef enum ops_status (*ops_aws_list_fn)(struct ops_aws_stack *stack, ops_on_resource_fn on_resource, void *context,
                                           struct ops_error *error);

/* As ops_catalogue_open and ops_catalogue_list, each for its own kind. */
enum ops_status ops_aws_table_open(struct ops_aws_stack *stack, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error);
enum ops_status ops_aws_bucket_open(struct ops_aws_stack *stack, const struct ops_target_spec *spec,
                                    const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error);
enum ops_status ops_aws_log_group_open(struct ops_aws_stack *stack, const struct ops_target_spec *spec,
                                       const struct ops_scope *scope, struct ops_target **ret_target,
                                       struct ops_error *error);
enum ops_status ops_aws_tables_list(struct ops_aws_stack *stack, ops_on_resource_fn on_resource, void *context,
                                    struct ops_error *error);
enum ops_status ops_aws_buckets_list(struct ops_aws_stack *stack, ops_on_resource_fn on_resource, void *context,
                                     struct ops_error *error);
enum ops_status ops_aws_log_groups_list(struct ops_aws_stack *stack, ops_on_resource_fn on_resource, void *context,
                                        struct ops_error *error);

#endif
