#include "main/open_files.h"

#include <sys/resource.h>

enum { OPEN_FILES_WANTED = 16384 };

void ops_raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= OPEN_FILES_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < OPEN_FILES_WANTED ? limit.rlim_max : OPEN_FILES_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}
