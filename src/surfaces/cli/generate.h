/* What is made from the table of commands: help, completion, the manual page. */
#ifndef OPS_SURFACES_CLI_GENERATE_H
#define OPS_SURFACES_CLI_GENERATE_H

#include "surfaces/cli/command.h"

void ops_help_append_usage(struct ops_buf *buf, const struct ops_cli_command *command, size_t columns);
void ops_help_append_command(struct ops_buf *buf, const struct ops_cli_command *command, size_t columns);
void ops_help_append_overview(struct ops_buf *buf, size_t columns);
void ops_completion_append_bash(struct ops_buf *buf);
void ops_completion_append_fish(struct ops_buf *buf);
void ops_man_append(struct ops_buf *buf, const char *build_id);

/* Help of a command, or of all when it is NULL, on standard output. */
int ops_cli_show_help(struct ops_cli *cli, const struct ops_cli_command *command);

/* Help of the commands that begin with a word. */
int ops_cli_show_noun_help(struct ops_cli *cli, const char *noun);

int ops_cli_run_help(struct ops_cli *cli);
int ops_cli_run_completion(struct ops_cli *cli);
int ops_cli_run_man(struct ops_cli *cli);

#endif
