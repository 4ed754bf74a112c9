/* One serve on one data directory: a lock on <data>/serve.lock that the kernel gives back when its holder dies.
 *
 * It is a record lock (fcntl(2), F_SETLK) and not flock(2), since of that one the kernel tells who holds it: what proves
 * that the process that serve.json names is alive, and is the one that wrote it. Such a lock goes when its process closes
 * any descriptor of the file, so nothing but this opens serve.lock.
 */
#ifndef OPS_MAIN_LOCK_H
#define OPS_MAIN_LOCK_H

#include "base/error.h"

#include <sys/types.h>

/* OPS_IO_ERROR: another serve holds it (the sentence has its process id), the file can't be written, or is not believed
 * (base/trust.h). */
enum ops_status ops_serve_lock(const char *data_dir, int *ret_lock, struct ops_error *error) OPS_MUST_USE;
void ops_serve_unlock(int lock);

/* Which process holds the lock; 0: none; -1: one that we can not see. Not for the holder itself. OPS_IO_ERROR: it can't be
 * told, or the file is not believed. */
enum ops_status ops_serve_lock_holder(const char *data_dir, pid_t *ret_pid, struct ops_error *error) OPS_MUST_USE;

#endif
