#include "main/commands.h"

#include "adapters/sys/clock.h"
#include "adapters/sys/log.h"
#include "adapters/sys/random.h"
#include "adapters/sys/scrypt.h"
#include "app/work.h"
#include "base/mem.h"
#include "main/embedded.h"
#include "main/engine.h"
#include "main/lock.h"
#include "main/manager.h"
#include "main/open_files.h"
#include "main/reload.h"
#include "main/signals.h"
#include "main/threads.h"
#include "surfaces/http/server.h"
#include "surfaces/invoke/server.h"
#include "surfaces/wire/listen.h"
#include "surfaces/wire/tls.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    WORKERS_DEFAULT = 2,
    ADDRESS_SIZE = 512,
    PATH_TEXT_MAX = 4096,
};

static const char http_listen_default[] = "127.0.0.1:8080";

/* A serve from its first lock to its last. */
struct serving {
    int lock; /* -1: not held */
    struct ops_manager manager;
    struct ops_log *log; /* NULL: there was no memory for it */
    struct ops_engine_config config;
    struct ops_engine engine;
    const char *tls_cert; /* paths; NULL: no TLS */
    const char *tls_key;
    struct ops_traffic *traffic;
    struct ops_http_server *http;
    struct ops_invoke_server *invoke;
    struct ops_threads *threads;
    /* As --endpoint takes them. */
    char http_address[ADDRESS_SIZE];   /* "http://127.0.0.1:8080" */
    char invoke_address[ADDRESS_SIZE]; /* "unix:/path" or "http://127.0.0.1:9001" */
    char endpoints_path[PATH_TEXT_MAX];
};

/* For people on a terminal, for programs elsewhere. */
static enum ops_log_format log_format(const struct ops_cli *cli)
{
    const char *name = ops_cli_text(cli, "--log-format");
    if (name)
        return ops_log_format_of(name);
    return isatty(STDERR_FILENO) ? OPS_LOG_TEXT : OPS_LOG_LOGFMT;
}

static enum ops_status open_log(const struct ops_cli *cli, struct serving *serving)
{
    const char *level = ops_cli_text(cli, "--log-level");
    const struct ops_file_log_config config = {
        .fd = STDERR_FILENO,
        .format = log_format(cli),
        .level = level ? ops_log_level_of(level) : OPS_LOG_INFO,
        .has_priorities = ops_is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM")),
        .clock = ops_system_clock(),
    };
    return ops_file_log_new(&config, &serving->log);
}

static struct ops_log *access_log(const struct ops_cli *cli, const struct serving *serving)
{
    return ops_cli_flag(cli, "--access-log") ? serving->log : NULL;
}

static enum ops_status open_engine(struct ops_cli *cli, const struct ops_place *place, struct serving *serving,
                                   struct ops_error *error)
{
    serving->config = (struct ops_engine_config){
        .aws = place->aws,
        .region = place->region,
        .profile = place->profile,
        .manifest_path = ops_cli_manifest(cli),
        .usm_url = ops_cli_text(cli, "--usm-url"),
        .clock = ops_system_clock(),
        .random = ops_system_random(),
        .hasher = ops_scrypt_hasher(),
    };
    char *data_dir = NULL;
    serving->config.data_dir = place->data_dir;
    enum ops_status status = ops_engine_data_dir(place->data_dir, &data_dir, error);
    if (status == OPS_OK)
        status = ops_serve_lock(data_dir, &serving->lock, error);
    if (status == OPS_OK)
        status = ops_engine_open(&serving->config, &serving->engine, error);
    /* The lock says that we are the only one, so that nobody's lease is alive. */
    if (status == OPS_OK && serving->engine.backend->ops->exclusive)
        status = ops_app_adopt(serving->engine.app, error);
    ops_mem_free(data_dir);
    return status;
}

/* *ret_tls: NULL without TLS. */
static enum ops_status read_tls(struct ops_cli *cli, struct serving *serving, struct ops_shared **ret_tls,
                                struct ops_error *error)
{
    serving->tls_cert = ops_cli_text(cli, "--tls-cert");
    serving->tls_key = ops_cli_text(cli, "--tls-key");
    if (!serving->tls_cert != !serving->tls_key)
        return ops_fail(error, OPS_USAGE, "TLS needs a certificate and its key; only one of them is given.");
    return serving->tls_cert ? ops_tls_read(serving->tls_cert, serving->tls_key, ret_tls, error) : OPS_OK;
}

