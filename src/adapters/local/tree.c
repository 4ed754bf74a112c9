#include "adapters/local/tree.h"

#include "adapters/local/place.h"
#include "adapters/local/rights.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW_NAMES_MAX = 16384 }; /* names of one directory that are kept at a time */

#define TEXT_OF_(number) #number
#define TEXT_OF(number) TEXT_OF_(number)
#define TOO_DEEP "it is nested deeper than " TEXT_OF(LOCAL_TREE_DEPTH_MAX) " directories"
#define TOO_LONG "its path is longer than " TEXT_OF(PATH_MAX) " bytes"

/* One directory on the way. Names of directories carry a final '/', which also puts them where their keys belong in the
 * order. */
struct local_tree_level {
    int fd;         /* directory's, once that is there */
    DIR *directory; /* NULL until it is listed for the first time */
    struct local_rights rights;
    const char *refusal; /* why the directory itself could not be removed; NULL: it could */
    bool resumed;        /* the bound lies at or below it: its own key is behind us */
    bool begun;
    bool unread; /* nobody has read from fd; the root's is a copy, and shares its place with others */
    enum { CONTENT_UNKNOWN, CONTENT_NONE, CONTENT_SOME } content;
    size_t path_length; /* of the walk's path at this level */
    char *names[WINDOW_NAMES_MAX];
    size_t count;
    size_t next;
    bool complete;    /* nothing follows the window */
    char *after;      /* names up to and with this one are behind us; "" at the start */
    bool after_enter; /* after is a key's rest: a directory that it lies in is not behind us yet */
};

static bool may_pass(int number)
{
    return number == EMFILE || number == ENFILE || number == EIO;
}

/* What happened at the place that the walk's path leads to, as a failure of the whole. */
static enum ops_status walk_fail(const struct local_walk *walk, const char *what, int number, struct ops_error *error)
{
    char name[OPS_REMARK_NAME_SIZE];
    const char *place = walk->path.length ? local_printable(ops_buf_view(&walk->path), name) : "the directory itself";
    if (number == ENOMEM)
        return OPS_NO_MEMORY;
    return ops_fail(error, may_pass(number) ? OPS_STORE_UNAVAILABLE : OPS_TARGET_ERROR, "In %s, %s %s: %s.",
                    walk->options.name, place, what, strerror(number));
}

/* The place that the walk's path leads to can't be looked into: the walk goes on behind it. */
static void pass_over(struct local_walk *walk, const char *reason)
{
    walk->passed_over_count++;
    ops_remarks_add(walk->remarks, OPS_REMARK_UNREADABLE, ops_buf_view(&walk->path), reason);
}

static bool root_can_be_listed(const struct local_walk *walk)
{
    int fd = openat(walk->options.root_fd, ".", LOCAL_DIRECTORY_FLAGS);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    bool can = directory && readdir(directory); /* there is always an entry */
    if (directory)
        (void)closedir(directory); /* it was only read */
    else if (fd >= 0)
        close(fd);
    return can;
}

/* What is wrong with one place is passed over; what is wrong with the process, the root or the disk is not the place's. */
static enum ops_status pass_over_or_fail(struct local_walk *walk, const char *what, int number, struct ops_error *error)
{
    bool of_process = number == ENOMEM || number == EMFILE || number == ENFILE;
    if (of_process || walk->path.length == 0 || (number == EIO && !root_can_be_listed(walk)))
        return walk_fail(walk, what, number, error);
    char reason[OPS_REMARK_REASON_SIZE];
    (void)snprintf(reason, sizeof reason, "it %s: %s", what, strerror(number)); /* neither is long */
    pass_over(walk, number == EXDEV ? LOCAL_MOUNTED_HERE : reason);
    return OPS_OK;
}

static bool is_gone(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ELOOP;
}

static enum ops_status open_fail(const char *relative, int number, struct ops_error *error)
{
    if (number == ENOENT)
        return ops_fail(error, OPS_TARGET_MISSING, "The directory %s does not exist.", relative);
    if (number == ENOTDIR || number == ELOOP)
        return ops_fail(error, OPS_TARGET_ERROR, "%s is not a directory, or a link, which is not followed.", relative);
    if (number == ENOMEM)
        return OPS_NO_MEMORY;
    return ops_fail(error, may_pass(number) ? OPS_STORE_UNAVAILABLE : OPS_TARGET_ERROR,
                    "The directory %s can't be opened: %s.", relative, strerror(number));
}

