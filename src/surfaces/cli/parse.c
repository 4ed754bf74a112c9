#include "surfaces/cli/args.h"

#include "base/mem.h"
#include "surfaces/cli/moment.h"
#include "surfaces/cli/text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A word between dashes and '=': the name of a flag. */
static size_t flag_name_length(const char *word)
{
    return strcspn(word, "=");
}

enum { MISSPELLED_MAX = 3 };

/* Whether a value that follows may be a secret: the flag is a secret one of some command (not only the one at hand), or
 * looks like one and is none that any command knows. */
static bool is_secret_flag(const char *word, size_t length)
{
    size_t count;
    bool known = false, secret = false, near = false;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    const struct ops_cli_flag *flag;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; (flag = ops_cli_flag_at(&commands[i], k)) != NULL; k++) {
            size_t distance = ops_text_distance(ops_view(word, length), ops_view_of(flag->name));
            known = known || distance == 0;
            secret = secret || (distance == 0 && flag->kind == OPS_FLAG_SECRET);
            near = near || (distance <= MISSPELLED_MAX && flag->kind == OPS_FLAG_SECRET);
        }
    }
    return secret || (near && !known);
}

void ops_args_wipe(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t length = flag_name_length(argv[i]);
        if (!is_secret_flag(argv[i], length))
            continue;
        char *value = argv[i][length] ? argv[i] + length + 1 : i + 1 < argc ? argv[i + 1] : NULL;
        if (value)
            memset(value, 'x', strlen(value));
    }
}

bool ops_args_wants_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

/* The nearest candidate so far. */
struct suggestion {
    struct ops_view wanted;
    const char *best;
    size_t distance;
};

static void consider(struct suggestion *suggestion, const char *candidate)
{
    struct ops_view word = ops_view_of(candidate);
    size_t distance = ops_text_distance(suggestion->wanted, word);
    /* What was not typed to its end is as good as one mistake. */
    if (suggestion->wanted.length > 3 && ops_view_starts_with(word, suggestion->wanted))
        distance = 1;
    size_t limit = suggestion->wanted.length / 4 + 1;
    if (distance <= limit && (!suggestion->best || distance < suggestion->distance)) {
        suggestion->best = candidate;
        suggestion->distance = distance;
    }
}

static const char *nearest_command(const char *word)
{
    struct suggestion suggestion = {.wanted = ops_view_of(word)};
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    for (size_t i = 0; i < count; i++)
        consider(&suggestion, commands[i].name);
    return suggestion.best;
}

/* "vacuum" alone, or with a word that goes on nowhere: which ones would. */
static enum ops_status unknown_verb(const char *noun, const char *verb, struct ops_error *error)
{
    char joined[OPS_ERROR_TEXT_SIZE];
    (void)snprintf(joined, sizeof joined, "%.100s-%.100s", noun, verb ? verb : "");
    const char *best = verb ? nearest_command(joined) : NULL;
    if (best)
        return ops_fail(error, OPS_USAGE, "There is no command '%s %s'; did you mean '%s'?", noun, verb, best);
    struct ops_buf verbs;
    ops_buf_init(&verbs, 4096);
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    for (size_t i = 0; i < count; i++) {
        const char *rest = ops_cli_command_verb(&commands[i], noun);
        if (rest)
            ops_buf_append_format(&verbs, "%s%s", verbs.length ? ", " : "", rest);
    }
    enum ops_status status = ops_fail(error, OPS_USAGE, "'%s' goes on with one of: %s.", noun, ops_buf_text(&verbs));
    ops_buf_release(&verbs);
    return status;
}

enum ops_status ops_args_unknown_command(const char *word, const char *verb, struct ops_error *error)
{
    if (ops_cli_is_noun(word))
        return unknown_verb(word, verb, error);
    const char *best = nearest_command(word);
    if (best)
        return ops_fail(error, OPS_USAGE, "There is no command '%s'; did you mean '%s'?", word, best);
    return ops_fail(error, OPS_USAGE, "There is no command '%s'; 'g3nops help' lists them.", word);
}

