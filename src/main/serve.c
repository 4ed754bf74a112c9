#include "main/commands.h"

#include "adapters/sys/clock.h"
#include "adapters/sys/log.h"
#include "adapters/sys/random.h"
#include "adapters/sys/scrypt.h"
#include "app/audit.h"
#include "app/work.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "main/embedded.h"
#include "main/engine.h"
#include "main/lock.h"
#include "main/manager.h"
#include "main/open_files.h"
#include "main/ready.h"
#include "main/reload.h"
#include "main/serve_file.h"
#include "main/serve_flags.h"
#include "main/signals.h"
#include "main/threads.h"
#include "surfaces/http/server.h"
#include "surfaces/invoke/server.h"
#include "surfaces/wire/listen.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WORKERS_DEFAULT = 2,
    ADDRESS_SIZE = 512,
    PATH_TEXT_MAX = 4096,
};

/* A serve from its first lock to its last. */
struct serving {
    int lock; /* -1: not held */
    struct ops_manager manager;
    struct ops_log *log; /* NULL: there was no memory for it */
    struct ops_engine_config config;
    struct ops_engine engine;
    struct ops_serve_flags flags;
    bool made_directory; /* there was no data directory */
    struct ops_ready ready;
    struct ops_traffic *traffic;
    struct ops_http_server *http;
    struct ops_invoke_server *invoke;
    struct ops_threads *threads;
    char http_shown[ADDRESS_SIZE]; /* where it listens: "http://0.0.0.0:8080" */
    /* As --endpoint takes them. */
    char http_address[ADDRESS_SIZE];   /* "http://127.0.0.1:8080" */
    char invoke_address[ADDRESS_SIZE]; /* "unix:/path" or "http://127.0.0.1:9001" */
    struct ops_instance instance;      /* what serve.json says */
    pthread_mutex_t telling;           /* guards the next two */
    bool told;                         /* serve.json is ours */
    bool ending;
    pthread_t asker;
    bool has_asker;
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

/* A start that is refused makes no data directory. */
static enum ops_status check_manifest(struct serving *serving, struct ops_error *error)
{
    const struct ops_engine_config *config = &serving->config;
    struct ops_manifest manifest;
    char *name = NULL;
    enum ops_status status = OPS_OK;
    if (access(config->data_dir, F_OK) == 0)
        return OPS_OK; /* nothing is made, and opening it reads the manifest */
    serving->made_directory = true;
    status = ops_engine_load_manifest(config->data_dir, config->manifest_path, &manifest, &name, error);
    if (status != OPS_OK)
        return status;
    ops_manifest_release(&manifest);
    ops_mem_free(name);
    return OPS_OK;
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
    enum ops_status status = check_manifest(serving, error);
    if (status == OPS_OK)
        status = ops_engine_data_dir(place->data_dir, &data_dir, error);
    if (status == OPS_OK)
        status = ops_serve_lock(data_dir, &serving->lock, error);
    if (status == OPS_OK)
        ops_serve_file_remove(data_dir); /* of one that ended without a word */
    if (status == OPS_OK)
        status = ops_engine_open(&serving->config, &serving->engine, error);
    /* The lock says that we are the only one, so that nobody's lease is alive. */
    if (status == OPS_OK && serving->engine.backend->ops->exclusive)
        status = ops_app_adopt(serving->engine.app, error);
    ops_mem_free(data_dir);
    return status;
}

static void write_address(const struct serving *serving, const char *host, char ret_text[static ADDRESS_SIZE])
{
    char address[OPS_ADDRESS_SIZE];
    ops_host_port_format(host, ops_http_server_port(serving->http), address);
    (void)snprintf(ret_text, ADDRESS_SIZE, "%s://%s", serving->flags.tls_cert ? "https" : "http", address);
}

static enum ops_status start_http(struct ops_cli *cli, struct serving *serving, struct ops_error *error)
{
    struct ops_serve_flags *flags = &serving->flags;
    const struct ops_http_config config = {.host = flags->http.host,
                                           .port = flags->http.port,
                                           .tls = flags->tls,
                                           .limits.connections_per_party =
                                               (size_t)ops_cli_integer(cli, "--http-connections-per-address", 0),
                                           .openapi = ops_embedded_openapi(),
                                           .traffic = serving->traffic,
                                           .hosts = flags->hosts_text ? flags->hosts : NULL,
                                           .ready = ops_ready_tell,
                                           .ready_context = &serving->ready,
                                           .proof_token = serving->instance.token,
                                           .access_log = access_log(cli, serving)};
    ops_ready_init(&serving->ready, serving->config.clock);
    flags->tls = NULL; /* the server takes it */
    enum ops_status status = ops_http_server_start(serving->engine.app, &config, &serving->http, error);
    if (status != OPS_OK)
        return status;
    write_address(serving, ops_host_to_show(flags->http.host), serving->http_shown);
    write_address(serving, ops_host_to_reach(flags->http.host), serving->http_address);
    return OPS_OK;
}

static enum ops_status start_invoke(struct ops_cli *cli, struct serving *serving, struct ops_error *error)
{
    char socket[PATH_TEXT_MAX];
    (void)snprintf(socket, sizeof socket, "unix:%.4000s/invoke.sock", serving->engine.data_dir);
    const char *listen = serving->flags.invoke;
    const struct ops_invoke_config config = {.listen = listen ? listen : socket,
                                             .traffic = serving->traffic,
                                             .proof_token = serving->instance.token,
                                             .access_log = access_log(cli, serving)};
    enum ops_status status = ops_invoke_server_start(serving->engine.app, &config, &serving->invoke, error);
    if (status != OPS_OK)
        return status == OPS_USAGE ? ops_error_about(error, status, "--invoke-listen") : status;
    const char *address = ops_invoke_server_address(serving->invoke);
    bool is_unix = strncmp(address, "unix:", strlen("unix:")) == 0;
    (void)snprintf(serving->invoke_address, sizeof serving->invoke_address, "%s%.480s", is_unix ? "" : "http://", address);
    return OPS_OK;
}

/* Random for each start: who reads an old serve.json learns nothing of the next. */
static void make_token(char ret_token[static OPS_PROOF_TEXT_SIZE])
{
    uint8_t bytes[OPS_SHA256_BYTES];
    ops_random_fill(ops_system_random(), bytes, sizeof bytes);
    ops_hex(bytes, sizeof bytes, ret_token);
    explicit_bzero(bytes, sizeof bytes);
}

/* JSON can't hold every path: one that is not UTF-8 is said by what follows the data directory, where it lies in that. */
static const char *place_of_socket(const struct serving *serving, const char *socket)
{
    size_t length = strlen(serving->engine.data_dir);
    bool is_inside = strncmp(socket, serving->engine.data_dir, length) == 0 && socket[length] == '/';
    return is_inside && !ops_unicode_is_utf8(ops_view_of(socket)) ? socket + length + 1 : socket;
}

/* A name may stand for several addresses, of which somebody else may have the first: so the one that is really ours. But a
 * certificate is for a name. */
static void write_addresses(const struct serving *serving, struct ops_instance *instance)
{
    char socket[PATH_MAX];
    const char *invoke = ops_invoke_server_bound(serving->invoke);
    bool is_everywhere = strcmp(serving->http_shown, serving->http_address) != 0; /* which is no place to connect to */
    if (serving->flags.tls_cert || is_everywhere)
        (void)snprintf(instance->http, sizeof instance->http, "%s", serving->http_address);
    else
        (void)snprintf(instance->http, sizeof instance->http, "http://%s", ops_http_server_bound(serving->http));
    if (!ops_listens_on_unix(invoke))
        (void)snprintf(instance->invoke, sizeof instance->invoke, "http://%s", invoke);
    else if (realpath(invoke + strlen("unix:"), socket))
        (void)snprintf(instance->invoke, sizeof instance->invoke, "unix:%.500s", place_of_socket(serving, socket));
}

static void copy_whereabouts(struct serving *serving, bool ask, struct ops_instance *instance)
{
    struct ops_whereabouts whereabouts;
    ops_backend_whereabouts(serving->engine.backend, ask, &whereabouts);
    (void)snprintf(instance->account, sizeof instance->account, "%.15s", whereabouts.account);
    (void)snprintf(instance->region, sizeof instance->region, "%.71s", whereabouts.region);
}

/* Nothing is written any more once the end has begun: the file would be left behind. */
static void write_serve_file(struct serving *serving)
{
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = OPS_OK;
    pthread_mutex_lock(&serving->telling);
    if (!serving->ending)
        status = ops_serve_file_write(serving->engine.data_dir, &serving->instance, &error);
    serving->told = serving->told || status == OPS_OK;
    pthread_mutex_unlock(&serving->telling);
    if (status != OPS_OK)
        ops_log_say(serving->log, OPS_LOG_WARN, "serve.json", "%s Other commands will need --endpoint.",
                    ops_error_text(&error, status));
    ops_error_release(&error);
}

/* Whose account it is has to be asked for, and nobody waits for that. */
static void *find_account(void *context)
{
    struct serving *serving = context;
    struct ops_instance found;
    copy_whereabouts(serving, true, &found);
    if (!found.account[0])
        return NULL;
    memcpy(serving->instance.account, found.account, sizeof found.account);
    write_serve_file(serving);
    return NULL;
}

/* <data>/serve.json tells the other commands whom to ask. */
static void tell_others(struct serving *serving)
{
    struct ops_instance *instance = &serving->instance;
    write_addresses(serving, instance);
    (void)snprintf(instance->engine, sizeof instance->engine, "%s", serving->config.aws ? "aws" : "local");
    copy_whereabouts(serving, false, instance);
    instance->pid = getpid();
    write_serve_file(serving);
    /* Without a thread the account is not told. */
    serving->has_asker = serving->config.aws && pthread_create(&serving->asker, NULL, find_account, serving) == 0;
}

static void tell_no_more(struct serving *serving)
{
    pthread_mutex_lock(&serving->telling);
    serving->ending = true;
    if (serving->told)
        ops_serve_file_remove(serving->engine.data_dir);
    pthread_mutex_unlock(&serving->telling);
}

/* Files in it are looked at before they are used (base/trust.h), but whoever may write it can take them away. */
static void warn_of_directory(const struct serving *serving)
{
    struct stat info;
    const char *data_dir = serving->engine.data_dir;
    if (serving->made_directory)
        ops_log_say(serving->log, OPS_LOG_WARN, "data.made",
                    "there was no data directory %s: it was made, and the manifest in force is %s", data_dir,
                    serving->engine.manifest_name);
    bool open_to_others = stat(data_dir, &info) == 0 && info.st_mode & (S_IWGRP | S_IWOTH);
    if (open_to_others && !(info.st_mode & S_ISVTX))
        ops_log_say(serving->log, OPS_LOG_WARN, "data.open",
                    "other users may write to the data directory %s; 'chmod go-w %s' keeps it yours", data_dir, data_dir);
}

/* At once where that takes no time to speak of: a service far away may not answer for a minute, and the surfaces must not
 * wait for it. A log that can't be read delays delivery, and no more. */
static void check_trail(struct serving *serving)
{
    struct ops_error error = OPS_ERROR_INIT;
    if (serving->config.aws)
        return;
    enum ops_status status = ops_app_check_trail(serving->engine.app, &error);
    if (status != OPS_OK)
        ops_log_say(serving->log, OPS_LOG_WARN, "audit.unread",
                    "Whether the store agrees with its delivered audit log is not known: %s",
                    ops_error_text(&error, status));
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
        status = ops_serve_flags_read(cli, &serving->flags, error);
    if (status == OPS_OK)
        status = ops_command_own_place(cli, &place, error);
    if (status == OPS_OK)
        status = open_engine(cli, &place, serving, error);
    if (status == OPS_OK)
        warn_of_directory(serving);
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
        status = ops_threads_start(serving->engine.app, worker_count(cli, serving), serving->log, &serving->threads, error);
    return status;
}

/* An older copy of the store that is put back while nothing runs is found out by the delivered log alone: so that has all of
 * it when we end. A service far away may not answer for a minute, and is not waited for. */
static void deliver_the_rest(struct serving *serving)
{
    size_t count = serving->threads && serving->engine.backend->ops->exclusive ? 1 : 0;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && count > 0)
        status = ops_audit_deliver(serving->engine.app, &count, &error);
    if (status != OPS_OK)
        ops_log_say(serving->log, OPS_LOG_WARN, "audit.waiting",
                    "Audit records wait to be delivered until the next start: %s", ops_error_text(&error, status));
    ops_error_release(&error);
}

