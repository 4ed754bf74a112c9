#include "surfaces/wire/traffic.h"

#include "base/mem.h"
#include "surfaces/wire/server.h"

#include <stdatomic.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

/* One writer, and readers that may look at any time. A cache line's worth of room at the end keeps what two threads write
 * apart, wherever the block begins. */
struct line {
    _Atomic uint64_t classes[OPS_TRAFFIC_CLASSES];
    _Atomic uint64_t buckets[OPS_TRAFFIC_BOUNDS + 1];
    _Atomic uint64_t duration_ns;
    char apart[64];
};

struct ops_traffic {
    struct line lines[OPS_SURFACE_COUNT][OPS_WIRE_THREADS_MAX];
};

static const struct bound {
    int64_t ns;
    const char *seconds;
} bounds[OPS_TRAFFIC_BOUNDS] = {
    {1000000, "0.001"},        {2500000, "0.0025"},  {5000000, "0.005"},     {10000000, "0.01"}, {25000000, "0.025"},
    {50000000, "0.05"},        {100000000, "0.1"},   {250000000, "0.25"},    {500000000, "0.5"}, {SECOND_NS, "1"},
    {2500 * 1000000LL, "2.5"}, {5 * SECOND_NS, "5"}, {10 * SECOND_NS, "10"},
};

const char *ops_traffic_bound(unsigned bucket)
{
    return bounds[bucket].seconds;
}

const char *ops_surface_name(enum ops_surface surface)
{
    static const char *const names[OPS_SURFACE_COUNT] = {[OPS_SURFACE_HTTP] = "http", [OPS_SURFACE_INVOKE] = "invoke"};
    return names[surface];
}

enum ops_status ops_traffic_new(struct ops_traffic **ret_traffic)
{
    *ret_traffic = ops_mem_zeroed(1, sizeof **ret_traffic);
    return *ret_traffic ? OPS_OK : OPS_NO_MEMORY;
}

void ops_traffic_free(struct ops_traffic *traffic)
{
    ops_mem_free(traffic);
}

int64_t ops_traffic_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* fails only for a clock that does not exist */
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static unsigned class_of(int http_status)
{
    int class = http_status / 100 - 2;
    return class < 0 ? 0 : class >= OPS_TRAFFIC_CLASSES ? OPS_TRAFFIC_CLASSES - 1 : (unsigned)class;
}

static unsigned bucket_of(int64_t duration_ns)
{
    unsigned bucket = 0;
    while (bucket < OPS_TRAFFIC_BOUNDS && duration_ns > bounds[bucket].ns)
        bucket++;
    return bucket;
}

/* The line's only writer needs no locked instruction for it. */
static void add(_Atomic uint64_t *count, uint64_t more)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more, memory_order_relaxed);
}

void ops_traffic_count(struct ops_traffic *traffic, enum ops_surface surface, unsigned line, int http_status,
                       int64_t duration_ns)
{
    struct line *own = &traffic->lines[surface][line % OPS_WIRE_THREADS_MAX];
    add(&own->classes[class_of(http_status)], 1);
    add(&own->buckets[bucket_of(duration_ns)], 1);
    add(&own->duration_ns, (uint64_t)duration_ns);
}

static uint64_t get(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

void ops_traffic_sum(struct ops_traffic *traffic, enum ops_surface surface, struct ops_traffic_sum *ret_sum)
{
    *ret_sum = (struct ops_traffic_sum){.duration_ns = 0};
    for (unsigned i = 0; i < OPS_WIRE_THREADS_MAX; i++) {
        const struct line *line = &traffic->lines[surface][i];
        for (unsigned class = 0; class < OPS_TRAFFIC_CLASSES; class ++)
            ret_sum->classes[class] += get(&line->classes[class]);
        for (unsigned bucket = 0; bucket <= OPS_TRAFFIC_BOUNDS; bucket++)
            ret_sum->buckets[bucket] += get(&line->buckets[bucket]);
        ret_sum->duration_ns += get(&line->duration_ns);
    }
}
