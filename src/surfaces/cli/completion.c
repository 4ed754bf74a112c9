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

/* ---- fish ---- */

/* In fish's single quotes, where a backslash and the quote itself have to be escaped. */
static void append_fish_text(struct ops_buf *buf, const char *text)
{
    ops_buf_append_char(buf, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            ops_buf_append_char(buf, '\\');
        ops_buf_append_char(buf, *text);
    }
    ops_buf_append_char(buf, '\'');
}

static void append_fish_words(struct ops_buf *buf, const char *condition, const char *words, const char *help)
{
    ops_buf_append_text(buf, "complete -c g3nops -n ");
    append_fish_text(buf, condition);
    ops_buf_append_text(buf, " -a ");
    append_fish_text(buf, words);
    ops_buf_append_text(buf, *help ? " -d " : "");
    if (*help)
        append_fish_text(buf, help);
    ops_buf_append_char(buf, '\n');
}

static void append_fish_flag(struct ops_buf *buf, const char *command, const struct ops_cli_flag *flag)
{
    struct ops_buf choices;
    ops_buf_init(&choices, 4096);
    ops_buf_append_text(buf, "complete -c g3nops");
    if (command)
        ops_buf_append_format(buf, " -n '__g3nops_is %s'", command);
    ops_buf_append_format(buf, " -l %s", flag->name + strlen("--"));
    if (flag->kind == OPS_FLAG_FILE) {
        ops_buf_append_text(buf, " -r -F");
    } else if (flag->kind == OPS_FLAG_DIRECTORY) {
        ops_buf_append_text(buf, " -x -a '(__fish_complete_directories)'");
    } else if (flag->kind == OPS_FLAG_CHOICE) {
        append_choices(&choices, flag->choices);
        ops_buf_append_format(buf, " -x -a '%s'", ops_buf_text(&choices));
    } else if (flag->kind != OPS_FLAG_SWITCH) {
        ops_buf_append_text(buf, " -x");
    }
    ops_buf_append_text(buf, " -d ");
    append_fish_text(buf, flag->help);
    ops_buf_append_char(buf, '\n');
    if (buf->status == OPS_OK)
        buf->status = ops_buf_status(&choices);
    ops_buf_release(&choices);
}

static void append_fish_command(struct ops_buf *buf, const struct ops_cli_command *command)
{
    char is_it[sizeof "__g3nops_is " + OPS_COMMAND_NAME_SIZE];
    struct ops_buf words;
    ops_buf_init(&words, 4096);
    (void)snprintf(is_it, sizeof is_it, "__g3nops_is %s", command->name);
    append_fish_words(buf, "__g3nops_is ''", command->name, command->summary);
    if (command->positional_choices)
        append_choices(&words, command->positional_choices);
    else if (command->positional)
        append_command_names(&words, " ");
    if (words.length > 0)
        append_fish_words(buf, is_it, ops_buf_text(&words), "");
    for (int group = 0; group < OPS_FLAGS_COMMON; group++)
        for (const struct ops_cli_flag *flag = ops_cli_flags(command, (enum ops_flag_group)group); flag->name; flag++)
            append_fish_flag(buf, command->name, flag);
    if (buf->status == OPS_OK)
        buf->status = ops_buf_status(&words);
    ops_buf_release(&words);
}

/* The first words of commands, and what goes on after each. */
static void append_fish_nouns(struct ops_buf *buf)
{
    struct ops_buf nouns;
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    ops_buf_init(&nouns, 4096);
    ops_cli_append_nouns(&nouns, " ");
    append_fish_words(buf, "__g3nops_is ''", ops_buf_text(&nouns), "");
    char *rest = nouns.data, *noun;
    while (rest && (noun = strsep(&rest, " ")) != NULL) {
        char after[sizeof "__g3nops_after " + OPS_COMMAND_NAME_SIZE];
        (void)snprintf(after, sizeof after, "__g3nops_after %s", noun);
        for (size_t i = 0; i < count; i++)
            if (ops_cli_command_verb(&commands[i], noun))
                append_fish_words(buf, after, ops_cli_command_verb(&commands[i], noun), commands[i].summary);
    }
    if (buf->status == OPS_OK)
        buf->status = ops_buf_status(&nouns);
    ops_buf_release(&nouns);
}

void ops_completion_append_fish(struct ops_buf *buf)
{
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    ops_buf_append_text(buf, "# fish completion for g3nops; made by 'g3nops completion fish'\n"
                             "set -g __g3nops_commands ");
    append_command_names(buf, " ");
    ops_buf_append_text(buf, "\nset -g __g3nops_nouns ");
    ops_cli_append_nouns(buf, " ");
    ops_buf_append_text(buf, "\n"
                             "# The command that is typed so far, of one word or of two, or ''.\n"
                             "function __g3nops_command\n"
                             "    set -l words (commandline -opc)\n"
                             "    set -l before ''\n"
                             "    for word in $words[2..-1] ''\n"
                             "        if contains -- \"$before-$word\" $__g3nops_commands\n"
                             "            echo \"$before-$word\"\n"
                             "            return\n"
                             "        else if contains -- \"$before\" $__g3nops_commands\n"
                             "            echo \"$before\"\n"
                             "            return\n"
                             "        end\n"
                             "        set before $word\n"
                             "    end\n"
                             "    echo ''\n"
                             "end\n"
                             "function __g3nops_after\n"
                             "    set -l words (commandline -opc)\n"
                             "    test \"$words[-1]\" = \"$argv[1]\"\n"
                             "end\n"
                             "function __g3nops_is\n"
                             "    test \"$(__g3nops_command)\" = \"$argv[1]\"; or return 1\n"
                             "    set -l words (commandline -opc)\n"
                             "    test -n \"$argv[1]\"; or not contains -- \"$words[-1]\" $__g3nops_nouns\n"
                             "end\n"
                             "complete -c g3nops -f\n");
    append_fish_nouns(buf);
    for (size_t i = 0; i < count; i++)
        append_fish_command(buf, &commands[i]);
    for (const struct ops_cli_flag *flag = ops_cli_flags(commands, OPS_FLAGS_COMMON); flag->name; flag++)
        append_fish_flag(buf, NULL, flag);
}

int ops_cli_run_completion(struct ops_cli *cli)
{
    static const struct {
        const char *shell;
        void (*append)(struct ops_buf *buf);
    } shells[] = {{"bash", ops_completion_append_bash}, {"fish", ops_completion_append_fish}};
    struct ops_buf buf;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(shells[i].shell, ops_cli_positional(cli)) == 0)
            shells[i].append(&buf);
    int code = ops_cli_write(cli, &buf, OPS_EXIT_DONE);
    ops_buf_release(&buf);
    return code;
}
