/* A SQLite table as a vacuum's target. Private to this folder.
 *
 * Pages are read in the order of the rowid, in which a table lies on the disk: SQLite gives a new row a rowid above all
 * others, so what was there before and stays keeps its place. A table without rowids is read in the order of its key's
 * bytes.
 *
 * A batch is one transaction, so it happens or does not. Where SQLite's data_version proves that nobody else has committed
 * since the page was read, neighbours of the page go in one range delete: the range then holds nothing but them. In every
 * other case each record is deleted by its key, and only while it is still in scope.
 *
 * Foreign keys are not enforced on this connection, so no ON DELETE action reaches another table, and triggers don't run. A
 * table with a trigger on delete is refused, unless all that it does is to keep a full-text index that is to be made anew.
 *
 * The file must be the one that was opened, and have one name, whenever something is changed in it.
 */
#ifndef OPS_ADAPTERS_LOCAL_TABLE_H
#define OPS_ADAPTERS_LOCAL_TABLE_H

#include "ports/target.h"

#include <stdatomic.h>

/* Both borrowed; ending for the target's life: once it is true, what is under way ends soon. */
struct local_table_home {
    const char *data_dir;
    const atomic_bool *ending;
};

enum ops_status local_table_open(const struct local_table_home *home, const struct ops_target_spec *spec,
                                 const struct ops_scope *scope, struct ops_target **ret_target,
                                 struct ops_error *error) OPS_MUST_USE;

#endif
