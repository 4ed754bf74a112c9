/* One serve on one data directory: a lock on <data>/serve.lock that the kernel gives back when its holder dies. */
#ifndef OPS_MAIN_LOCK_H
#define OPS_MAIN_LOCK_H

#include "base/error.h"

/* OPS_IO_ERROR: another serve holds it (the sentence has its process id), or the file can't be written. */
enum ops_status ops_serve_lock(const char *data_dir, int *ret_lock, struct ops_error *error) OPS_MUST_USE;
void ops_serve_unlock(int lock);

#endif
