#include "main/backend.h"

#include "adapters/local/catalogue.h"
#include "adapters/local/log_sink.h"
#include "adapters/local/sessions.h"
#include "adapters/local/store.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 4096, WORKERS_PER_CORE = 4 };

struct local_backend {
    struct ops_backend base;
    char *data_dir;
};

static const char *data_dir(struct ops_backend *self)
{
    return ((struct local_backend *)self)->data_dir;
}

static enum ops_status local_store(struct ops_backend *self, bool create, struct ops_store **ret_store,
                                   struct ops_error *error)
{
    char path[PATH_TEXT_MAX];
    if (snprintf(path, sizeof path, "%s/ops.sqlite", data_dir(self)) >= (int)sizeof path)
        return ops_fail(error, OPS_USAGE, "The path of the data directory is too long.");
    if (!create && access(path, F_OK) != 0)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "There is no record store %s: %s.", path, strerror(errno));
    return ops_local_store_open(path, ret_store, error);
}

static enum ops_status local_catalogue(struct ops_backend *self, struct ops_catalogue **ret_catalogue,
                                       struct ops_error *error)
{
    return ops_local_catalogue_new(data_dir(self), ret_catalogue, error);
}

static enum ops_status local_log_sink(struct ops_backend *self, struct ops_log_sink **ret_sink, struct ops_error *error)
{
    (void)error;
    return ops_local_log_sink_new(data_dir(self), ret_sink);
}

static enum ops_status local_sessions(struct ops_backend *self, const struct ops_manifest *manifest,
                                      struct ops_session_source **ret_source, struct ops_error *error)
{
    return ops_local_sessions_new(data_dir(self), manifest->sessions_table, manifest->users_table, ret_source, error);
}

static void local_release(struct ops_backend *self)
{
    ops_mem_free(((struct local_backend *)self)->data_dir);
    ops_mem_free(self);
}

static const struct ops_backend_ops local_ops = {
    .store = local_store,
    .catalogue = local_catalogue,
    .log_sink = local_log_sink,
    .sessions = local_sessions,
    .release = local_release,
    .exclusive = true,
    .workers_per_core = WORKERS_PER_CORE,
};

enum ops_status ops_local_backend_new(const char *directory, struct ops_backend **ret_backend)
{
    struct local_backend *backend = ops_mem_zeroed(1, sizeof *backend);
    if (!backend)
        return OPS_NO_MEMORY;
    backend->base.ops = &local_ops;
    backend->data_dir = ops_mem_strdup(directory);
    if (!backend->data_dir) {
        local_release(&backend->base);
        return OPS_NO_MEMORY;
    }
    *ret_backend = &backend->base;
    return OPS_OK;
}
