#include "surfaces/cli/run.h"

#include "base/json.h"
#include "base/mem.h"
#include "surfaces/cli/generate.h"
#include "surfaces/cli/text.h"
#include "surfaces/cli/zone.h"

#include <assert.h>
#include <langinfo.h>
#include <locale.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *ops_cli_env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *ops_cli_text(const struct ops_cli *cli, const char *name)
{
    return ops_args_get(&cli->args, name)->text;
}

int64_t ops_cli_integer(const struct ops_cli *cli, const char *name, int64_t fallback)
{
    const struct ops_arg *arg = ops_args_get(&cli->args, name);
    return arg->given ? arg->integer : fallback;
}

bool ops_cli_flag(const struct ops_cli *cli, const char *name)
{
    return ops_args_get(&cli->args, name)->given;
}

const char *ops_cli_text_if(const struct ops_cli *cli, const char *name)
{
    const struct ops_arg *arg = ops_args_find(&cli->args, name);
    return arg ? arg->text : NULL;
}

bool ops_cli_flag_if(const struct ops_cli *cli, const char *name)
{
    const struct ops_arg *arg = ops_args_find(&cli->args, name);
    return arg && arg->given;
}

const char *ops_cli_positional(const struct ops_cli *cli)
{
    return cli->args.positional;
}

bool ops_cli_json(const struct ops_cli *cli)
{
    return cli->json;
}

FILE *ops_cli_out(const struct ops_cli *cli)
{
    return cli->host->out;
}

FILE *ops_cli_err(const struct ops_cli *cli)
{
    return cli->host->err;
}

/* $COLUMNS, else the terminal's own width; without a terminal lines are as long as they need, for whatever reads them. */
static size_t stream_columns(struct ops_terminal *terminal, enum ops_stream stream)
{
    const char *wanted = ops_cli_env("COLUMNS");
    long columns = wanted ? strtol(wanted, NULL, 10) : 0;
    if (columns <= 0 && terminal->ops->is_terminal(terminal, stream))
        columns = terminal->ops->columns(terminal, stream);
    if (columns <= 0)
        return 0;
    return columns < 20 ? 20 : columns > 1000 ? 1000 : (size_t)columns;
}

struct ops_style ops_cli_style(struct ops_cli *cli, enum ops_stream stream)
{
    struct ops_terminal *terminal = cli->host->terminal;
    const char *term = ops_cli_env("TERM");
    bool plain =
        cli->json || ops_cli_env("NO_COLOR") || ops_cli_flag_if(cli, "--no-color") || (term && strcmp(term, "dumb") == 0);
    return (struct ops_style){
        .color = !plain && terminal->ops->is_terminal(terminal, stream),
        .columns = stream_columns(terminal, stream),
        .now_ms = ops_clock_now_ms(cli->host->clock),
        .zone = cli->zone,
    };
}

int ops_cli_write(struct ops_cli *cli, const struct ops_buf *text, int code)
{
    enum ops_status status = ops_buf_status(text);
    if (status == OPS_OK && ops_mem_failure_count() != cli->failed_allocations)
        status = OPS_NO_MEMORY;
    if (status != OPS_OK)
        return ops_cli_fail(cli, status, NULL);
    struct ops_view view = ops_buf_view(text);
    bool written = fwrite(view.data ? view.data : "", 1, view.length, cli->host->out) == view.length;
    if (fflush(cli->host->out) == 0 && written)
        return code;
    (void)fprintf(cli->host->err, "error: standard output can't be written\n");
    return code == OPS_EXIT_DONE ? OPS_EXIT_REFUSED : code;
}

enum ops_status ops_cli_print_table(struct ops_cli *cli, const struct ops_table *table)
{
    if (cli->json)
        return OPS_OK;
    struct ops_buf buf;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    struct ops_style style = ops_cli_style(cli, OPS_STREAM_OUT);
    enum ops_status status = ops_table_write(table, &style, &buf);
    if (status == OPS_OK && ops_cli_write(cli, &buf, OPS_EXIT_DONE) != OPS_EXIT_DONE)
        status = OPS_IO_ERROR;
    ops_buf_release(&buf);
    return status;
}

enum ops_status ops_cli_data_dir(struct ops_cli *cli, const char **ret_path, struct ops_error *error)
{
    if (!cli->data_dir) {
        struct ops_buf path;
        ops_buf_init(&path, 4096);
        const char *given = ops_cli_text_if(cli, "--data"), *base;
        if (!given)
            given = ops_cli_env("G3NOPS_DATA");
        if (given)
            ops_buf_append_text(&path, given);
        else if (geteuid() == 0)
            ops_buf_append_text(&path, "/var/lib/g3nops");
        else if ((base = ops_cli_env("XDG_STATE_HOME")) != NULL)
            ops_buf_append_format(&path, "%s/g3nops", base);
        else if ((base = ops_cli_env("HOME")) != NULL)
            ops_buf_append_format(&path, "%s/.local/state/g3nops", base);
        else
            return ops_fail(error, OPS_USAGE, "There is no home directory to go by; give --data DIR.");
        if (ops_buf_status(&path) == OPS_LIMIT) {
            ops_buf_release(&path);
            return ops_fail(error, OPS_USAGE, "The data directory's path is too long.");
        }
        cli->data_dir = ops_buf_take(&path);
        if (!cli->data_dir)
            return OPS_NO_MEMORY;
    }
    *ret_path = cli->data_dir;
    return OPS_OK;
}

