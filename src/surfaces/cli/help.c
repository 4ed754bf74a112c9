#include "surfaces/cli/generate.h"

#include "surfaces/cli/run.h"
#include "surfaces/cli/text.h"

enum { HELP_COLUMN = 28, OVERVIEW_COLUMN = 25, HELP_COLUMNS_MAX = 100 };

static void append_word(struct ops_buf *line, const char *before, const struct ops_cli_flag *flag, const char *after)
{
    ops_buf_append_format(line, " %s%s", before, flag->name);
    /* A value stays on the line of its flag; append_usage turns it into a space. */
    if (flag->placeholder)
        ops_buf_append_format(line, "\v%s", flag->placeholder);
    ops_buf_append_text(line, after);
}

/* Whether a flag is shown beside the one in whose place it may be. */
static bool stands_in(const struct ops_cli_command *command, const struct ops_cli_flag *flag)
{
    for (const struct ops_cli_flag *other = command->flags; other->name; other++)
        if (other->unless && strcmp(other->unless, flag->name) == 0)
            return true;
    return false;
}

static bool is_one_of(const struct ops_cli_command *command, const struct ops_cli_flag *flag)
{
    const char *found = command->one_of ? strstr(command->one_of, flag->name) : NULL;
    return found && (found[strlen(flag->name)] == '|' || !found[strlen(flag->name)]);
}

/* "(--description TEXT | --text TEXT)...": one of them, or more. */
static void append_one_of(struct ops_buf *line, const struct ops_cli_command *command)
{
    const char *before = "(";
    for (const struct ops_cli_flag *flag = command->flags; flag->name; flag++) {
        if (!is_one_of(command, flag))
            continue;
        append_word(line, before, flag, "");
        before = "|\v";
    }
    ops_buf_append_text(line, *before == '|' ? ")..." : "");
}

static void append_flag_words(struct ops_buf *line, const struct ops_cli_command *command, bool required)
{
    for (const struct ops_cli_flag *flag = command->flags; flag->name; flag++) {
        if (flag->required != required || stands_in(command, flag) || is_one_of(command, flag))
            continue;
        append_word(line, !required ? "[" : flag->unless ? "(" : "", flag, !required ? "]" : "");
        if (flag->unless)
            ops_buf_append_format(line, "\v|\v%s)", flag->unless);
    }
}

void ops_help_append_usage(struct ops_buf *buf, const struct ops_cli_command *command, size_t columns)
{
    struct ops_buf line;
    ops_buf_init(&line, 4096);
    ops_buf_append_format(&line, "g3nops\v%s", command->name);
    if (command->positional)
        ops_buf_append_format(&line, command->positional_required ? " %s" : " [%s]", command->positional);
    append_flag_words(&line, command, true);
    append_one_of(&line, command);
    append_flag_words(&line, command, false);
    if (command->shared & 1u << OPS_FLAGS_SECRET)
        ops_buf_append_text(&line, command->via == OPS_VIA_INVOKE ? " (secret\vcode)" : " [secret\vcode]");
    if (command->shared & 1u << OPS_FLAGS_SESSION)
        ops_buf_append_text(&line, " [--session-guid\vG]");
    ops_buf_append_text(&line, " [common\vflags]");
    size_t start = buf->length;
    ops_buf_append_text(buf, "usage: ");
    ops_text_append_wrapped(buf, ops_buf_text(&line), 7, 11, columns);
    for (size_t i = start; i < buf->length; i++)
        buf->data[i] = buf->data[i] == '\v' ? ' ' : buf->data[i];
    ops_buf_append_char(buf, '\n');
    ops_buf_release(&line);
}

/* A name, and beside it (or below, when the name is long) its help. */
static void append_entry(struct ops_buf *buf, const char *name, const char *help, size_t column, size_t columns)
{
    ops_buf_append_format(buf, "  %s", name);
    size_t width = 2 + ops_text_width(ops_view_of(name));
    if (width + 2 > column) {
        ops_buf_append_char(buf, '\n');
        width = 0;
    }
    ops_text_append_spaces(buf, column - width);
    ops_text_append_wrapped(buf, help, column, column, columns);
    ops_buf_append_char(buf, '\n');
}

static void append_flag(struct ops_buf *buf, const struct ops_cli_flag *flag, size_t columns)
{
    char name[64], help[256];
    (void)snprintf(name, sizeof name, "%s%s%s", flag->name, flag->placeholder ? " " : "",
                   flag->placeholder ? flag->placeholder : "");
    (void)snprintf(help, sizeof help, "%s%s%s%s", flag->help, flag->required ? " (required" : "",
                   flag->unless ? ", or " : "", flag->unless ? flag->unless : "");
    if (flag->required)
        (void)snprintf(help + strlen(help), sizeof help - strlen(help), ")");
    append_entry(buf, name, help, HELP_COLUMN, columns);
}

static void append_flag_group(struct ops_buf *buf, const struct ops_cli_command *command, enum ops_flag_group group,
                              size_t columns)
{
    const struct ops_cli_flag *flag = ops_cli_flags(command, group);
    if (!flag->name)
        return;
    ops_buf_append_format(buf, "\n%s:\n", ops_flag_group_title(group));
    for (; flag->name; flag++)
        append_flag(buf, flag, columns);
}

