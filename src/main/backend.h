/* Where the records and the stack are: one data directory, or an AWS account's region. Each kind makes the same ports. */
#ifndef OPS_MAIN_BACKEND_H
#define OPS_MAIN_BACKEND_H

#include "core/manifest.h"
#include "ports/catalogue.h"
#include "ports/clock.h"
#include "ports/log_sink.h"
#include "ports/session.h"
#include "ports/store.h"

/* All borrowed, for the backend's life. */
struct ops_place {
    bool aws;
    const char *data_dir; /* not used by aws */
    const char *region;   /* aws; NULL: as configured */
    const char *profile;  /* aws; NULL: as configured */
    int64_t renew_max_ms; /* aws; to renew keys while the old ones count, over HTTP; 0: what it takes */
};

struct ops_backend;

/* Each makes a port that the caller releases, and that the backend outlives. */
struct ops_backend_ops {
    /* create: makes what is missing, where the engine can. */
    enum ops_status (*store)(struct ops_backend *self, bool create, struct ops_store **ret_store, struct ops_error *error);
    enum ops_status (*catalogue)(struct ops_backend *self, struct ops_catalogue **ret_catalogue, struct ops_error *error);
    enum ops_status (*log_sink)(struct ops_backend *self, struct ops_log_sink **ret_sink, struct ops_error *error);
    /* From the manifest's tables. */
    enum ops_status (*sessions)(struct ops_backend *self, const struct ops_manifest *manifest,
                                struct ops_session_source **ret_source, struct ops_error *error);
    /* Whose time is known besides our own; NULL: nobody's. Borrowed. */
    struct ops_other_clock *(*other_clock)(struct ops_backend *self);
    void (*release)(struct ops_backend *self);
    /* Nobody else works on the store while we hold the data directory's lock. */
    bool exclusive;
    /* More workers than so many for each core only take memory and the disk's time from one another: what they wait for is
     * this machine. 0: they wait for others, and there may be any number. */
    unsigned workers_per_core;
};

/* Embed as the first member. */
struct ops_backend {
    const struct ops_backend_ops *ops;
};

/* OPS_INVALID_FIELD: the AWS configuration is wrong, or names no region. */
enum ops_status ops_backend_open(const struct ops_place *place, struct ops_backend **ret_backend,
                                 struct ops_error *error) OPS_MUST_USE;

static inline void ops_backend_release(struct ops_backend *backend)
{
    if (backend)
        backend->ops->release(backend);
}

enum ops_status ops_local_backend_new(const char *data_dir, struct ops_backend **ret_backend) OPS_MUST_USE;
enum ops_status ops_aws_backend_new(const struct ops_place *place, struct ops_backend **ret_backend,
                                    struct ops_error *error) OPS_MUST_USE;

#endif
