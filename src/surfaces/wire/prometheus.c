#include "surfaces/wire/prometheus.h"

const char ops_prometheus_type[] = "text/plain; version=0.0.4; charset=utf-8";

void ops_prometheus_begin(struct ops_buf *buf, const char *name, const char *type, const char *help)
{
    ops_buf_append_format(buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}
