#include "main/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 4096 };

static enum ops_status refuse_second(int lock, const char *data_dir, struct ops_error *error)
{
    char pid[16] = "";
    ssize_t length = pread(lock, pid, sizeof pid - 1, 0);
    pid[length > 0 ? strcspn(pid, "\n") : 0] = '\0';
    return ops_fail(error, OPS_IO_ERROR, "Another 'g3nops serve' (process %s) is running on the data directory %s.",
                    pid[0] ? pid : "unknown", data_dir);
}

enum ops_status ops_serve_lock(const char *data_dir, int *ret_lock, struct ops_error *error)
{
    char path[PATH_TEXT_MAX], pid[16];
    if (snprintf(path, sizeof path, "%s/serve.lock", data_dir) >= (int)sizeof path)
        return ops_fail(error, OPS_USAGE, "The path of the data directory is too long.");
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return ops_fail(error, OPS_IO_ERROR, "The lock file %s can't be opened: %s.", path, strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        enum ops_status status = errno == EWOULDBLOCK
                                     ? refuse_second(lock, data_dir, error)
                                     : ops_fail(error, OPS_IO_ERROR, "%s can't be locked: %s.", path, strerror(errno));
        (void)close(lock);
        return status;
    }
    int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(lock, 0) != 0 || pwrite(lock, pid, (size_t)length, 0) != length) {
        enum ops_status status = ops_fail(error, OPS_IO_ERROR, "%s can't be written: %s.", path, strerror(errno));
        (void)close(lock);
        return status;
    }
    *ret_lock = lock;
    return OPS_OK;
}

void ops_serve_unlock(int lock)
{
    (void)close(lock); /* the file stays: to remove it would race with the next holder */
}
