/* The files that SQLite makes beside a database (its journal, or its write-ahead log with the index), where the database is
 * an application's that runs as another user. Private to this folder.
 *
 * SQLite gives them the database's mode, and its owner and group only where it runs as root (findCreateFileMode and
 * robustFchown in os_unix.c). Made by another user who may write the database through its group, they get that user's own
 * group, and the application can't open its database any more: for as long as we have it open, and after a crash until
 * somebody removes them. So where that would happen they are made beforehand, with the right group, under another name that
 * they are then moved away from: under their own name they are never seen with a wrong one. SQLite takes an empty file for
 * one that it has made itself.
 *
 * A database's file is never opened for any of it: closing it would drop the locks that SQLite has on it in this process.
 * The same goes for the index of a write-ahead log, hence the other name.
 */
#ifndef OPS_ADAPTERS_LOCAL_BESIDE_H
#define OPS_ADAPTERS_LOCAL_BESIDE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

/* After sqlite3_open_v2 and before the first statement, which would make the files of a write-ahead log. False: they would
 * keep the application out of its database, and the reason, a clause, is in trouble. */
bool local_beside_prepare(sqlite3 *db, const char *file, char *trouble, size_t size);

/* The same for the journal, in a transaction that writes and has not written: nobody else makes or removes one then. */
bool local_beside_prepare_journal(const char *file, char *trouble, size_t size);

/* Whether the files can't be made such that the application may use them, as far as can be told without making any. */
bool local_beside_shuts_out(const char *file, char *trouble, size_t size);

#endif
