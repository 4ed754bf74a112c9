#include "surfaces/http/metrics.h"

#include "surfaces/wire/prometheus.h"

#include <inttypes.h>

#define REQUESTS "g3nops_http_requests_total"
#define DURATION "g3nops_http_request_duration_seconds"

/* ---- records ---- */

struct gauge {
    const char *name;
    const char *help;
    size_t offset; /* of an int64_t in struct ops_measures */
};

static const struct gauge gauges[] = {
    {"g3nops_maintenance_active", "1 while a maintenance window is active.",
     offsetof(struct ops_measures, maintenance_active)},
    {"g3nops_maintenance_overdue", "1 while a maintenance window is active for longer than was estimated.",
     offsetof(struct ops_measures, maintenance_overdue)},
    {"g3nops_maintenance_scheduled", "Maintenance windows that are scheduled and not yet started.",
     offsetof(struct ops_measures, maintenance_scheduled)},
    {"g3nops_vacuum_pending", "1 while a vacuum waits for its five minutes to pass; g3nops vacuum-status shows which.",
     offsetof(struct ops_measures, vacuum_pending)},
    {"g3nops_vacuum_running", "1 while a vacuum removes records.", offsetof(struct ops_measures, vacuum_running)},
    {"g3nops_vacuum_dry_runs", "Dry runs under way.", offsetof(struct ops_measures, vacuum_dry_runs)},
    {"g3nops_vacuum_records_matched", "Records in scope that the running vacuum has found; 0 while none runs.",
     offsetof(struct ops_measures, vacuum_records_matched)},
    {"g3nops_vacuum_records_deleted", "Records that the running vacuum has deleted; 0 while none runs.",
     offsetof(struct ops_measures, vacuum_records_deleted)},
    {"g3nops_vacuum_records_failed", "Records that the running vacuum could not delete; 0 while none runs.",
     offsetof(struct ops_measures, vacuum_records_failed)},
    {"g3nops_audit_undelivered", "Audit records that wait to be delivered to the log group.",
     offsetof(struct ops_measures, audit_undelivered)},
    {"g3nops_vacuum_standing_still_seconds",
     "For how long an open vacuum has stood still; g3nops vacuum-status says why. 0 while it gets on.",
     offsetof(struct ops_measures, vacuum_standing_seconds)},
};

static void append_gauge(struct ops_buf *buf, const struct gauge *gauge, const struct ops_measures *measures)
{
    const int64_t *value = (const int64_t *)(const void *)((const char *)measures + gauge->offset);
    ops_prometheus_begin(buf, gauge->name, "gauge", gauge->help);
    ops_buf_append_format(buf, "%s %" PRId64 "\n", gauge->name, *value);
}

/* ---- results ---- */

static void append_results(struct ops_buf *buf, const char *name, const char *help, size_t offset,
                           const struct ops_measures *measures)
{
    ops_prometheus_begin(buf, name, "counter", help);
    for (size_t i = 0; i < measures->result_count; i++) {
        const struct ops_result_count *count = &measures->results[i];
        ops_buf_append_format(buf, "%s{result=\"%s\"} %" PRId64 "\n", name, count->result,
                              *(const int64_t *)(const void *)((const char *)count + offset));
    }
}

static void append_all_results(struct ops_buf *buf, const struct ops_measures *measures)
{
    append_results(
        buf, "g3nops_vacuums_total",
        "Vacuums that are over, since the store was begun, by how they ended: completed, cancelled, or the tag of the "
        "error that they failed with.",
        offsetof(struct ops_result_count, vacuums), measures);
    append_results(buf, "g3nops_dry_runs_total", "Likewise, of dry runs.", offsetof(struct ops_result_count, dry_runs),
                   measures);
}

/* ---- requests ---- */

static void append_requests(struct ops_buf *buf, const char *surface, const struct ops_traffic_sum *sum)
{
    for (int class = 0; class < OPS_TRAFFIC_CLASSES; class ++)
        ops_buf_append_format(buf, REQUESTS "{surface=\"%s\",status=\"%dxx\"} %" PRIu64 "\n", surface, class + 2,
                              sum->classes[class]);
}

