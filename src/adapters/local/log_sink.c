#include "adapters/local/log_sink.h"

#include "base/buf.h"
#include "base/instant.h"
#include "base/mem.h"
#include "base/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const path_below_data[] = {"stack", "log_groups", "g3nretailstack", "ops", "maintenance-audit"};

#define GROUP_PATH "stack/log_groups/g3nretailstack/ops/maintenance-audit"
#define STREAM_PREFIX "audit-"
#define STREAM_SUFFIX ".jsonl"

enum {
    DATE_LENGTH = sizeof "2026-11-24" - 1,
    STREAM_NAME_SIZE = sizeof STREAM_PREFIX "2026-11-24" STREAM_SUFFIX,
    BATCH_MAX_BYTES = 64 * 1024 * 1024,
    LOCK_TRIES_MAX = 100, /* a second in all */
    LOCK_PAUSE_MS = 10,
};

struct local_log_sink {
    struct ops_log_sink base;
    char *data_dir;
    pthread_mutex_t mutex; /* one append at a time in this process; the directory's lock does it between processes */
};

static struct local_log_sink *local_log_sink(struct ops_log_sink *self)
{
    return (struct local_log_sink *)self;
}

static enum ops_status fail(const struct local_log_sink *sink, enum ops_status status, const char *name, const char *reason,
                            struct ops_error *error)
{
    return ops_fail(error, status, "The audit log %s/" GROUP_PATH "%s%s can't be written: %s.", sink->data_dir,
                    name[0] ? "/" : "", name, reason);
}

/* Opens the directory name in parent, and makes it first if need be. Closes parent. -1 and errno on failure. */
static int descend(int parent, const char *name)
{
    int made = mkdirat(parent, name, S_IRWXU);
    int directory = -1;
    if ((made == 0 && fsync(parent) == 0) || (made != 0 && errno == EEXIST))
        directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int reason = errno;
    (void)close(parent); /* nothing was written through it */
    errno = reason;
    return directory;
}

static int open_group(const struct local_log_sink *sink)
{
    int directory = open(sink->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof path_below_data / sizeof path_below_data[0] && directory >= 0; i++)
        directory = descend(directory, path_below_data[i]);
    return directory;
}

