/* Every command and flag, described once: the parser, --help, the completion script, the man page and the request that a
 * command sends are all made from this table.
 */
#ifndef OPS_SURFACES_CLI_COMMAND_H
#define OPS_SURFACES_CLI_COMMAND_H

#include "base/buf.h"
#include "base/error.h"
#include "surfaces/cli/table.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ops_cli;

enum ops_flag_kind {
    OPS_FLAG_SWITCH, /* no value */
    OPS_FLAG_TEXT,
    OPS_FLAG_INTEGER,   /* min..max */
    OPS_FLAG_DURATION,  /* seconds, min..max, or words such as 1d12h; an integer to whoever reads it */
    OPS_FLAG_TIME,      /* as ops_moment_time reads it; RFC 3339 in the request */
    OPS_FLAG_VACUUM_ID, /* an id, the beginning of one, or "latest"; whole in the request */
    OPS_FLAG_WINDOW_ID, /* likewise */
    OPS_FLAG_CHOICE,    /* one of choices */
    OPS_FLAG_FILE,      /* a path; completed as one */
    OPS_FLAG_DIRECTORY,
    OPS_FLAG_SECRET, /* text that is wiped out of argv and never shown */
};

struct ops_cli_flag {
    const char *name;        /* with its dashes; NULL ends a list */
    const char *placeholder; /* of the value; NULL for a switch */
    enum ops_flag_kind kind;
    bool required;
    const char *unless;  /* of a required flag: another one that may stand in its place, and not beside it; or NULL */
    int64_t min, max;    /* INTEGER, DURATION */
    const char *choices; /* CHOICE: words separated by '|' */
    const char *field;   /* the member of the request that it fills; NULL: none */
    const char *help;
};

/* Flags that several commands share. */
enum ops_flag_group {
    OPS_FLAGS_OWN,      /* the command's own */
    OPS_FLAGS_SECRET,   /* --secret-code and the like */
    OPS_FLAGS_OPERATOR, /* --reason: secret-gated operations */
    OPS_FLAGS_SESSION,  /* --session-guid */
    OPS_FLAGS_COMMON,   /* every command */
    OPS_FLAGS_GROUP_COUNT
};

enum ops_command_group {
    OPS_COMMANDS_SERVICE,
    OPS_COMMANDS_MAINTENANCE,
    OPS_COMMANDS_VACUUM,
    OPS_COMMANDS_AUDIT,
    OPS_COMMANDS_SETUP,
    OPS_COMMANDS_HELP,
    OPS_COMMANDS_GROUP_COUNT
};

enum ops_command_engine { OPS_ENGINE_ANY, OPS_ENGINE_LOCAL, OPS_ENGINE_AWS };

/* Who carries a command out. */
enum ops_command_via {
    OPS_VIA_HANDLER, /* main's handler */
    OPS_VIA_HTTP,    /* the running service, by its HTTP surface */
    OPS_VIA_INVOKE,  /* the running service, by its invoke surface */
    OPS_VIA_SELF,    /* run, here */
};

struct ops_cli_request;
struct ops_cli_reply;

/* Before the request is sent: completes input, whose flags are in it. May ask the service, and the person. */
typedef enum ops_status (*ops_prepare_fn)(struct ops_cli *cli, json_t *input, struct ops_error *error);

/* After the service has answered a request with success: what else is to be done for it, and what is shown in the end in
 * reply. A failure is told in place of the reply. */
typedef enum ops_status (*ops_follow_fn)(struct ops_cli *cli, const struct ops_cli_request *request,
                                         struct ops_cli_reply *reply, struct ops_error *error);

/* Appends what a person sees of an answer's data. */
typedef enum ops_status (*ops_render_fn)(const json_t *data, const struct ops_style *style, struct ops_buf *buf);

struct ops_cli_command {
    const char *name;
    const char *summary;     /* a phrase, lower case, no full stop */
    const char *description; /* sentences; a line end separates paragraphs */
    const char *example;     /* a whole command line, or NULL */
    enum ops_command_group group;
    enum ops_command_engine engine;
    enum ops_command_via via;
    bool destructive;            /* deletes data that is not ours */
    bool watchable;              /* its answer is a vacuum record */
    const char *target;          /* HTTP: the route; INVOKE: the function */
    const char *without_session; /* HTTP: the function that gives an operator the same without a session, or NULL */
    const char *one_of;          /* flags of its own, with '|' between them, of which it needs one at least; or NULL */
    const char *positional;      /* what the one argument is, or NULL */
    const char *positional_choices;
    bool positional_required;
    bool positional_joins;            /* two words are one with a hyphen: "vacuum org" */
    unsigned shared;                  /* bits 1 << enum ops_flag_group */
    const struct ops_cli_flag *flags; /* OPS_FLAGS_OWN */
    ops_prepare_fn prepare;           /* HTTP and INVOKE; or NULL */
    ops_follow_fn follow;             /* likewise */
    ops_render_fn render;             /* HTTP and INVOKE */
    int (*run)(struct ops_cli *cli);  /* SELF */
};

enum { OPS_COMMAND_FLAGS_MAX = 32, OPS_COMMAND_NAME_SIZE = 32 };

#define OPS_VACUUM_STATUS_CHOICES "all|open|pending|running|completed|failed|cancelled"
#define OPS_STATUS_CHOICES "current|scheduled|active|ended|cancelled|all"

const struct ops_cli_command *ops_cli_commands(size_t *ret_count);
const struct ops_cli_command *ops_cli_command_find(const char *name); /* NULL: there is none */

/* The command whose two words stand apart, "vacuum" "org". NULL: there is none. */
const struct ops_cli_command *ops_cli_command_find_apart(const char *noun, const char *verb);

/* What is behind "noun-" in a command's name; NULL when it does not begin so. */
const char *ops_cli_command_verb(const struct ops_cli_command *command, const char *noun);

/* Appends the first words of commands that have two, each once. */
void ops_cli_append_nouns(struct ops_buf *buf, const char *separator);

/* Whether any command begins so. */
bool ops_cli_is_noun(const char *word);

/* The flag of the command that fills a member of the request; NULL when none does. */
const struct ops_cli_flag *ops_cli_flag_of_field(const struct ops_cli_command *command, const char *field, size_t length);

/* The flags of one group; ends at name NULL. */
const struct ops_cli_flag *ops_cli_flags(const struct ops_cli_command *command, enum ops_flag_group group);

/* The flag at a place in the command's whole list, and the place of a name; NULL and -1 beyond the end. */
const struct ops_cli_flag *ops_cli_flag_at(const struct ops_cli_command *command, size_t index);
int ops_cli_flag_index(const struct ops_cli_command *command, const char *name, size_t length);

const char *ops_command_group_title(enum ops_command_group group);
const char *ops_flag_group_title(enum ops_flag_group group);
const char *ops_command_engine_note(enum ops_command_engine engine); /* NULL for any */

struct ops_cli_variable {
    const char *name;
    const char *help;
};

/* The environment variables that are read; ends at name NULL. */
const struct ops_cli_variable *ops_cli_variables(void);

struct ops_cli_exit_code {
    const char *code;
    const char *help;
};

const struct ops_cli_exit_code *ops_cli_exit_codes(void); /* ends at code NULL */

#endif
