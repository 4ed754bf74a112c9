#include "stub/world.h"

#include "stub/bucket.h"
#include "stub/log_group.h"
#include "stub/table.h"

void stub_world_init(struct stub_world *world)
{
    memset(world, 0, sizeof *world);
    if (pthread_mutex_init(&world->lock, NULL) != 0)
        stub_give_up("no mutex");
}

static void release_json(void *json)
{
    json_decref(json);
}

void stub_world_clear(struct stub_world *world)
{
    stub_map_release(&world->tables, stub_table_release);
    stub_map_release(&world->buckets, stub_bucket_release);
    stub_map_release(&world->log_groups, stub_log_group_release);
    stub_map_release(&world->transactions, release_json);
    memset(&world->faults, 0, sizeof world->faults);
    memset(world->request_counts, 0, sizeof world->request_counts);
    world->last_request = 0;
}
