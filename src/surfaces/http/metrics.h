/* What GET /metrics answers, in Prometheus's text format (prometheus.io, "Exposition formats"). */
#ifndef OPS_SURFACES_HTTP_METRICS_H
#define OPS_SURFACES_HTTP_METRICS_H

#include "app/metrics.h"
#include "base/buf.h"
#include "surfaces/wire/traffic.h"

/* While the store is away its families are left out, so that a graph has a gap there instead of a false zero. */
void ops_http_metrics_append(const struct ops_measures *measures, struct ops_traffic *traffic, struct ops_buf *buf);

#endif
