/* What stands in the way of a removal, beforehand and afterwards, in the same words. Private to this folder.
 *
 * A name is removed from its directory: the directory's rights and attributes count, and of the thing itself only its
 * attributes, and its owner where the directory is sticky (may_delete in Linux's fs/namei.c). What a security module, a
 * server or a quota would say can't be told beforehand.
 */
#ifndef OPS_ADAPTERS_LOCAL_RIGHTS_H
#define OPS_ADAPTERS_LOCAL_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Of a directory. */
struct local_rights {
    const char *refusal; /* why nothing can be removed from it, or NULL; static, as all of these texts */
    bool sticky;         /* only what is ours can be */
};

/* place is what local_look tells of the directory. */
void local_rights_read(int directory_fd, const struct statx *place, struct local_rights *ret_rights);

/* Why the system would refuse to remove what is at place from the directory, as far as it tells; NULL: it would not. */
const char *local_rights_refusal(const struct local_rights *rights, const struct statx *place);

/* Why it did refuse, with errno, to remove name from the directory. */
const char *local_rights_explain(int directory_fd, const char *name, int number);

#define LOCAL_NO_RIGHT "no right to remove it from its directory"
#define LOCAL_READ_ONLY "it is on a file system that is mounted read-only"

#endif