static enum ops_status unknown_flag(const struct ops_cli_command *command, const char *word, struct ops_error *error)
{
    int length = (int)flag_name_length(word); /* never the value, which may be a secret after a misspelled flag */
    struct suggestion suggestion = {.wanted = ops_view(word, (size_t)length)};
    const struct ops_cli_flag *flag;
    for (size_t i = 0; (flag = ops_cli_flag_at(command, i)) != NULL; i++)
        consider(&suggestion, flag->name);
    if (suggestion.best)
        return ops_fail(error, OPS_USAGE, "There is no flag '%.*s'; did you mean '%s'?", length, word, suggestion.best);
    return ops_fail(error, OPS_USAGE, "There is no flag '%.*s'.", length, word);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *choice = choices; *choice; choice += strcspn(choice, "|"), choice += *choice == '|')
        if (strcspn(choice, "|") == length && memcmp(choice, value, length) == 0)
            return true;
    return false;
}

static enum ops_status read_integer(const struct ops_cli_flag *flag, const char *text, int64_t *ret_integer,
                                    struct ops_error *error)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool digits = (text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
    if (!digits || *end)
        return ops_fail(error, OPS_USAGE, "%s takes a whole number, not '%s'.", flag->name, text);
    if (errno == ERANGE || value < flag->min || value > flag->max)
        return ops_fail(error, OPS_USAGE, "%s must be between %" PRId64 " and %" PRId64 ", not %s.", flag->name, flag->min,
                        flag->max, text);
    *ret_integer = value;
    return OPS_OK;
}

static enum ops_status read_duration(const struct ops_cli_flag *flag, const char *text, int64_t *ret_seconds,
                                     struct ops_error *error)
{
    int64_t seconds;
    if (text[0] != '-' && ops_moment_duration(text, &seconds) != OPS_OK)
        return ops_fail(
            error, OPS_USAGE,
            "%s takes seconds, or days, hours, minutes and seconds, each a whole number with d, h, m or s behind "
            "it, in this order and without spaces, such as 90s, 45m, 1h30m or 1d12h, not '%s'.",
            flag->name, text);
    if (text[0] == '-' || seconds < flag->min || seconds > flag->max)
        return ops_fail(error, OPS_USAGE, "%s must be between %" PRId64 " and %" PRId64 " seconds, not %s.", flag->name,
                        flag->min, flag->max, text);
    *ret_seconds = seconds;
    return OPS_OK;
}

static enum ops_status set_value(const struct ops_cli_flag *flag, const char *text, struct ops_arg *value,
                                 struct ops_error *error)
{
    if (value->given)
        return ops_fail(error, OPS_USAGE, "%s is given twice.", flag->name);
    value->given = true;
    if (flag->kind == OPS_FLAG_SWITCH)
        return text ? ops_fail(error, OPS_USAGE, "%s takes no value.", flag->name) : OPS_OK;
    if (!text)
        return ops_fail(error, OPS_USAGE, "%s needs a value: %s %s (or %s=%s, when it begins with --).", flag->name,
                        flag->name, flag->placeholder, flag->name, flag->placeholder);
    if (!*text)
        return ops_fail(error, OPS_USAGE, "%s has an empty value.", flag->name);
    if (flag->kind == OPS_FLAG_CHOICE && !is_choice(flag->choices, text))
        return ops_fail(error, OPS_USAGE, "%s must be one of %s, not '%s'.", flag->name, flag->choices, text);
    enum ops_status status = OPS_OK;
    if (flag->kind == OPS_FLAG_INTEGER)
        status = read_integer(flag, text, &value->integer, error);
    else if (flag->kind == OPS_FLAG_DURATION)
        status = read_duration(flag, text, &value->integer, error);
    if (status != OPS_OK)
        return status;
    value->text = ops_mem_strdup(text);
    return value->text ? OPS_OK : OPS_NO_MEMORY;
}

/* What is left of argv while it is read. */
struct words {
    int argc;
    char *const *argv;
    int next;
    int command_at;    /* not a word for the flags */
    int command_words; /* 2: its verb stands apart */
    bool after_secret; /* a secret flag came before: a stray word may be a piece of its value */
};

