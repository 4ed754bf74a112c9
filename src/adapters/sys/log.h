/* The log of a process: lines on a file descriptor, normally standard error.
 *
 * A thread of its own writes them, since a pipe or a terminal that nobody reads lets a writer wait for ever. Lines that come
 * faster than they are read wait in OPS_FILE_LOG_QUEUE_BYTES; what does not fit is dropped, and how much that was is said in
 * a line as soon as there is room.
 */
#ifndef OPS_ADAPTERS_SYS_LOG_H
#define OPS_ADAPTERS_SYS_LOG_H

#include "ports/clock.h"
#include "ports/log.h"

enum {
    OPS_FILE_LOG_QUEUE_BYTES = 1024 * 1024,
    OPS_FILE_LOG_DRAIN_MS = 1000, /* how long the end waits for a reader */
};

struct ops_file_log_config {
    int fd; /* borrowed */
    enum ops_log_format format;
    enum ops_log_level level; /* this one and the graver ones are written */
    bool has_priorities;      /* each line begins with its "<N>" (sd-daemon(3)), which the journal takes off */
    struct ops_clock *clock;  /* borrowed */
};

/* Takes lines, and keeps them until ops_file_log_begin. OPS_NO_MEMORY. */
enum ops_status ops_file_log_new(const struct ops_file_log_config *config, struct ops_log **ret_log) OPS_MUST_USE;

/* Writes what was kept, and from now on what comes; before all of it first, a line of its own (with its end) in whatever
 * format, or NULL. Once. OPS_NO_MEMORY: there is no thread for it. */
enum ops_status ops_file_log_begin(struct ops_log *log, const char *first) OPS_MUST_USE;

/* Waits until all is written, but not longer than OPS_FILE_LOG_DRAIN_MS. NULL is fine. */
void ops_file_log_free(struct ops_log *log);

/* Whether fd is the journal, by what JOURNAL_STREAM says (systemd.exec(5): "device:inode"); NULL: it is not. */
bool ops_is_journal(int fd, const char *journal_stream);

#endif
