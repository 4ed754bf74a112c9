/* argv, read by the table of commands. */
#ifndef OPS_SURFACES_CLI_ARGS_H
#define OPS_SURFACES_CLI_ARGS_H

#include "base/error.h"
#include "surfaces/cli/command.h"

struct ops_arg {
    char *text; /* owned; NULL for a switch */
    int64_t integer;
    bool given;
};

struct ops_args {
    const struct ops_cli_command *command; /* NULL: none was named */
    const char *noun;                      /* with help: the first word of several commands, in argv; else NULL */
    struct ops_arg values[OPS_COMMAND_FLAGS_MAX];
    char *positional;
    bool help; /* --help: show it whatever else there is */
};

/* Reads argv[1..]. OPS_USAGE with a sentence; args then has the command when it was found. OPS_NO_MEMORY. Copies what it
 * keeps. args is released by the caller in every case. */
enum ops_status ops_args_parse(struct ops_args *args, int argc, char *const *argv, struct ops_error *error) OPS_MUST_USE;
void ops_args_release(struct ops_args *args); /* cleanses secrets; also a zeroed one */

/* Says that there is no such command, and which one may be meant, or what goes on after the first word of a command. verb,
 * the word after it, may be NULL. Returns OPS_USAGE. */
enum ops_status ops_args_unknown_command(const char *word, const char *verb, struct ops_error *error);

/* Overwrites the values of secret flags in argv, so that ps does not show them. */
void ops_args_wipe(int argc, char **argv);

/* Whether --json is among the words, for errors that come before the words are understood. */
bool ops_args_wants_json(int argc, char *const *argv);

/* The value of a flag; the command must have it (an assert). */
const struct ops_arg *ops_args_get(const struct ops_args *args, const char *name);
/* Likewise, but NULL when the command does not have it. */
const struct ops_arg *ops_args_find(const struct ops_args *args, const char *name);

#endif
