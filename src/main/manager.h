/* What the service manager is told: that serve is ready, that it reads anew, that it ends, and, where it asks for that,
 * again and again that it lives.
 *
 * Alive is a serve whose own loops go round: the one that waits for signals, which tells, and the sweep. A store that does
 * not answer is none of their faults, and starting again would not bring it back.
 */
#ifndef OPS_MAIN_MANAGER_H
#define OPS_MAIN_MANAGER_H

#include "adapters/sys/notify.h"
#include "base/pulse.h"
#include "ports/log.h"

enum { OPS_MANAGER_PATIENCE_MS = 60 * 1000 /* with a sweep that gives no sign of life though it waits for nobody */ };

struct ops_manager {
    struct ops_notify notify;
    struct ops_watch watch;
    int64_t told_alive_ms; /* monotonic */
    bool stands_still;     /* the sweep, and it was reported */
};

/* By the environment, out of which it takes what is meant for this process alone. Before any thread begins. */
void ops_manager_open(struct ops_manager *manager);
void ops_manager_close(struct ops_manager *manager);

void ops_manager_ready(struct ops_manager *manager, const char *status,
                       int64_t now_ms); /* also after reading anew; status is for people */

/* How long the loop that looks may sleep. */
int64_t ops_manager_wait_ms(const struct ops_manager *manager);

/* To be called that often; the clock is the monotonic one. log gets a line when the sweep has come to stand still, and when
 * it goes round again. */
void ops_manager_look(struct ops_manager *manager, const struct ops_pulse *sweep, int64_t now_ms, struct ops_log *log);

#endif