static enum ops_status start_http(struct ops_cli *cli, struct serving *serving, struct ops_error *error)
{
    const char *listen = ops_cli_text(cli, "--http-listen");
    char address[OPS_ADDRESS_SIZE];
    struct ops_host_port at;
    enum ops_status status = ops_host_port_parse(listen ? listen : http_listen_default, &at, error);
    if (status != OPS_OK)
        return ops_error_about(error, status, "--http-listen");
    struct ops_http_config config = {
        .host = at.host, .port = at.port, .openapi = ops_embedded_openapi(), .traffic = serving->traffic,
        .access_log = access_log(cli, serving)};
    status = read_tls(cli, serving, &config.tls, error);
    if (status == OPS_OK)
        status = ops_http_server_start(serving->engine.app, &config, &serving->http, error);
    if (status != OPS_OK)
        return status;
    ops_host_port_format(at.host, ops_http_server_port(serving->http), address);
    (void)snprintf(serving->http_address, sizeof serving->http_address, "%s://%s", serving->tls_cert ? "https" : "http",
                   address);
    return OPS_OK;
}

static enum ops_status start_invoke(struct ops_cli *cli, struct serving *serving, struct ops_error *error)
{
    char socket[PATH_TEXT_MAX];
    (void)snprintf(socket, sizeof socket, "unix:%.4000s/invoke.sock", serving->engine.data_dir);
    const char *listen = ops_cli_text(cli, "--invoke-listen");
    const struct ops_invoke_config config = {.listen = listen ? listen : socket,
                                             .traffic = serving->traffic,
                                             .access_log = access_log(cli, serving)};
    enum ops_status status = ops_invoke_server_start(serving->engine.app, &config, &serving->invoke, error);
    if (status != OPS_OK)
        return status == OPS_USAGE ? ops_error_about(error, status, "--invoke-listen") : status;
    const char *address = ops_invoke_server_address(serving->invoke);
    bool is_unix = strncmp(address, "unix:", strlen("unix:")) == 0;
    (void)snprintf(serving->invoke_address, sizeof serving->invoke_address, "%s%.480s", is_unix ? "" : "http://", address);
    return OPS_OK;
}

/* <data>/serve.json tells the other commands where this serve listens. Without it they try the defaults. */
static void write_endpoints(struct serving *serving)
{
    char partial[PATH_TEXT_MAX];
    (void)snprintf(serving->endpoints_path, sizeof serving->endpoints_path, "%.4000s/serve.json", serving->engine.data_dir);
    (void)snprintf(partial, sizeof partial, "%.4000s/serve.json.new", serving->engine.data_dir);
    json_t *endpoints = json_pack("{s:s, s:s, s:I}", "http", serving->http_address, "invoke",
                                  serving->invoke_address, "pid", (json_int_t)getpid());
    if (!endpoints || json_dump_file(endpoints, partial, JSON_COMPACT) != 0 ||
        rename(partial, serving->endpoints_path) != 0)
        ops_log_say(serving->log, OPS_LOG_WARN, "serve.json",
                    "%s could not be written; other commands will need --endpoint.", serving->endpoints_path);
    json_decref(endpoints);
}

/* At once where that takes no time to speak of: a service far away may not answer for a minute, and the surfaces must not wait
 * for it. A log that can't be read delays delivery, and no more. */
static void check_trail(struct serving *serving)
{
    struct ops_error error = OPS_ERROR_INIT;
    if (serving->config.aws)
        return;
    enum ops_status status = ops_app_check_trail(serving->engine.app, &error);
    if (status != OPS_OK)
        ops_log_say(serving->log, OPS_LOG_WARN, "audit.unread",
                    "Whether the store agrees with its delivered audit log is not known: %s", ops_error_text(&error, status));
    ops_error_release(&error);
}

static unsigned worker_count(struct ops_cli *cli, const struct serving *serving)
{
    unsigned asked = (unsigned)ops_cli_integer(cli, "--workers", WORKERS_DEFAULT);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = serving->engine.backend->ops->workers_per_core * (unsigned)(cores > 0 ? cores : 1);
    if (most == 0 || asked <= most)
        return asked;
    ops_log_say(serving->log, OPS_LOG_WARN, "serve.workers",
                "%u of the %u workers are started: on this engine more would be slower with %ld cores.", most, asked, cores);
    return most;
}

static enum ops_status start(struct ops_cli *cli, struct serving *serving, struct ops_error *error)
{
    struct ops_place place;
    enum ops_status status = open_log(cli, serving);
    if (status == OPS_OK)
        status = ops_command_place(cli, &place, error);
    if (status == OPS_OK)
        status = open_engine(cli, &place, serving, error);
    if (status == OPS_OK)
        ops_app_log_to(serving->engine.app, serving->log);
    if (status == OPS_OK)
        check_trail(serving);
    if (status == OPS_OK)
        ops_app_limit_rate(serving->engine.app, ops_cli_integer(cli, "--max-rate", 0));
    if (status == OPS_OK)
        status = ops_traffic_new(&serving->traffic);
    if (status == OPS_OK)
        status = start_http(cli, serving, error);
    if (status == OPS_OK)
        status = start_invoke(cli, serving, error);
    if (status == OPS_OK)
        status =
            ops_threads_start(serving->engine.app, worker_count(cli, serving), serving->log, &serving->threads, error);
    return status;
}

