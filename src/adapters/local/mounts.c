#include "adapters/local/mounts.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNTINFO "/proc/self/mountinfo"

enum { MOUNTINFO_MAX_BYTES = 64 * 1024 * 1024, READ_BYTES = 16 * 1024 };

bool local_path_is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* A space, tab, newline or backslash in a name is written as three octal digits. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        bool octal =
            at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' && at[3] >= '0' && at[3] <= '7';
        *to = octal ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0')) : *at;
        at += octal ? 4 : 1;
    }
    *to = '\0';
}

/* Ends the field that begins at *line and gives it; NULL when there is none. */
static char *take_field(char **line)
{
    char *field = *line;
    size_t length = strcspn(field, " ");
    *line = field + length + (field[length] == ' ');
    field[length] = '\0';
    return length > 0 ? field : NULL;
}

static const char *take_path(char **line)
{
    char *path = take_field(line);
    if (!path)
        return NULL;
    unescape(path);
    return strcmp(path, "/") == 0 ? "" : path;
}

/* The options come last: "... - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d". */
static const char *find_upper(char *rest)
{
    static const char overlay[] = "- overlay ", option[] = "upperdir=";
    char *type = strncmp(rest, overlay, sizeof overlay - 1) == 0 ? rest : strstr(rest, " - overlay ");
    char *upper = type ? strstr(type, option) : NULL;
    if (!upper || (upper[-1] != ',' && upper[-1] != ' '))
        return NULL;
    upper += sizeof option - 1;
    upper[strcspn(upper, ", ")] = '\0';
    unescape(upper);
    return upper;
}

/* "36 35 98:0 /root /mnt rw,noatime ...": id, parent's id, device, root, point, and of the rest what an overlay is made of. */
static bool parse_line(char *line, struct local_mount *ret_mount)
{
    char *end;
    const char *id = take_field(&line);
    if (!id || !take_field(&line))
        return false;
    ret_mount->id = strtoull(id, &end, 10);
    ret_mount->device = take_field(&line);
    ret_mount->root = take_path(&line);
    ret_mount->point = take_path(&line);
    ret_mount->upper = ret_mount->point ? find_upper(line) : NULL;
    return *end == '\0' && ret_mount->device && ret_mount->root && ret_mount->point;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count + 1;
}

enum ops_status local_mounts_parse(char *text, struct local_mounts *ret_mounts, struct ops_error *error)
{
    struct local_mounts mounts = {.text = text, .list = ops_mem_zeroed(count_lines(text), sizeof *mounts.list)};
    enum ops_status status = mounts.list ? OPS_OK : OPS_NO_MEMORY;
    for (char *line = text, *next; status == OPS_OK && *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = '\0';
        if (parse_line(line, &mounts.list[mounts.count]))
            mounts.count++;
        else
            status = ops_fail(error, OPS_TARGET_ERROR, "A line of " MOUNTINFO " can't be read.");
    }
    if (status == OPS_OK)
        *ret_mounts = mounts;
    else
        local_mounts_release(&mounts);
    return status;
}

static enum ops_status read_fail(int number, struct ops_error *error)
{
    bool passes = number == EMFILE || number == ENFILE || number == ENOMEM;
    return ops_fail(error, passes ? OPS_STORE_UNAVAILABLE : OPS_TARGET_ERROR,
                    MOUNTINFO " can't be read (%s), so nobody can tell which paths lead to the same place.",
                    strerror(number));
}

static enum ops_status read_whole(int fd, struct ops_buf *text, struct ops_error *error)
{
    char bytes[READ_BYTES];
    ssize_t count;
    while ((count = read(fd, bytes, sizeof bytes)) != 0) {
        if (count < 0 && errno != EINTR)
            return read_fail(errno, error);
        if (count > 0)
            ops_buf_append(text, bytes, (size_t)count);
    }
    return ops_buf_status(text);
}

enum ops_status local_mounts_read(struct local_mounts *ret_mounts, struct ops_error *error)
{
    struct ops_buf text;
    int fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return read_fail(errno, error);
    ops_buf_init(&text, MOUNTINFO_MAX_BYTES);
    enum ops_status status = read_whole(fd, &text, error);
    close(fd);
    char *taken = status == OPS_OK ? ops_buf_take(&text) : NULL;
    ops_buf_release(&text);
    if (status != OPS_OK)
        return status;
    return taken ? local_mounts_parse(taken, ret_mounts, error) : OPS_NO_MEMORY;
}

void local_mounts_release(struct local_mounts *mounts)
{
    ops_mem_free(mounts->list);
    ops_mem_free(mounts->text);
    *mounts = (struct local_mounts){.text = NULL};
}

/* Of several on one point the last one is on top. */
static const struct local_mount *by_path(const struct local_mounts *mounts, const char *path)
{
    const struct local_mount *found = NULL;
    for (size_t i = 0; i < mounts->count; i++) {
        const struct local_mount *mount = &mounts->list[i];
        if (local_path_is_below(path, mount->point) && (!found || strlen(mount->point) >= strlen(found->point)))
            found = mount;
    }
    return found;
}

const struct local_mount *local_mounts_of(const struct local_mounts *mounts, const char *path)
{
    struct statx info;
    int failed = statx(AT_FDCWD, *path ? path : "/", AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &info);
    if (failed || !(info.stx_mask & STATX_MNT_ID)) /* Linux before 5.8 does not tell */
        return by_path(mounts, path);
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->list[i].id == info.stx_mnt_id)
            return local_path_is_below(path, mounts->list[i].point) ? &mounts->list[i] : NULL;
    return NULL;
}
