/* A command whose output is a secret. */
#ifndef OPS_ADAPTERS_AWS_PROCESS_H
#define OPS_ADAPTERS_AWS_PROCESS_H

#include "base/buf.h"
#include "base/error.h"
#include "ports/clock.h"

/* Runs /bin/sh -c command with an empty standard input and our standard error, and appends what it writes to output. A
 * command that has not closed its output after timeout_ms, or not ended as long after that, is killed.
 * OPS_STORE_UNAVAILABLE: it can't be run, fails, takes too long, or writes more than output takes; the sentence begins with
 * source and does not quote command, which may hold a secret. */
enum ops_status ops_process_read(const char *command, const char *source, int64_t timeout_ms, struct ops_clock *clock,
                                 struct ops_buf *output, struct ops_error *error) OPS_MUST_USE;

#endif
