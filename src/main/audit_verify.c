#include "main/commands.h"

#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "app/audit.h"
#include "main/embedded.h"
#include "main/engine.h"

static enum ops_status verify(struct ops_cli *cli, json_int_t *ret_count, struct ops_error *error)
{
    struct ops_place place;
    struct ops_backend *backend = NULL;
    struct ops_store *store = NULL;
    struct ops_app *app = NULL;
    enum ops_status status = ops_command_place(cli, &place, error);
    if (status == OPS_OK)
        status = ops_backend_open(&place, &backend, error);
    if (status == OPS_OK)
        status = backend->ops->store(backend, false, &store, error);
    if (status == OPS_OK) {
        const struct ops_app_ports ports = {.store = store, .clock = ops_system_clock(), .random = ops_system_random()};
        status = ops_app_new(&ports, NULL, ops_embedded_build(), &app);
    }
    if (status == OPS_OK)
        status = ops_audit_verify(app, ret_count, error);
    ops_app_free(app);
    ops_store_release(store);
    ops_backend_release(backend);
    return status;
}

int ops_command_audit_verify(struct ops_cli *cli, void *context)
{
    (void)context;
    struct ops_error error = OPS_ERROR_INIT;
    json_int_t count = 0;
    enum ops_status status = verify(cli, &count, &error);
    int code;
    if (status == OPS_OK) {
        code = ops_cli_done(cli, json_pack("{s:b, s:I}", "verified", 1, "records", count),
                            "The audit trail is whole: %lld records, each follows the one before.", (long long)count);
    } else {
        if (status == OPS_CORRUPT)
            ops_error_detail_integer(&error, "records_verified", count);
        code = ops_cli_fail(cli, status, &error);
    }
    ops_error_release(&error);
    return code;
}
