/* What exists in the stack, what a thing is, and how to open it. */
#ifndef OPS_PORTS_CATALOGUE_H
#define OPS_PORTS_CATALOGUE_H

#include "ports/target.h"

#include <stdatomic.h>

struct ops_catalogue;

typedef enum ops_status (*ops_on_resource_fn)(void *context, const struct ops_resource *resource);

struct ops_catalogue_ops {
    /* Calls on_resource for everything of this kind that exists where the engine keeps its own, in no order; stops at its
     * first status that is not OPS_OK and returns that. OPS_STORE_UNAVAILABLE, OPS_THROTTLED, OPS_NO_MEMORY;
     * OPS_TARGET_ERROR names what can't be listed, after all the rest has been. */
    enum ops_status (*list)(struct ops_catalogue *self, enum ops_target_kind kind, ops_on_resource_fn on_resource,
                            void *context, struct ops_error *error);
    /* Likewise for what else is in the place where the target is: the other tables of its SQLite file. The target itself is
     * among them. Nothing for a target that is missing. NULL: a target is alone in its place. */
    enum ops_status (*list_beside)(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                   ops_on_resource_fn on_resource, void *context, struct ops_error *error);
    /* What spec names, as it is now. Opens nothing and changes nothing; asks no service where it can do without. OPS_OK also
     * for what does not exist. OPS_TARGET_ERROR: it can't be told what it is, and then it must not be touched. */
    enum ops_status (*identify)(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                struct ops_identity *ret_identity, struct ops_error *error);
    /* Where the stack is, as a JSON object for people and for the plan's hash: {"engine", "path"} or {"engine", "account",
     * "region", "endpoint"?}. */
    enum ops_status (*where)(struct ops_catalogue *self, json_t **ret_place, struct ops_error *error);
    /* Opens a target for one scope; *ret_target is the caller's to close. Copies what it needs of spec and scope.
     * OPS_TARGET_MISSING; OPS_TARGET_ERROR: not what it should be (not a database, no such column, a link, ...). */
    enum ops_status (*open)(struct ops_catalogue *self, const struct ops_target_spec *spec, const struct ops_scope *scope,
                            struct ops_target **ret_target, struct ops_error *error);
    void (*release)(struct ops_catalogue *self);
};

/* Embed as the first member. All calls but release are thread-safe. */
struct ops_catalogue {
    const struct ops_catalogue_ops *ops;
    atomic_bool ending; /* ops_catalogue_end was called; for adapters, who make it false */
};

/* Calls on_resource for a thing of which the engine knows no more than its name. For adapters. */
enum ops_status ops_resource_found(ops_on_resource_fn on_resource, void *context, enum ops_target_kind kind,
                                   const char *name) OPS_MUST_USE;

enum ops_status ops_catalogue_list(struct ops_catalogue *catalogue, enum ops_target_kind kind,
                                   ops_on_resource_fn on_resource, void *context, struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_catalogue_list_beside(struct ops_catalogue *catalogue, const struct ops_target_spec *spec,
                                          ops_on_resource_fn on_resource, void *context,
                                          struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_catalogue_identify(struct ops_catalogue *catalogue, const struct ops_target_spec *spec,
                                       struct ops_identity *ret_identity, struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_catalogue_where(struct ops_catalogue *catalogue, json_t **ret_place,
                                    struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_catalogue_open(struct ops_catalogue *catalogue, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_target **ret_target,
                                   struct ops_error *error) OPS_MUST_USE;
/* The process is to end: what is under way in a target, and what is begun from now on, ends within a few seconds, with
 * OPS_STORE_UNAVAILABLE where it is not done by then. For engines whose calls may take longer. */
void ops_catalogue_end(struct ops_catalogue *catalogue);
void ops_catalogue_release(struct ops_catalogue *catalogue); /* NULL is fine */

#endif
