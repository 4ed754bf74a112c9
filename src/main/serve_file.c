#include "main/serve_file.h"

#include "base/json.h"
#include "base/trust.h"
#include "main/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 16 * 1024, PATH_TEXT_MAX = 4096 };

static const mode_t private_mode = S_IRUSR | S_IWUSR;

static bool make_path(const char *data_dir, const char *suffix, char path[static PATH_TEXT_MAX])
{
    return snprintf(path, PATH_TEXT_MAX, "%s/serve.json%s", data_dir, suffix) < PATH_TEXT_MAX;
}

/* ---- writing ---- */

static json_t *to_json(const struct ops_instance *instance)
{
    return ops_json_pack("{s:s, s:s, s:I, s:s, s:s*, s:s*, s:s}", "http", instance->http, "invoke", instance->invoke, "pid",
                         (json_int_t)instance->pid, "engine", instance->engine, "account",
                         instance->account[0] ? instance->account : NULL, "region",
                         instance->region[0] ? instance->region : NULL, "token", instance->token);
}

/* A file of its own, however the name was used before: nobody can have it open. */
static int create(const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, private_mode);
    if (fd >= 0 && fchmod(fd, private_mode) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool write_whole(const char *path, struct ops_view text)
{
    int fd = create(path);
    if (fd < 0)
        return false;
    bool written = write(fd, text.data, text.length) == (ssize_t)text.length;
    return close(fd) == 0 && written;
}

enum ops_status ops_serve_file_write(const char *data_dir, const struct ops_instance *instance, struct ops_error *error)
{
    char path[PATH_TEXT_MAX], partial[PATH_TEXT_MAX];
    struct ops_buf text;
    if (!make_path(data_dir, "", path) || !make_path(data_dir, ".new", partial))
        return ops_fail(error, OPS_USAGE, "The path of the data directory is too long.");
    json_t *file = to_json(instance);
    ops_buf_init(&text, FILE_MAX_BYTES);
    enum ops_status status = file ? ops_json_append(file, &text) : OPS_NO_MEMORY;
    if (status == OPS_OK && (!write_whole(partial, ops_buf_view(&text)) || rename(partial, path) != 0))
        status = ops_fail(error, OPS_IO_ERROR, "%s can't be written: %s.", path, strerror(errno));
    ops_buf_wipe(&text);
    json_decref(file);
    return status;
}

void ops_serve_file_remove(const char *data_dir)
{
    char path[PATH_TEXT_MAX];
    if (make_path(data_dir, "", path))
        (void)unlink(path);
}

/* ---- reading ---- */

static enum ops_status say_nobody(const char *data_dir, struct ops_error *error)
{
    return ops_fail(error, OPS_UNREACHABLE,
                    "No 'g3nops serve' runs on the data directory %.300s, and nobody else is asked: start one there, or say "
                    "where one is by --data or --endpoint.",
                    data_dir);
}

static enum ops_status say_unbelieved(const char *path, const char *why, struct ops_error *error)
{
    return ops_fail(error, OPS_UNREACHABLE,
                    "%.300s is not believed, so nobody is asked: %s. Start 'g3nops serve' there anew, or give --endpoint.",
                    path, why);
}

static enum ops_status check(int fd, const char *path, struct ops_error *error)
{
    struct stat info;
    char why[OPS_TRUST_WHY_SIZE];
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return say_unbelieved(path, "it is not a regular file", error);
    if (!ops_trust(&info, ops_trust_place_owner(path), why))
        return say_unbelieved(path, why, error);
    if (info.st_nlink > 1)
        return say_unbelieved(path, "it has another name (a hard link)", error);
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return say_unbelieved(path, "other users may read or write it", error);
    return OPS_OK;
}

static enum ops_status say_unopened(const char *data_dir, const char *path, int reason, struct ops_error *error)
{
    if (reason == ENOENT || reason == ENOTDIR)
        return say_nobody(data_dir, error);
    if (reason == ELOOP)
        return say_unbelieved(path, "it is a symbolic link, and links are not followed", error);
    return ops_fail(error, OPS_UNREACHABLE,
                    "%.300s can't be read: %s. It is for the user that runs 'g3nops serve' there; be that user, or give "
                    "--endpoint.",
                    path, strerror(reason));
}

static bool read_whole(int fd, struct ops_buf *text)
{
    char chunk[4096];
    ssize_t count;
    while ((count = read(fd, chunk, sizeof chunk)) > 0)
        ops_buf_append(text, chunk, (size_t)count);
    explicit_bzero(chunk, sizeof chunk);
    return count == 0 && ops_buf_status(text) == OPS_OK;
}

static void copy(const json_t *file, const char *name, char *ret_text, size_t size)
{
    const char *text = ops_json_text(file, name, "");
    (void)snprintf(ret_text, size, "%s", strlen(text) < size ? text : "");
}

/* A socket may be said by what follows the data directory. */
static void resolve_socket(const char *data_dir, char invoke[static OPS_INSTANCE_ADDRESS_SIZE])
{
    char whole[OPS_INSTANCE_ADDRESS_SIZE];
    size_t scheme = strlen("unix:");
    if (strncmp(invoke, "unix:", scheme) != 0 || invoke[scheme] == '/')
        return;
    bool fits = snprintf(whole, sizeof whole, "unix:%s/%s", data_dir, invoke + scheme) < (int)sizeof whole;
    memcpy(invoke, fits ? whole : "", fits ? strlen(whole) + 1 : 1);
}

static bool from_json(const json_t *file, const char *data_dir, struct ops_instance *instance)
{
    copy(file, "http", instance->http, sizeof instance->http);
    copy(file, "invoke", instance->invoke, sizeof instance->invoke);
    copy(file, "engine", instance->engine, sizeof instance->engine);
    copy(file, "account", instance->account, sizeof instance->account);
    copy(file, "region", instance->region, sizeof instance->region);
    copy(file, "token", instance->token, sizeof instance->token);
    resolve_socket(data_dir, instance->invoke);
    instance->pid = ops_json_integer(file, "pid", 0);
    return instance->http[0] && instance->invoke[0] && instance->pid > 0 &&
           ops_proof_well_formed(ops_view_of(instance->token)) &&
           (strcmp(instance->engine, "local") == 0 || strcmp(instance->engine, "aws") == 0);
}

static enum ops_status read_file(const char *data_dir, struct ops_instance *instance, struct ops_error *error)
{
    char path[PATH_TEXT_MAX];
    struct ops_buf text;
    json_t *file = NULL;
    if (!make_path(data_dir, "", path))
        return ops_fail(error, OPS_USAGE, "The path of the data directory is too long.");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return say_unopened(data_dir, path, errno, error);
    ops_buf_init(&text, FILE_MAX_BYTES);
    enum ops_status status = check(fd, path, error);
    bool readable = status == OPS_OK && read_whole(fd, &text) &&
                    ops_json_parse_object(ops_buf_view(&text), &file, NULL) == OPS_OK && from_json(file, data_dir, instance);
    if (status == OPS_OK && !readable)
        status = say_unbelieved(path, "it is not what this version of g3nops writes", error);
    (void)close(fd);
    ops_buf_wipe(&text);
    json_decref(file);
    return status;
}

/* That the lock is held by the very process tells two things: that the file is not a leftover, whose port may be somebody
 * else's by now, and that it is not the one of before while a new serve is starting. */
static enum ops_status check_alive(const char *data_dir, const struct ops_instance *instance, struct ops_error *error)
{
    pid_t holder;
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status = ops_serve_lock_holder(data_dir, &holder, &reason);
    if (status != OPS_OK)
        status = ops_fail(error, OPS_UNREACHABLE, "%s", ops_error_text(&reason, status));
    else if (holder == 0)
        status =
            ops_fail(error, OPS_UNREACHABLE,
                     "The 'g3nops serve' of the data directory %.200s (process %lld) has ended without a word, and nobody "
                     "else is asked: start one there, or say where one is by --data or --endpoint.",
                     data_dir, (long long)instance->pid);
    else if (holder != instance->pid)
        status = ops_fail(error, OPS_UNREACHABLE,
                          "The data directory %.200s is in the hands of process %lld, and its serve.json speaks of process "
                          "%lld: a 'g3nops serve' is just starting, or runs in another container. Try again, or give "
                          "--endpoint.",
                          data_dir, (long long)holder, (long long)instance->pid);
    ops_error_release(&reason);
    return status;
}

enum ops_status ops_serve_file_find(const char *data_dir, struct ops_instance *ret_instance, struct ops_error *error)
{
    struct ops_instance instance = {.pid = 0};
    enum ops_status status = read_file(data_dir, &instance, error);
    if (status == OPS_OK) {
        status = check_alive(data_dir, &instance, error);
        *ret_instance = instance;
    }
    explicit_bzero(&instance, sizeof instance);
    return status;
}
