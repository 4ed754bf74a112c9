#include "base/rate.h"

enum {
    MICROSECONDS_PER_MS = 1000,
    MICROSECONDS_PER_SECOND = 1000000,
    LATENESS_US = 100 * 1000, /* a waiter that comes a little late does not lower the rate */
};

void ops_rate_init(struct ops_rate *rate, int64_t per_second)
{
    *rate = (struct ops_rate){.per_second = per_second, .free_us = 0};
}

size_t ops_rate_take(struct ops_rate *rate, size_t wanted, int64_t monotonic_ms, int64_t *ret_wait_ms)
{
    if (rate->per_second <= 0)
        return wanted;
    int64_t now_us = monotonic_ms * MICROSECONDS_PER_MS;
    if (rate->free_us > now_us) {
        *ret_wait_ms = (rate->free_us - now_us + MICROSECONDS_PER_MS - 1) / MICROSECONDS_PER_MS;
        return 0;
    }
    size_t taken = wanted < (uint64_t)rate->per_second ? wanted : (size_t)rate->per_second;
    int64_t from_us = now_us - rate->free_us < LATENESS_US ? rate->free_us : now_us;
    rate->free_us = from_us + (int64_t)taken * MICROSECONDS_PER_SECOND / rate->per_second;
    return taken;
}
