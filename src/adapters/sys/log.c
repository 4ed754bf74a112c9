#include "adapters/sys/log.h"

#include "base/mem.h"
#include "base/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 * 1024, POLL_MS = 1000 };

struct file_log {
    struct ops_log base;
    struct ops_file_log_config config;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex;
    pthread_cond_t news; /* there is something to write, or the end has come */
    pthread_cond_t idle; /* all is written */
    struct {
        struct ops_buf waiting; /* whole lines */
        uint64_t dropped_count; /* since the last line that told of it */
        bool is_writing;        /* the thread has some in hand */
        bool is_ending;
    } synced;
    struct ops_buf in_hand; /* the thread's own */
};

static struct file_log *file_log(struct ops_log *self)
{
    return (struct file_log *)self;
}

/* ---- what is written ---- */

/* Puts the line there whole or not at all. */
static bool put_locked(struct file_log *log, const struct ops_buf *text)
{
    struct ops_buf *waiting = &log->synced.waiting;
    if (ops_buf_status(text) != OPS_OK || text->length > OPS_FILE_LOG_QUEUE_BYTES - waiting->length)
        return false;
    size_t before = waiting->length;
    ops_buf_append(waiting, text->data, text->length);
    if (ops_buf_status(waiting) == OPS_OK)
        return true;
    /* There was no memory for it; what is there is whole. */
    waiting->length = before;
    waiting->status = OPS_OK;
    return false;
}

static void format(const struct file_log *log, const struct ops_log_line *line, struct ops_buf *ret_text)
{
    ops_buf_init(ret_text, LINE_MAX_BYTES);
    if (log->config.has_priorities)
        ops_buf_append_format(ret_text, "<%d>", ops_log_level_priority(line->level));
    ops_log_line_append(line, ops_clock_now_ms(log->config.clock), log->config.format, ret_text);
}

/* Before anything else is put there. */
static bool tell_dropped_locked(struct file_log *log)
{
    struct ops_log_line line;
    struct ops_buf text;
    if (log->synced.dropped_count == 0)
        return true;
    ops_log_line_init(&line, OPS_LOG_WARN, "log.dropped", "Nobody read the log for a while; lines are missing here.");
    ops_log_line_number(&line, "lines", (int64_t)log->synced.dropped_count);
    format(log, &line, &text);
    bool is_put = put_locked(log, &text);
    ops_buf_release(&text);
    if (is_put)
        log->synced.dropped_count = 0;
    return is_put;
}

static bool file_takes(const struct ops_log *self, enum ops_log_level level)
{
    return level <= ((const struct file_log *)self)->config.level;
}

static void file_write(struct ops_log *self, const struct ops_log_line *line)
{
    struct file_log *log = file_log(self);
    struct ops_buf text;
    format(log, line, &text);
    pthread_mutex_lock(&log->mutex);
    if (!tell_dropped_locked(log) || !put_locked(log, &text))
        log->synced.dropped_count++;
    pthread_cond_signal(&log->news);
    pthread_mutex_unlock(&log->mutex);
    ops_buf_release(&text);
}

static const struct ops_log_ops file_ops = {.takes = file_takes, .write = file_write};

/* ---- the thread that writes ---- */

/* Whole lines of at most PIPE_BUF bytes in all, which reach a pipe undivided whoever else writes to it; or one longer line.
 */
static size_t piece_of(struct ops_view rest)
{
    size_t taken = 0;
    while (taken < rest.length) {
        const char *end = memchr(rest.data + taken, '\n', rest.length - taken);
        size_t next = end ? (size_t)(end - rest.data) + 1 : rest.length;
        if (taken > 0 && next > PIPE_BUF)
            break;
        taken = next;
    }
    return taken;
}

/* False: it can't be written, and never will. */
static bool write_some(int fd, struct ops_view *rest)
{
    ssize_t written = write(fd, rest->data, rest->length);
    if (written >= 0) {
        *rest = ops_view(rest->data + written, rest->length - (size_t)written);
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) /* somebody who has the same file open wants it so */
        (void)poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, POLL_MS);
    else if (errno != EINTR)
        return false;
    return true;
}

/* Whoever has closed the other end, or left no room on the disk, does not want it. */
static void write_out(struct file_log *log)
{
    struct ops_view rest = ops_buf_view(&log->in_hand);
    while (rest.length > 0) {
        struct ops_view piece = ops_view(rest.data, piece_of(rest));
        rest = ops_view(rest.data + piece.length, rest.length - piece.length);
        while (piece.length > 0 && write_some(log->config.fd, &piece))
            ;
    }
}