/* The flag at the next word, with its value in the same word or the one after. */
static enum ops_status read_flag(struct ops_args *args, struct words *words, struct ops_error *error)
{
    const char *word = words->argv[words->next++];
    size_t length = flag_name_length(word);
    int index = ops_cli_flag_index(args->command, word, length);
    if (index < 0)
        return unknown_flag(args->command, word, error);
    const struct ops_cli_flag *flag = ops_cli_flag_at(args->command, (size_t)index);
    words->after_secret = words->after_secret || flag->kind == OPS_FLAG_SECRET;
    const char *text = word[length] ? word + length + 1 : NULL;
    bool in_next_word = !text && flag->kind != OPS_FLAG_SWITCH && words->next < words->argc &&
                        words->next != words->command_at && strncmp(words->argv[words->next], "--", 2) != 0;
    if (in_next_word)
        text = words->argv[words->next++];
    return set_value(flag, text, &args->values[index], error);
}

static enum ops_status join_positional(struct ops_args *args, const char *word)
{
    struct ops_buf joined;
    ops_buf_init(&joined, OPS_ERROR_TEXT_SIZE);
    ops_buf_append_format(&joined, "%s-%s", args->positional, word);
    char *both = ops_buf_take(&joined);
    if (!both)
        return OPS_NO_MEMORY;
    ops_mem_free(args->positional);
    args->positional = both;
    return OPS_OK;
}

static enum ops_status read_positional(struct ops_args *args, const struct words *words, const char *word,
                                       struct ops_error *error)
{
    const struct ops_cli_command *command = args->command;
    if (command->positional_joins && args->positional && !strchr(args->positional, '-'))
        return join_positional(args, word);
    bool too_many = !command->positional || args->positional;
    if (too_many && words->after_secret)
        return ops_fail(error, OPS_USAGE, "There is a word too many; quote values that have spaces.");
    if (too_many)
        return ops_fail(error, OPS_USAGE, "'%s' is a word too many; quote values that have spaces.", word);
    if (command->positional_choices && !is_choice(command->positional_choices, word))
        return ops_fail(error, OPS_USAGE, "%s must be one of %s, not '%s'.", command->positional,
                        command->positional_choices, word);
    args->positional = ops_mem_strdup(word);
    return args->positional ? OPS_OK : OPS_NO_MEMORY;
}

/* Takes the next of the names between '|' off the front of *rest; false behind the last one. */
static bool next_name(const char **rest, struct ops_view *ret_name)
{
    *rest += **rest == '|';
    *ret_name = ops_view(*rest, strcspn(*rest, "|"));
    *rest += ret_name->length;
    return ret_name->length > 0;
}

static bool has_one_of(const struct ops_args *args, const char *names)
{
    struct ops_view name;
    bool given = false;
    while (!given && next_name(&names, &name)) {
        int index = ops_cli_flag_index(args->command, name.data, name.length);
        assert(index >= 0);
        given = args->values[index].given;
    }
    return given;
}

static enum ops_status refuse_none_of(const char *names, struct ops_error *error)
{
    struct ops_buf list;
    struct ops_view name;
    ops_buf_init(&list, OPS_ERROR_TEXT_SIZE);
    while (next_name(&names, &name))
        ops_buf_append_format(&list, "%s%.*s", list.length == 0 ? "" : *names ? ", " : " and ", (int)name.length, name.data);
    enum ops_status status = ops_fail(error, OPS_USAGE, "At least one of %s is required.", ops_buf_text(&list));
    ops_buf_release(&list);
    return status;
}

static enum ops_status check_required(const struct ops_args *args, struct ops_error *error)
{
    const struct ops_cli_flag *flag;
    for (size_t i = 0; (flag = ops_cli_flag_at(args->command, i)) != NULL; i++) {
        bool given = args->values[i].given, instead = flag->unless && ops_args_get(args, flag->unless)->given;
        if (given && instead)
            return ops_fail(error, OPS_USAGE, "%s and %s are both given; one is enough.", flag->name, flag->unless);
        if (!flag->required || given || instead)
            continue;
        return ops_fail(error, OPS_USAGE, "%s %s%s%s is required.", flag->name, flag->placeholder,
                        flag->unless ? " or " : "", flag->unless ? flag->unless : "");
    }
    if (args->command->one_of && !has_one_of(args, args->command->one_of))
        return refuse_none_of(args->command->one_of, error);
    if (args->command->positional_required && !args->positional)
        return ops_fail(error, OPS_USAGE, "%s is required.", args->command->positional);
    return OPS_OK;
}

