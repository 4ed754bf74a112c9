/* A stack in memory, for simulation and tests: tables, buckets and log groups whose records stay in the order of their keys,
 * read and removed under the limits that each resource is given, so that a table can behave like DynamoDB's.
 */
#ifndef OPS_ADAPTERS_MEMORY_CATALOGUE_H
#define OPS_ADAPTERS_MEMORY_CATALOGUE_H

#include "ports/catalogue.h"

/* Zero in any member means the default. */
struct ops_memory_limits {
    uint32_t segment_count; /* 1; a record's segment is by the hash of its partition key */
    size_t page_max;        /* 1000 */
    size_t batch_max;       /* 25 for a table, 1000 for a bucket, 1 for a log group */
};

struct ops_memory_record {
    const char *partition;    /* partition key, object key or stream name */
    const char *sort;         /* NULL is "" */
    const char *orgcode;      /* attribute "orgcode"; NULL for none */
    const json_t *attributes; /* further attributes, or NULL; an integer is the tenant of its decimal text, and an array or
                               * object can't be compared */
    int64_t size_bytes;
};

/* Told of each record that a target removed, in the order of removal, while the catalogue is locked: it must not call back.
 */
typedef void (*ops_memory_on_removed_fn)(void *context, enum ops_target_kind kind, const char *name,
                                         const struct ops_memory_record *record);
typedef void (*ops_memory_on_record_fn)(void *context, const struct ops_memory_record *record);

enum ops_status ops_memory_catalogue_new(struct ops_catalogue **ret_catalogue) OPS_MUST_USE;

/* All take a catalogue of ops_memory_catalogue_new, and are thread-safe. */

void ops_memory_catalogue_on_removed(struct ops_catalogue *catalogue, ops_memory_on_removed_fn on_removed, void *context);

/* Adds an empty resource, or gives an existing one new limits, for targets that are opened from now on. limits may be NULL.
 */
enum ops_status ops_memory_resource_add(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                                        const struct ops_memory_limits *limits) OPS_MUST_USE;
/* Takes a resource away with all its records; targets that are open on it answer OPS_TARGET_MISSING. */
void ops_memory_resource_drop(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name);

/* Gives a resource another identity than its kind and name: two with one text are one thing. An empty resource says so.
 * OPS_TARGET_MISSING. */
enum ops_status ops_memory_resource_identify(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                                             const struct ops_identity *identity) OPS_MUST_USE;
/* Says that this place in the resource can't be looked into: every pass over its first segment remarks on it. NULL: it can
 * again. OPS_TARGET_MISSING. */
enum ops_status ops_memory_resource_hide(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                                         const char *place) OPS_MUST_USE;

/* Adds a copy of record, or replaces the one with its keys. OPS_TARGET_MISSING: no such resource. */
enum ops_status ops_memory_record_put(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                                      const struct ops_memory_record *record) OPS_MUST_USE;
/* Whether a record was there. This is not told to on_removed. */
bool ops_memory_record_delete(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                              const char *partition, const char *sort);
bool ops_memory_record_exists(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                              const char *partition, const char *sort);

/* Records in scope (NULL: all); 0 also for a resource that does not exist. */
size_t ops_memory_record_count(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                               const struct ops_scope *scope);
/* Calls on_record for every record in order, while the catalogue is locked: it must not call back. */
void ops_memory_record_each(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                            ops_memory_on_record_fn on_record, void *context);

#endif
