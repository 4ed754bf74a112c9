/* The command line: everything of g3nops that a person at a terminal sees.
 *
 * main joins the parts up and calls ops_cli_run once. Commands that talk to a running service are done here, over the HTTP
 * client of the host; commands that open a store themselves (serve, secret-set, ...) are done by handlers that main names:
 *
 *     static int run_version(struct ops_cli *cli, void *context);
 *
 *     static const struct ops_cli_handler handlers[] = {{"version", run_version}, ...};
 *     struct ops_cli_host host = {.handlers = handlers, .handler_count = 1, .context = &mine, .http = http, .clock = clock,
 *                                 .terminal = ops_terminal_system(), .build = &build,
 *                                 .in = stdin, .out = stdout, .err = stderr};
 *     return ops_cli_run(&host, argc, argv);
 *
 * A handler reads its flags with ops_cli_text and its like, ends with ops_cli_done or ops_cli_fail, and returns what they
 * return: the exit code of the process.
 */
#ifndef OPS_SURFACES_CLI_CLI_H
#define OPS_SURFACES_CLI_CLI_H

#include "app/app.h"
#include "ports/clock.h"
#include "ports/http_client.h"
#include "ports/random.h"
#include "surfaces/cli/instance.h"
#include "surfaces/cli/table.h"
#include "surfaces/cli/terminal.h"

#include <stdio.h>

/* CONTRACT section 1. */
enum ops_exit {
    OPS_EXIT_DONE = 0,
    OPS_EXIT_REFUSED = 1,
    OPS_EXIT_USAGE = 2,
    OPS_EXIT_UNREACHABLE = 3,
    OPS_EXIT_VACUUM_FAILED = 4,
    OPS_EXIT_INTERRUPTED = 130, /* Ctrl-C while watching: as a shell would report it */
};

struct ops_cli; /* one run */

typedef int (*ops_cli_handler_fn)(struct ops_cli *cli, void *context);

struct ops_cli_handler {
    const char *command;
    ops_cli_handler_fn run;
};

/* A function of an account in the cloud, invoked directly. All borrowed. */
struct ops_cli_invocation {
    const char *function;
    struct ops_view payload;
    int64_t timeout_ms;
};

/* Fills in the function's own answer (the body, and its HTTP status). OPS_UNREACHABLE: it surely was not invoked, with the
 * reason in error; OPS_UNKNOWN: it may have been. */
typedef enum ops_status (*ops_cli_invoke_fn)(struct ops_cli *cli, void *context, const struct ops_cli_invocation *invocation,
                                             struct ops_http_response *response, struct ops_error *error);

/* All borrowed; all outlive the run. */
struct ops_cli_host {
    const struct ops_cli_handler *handlers;
    size_t handler_count;
    void *context;                      /* for the handlers, and for invoke */
    ops_cli_invoke_fn invoke;           /* what --engine aws invokes with when there is no endpoint; NULL: it can't */
    struct ops_http_client *http;       /* NULL: commands that need the service fail as internal-error */
    ops_instance_find_fn find_instance; /* which serve runs on a data directory */
    struct ops_clock *clock;
    struct ops_random *random;
    struct ops_terminal *terminal;
    const struct ops_build *build;
    const char *login_name; /* the default of --actor; NULL: the effective user's */
    FILE *in, *out, *err;
};

/* Parses, wipes the secrets out of argv, runs one command, and returns the exit code of the process. Sets the character
 * type of the locale, which the widths of table columns need. */
int ops_cli_run(const struct ops_cli_host *host, int argc, char **argv);

/* The flags of the command. name is with its dashes; asking for a flag that the command does not have is a mistake of ours
 * (an assert). Text is owned by the run. */
const char *ops_cli_text(const struct ops_cli *cli, const char *name); /* NULL: not given */
int64_t ops_cli_integer(const struct ops_cli *cli, const char *name, int64_t fallback);
bool ops_cli_flag(const struct ops_cli *cli, const char *name);
const char *ops_cli_positional(const struct ops_cli *cli); /* NULL: not given */
bool ops_cli_json(const struct ops_cli *cli);
FILE *ops_cli_out(const struct ops_cli *cli);
FILE *ops_cli_err(const struct ops_cli *cli);

