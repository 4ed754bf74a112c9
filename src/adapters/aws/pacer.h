/* How many requests may be on their way to one service at once: halved when the service asks for fewer, one more each second
 * while it doesn't. Shared by all targets of a service and so by all workers.
 */
#ifndef OPS_ADAPTERS_AWS_PACER_H
#define OPS_ADAPTERS_AWS_PACER_H

#include "base/pace.h"
#include "ports/clock.h"

#include <pthread.h>
#include <stddef.h>

struct ops_aws_pacer {
    struct ops_clock *clock;
    pthread_mutex_t mutex;
    struct {
        struct ops_pace pace;
    } synced;
};

void ops_aws_pacer_init(struct ops_aws_pacer *pacer, struct ops_clock *clock, uint32_t most);
void ops_aws_pacer_release(struct ops_aws_pacer *pacer);

/* Takes as many permits as there are, at most wanted, and at least one even when there is none: nobody waits here, and a
 * page that goes on one request at a time always ends. Give them all back with ops_aws_pacer_leave. */
size_t ops_aws_pacer_enter(struct ops_aws_pacer *pacer, size_t wanted);
void ops_aws_pacer_leave(struct ops_aws_pacer *pacer, size_t taken, bool throttled);

#endif
