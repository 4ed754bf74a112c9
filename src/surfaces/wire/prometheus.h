/* Prometheus's text format (prometheus.io, "Exposition formats"): what every family of metrics begins with. */
#ifndef OPS_SURFACES_WIRE_PROMETHEUS_H
#define OPS_SURFACES_WIRE_PROMETHEUS_H

#include "base/buf.h"

extern const char ops_prometheus_type[]; /* of the content */

/* type: "counter", "gauge" or "histogram". */
void ops_prometheus_begin(struct ops_buf *buf, const char *name, const char *type, const char *help);

#endif
