#include "main/commands.h"

#include "adapters/sys/clock.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "main/gate_extension.h"
#include "main/open_files.h"
#include "main/signals.h"
#include "surfaces/gate/server.h"

#include <stdlib.h>
#include <string.h>

enum { HEALTH_PATHS_MAX = 32, WAIT_MS = 1000, TELL_AGAIN_MS = 10 * 60 * 1000 };

static const char listen_default[] = "127.0.0.1:9180", source_default[] = "http://127.0.0.1:8080";

/* A sidecar from its flags to its end. */
struct sidecar {
    char *health_text; /* cut up */
    const char *health_paths[HEALTH_PATHS_MAX + 1];
    opsgate *gate;
    struct ops_gate_server *server;
    opsgate_counters seen; /* when somebody looked last */
    bool in_vain;          /* and then the source gave no answers */
    int64_t told_ms;       /* monotonic; when that was said last */
};

/* A list of paths with commas between them. */
static enum ops_status read_health_paths(struct sidecar *sidecar, const char *text, struct ops_error *error)
{
    size_t count = 0;
    char *rest = NULL;
    sidecar->health_text = ops_mem_strdup(text);
    if (!sidecar->health_text)
        return OPS_NO_MEMORY;
    for (char *path = strtok_r(sidecar->health_text, ",", &rest); path; path = strtok_r(NULL, ",", &rest)) {
        if (count == HEALTH_PATHS_MAX)
            return ops_fail(error, OPS_USAGE, "--health-paths names more than %d paths.", HEALTH_PATHS_MAX);
        sidecar->health_paths[count++] = path;
    }
    return OPS_OK;
}

/* What is wrong with the configuration begins with its member, as which the flag is named, but for the hyphens. */
static void name_flag(char *why)
{
    for (char *c = why; *c && !strchr(" :", *c); c++)
        if (*c == '_')
            *c = '-';
}

static enum ops_status status_of(opsgate_status status, char *why, struct ops_error *error)
{
    static const enum ops_status statuses[] = {[OPSGATE_OK] = OPS_OK,
                                               [OPSGATE_BAD_CONFIG] = OPS_USAGE,
                                               [OPSGATE_NO_MEMORY] = OPS_NO_MEMORY,
                                               [OPSGATE_NO_THREAD] = OPS_IO_ERROR};
    const char *before = status == OPSGATE_BAD_CONFIG ? "--" : "";
    name_flag(why);
    return status == OPSGATE_OK ? OPS_OK : ops_fail(error, statuses[status], "%s%s", before, why);
}

static enum ops_status open_gate(struct ops_cli *cli, struct sidecar *sidecar, struct ops_error *error)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    const char *source = ops_cli_text(cli, "--source"), *paths = ops_cli_text(cli, "--health-paths");
    char why[OPSGATE_ERROR_SIZE];
    enum ops_status status = paths ? read_health_paths(sidecar, paths, error) : OPS_OK;
    if (status != OPS_OK)
        return status;
    config.source = source ? source : source_default;
    config.service = ops_cli_text(cli, "--service");
    config.health_paths = sidecar->health_paths;
    config.refresh_ms = (unsigned)ops_cli_integer(cli, "--refresh-ms", config.refresh_ms);
    return status_of(opsgate_open(&config, &sidecar->gate, why), why, error);
}

static enum ops_status start_server(struct ops_cli *cli, struct sidecar *sidecar, struct ops_error *error)
{
    const char *listen = ops_cli_text(cli, "--listen");
    const struct ops_gate_server_config config = {.listen = listen ? listen : listen_default};
    enum ops_status status = ops_gate_server_start(sidecar->gate, &config, &sidecar->server, error);
    return status == OPS_USAGE ? ops_error_about(error, status, "--listen") : status;
}

static enum ops_status start(struct ops_cli *cli, struct sidecar *sidecar, struct ops_error *error)
{
    enum ops_status status = open_gate(cli, sidecar, error);
    return status == OPS_OK ? start_server(cli, sidecar, error) : status;
}

/* A gate that asks in the wrong place looks like one that is open because no window is active, so it is said again. */
static bool telling_is_due(struct sidecar *sidecar)
{
    int64_t now_ms = ops_clock_monotonic_ms(ops_system_clock());
    bool is_due = !sidecar->in_vain || now_ms - sidecar->told_ms >= TELL_AGAIN_MS;
    if (is_due)
        sidecar->told_ms = now_ms;
    return is_due;
}

/* Some of it may be the words of whoever answered in the source's place. */
static void tell_failure(const char *why)
{
    struct ops_buf visible;
    ops_buf_init(&visible, sizeof "\\U00000000" * OPSGATE_ERROR_SIZE);
    ops_unicode_append_visible(&visible, ops_view_of(why));
    (void)fprintf(stderr, "g3nops: gate: %s 20 seconds after the last answer the gate is open.\n",
                  ops_buf_status(&visible) == OPS_OK ? ops_buf_text(&visible) : "The source gives no answers.");
    ops_buf_release(&visible);
}

/* Says on standard error why questions are in vain, at first and then now and again, and when they are answered again. */
static void tell_of_source(void *context)
{
    struct sidecar *sidecar = context;
    opsgate_counters before = sidecar->seen;
    opsgate_count(sidecar->gate, &sidecar->seen);
    uint64_t failed = sidecar->seen.failed - before.failed, answered = sidecar->seen.asked - before.asked - failed;
    if (failed && !answered && telling_is_due(sidecar))
        tell_failure(sidecar->seen.last_failure);
    else if (answered && !failed && sidecar->in_vain)
        (void)fprintf(stderr, "g3nops: well again: gate\n");
    if (!failed != !answered)
        sidecar->in_vain = failed;
}

static void wait_for_end(struct sidecar *sidecar, const sigset_t *ends)
{
    while (ops_signals_wait(ends, WAIT_MS) == 0)
        tell_of_source(sidecar);
}

int ops_command_gate(struct ops_cli *cli, void *context)
{
    (void)context;
    struct sidecar sidecar = {.gate = NULL};
    struct ops_error error = OPS_ERROR_INIT;
    sigset_t ends;
    bool is_extension = ops_cli_flag(cli, "--lambda-extension");
    int code = OPS_EXIT_DONE;
    /* The extension waits for events instead, and a signal ends it as it ends any program. */
    if (!is_extension)
        ops_signals_init(false, &ends);
    ops_raise_open_files();
    enum ops_status status = start(cli, &sidecar, &error);
    if (status == OPS_OK) {
        (void)fprintf(stderr, "ready gate=%s\n", ops_gate_server_address(sidecar.server));
        if (is_extension)
            status = ops_gate_extension_run(tell_of_source, &sidecar, &error);
        else
            wait_for_end(&sidecar, &ends);
    }
    if (status != OPS_OK)
        code = ops_cli_fail(cli, status, &error);
    ops_gate_server_stop(sidecar.server);
    opsgate_close(sidecar.gate);
    ops_mem_free(sidecar.health_text);
    ops_error_release(&error);
    return code;
}
