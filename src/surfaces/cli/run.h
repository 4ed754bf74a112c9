/* One run of the command line, as the files of this room see it. */
#ifndef OPS_SURFACES_CLI_RUN_H
#define OPS_SURFACES_CLI_RUN_H

#include "surfaces/cli/args.h"
#include "surfaces/cli/cli.h"

enum { OPS_CLI_OUTPUT_MAX_BYTES = 64 * 1024 * 1024, OPS_CLI_HELP_COLUMNS = 80 };

struct ops_cli {
    const struct ops_cli_host *host;
    struct ops_args args;
    bool json;
    const char *zone;    /* that a flag's time was written in; of args. NULL: none */
    char *data_dir;      /* once asked for; owned */
    char *actor;         /* likewise */
    json_t *answered_by; /* who did, or NULL: not known yet */
    bool answered_told;
    struct ops_instance instance; /* of the data directory, once ops_cli_instance asked */
    size_t failed_allocations;    /* of this thread, before the run */
};

/* One line on standard error that says who answered, where that is a terminal: scripts find it in --json. */
void ops_cli_tell_answered(struct ops_cli *cli);

/* How to write on a stream, now. */
struct ops_style ops_cli_style(struct ops_cli *cli, enum ops_stream stream);

/* Writes a whole text to standard output. Returns code, or 1 when it can't be written, or when memory ran out while it was
 * made: a part of a record is worse than none. */
int ops_cli_write(struct ops_cli *cli, const struct ops_buf *text, int code);

/* Prints the error object of an envelope for a person. */
void ops_cli_print_error(struct ops_cli *cli, const json_t *error);

/* An environment variable that is set and not empty, or NULL. */
const char *ops_cli_env(const char *name);

/* A flag's text when the command has the flag, else NULL. */
const char *ops_cli_text_if(const struct ops_cli *cli, const char *name);
bool ops_cli_flag_if(const struct ops_cli *cli, const char *name);

/* The secret code has been sent: wipes what flags and the environment still have of it. */
void ops_cli_forget_secret_code(struct ops_cli *cli);

/* Carries out a command whose via is HTTP or INVOKE. */
int ops_cli_call(struct ops_cli *cli);

#endif
