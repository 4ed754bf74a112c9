/* Whether there is nothing in a target at all, as far as that can be told at once. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_IDENTITY_EMPTY_H
#define OPS_ADAPTERS_LOCAL_IDENTITY_EMPTY_H

#include "ports/target.h"

#include <sys/stat.h>

/* A table without a record, a directory without anything in it. false where it can't be told: it is locked, or not what it
 * should be. info is path's; table is the SQL table of a table. */
bool local_is_empty(enum ops_target_kind kind, const char *path, const char *table, const struct stat *info);

#endif
