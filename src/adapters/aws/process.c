#include "adapters/aws/process.h"

#include "adapters/aws/secret_text.h"
#include "base/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_SIZE = 4096, LOOK_EVERY_MS = 10 };

/* Empty standard input, output into the pipe. Both ends of the pipe are closed in the child by themselves. */
static int plan_files(posix_spawn_file_actions_t *files, int output_fd)
{
    int failed = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    return failed ? failed : posix_spawn_file_actions_adddup2(files, output_fd, STDOUT_FILENO);
}

/* A thread of ours may have blocked signals, or ignore some; the command is not to inherit that. */
static int plan_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (!failed)
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    return failed ? failed : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(const char *command, int output_fd, pid_t *ret_pid)
{
    char shell[] = "sh", option[] = "-c";
    char *const arguments[] = {shell, option, (char *)(uintptr_t)command, NULL}; /* posix_spawn changes nothing in them */
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&files);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        failed = plan_files(&files, output_fd);
        if (!failed)
            failed = plan_signals(&attributes);
        if (!failed)
            failed = posix_spawn(ret_pid, "/bin/sh", &files, &attributes, arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* One read; false when there is nothing more to come, or to wait for. */
static bool read_some(int fd, int64_t left_ms, struct ops_buf *output, enum ops_status *status)
{
    char bytes[READ_SIZE];
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int ready = poll(&polled, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
    if (ready < 0 && errno == EINTR)
        return true;
    ssize_t got = ready > 0 ? read(fd, bytes, sizeof bytes) : -1;
    if (got > 0)
        ops_buf_append(output, bytes, (size_t)got);
    if (got < 0 && ready <= 0)
        *status = OPS_UNKNOWN;
    else
        *status = got < 0 ? OPS_IO_ERROR : ops_buf_status(output);
    explicit_bzero(bytes, sizeof bytes);
    return got > 0 && *status == OPS_OK;
}

/* OPS_UNKNOWN: the time ran out. */
static enum ops_status read_until_closed(int fd, int64_t timeout_ms, struct ops_clock *clock, struct ops_buf *output)
{
    int64_t deadline_ms = ops_clock_monotonic_ms(clock) + timeout_ms;
    enum ops_status status = OPS_OK;
    bool more = true;
    while (more) {
        int64_t left_ms = deadline_ms - ops_clock_monotonic_ms(clock);
        more = read_some(fd, left_ms > 0 ? left_ms : 0, output, &status);
    }
    return status;
}

/* Waits for the end of a command, which mostly comes with the end of its output, for as long. */
static bool ends_within(pid_t pid, int64_t timeout_ms)
{
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0 && timeout_ms > 0) {
        (void)poll(NULL, 0, LOOK_EVERY_MS);
        timeout_ms -= LOOK_EVERY_MS;
    }
    return info.si_pid == pid;
}

/* The exit status, or -1 when a signal ended it. */
static int reap(pid_t pid)
{
    int wait_status = 0;
    pid_t reaped;
    do
        reaped = waitpid(pid, &wait_status, 0);
    while (reaped < 0 && errno == EINTR);
    return reaped == pid && WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
}

static enum ops_status say_unread(enum ops_status status, const char *source, int64_t timeout_ms,
                                  const struct ops_buf *output, struct ops_error *error)
{
    if (status == OPS_UNKNOWN)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s has not ended after %lld ms.", source, (long long)timeout_ms);
    if (status == OPS_LIMIT)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s writes more than %zu bytes.", source, output->limit_bytes);
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s can't be read from.", source);
}

static enum ops_status collect(pid_t pid, int fd, const char *source, int64_t timeout_ms, struct ops_clock *clock,
                               struct ops_buf *output, struct ops_error *error)
{
    enum ops_status status = read_until_closed(fd, timeout_ms, clock, output);
    if (status == OPS_OK && !ends_within(pid, timeout_ms))
        status = OPS_UNKNOWN;
    if (status != OPS_OK)
        (void)kill(pid, SIGKILL); /* not reaped yet, so the id is still its own */
    int exit_status = reap(pid);
    if (status != OPS_OK)
        return say_unread(status, source, timeout_ms, output, error);
    if (exit_status < 0)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s was ended by a signal.", source);
    if (exit_status > 0)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s ends with exit status %d.", source, exit_status);
    return OPS_OK;
}

enum ops_status ops_process_read(const char *command, const char *source, int64_t timeout_ms, struct ops_clock *clock,
                                 struct ops_buf *output, struct ops_error *error)
{
    int ends[2];
    pid_t pid = -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s can't be run: %s.", source, strerror(errno));
    int failed = spawn(command, ends[1], &pid);
    (void)close(ends[1]);
    ops_foreign_rest();
    enum ops_status status = failed
                                 ? ops_fail(error, OPS_STORE_UNAVAILABLE, "%s can't be run: %s.", source, strerror(failed))
                                 : collect(pid, ends[0], source, timeout_ms, clock, output, error);
    ops_foreign_resume();
    (void)close(ends[0]);
    return status;
}