const char *ops_cli_manifest(const struct ops_cli *cli)
{
    const char *given = ops_cli_text_if(cli, "--manifest");
    return given ? given : ops_cli_env("G3NOPS_MANIFEST");
}

/* Who became root by sudo(8), where its two variables agree; NULL: nobody, or root himself. It is no more than said, as any
 * actor: what the machine vouches for is the peer. */
static const char *sudo_caller(void)
{
    const char *name = ops_cli_env("SUDO_USER"), *id = ops_cli_env("SUDO_UID");
    if (geteuid() != 0 || !name || !id)
        return NULL;
    const struct passwd *user = getpwnam(name);
    char expected[24];
    (void)snprintf(expected, sizeof expected, "%lld", user ? (long long)user->pw_uid : -1);
    return user && strcmp(id, expected) == 0 ? name : NULL;
}

const char *ops_cli_actor(struct ops_cli *cli)
{
    const char *given = ops_cli_text_if(cli, "--actor");
    if (given || cli->host->login_name)
        return given ? given : cli->host->login_name;
    if (!cli->actor) {
        const char *caller = sudo_caller();
        const struct passwd *user = caller ? NULL : getpwuid(geteuid());
        char number[sizeof "uid:" + 3 * sizeof(uid_t)];
        (void)snprintf(number, sizeof number, "uid:%lld", (long long)geteuid()); /* in a container users have no names */
        cli->actor = ops_mem_strdup(caller ? caller : user ? user->pw_name : number);
    }
    return cli->actor;
}

/* Widths of characters need a locale that knows UTF-8; a user without one still reads UTF-8 from us. */
static void use_utf8(void)
{
    if (setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return;
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* without it every character counts as one column */
}

static int run_handler(struct ops_cli *cli)
{
    const struct ops_cli_host *host = cli->host;
    for (size_t i = 0; i < host->handler_count; i++)
        if (strcmp(host->handlers[i].command, cli->args.command->name) == 0)
            return host->handlers[i].run(cli, host->context);
    struct ops_error error = OPS_ERROR_INIT;
    (void)ops_fail(&error, OPS_USAGE, "This build can't do '%s'.", cli->args.command->name);
    int code = ops_cli_fail(cli, OPS_USAGE, &error);
    ops_error_release(&error);
    return code;
}

static int run_command(struct ops_cli *cli)
{
    const struct ops_cli_command *command = cli->args.command;
    if (cli->args.noun)
        return ops_cli_show_noun_help(cli, cli->args.noun);
    if (cli->args.help)
        return ops_cli_show_help(cli, command);
    if (command->via == OPS_VIA_SELF)
        return command->run(cli);
    return command->via == OPS_VIA_HANDLER ? run_handler(cli) : ops_cli_call(cli);
}

/* Whether the command may show a time. The service itself and the gate write UTC alone, and --json has nothing else. */
static bool shows_times(const struct ops_cli *cli)
{
    const struct ops_cli_command *command = cli->args.command;
    return command && command->via != OPS_VIA_SELF && command->group != OPS_COMMANDS_HELP && !cli->args.help && !cli->json;
}

/* A misspelled zone would be UTC under its own name, and look right. */
static void check_own_zone(struct ops_cli *cli)
{
    const char *zone = ops_cli_env("TZ");
    if (ops_zone_is_understood(zone))
        return;
    if (shows_times(cli))
        ops_cli_warn(cli, "there is no time zone '%.100s', which TZ names: times are shown in UTC only", zone);
    (void)setenv("TZ", "UTC0", 1); /* what there was meant UTC as well */
}

int ops_cli_run(const struct ops_cli_host *host, int argc, char **argv)
{
    use_utf8();
    struct ops_cli cli = {
        .host = host, .json = ops_args_wants_json(argc, argv), .failed_allocations = ops_mem_failure_count()};
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_args_parse(&cli.args, argc, argv, &error);
    ops_args_wipe(argc, argv);
    check_own_zone(&cli);
    int code = status == OPS_OK ? run_command(&cli) : ops_cli_fail(&cli, status, &error);
    ops_error_release(&error);
    ops_args_release(&cli.args);
    ops_mem_free(cli.data_dir);
    ops_mem_free(cli.actor);
    json_decref(cli.answered_by);
    explicit_bzero(&cli.instance, sizeof cli.instance);
    return code;
}
