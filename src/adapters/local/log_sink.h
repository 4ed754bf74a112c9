/* The audit log group as a directory: <data>/stack/log_groups/g3nretailstack/ops/maintenance-audit/audit-YYYY-MM-DD.jsonl,
 * an event a line, a stream for each UTC day.
 *
 * The order across streams is the order of delivery: a batch goes, whole, to the stream of its first event's day, but never
 * to one that is older than the newest that exists.
 */
#ifndef OPS_ADAPTERS_LOCAL_LOG_SINK_H
#define OPS_ADAPTERS_LOCAL_LOG_SINK_H

#include "ports/log_sink.h"

/* data_dir is copied; nothing is opened or made yet. Freed with ops_log_sink_release. OPS_NO_MEMORY. */
enum ops_status ops_local_log_sink_new(const char *data_dir, struct ops_log_sink **ret_sink) OPS_MUST_USE;

#endif
