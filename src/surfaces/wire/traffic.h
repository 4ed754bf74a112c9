/* How many requests the surfaces have answered, and how long that took.
 *
 * Every thread that answers has a line of its own, so that counting costs it two looks at the clock and three additions to
 * memory that no other thread writes. Who reads adds the lines up; the sums are exact once the requests are over.
 */
#ifndef OPS_SURFACES_WIRE_TRAFFIC_H
#define OPS_SURFACES_WIRE_TRAFFIC_H

#include "base/status.h"

#include <stdint.h>

enum ops_surface { OPS_SURFACE_HTTP, OPS_SURFACE_INVOKE, OPS_SURFACE_COUNT };

enum {
    OPS_TRAFFIC_CLASSES = 4, /* 2xx to 5xx */
    OPS_TRAFFIC_BOUNDS = 13, /* of durations; one bucket more is for all that took longer */
};

/* As Prometheus writes them: seconds, "0.001" first. */
const char *ops_traffic_bound(unsigned bucket); /* below OPS_TRAFFIC_BOUNDS */

const char *ops_surface_name(enum ops_surface surface);

struct ops_traffic;

enum ops_status ops_traffic_new(struct ops_traffic **ret_traffic) OPS_MUST_USE; /* OPS_NO_MEMORY */
void ops_traffic_free(struct ops_traffic *traffic);                             /* nobody counts any more; NULL is fine */

int64_t ops_traffic_now_ns(void); /* monotonic */

/* One answer. Two threads of one surface must not count on the same line at a time. */
void ops_traffic_count(struct ops_traffic *traffic, enum ops_surface surface, unsigned line, int http_status,
                       int64_t duration_ns);

struct ops_traffic_sum {
    uint64_t classes[OPS_TRAFFIC_CLASSES];
    uint64_t buckets[OPS_TRAFFIC_BOUNDS + 1]; /* each request in one of them */
    uint64_t duration_ns;
};

void ops_traffic_sum(struct ops_traffic *traffic, enum ops_surface surface, struct ops_traffic_sum *ret_sum);

#endif
