/* Every command and flag, described once: the parser, --help, the completion script, the man page and the request that a
 * command sends are all made from this table.
 */
#ifndef OPS_SURFACES_CLI_COMMAND_H
#define OPS_SURFACES_CLI_COMMAND_H

#include "base/buf.h"
#include "surfaces/cli/table.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ops_cli;

enum ops_flag_kind {
    OPS_FLAG_SWITCH, /* no value */
    OPS_FLAG_TEXT,
    OPS_FLAG_INTEGER, /* min..max */
    OPS_FLAG_CHOICE,  /* one of choices */
    OPS_FLAG_FILE,    /* a path; completed as one */
    OPS_FLAG_DIRECTORY,
    OPS_FLAG_SECRET, /* text that is wiped out of argv and never shown */
};

struct ops_cli_flag {
    const char *name;        /* with its dashes; NULL ends a list */
    const char *placeholder; /* of the value; NULL for a switch */
    enum ops_flag_kind kind;
    bool required;
    int64_t min, max;    /* INTEGER */
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
    bool destructive;       /* deletes data that is not ours */
    bool watchable;         /* its answer is a vacuum record */
    const char *target;     /* HTTP: the route; INVOKE: the function */
    const char *positional; /* what the one argument is, or NULL */
    const char *positional_choices;
    bool positional_required;
    unsigned shared;                  /* bits 1 << enum ops_flag_group */
    const struct ops_cli_flag *flags; /* OPS_FLAGS_OWN */
    ops_render_fn render;             /* HTTP and INVOKE */
    int (*run)(struct ops_cli *cli);  /* SELF */
};

enum { OPS_COMMAND_FLAGS_MAX = 32 };

#define OPS_VACUUM_STATUS_CHOICES "all|open|pending|running|completed|failed|cancelled"
#define OPS_STATUS_CHOICES "current|scheduled|active|ended|cancelled|all"

const struct ops_cli_command *ops_cli_commands(size_t *ret_count);
const struct ops_cli_command *ops_cli_command_find(const char *name); /* NULL: there is none */

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
