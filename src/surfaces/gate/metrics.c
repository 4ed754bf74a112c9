#include "surfaces/gate/metrics.h"

#include "surfaces/wire/prometheus.h"

#include <inttypes.h>

static void append_checks(struct ops_buf *buf, const opsgate_counters *counters)
{
    static const char name[] = "opsgate_checks_total";
    const struct {
        const char *answer;
        uint64_t count;
    } rows[] = {{"fresh", counters->fresh},
                {"stale", counters->stale},
                {"unknown", counters->unknown},
                {"blocked", counters->blocked}};
    ops_prometheus_begin(
        buf, name, "counter",
        "Checks by what they were answered with: open by fresh or stale knowledge, open for want of knowledge, blocked.");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ops_buf_append_format(buf, "%s{answer=\"%s\"} %" PRIu64 "\n", name, rows[i].answer, rows[i].count);
}

void ops_gate_metrics_append(opsgate *gate, struct ops_buf *buf)
{
    opsgate_counters counters;
    opsgate_count(gate, &counters);
    opsgate_window *window = opsgate_window_copy(gate);
    append_checks(buf, &counters);
    ops_prometheus_begin(buf, "opsgate_refreshes_total", "counter",
                         "Questions to the source, by whether they were answered.");
    ops_buf_append_format(buf, "opsgate_refreshes_total{result=\"answered\"} %" PRIu64 "\n",
                          counters.asked - counters.failed);
    ops_buf_append_format(buf, "opsgate_refreshes_total{result=\"failed\"} %" PRIu64 "\n", counters.failed);
    if (counters.age_ms >= 0) {
        ops_prometheus_begin(buf, "opsgate_knowledge_age_seconds", "gauge",
                             "Age of what is known; above 20 the gate is open.");
        ops_buf_append_format(buf, "opsgate_knowledge_age_seconds %.3f\n", (double)counters.age_ms / 1000);
    }
    if (window) {
        ops_prometheus_begin(buf, "opsgate_maintenance_active", "gauge",
                             "1 while a maintenance window turns requests away.");
        ops_buf_append_format(buf, "opsgate_maintenance_active %d\n", window->active);
    }
    opsgate_window_free(window);
}
