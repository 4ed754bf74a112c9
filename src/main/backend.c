#include "main/backend.h"

enum ops_status ops_backend_open(const struct ops_place *place, struct ops_backend **ret_backend, struct ops_error *error)
{
    return place->aws ? ops_aws_backend_new(place, ret_backend, error) : ops_local_backend_new(place->data_dir, ret_backend);
}

void ops_backend_whereabouts(struct ops_backend *backend, bool ask, struct ops_whereabouts *ret_whereabouts)
{
    *ret_whereabouts = (struct ops_whereabouts){.account = ""};
    if (backend->ops->whereabouts)
        backend->ops->whereabouts(backend, ask, ret_whereabouts);
}
