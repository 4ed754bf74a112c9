#include "adapters/local/tree.h"

#include "adapters/local/place.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW_NAMES_MAX = 16384 }; /* names of one directory that are kept at a time */

/* One directory on the way. Names of directories carry a final '/', which also puts them where their keys belong in the
 * order. */
struct local_tree_level {
    int fd;
    size_t path_length; /* of the walk's path at this level */
    char *names[WINDOW_NAMES_MAX];
    size_t count;
    size_t next;
    bool complete;    /* nothing follows the window */
    char *after;      /* names up to and with this one are behind us; "" at the start */
    bool after_enter; /* after is a key's rest: a directory that it lies in is not behind us yet */
};

static enum ops_status walk_fail(const struct local_walk *walk, const char *what, const char *path, int number,
                                 struct ops_error *error)
{
    if (number == ENOMEM)
        return OPS_NO_MEMORY;
    enum ops_status status =
        number == EMFILE || number == ENFILE || number == EIO ? OPS_STORE_UNAVAILABLE : OPS_TARGET_ERROR;
    return ops_fail(error, status, "In %s, %s%s %s: %s.", walk->options.name, path, *path ? "" : "the directory itself",
                    what, strerror(number));
}

static enum ops_status open_fail(const char *relative, int number, struct ops_error *error)
{
    if (number == ENOENT)
        return ops_fail(error, OPS_TARGET_MISSING, "The directory %s does not exist.", relative);
    if (number == ENOTDIR || number == ELOOP)
        return ops_fail(error, OPS_TARGET_ERROR, "%s is not a directory, or a link, which is not followed.", relative);
    return ops_fail(error, number == EMFILE || number == ENFILE ? OPS_STORE_UNAVAILABLE : OPS_TARGET_ERROR,
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
    close(level->fd);
    ops_mem_free(level);
}

/* Takes fd, also on failure. */
static enum ops_status walk_push(struct local_walk *walk, int fd, struct ops_view after)
{
    struct local_tree_level *level = ops_mem_alloc(sizeof *level);
    char *copy = ops_mem_strndup(after.data ? after.data : "", after.length);
    if (!level || !copy) {
        ops_mem_free(level);
        ops_mem_free(copy);
        close(fd);
        return OPS_NO_MEMORY;
    }
    level->fd = fd;
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

static bool name_is_ahead(const struct local_tree_level *level, const char *name)
{
    size_t length = strlen(name);
    if (strcmp(name, level->after) > 0)
        return true;
    return level->after_enter && name[length - 1] == '/' && strncmp(level->after, name, length) == 0;
}

/* Whether keys at or below this name can begin with the prefix. */
static bool name_may_match(const struct local_walk *walk, const struct local_tree_level *level, const char *name)
{
    struct ops_view rest = walk->options.prefix;
    if (rest.length <= level->path_length)
        return true;
    rest = ops_view(rest.data + level->path_length, rest.length - level->path_length);
    size_t length = strlen(name);
    if (name[length - 1] == '/' && rest.length > length)
        rest.length = length;
    return ops_view_starts_with(ops_view(name, length), rest);
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

static enum ops_status level_offer(struct local_tree_level *level, const char *name)
{
    bool full = level->count == WINDOW_NAMES_MAX;
    if (full)
        level->complete = false;
    if (full && strcmp(name, level->names[0]) > 0)
        return OPS_OK;
    char *copy = ops_mem_strdup(name);
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

static enum ops_status level_offer_entry(const struct local_walk *walk, struct local_tree_level *level,
                                         const struct dirent *entry)
{
    char name[NAME_MAX + 2];
    size_t length = strlen(entry->d_name);
    if (!local_component_valid(entry->d_name, length))
        return OPS_OK;
    memcpy(name, entry->d_name, length + 1);
    if (entry_is_directory(level->fd, entry)) {
        if (walk->options.flat)
            return OPS_OK;
        memcpy(name + length, "/", 2);
    }
    return name_is_ahead(level, name) && name_may_match(walk, level, name) ? level_offer(level, name) : OPS_OK;
}

static enum ops_status level_fill(struct local_walk *walk, struct local_tree_level *level, struct ops_error *error)
{
    level_clear_names(level);
    level->complete = true;
    /* A descriptor of its own, since closedir takes it, and reading starts at the top again. */
    int fd = openat(level->fd, ".", LOCAL_DIRECTORY_FLAGS);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        int reason = errno;
        if (fd >= 0)
            close(fd);
        if (reason == ENOENT)
            return OPS_OK; /* it was removed after it was opened */
        return walk_fail(walk, "can't be listed", ops_buf_text(&walk->path), reason, error);
    }
    enum ops_status status = OPS_OK;
    const struct dirent *entry;
    while (errno = 0, status == OPS_OK && (entry = readdir(directory)) != NULL)
        status = level_offer_entry(walk, level, entry);
    if (status == OPS_OK && errno != 0)
        status = walk_fail(walk, "can't be listed", ops_buf_text(&walk->path), errno, error);
    (void)closedir(directory); /* it was only read */
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
    ops_buf_init(&walk->path, PATH_MAX);
    int fd = fcntl(options->root_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return walk_fail(walk, "can't be read", "", errno, error);
    return walk_push(walk, fd, options->after);
}

void local_walk_end(struct local_walk *walk)
{
    walk_stop(walk);
    ops_buf_release(&walk->path);
}

/* The place whose path it is at can't be looked into: the walk goes on behind it. */
static void pass_over(struct local_walk *walk, const char *reason)
{
    walk->passed_over_count++;
    ops_remarks_add(walk->remarks, OPS_REMARK_UNREADABLE, ops_buf_view(&walk->path), reason);
}

static bool is_elsewhere(const struct local_walk *walk, const struct statx *place)
{
    return place->stx_mnt_id != walk->options.mount_id;
}

/* name ends in '/', and is at the end of the path already. A directory that went away meanwhile is passed over. */
static enum ops_status walk_enter(struct local_walk *walk, struct local_tree_level *level, const char *name,
                                  struct ops_error *error)
{
    struct statx place;
    char plain[NAME_MAX + 1];
    size_t length = strlen(name) - 1;
    memcpy(plain, name, length);
    plain[length] = '\0';
    if (walk->depth == LOCAL_TREE_DEPTH_MAX)
        return ops_fail(error, OPS_LIMIT, "In %s, %s is nested deeper than %d directories.", walk->options.name,
                        ops_buf_text(&walk->path), LOCAL_TREE_DEPTH_MAX);
    /* Looked at before it is opened, since opening what is mounted there may take for ever; and after it, since only then
     * it is sure to be the same. */
    bool seen = local_look(level->fd, plain, &place);
    bool elsewhere = seen && is_elsewhere(walk, &place);
    int fd = seen && !elsewhere ? openat(level->fd, plain, LOCAL_DIRECTORY_FLAGS) : -1;
    if (!elsewhere && fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return OPS_OK;
    if (!elsewhere && (fd < 0 || !local_look(fd, "", &place))) {
        enum ops_status status = walk_fail(walk, "can't be opened", ops_buf_text(&walk->path), errno, error);
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (is_elsewhere(walk, &place)) {
        if (fd >= 0)
            close(fd);
        pass_over(walk, LOCAL_MOUNTED_HERE);
        return OPS_OK;
    }
    /* Where the walk resumes inside this directory, the rest of the bound goes with it. */
    struct ops_view after = ops_view_of(level->after);
    bool inside = level->after_enter && ops_view_starts_with(after, ops_view(name, length + 1));
    return walk_push(walk, fd, inside ? ops_view(after.data + length + 1, after.length - length - 1) : ops_view(NULL, 0));
}

static bool is_beyond(const struct local_walk *walk)
{
    struct ops_view until = walk->options.until, path = ops_buf_view(&walk->path);
    int order = until.length ? memcmp(path.data, until.data, path.length < until.length ? path.length : until.length) : 0;
    return until.length && (order > 0 || (order == 0 && path.length > until.length));
}

/* Looks at one name: a directory is entered, anything else is the next key. */
static enum ops_status walk_visit(struct local_walk *walk, struct local_tree_level *level, const char *name,
                                  struct local_found *found, struct ops_error *error)
{
    struct statx place;
    ops_buf_append_text(&walk->path, name);
    if (ops_buf_status(&walk->path) == OPS_LIMIT)
        return ops_fail(error, OPS_LIMIT, "In %s, a path below %s is too long.", walk->options.name,
                        ops_buf_text(&walk->path));
    if (ops_buf_status(&walk->path) != OPS_OK)
        return ops_buf_status(&walk->path);
    if (is_beyond(walk)) {
        walk_stop(walk);
        return OPS_OK;
    }
    if (name[strlen(name) - 1] == '/')
        return walk_enter(walk, level, name, error);
    if (!local_look(level->fd, name, &place))
        return errno == ENOENT ? OPS_OK : walk_fail(walk, "can't be read", ops_buf_text(&walk->path), errno, error);
    if (S_ISDIR(place.stx_mode) || !ops_view_starts_with(ops_buf_view(&walk->path), walk->options.prefix))
        return OPS_OK;
    if (is_elsewhere(walk, &place)) {
        pass_over(walk, LOCAL_MOUNTED_HERE);
        return OPS_OK;
    }
    found->key = ops_buf_view(&walk->path);
    found->size_bytes = (int64_t)place.stx_size;
    return OPS_OK;
}

enum ops_status local_walk_next(struct local_walk *walk, struct local_found *ret_found, struct ops_error *error)
{
    *ret_found = (struct local_found){.size_bytes = 0};
    while (walk->depth > 0 && ret_found->key.length == 0) {
        struct local_tree_level *level = walk->levels[walk->depth - 1];
        char *name = NULL;
        local_path_truncate(&walk->path, level->path_length);
        enum ops_status status = level_next(walk, level, &name, error);
        if (status == OPS_OK && !name)
            walk_pop(walk);
        else if (status == OPS_OK)
            status = walk_visit(walk, level, name, ret_found, error);
        ops_mem_free(name);
        if (status != OPS_OK)
            return status;
    }
    return OPS_OK;
}
