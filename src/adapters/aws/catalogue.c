#include "adapters/aws/catalogue.h"

#include "adapters/aws/stack.h"
#include "base/mem.h"

/* Requests on their way at once, in all of this process: enough to keep the service busy from one host, few enough that a
 * table of ordinary provisioning is not hit by hundreds at the start. Pacing finds what the service really takes. */
static const uint32_t requests_most[OPS_AWS_SERVICE_COUNT] = {
    [OPS_AWS_DYNAMODB] = 64, [OPS_AWS_S3] = 16, [OPS_AWS_LOGS] = 5, [OPS_AWS_LAMBDA] = 1, [OPS_AWS_STS] = 1,
};

static const ops_aws_open_fn openers[OPS_TARGET_KIND_COUNT] = {
    [OPS_TABLE] = ops_aws_table_open,
    [OPS_BUCKET] = ops_aws_bucket_open,
    [OPS_LOG_GROUP] = ops_aws_log_group_open,
};

static const ops_aws_list_fn listers[OPS_TARGET_KIND_COUNT] = {
    [OPS_TABLE] = ops_aws_tables_list,
    [OPS_BUCKET] = ops_aws_buckets_list,
    [OPS_LOG_GROUP] = ops_aws_log_groups_list,
};

struct aws_catalogue {
    struct ops_catalogue base;
    struct ops_aws_stack stack;
    struct ops_aws_identities identities;
};

/* Adds to what is listed what it is. */
struct listing {
    struct ops_aws_identities *identities;
    ops_on_resource_fn on_resource;
    void *context;
};

static enum ops_status on_listed(void *context, const struct ops_resource *resource)
{
    const struct listing *listing = context;
    struct ops_identity identity = {.text = ""};
    struct ops_resource known = *resource;
    if (ops_aws_identify(listing->identities, resource->kind, resource->name, &identity, NULL) == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    known.identity = identity.text;
    return listing->on_resource(listing->context, &known);
}

static enum ops_status aws_list(struct ops_catalogue *self, enum ops_target_kind kind, ops_on_resource_fn on_resource,
                                void *context, struct ops_error *error)
{
    struct aws_catalogue *catalogue = (struct aws_catalogue *)self;
    struct listing listing = {&catalogue->identities, on_resource, context};
    return listers[kind](&catalogue->stack, on_listed, &listing, error);
}

static enum ops_status aws_identify(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                    struct ops_identity *ret_identity, struct ops_error *error)
{
    return ops_aws_identify(&((struct aws_catalogue *)self)->identities, spec->kind, spec->name, ret_identity, error);
}

static enum ops_status aws_where(struct ops_catalogue *self, json_t **ret_place, struct ops_error *error)
{
    return ops_aws_where(&((struct aws_catalogue *)self)->identities, ret_place, error);
}

static enum ops_status aws_open(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    struct aws_catalogue *catalogue = (struct aws_catalogue *)self;
    if (spec->location)
        return ops_fail(error, OPS_TARGET_ERROR, "%s is in an SQLite file, which only the embedded engine reads.",
                        spec->name);
    enum ops_status status = ops_aws_check_name(spec->kind, spec->name, error);
    return status == OPS_OK ? openers[spec->kind](&catalogue->stack, spec, scope, ret_target, error) : status;
}

static void aws_release(struct ops_catalogue *self)
{
    struct aws_catalogue *catalogue = (struct aws_catalogue *)self;
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT; service++)
        ops_aws_pacer_release(&catalogue->stack.pacers[service]);
    ops_aws_identities_release(&catalogue->identities);
    ops_mem_free(catalogue);
}

static const struct ops_catalogue_ops aws_catalogue_ops = {
    .list = aws_list,
    .identify = aws_identify,
    .where = aws_where,
    .open = aws_open,
    .release = aws_release,
};

enum ops_status ops_aws_catalogue_new(struct ops_aws_client *client, struct ops_clock *clock, const struct ops_aws_own *own,
                                      struct ops_catalogue **ret_catalogue)
{
    struct aws_catalogue *catalogue = ops_mem_zeroed(1, sizeof *catalogue);
    if (!catalogue)
        return OPS_NO_MEMORY;
    catalogue->base.ops = &aws_catalogue_ops;
    catalogue->stack.client = client;
    ops_aws_identities_init(&catalogue->identities, client, clock, own);
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT; service++)
        ops_aws_pacer_init(&catalogue->stack.pacers[service], clock, requests_most[service]);
    *ret_catalogue = &catalogue->base;
    return OPS_OK;
}
