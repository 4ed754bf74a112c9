/* At most so many a second: the generic cell rate algorithm (ITU-T I.371), without a burst of more than one second's worth.
 */
#ifndef OPS_BASE_RATE_H
#define OPS_BASE_RATE_H

#include <stddef.h>
#include <stdint.h>

struct ops_rate {
    int64_t per_second; /* 0: no limit */
    int64_t free_us;    /* monotonic; nothing more before this */
};

void ops_rate_init(struct ops_rate *rate, int64_t per_second);

/* How many of wanted (1 or more) may go now, at most one second's worth; they count as gone. 0: none before *ret_wait_ms
 * (1 or more) are over. */
size_t ops_rate_take(struct ops_rate *rate, size_t wanted, int64_t monotonic_ms, int64_t *ret_wait_ms);

#endif
