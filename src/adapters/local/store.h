/* The record store in one SQLite file, for a single machine: WAL, so that reads don't wait for a writer, and a commit is on
 * the disk before it is reported. Any number of processes may have it open.
 */
#ifndef OPS_ADAPTERS_LOCAL_STORE_H
#define OPS_ADAPTERS_LOCAL_STORE_H

#include "ports/store.h"

/* Opens the store at path, and creates it, for its owner only, if there is none; its directory must exist. Freed with
 * ops_store_release. OPS_STORE_UNAVAILABLE: no such directory, no permission, a full disk, locked by someone, a directory or
 * link at path, another application's database, a newer format. OPS_CORRUPT: not a database, or damaged. OPS_NO_MEMORY. */
enum ops_status ops_local_store_open(const char *path, struct ops_store **ret_store, struct ops_error *error) OPS_MUST_USE;

#endif
