#include "main/lock.h"

#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 4096 };

static const mode_t private_mode = S_IRUSR | S_IWUSR;

static enum ops_status make_path(const char *data_dir, char path[static PATH_TEXT_MAX], struct ops_error *error)
{
    if (snprintf(path, PATH_TEXT_MAX, "%s/serve.lock", data_dir) >= PATH_TEXT_MAX)
        return ops_fail(error, OPS_USAGE, "The path of the data directory is too long.");
    return OPS_OK;
}

static enum ops_status check(int lock, const char *path, struct ops_error *error)
{
    struct stat info;
    char why[OPS_TRUST_WHY_SIZE] = "it is not a regular file";
    if (fstat(lock, &info) == 0 && S_ISREG(info.st_mode) && ops_trust(&info, ops_trust_place_owner(path), why))
        return OPS_OK;
    return ops_fail(error, OPS_IO_ERROR, "The lock file %s is not believed: %s.", path, why);
}

static enum ops_status refuse_second(int lock, const char *data_dir, struct ops_error *error)
{
    char pid[16] = "";
    ssize_t length = pread(lock, pid, sizeof pid - 1, 0);
    pid[length > 0 ? strcspn(pid, "\n") : 0] = '\0';
    return ops_fail(error, OPS_IO_ERROR, "Another 'g3nops serve' (process %s) is running on the data directory %s.",
                    pid[0] ? pid : "unknown", data_dir);
}

static enum ops_status take(int lock, const char *path, const char *data_dir, struct ops_error *error)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char pid[16];
    if (fcntl(lock, F_SETLK, &whole) != 0)
        return errno == EACCES || errno == EAGAIN
                   ? refuse_second(lock, data_dir, error)
                   : ops_fail(error, OPS_IO_ERROR, "%s can't be locked: %s.", path, strerror(errno));
    int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (fchmod(lock, private_mode) != 0 || ftruncate(lock, 0) != 0 || pwrite(lock, pid, (size_t)length, 0) != length)
        return ops_fail(error, OPS_IO_ERROR, "%s can't be written: %s.", path, strerror(errno));
    return OPS_OK;
}

enum ops_status ops_serve_lock(const char *data_dir, int *ret_lock, struct ops_error *error)
{
    char path[PATH_TEXT_MAX];
    enum ops_status status = make_path(data_dir, path, error);
    if (status != OPS_OK)
        return status;
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, private_mode);
    if (lock < 0)
        return ops_fail(error, OPS_IO_ERROR, "The lock file %s can't be opened: %s.", path, strerror(errno));
    status = check(lock, path, error);
    if (status == OPS_OK)
        status = take(lock, path, data_dir, error);
    if (status == OPS_OK)
        *ret_lock = lock;
    else
        (void)close(lock);
    return status;
}

void ops_serve_unlock(int lock)
{
    (void)close(lock); /* the file stays: to remove it would race with the next holder */
}

enum ops_status ops_serve_lock_holder(const char *data_dir, pid_t *ret_pid, struct ops_error *error)
{
    char path[PATH_TEXT_MAX];
    struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *ret_pid = 0;
    enum ops_status status = make_path(data_dir, path, error);
    if (status != OPS_OK)
        return status;
    int lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (lock < 0 && errno == ENOENT)
        return OPS_OK;
    if (lock < 0)
        return ops_fail(error, OPS_IO_ERROR, "The lock file %s can't be opened: %s.", path, strerror(errno));
    status = check(lock, path, error);
    if (status == OPS_OK && fcntl(lock, F_GETLK, &held) != 0)
        status = ops_fail(error, OPS_IO_ERROR, "Who has locked %s can't be told: %s.", path, strerror(errno));
    else if (status == OPS_OK && held.l_type != F_UNLCK)
        *ret_pid = held.l_pid > 0 ? held.l_pid : -1; /* in a pid namespace that we don't see into */
    (void)close(lock);
    return status;
}