enum ops_status local_tree_open(const char *data_dir, const char *relative, int *ret_fd, struct ops_error *error)
{
    int data_fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data_fd < 0)
        return open_fail(data_dir, errno, error);
    int fd = local_open_below(data_fd, relative, strlen(relative));
    int reason = errno;
    close(data_fd);
    if (fd < 0)
        return open_fail(relative, reason, error);
    *ret_fd = fd;
    return OPS_OK;
}

/* ---- Levels ---- */

static void level_clear_names(struct local_tree_level *level)
{
    for (size_t i = level->next; i < level->count; i++)
        ops_mem_free(level->names[i]);
    level->count = level->next = 0;
}

static void level_free(struct local_tree_level *level)
{
    if (!level)
        return;
    level_clear_names(level);
    ops_mem_free(level->after);
    if (level->directory)
        (void)closedir(level->directory); /* it was only read, as the descriptor was */
    else
        close(level->fd);
    ops_mem_free(level);
}

struct level_options {
    int fd;
    struct statx place;  /* what it is */
    const char *refusal; /* as in the level */
    bool resumed;
    struct ops_view after; /* the rest of the bound, or nothing */
};

/* Takes the descriptor, also on failure. */
static enum ops_status walk_push(struct local_walk *walk, const struct level_options *options)
{
    struct local_tree_level *level = ops_mem_alloc(sizeof *level);
    char *copy = ops_mem_strndup(options->after.data ? options->after.data : "", options->after.length);
    if (!level || !copy) {
        ops_mem_free(level);
        ops_mem_free(copy);
        close(options->fd);
        return OPS_NO_MEMORY;
    }
    level->fd = options->fd;
    level->directory = NULL;
    local_rights_read(options->fd, &options->place, &level->rights);
    level->refusal = options->refusal;
    level->resumed = options->resumed;
    level->begun = false;
    level->unread = walk->depth > 0;
    level->content = CONTENT_UNKNOWN;
    level->path_length = walk->path.length;
    level->count = level->next = 0;
    level->complete = false;
    level->after = copy;
    level->after_enter = true;
    walk->levels[walk->depth++] = level;
    return OPS_OK;
}

static void walk_pop(struct local_walk *walk)
{
    level_free(walk->levels[--walk->depth]);
    walk->levels[walk->depth] = NULL;
}

static bool name_is_ahead(const struct local_tree_level *level, const char *name, size_t length)
{
    if (strcmp(name, level->after) > 0)
        return true;
    return level->after_enter && name[length - 1] == '/' && strncmp(level->after, name, length) == 0;
}

/* Whether keys at or below this name can be in scope. */
static bool name_may_match(const struct local_walk *walk, const struct local_tree_level *level, const char *name,
                           size_t length)
{
    struct ops_view rest = walk->options.prefix;
    if (rest.length <= level->path_length)
        return !walk->options.exact;
    rest = ops_view(rest.data + level->path_length, rest.length - level->path_length);
    if (name[length - 1] == '/' && rest.length > length)
        rest.length = length;
    return walk->options.exact ? ops_view_equal(ops_view(name, length), rest)
                               : ops_view_starts_with(ops_view(name, length), rest);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The window is a heap with its greatest name on top while it is being filled, so that the smallest ones stay. */
static void heap_sink(char **names, size_t count, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && strcmp(names[child + 1], names[child]) > 0)
            child++;
        if (strcmp(names[at], names[child]) >= 0)
            return;
        char *swap = names[at];
        names[at] = names[child];
        names[child] = swap;
        at = child;
    }
}

