/* Files in a bucket or log group that are no record of it, whatever they are called there: those of tables, and g3nops's
 * own. Private to this folder.
 *
 * They are known by device and inode. What SQLite makes beside a database comes and goes with every transaction, so it is
 * known by its name too: whatever is called like a database's file and ends as a journal or write-ahead log does.
 */
#ifndef OPS_ADAPTERS_LOCAL_KEPT_H
#define OPS_ADAPTERS_LOCAL_KEPT_H

#include "adapters/local/mounts.h"
#include "ports/target.h"

#include <sys/stat.h>

/* Whose file it is. */
struct local_kept_owner {
    char *path;   /* of the table's file, as the manifest has it */
    char *reason; /* a clause */
};

struct local_kept_file {
    dev_t device;
    ino_t inode;
    const char *reason; /* the owner's, or static */
};

/* Zeroed, but for data_dir: no tables but those that are where the engine keeps its own. */
struct local_kept {
    const char *data_dir; /* borrowed */
    struct local_kept_owner *owners;
    size_t owner_count;
    struct local_mounts mounts;
    struct local_kept_file *files; /* as they were at the last look, by device and inode */
    size_t count, capacity;
};

enum local_kept_as {
    LOCAL_NOT_KEPT,
    LOCAL_KEPT,        /* it stays, and counts as protected */
    LOCAL_KEPT_BESIDE, /* it belongs to a file that stays, and is nothing by itself */
};

/* Takes the place of the tables before; without memory, or when nobody can tell what is mounted where, they stay. */
enum ops_status local_kept_tell(struct local_kept *kept, const struct ops_target_spec *tables, size_t count,
                                struct ops_error *error) OPS_MUST_USE;

/* Looks where the files are now. OPS_NO_MEMORY. */
enum ops_status local_kept_look(struct local_kept *kept) OPS_MUST_USE;

/* What the file name in the directory fd is, at the last look; place is what local_look says of it. ret_reason, which may be
 * NULL, is set where it is one that stays: a clause, until local_kept_tell or the release. */
enum local_kept_as local_kept_as(const struct local_kept *kept, int fd, const char *name, const struct statx *place,
                                 const char **ret_reason);

void local_kept_release(struct local_kept *kept);

#endif
