#include "adapters/gate/file_source.h"

#include "base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

struct file_source {
    struct ops_gate_source base;
    char *path;
    ops_gate_file_open_fn open;
    struct ops_gate_source *inner; /* NULL: not open */
    dev_t device;                  /* this and inode say which file is open */
    ino_t inode;
};

static void close_inner(struct file_source *source)
{
    ops_gate_source_close(source->inner);
    source->inner = NULL;
}

/* Looks before it opens: what takes the file's place in between is noticed by the next look. */
static enum ops_status open_inner(struct file_source *source, struct ops_error *error)
{
    struct stat found;
    if (stat(source->path, &found) != 0) {
        int reason = errno;
        close_inner(source);
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "The record store %.300s can't be read: %s.", source->path,
                        strerror(reason));
    }
    if (source->inner && (found.st_dev != source->device || found.st_ino != source->inode))
        close_inner(source);
    if (source->inner)
        return OPS_OK;
    source->device = found.st_dev;
    source->inode = found.st_ino;
    return source->open(source->path, &source->inner, error);
}

static enum ops_status file_ask(struct ops_gate_source *self, int64_t timeout_ms, struct ops_buf *window,
                                struct ops_error *error)
{
    struct file_source *source = (struct file_source *)self;
    enum ops_status status = open_inner(source, error);
    return status == OPS_OK ? source->inner->ops->ask(source->inner, timeout_ms, window, error) : status;
}

static void file_close(struct ops_gate_source *self)
{
    struct file_source *source = (struct file_source *)self;
    close_inner(source);
    ops_mem_free(source->path);
    ops_mem_free(source);
}

/* SQLite keeps in mind which locks its process has on which file, and a child that inherits this takes none itself: whoever
 * is then alone by the locks throws away the log that the child goes on reading, which is told of no change any more
 * (sqlite.org, "How To Corrupt An SQLite Database File", on fork). */
static void file_before_fork(struct ops_gate_source *self)
{
    close_inner((struct file_source *)self);
}

static const struct ops_gate_source_ops file_ops = {
    .ask = file_ask, .close = file_close, .before_fork = file_before_fork};

enum ops_status ops_gate_file_source_new(const char *path, ops_gate_file_open_fn open, struct ops_gate_source **ret_source)
{
    struct file_source *source = ops_mem_zeroed(1, sizeof *source);
    if (!source)
        return OPS_NO_MEMORY;
    source->base.ops = &file_ops;
    source->open = open;
    source->path = ops_mem_strdup(path);
    if (!source->path) {
        ops_mem_free(source);
        return OPS_NO_MEMORY;
    }
    *ret_source = &source->base;
    return OPS_OK;
}
