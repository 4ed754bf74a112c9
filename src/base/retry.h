/* How long to wait before trying again: exponential from 100 ms to 5 s, full jitter (AWS Architecture Blog, "Exponential
 * Backoff And Jitter"), at most seven attempts.
 */
#ifndef OPS_BASE_RETRY_H
#define OPS_BASE_RETRY_H

#include <stdint.h>

enum {
    OPS_RETRY_ATTEMPTS_MAX = 7,
    OPS_RETRY_FIRST_MS = 100,
    OPS_RETRY_CAP_MS = 5000,
};

/* The wait after attempt (1, 2, ...) failed; random is any 32 random bits. 0..min(cap, first * 2^(attempt-1)) ms. */
int64_t ops_retry_wait_ms(int attempt, uint32_t random);

#endif
