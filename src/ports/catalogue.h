/* What exists in the stack, and how to open it. */
#ifndef OPS_PORTS_CATALOGUE_H
#define OPS_PORTS_CATALOGUE_H

#include "ports/target.h"

struct ops_catalogue;

typedef enum ops_status (*ops_on_resource_fn)(void *context, enum ops_target_kind kind, const char *name);

struct ops_catalogue_ops {
    /* Calls on_resource for every table, bucket and log group that exists, in no order; stops at its first status that is
     * not OPS_OK and returns that. OPS_STORE_UNAVAILABLE, OPS_THROTTLED, OPS_NO_MEMORY; OPS_TARGET_ERROR names what can't
     * be listed. */
    enum ops_status (*list)(struct ops_catalogue *self, ops_on_resource_fn on_resource, void *context,
                            struct ops_error *error);
    /* Opens a target for one scope; *ret_target is the caller's to close. Copies what it needs of spec and scope.
     * OPS_TARGET_MISSING; OPS_TARGET_ERROR: not what it should be (not a database, no such column, a link, ...). */
    enum ops_status (*open)(struct ops_catalogue *self, const struct ops_target_spec *spec, const struct ops_scope *scope,
                            struct ops_target **ret_target, struct ops_error *error);
    void (*release)(struct ops_catalogue *self);
};

/* Embed as the first member. list and open are thread-safe. */
struct ops_catalogue {
    const struct ops_catalogue_ops *ops;
};

static inline enum ops_status OPS_MUST_USE ops_catalogue_list(struct ops_catalogue *catalogue,
                                                              ops_on_resource_fn on_resource, void *context,
                                                              struct ops_error *error)
{
    return catalogue->ops->list(catalogue, on_resource, context, error);
}

static inline enum ops_status OPS_MUST_USE ops_catalogue_open(struct ops_catalogue *catalogue,
                                                              const struct ops_target_spec *spec,
                                                              const struct ops_scope *scope,
                                                              struct ops_target **ret_target, struct ops_error *error)
{
    return catalogue->ops->open(catalogue, spec, scope, ret_target, error);
}

static inline void ops_catalogue_release(struct ops_catalogue *catalogue)
{
    if (catalogue)
        catalogue->ops->release(catalogue);
}

#endif
