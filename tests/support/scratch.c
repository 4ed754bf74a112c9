#include "support/scratch.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void give_up(const char *path)
{
    perror(path);
    abort();
}

void scratch_make(char ret_path[static SCRATCH_SIZE])
{
    const char *base = getenv("TMPDIR");
    int length = snprintf(ret_path, SCRATCH_SIZE, "%s/g3nops-test-XXXXXX", base && base[0] ? base : "/tmp");
    if (length >= SCRATCH_SIZE || !mkdtemp(ret_path))
        give_up(ret_path);
}

static int remove_entry(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)found;
    (void)type;
    (void)place;
    return remove(path);
}

void scratch_remove(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror(path);
}

const char *scratch_path(const char *directory, const char *name)
{
    enum { KEPT = 4 };
    static _Thread_local char paths[KEPT][PATH_MAX];
    static _Thread_local unsigned next;
    char *path = paths[next++ % KEPT];
    if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
        give_up(directory);
    return path;
}

void scratch_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        give_up(path);
}