/* The data directory, not created: --data, else $G3NOPS_DATA, else /var/lib/g3nops for root, else $XDG_STATE_HOME/g3nops,
 * else ~/.local/state/g3nops. Owned by the run. OPS_USAGE when there is nothing to go by. */
enum ops_status ops_cli_data_dir(struct ops_cli *cli, const char **ret_path, struct ops_error *error) OPS_MUST_USE;

/* --engine, else $G3NOPS_ENGINE, else NULL: nobody said. OPS_USAGE: the variable names no engine. */
enum ops_status ops_cli_engine(const struct ops_cli *cli, const char **ret_engine, struct ops_error *error) OPS_MUST_USE;

/* OPS_USAGE when the command asks for another engine or region than the serve works with; it is named. */
enum ops_status ops_cli_check_instance(const struct ops_cli *cli, const char *data_dir, const struct ops_instance *instance,
                                       struct ops_error *error) OPS_MUST_USE;

/* The serve of the data directory, for a command that goes past it straight to the store. Its statuses are those of
 * ops_instance_find_fn; *ret_instance is owned by the run. */
enum ops_status ops_cli_instance(struct ops_cli *cli, const struct ops_instance **ret_instance,
                                 struct ops_error *error) OPS_MUST_USE;

/* Tells that the command itself worked on the store: of a data directory, or else of an account (both may be NULL then). */
void ops_cli_note_store(struct ops_cli *cli, const char *data_dir, const char *region, const char *account);

/* --manifest, else $G3NOPS_MANIFEST, else NULL. */
const char *ops_cli_manifest(const struct ops_cli *cli);

/* --actor; else, for root by way of sudo, who called that; else the effective user, by name
 * or as "uid:1001"; NULL: no memory. Owned by the run. */
const char *ops_cli_actor(struct ops_cli *cli);

enum { OPS_CLI_SECRET_MAX = 1024, OPS_CLI_SECRET_SPARE = 3 /* a line end, and one that tells what is too long */ };

/* A secret code. On the stack of whoever needs it, and cleansed there. */
struct ops_cli_secret {
    char bytes[OPS_CLI_SECRET_MAX + OPS_CLI_SECRET_SPARE]; /* NUL-terminated; no NUL within */
    size_t length;
};

/* The secret code from --secret-code, --secret-code-file, $G3NOPS_SECRET_CODE or a prompt on the terminal, in this order.
 * One line end at its end is dropped. OPS_USAGE: there is none, or it can be none (core/secret_form.h); OPS_IO_ERROR: the
 * file can't be read. */
enum ops_status ops_cli_secret(struct ops_cli *cli, struct ops_cli_secret *ret_secret, struct ops_error *error) OPS_MUST_USE;

/* Whether a secret code was given without a prompt. */
bool ops_cli_has_secret(const struct ops_cli *cli);

/* The same from a file ("-" is standard input); a warning when others may read it. */
enum ops_status ops_cli_secret_file(struct ops_cli *cli, const char *path, struct ops_cli_secret *ret_secret,
                                    struct ops_error *error) OPS_MUST_USE;
void ops_cli_secret_cleanse(struct ops_cli_secret *secret);

/* Prints what went wrong, as an envelope with --json, else as lines on standard error with a hint of what to do. Returns
 * the exit code that goes with status. error may be NULL; it is left alone. */
int ops_cli_fail(struct ops_cli *cli, enum ops_status status, const struct ops_error *error);

/* Prints an envelope with data (with --json), or text and a line end. takes data. Returns the exit code. */
int ops_cli_done(struct ops_cli *cli, json_t *data, const char *format, ...) OPS_PRINTF(3, 4);

/* Prints a table on standard output at the terminal's width. Nothing with --json. */
enum ops_status ops_cli_print_table(struct ops_cli *cli, const struct ops_table *table) OPS_MUST_USE;

/* On standard error, control characters escaped: "warning: ...", a line, or more on a terminal that is too narrow. */
void ops_cli_warn(struct ops_cli *cli, const char *format, ...) OPS_PRINTF(2, 3);

#endif