/* With what waits; false when the end has come and nothing does. */
static bool take_locked(struct file_log *log)
{
    while (log->synced.waiting.length == 0 && !log->synced.is_ending)
        pthread_cond_wait(&log->news, &log->mutex);
    if (log->synced.waiting.length == 0)
        return false;
    struct ops_buf taken = log->synced.waiting;
    ops_buf_clear(&log->in_hand);
    log->synced.waiting = log->in_hand;
    log->in_hand = taken;
    log->synced.is_writing = true;
    return true;
}

/* It begins with the first line in hand. */
static void *write_on(void *context)
{
    struct file_log *log = context;
    bool goes_on = true;
    while (goes_on) {
        write_out(log);
        pthread_mutex_lock(&log->mutex);
        log->synced.is_writing = false;
        (void)tell_dropped_locked(log); /* if there is no room it is told with the next line */
        if (log->synced.waiting.length == 0)
            pthread_cond_broadcast(&log->idle);
        goes_on = take_locked(log);
        pthread_mutex_unlock(&log->mutex);
    }
    return NULL;
}

/* ---- from beginning to end ---- */

enum ops_status ops_file_log_new(const struct ops_file_log_config *config, struct ops_log **ret_log)
{
    struct file_log *log = ops_mem_zeroed(1, sizeof *log);
    if (!log)
        return OPS_NO_MEMORY;
    log->base.ops = &file_ops;
    log->config = *config;
    (void)pthread_mutex_init(&log->mutex, NULL); /* these need no resources on Linux */
    ops_wait_init(&log->news);
    ops_wait_init(&log->idle);
    ops_buf_init(&log->synced.waiting, OPS_FILE_LOG_QUEUE_BYTES);
    ops_buf_init(&log->in_hand, OPS_FILE_LOG_QUEUE_BYTES);
    *ret_log = &log->base;
    return OPS_OK;
}

enum ops_status ops_file_log_begin(struct ops_log *self, const char *first)
{
    struct file_log *log = file_log(self);
    if (first)
        ops_buf_append_text(&log->in_hand, first);
    if (ops_buf_status(&log->in_hand) != OPS_OK)
        return OPS_NO_MEMORY;
    log->synced.is_writing = true;
    log->has_thread = pthread_create(&log->thread, NULL, write_on, log) == 0;
    return log->has_thread ? OPS_OK : OPS_NO_MEMORY;
}

/* Whether the thread has come to its end, or will at once. */
static bool drain(struct file_log *log)
{
    const struct timespec until = ops_wait_until(OPS_FILE_LOG_DRAIN_MS);
    bool in_time = true;
    pthread_mutex_lock(&log->mutex);
    log->synced.is_ending = true;
    pthread_cond_broadcast(&log->news);
    while ((log->synced.waiting.length > 0 || log->synced.is_writing) && in_time)
        in_time = ops_wait(&log->idle, &log->mutex, &until);
    bool is_done = log->synced.waiting.length == 0 && !log->synced.is_writing;
    pthread_mutex_unlock(&log->mutex);
    return is_done;
}

void ops_file_log_free(struct ops_log *self)
{
    if (!self)
        return;
    struct file_log *log = file_log(self);
    if (log->has_thread && !drain(log)) {
        (void)pthread_detach(log->thread); /* it hangs in a write, and what it writes stays for as long */
        return;
    }
    if (log->has_thread)
        (void)pthread_join(log->thread, NULL);
    ops_buf_release(&log->synced.waiting);
    ops_buf_release(&log->in_hand);
    (void)pthread_cond_destroy(&log->news);
    (void)pthread_cond_destroy(&log->idle);
    (void)pthread_mutex_destroy(&log->mutex);
    ops_mem_free(log);
}

bool ops_is_journal(int fd, const char *journal_stream)
{
    uintmax_t device, inode;
    struct stat found;
    int end = 0;
    if (!journal_stream || sscanf(journal_stream, "%" SCNuMAX ":%" SCNuMAX "%n", &device, &inode, &end) != 2 ||
        journal_stream[end] || fstat(fd, &found) != 0)
        return false;
    return found.st_dev == device && found.st_ino == inode;
}