/* The place of the command: the first word that is no common flag and no value of one. argc when there is none. */
static int command_place(int argc, char *const *argv)
{
    const struct ops_cli_command *any = ops_cli_command_find("help");
    int i = 1;
    while (i < argc && argv[i][0] == '-') {
        size_t length = flag_name_length(argv[i]);
        int index = ops_cli_flag_index(any, argv[i], length);
        bool value_follows = index >= 0 && !argv[i][length] && ops_cli_flag_at(any, (size_t)index)->kind != OPS_FLAG_SWITCH;
        i += value_follows ? 2 : 1;
    }
    return i < argc ? i : argc;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* The command at a place, of one word or of two. Two go first: "demo data" is not "demo". */
static enum ops_status find_command_at(struct ops_args *args, struct words *words, struct ops_error *error)
{
    const char *word = words->argv[words->command_at];
    const char *verb = words->command_at + 1 < words->argc ? words->argv[words->command_at + 1] : NULL;
    if (verb && verb[0] == '-')
        verb = NULL;
    args->command = verb ? ops_cli_command_find_apart(word, verb) : NULL;
    words->command_words = args->command ? 2 : 1;
    if (!args->command)
        args->command = ops_cli_command_find(word);
    if (!args->command && args->help && !verb && ops_cli_is_noun(word)) {
        args->noun = word;
        return OPS_OK;
    }
    return args->command ? OPS_OK : ops_args_unknown_command(word, verb, error);
}

static enum ops_status find_command(struct ops_args *args, struct words *words, struct ops_error *error)
{
    int argc = words->argc;
    char *const *argv = words->argv;
    for (int i = 1; i < argc; i++)
        args->help = args->help || is_help(argv[i]);
    words->command_at = command_place(argc, argv);
    if (words->command_at == argc) {
        for (int i = 1; i < argc; i++)
            if (strcmp(argv[i], "--version") == 0)
                args->command = ops_cli_command_find("version");
        if (args->help || args->command)
            return OPS_OK;
        return ops_fail(error, OPS_USAGE, "No command is given; 'g3nops help' lists them.");
    }
    return find_command_at(args, words, error);
}

enum ops_status ops_args_parse(struct ops_args *args, int argc, char *const *argv, struct ops_error *error)
{
    *args = (struct ops_args){.command = NULL};
    struct words words = {.argc = argc, .argv = argv, .next = 1};
    enum ops_status status = find_command(args, &words, error);
    if (status != OPS_OK || args->help || !args->command)
        return status;
    while (status == OPS_OK && words.next < argc) {
        const char *word = argv[words.next];
        if (words.next == words.command_at)
            words.next += words.command_words;
        else if (words.command_at == argc && strcmp(word, "--version") == 0)
            words.next++;
        else if (word[0] == '-' && word[1])
            status = read_flag(args, &words, error);
        else
            status = read_positional(args, &words, argv[words.next++], error);
    }
    return status == OPS_OK ? check_required(args, error) : status;
}

void ops_args_release(struct ops_args *args)
{
    for (size_t i = 0; i < OPS_COMMAND_FLAGS_MAX; i++) {
        if (args->values[i].text)
            explicit_bzero(args->values[i].text, strlen(args->values[i].text));
        ops_mem_free(args->values[i].text);
    }
    ops_mem_free(args->positional);
    *args = (struct ops_args){.command = NULL};
}

const struct ops_arg *ops_args_find(const struct ops_args *args, const char *name)
{
    int index = args->command ? ops_cli_flag_index(args->command, name, strlen(name)) : -1;
    return index < 0 ? NULL : &args->values[index];
}

const struct ops_arg *ops_args_get(const struct ops_args *args, const char *name)
{
    const struct ops_arg *arg = ops_args_find(args, name);
    assert(arg);
    return arg;
}
