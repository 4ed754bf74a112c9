#include "main/open_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { OPEN_FILES_WANTED = 16384 };

void ops_raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= OPEN_FILES_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < OPEN_FILES_WANTED ? limit.rlim_max : OPEN_FILES_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void ops_fill_standard_files(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY); /* what is written to it fails, as it would have without it */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd); /* nothing was written to it */
}
