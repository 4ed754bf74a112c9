#include "surfaces/cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static bool system_is_terminal(struct ops_terminal *self, enum ops_stream stream)
{
    (void)self;
    return isatty((int)stream) == 1; /* the streams are numbered as the file descriptors */
}

static int system_columns(struct ops_terminal *self, enum ops_stream stream)
{
    (void)self;
    struct winsize size;
    return ioctl((int)stream, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* A question without echo must give the terminal back whatever signal comes. The handler only notes the signal. The signals
 * are blocked but for the instant of ppoll, which they end: one that comes just before the wait is not lost. Then the
 * terminal is restored, and the signal is raised again with its own disposition. */
static volatile sig_atomic_t caught_signal;

static void note_signal(int number)
{
    caught_signal = number;
}

static const int question_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { QUESTION_SIGNALS = sizeof question_signals / sizeof question_signals[0] };

/* How signals were treated before the question. */
struct signals {
    struct sigaction actions[QUESTION_SIGNALS];
    sigset_t mask;
};

static void catch_signals(struct signals *ret_before)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t blocked;
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < QUESTION_SIGNALS; i++)
        (void)sigaddset(&blocked, question_signals[i]);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &ret_before->mask);
    caught_signal = 0;
    for (size_t i = 0; i < QUESTION_SIGNALS; i++)
        (void)sigaction(question_signals[i], &action, &ret_before->actions[i]);
}

/* Dispositions first: a signal that is pending still acts as it would have without us. */
static void release_signals(const struct signals *before)
{
    for (size_t i = 0; i < QUESTION_SIGNALS; i++)
        (void)sigaction(question_signals[i], &before->actions[i], NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
}

static bool write_whole(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, text, length);
        if (count <= 0)
            return false;
        text += count;
        length -= (size_t)count;
    }
    return true;
}

/* Byte by byte: the rest of the line must not stay behind in a buffer that nobody cleanses. */
static enum ops_status read_line(int fd, const sigset_t *waiting_mask, char *answer, size_t size)
{
    size_t length = 0;
    bool fits = true;
    for (;;) {
        char c;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (ppoll(&ready, 1, NULL, waiting_mask) < 0)
            return OPS_IO_ERROR;
        ssize_t count = read(fd, &c, 1);
        if (count < 0 || (count == 0 && length == 0))
            return OPS_IO_ERROR;
        if (count == 0 || c == '\n' || c == '\r')
            break;
        if (length + 1 < size)
            answer[length++] = c;
        else
            fits = false;
    }
    answer[length] = '\0';
    return fits ? OPS_OK : OPS_LIMIT;
}

static enum ops_status ask_on(int fd, const sigset_t *waiting_mask, const char *prompt, bool echo, char *answer, size_t size)
{
    struct termios before;
    if (tcgetattr(fd, &before) != 0)
        return OPS_UNREACHABLE;
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    if (!echo && tcsetattr(fd, TCSAFLUSH, &quiet) != 0)
        return OPS_IO_ERROR;
    enum ops_status status =
        write_whole(fd, prompt, strlen(prompt)) ? read_line(fd, waiting_mask, answer, size) : OPS_IO_ERROR;
    if (!echo) {
        (void)tcsetattr(fd, TCSAFLUSH, &before);
        (void)write_whole(fd, "\n", 1);
    }
    return status;
}

static enum ops_status system_ask(struct ops_terminal *self, const char *prompt, bool echo, char *answer, size_t size,
                                  struct ops_error *error)
{
    (void)self;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return ops_fail(error, OPS_UNREACHABLE, "There is no terminal to ask on.");
    enum ops_status status;
    do {
        struct signals before;
        catch_signals(&before);
        status = ask_on(fd, &before.mask, prompt, echo, answer, size);
        release_signals(&before);
        if (caught_signal)
            (void)raise(caught_signal);
    } while (caught_signal == SIGTSTP); /* stopped, and back again: the question is still open */
    (void)close(fd);
    if (status == OPS_IO_ERROR)
        (void)ops_fail(error, status, "Nothing was typed.");
    return status;
}

static void interrupts(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

static void system_hold_interrupts(struct ops_terminal *self, bool hold)
{
    (void)self;
    sigset_t set;
    interrupts(&set);
    (void)pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail for this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The signals are blocked while held, so taking one off the queue is all there is to do: no handler, no race. */
static bool system_pause(struct ops_terminal *self, int64_t wait_ms)
{
    (void)self;
    sigset_t set;
    interrupts(&set);
    int64_t end_ms = monotonic_ms() + wait_ms;
    for (;;) {
        int64_t left_ms = end_ms - monotonic_ms();
        if (left_ms < 0)
            left_ms = 0;
        struct timespec timeout = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        int number = sigtimedwait(&set, NULL, &timeout);
        if (number > 0)
            return false;
        if (errno != EINTR || left_ms == 0)
            return true;
    }
}

struct ops_terminal *ops_terminal_system(void)
{
    static const struct ops_terminal_ops ops = {
        .is_terminal = system_is_terminal,
        .columns = system_columns,
        .ask = system_ask,
        .hold_interrupts = system_hold_interrupts,
        .pause = system_pause,
    };
    static struct ops_terminal terminal = {&ops};
    return &terminal;
}
