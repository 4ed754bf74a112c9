#include "base/wait.h"

#include <time.h>

enum { NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000, MS_PER_SECOND = 1000 };

void ops_wait_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes); /* none of these can fail on Linux */
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

struct timespec ops_wait_until(int64_t wait_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* fails only for a clock that does not exist */
    if (wait_ms <= 0)
        return until;
    until.tv_sec += (time_t)(wait_ms / MS_PER_SECOND);
    until.tv_nsec += (long)(wait_ms % MS_PER_SECOND) * NS_PER_MS;
    if (until.tv_nsec >= NS_PER_SECOND) {
        until.tv_nsec -= NS_PER_SECOND;
        until.tv_sec++;
    }
    return until;
}

bool ops_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    return pthread_cond_timedwait(condition, mutex, until) == 0;
}
