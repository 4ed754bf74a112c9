/* The links in the stack's own directories that lead to a thing: each is another of its names. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_IDENTITY_LINKS_H
#define OPS_ADAPTERS_LOCAL_IDENTITY_LINKS_H

#include "base/view.h"
#include "ports/target.h"

/* key: what the thing is below that name, or "". Borrowed for the call. */
typedef enum ops_status (*local_on_link_fn)(void *context, enum ops_target_kind kind, struct ops_view name,
                                            struct ops_view key);

/* Calls on_link for every link in the places of tables, buckets and log groups below data_path that leads to path, or to a
 * directory that path lies in. Both paths are without links. kind is the thing's: the log
 * groups' tree, which has every stream in it, is gone through for log groups only. Stops at on_link's first failure. OPS_TARGET_ERROR: such a place
 * can't be read, and then nobody can tell. */
enum ops_status local_identity_links(const char *data_path, enum ops_target_kind kind, const char *path,
                                     local_on_link_fn on_link, void *context, struct ops_error *error) OPS_MUST_USE;

#endif