static void stop(struct serving *serving)
{
    if (serving->endpoints_path[0])
        (void)unlink(serving->endpoints_path);
    /* Requests and steps under way may take their time. Who asks a second time does not want to wait for them, and loses
     * nothing that the next start would not find. */
    ops_signals_end_at_once();
    ops_http_server_stop(serving->http);
    ops_invoke_server_stop(serving->invoke);
    ops_traffic_free(serving->traffic);
    ops_threads_stop(serving->threads);
    ops_engine_close(&serving->engine);
    if (serving->lock >= 0)
        ops_serve_unlock(serving->lock);
    ops_manager_close(&serving->manager);
}

static void tell_ready(struct serving *serving, const char *more)
{
    char status[2 * ADDRESS_SIZE + 64];
    (void)snprintf(status, sizeof status, "http=%s invoke=%s%s", serving->http_address, serving->invoke_address, more);
    ops_manager_ready(&serving->manager, status, ops_clock_monotonic_ms(serving->config.clock));
}

/* The line of the contract comes first, in whatever format the others are. */
static enum ops_status begin_log(struct serving *serving, struct ops_error *error)
{
    char ready[2 * ADDRESS_SIZE + 64];
    (void)snprintf(ready, sizeof ready, "ready http=%s invoke=%s\n", serving->http_address, serving->invoke_address);
    enum ops_status status = ops_file_log_begin(serving->log, ready);
    return status == OPS_OK ? OPS_OK : ops_fail(error, status, "The thread that writes the log could not be started.");
}

/* As what it began to serve. */
static void tell_start(const struct serving *serving)
{
    struct ops_log_line line;
    ops_log_line_init(&line, OPS_LOG_INFO, "serve.started", NULL);
    ops_log_line_text(&line, "build", ops_embedded_build()->id);
    ops_log_line_text(&line, "engine", serving->config.aws ? "aws" : "local");
    ops_log_line_text(&line, "data", serving->engine.data_dir);
    ops_log_line_text(&line, "manifest", serving->engine.manifest_name);
    ops_log_line_number(&line, "targets", (int64_t)serving->engine.manifest.target_count);
    ops_log_line_number(&line, "pid", getpid());
    ops_log_write(serving->log, &line);
}

static void read_anew(struct serving *serving, const struct ops_reload *what)
{
    ops_notify_reloading(&serving->manager.notify);
    bool well = ops_reload(what, serving->log);
    tell_ready(serving, well ? "" : "; what was to be read anew was refused, see the log");
}

static void wait_for_end(struct serving *serving, const sigset_t *waited)
{
    const struct ops_reload what = {.engine = &serving->engine,
                                    .config = &serving->config,
                                    .http = serving->http,
                                    .tls_cert = serving->tls_cert,
                                    .tls_key = serving->tls_key};
    int number = 0;
    while (number != SIGTERM && number != SIGINT) {
        number = ops_signals_wait(waited, ops_manager_wait_ms(&serving->manager));
        if (number == SIGHUP)
            read_anew(serving, &what);
        ops_manager_look(&serving->manager, ops_threads_sweep_pulse(serving->threads),
                         ops_clock_monotonic_ms(serving->config.clock), serving->log);
    }
    ops_notify_tell(&serving->manager.notify, "STOPPING=1\nSTATUS=lets what is under way finish");
    ops_log_say(serving->log, OPS_LOG_INFO, "serve.stopping", "%s came; what is under way may finish.",
                number == SIGTERM ? "SIGTERM" : "SIGINT");
}

int ops_command_serve(struct ops_cli *cli, void *context)
{
    (void)context;
    struct serving serving = {.lock = -1};
    struct ops_error error = OPS_ERROR_INIT;
    sigset_t waited;
    ops_signals_init(true, &waited);
    ops_manager_open(&serving.manager);
    ops_raise_open_files();
    enum ops_status status = start(cli, &serving, &error);
    int code = OPS_EXIT_DONE;
    if (status == OPS_OK) {
        write_endpoints(&serving);
        tell_start(&serving);
        status = begin_log(&serving, &error);
    }
    if (status == OPS_OK) {
        tell_ready(&serving, "");
        wait_for_end(&serving, &waited);
    } else {
        code = ops_cli_fail(cli, status, &error);
    }
    stop(&serving);
    ops_log_say(serving.log, OPS_LOG_INFO, "serve.stopped", "%s", "All of it has ended.");
    ops_file_log_free(serving.log);
    ops_error_release(&error);
    return code;
}
