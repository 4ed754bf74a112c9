#include "main/backend.h"

#include "adapters/aws/catalogue.h"
#include "adapters/aws/log_sink.h"
#include "adapters/aws/sessions.h"
#include "adapters/aws/store.h"
#include "adapters/sys/clock.h"
#include "base/mem.h"
#include "core/guard.h"
#include "main/account.h"

struct aws_backend {
    struct ops_backend base;
    struct ops_account account;
};

static struct ops_aws_client *client(struct ops_backend *self)
{
    return ((struct aws_backend *)self)->account.client;
}

static enum ops_status aws_store(struct ops_backend *self, bool create, struct ops_store **ret_store,
                                 struct ops_error *error)
{
    (void)create; /* aws-bootstrap makes the table, with rights that the service need not have */
    (void)error;
    return ops_aws_store_new(client(self), OPS_PROTECTED_TABLE, ret_store);
}

static enum ops_status aws_catalogue(struct ops_backend *self, struct ops_catalogue **ret_catalogue, struct ops_error *error)
{
    static const struct ops_aws_own own = {.table = OPS_PROTECTED_TABLE, .log_group = OPS_AUDIT_LOG_GROUP};
    (void)error;
    return ops_aws_catalogue_new(client(self), ops_system_clock(), &own, ret_catalogue);
}

static enum ops_status aws_log_sink(struct ops_backend *self, struct ops_log_sink **ret_sink, struct ops_error *error)
{
    (void)error;
    return ops_aws_log_sink_new(client(self), ops_system_clock(), OPS_AUDIT_LOG_GROUP, OPS_AWS_AUDIT_STREAM, ret_sink);
}

static enum ops_status aws_sessions(struct ops_backend *self, const struct ops_manifest *manifest,
                                    struct ops_session_source **ret_source, struct ops_error *error)
{
    (void)error;
    return ops_aws_sessions_new(client(self), manifest->sessions_table, manifest->users_table, ret_source);
}

static struct ops_other_clock *aws_other_clock(struct ops_backend *self)
{
    return ops_aws_client_clock(client(self));
}

/* An account that can't be told (STS is not reached, or emulated) is left out: serve has to live without it. */
static void aws_whereabouts(struct ops_backend *self, bool ask, struct ops_whereabouts *ret_whereabouts)
{
    char account[OPS_AWS_ACCOUNT_SIZE];
    (void)snprintf(ret_whereabouts->region, sizeof ret_whereabouts->region, "%s", ops_aws_client_region(client(self)));
    if (ask && ops_aws_client_account(client(self), account, NULL) == OPS_OK)
        (void)snprintf(ret_whereabouts->account, sizeof ret_whereabouts->account, "%s", account);
}

static void aws_release(struct ops_backend *self)
{
    struct aws_backend *backend = (struct aws_backend *)self;
    ops_account_close(&backend->account);
    ops_mem_free(backend);
}

static const struct ops_backend_ops aws_ops = {
    .store = aws_store,
    .catalogue = aws_catalogue,
    .log_sink = aws_log_sink,
    .sessions = aws_sessions,
    .other_clock = aws_other_clock,
    .whereabouts = aws_whereabouts,
    .release = aws_release,
    .exclusive = false,
};

enum ops_status ops_aws_backend_new(const struct ops_place *place, struct ops_backend **ret_backend, struct ops_error *error)
{
    struct aws_backend *backend = ops_mem_zeroed(1, sizeof *backend);
    if (!backend)
        return OPS_NO_MEMORY;
    backend->base.ops = &aws_ops;
    enum ops_status status = ops_account_open(place, &backend->account, error);
    if (status == OPS_OK)
        *ret_backend = &backend->base;
    else
        ops_mem_free(backend);
    return status;
}
