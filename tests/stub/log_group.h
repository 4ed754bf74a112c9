/* A log group: its streams by name, and their events. */
#ifndef STUB_LOG_GROUP_H
#define STUB_LOG_GROUP_H

#include "stub/memory.h"

struct stub_log_group {
    char *name;
    int64_t created_ms;
    json_int_t retention_days; /* 0: for ever */
    struct stub_map streams;   /* json_t: an array of {timestamp, message, ingestionTime} */
    uint64_t deleted_count;    /* streams that were there */
    uint64_t deleted_again_count;
};

struct stub_log_group *stub_log_group_new(struct ops_view name, int64_t created_ms);
void stub_log_group_add(struct stub_log_group *group, struct ops_view stream);
void stub_log_group_release(void *group); /* frees it */

#endif