static void stop(struct serving *serving)
{
    tell_no_more(serving);
    /* Requests and steps under way may take their time. Who asks a second time does not want to wait for them, and loses
     * nothing that the next start would not find. */
    ops_signals_end_at_once();
    ops_http_server_stop(serving->http);
    ops_invoke_server_stop(serving->invoke);
    ops_traffic_free(serving->traffic);
    ops_threads_stop(serving->threads);
    deliver_the_rest(serving);
    if (serving->has_asker)
        (void)pthread_join(serving->asker, NULL); /* it was started */
    ops_engine_close(&serving->engine);
    if (serving->lock >= 0)
        ops_serve_unlock(serving->lock);
    ops_manager_close(&serving->manager);
    ops_serve_flags_release(&serving->flags);
}

static void tell_ready(struct serving *serving, const char *more)
{
    char status[2 * ADDRESS_SIZE + 64];
    (void)snprintf(status, sizeof status, "http=%s invoke=%s%s", serving->http_shown, serving->invoke_address, more);
    ops_manager_ready(&serving->manager, status, ops_clock_monotonic_ms(serving->config.clock));
}

/* The line of the contract comes first, in whatever format the others are. */
static enum ops_status begin_log(struct serving *serving, struct ops_error *error)
{
    char ready[2 * ADDRESS_SIZE + 64];
    (void)snprintf(ready, sizeof ready, "ready http=%s invoke=%s\n", serving->http_shown, serving->invoke_address);
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
                                    .tls_cert = serving->flags.tls_cert,
                                    .tls_key = serving->flags.tls_key};
    int number = 0;
    ops_ready_look(&serving->ready, ops_threads_sweep_pulse(serving->threads));
    while (number != SIGTERM && number != SIGINT) {
        number = ops_signals_wait(waited, ops_manager_wait_ms(&serving->manager));
        if (number == SIGHUP)
            read_anew(serving, &what);
        ops_manager_look(&serving->manager, ops_threads_sweep_pulse(serving->threads),
                         ops_clock_monotonic_ms(serving->config.clock), serving->log);
        ops_ready_look(&serving->ready, ops_threads_sweep_pulse(serving->threads));
    }
    ops_notify_tell(&serving->manager.notify, "STOPPING=1\nSTATUS=lets what is under way finish");
    ops_log_say(serving->log, OPS_LOG_INFO, "serve.stopping", "%s came; what is under way may finish.",
                number == SIGTERM ? "SIGTERM" : "SIGINT");
}

int ops_command_serve(struct ops_cli *cli, void *context)
{
    (void)context;
    struct serving serving = {.lock = -1, .telling = PTHREAD_MUTEX_INITIALIZER};
    struct ops_error error = OPS_ERROR_INIT;
    sigset_t waited;
    ops_signals_init(true, &waited);
    ops_manager_open(&serving.manager);
    make_token(serving.instance.token);
    ops_raise_open_files();
    enum ops_status status = start(cli, &serving, &error);
    int code = OPS_EXIT_DONE;
    if (status == OPS_OK) {
        tell_others(&serving);
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
