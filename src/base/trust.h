/* Whose files are believed. In a place of ours (the data directory, and what is below it) that is whoever could have written
 * them for us: the effective user, root, and the owner of the place itself. A link is believed nobody's: what it leads to
 * may be another file tomorrow.
 */
#ifndef OPS_BASE_TRUST_H
#define OPS_BASE_TRUST_H

#include <stdbool.h>
#include <sys/stat.h>

enum { OPS_TRUST_WHY_SIZE = 64 };

bool ops_trust_owner(uid_t owner, uid_t place_owner);

/* Whether a thing, as lstat or fstat tells of it, is believed; else ret_why gets a clause, "it belongs to another user (uid
 * 65534)". */
bool ops_trust(const struct stat *thing, uid_t place_owner, char ret_why[static OPS_TRUST_WHY_SIZE]);

/* The owner of the directory that path is in; the effective user's id where that can't be told. */
uid_t ops_trust_place_owner(const char *path);

#endif
