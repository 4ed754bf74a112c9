/* What a stack in memory is made of. Private to this folder. */
#ifndef OPS_ADAPTERS_MEMORY_STACK_H
#define OPS_ADAPTERS_MEMORY_STACK_H

#include "adapters/memory/catalogue.h"

#include <pthread.h>

struct memory_record {
    struct ops_memory_record public; /* its texts point into this block; attributes is owned */
    uint32_t hash;                   /* of the partition key */
    char text[];
};

struct memory_resource {
    enum ops_target_kind kind;
    char *name;
    struct ops_memory_limits limits;
    struct ops_identity *identity;  /* NULL: its kind and name */
    char *hidden;                   /* a place that can't be looked into, or NULL */
    struct memory_record **records; /* in order */
    size_t count;
    size_t capacity;
};

struct memory_stack {
    struct ops_catalogue catalogue;
    pthread_mutex_t mutex;
    struct {
        struct memory_resource **resources;
        size_t count;
        ops_memory_on_removed_fn on_removed;
        void *context;
    } synced;
};

struct memory_resource *memory_resource_find_locked(struct memory_stack *stack, enum ops_target_kind kind, const char *name);

/* The index of the first record whose keys are not less (or, with after, greater) than these. */
size_t memory_record_index(const struct memory_resource *resource, const char *partition, const char *sort, bool after);
bool memory_record_is_at(const struct memory_resource *resource, size_t index, const char *partition, const char *sort);
void memory_record_remove_at(struct memory_resource *resource, size_t index);
bool memory_record_in_scope(const struct memory_record *record, const struct ops_scope *scope);
bool memory_record_incomparable(const struct memory_record *record, const struct ops_scope *scope);

enum ops_status memory_target_open(struct memory_stack *stack, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_target **ret_target,
                                   struct ops_error *error) OPS_MUST_USE;

#endif
