#include "main/gate_sources.h"

#include "adapters/curl/http_client.h"
#include "adapters/gate/file_source.h"
#include "adapters/gate/ping_source.h"
#include "adapters/gate/store_source.h"
#include "adapters/local/store.h"
#include "gate/gate.h"
#include "main/gate_dynamodb.h"

#include <stdio.h>
#include <stdlib.h>

/* Of what comes behind the scheme. "/ops/ping" and "/ops.sqlite" must fit behind that; DynamoDB takes so long a TableName,
 * which may be an ARN. */
enum { PATH_SIZE = 4096, URL_REST_MAX = 2000, TABLE_MAX = 1024, DIRECTORY_MAX = PATH_SIZE - 32 };

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

static enum ops_status open_dynamodb(const char *name, const char *rest, struct ops_gate_source **ret_source,
                                     struct ops_error *error)
{
    (void)name;
    return ops_gate_dynamodb_open(rest, ret_source, error);
}

static enum ops_status open_store_file(const char *path, struct ops_gate_source **ret_source, struct ops_error *error)
{
    struct ops_store *store = NULL;
    enum ops_status status = ops_local_store_open(path, &store, error);
    return status == OPS_OK ? ops_gate_store_source_new(store, ret_source) : status;
}

static enum ops_status open_store(const char *name, const char *rest, struct ops_gate_source **ret_source,
                                  struct ops_error *error)
{
    char path[PATH_SIZE];
    (void)name, (void)error;
    (void)snprintf(path, sizeof path, "%s/ops.sqlite", rest); /* it fits: its length was checked */
    return ops_gate_file_source_new(path, open_store_file, ret_source);
}

/* What would end a host or a path early, or never come over a wire as it is. A query or a fragment has no place before
 * /ops/ping. */
static bool is_url_rest(const char *rest)
{
    if (rest[0] == '/' || rest[0] == ':')
        return false; /* no host */
    for (const char *c = rest; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("?#\"<>\\^`{|}", *c))
            return false;
    return true;
}

/* A table's name, or its ARN. */
static bool is_table(const char *rest)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-:/";
    return strspn(rest, allowed) == strlen(rest);
}

static bool is_any(const char *rest)
{
    return rest[0];
}

/* What is behind OPS's base is one of its resources, and none of them but ping tells what a gate asks for. */
static const char *resource_of_ops(const char *rest)
{
    const char *path = strchr(rest, '/');
    for (const char *at = path ? strstr(path, "/ops/") : NULL; at; at = strstr(at + 1, "/ops/")) {
        const char *behind = at + strlen("/ops/");
        behind += strspn(behind, "/");
        bool is_ping = strncmp(behind, "ping", 4) == 0 && !behind[4 + strspn(behind + 4, "/")];
        if (*behind && !is_ping)
            return behind;
    }
    return NULL;
}

struct scheme_row {
    const char *begin;
    const char *what; /* comes behind that */
    bool (*is_valid)(const char *rest);
    size_t most; /* characters of rest */
    enum ops_status (*open)(const char *name, const char *rest, struct ops_gate_source **ret_source,
                            struct ops_error *error);
    bool shares_descriptors;
};

/* All connections of a process to one SQLite file have the same locks on it, through whichever descriptor one of them has
 * taken them (sqlite.org, os_unix.c, "Posix Advisory Locking"). */
static const struct scheme_row scheme_rows[] = {
    {"http://", "host", is_url_rest, URL_REST_MAX, open_ping, false},
    {"https://", "host", is_url_rest, URL_REST_MAX, open_ping, false},
    {"dynamodb:", "table", is_table, TABLE_MAX, open_dynamodb, false},
    {"store:", "directory", is_any, DIRECTORY_MAX, open_store, true},
};

/* NULL: there is none. */
static const struct scheme_row *find_scheme(const char *name)
{
    for (size_t i = 0; i < sizeof scheme_rows / sizeof scheme_rows[0]; i++)
        if (ops_view_starts_with(ops_view_of(name), ops_view_of(scheme_rows[i].begin)))
            return &scheme_rows[i];
    return NULL;
}

static enum ops_status check_rest(const struct scheme_row *row, const char *name, const char *rest,
                                  struct ops_error *error)
{
    char shown[OPS_URL_SHOWN_SIZE];
    if (!rest[0])
        return ops_fail(error, OPS_USAGE, "source %s names no %s.", row->begin, row->what);
    if (strlen(rest) > row->most)
        return ops_fail(error, OPS_USAGE, "source %.60s... is too long: its %s may have %zu characters.",
                        ops_url_show(name, shown), row->what, row->most);
    if (row->open == open_ping && resource_of_ops(rest))
        return ops_fail(
            error, OPS_USAGE,
            "source %.100s goes on behind /ops: give what comes before /ops/ping (\"https://api.example.com/prod\").",
            ops_url_show(name, shown));
    if (!row->is_valid(rest))
        return ops_fail(error, OPS_USAGE, "source %.100s names no %s that there could be.", ops_url_show(name, shown),
                        row->what);
    return OPS_OK;
}

static enum ops_status open_source(const char *name, struct ops_gate_source **ret_source, struct ops_error *error)
{
    const struct scheme_row *row = find_scheme(name);
    char shown[OPS_URL_SHOWN_SIZE];
    if (!row)
        return ops_fail(error, OPS_USAGE, "source %.100s is none of http://, https://, dynamodb: and store:.",
                        ops_url_show(name, shown));
    const char *rest = name + strlen(row->begin);
    enum ops_status status = check_rest(row, name, rest, error);
    return status == OPS_OK && ret_source ? row->open(name, rest, ret_source, error) : status;
}

/* libcurl writes a connection's secrets to the file that this names, which all of a process's connections share. */
static bool logs_keys(void)
{
    return getenv("SSLKEYLOGFILE");
}

static bool shares_descriptors(const char *name)
{
    const struct scheme_row *row = find_scheme(name);
    return !row || row->shares_descriptors || logs_keys();
}

const struct ops_gate_sources ops_gate_sources = {.open = open_source, .shares_descriptors = shares_descriptors};

opsgate_status opsgate_config_check(const opsgate_config *config, char why[OPSGATE_ERROR_SIZE])
{
    return ops_gate_config_check(config, &ops_gate_sources, why);
}

opsgate_status opsgate_open(const opsgate_config *config, opsgate **ret_gate, char why[OPSGATE_ERROR_SIZE])
{
    return ops_gate_open(config, &ops_gate_sources, ret_gate, why);
}
