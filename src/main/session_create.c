#include "main/commands.h"

#include "adapters/local/sessions.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "base/hash.h"
#include "base/mem.h"
#include "main/engine.h"

#include <stdio.h>

enum { TTL_DEFAULT_SECONDS = 8 * 3600, GUID_BYTES = 16, GUID_SIZE = 37 };

/* A random UUID (RFC 9562, version 4). */
static void make_guid(char ret_guid[static GUID_SIZE])
{
    uint8_t bytes[GUID_BYTES];
    char hex[2 * GUID_BYTES + 1];
    ops_random_fill(ops_system_random(), bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    ops_hex(bytes, sizeof bytes, hex);
    (void)snprintf(ret_guid, GUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

struct created {
    char guid[GUID_SIZE];
    char expires_at[OPS_INSTANT_TEXT_SIZE];
};

static enum ops_status create(struct ops_cli *cli, const char *data_dir, struct created *ret_created,
                              struct ops_error *error)
{
    struct ops_manifest manifest;
    char *manifest_name = NULL;
    enum ops_status status =
        ops_engine_load_manifest(data_dir, ops_cli_manifest(cli), &manifest, &manifest_name, error);
    if (status != OPS_OK)
        return status;
    int64_t ttl_ms = ops_cli_integer(cli, "--ttl", TTL_DEFAULT_SECONDS) * OPS_SECOND_MS;
    int64_t expires_ms = ops_clock_now_ms(ops_system_clock()) + ttl_ms;
    make_guid(ret_created->guid);
    ops_instant_format(expires_ms, ret_created->expires_at);
    if (!manifest.sessions_table)
        status = ops_fail(error, OPS_INVALID_FIELD, "The manifest %s has no \"sessions\".", manifest_name);
    else
        status = ops_local_session_create(data_dir, manifest.sessions_table, manifest.users_table,
                                          ops_cli_text(cli, "--user"), ret_created->guid, expires_ms, error);
    ops_manifest_release(&manifest);
    ops_mem_free(manifest_name);
    return status;
}

int ops_command_session_create(struct ops_cli *cli, void *context)
{
    (void)context;
    struct ops_error error = OPS_ERROR_INIT;
    struct created created;
    const char *asked_dir;
    char *data_dir = NULL;
    enum ops_status status = ops_command_needs_engine(cli, "local", &error);
    if (status == OPS_OK)
        status = ops_cli_data_dir(cli, &asked_dir, &error);
    if (status == OPS_OK)
        status = ops_engine_data_dir(asked_dir, &data_dir, &error);
    if (status == OPS_OK)
        status = create(cli, data_dir, &created, &error);
    int code = status == OPS_OK
                   ? ops_cli_done(cli, json_pack("{s:s, s:s, s:s}", "session_guid", created.guid, "user",
                                                 ops_cli_text(cli, "--user"), "expires_at", created.expires_at),
                                  "%s", created.guid)
                   : ops_cli_fail(cli, status, &error);
    ops_mem_free(data_dir);
    ops_error_release(&error);
    return code;
}
