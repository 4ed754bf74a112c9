#include "adapters/aws/pacer.h"

void ops_aws_pacer_init(struct ops_aws_pacer *pacer, struct ops_clock *clock, uint32_t most)
{
    pacer->clock = clock;
    (void)pthread_mutex_init(&pacer->mutex, NULL); /* a default mutex needs no resources on Linux */
    ops_pace_init(&pacer->synced.pace, most, ops_clock_monotonic_ms(clock));
}

void ops_aws_pacer_release(struct ops_aws_pacer *pacer)
{
    (void)pthread_mutex_destroy(&pacer->mutex);
}

size_t ops_aws_pacer_enter(struct ops_aws_pacer *pacer, size_t wanted)
{
    int64_t now_ms = ops_clock_monotonic_ms(pacer->clock);
    size_t taken = 0;
    pthread_mutex_lock(&pacer->mutex);
    while (taken < wanted && ops_pace_enter(&pacer->synced.pace, now_ms))
        taken++;
    if (taken == 0) {
        pacer->synced.pace.busy++; /* over the limit, by one for each thread at most */
        taken = 1;
    }
    pthread_mutex_unlock(&pacer->mutex);
    return taken;
}

void ops_aws_pacer_leave(struct ops_aws_pacer *pacer, size_t taken, bool throttled)
{
    int64_t now_ms = ops_clock_monotonic_ms(pacer->clock);
    pthread_mutex_lock(&pacer->mutex);
    for (size_t i = 0; i < taken; i++)
        ops_pace_leave(&pacer->synced.pace, throttled && i == 0, now_ms); /* one batch of answers halves once */
    pthread_mutex_unlock(&pacer->mutex);
}
