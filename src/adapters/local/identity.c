#include "adapters/local/identity.h"

enum ops_status local_identify(const char *data_dir, const struct ops_target_spec *spec, struct ops_identity *ret_identity,
                               struct ops_error *error)
{
    (void)data_dir;
    (void)spec;
    (void)ret_identity;
    (void)error;
    return OPS_OK;
}
