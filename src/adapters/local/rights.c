#include "adapters/local/rights.h"

#include "adapters/local/place.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIRECTORY_IMMUTABLE "its directory is immutable (chattr +i)"
#define DIRECTORY_APPEND_ONLY "its directory is append-only (chattr +a)"
#define IMMUTABLE "it is immutable (chattr +i)"
#define APPEND_ONLY "it is append-only (chattr +a)"
#define STICKY "its directory is sticky, and both belong to other users"

/* Whether the effective user may do with other people's files what their owners may. */
static bool acts_as_owner(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{.effective = 0}};
    if (syscall(SYS_capget, &header, sets) != 0)
        return geteuid() == 0;
    return sets[CAP_TO_INDEX(CAP_FOWNER)].effective & CAP_TO_MASK(CAP_FOWNER);
}

/* The rights of the effective user, who is not always the real one. EPERM is an immutable directory's, or a filter's that
 * does not know the call: the attributes tell which. */
static const char *directory_refusal(int directory_fd, const struct statx *place)
{
    int number = faccessat(directory_fd, ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
    if (number == EROFS)
        return LOCAL_READ_ONLY;
    if (place->stx_attributes & STATX_ATTR_IMMUTABLE)
        return DIRECTORY_IMMUTABLE;
    if (number == EACCES)
        return LOCAL_NO_RIGHT;
    return place->stx_attributes & STATX_ATTR_APPEND ? DIRECTORY_APPEND_ONLY : NULL;
}

void local_rights_read(int directory_fd, const struct statx *place, struct local_rights *ret_rights)
{
    bool sticky = place->stx_mode & S_ISVTX && place->stx_uid != geteuid() && !acts_as_owner();
    *ret_rights = (struct local_rights){.refusal = directory_refusal(directory_fd, place), .sticky = sticky};
}

const char *local_rights_refusal(const struct local_rights *rights, const struct statx *place)
{
    if (rights->refusal)
        return rights->refusal;
    if (rights->sticky && place->stx_uid != geteuid())
        return STICKY;
    if (place->stx_attributes & STATX_ATTR_IMMUTABLE)
        return IMMUTABLE;
    return place->stx_attributes & STATX_ATTR_APPEND ? APPEND_ONLY : NULL;
}

/* EPERM has many reasons, of which those that can be seen are named. */
static const char *explain_not_permitted(int directory_fd, const char *name)
{
    struct statx directory, place;
    struct local_rights rights;
    if (!local_look(directory_fd, "", &directory) || !local_look(directory_fd, name, &place))
        return strerror(EPERM);
    local_rights_read(directory_fd, &directory, &rights);
    const char *refusal = local_rights_refusal(&rights, &place);
    return refusal ? refusal : strerror(EPERM);
}

const char *local_rights_explain(int directory_fd, const char *name, int number)
{
    switch (number) {
    case EPERM:
        return explain_not_permitted(directory_fd, name);
    case EACCES:
        return LOCAL_NO_RIGHT;
    case EROFS:
        return LOCAL_READ_ONLY;
    case EXDEV:
    case EBUSY:
        return LOCAL_MOUNTED_HERE;
    default:
        return strerror(number);
    }
}