static enum ops_status level_offer(struct local_tree_level *level, const char *name, size_t length)
{
    bool full = level->count == WINDOW_NAMES_MAX;
    if (full)
        level->complete = false;
    if (full && strcmp(name, level->names[0]) > 0)
        return OPS_OK;
    char *copy = ops_mem_strndup(name, length);
    if (!copy)
        return OPS_NO_MEMORY;
    if (full) {
        ops_mem_free(level->names[0]);
        level->names[0] = copy;
        heap_sink(level->names, level->count, 0);
        return OPS_OK;
    }
    level->names[level->count++] = copy;
    if (level->count == WINDOW_NAMES_MAX)
        for (size_t i = level->count / 2; i-- > 0;)
            heap_sink(level->names, level->count, i);
    return OPS_OK;
}

static bool entry_is_directory(int fd, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static enum ops_status level_offer_entry(const struct local_walk *walk, struct local_tree_level *level,
                                         const struct dirent *entry)
{
    char with_slash[4 * NAME_MAX + 2]; /* some file systems count characters, not bytes */
    const char *name = entry->d_name;
    size_t length = strlen(name);
    if (is_dots(name))
        return OPS_OK;
    level->content = CONTENT_SOME;
    if (length + 2 <= sizeof with_slash && entry_is_directory(level->fd, entry)) {
        if (walk->options.flat)
            return OPS_OK;
        memcpy(with_slash, name, length);
        memcpy(with_slash + length++, "/", 2);
        name = with_slash;
    }
    bool wanted = name_is_ahead(level, name, length) && name_may_match(walk, level, name, length);
    return wanted ? level_offer(level, name, length) : OPS_OK;
}

/* Goes to the top of the directory, which may have been read before. Errno on failure. */
static bool level_rewind(struct local_tree_level *level)
{
    if (!level->directory)
        level->directory = fdopendir(level->fd);
    if (level->directory && !level->unread)
        rewinddir(level->directory);
    level->unread = false;
    return level->directory;
}

/* A directory that is open reads as empty once somebody has removed it. */
static bool was_removed(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_nlink == 0;
}

static enum ops_status level_fill(struct local_walk *walk, struct local_tree_level *level, struct ops_error *error)
{
    level_clear_names(level);
    level->complete = true;
    if (!level_rewind(level))
        return pass_over_or_fail(walk, "can't be listed", errno, error);
    enum ops_status status = OPS_OK;
    const struct dirent *entry;
    while (errno = 0, status == OPS_OK && (entry = readdir(level->directory)) != NULL)
        status = level_offer_entry(walk, level, entry);
    if (status == OPS_OK && errno != 0 && errno != ENOENT) { /* ENOENT: it was removed after it was opened */
        level->complete = true; /* what was read of it is given, and the rest said to be missing, once */
        status = pass_over_or_fail(walk, "can't be listed to its end", errno, error);
    } else if (status == OPS_OK && errno == 0 && level->content == CONTENT_UNKNOWN) {
        level->content = CONTENT_NONE;
        if (walk->path.length == 0 && was_removed(level->fd))
            status = ops_fail(error, OPS_TARGET_MISSING, "The directory of %s does not exist any more.", walk->options.name);
    }
    qsort(level->names, level->count, sizeof level->names[0], compare_names);
    return status;
}

/* The next name of the level, which the caller frees; NULL when the directory is done. */
static enum ops_status level_next(struct local_walk *walk, struct local_tree_level *level, char **ret_name,
                                  struct ops_error *error)
{
    *ret_name = NULL;
    if (level->next == level->count && !level->complete) {
        enum ops_status status = level_fill(walk, level, error);
        if (status != OPS_OK)
            return status;
    }
    if (level->next == level->count)
        return OPS_OK;
    char *name = level->names[level->next];
    if (level->next + 1 == level->count && !level->complete) {
        char *after = ops_mem_strdup(name);
        if (!after)
            return OPS_NO_MEMORY;
        ops_mem_free(level->after);
        level->after = after;
        level->after_enter = false;
    }
    level->next++;
    *ret_name = name;
    return OPS_OK;
}

/* ---- The walk ---- */

static void walk_stop(struct local_walk *walk)
{
    while (walk->depth > 0)
        walk_pop(walk);
}

enum ops_status local_walk_begin(struct local_walk *walk, const struct local_walk_options *options, struct ops_error *error)
{
    *walk = (struct local_walk){.options = *options};
    ops_buf_init(&walk->path, LOCAL_KEY_MAX_BYTES + UINT16_MAX); /* also of what has too long a path */
    struct level_options root = {.fd = -1, .after = options->after};
    if (local_look(options->root_fd, "", &root.place))
        root.fd = fcntl(options->root_fd, F_DUPFD_CLOEXEC, 0);
    if (root.fd < 0)
        return walk_fail(walk, "can't be read", errno, error);
    return walk_push(walk, &root);
}

void local_walk_end(struct local_walk *walk)
{
    walk_stop(walk);
    ops_buf_release(&walk->path);
}

/* 0, or errno: EXDEV where something else is mounted. */
static int look_here(const struct local_walk *walk, int fd, const char *name, struct statx *ret_place)
{
    if (!local_look(fd, name, ret_place))
        return errno;
    return ret_place->stx_mnt_id == walk->options.mount_id ? 0 : EXDEV;
}

/* Opens a directory to go on in; -1 where it is gone, or was passed over. It is looked at before it is opened, since opening
 * what is mounted there may take for ever, and after it, since only then it is sure to be the same. */
static enum ops_status open_level(struct local_walk *walk, int parent_fd, const char *name, int *ret_fd,
                                  struct statx *ret_place, struct ops_error *error)
{
    int number = look_here(walk, parent_fd, name, ret_place);
    int fd = number == 0 ? openat(parent_fd, name, LOCAL_DIRECTORY_FLAGS) : -1;
    if (number == 0)
        number = fd >= 0 ? look_here(walk, fd, "", ret_place) : errno;
    if (number != 0 && fd >= 0) {
        close(fd);
        fd = -1;
    }
    *ret_fd = fd;
    return number == 0 || is_gone(number) ? OPS_OK : pass_over_or_fail(walk, "can't be opened", number, error);
}

/* name ends in '/', and is at the end of the path already. */
static enum ops_status walk_enter(struct local_walk *walk, const struct local_tree_level *level, const char *name,
                                  struct ops_error *error)
{
    char plain[NAME_MAX + 1];
    struct level_options below;
    size_t length = strlen(name) - 1;
    if (walk->depth == LOCAL_TREE_DEPTH_MAX) {
        pass_over(walk, TOO_DEEP);
        return OPS_OK;
    }
    if (length > NAME_MAX)
        return pass_over_or_fail(walk, "can't be opened", ENAMETOOLONG, error);
    memcpy(plain, name, length);
    plain[length] = '\0';
    enum ops_status status = open_level(walk, level->fd, plain, &below.fd, &below.place, error);
    if (below.fd < 0)
        return status;
    /* Where the walk resumes inside this directory, the rest of the bound goes with it. */
    struct ops_view after = ops_view_of(level->after);
    below.resumed = level->after_enter && ops_view_starts_with(after, ops_view(name, length + 1));
    below.after = below.resumed ? ops_view(after.data + length + 1, after.length - length - 1) : ops_view(NULL, 0);
    below.refusal = local_rights_refusal(&level->rights, &below.place);
    return walk_push(walk, &below);
}

static bool is_beyond(const struct local_walk *walk)
{
    struct ops_view until = walk->options.until, path = ops_buf_view(&walk->path);
    int order = until.length ? memcmp(path.data, until.data, path.length < until.length ? path.length : until.length) : 0;
    return until.length && (order > 0 || (order == 0 && path.length > until.length));
}

static bool in_scope(const struct local_walk *walk, struct ops_view key)
{
    return walk->options.exact ? ops_view_equal(key, walk->options.prefix) : ops_view_starts_with(key, walk->options.prefix);
}

/* A name that is no directory. One that is in a directory without the right to search it is there all the same, and can't be
 * removed. */
static enum ops_status visit_file(struct local_walk *walk, const struct local_tree_level *level, const char *name,
                                  struct local_found *found, struct ops_error *error)
{
    struct statx *place = &found->place;
    if (!in_scope(walk, ops_buf_view(&walk->path)))
        return OPS_OK;
    int number = look_here(walk, level->fd, name, place);
    if (number == EACCES)
        *place = (struct statx){.stx_size = 0};
    else if (number != 0)
        return is_gone(number) ? OPS_OK : pass_over_or_fail(walk, "can't be looked at", number, error);
    if (S_ISDIR(place->stx_mode))
        return OPS_OK;
    enum local_kept_as kept = number == 0 ? local_kept_as(walk->options.kept, level->fd, name, place, NULL) : LOCAL_NOT_KEPT;
    if (kept == LOCAL_KEPT_BESIDE)
        return OPS_OK;
    found->key = ops_buf_view(&walk->path);
    found->size_bytes = (int64_t)place->stx_size;
    found->kept = kept == LOCAL_KEPT;
    found->refusal = found->kept ? NULL : local_rights_refusal(&level->rights, place);
    return OPS_OK;
}

/* Looks at one name: a directory is entered, anything else is the next key. */
static enum ops_status walk_visit(struct local_walk *walk, const struct local_tree_level *level, const char *name,
                                  struct local_found *found, struct ops_error *error)
{
    ops_buf_append_text(&walk->path, name);
    if (ops_buf_status(&walk->path) != OPS_OK)
        return ops_buf_status(&walk->path);
    if (is_beyond(walk)) {
        walk_stop(walk);
        return OPS_OK;
    }
    if (walk->path.length > LOCAL_KEY_MAX_BYTES) {
        pass_over(walk, TOO_LONG);
        return OPS_OK;
    }
    if (name[strlen(name) - 1] == '/')
        return walk_enter(walk, level, name, error);
    return visit_file(walk, level, name, found, error);
}

/* Whether a directory is a key of its own, which it is before what is in it.
 *
 * An empty one is. One that would be left behind empty is too: what is in it can be removed, and it can't, so that the last
 * look would find it. Where a walk begins inside of one, its key is behind us; but a removal that died after the last file
 * and before the directory leaves an empty one there, whose key may lie before the page that was being removed. It is given
 * at the beginning of the walk, in the recount of that page and when it is read again: it stands for one of the page's
 * keys, so that what both count is together what was there. */
static bool gives_itself(const struct local_walk *walk, const struct local_tree_level *level)
{
    struct ops_view key = ops_buf_view(&walk->path);
    if (key.length == 0 || !in_scope(walk, key))
        return false;
    if (level->content == CONTENT_NONE)
        return !level->resumed || (level->after[0] && !level->refusal);
    bool is_left = level->refusal && !level->rights.refusal;
    return level->content == CONTENT_SOME && is_left && !level->resumed && !walk->options.exact;
}

static void give_itself(const struct local_walk *walk, const struct local_tree_level *level, struct local_found *found)
{
    found->key = ops_buf_view(&walk->path);
    found->size_bytes = 0;
    found->kept = false;
    found->place.stx_mode = S_IFDIR;
    found->refusal = level->refusal;
}

static enum ops_status level_begin(struct local_walk *walk, struct local_tree_level *level, struct local_found *found,
                                   struct ops_error *error)
{
    level->begun = true;
    enum ops_status status = level_fill(walk, level, error);
    if (status == OPS_OK && gives_itself(walk, level))
        give_itself(walk, level, found);
    return status;
}

static enum ops_status level_go_on(struct local_walk *walk, struct local_tree_level *level, struct local_found *found,
                                   struct ops_error *error)
{
    char *name = NULL;
    enum ops_status status = level_next(walk, level, &name, error);
    if (status == OPS_OK && !name)
        walk_pop(walk);
    else if (status == OPS_OK)
        status = walk_visit(walk, level, name, found, error);
    ops_mem_free(name);
    return status;
}

enum ops_status local_walk_next(struct local_walk *walk, struct local_found *ret_found, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    ret_found->key = ops_view(NULL, 0);
    while (status == OPS_OK && walk->depth > 0 && ret_found->key.length == 0) {
        struct local_tree_level *level = walk->levels[walk->depth - 1];
        local_path_truncate(&walk->path, level->path_length);
        status = level->begun ? level_go_on(walk, level, ret_found, error) : level_begin(walk, level, ret_found, error);
    }
    return status;
}
