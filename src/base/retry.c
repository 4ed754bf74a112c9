#include "base/retry.h"

int64_t ops_retry_wait_ms(int attempt, uint32_t random)
{
    int64_t ceiling_ms = OPS_RETRY_FIRST_MS;
    for (int i = 1; i < attempt && ceiling_ms < OPS_RETRY_CAP_MS; i++)
        ceiling_ms *= 2;
    if (ceiling_ms > OPS_RETRY_CAP_MS)
        ceiling_ms = OPS_RETRY_CAP_MS;
    return (int64_t)((uint64_t)random * (uint64_t)(ceiling_ms + 1) >> 32);
}
