/* A gate's counters in Prometheus's text format (prometheus.io, "Exposition formats"). */
#ifndef OPS_SURFACES_GATE_METRICS_H
#define OPS_SURFACES_GATE_METRICS_H

#include "base/buf.h"
#include "opsgate.h"

void ops_gate_metrics_append(opsgate *gate, struct ops_buf *buf);

#endif
