#include "main/gate_sources.h"

#include "adapters/aws/store.h"
#include "adapters/curl/http_client.h"
#include "adapters/gate/ping_source.h"
#include "adapters/gate/store_source.h"
#include "adapters/local/store.h"
#include "base/mem.h"
#include "gate/gate.h"
#include "main/account.h"

#include <stdio.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static enum ops_status open_ping(const char *name, const char *rest, struct ops_gate_source **ret_source,
                                 struct ops_error *error)
{
    struct ops_http_client *client = NULL;
    (void)rest;
    enum ops_status status = ops_curl_http_client_new(&client);
    if (status == OPS_OK)
        status = ops_gate_ping_source_new(name, client, ret_source);
    return status == OPS_LIMIT ? ops_fail(error, OPS_USAGE, "source is too long.") : status;
}

static void close_account(void *owner)
{
    ops_account_close(owner);
    ops_mem_free(owner);
}

static enum ops_status open_dynamodb(const char *name, const char *rest, struct ops_gate_source **ret_source,
                                     struct ops_error *error)
{
    const struct ops_place place = {.region = NULL};
    struct ops_store *store = NULL;
    (void)name;
    struct ops_account *account = ops_mem_zeroed(1, sizeof *account);
    enum ops_status status = account ? ops_account_open(&place, account, error) : OPS_NO_MEMORY;
    if (status != OPS_OK) {
        ops_mem_free(account);
        return status == OPS_INVALID_FIELD ? OPS_USAGE : status;
    }
    status = ops_aws_store_new(account->client, rest, &store);
    if (status == OPS_OK)
        return ops_gate_store_source_new(store, close_account, account, ret_source);
    close_account(account);
    return status;
}

static enum ops_status open_store(const char *name, const char *rest, struct ops_gate_source **ret_source,
                                  struct ops_error *error)
{
    char path[PATH_SIZE];
    struct ops_store *store = NULL;
    if (snprintf(path, sizeof path, "%s/ops.sqlite", rest) >= (int)sizeof path)
        return ops_fail(error, OPS_USAGE, "source %.100s... is too long.", name);
    if (access(path, F_OK) != 0) /* opening would make one */
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "There is no record store %s.", path);
    enum ops_status status = ops_local_store_open(path, &store, error);
    return status == OPS_OK ? ops_gate_store_source_new(store, NULL, NULL, ret_source) : status;
}

struct scheme_row {
    const char *begin;
    const char *what; /* comes behind that */
    enum ops_status (*open)(const char *name, const char *rest, struct ops_gate_source **ret_source, struct ops_error *error);
};

static const struct scheme_row scheme_rows[] = {
    {"http://", "host", open_ping},
    {"https://", "host", open_ping},
    {"dynamodb:", "table", open_dynamodb},
    {"store:", "directory", open_store},
};

enum ops_status ops_gate_source_open(const char *name, struct ops_gate_source **ret_source, struct ops_error *error)
{
    for (size_t i = 0; i < sizeof scheme_rows / sizeof scheme_rows[0]; i++) {
        const struct scheme_row *row = &scheme_rows[i];
        if (!ops_view_starts_with(ops_view_of(name), ops_view_of(row->begin)))
            continue;
        const char *rest = name + strlen(row->begin);
        if (!rest[0])
            return ops_fail(error, OPS_USAGE, "source %s names no %s.", name, row->what);
        return ret_source ? row->open(name, rest, ret_source, error) : OPS_OK;
    }
    return ops_fail(error, OPS_USAGE, "source %.100s is none of http://, https://, dynamodb: and store:.", name);
}

opsgate_status opsgate_open(const opsgate_config *config, opsgate **ret_gate, char why[OPSGATE_ERROR_SIZE])
{
    return ops_gate_open(config, ops_gate_source_open, ret_gate, why);
}
