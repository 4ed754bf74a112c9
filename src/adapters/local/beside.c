#include "adapters/local/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { GROUPS_MAX = 256, WAL_HEADER_AT = 18, WAL_VERSION = 2 };

static const mode_t permissions = S_IRWXU | S_IRWXG | S_IRWXO;
static const mode_t group_writes = S_IRGRP | S_IWGRP, others_write = S_IROTH | S_IWOTH;

/* A database, and what a file would be that is made beside it. */
struct place {
    struct stat database;
    struct stat directory;
};

static bool look(const char *file, struct place *ret_place)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(file, '/');
    size_t length = !slash || slash == file ? 1 : (size_t)(slash - file);
    if (length >= sizeof directory || lstat(file, &ret_place->database) != 0)
        return false;
    memcpy(directory, slash ? file : ".", length);
    directory[length] = '\0';
    return stat(directory, &ret_place->directory) == 0;
}

static bool may_chown(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{.effective = 0}};
    if (syscall(SYS_capget, &header, sets) != 0)
        return geteuid() == 0;
    return sets[CAP_TO_INDEX(CAP_CHOWN)].effective & CAP_TO_MASK(CAP_CHOWN);
}

static gid_t group_of_new_files(const struct place *place)
{
    return place->directory.st_mode & S_ISGID ? place->directory.st_gid : getegid();
}

static bool is_member(gid_t group)
{
    gid_t groups[GROUPS_MAX];
    int count = getgroups(GROUPS_MAX, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return group == getegid();
}

/* What SQLite makes is right as it is. */
static bool comes_right(const struct place *place)
{
    if (geteuid() == 0 && may_chown())
        return true;
    return geteuid() == place->database.st_uid && group_of_new_files(place) == place->database.st_gid;
}

/* Why neither SQLite nor we can make it right. */
static bool shuts_out(const struct place *place, char *trouble, size_t size)
{
    const struct stat *database = &place->database;
    bool is_owner = geteuid() == database->st_uid;
    bool by_group = (database->st_mode & group_writes) == group_writes;
    bool group_comes = group_of_new_files(place) == database->st_gid || is_member(database->st_gid);
    if (comes_right(place) || may_chown() || (database->st_mode & others_write) == others_write)
        return false;
    if (by_group ? group_comes : is_owner)
        return false;
    (void)snprintf(
        trouble, size,
        "what SQLite makes beside it would shut out its %s %lld: run g3nops as uid %lld, or in that group with the "
        "file writable by it",
        is_owner ? "group" : "owner", (long long)(is_owner ? database->st_gid : database->st_uid),
        (long long)database->st_uid);
    return true;
}

bool local_beside_shuts_out(const char *file, char *trouble, size_t size)
{
    struct place place;
    return look(file, &place) && shuts_out(&place, trouble, size);
}

/* ---- making them ---- */

/* One of a crash may have our own group: we are its owner, so that can be put right. Nothing is followed, and no descriptor
 * that counts as open is closed. */
static bool mend(const char *path, const struct place *place)
{
    struct stat found;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    bool good = fstat(fd, &found) == 0;
    bool ours = good && S_ISREG(found.st_mode) && found.st_nlink == 1 && found.st_uid == geteuid();
    if (ours && found.st_gid != place->database.st_gid)
        good = fchownat(fd, "", (uid_t)-1, place->database.st_gid, AT_EMPTY_PATH) == 0;
    (void)close(fd);
    return good;
}

static bool create(const char *path, const struct place *place)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return false;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return false;
    uid_t owner = may_chown() ? place->database.st_uid : (uid_t)-1;
    bool good = fchown(fd, owner, place->database.st_gid) == 0 && fchmod(fd, place->database.st_mode & permissions) == 0;
    int reason = errno;
    (void)close(fd); /* nothing was written, and nobody knows it by its own name yet */
    errno = reason;
    return good;
}

/* Puts it in its place unless there is one by now, which is as good. */
static bool put(const char *from, const char *path)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, path, RENAME_NOREPLACE) == 0 || errno == EEXIST)
        return true;
    return (errno == EINVAL || errno == ENOSYS) && (link(from, path) == 0 || errno == EEXIST);
}

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER; /* of the name that they have before */

static bool make(const char *file, const char *suffix, const struct place *place)
{
    char path[PATH_MAX], before[PATH_MAX];
    struct stat found;
    if (snprintf(path, sizeof path, "%s%s", file, suffix) >= (int)sizeof path ||
        snprintf(before, sizeof before, "%s-g3nops-%ld", file, (long)getpid()) >= (int)sizeof before)
        return false;
    if (lstat(path, &found) == 0)
        return mend(path, place);
    pthread_mutex_lock(&making);
    bool made = create(before, place) && put(before, path);
    int reason = errno;
    (void)unlink(before); /* mostly it has moved */
    pthread_mutex_unlock(&making);
    errno = reason;
    return made;
}

static bool make_all(const char *file, const char *const *suffixes, char *trouble, size_t size)
{
    struct place place;
    trouble[0] = '\0';
    if (!look(file, &place) || comes_right(&place) || !S_ISREG(place.database.st_mode))
        return true;
    if (shuts_out(&place, trouble, size))
        return false;
    /* Where all may write the database all may write what is beside it, whoever owns that. */
    if ((place.database.st_mode & others_write) == others_write)
        return true;
    /* Members of a group that may only read are not worth a refusal. */
    bool has_to = (place.database.st_mode & group_writes) == group_writes;
    for (; *suffixes; suffixes++) {
        if (make(file, *suffixes, &place) || !has_to)
            continue;
        (void)snprintf(trouble, size,
                       "what SQLite makes beside it can't be given its group %lld (%s); chmod g+s on its directory "
                       "would do that",
                       (long long)place.database.st_gid, strerror(errno));
        return false;
    }
    return true;
}

/* Through the file that SQLite has open. */
static bool is_wal(sqlite3 *db)
{
    sqlite3_file *opened = NULL;
    unsigned char version = 0;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &opened) == SQLITE_OK && opened && opened->pMethods &&
           opened->pMethods->xRead(opened, &version, 1, WAL_HEADER_AT) == SQLITE_OK && version == WAL_VERSION;
}

bool local_beside_prepare(sqlite3 *db, const char *file, char *trouble, size_t size)
{
    static const char *const suffixes[] = {"-wal", "-shm", NULL};
    trouble[0] = '\0';
    return !is_wal(db) || make_all(file, suffixes, trouble, size);
}

bool local_beside_prepare_journal(const char *file, char *trouble, size_t size)
{
    static const char *const suffixes[] = {"-journal", NULL};
    return make_all(file, suffixes, trouble, size);
}
