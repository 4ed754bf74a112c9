/* Waiting for another thread, on the monotonic clock: a clock that is set makes no wait longer or shorter. */
#ifndef OPS_BASE_WAIT_H
#define OPS_BASE_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* For conditions that ops_wait waits for. */
void ops_wait_init(pthread_cond_t *condition);

/* The moment that is so far away; what is not positive is now. */
struct timespec ops_wait_until(int64_t wait_ms);

/* With mutex held. False: that moment has come. True: somebody gave the signal, or nothing happened at all; look again. */
bool ops_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);

#endif