/* A bucket of the format counts also what is in those before it. */
static void append_durations(struct ops_buf *buf, const char *surface, const struct ops_traffic_sum *sum)
{
    uint64_t count = 0;
    for (unsigned bucket = 0; bucket <= OPS_TRAFFIC_BOUNDS; bucket++) {
        count += sum->buckets[bucket];
        ops_buf_append_format(buf, DURATION "_bucket{surface=\"%s\",le=\"%s\"} %" PRIu64 "\n", surface,
                              bucket < OPS_TRAFFIC_BOUNDS ? ops_traffic_bound(bucket) : "+Inf", count);
    }
    ops_buf_append_format(buf, DURATION "_sum{surface=\"%s\"} %.9f\n", surface, (double)sum->duration_ns / 1e9);
    ops_buf_append_format(buf, DURATION "_count{surface=\"%s\"} %" PRIu64 "\n", surface, count);
}

static void append_traffic(struct ops_buf *buf, struct ops_traffic *traffic)
{
    struct ops_traffic_sum sums[OPS_SURFACE_COUNT];
    for (int surface = 0; surface < OPS_SURFACE_COUNT; surface++)
        ops_traffic_sum(traffic, surface, &sums[surface]);
    ops_prometheus_begin(buf, REQUESTS, "counter", "Requests answered, by surface and kind of HTTP status.");
    for (int surface = 0; surface < OPS_SURFACE_COUNT; surface++)
        append_requests(buf, ops_surface_name(surface), &sums[surface]);
    ops_prometheus_begin(buf, DURATION, "histogram", "Time from a whole request to its answer.");
    for (int surface = 0; surface < OPS_SURFACE_COUNT; surface++)
        append_durations(buf, ops_surface_name(surface), &sums[surface]);
}

/* ---- the clock ---- */

static void append_number(struct ops_buf *buf, const char *name, const char *kind, const char *help, int64_t value)
{
    ops_prometheus_begin(buf, name, kind, help);
    ops_buf_append_format(buf, "%s %" PRId64 "\n", name, value);
}

static void append_clock(struct ops_buf *buf, const struct ops_measures *measures)
{
    append_number(buf, "g3nops_clock_steps_total", "counter",
                  "How often this machine's wall clock was set by more than ten seconds since serve was started.",
                  measures->clock_steps);
    append_number(buf, "g3nops_clock_step_seconds_total", "counter",
                  "The seconds of these steps added up, whether forward or back.", measures->clock_step_seconds);
    if (measures->has_other_clock)
        append_number(buf, "g3nops_clock_difference_seconds", "gauge",
                      "By how much this machine's wall clock differs from that of AWS, by the latest answer.",
                      measures->clock_difference_seconds);
}

/* ---- the process ---- */

static void append_process(struct ops_buf *buf, const struct ops_measures *measures)
{
    append_number(buf, "g3nops_secret_code_mismatch_total", "counter",
                  "Requests that were refused for a wrong secret code, since serve was started.",
                  measures->secret_mismatches);
    append_number(
        buf, "g3nops_last_sweep_timestamp_seconds", "gauge",
        "When a sweep last started all windows and vacuums that were due, in seconds since 1970; 0 before the first.",
        measures->swept_seconds);
    append_number(buf, "g3nops_audit_log_differs", "gauge",
                  "1 while the store has parted from its delivered audit log; g3nops audit-verify tells where.",
                  measures->audit_differs);
}

/* ---- the whole ---- */

void ops_http_metrics_append(const struct ops_measures *measures, struct ops_traffic *traffic, struct ops_buf *buf)
{
    ops_prometheus_begin(buf, "g3nops_build_info", "gauge", "Always 1; its label is what counts.");
    ops_buf_append_format(buf, "g3nops_build_info{version=\"%d.%d\"} 1\n", measures->build.major, measures->build.minor);
    ops_prometheus_begin(buf, "g3nops_store_up", "gauge", "1 when the record store could be read, at most ten seconds ago.");
    ops_buf_append_format(buf, "g3nops_store_up %d\n", measures->store_up);
    for (size_t i = 0; measures->store_up && i < sizeof gauges / sizeof gauges[0]; i++)
        append_gauge(buf, &gauges[i], measures);
    if (measures->store_up)
        append_all_results(buf, measures);
    append_process(buf, measures);
    append_clock(buf, measures);
    append_traffic(buf, traffic);
}
