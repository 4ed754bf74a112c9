#include "main/commands.h"

#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "adapters/sys/scrypt.h"
#include "app/secret.h"
#include "base/mem.h"
#include "main/embedded.h"
#include "main/engine.h"

#include <unistd.h>

static enum ops_status open_app(struct ops_store *store, struct ops_app **ret_app)
{
    /* Setting a secret code needs these ports and no others. */
    const struct ops_app_ports ports = {
        .store = store,
        .clock = ops_system_clock(),
        .random = ops_system_random(),
        .hasher = ops_scrypt_hasher(),
    };
    return ops_app_new(&ports, NULL, ops_embedded_build(), ret_app);
}

/* The first code needs no old one, so that is asked for only when the store says that there is one. The audit trail names
 * this process where the old one is wrong. */
static enum ops_status set_code(struct ops_cli *cli, struct ops_app *app, const char *new_code, bool *ret_rotated,
                                struct ops_error *error)
{
    struct ops_cli_secret old = {.length = 0};
    const struct ops_secret_change change = {
        .old_code = old.bytes,
        .new_code = new_code,
        .actor = ops_cli_actor(cli),
        .peer = {.kind = OPS_PEER_PROCESS, .uid = getuid(), .pid = getpid()},
    };
    enum ops_status status = OPS_OK;
    if (ops_cli_has_secret(cli))
        status = ops_cli_secret(cli, &old, error);
    if (status == OPS_OK)
        status = ops_secret_change(app, &change, ret_rotated, error);
    if (status == OPS_SECRET_CODE_REQUIRED) {
        status = ops_cli_secret(cli, &old, error);
        if (status == OPS_OK)
            status = ops_secret_change(app, &change, ret_rotated, error);
    }
    ops_cli_secret_cleanse(&old);
    return status;
}

/* *ret_data_dir: where the embedded engine's store is, the caller's; NULL on the other one. */
static enum ops_status run(struct ops_cli *cli, bool *ret_rotated, char **ret_data_dir, struct ops_error *error)
{
    struct ops_cli_secret code = {.length = 0};
    struct ops_place place;
    struct ops_backend *backend = NULL;
    struct ops_store *store = NULL;
    struct ops_app *app = NULL;
    enum ops_status status = ops_command_place(cli, &place, error);
    if (status == OPS_OK)
        status = ops_cli_secret_file(cli, ops_cli_text(cli, "--new-secret-code-file"), &code, error);
    if (status == OPS_OK && !place.aws)
        status = ops_engine_data_dir(place.data_dir, ret_data_dir, error);
    if (status == OPS_OK)
        status = ops_backend_open(&place, &backend, error);
    if (status == OPS_OK)
        status = backend->ops->store(backend, true, &store, error);
    if (status == OPS_OK)
        status = open_app(store, &app);
    if (status == OPS_OK)
        status = set_code(cli, app, code.bytes, ret_rotated, error);
    ops_cli_secret_cleanse(&code);
    ops_app_free(app);
    ops_store_release(store);
    ops_backend_release(backend);
    return status;
}

/* A data directory that is misspelled is made, so people are told which it was. */
static int finish(struct ops_cli *cli, bool rotated, const char *data_dir)
{
    return ops_cli_done(cli, json_pack("{s:s}", "secret_code", rotated ? "rotated" : "set"), "The secret code%s%s is %s.",
                        data_dir ? " of " : "", data_dir ? data_dir : "", rotated ? "rotated" : "set");
}

int ops_command_secret_set(struct ops_cli *cli, void *context)
{
    (void)context;
    struct ops_error error = OPS_ERROR_INIT;
    bool rotated = false;
    char *data_dir = NULL;
    enum ops_status status = run(cli, &rotated, &data_dir, &error);
    int code = status == OPS_OK ? finish(cli, rotated, data_dir) : ops_cli_fail(cli, status, &error);
    ops_mem_free(data_dir);
    ops_error_release(&error);
    return code;
}
