#include "surfaces/wire/limits.h"

#include <sys/resource.h>

/* By what the process may open, each server has its part of it. */
static size_t places_of(size_t wanted)
{
    struct rlimit files;
    size_t places = wanted;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < OPS_WIRE_FILES_AMPLE)
        places = wanted * (size_t)files.rlim_cur / OPS_WIRE_FILES_AMPLE;
    return places > 0 ? places : 1;
}

static void fill(unsigned *seconds, unsigned usual)
{
    if (*seconds == 0)
        *seconds = usual;
}

void ops_wire_limits_fill(struct ops_wire_limits *limits)
{
    limits->connections = places_of(limits->connections ? limits->connections : OPS_WIRE_CONNECTIONS_MAX);
    if (limits->connections_per_party == 0 || limits->connections_per_party > limits->connections)
        limits->connections_per_party = limits->connections;
    if (limits->bodies_max_bytes == 0)
        limits->bodies_max_bytes = OPS_WIRE_BODIES_MAX_BYTES;
    fill(&limits->idle_timeout_seconds, OPS_WIRE_IDLE_TIMEOUT_SECONDS);
    fill(&limits->head_timeout_seconds, OPS_WIRE_HEAD_TIMEOUT_SECONDS);
    fill(&limits->body_timeout_seconds, OPS_WIRE_BODY_TIMEOUT_SECONDS);
}
