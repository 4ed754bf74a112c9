#include "ports/catalogue.h"

enum ops_status ops_resource_found(ops_on_resource_fn on_resource, void *context, enum ops_target_kind kind,
                                   const char *name)
{
    const struct ops_resource resource = {.kind = kind, .name = name, .identity = ""};
    return on_resource(context, &resource);
}

enum ops_status ops_catalogue_list(struct ops_catalogue *catalogue, enum ops_target_kind kind,
                                   ops_on_resource_fn on_resource, void *context, struct ops_error *error)
{
    return catalogue->ops->list(catalogue, kind, on_resource, context, error);
}

enum ops_status ops_catalogue_list_beside(struct ops_catalogue *catalogue, const struct ops_target_spec *spec,
                                          ops_on_resource_fn on_resource, void *context, struct ops_error *error)
{
    return catalogue->ops->list_beside ? catalogue->ops->list_beside(catalogue, spec, on_resource, context, error) : OPS_OK;
}

enum ops_status ops_catalogue_identify(struct ops_catalogue *catalogue, const struct ops_target_spec *spec,
                                       struct ops_identity *ret_identity, struct ops_error *error)
{
    *ret_identity = (struct ops_identity){.text = ""};
    return catalogue->ops->identify(catalogue, spec, ret_identity, error);
}

enum ops_status ops_catalogue_where(struct ops_catalogue *catalogue, json_t **ret_place, struct ops_error *error)
{
    return catalogue->ops->where(catalogue, ret_place, error);
}

enum ops_status ops_catalogue_open(struct ops_catalogue *catalogue, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    return catalogue->ops->open(catalogue, spec, scope, ret_target, error);
}

void ops_catalogue_end(struct ops_catalogue *catalogue)
{
    atomic_store(&catalogue->ending, true);
}

void ops_catalogue_release(struct ops_catalogue *catalogue)
{
    if (catalogue)
        catalogue->ops->release(catalogue);
}
