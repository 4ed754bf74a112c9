/* What the stub holds: tables, buckets, log groups, the faults that are in force, and what has been counted. */
#ifndef STUB_WORLD_H
#define STUB_WORLD_H

#include "stub/faults.h"
#include "stub/memory.h"

#include <pthread.h>

enum { STUB_OPERATIONS_MAX = 24 };

#define STUB_REGION "us-east-1"
#define STUB_ACCOUNT "123456789012"

struct stub_world {
    pthread_mutex_t lock; /* every request holds it while it is carried out */

    struct stub_map tables;       /* struct stub_table */
    struct stub_map buckets;      /* struct stub_bucket */
    struct stub_map log_groups;   /* struct stub_log_group */
    struct stub_map transactions; /* json_t: what was asked for under a client request token */

    struct stub_faults faults;
    uint64_t request_counts[STUB_SERVICE_COUNT][STUB_OPERATIONS_MAX];
    uint64_t last_request;
};

void stub_world_init(struct stub_world *world);

/* As after init. */
void stub_world_clear(struct stub_world *world);

#endif