void ops_help_append_command(struct ops_buf *buf, const struct ops_cli_command *command, size_t columns)
{
    ops_buf_append_format(buf, "g3nops %s: %s\n\n", command->name, command->summary);
    ops_help_append_usage(buf, command, columns);
    ops_buf_append_text(buf, "\n");
    ops_text_append_wrapped(buf, command->description, 0, 0, columns);
    ops_buf_append_char(buf, '\n');
    const char *note = ops_command_engine_note(command->engine);
    if (note)
        ops_buf_append_format(buf, "%s\n", note);
    const char *dash = strchr(command->name, '-');
    if (dash)
        ops_buf_append_format(buf, "The same: g3nops %.*s %s\n", (int)(dash - command->name), command->name, dash + 1);
    for (int group = 0; group < OPS_FLAGS_GROUP_COUNT; group++)
        append_flag_group(buf, command, (enum ops_flag_group)group, columns);
    if (!command->example)
        return;
    ops_buf_append_text(buf, "\nExample:\n  ");
    ops_text_append_wrapped(buf, command->example, 2, 6, columns);
    ops_buf_append_char(buf, '\n');
}

/* The commands that begin with a word, by what goes on after it. */
static void append_noun(struct ops_buf *buf, const char *noun, size_t columns)
{
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    ops_buf_append_format(buf, "usage: g3nops %s VERB [flags]\n\n", noun);
    for (size_t i = 0; i < count; i++)
        if (ops_cli_command_verb(&commands[i], noun))
            append_entry(buf, ops_cli_command_verb(&commands[i], noun), commands[i].summary, HELP_COLUMN - 4, columns);
    ops_buf_append_format(buf, "\n'g3nops help %s VERB' shows a command and its flags.\n", noun);
}

void ops_help_append_overview(struct ops_buf *buf, size_t columns)
{
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    ops_buf_append_text(buf, "g3nops: maintenance windows and data vacuum of the stack\n\nusage: g3nops COMMAND [flags]\n"
                             "The words of a command may stand apart: 'vacuum org' is 'vacuum-org'.\n");
    for (int group = 0; group < OPS_COMMANDS_GROUP_COUNT; group++) {
        ops_buf_append_format(buf, "\n%s:\n", ops_command_group_title((enum ops_command_group)group));
        for (size_t i = 0; i < count; i++)
            if ((int)commands[i].group == group)
                append_entry(buf, commands[i].name, commands[i].summary, OVERVIEW_COLUMN, columns);
    }
    ops_buf_append_text(buf, "\nEnvironment:\n");
    for (const struct ops_cli_variable *variable = ops_cli_variables(); variable->name; variable++)
        append_entry(buf, variable->name, variable->help, OVERVIEW_COLUMN, columns);
    ops_buf_append_text(buf, "\nExit codes:\n");
    for (const struct ops_cli_exit_code *exit_code = ops_cli_exit_codes(); exit_code->code; exit_code++)
        append_entry(buf, exit_code->code, exit_code->help, 7, columns);
    ops_buf_append_text(buf, "\n'g3nops help COMMAND' shows a command and its flags.\n");
}

static size_t help_columns(struct ops_cli *cli)
{
    size_t columns = ops_cli_style(cli, OPS_STREAM_OUT).columns;
    if (columns == 0)
        columns = OPS_CLI_HELP_COLUMNS;
    if (columns > HELP_COLUMNS_MAX)
        columns = HELP_COLUMNS_MAX;
    return columns < HELP_COLUMN + 20 ? HELP_COLUMN + 20 : columns;
}

int ops_cli_show_noun_help(struct ops_cli *cli, const char *noun)
{
    struct ops_buf buf;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    append_noun(&buf, noun, help_columns(cli));
    int code = ops_cli_write(cli, &buf, OPS_EXIT_DONE);
    ops_buf_release(&buf);
    return code;
}

int ops_cli_show_help(struct ops_cli *cli, const struct ops_cli_command *command)
{
    struct ops_buf buf;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    size_t columns = help_columns(cli);
    if (command)
        ops_help_append_command(&buf, command, columns);
    else
        ops_help_append_overview(&buf, columns);
    int code = ops_cli_write(cli, &buf, OPS_EXIT_DONE);
    ops_buf_release(&buf);
    return code;
}

/* 'help vacuum-og' is told the same way as 'vacuum-og' itself. */
int ops_cli_run_help(struct ops_cli *cli)
{
    const char *name = ops_cli_positional(cli);
    const struct ops_cli_command *command = name ? ops_cli_command_find(name) : NULL;
    if (command || !name)
        return ops_cli_show_help(cli, command);
    if (ops_cli_is_noun(name))
        return ops_cli_show_noun_help(cli, name);
    struct ops_error error = OPS_ERROR_INIT;
    (void)ops_args_unknown_command(name, NULL, &error);
    int code = ops_cli_fail(cli, OPS_USAGE, &error);
    ops_error_release(&error);
    return code;
}
