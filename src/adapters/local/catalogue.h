/* The embedded engine's stack: SQLite files as tables, directories as buckets and log groups (CONTRACT section 5). */
#ifndef OPS_ADAPTERS_LOCAL_CATALOGUE_H
#define OPS_ADAPTERS_LOCAL_CATALOGUE_H

#include "ports/catalogue.h"

/* data_dir is copied; neither it nor anything in it need exist yet. OPS_NO_MEMORY. */
enum ops_status ops_local_catalogue_new(const char *data_dir, struct ops_catalogue **ret_catalogue,
                                        struct ops_error *error) OPS_MUST_USE;

#endif
