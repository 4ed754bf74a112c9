/* Since when something is waited for, by the monotonic clock of whoever waits: a wall clock may be set meanwhile, by a year
 * as well, and patience must neither end at once then nor last a year.
 */
#ifndef OPS_BASE_PATIENCE_H
#define OPS_BASE_PATIENCE_H

#include <stdint.h>

/* A wait about which nobody has asked for so long begins anew: what happened meanwhile nobody has seen. Sweeps come at least
 * once a minute. */
#define OPS_PATIENCE_GAP_MS ((int64_t)5 * 60 * 1000)

enum {
    OPS_PATIENCE_WAITS_MAX = 32, /* with one more, the one that was asked about longest ago is forgotten */
    OPS_PATIENCE_NAME_SIZE = 64, /* a longer name is cut */
};

struct ops_patience_wait {
    char name[OPS_PATIENCE_NAME_SIZE]; /* "": none */
    int64_t since_ms;
    int64_t asked_ms;
};

/* Zeroed: nothing is waited for. */
struct ops_patience {
    struct ops_patience_wait waits[OPS_PATIENCE_WAITS_MAX];
};

/* What is named (not "") has not come yet. For how long it has been waited for; 0: from now on. */
int64_t ops_patience_waits(struct ops_patience *patience, const char *name, int64_t monotonic_ms);

/* It has come, or is not wanted any more. */
void ops_patience_over(struct ops_patience *patience, const char *name);

#endif
