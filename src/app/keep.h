/* Tells a target which tables the manifest names, so that the file of one is no object or stream of it. */
#ifndef OPS_APP_KEEP_H
#define OPS_APP_KEEP_H

#include "core/manifest.h"

/* As ops_target_keep, of every table of the manifest, whatever is done with it: one that is vacuumed is so by its records.
 */
enum ops_status ops_keep_tables(const struct ops_manifest *manifest, struct ops_target *target,
                                struct ops_error *error) OPS_MUST_USE;

#endif
