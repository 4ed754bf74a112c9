#include "surfaces/cli/generate.h"

#include "surfaces/cli/run.h"

static void append_command_names(struct ops_buf *buf, const char *separator)
{
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    for (size_t i = 0; i < count; i++)
        ops_buf_append_format(buf, "%s%s", i ? separator : "", commands[i].name);
}

static void append_choices(struct ops_buf *buf, const char *choices)
{
    for (const char *c = choices; *c; c++)
        ops_buf_append_char(buf, *c == '|' ? ' ' : *c);
}

/* What follows a flag that takes a value. A flag of one name takes the same kind of value wherever it appears. */
static void append_value_case(struct ops_buf *buf, const struct ops_cli_flag *flag)
{
    ops_buf_append_format(buf, "        %s)\n            ", flag->name);
    if (flag->kind == OPS_FLAG_CHOICE) {
        ops_buf_append_text(buf, "COMPREPLY=($(compgen -W \"");
        append_choices(buf, flag->choices);
        ops_buf_append_text(buf, "\" -- \"$cur\"))\n            ");
    } else if (flag->kind == OPS_FLAG_FILE || flag->kind == OPS_FLAG_DIRECTORY) {
        ops_buf_append_format(
            buf,
            "compopt -o filenames 2>/dev/null\n            mapfile -t COMPREPLY < <(compgen -%c -- \"$cur\")\n            ",
            flag->kind == OPS_FLAG_FILE ? 'f' : 'd');
    }
    ops_buf_append_text(buf, "return ;;\n");
}

/* Whether an earlier command of the table has the flag already. */
static bool seen_before(const struct ops_cli_command *commands, size_t index, const struct ops_cli_flag *flag)
{
    for (size_t i = 0; i < index; i++)
        if (ops_cli_flag_index(&commands[i], flag->name, strlen(flag->name)) >= 0)
            return true;
    return false;
}

static void append_values(struct ops_buf *buf)
{
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    const struct ops_cli_flag *flag;
    ops_buf_append_text(buf, "    case $prev in\n");
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; (flag = ops_cli_flag_at(&commands[i], k)) != NULL; k++)
            if (flag->kind != OPS_FLAG_SWITCH && !seen_before(commands, i, flag))
                append_value_case(buf, flag);
    ops_buf_append_text(buf, "    esac\n");
}

/* What goes on after the first word of several commands. */
static void append_noun_cases(struct ops_buf *buf)
{
    struct ops_buf nouns;
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    ops_buf_init(&nouns, 4096);
    ops_cli_append_nouns(&nouns, " ");
    ops_buf_append_text(buf, "    case $noun in\n");
    char *rest = nouns.data, *noun;
    while (rest && (noun = strsep(&rest, " ")) != NULL) {
        ops_buf_append_format(buf, "        %s) words=\"", noun);
        for (size_t i = 0; i < count; i++)
            if (ops_cli_command_verb(&commands[i], noun))
                ops_buf_append_format(buf, "%s ", ops_cli_command_verb(&commands[i], noun));
        ops_buf_append_text(buf, "\" ;;\n");
    }
    ops_buf_append_text(buf, "        *) words=\"");
    append_command_names(buf, " ");
    ops_buf_append_char(buf, ' ');
    ops_cli_append_nouns(buf, " ");
    ops_buf_append_text(buf, "\" ;;\n    esac\n");
    if (buf->status == OPS_OK)
        buf->status = ops_buf_status(&nouns);
    ops_buf_release(&nouns);
}

static void append_command_case(struct ops_buf *buf, const struct ops_cli_command *command)
{
    const struct ops_cli_flag *flag;
    ops_buf_append_format(buf, "        %s) words=\"", command->name);
    if (command->positional_choices) {
        append_choices(buf, command->positional_choices);
        ops_buf_append_char(buf, ' ');
    } else if (command->positional) {
        append_command_names(buf, " ");
        ops_buf_append_char(buf, ' ');
    }
    for (size_t i = 0; (flag = ops_cli_flag_at(command, i)) != NULL; i++)
        ops_buf_append_format(buf, "%s%s", i ? " " : "", flag->name);
    ops_buf_append_text(buf, "\" ;;\n");
}

void ops_completion_append_bash(struct ops_buf *buf)
{
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    ops_buf_append_text(buf,
                        "# bash completion for g3nops; made by 'g3nops completion bash'\n"
                        "_g3nops() {\n"
                        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= noun= words= i\n"
                        "    COMPREPLY=()\n"
                        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                        "        ((i + 1 < COMP_CWORD)) && case ${COMP_WORDS[i]}-${COMP_WORDS[i+1]} in\n            ");
    append_command_names(buf, "|");
    ops_buf_append_text(buf, ")\n                command=${COMP_WORDS[i]}-${COMP_WORDS[i+1]}\n                break ;;\n"
                             "        esac\n        case ${COMP_WORDS[i]} in\n            ");
    append_command_names(buf, "|");
    ops_buf_append_text(buf, ")\n                command=${COMP_WORDS[i]}\n                break ;;\n            ");
    ops_cli_append_nouns(buf, "|");
    ops_buf_append_text(buf, ") noun=${COMP_WORDS[i]} ;;\n        esac\n    done\n");
    append_values(buf);
    append_noun_cases(buf);
    ops_buf_append_text(buf, "    case $command in\n");
    for (size_t i = 0; i < count; i++)
        append_command_case(buf, &commands[i]);
    ops_buf_append_text(buf, "    esac\n"
                             "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                             "}\n"
                             "complete -F _g3nops g3nops\n");
}

int ops_cli_run_completion(struct ops_cli *cli)
{
    struct ops_buf buf;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    ops_completion_append_bash(&buf);
    int code = ops_cli_write(cli, &buf, OPS_EXIT_DONE);
    ops_buf_release(&buf);
    return code;
}
