#include "main/signals.h"

#include <time.h>

/*
 * Not here are the signals by which a fault of our own shows (SIGSEGV and the like), those that stop and continue, and the
 * ones that somebody sends to have a process end or leave a core: SIGQUIT, SIGABRT, SIGXCPU. SIGXFSZ is: with it ignored, a
 * write beyond the limit of a file's size fails, as on a full disk, and that is told.
 */
static const int stray[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXFSZ};

static void ignore_if_default(int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        (void)signal(number, SIG_IGN); /* exists, and may be ignored */
}

void ops_signals_init(bool hangups, sigset_t *ret_waited)
{
    for (size_t i = 0; i < sizeof stray / sizeof stray[0]; i++)
        ignore_if_default(stray[i]);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        ignore_if_default(number);
    (void)sigemptyset(ret_waited);
    (void)sigaddset(ret_waited, SIGTERM);
    (void)sigaddset(ret_waited, SIGINT);
    if (hangups)
        (void)sigaddset(ret_waited, SIGHUP);
    else
        ignore_if_default(SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, ret_waited, NULL);
}

int ops_signals_wait(const sigset_t *waited, int64_t wait_ms)
{
    const struct timespec time = {.tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000};
    int number = sigtimedwait(waited, NULL, &time);
    return number > 0 ? number : 0; /* also when a signal that is not waited for has cut the wait short */
}

static struct timespec end_began; /* before on_impatience can be called */

static void on_impatience(int number)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail, and may be called here */
    int64_t since_ms = (int64_t)(now.tv_sec - end_began.tv_sec) * 1000 + (now.tv_nsec - end_began.tv_nsec) / 1000000;
    if (since_ms < OPS_SIGNALS_SAME_MS)
        return;
    (void)signal(number, SIG_DFL);
    (void)raise(number); /* blocked until we return, and then it ends us */
}

void ops_signals_end_at_once(void)
{
    static const int ends[] = {SIGTERM, SIGINT};
    struct sigaction action = {.sa_handler = on_impatience, .sa_flags = SA_RESTART};
    sigset_t set;
    (void)clock_gettime(CLOCK_MONOTONIC, &end_began);
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)sigaction(ends[i], &action, NULL); /* exists, and may be handled */
        (void)sigaddset(&set, ends[i]);
    }
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
