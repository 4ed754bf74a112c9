#include "surfaces/cli/generate.h"

#include "base/instant.h"
#include "surfaces/cli/run.h"
#include "surfaces/cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_WIDTH = 64 }; /* before escapes, which make it longer */

/* Plain text as roff: hyphens are meant as such, a backslash is one, and no line begins with a request. */
static void append_text(struct ops_buf *buf, const char *text)
{
    for (bool at_start = true; *text; at_start = *text++ == '\n') {
        if (at_start && *text == '.')
            ops_buf_append_text(buf, "\\&");
        if (*text == '-')
            ops_buf_append_text(buf, "\\-");
        else if (*text == '\\')
            ops_buf_append_text(buf, "\\e");
        else if (*text == '\'')
            ops_buf_append_text(buf, "\\(aq");
        else
            ops_buf_append_char(buf, *text);
    }
}

/* Sentences, in lines that a person can edit; a line end in text separates paragraphs. */
static void append_prose(struct ops_buf *buf, const char *text)
{
    struct ops_buf paragraph, lines;
    ops_buf_init(&paragraph, 4096);
    ops_buf_init(&lines, 4096);
    while (*text) {
        size_t length = strcspn(text, "\n");
        ops_buf_clear(&paragraph);
        ops_buf_clear(&lines);
        ops_buf_append(&paragraph, text, length);
        ops_text_append_wrapped(&lines, ops_buf_text(&paragraph), 0, 0, LINE_WIDTH);
        append_text(buf, ops_buf_text(&lines));
        ops_buf_append_char(buf, '\n');
        text += length + (text[length] == '\n');
        ops_buf_append_text(buf, *text ? ".PP\n" : "");
    }
    if (buf->status == OPS_OK)
        buf->status = ops_buf_status(&lines) != OPS_OK ? ops_buf_status(&lines) : ops_buf_status(&paragraph);
    ops_buf_release(&paragraph);
    ops_buf_release(&lines);
}

static void append_line(struct ops_buf *buf, const char *before, const char *text, const char *after)
{
    ops_buf_append_text(buf, before);
    append_text(buf, text);
    ops_buf_append_text(buf, after);
    ops_buf_append_char(buf, '\n');
}

static void append_flag(struct ops_buf *buf, const struct ops_cli_flag *flag)
{
    ops_buf_append_text(buf, ".TP\n\\fB");
    append_text(buf, flag->name);
    append_line(buf, flag->placeholder ? "\\fR \\fI" : "", flag->placeholder ? flag->placeholder : "", "\\fR");
    append_prose(buf, flag->help);
    if (!flag->required)
        return;
    append_line(buf, flag->unless ? "(required, or " : "(required", flag->unless ? flag->unless : "", ")");
}

static void append_flags(struct ops_buf *buf, const struct ops_cli_command *command, enum ops_flag_group group)
{
    for (const struct ops_cli_flag *flag = ops_cli_flags(command, group); flag->name; flag++)
        append_flag(buf, flag);
}

static void append_command(struct ops_buf *buf, const struct ops_cli_command *command)
{
    append_line(buf, ".SS g3nops ", command->name, "");
    append_prose(buf, command->description);
    const char *dash = strchr(command->name, '-');
    if (dash) {
        char noun[OPS_COMMAND_NAME_SIZE];
        (void)snprintf(noun, sizeof noun, "%.*s", (int)(dash - command->name), command->name);
        append_line(buf, ".PP\nThe same: g3nops ", noun, "");
        append_text(buf, dash + 1);
        ops_buf_append_char(buf, '\n');
    }
    const char *note = ops_command_engine_note(command->engine);
    if (note)
        append_prose(buf, note);
    for (int group = 0; group < OPS_FLAGS_COMMON; group++)
        append_flags(buf, command, (enum ops_flag_group)group);
    if (command->positional)
        append_line(buf, ".TP\n\\fI", command->positional,
                    command->positional_required ? "\\fR\nRequired." : "\\fR\nOptional.");
    if (!command->example)
        return;
    ops_buf_append_text(buf, ".PP\nExample:\n.PP\n.RS\n");
    append_prose(buf, command->example);
    ops_buf_append_text(buf, ".RE\n");
}

/* The page's date is the build's, whose id is "WEEKDAY-<epoch seconds>". */
static void append_title(struct ops_buf *buf, const char *build_id)
{
    const char *dash = strchr(build_id, '-');
    int64_t seconds = dash ? strtoll(dash + 1, NULL, 10) : 0;
    char date[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(seconds < 0 || seconds > OPS_INSTANT_MAX_MS / OPS_SECOND_MS ? 0 : seconds * OPS_SECOND_MS, date);
    ops_buf_append_format(buf, ".TH G3NOPS 1 \"%.10s\" \"g3nops\" \"User Commands\"\n", date);
}

static void append_tail(struct ops_buf *buf)
{
    ops_buf_append_text(buf, ".SH ENVIRONMENT\n");
    for (const struct ops_cli_variable *variable = ops_cli_variables(); variable->name; variable++) {
        append_line(buf, ".TP\n\\fB", variable->name, "\\fR");
        append_prose(buf, variable->help);
    }
    ops_buf_append_text(buf,
                        ".SH FILES\n.TP\n\\fIDIR\\fR/serve.json\nwhere the service that runs on a data directory listens;\n"
                        "read when neither \\fB\\-\\-endpoint\\fR nor its variable says,\nand believed while that one runs\n"
                        ".TP\n\\fIDIR\\fR/invoke.sock\nthe invoke surface, by default\n");
    ops_buf_append_text(buf, ".SH EXIT STATUS\n");
    for (const struct ops_cli_exit_code *exit_code = ops_cli_exit_codes(); exit_code->code; exit_code++) {
        append_line(buf, ".TP\n\\fB", exit_code->code, "\\fR");
        append_prose(buf, exit_code->help);
    }
}

void ops_man_append(struct ops_buf *buf, const char *build_id)
{
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    append_title(buf, build_id);
    ops_buf_append_text(buf,
                        ".SH NAME\ng3nops \\- maintenance windows and data vacuum of the stack\n"
                        ".SH SYNOPSIS\n\\fBg3nops\\fR \\fICOMMAND\\fR [\\fIflags\\fR]\n"
                        ".SH DESCRIPTION\n"
                        "Every command but those that open the store themselves talks to\na running \\fBg3nops serve\\fR.\n"
                        "A flag's value is the next word, or follows an equals sign.\n"
                        "The words of a command may stand apart:\n\\fBvacuum org\\fR is \\fBvacuum\\-org\\fR.\n");
    for (int group = 0; group < OPS_COMMANDS_GROUP_COUNT; group++) {
        append_line(buf, ".SH \"", ops_command_group_title((enum ops_command_group)group), "\"");
        for (size_t i = 0; i < count; i++)
            if ((int)commands[i].group == group)
                append_command(buf, &commands[i]);
    }
    ops_buf_append_text(buf, ".SH \"COMMON FLAGS\"\n");
    append_flags(buf, &commands[0], OPS_FLAGS_COMMON);
    append_tail(buf);
}

int ops_cli_run_man(struct ops_cli *cli)
{
    struct ops_buf buf;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    ops_man_append(&buf, cli->host->build->id);
    int code = ops_cli_write(cli, &buf, OPS_EXIT_DONE);
    ops_buf_release(&buf);
    return code;
}
