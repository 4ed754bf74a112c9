/* A log group that keeps its events in memory.
 *
 *     ops_memory_log_sink_new(&sink);
 *     ...
 *     for (size_t i = 0; i < ops_memory_log_sink_count(sink); i++)
 *         look_at(ops_memory_log_sink_event(sink, i));
 */
#ifndef OPS_ADAPTERS_MEMORY_LOG_SINK_H
#define OPS_ADAPTERS_MEMORY_LOG_SINK_H

#include "ports/log_sink.h"

/* OPS_NO_MEMORY. Freed with ops_log_sink_release. */
enum ops_status ops_memory_log_sink_new(struct ops_log_sink **ret_sink) OPS_MUST_USE;

size_t ops_memory_log_sink_count(struct ops_log_sink *sink);

/* The event at index (below the count). Its text is valid as long as the sink is. */
struct ops_log_event ops_memory_log_sink_event(struct ops_log_sink *sink, size_t index);

#endif
