/* What a target of the embedded engine is, whatever names it. Private to this folder.
 *
 * A file or directory is known by device and inode, and a place in a file system by the path within that file system: links
 * and dots are resolved, and of a directory that is mounted in several places each path counts. Whatever such a path says a
 * thing is (a key of a bucket, another table, a protected name) is an alias.
 */
#ifndef OPS_ADAPTERS_LOCAL_IDENTITY_H
#define OPS_ADAPTERS_LOCAL_IDENTITY_H

#include "ports/catalogue.h"

#include <sys/stat.h>

/* As ops_catalogue_identify. */
enum ops_status local_identify(const char *data_dir, const struct ops_target_spec *spec, struct ops_identity *ret_identity,
                               struct ops_error *error) OPS_MUST_USE;

/* ops_identity.text of a file or directory; table is a SQL table's name, or NULL. */
enum ops_status local_identity_text(const struct stat *info, const char *table,
                                    char ret_text[static OPS_IDENTITY_SIZE]) OPS_MUST_USE;

/* The names of g3nops's own files in the data directory, up to a NULL. */
extern const char *const local_own_files[];

/* Where the audit trail is delivered to, below the data directory. */
#define LOCAL_AUDIT_DIRECTORY "stack/log_groups/g3nretailstack/ops/maintenance-audit"

#endif
