/* What a target of the embedded engine is, whatever names it. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_IDENTITY_H
#define OPS_ADAPTERS_LOCAL_IDENTITY_H

#include "ports/catalogue.h"

/* As ops_catalogue_identify. */
enum ops_status local_identify(const char *data_dir, const struct ops_target_spec *spec, struct ops_identity *ret_identity,
                               struct ops_error *error) OPS_MUST_USE;

#endif
