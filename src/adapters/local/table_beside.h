/* What else is in the SQLite file of a table. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_TABLE_BESIDE_H
#define OPS_ADAPTERS_LOCAL_TABLE_BESIDE_H

#include "ports/catalogue.h"

/* As ops_catalogue_list_beside, of a table: all of the file's tables, virtual ones too, but no part of a virtual one. */
enum ops_status local_table_list_beside(const char *data_dir, const struct ops_target_spec *spec,
                                        ops_on_resource_fn on_resource, void *context, struct ops_error *error) OPS_MUST_USE;

#endif
