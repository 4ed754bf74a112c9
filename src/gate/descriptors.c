/*
 * Linux counts the users of an open file at each system call on it, by two atomic operations, as long as two threads share
 * the table of descriptors; alone a thread need not. A gate's thread that shared would make each read and write of a server
 * with a single thread some tens of nanoseconds dearer, for one question in five seconds. So it has a table to itself
 * (close_range(2), CLOSE_RANGE_UNSHARE; Linux 5.9).
 */
#include "gate/gate.h"

#include <fcntl.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* No connection gets the number of a standard stream, where whatever a library prints would go into it. There may be no
 * /dev; what is opened for its path alone takes no output either. */
static void fill_standard_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
        fd = fd >= 0 ? fd : open("/", O_PATH);
    } while (fd >= 0 && fd < STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

bool ops_gate_descriptors_part(void)
{
    if (close_range(0, ~0U, CLOSE_RANGE_UNSHARE) != 0)
        return false;
    fill_standard_streams();
    return true;
}

void ops_gate_descriptors_borrow_stderr(void)
{
    int process = pidfd_open(getpid(), 0);
    if (process < 0)
        return;
    int fd = pidfd_getfd(process, STDERR_FILENO, 0);
    if (fd >= 0) {
        (void)dup2(fd, STDERR_FILENO);
        (void)close(fd);
    }
    (void)close(process);
}

void ops_gate_descriptors_return_stderr(void)
{
    (void)dup2(STDIN_FILENO, STDERR_FILENO);
}
