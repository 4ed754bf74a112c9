/* A log that keeps its lines, in logfmt and without their times. Every level is taken. */
#ifndef OPS_ADAPTERS_MEMORY_LOG_H
#define OPS_ADAPTERS_MEMORY_LOG_H

#include "ports/log.h"

/* OPS_NO_MEMORY. */
enum ops_status ops_memory_log_new(struct ops_log **ret_log) OPS_MUST_USE;
void ops_memory_log_free(struct ops_log *log); /* NULL is fine */

/* All lines so far, each with its end; *ret_text is the caller's. A line for which there was no memory is not there. */
enum ops_status ops_memory_log_read(struct ops_log *log, char **ret_text) OPS_MUST_USE;
void ops_memory_log_clear(struct ops_log *log);

#endif