/* Waits for at most a second: a process that is stopped while it holds the lock must not stop this one. */
static bool lock_group(int directory)
{
    for (int tries = 0; tries < LOCK_TRIES_MAX; tries++) {
        if (flock(directory, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL); /* woken early by a signal, it tries earlier */
    }
    return false;
}

static void stream_name(int64_t at_ms, char ret_name[static STREAM_NAME_SIZE])
{
    char date[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(at_ms, date);
    (void)snprintf(ret_name, STREAM_NAME_SIZE, STREAM_PREFIX "%.*s" STREAM_SUFFIX, DATE_LENGTH, date);
}

static bool is_stream_name(const char *name)
{
    static const char pattern[] = STREAM_PREFIX "dddd-dd-dd" STREAM_SUFFIX;
    if (strlen(name) != sizeof pattern - 1)
        return false;
    for (size_t i = 0; pattern[i]; i++) {
        bool date = i >= sizeof STREAM_PREFIX - 1 && i < sizeof STREAM_PREFIX - 1 + DATE_LENGTH;
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (date && pattern[i] == 'd' ? !digit : name[i] != pattern[i])
            return false;
    }
    return true;
}

/* Raises name to the newest stream that exists. False and errno when the directory can't be read. */
static bool raise_to_newest(int directory, char name[static STREAM_NAME_SIZE])
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy >= 0 ? fdopendir(copy) : NULL;
    if (!listing) {
        int reason = errno;
        if (copy >= 0)
            (void)close(copy); /* nothing was written through it */
        errno = reason;
        return false;
    }
    errno = 0;
    const struct dirent *entry;
    while ((entry = readdir(listing))) {
        if (is_stream_name(entry->d_name) && strcmp(entry->d_name, name) > 0)
            memcpy(name, entry->d_name, STREAM_NAME_SIZE);
        errno = 0;
    }
    int reason = errno;
    (void)closedir(listing); /* likewise */
    errno = reason;
    return reason == 0;
}

static uid_t place_owner(const struct local_log_sink *sink)
{
    struct stat place;
    return stat(sink->data_dir, &place) == 0 ? place.st_uid : geteuid();
}

/* Opens the stream; what it holds so far is *ret_size bytes, of which the last is *ret_last. */
static enum ops_status open_stream(const struct local_log_sink *sink, int directory, const char *name, int *ret_fd,
                                   off_t *ret_size, char *ret_last, struct ops_error *error)
{
    struct stat found;
    int fd = openat(directory, name, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const char *problem = NULL;
    char why[OPS_TRUST_WHY_SIZE];
    if (fd < 0 || fstat(fd, &found) != 0)
        problem = strerror(errno);
    else if (!S_ISREG(found.st_mode))
        problem = "it is not a regular file";
    else if (!ops_trust(&found, place_owner(sink), why))
        problem = why;
    else if (found.st_size == 0 && fsync(directory) != 0)
        problem = strerror(errno);
    else if (found.st_size > 0 && pread(fd, ret_last, 1, found.st_size - 1) != 1)
        problem = "its end can't be read";
    if (problem) {
        if (fd >= 0)
            (void)close(fd); /* nothing was written through it */
        return fail(sink, OPS_STORE_UNAVAILABLE, name, problem, error);
    }
    *ret_size = found.st_size;
    *ret_fd = fd;
    return OPS_OK;
}

/* Writes all of it, or tells how far it came in *ret_written. */
static int write_all(int fd, struct ops_view bytes, size_t *ret_written)
{
    *ret_written = 0;
    while (*ret_written < bytes.length) {
        ssize_t written = write(fd, bytes.data + *ret_written, bytes.length - *ret_written);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        *ret_written += (size_t)written;
    }
    return 0;
}

/* Where this fails too, the next append ends the torn line. */
static void take_back(int fd, off_t size)
{
    int result = ftruncate(fd, size);
    (void)result;
}

static enum ops_status write_batch(const struct local_log_sink *sink, int directory, const char *name, struct ops_buf *batch,
                                   struct ops_error *error)
{
    int fd = -1;
    off_t size = 0;
    size_t written = 0;
    char last = '\n';
    enum ops_status status = open_stream(sink, directory, name, &fd, &size, &last, error);
    if (status != OPS_OK)
        return status;
    /* A line that a crash left torn is ended, so that the events after it are lines of their own. */
    if (last != '\n' && write(fd, "\n", 1) != 1)
        status = fail(sink, OPS_STORE_UNAVAILABLE, name, strerror(errno), error);
    else if (write_all(fd, ops_buf_view(batch), &written) != 0)
        status = fail(sink, written ? OPS_UNKNOWN : OPS_STORE_UNAVAILABLE, name, strerror(errno), error);
    else if (fdatasync(fd) != 0)
        status = fail(sink, OPS_UNKNOWN, name, strerror(errno), error);
    if (status != OPS_OK && written > 0)
        take_back(fd, size);
    (void)close(fd); /* what had to be on the disk has been synced */
    return status;
}

static enum ops_status append_locked(const struct local_log_sink *sink, int64_t at_ms, struct ops_buf *batch,
                                     struct ops_error *error)
{
    enum ops_status status;
    char name[STREAM_NAME_SIZE];
    stream_name(at_ms, name);
    int directory = open_group(sink);
    if (directory < 0)
        return fail(sink, OPS_STORE_UNAVAILABLE, "", strerror(errno), error);
    if (!lock_group(directory))
        status = fail(sink, OPS_STORE_UNAVAILABLE, "", "another process keeps it locked", error);
    else if (!raise_to_newest(directory, name))
        status = fail(sink, OPS_STORE_UNAVAILABLE, "", strerror(errno), error);
    else
        status = write_batch(sink, directory, name, batch, error);
    (void)close(directory); /* gives the lock back; nothing was written through it */
    return status;
}

static enum ops_status local_append(struct ops_log_sink *self, const struct ops_log_event *events, size_t count,
                                    struct ops_error *error)
{
    struct local_log_sink *sink = local_log_sink(self);
    struct ops_buf batch;
    ops_buf_init(&batch, BATCH_MAX_BYTES);
    for (size_t i = 0; i < count; i++) {
        ops_buf_append_view(&batch, events[i].text);
        ops_buf_append_char(&batch, '\n');
    }
    enum ops_status status = ops_buf_status(&batch);
    if (status == OPS_OK) {
        pthread_mutex_lock(&sink->mutex);
        status = append_locked(sink, events[0].at_ms, &batch, error);
        pthread_mutex_unlock(&sink->mutex);
    }
    ops_buf_release(&batch);
    return status;
}

/* ---- reading ---- */

enum { CHUNK_BYTES = 64 * 1024, LINE_MAX_BYTES = 1024 * 1024, STREAMS_MAX = 100 * 1000 };

static enum ops_status fail_read(const struct local_log_sink *sink, const char *name, const char *reason,
                                 struct ops_error *error)
{
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "The audit log %s/" GROUP_PATH "%s%s can't be read: %s.", sink->data_dir,
                    name[0] ? "/" : "", name, reason);
}

/* The names of the streams, and where in the first of them the reading begins. */
struct streams {
    char (*names)[STREAM_NAME_SIZE];
    size_t count;
    size_t first;
    off_t offset;
};

/* Makes nothing. -1 and errno. */
static int open_group_to_read(const struct local_log_sink *sink)
{
    int directory = open(sink->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof path_below_data / sizeof path_below_data[0] && directory >= 0; i++) {
        int next = openat(directory, path_below_data[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int reason = errno;
        (void)close(directory); /* nothing was written through it */
        errno = reason;
        directory = next;
    }
    return directory;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A day has one stream, so there are not many. */
static enum ops_status list_streams(const struct local_log_sink *sink, DIR *listing, struct streams *streams,
                                    struct ops_error *error)
{
    const struct dirent *entry;
    size_t capacity = 0;
    errno = 0;
    while ((entry = readdir(listing))) {
        if (!is_stream_name(entry->d_name))
            continue;
        if (streams->count == capacity) {
            capacity = capacity ? 2 * capacity : 32;
            char(*names)[STREAM_NAME_SIZE] =
                capacity <= STREAMS_MAX ? ops_mem_resize(streams->names, capacity * sizeof *names) : NULL;
            if (!names)
                return OPS_NO_MEMORY;
            streams->names = names;
        }
        memcpy(streams->names[streams->count++], entry->d_name, STREAM_NAME_SIZE);
        errno = 0;
    }
    if (errno != 0)
        return fail_read(sink, "", strerror(errno), error);
    if (streams->count > 0)
        qsort(streams->names, streams->count, sizeof streams->names[0], compare_names);
    return OPS_OK;
}

static int open_to_read(int directory, const char *name)
{
    struct stat found;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || (fstat(fd, &found) == 0 && S_ISREG(found.st_mode)))
        return fd;
    (void)close(fd); /* nothing was written through it */
    errno = EINVAL;
    return -1;
}

/* Where the last *lines lines of the file begin; *lines becomes how many it has less than that. The end of the line before
 * is the one that is looked for: hence one more. A last line without an end is one, too. False and errno. */
static bool find_last_lines(int fd, size_t *lines, off_t *ret_offset)
{
    char chunk[CHUNK_BYTES];
    off_t at = lseek(fd, 0, SEEK_END);
    *ret_offset = 0;
    if (at > 0 && pread(fd, chunk, 1, at - 1) != 1)
        return false;
    size_t ends = at > 0 && chunk[0] != '\n' ? 1 : 0;
    while (at > 0) {
        size_t size = at < CHUNK_BYTES ? (size_t)at : CHUNK_BYTES;
        at -= (off_t)size;
        if (pread(fd, chunk, size, at) != (ssize_t)size)
            return false;
        for (size_t i = size; i-- > 0;) {
            if (chunk[i] != '\n' || ends++ < *lines)
                continue;
            *ret_offset = at + (off_t)i + 1;
            *lines = 0;
            return true;
        }
    }
    *lines -= ends < *lines ? ends : *lines;
    return at == 0;
}

static enum ops_status find_begin(const struct local_log_sink *sink, int directory, size_t last, struct streams *streams,
                                  struct ops_error *error)
{
    size_t left = last;
    for (size_t i = streams->count; last > 0 && i-- > 0;) {
        streams->first = i;
        int fd = open_to_read(directory, streams->names[i]);
        bool found = fd >= 0 && find_last_lines(fd, &left, &streams->offset);
        int reason = errno;
        if (fd >= 0)
            (void)close(fd); /* nothing was written through it */
        if (!found)
            return fail_read(sink, streams->names[i], strerror(reason), error);
        if (left == 0)
            return OPS_OK;
    }
    streams->first = 0;
    streams->offset = 0;
    return OPS_OK;
}

/* A stream while it is read: the line that has begun, and where it stands. */
struct reading {
    struct ops_log_place place;
    bool counts;
    bool has_begun; /* a line of which the end has not come yet */
    struct ops_buf line;
    ops_on_log_event_fn on_event;
    void *context;
};

static enum ops_status give_line(struct reading *reading)
{
    reading->place.number += reading->counts;
    enum ops_status status = ops_buf_status(&reading->line);
    if (status == OPS_OK)
        status = reading->on_event(reading->context, &reading->place, ops_buf_view(&reading->line));
    reading->has_begun = reading->place.is_cut = false;
    ops_buf_clear(&reading->line);
    return status;
}

/* Of a line that is longer than any of ours the first LINE_MAX_BYTES are kept, wherever the pieces end that it comes in. */
static void add_to_line(struct reading *reading, struct ops_view piece)
{
    size_t room = LINE_MAX_BYTES - reading->line.length;
    if (piece.length > room)
        reading->place.is_cut = true;
    ops_buf_append(&reading->line, piece.data, piece.length < room ? piece.length : room);
    reading->has_begun = true;
}

static enum ops_status give_lines(struct reading *reading, struct ops_view chunk)
{
    enum ops_status status = OPS_OK;
    while (chunk.length > 0 && status == OPS_OK) {
        const char *end = memchr(chunk.data, '\n', chunk.length);
        size_t length = end ? (size_t)(end - chunk.data) : chunk.length;
        add_to_line(reading, ops_view(chunk.data, length));
        if (end)
            status = give_line(reading);
        length += end ? 1 : 0;
        chunk = ops_view(chunk.data + length, chunk.length - length);
    }
    return status;
}

/* A last line without an end is being written just now, or a crash has torn it, or somebody else has put it there: whoever
 * reads the file sees it. */
static enum ops_status read_stream(const struct local_log_sink *sink, int directory, const char *name, off_t offset,
                                   ops_on_log_event_fn on_event, void *context, struct ops_error *error)
{
    char chunk[CHUNK_BYTES];
    struct reading reading = {
        .place = {.stream = name, .noun = "line"}, .counts = offset == 0, .on_event = on_event, .context = context};
    ssize_t got = -1;
    enum ops_status status = OPS_OK;
    int fd = open_to_read(directory, name);
    ops_buf_init(&reading.line, LINE_MAX_BYTES);
    while (fd >= 0 && status == OPS_OK && (got = pread(fd, chunk, sizeof chunk, offset)) > 0) {
        offset += got;
        status = give_lines(&reading, ops_view(chunk, (size_t)got));
    }
    if (status == OPS_OK && got < 0)
        status = fail_read(sink, name, strerror(errno), error);
    if (status == OPS_OK && reading.has_begun)
        status = give_line(&reading);
    if (fd >= 0)
        (void)close(fd); /* nothing was written through it */
    ops_buf_release(&reading.line);
    return status;
}

static enum ops_status local_read(struct ops_log_sink *self, size_t last, ops_on_log_event_fn on_event, void *context,
                                  struct ops_error *error)
{
    const struct local_log_sink *sink = local_log_sink(self);
    struct streams streams = {.names = NULL};
    int directory = open_group_to_read(sink);
    if (directory < 0)
        return errno == ENOENT ? OPS_OK : fail_read(sink, "", strerror(errno), error);
    DIR *listing = fdopendir(directory);
    if (!listing) {
        (void)close(directory); /* nothing was written through it */
        return OPS_NO_MEMORY;
    }
    enum ops_status status = list_streams(sink, listing, &streams, error);
    if (status == OPS_OK)
        status = find_begin(sink, directory, last, &streams, error);
    for (size_t i = streams.first; i < streams.count && status == OPS_OK; i++)
        status = read_stream(sink, directory, streams.names[i], i == streams.first ? streams.offset : 0, on_event, context,
                             error);
    (void)closedir(listing); /* and with it the directory */
    ops_mem_free(streams.names);
    return status;
}

static void local_release(struct ops_log_sink *self)
{
    struct local_log_sink *sink = local_log_sink(self);
    pthread_mutex_destroy(&sink->mutex);
    ops_mem_free(sink->data_dir);
    ops_mem_free(sink);
}

static const struct ops_log_sink_ops local_ops = {
    .append = local_append,
    .read = local_read,
    .release = local_release,
};

enum ops_status ops_local_log_sink_new(const char *data_dir, struct ops_log_sink **ret_sink)
{
    struct local_log_sink *sink = ops_mem_zeroed(1, sizeof *sink);
    if (!sink)
        return OPS_NO_MEMORY;
    sink->base.ops = &local_ops;
    (void)pthread_mutex_init(&sink->mutex, NULL); /* a default mutex needs no resources on Linux */
    sink->data_dir = ops_mem_strdup(data_dir);
    if (!sink->data_dir) {
        local_release(&sink->base);
        return OPS_NO_MEMORY;
    }
    *ret_sink = &sink->base;
    return OPS_OK;
}
