#include "base/trust.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool ops_trust_owner(uid_t owner, uid_t place_owner)
{
    return owner == geteuid() || owner == 0 || owner == place_owner;
}

bool ops_trust(const struct stat *thing, uid_t place_owner, char ret_why[static OPS_TRUST_WHY_SIZE])
{
    if (S_ISLNK(thing->st_mode))
        (void)snprintf(ret_why, OPS_TRUST_WHY_SIZE, "it is a symbolic link, and links are not followed");
    else if (!ops_trust_owner(thing->st_uid, place_owner))
        (void)snprintf(ret_why, OPS_TRUST_WHY_SIZE, "it belongs to another user (uid %lld)", (long long)thing->st_uid);
    else
        return true;
    return false;
}

uid_t ops_trust_place_owner(const char *path)
{
    char directory[PATH_MAX] = ".";
    struct stat info;
    const char *slash = strrchr(path, '/');
    size_t length = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (length >= sizeof directory)
        return geteuid();
    if (slash) {
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
    return stat(directory, &info) == 0 ? info.st_uid : geteuid();
}
