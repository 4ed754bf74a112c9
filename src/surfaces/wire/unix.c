#include "surfaces/wire/listen.h"

#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Between finding a dead socket and putting ours in its place another process may do the same, and one would then remove
 * the other's live socket. The directory's lock makes the two take turns; it leaves nothing behind. */
enum { LOCK_TRIES = 100, LOCK_NAP_MS = 20 };

static const mode_t private_mode = S_IRUSR | S_IWUSR;

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

static enum ops_status refuse(struct ops_error *error, const char *path, int reason)
{
    return ops_fail(error, OPS_IO_ERROR, "Can't listen on the unix socket '%s': %s.", path, strerror(reason));
}

static enum ops_status check_path(const char *path, struct ops_error *error)
{
    size_t room = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (!path[0])
        return ops_fail(error, OPS_USAGE, "The path of the unix socket is empty.");
    if (strlen(path) > room)
        return ops_fail(error, OPS_USAGE, "The unix socket's path '%.200s' is %zu bytes long; the system allows %zu.", path,
                        strlen(path), room);
    return OPS_OK;
}

static enum ops_status lock_directory(const char *path, int *ret_fd, struct ops_error *error)
{
    char directory[sizeof((struct sockaddr_un *)0)->sun_path] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refuse(error, path, errno);
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            *ret_fd = fd;
            return OPS_OK;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_NAP_MS * 1000000L}, NULL); /* a short nap is fine too */
    }
    (void)close(fd); /* read only */
    return ops_fail(error, OPS_IO_ERROR, "The directory of the unix socket '%s' is locked by another process.", path);
}

/* 0: nobody listens at address. EISCONN: somebody does. Else why it can't be told. */
static int probe(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int reason = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? EISCONN : errno;
    (void)close(fd);      /* nothing was written to it */
    if (reason == EAGAIN) /* its backlog is full, so it has one */
        return EISCONN;
    return reason == ECONNREFUSED || reason == ENOENT ? 0 : reason;
}

static enum ops_status clear_way(const char *path, struct ops_error *error)
{
    struct stat found;
    char why[OPS_TRUST_WHY_SIZE];
    if (lstat(path, &found) != 0)
        return errno == ENOENT ? OPS_OK : refuse(error, path, errno);
    if (!S_ISSOCK(found.st_mode))
        return ops_fail(error, OPS_IO_ERROR, "'%s' exists and is not a socket; it is left alone.", path);
    if (!ops_trust(&found, ops_trust_place_owner(path), why))
        return ops_fail(error, OPS_IO_ERROR, "The unix socket '%s' exists already, and is left alone: %s.", path, why);
    struct sockaddr_un address = address_of(path);
    int reason = probe(&address);
    if (reason == EISCONN)
        return ops_fail(error, OPS_IO_ERROR, "Can't listen on the unix socket '%s': another process already does.", path);
    if (reason != 0)
        return refuse(error, path, reason);
    return unlink(path) == 0 || errno == ENOENT ? OPS_OK : refuse(error, path, errno);
}

/* On Linux the file takes its mode from the descriptor at bind, so the first fchmod is what keeps it private from its first
 * moment without touching the process's umask. Where a system ignores that, the chmod comes before listen: nobody can
 * have connected yet. */
static bool bind_private(int fd, const char *path, struct stat *ret_file)
{
    struct sockaddr_un address = address_of(path);
    return fchmod(fd, private_mode) == 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
           chmod(path, private_mode) == 0 && listen(fd, OPS_LISTEN_BACKLOG) == 0 && lstat(path, ret_file) == 0;
}

enum ops_status ops_listen_unix(const char *path, struct ops_unix_listener *ret_listener, struct ops_error *error)
{
    int lock = -1;
    int fd = -1;
    struct stat file;
    enum ops_status status = check_path(path, error);
    if (status == OPS_OK)
        status = lock_directory(path, &lock, error);
    if (status == OPS_OK)
        status = clear_way(path, error);
    if (status != OPS_OK)
        goto out;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_private(fd, path, &file)) {
        status = refuse(error, path, errno);
        goto out;
    }
    *ret_listener = (struct ops_unix_listener){.fd = fd, .device = file.st_dev, .inode = file.st_ino};
    memcpy(ret_listener->path, path, strlen(path) + 1);
    fd = -1;
out:
    if (fd >= 0)
        (void)close(fd); /* nothing was written to it */
    if (lock >= 0)
        (void)close(lock); /* which also unlocks */
    return status;
}

void ops_unix_listener_unlink(const struct ops_unix_listener *listener)
{
    struct stat found;
    if (lstat(listener->path, &found) == 0 && found.st_dev == listener->device && found.st_ino == listener->inode)
        (void)unlink(listener->path); /* a file that stays is replaced at the next start */
}
