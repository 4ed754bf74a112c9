/* Signals of a process that is to stay up: some are waited for, and the stray ones do nothing. */
#ifndef OPS_MAIN_SIGNALS_H
#define OPS_MAIN_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Before any thread begins. Signals that end a process by default, though nobody who sends them means that, are ignored;
 * those that somebody handles already are left alone. SIGTERM and SIGINT, and with hangups SIGHUP, are left to
 * ops_signals_wait from now on; without, SIGHUP is one of the stray ones. */
void ops_signals_init(bool hangups, sigset_t *ret_waited);

/* The number of the next signal, or 0 when none has come within that time. */
int ops_signals_wait(const sigset_t *waited, int64_t wait_ms);

/* The end has begun: from OPS_SIGNALS_SAME_MS on SIGTERM and SIGINT do to the process what they do to any. What comes before
 * is the same wish once more: some senders address a process and then its group. */
enum { OPS_SIGNALS_SAME_MS = 500 };
void ops_signals_end_at_once(void);

#endif
