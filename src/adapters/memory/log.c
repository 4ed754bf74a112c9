#include "adapters/memory/log.h"

#include "base/mem.h"

#include <pthread.h>

enum { LINES_MAX_BYTES = 16 * 1024 * 1024 };

struct memory_log {
    struct ops_log base;
    pthread_mutex_t mutex;
    struct {
        struct ops_buf lines;
    } synced;
};

static struct memory_log *memory_log(struct ops_log *self)
{
    return (struct memory_log *)self;
}

static bool memory_takes(const struct ops_log *self, enum ops_log_level level)
{
    (void)self;
    (void)level;
    return true;
}

static void memory_write(struct ops_log *self, const struct ops_log_line *line)
{
    static const char time[] = "time=1970-01-01T00:00:00.000Z ";
    struct memory_log *log = memory_log(self);
    struct ops_buf text;
    ops_buf_init(&text, LINES_MAX_BYTES);
    ops_log_line_append(line, 0, OPS_LOG_LOGFMT, &text);
    pthread_mutex_lock(&log->mutex);
    if (ops_buf_status(&text) == OPS_OK)
        ops_buf_append(&log->synced.lines, text.data + (sizeof time - 1), text.length - (sizeof time - 1));
    pthread_mutex_unlock(&log->mutex);
    ops_buf_release(&text);
}

static const struct ops_log_ops memory_ops = {.takes = memory_takes, .write = memory_write};

enum ops_status ops_memory_log_new(struct ops_log **ret_log)
{
    struct memory_log *log = ops_mem_zeroed(1, sizeof *log);
    if (!log)
        return OPS_NO_MEMORY;
    log->base.ops = &memory_ops;
    (void)pthread_mutex_init(&log->mutex, NULL); /* a default mutex needs no resources on Linux */
    ops_buf_init(&log->synced.lines, LINES_MAX_BYTES);
    *ret_log = &log->base;
    return OPS_OK;
}

void ops_memory_log_free(struct ops_log *self)
{
    if (!self)
        return;
    struct memory_log *log = memory_log(self);
    ops_buf_release(&log->synced.lines);
    (void)pthread_mutex_destroy(&log->mutex);
    ops_mem_free(log);
}

enum ops_status ops_memory_log_read(struct ops_log *self, char **ret_text)
{
    struct memory_log *log = memory_log(self);
    pthread_mutex_lock(&log->mutex);
    *ret_text = ops_mem_strdup(ops_buf_text(&log->synced.lines));
    pthread_mutex_unlock(&log->mutex);
    return *ret_text ? OPS_OK : OPS_NO_MEMORY;
}

void ops_memory_log_clear(struct ops_log *self)
{
    struct memory_log *log = memory_log(self);
    pthread_mutex_lock(&log->mutex);
    ops_buf_clear(&log->synced.lines);
    pthread_mutex_unlock(&log->mutex);
}
