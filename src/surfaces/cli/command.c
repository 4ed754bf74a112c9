#include "surfaces/cli/command.h"

#include "surfaces/cli/confirm.h"
#include "surfaces/cli/generate.h"
#include "surfaces/cli/render.h"
#include "surfaces/cli/resolve.h"
#include "surfaces/cli/schedule_now.h"

#include <stdio.h>
#include <string.h>

/* What follows is laid out by hand, to be read as tables. */
/* clang-format off */
#define NUMBER_MAX INT64_C(1000000000)

#define SWITCH(flag, member, words) {.name = flag, .kind = OPS_FLAG_SWITCH, .field = member, .help = words}
#define TEXT(flag, value, member, words) \
    {.name = flag, .placeholder = value, .kind = OPS_FLAG_TEXT, .field = member, .help = words}
#define NEEDED(flag, value, member, words) \
    {.name = flag, .placeholder = value, .kind = OPS_FLAG_TEXT, .required = true, .field = member, .help = words}
#define INTEGER(flag, value, member, words) \
    {.name = flag, .placeholder = value, .kind = OPS_FLAG_INTEGER, .max = NUMBER_MAX, .field = member, .help = words}
#define DURATION(flag, member, words) \
    {.name = flag, .placeholder = "DURATION", .kind = OPS_FLAG_DURATION, .max = NUMBER_MAX, .field = member, .help = words}
#define WINDOW_ID(words) \
    {.name = "--maintenance-id", .placeholder = "ID", .kind = OPS_FLAG_WINDOW_ID, .field = "maintenance_id", .help = words}
#define NEEDED_WINDOW_ID \
    {.name = "--maintenance-id", .placeholder = "ID", .kind = OPS_FLAG_WINDOW_ID, .required = true, \
     .field = "maintenance_id", .help = "the window: its id, 6 characters or more of its beginning, or latest"}
#define VACUUM_ID(words) \
    {.name = "--vacuum-id", .placeholder = "ID", .kind = OPS_FLAG_VACUUM_ID, .field = "vacuum_id", .help = words}
#define YES SWITCH("--yes", NULL, "without a terminal, or without a dry run before it: ask for it all the same")
#define CHOICE(flag, value, words_allowed, member, words) \
    {.name = flag, .placeholder = value, .kind = OPS_FLAG_CHOICE, .choices = words_allowed, .field = member, .help = words}
#define PATH(flag, value, words) {.name = flag, .placeholder = value, .kind = OPS_FLAG_FILE, .help = words}
#define REVISION \
    INTEGER("--expected-revision", "N", "expected_revision", "refuse when the record is not at revision N any more")
#define DRY_RUN SWITCH("--dry-run", "dry_run", "count what would be deleted, delete nothing")
#define WATCH SWITCH("--watch", NULL, "follow it to its end; exit code 4 when it fails")
#define PLAN TEXT("--plan-sha256", "SHA", "plan_sha256", "delete nothing unless the plan is still that of this dry run")
#define PAGE_LIMIT INTEGER("--limit", "N", "limit", "at most N records")
#define NEXT_TOKEN TEXT("--next-token", "T", "next_token", "go on where the page before ended")
#define END {.name = NULL}

static const struct ops_cli_flag no_flags[] = {END};

static const struct ops_cli_flag secret_flags[] = {
    {.name = "--secret-code", .placeholder = "C", .kind = OPS_FLAG_SECRET,
     .help = "the secret code; wiped from the process title, but a shell may keep it in its history"},
    PATH("--secret-code-file", "F", "the file that holds the secret code; - is standard input"),
    END,
};

static const struct ops_cli_flag operator_flags[] = {
    TEXT("--reason", "TEXT", "reason", "why, for the audit trail"),
    END,
};

static const struct ops_cli_flag session_flags[] = {
    {.name = "--session-guid", .placeholder = "G", .kind = OPS_FLAG_SECRET,
     .help = "the session to read with; never put in a URL"},
    END,
};

static const struct ops_cli_flag common_flags[] = {
    {.name = "--data", .placeholder = "DIR", .kind = OPS_FLAG_DIRECTORY,
     .help = "the data directory (default: /var/lib/g3nops for root, else ~/.local/state/g3nops)"},
    CHOICE("--engine", "local|aws", "local|aws", NULL, "where the records and the stack are (default: that of the serve that runs on --data, else local)"),
    TEXT("--region", "REGION", NULL, "the AWS region (default: as AWS tools are configured)"),
    TEXT("--profile", "NAME", NULL, "the AWS profile (default: $AWS_PROFILE)"),
    PATH("--manifest", "FILE", "the stack manifest"),
    TEXT("--endpoint", "URL", NULL, "the service to talk to: http://, https:// or unix:PATH (default: the one of --data)"),
    TEXT("--actor", "NAME", "actor", "who does it, for the audit trail (default: the user that runs it; for root by way of sudo, who called that)"),
    SWITCH("--json", NULL, "one JSON envelope on standard output, nothing else there"),
    SWITCH("--no-color", NULL, "no colours"),
    SWITCH("--help", NULL, "show this help"),
    END,
};

static const struct ops_cli_flag serve_flags[] = {
    TEXT("--http-listen", "HOST:PORT", NULL,
         "the HTTP surface (default: 127.0.0.1:8080; *:PORT is every address; port 0 picks one)"),
    TEXT("--http-host", "NAMES", NULL,
         "answer only requests for these hosts, with commas between them, and for loopback (default: any)"),
    {.name = "--http-connections-per-address", .placeholder = "N", .kind = OPS_FLAG_INTEGER, .min = 1, .max = 4096,
     .help = "connections that one address may have, 1 to 4096 (default: 1024)"},
    TEXT("--invoke-listen", "ADDRESS", NULL,
         "the invoke surface: unix:PATH or a loopback HOST:PORT (default: invoke.sock in --data)"),
    PATH("--tls-cert", "FILE", "certificate for TLS on the HTTP surface; with --tls-key"),
    PATH("--tls-key", "FILE", "its private key"),
    TEXT("--usm-url", "URL", NULL, "check sessions with USM at this URL"),
    {.name = "--workers", .placeholder = "N", .kind = OPS_FLAG_INTEGER, .min = 1, .max = 64, .help = "vacuum workers, 1 to 64 (default: 2)"},
    {.name = "--max-rate", .placeholder = "N", .kind = OPS_FLAG_INTEGER, .min = 1, .max = NUMBER_MAX,
     .help = "let vacuums delete at most N records a second, all workers together (default: no limit)"},
    CHOICE("--log-format", "text|logfmt|json", "text|logfmt|json", NULL,
           "how lines on standard error are written (default: text on a terminal, else logfmt)"),
    CHOICE("--log-level", "LEVEL", "error|warn|info|debug", NULL, "the least grave lines to write (default: info)"),
    SWITCH("--access-log", NULL, "write a line for each request too: never a query, a header or a body"),
    END,
};

static const struct ops_cli_flag gate_flags[] = {
    TEXT("--listen", "ADDRESS", NULL, "HOST:PORT or unix:PATH (default: 127.0.0.1:9180; port 0 picks one)"),
    TEXT("--source", "SOURCE", NULL,
         "whom to ask: http://, https://, dynamodb:TABLE or store:DIRECTORY (default: http://127.0.0.1:8080)"),
    TEXT("--health-paths", "PATHS", NULL, "paths that always pass, such as /healthz,/static/*"),
    TEXT("--service", "CODE", NULL, "the service's code, for the envelope of a 503 (default: gate)"),
    {.name = "--refresh-ms", .placeholder = "N", .kind = OPS_FLAG_INTEGER, .min = 1000, .max = 15000,
     .help = "ask so often, 1000 to 15000 (default: 5000)"},
    SWITCH("--lambda-extension", NULL, "run as an extension of AWS Lambda"),
    END,
};

static const struct ops_cli_flag schedule_flags[] = {
    NEEDED("--description", "TEXT", "description", "what the window is for, 1 to 2000 characters"),
    {.name = "--duration", .placeholder = "DURATION", .kind = OPS_FLAG_DURATION, .required = true, .max = NUMBER_MAX,
     .field = "estimated_duration_seconds",
     .help = "how long it will take, in seconds or such as 45m, 2h, 1d12h; 1 minute to 7 days"},
    {.name = "--start", .placeholder = "TIME", .kind = OPS_FLAG_TIME, .required = true, .unless = "--now",
     .field = "scheduled_start_utc",
     .help = "when it begins: in UTC (2026-12-01T02:00:00Z), with an offset, local with a zone ('2026-12-01T03:00 "
             "Europe/Vienna'), or from now (+45m)"},
    SWITCH("--now", NULL, "schedule it and start it at once"),
    END,
};

static const struct ops_cli_flag start_flags[] = {
    NEEDED_WINDOW_ID,
    REVISION,
    END,
};

static const struct ops_cli_flag update_flags[] = {
    WINDOW_ID("the window (default: the active one)"),
    TEXT("--description", "TEXT", "description", "a new description"),
    DURATION("--duration", "estimated_duration_seconds", "a new estimate, in seconds or such as 45m, 2h, 1d12h"),
    TEXT("--text", "TEXT", "text", "progress to post; the window must be active"),
    REVISION,
    END,
};

static const struct ops_cli_flag end_flags[] = {
    WINDOW_ID("the window (default: the active one)"),
    TEXT("--end-message", "TEXT", "end_message", "how it went"),
    REVISION,
    END,
};

static const struct ops_cli_flag list_flags[] = {
    CHOICE("--status", "STATUS", OPS_STATUS_CHOICES, "status",
           "current (the default: scheduled and active), scheduled, active, ended, cancelled or all"),
    INTEGER("--limit", "N", "limit", "at most N windows, 1 to 256 (default: 8)"),
    NEXT_TOKEN,
    END,
};

static const struct ops_cli_flag get_flags[] = {
    NEEDED_WINDOW_ID,
    END,
};

static const struct ops_cli_flag vacuum_all_flags[] = {
    TEXT("--confirmation-phrase", "PHRASE", "confirmation_phrase",
         "exactly VACUUM ALL DATA PERMANENTLY; asked for on a terminal, not needed with --dry-run"),
    DRY_RUN,
    WATCH,
    PLAN,
    YES,
    END,
};

static const struct ops_cli_flag vacuum_org_flags[] = {
    NEEDED("--orgcode", "ORG", "orgcode", "the organisation whose records go"),
    DRY_RUN,
    WATCH,
    PLAN,
    YES,
    END,
};

static const struct ops_cli_flag vacuum_cancel_flags[] = {
    VACUUM_ID("the vacuum: its id, 6 characters or more of its beginning, or latest (default: the pending one)"),
    END,
};

static const struct ops_cli_flag vacuum_status_flags[] = {
    VACUUM_ID("the vacuum: its id, 6 characters or more of its beginning, or latest (default: the open one, else the latest)"),
    WATCH,
    END,
};

static const struct ops_cli_flag vacuum_list_flags[] = {
    CHOICE("--status", "STATUS", OPS_VACUUM_STATUS_CHOICES, "status",
           "all (the default), open (pending and running), pending, running, completed, failed or cancelled"),
    INTEGER("--limit", "N", "limit", "at most N vacuums, 1 to 256 (default: 8)"),
    NEXT_TOKEN,
    END,
};

static const struct ops_cli_flag audit_list_flags[] = {PAGE_LIMIT, NEXT_TOKEN, END};

static const struct ops_cli_flag accept_rollback_flags[] = {
    NEEDED("--reason", "TEXT", "reason", "why, for the audit trail"),
    END,
};

static const struct ops_cli_flag secret_set_flags[] = {
    {.name = "--new-secret-code-file", .placeholder = "F", .kind = OPS_FLAG_FILE, .required = true,
     .help = "the file that holds the new secret code, 12 to 256 bytes; - is standard input"},
    END,
};

static const struct ops_cli_flag session_create_flags[] = {
    NEEDED("--user", "U", NULL, "whose session it is"),
    {.name = "--ttl", .placeholder = "DURATION", .kind = OPS_FLAG_DURATION, .min = 1, .max = NUMBER_MAX,
     .help = "how long it lasts, in seconds or such as 45m, 2h, 1d12h (default: 8h)"},
    END,
};

static const struct ops_cli_flag demo_data_flags[] = {
    {.name = "--orgs", .placeholder = "N", .kind = OPS_FLAG_INTEGER, .min = 1, .max = NUMBER_MAX, .help = "organisations (default: 5)"},
    {.name = "--rows", .placeholder = "N", .kind = OPS_FLAG_INTEGER, .max = NUMBER_MAX, .help = "rows, over all tables (default: 200000)"},
    {.name = "--objects", .placeholder = "N", .kind = OPS_FLAG_INTEGER, .max = NUMBER_MAX, .help = "objects, over all buckets (default: 5000)"},
    END,
};

static const struct ops_cli_flag bootstrap_flags[] = {
    SWITCH("--print-template", NULL, "print the CloudFormation template that would make it, and make nothing"),
    END,
};

enum {
    COMMON = 1 << OPS_FLAGS_COMMON,
    SECRET = 1 << OPS_FLAGS_SECRET,
    OPERATOR = COMMON | SECRET | 1 << OPS_FLAGS_OPERATOR,
    SESSION = COMMON | 1 << OPS_FLAGS_SESSION,
};

static const struct ops_cli_command commands[] = {
    {.name = "serve", .group = OPS_COMMANDS_SERVICE, .via = OPS_VIA_HANDLER, .shared = COMMON, .flags = serve_flags,
     .summary = "run the service",
     .description = "Runs the HTTP surface, the invoke surface, the sweep and the vacuum workers in one process. Prints "
                    "one line, \"ready http=... invoke=...\", on standard error when both surfaces accept. SIGTERM and "
                    "SIGINT end it cleanly; a vacuum that is under way goes on at the next start. SIGHUP makes it "
                    "read the manifest and the certificate anew.",
     .example = "g3nops serve --data /var/lib/g3nops --http-listen 127.0.0.1:8080"},
    {.name = "gate", .group = OPS_COMMANDS_SERVICE, .via = OPS_VIA_HANDLER, .shared = COMMON, .flags = gate_flags,
     .summary = "tell proxies and services whether a window is active",
     .description = "The sidecar of the gate: answers GET /gate with 204 while services may answer, and with the ready 503 "
                    "while a window is active, from an answer of OPS that is at most 20 seconds old. When it has heard "
                    "nothing for longer it is open. Prints \"ready gate=...\" on standard error when it accepts.",
     .example = "g3nops gate --listen 127.0.0.1:9180 --source http://127.0.0.1:8080"},
    {.name = "ping", .group = OPS_COMMANDS_SERVICE, .via = OPS_VIA_HTTP, .target = "/ops/ping", .shared = COMMON,
     .flags = no_flags, .render = ops_render_ping, .summary = "whether the service answers, and the active window",
     .description = "Asks the service whether it is there and whether a maintenance window is active.",
     .example = "g3nops ping"},
    {.name = "stat", .group = OPS_COMMANDS_SERVICE, .via = OPS_VIA_HTTP, .target = "/ops/stat", .shared = COMMON,
     .flags = no_flags, .render = ops_render_stat, .summary = "the health of the service and its store",
     .description = "Shows how long the service has been up and how fast its store answers.",
     .example = "g3nops stat --json"},
    {.name = "sweep", .group = OPS_COMMANDS_SERVICE, .via = OPS_VIA_INVOKE, .target = "ops_sweep", .shared = COMMON,
     .flags = no_flags, .render = ops_render_sweep, .summary = "start what is due now",
     .description = "Starts the windows and vacuums whose time has come. The service does so by itself; asking again "
                    "changes nothing.",
     .example = "g3nops sweep"},

    {.name = "maintenance-schedule", .group = OPS_COMMANDS_MAINTENANCE, .via = OPS_VIA_INVOKE,
     .target = "ops_maintenanceschedule", .shared = OPERATOR, .flags = schedule_flags, .render = ops_render_window,
     .prepare = ops_cli_prepare_now, .follow = ops_cli_start_now, .summary = "schedule a maintenance window",
     .description = "Schedules a window. It starts by itself when its time has come, or earlier by maintenance-start; it "
                    "never ends by itself.\nWith --now it is started at once, unless another one is active: then nothing "
                    "is scheduled. If another one is started in between, it is cancelled again, and the answer says so.",
     .example = "g3nops maintenance-schedule --description \"Move to new disks\" --duration 1h30m --start +45m"},
    {.name = "maintenance-start", .group = OPS_COMMANDS_MAINTENANCE, .via = OPS_VIA_INVOKE, .target = "ops_maintenancestart",
     .shared = OPERATOR, .flags = start_flags, .render = ops_render_window, .summary = "start a scheduled window now",
     .description = "Starts a scheduled window without waiting for its time. At most one window is active.",
     .example = "g3nops maintenance-start --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B"},
    {.name = "maintenance-update", .group = OPS_COMMANDS_MAINTENANCE, .via = OPS_VIA_INVOKE,
     .target = "ops_maintenanceupdate", .shared = OPERATOR, .flags = update_flags, .one_of = "--description|--duration|--text", .render = ops_render_window,
     .summary = "post progress, change the estimate",
     .description = "Changes the description or the estimate of a window that is not over, or posts progress to the "
                    "active one. At least one of --description, --duration and --text is needed.",
     .example = "g3nops maintenance-update --text \"Half of the tables are moved\""},
    {.name = "maintenance-end", .group = OPS_COMMANDS_MAINTENANCE, .via = OPS_VIA_INVOKE, .target = "ops_maintenanceend",
     .shared = OPERATOR, .flags = end_flags, .render = ops_render_window_end, .summary = "end the active window",
     .description = "Ends the active window. Within 20 seconds every service answers again, unless another window is due: "
                    "that one starts at once, and the answer says so.",
     .example = "g3nops maintenance-end --end-message \"All moved\""},
    {.name = "maintenance-cancel", .group = OPS_COMMANDS_MAINTENANCE, .via = OPS_VIA_INVOKE,
     .target = "ops_maintenancecancel", .shared = OPERATOR, .flags = start_flags, .render = ops_render_window,
     .summary = "cancel a scheduled window",
     .description = "Cancels a window that has not started.",
     .example = "g3nops maintenance-cancel --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B"},
    {.name = "maintenance-list", .group = OPS_COMMANDS_MAINTENANCE, .via = OPS_VIA_HTTP, .target = "/ops/maintenance/list",
     .without_session = "ops_maintenancelist", .shared = SESSION, .flags = list_flags, .render = ops_render_window_list,
     .summary = "list windows, newest first",
     .description = "Lists maintenance windows, newest first. With a session it asks the HTTP surface, without one the "
                    "operators' own, the invoke surface.",
     .example = "g3nops maintenance-list --status all --limit 20"},
    {.name = "maintenance-get", .group = OPS_COMMANDS_MAINTENANCE, .via = OPS_VIA_HTTP, .target = "/ops/maintenance/get",
     .without_session = "ops_maintenanceget", .shared = SESSION, .flags = get_flags, .render = ops_render_window,
     .summary = "show one window",
     .description = "Shows one maintenance window with its updates. With a session it asks the HTTP surface, without one "
                    "the operators' own, the invoke surface.",
     .example = "g3nops maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B"},

    {.name = "vacuum-org", .group = OPS_COMMANDS_VACUUM, .via = OPS_VIA_INVOKE, .target = "ops_vacuumorg",
     .shared = OPERATOR, .flags = vacuum_org_flags, .render = ops_render_vacuum, .destructive = true, .watchable = true,
     .prepare = ops_cli_confirm_org, .summary = "delete one organisation's records everywhere",
     .description = "Deletes the records of one organisation from every service that keeps any. Nothing is deleted for "
                    "five minutes; until then vacuum-cancel stops it.\nOn a terminal the orgcode must be typed once more; "
                    "without one, or with --json, --yes or --plan-sha256 is needed. An organisation that no dry run has "
                    "looked for needs --yes or --plan-sha256 too. A dry run deletes nothing, is followed to its end, and "
                    "reports what a real vacuum would touch.",
     .example = "g3nops vacuum-org --orgcode acme --dry-run"},
    {.name = "vacuum-all", .group = OPS_COMMANDS_VACUUM, .via = OPS_VIA_INVOKE, .target = "ops_vacuumall",
     .shared = OPERATOR, .flags = vacuum_all_flags, .render = ops_render_vacuum, .destructive = true, .watchable = true,
     .prepare = ops_cli_confirm_all, .summary = "delete every record of every service",
     .description = "Deletes all data of all services, but for what is protected. Nothing is deleted for five minutes; "
                    "until then vacuum-cancel stops it.\nOn a terminal it must be confirmed by typing; without one, or with "
                    "--json, --confirmation-phrase and --yes or --plan-sha256 are needed. A dry run deletes nothing, is "
                    "followed to its end, and reports what a real vacuum would touch.",
     .example = "g3nops vacuum-all --dry-run"},
    {.name = "vacuum-cancel", .group = OPS_COMMANDS_VACUUM, .via = OPS_VIA_INVOKE, .target = "ops_vacuumcancel",
     .shared = OPERATOR, .flags = vacuum_cancel_flags, .prepare = ops_cli_pick_pending, .render = ops_render_vacuum,
     .summary = "cancel a vacuum in its five minutes",
     .description = "Cancels a pending vacuum. One that is reported as cancelled has deleted nothing.",
     .example = "g3nops vacuum-cancel"},
    {.name = "vacuum-status", .group = OPS_COMMANDS_VACUUM, .via = OPS_VIA_INVOKE, .target = "ops_vacuumstatus",
     .shared = COMMON, .flags = vacuum_status_flags, .render = ops_render_vacuum, .watchable = true,
     .summary = "show or follow a vacuum",
     .description = "Shows a vacuum: its state, and for every target what was matched, deleted, protected and left.",
     .example = "g3nops vacuum-status --watch"},
    {.name = "vacuum-list", .group = OPS_COMMANDS_VACUUM, .via = OPS_VIA_INVOKE, .target = "ops_vacuumlist",
     .shared = COMMON, .flags = vacuum_list_flags, .render = ops_render_vacuum_list,
     .summary = "list vacuums and dry runs",
     .description = "Lists vacuums: those that are open first, then the others, the latest first.",
     .example = "g3nops vacuum-list --status open"},

    {.name = "audit-list", .group = OPS_COMMANDS_AUDIT, .via = OPS_VIA_INVOKE, .target = "ops_auditlist", .shared = COMMON,
     .flags = audit_list_flags, .render = ops_render_audit_list, .summary = "read the audit trail",
     .description = "Lists audit records.", .example = "g3nops audit-list --limit 50"},
    {.name = "audit-verify", .group = OPS_COMMANDS_AUDIT, .via = OPS_VIA_HANDLER, .shared = COMMON, .flags = no_flags,
     .summary = "verify the audit trail's hash chain",
     .description = "Reads the whole audit trail from the store and checks that no record was changed, dropped or put in, and "
                    "that what was delivered to the log is the same: an older copy of the store, put back, is found by that.",
     .example = "g3nops audit-verify --data /var/lib/g3nops"},
    {.name = "audit-accept-rollback", .group = OPS_COMMANDS_AUDIT, .via = OPS_VIA_INVOKE,
     .target = "ops_auditacceptrollback", .shared = COMMON | SECRET, .flags = accept_rollback_flags, .render = ops_render_acceptance,
     .summary = "go on with a store that was put back",
     .description = "A store that was put back, and so lacks records which its delivered audit log has, delivers nothing and "
                    "starts no vacuum. This accepts it as it is: an audit record says what was lost, and why. "
                    "Look first: audit-verify tells where the two part.",
     .example = "g3nops audit-accept-rollback --reason \"Restored the backup of last night\""},

    {.name = "secret-set", .group = OPS_COMMANDS_SETUP, .via = OPS_VIA_HANDLER, .shared = COMMON | SECRET,
     .flags = secret_set_flags, .summary = "set or rotate the secret code",
     .description = "Sets the secret code, straight in the store. Only a hash of it is kept. When one is set already, the "
                    "old one is needed too, by --secret-code and the like.",
     .example = "g3nops secret-set --new-secret-code-file new-code"},
    {.name = "session-create", .group = OPS_COMMANDS_SETUP, .engine = OPS_ENGINE_LOCAL, .via = OPS_VIA_HANDLER,
     .shared = COMMON, .flags = session_create_flags, .summary = "make a session to read with",
     .description = "Stands in for USM: makes an active session and prints its guid.",
     .example = "g3nops session-create --user alice --ttl 3600"},
    {.name = "demo-data", .group = OPS_COMMANDS_SETUP, .engine = OPS_ENGINE_LOCAL, .via = OPS_VIA_HANDLER, .shared = COMMON,
     .flags = demo_data_flags, .summary = "fill a data directory with a sample stack",
     .description = "Makes tables, buckets and log groups of a whole sample stack, with records of several organisations. "
                    "Writes nothing where there is a stack or a manifest that it did not make itself.",
     .example = "g3nops demo-data --data /tmp/stack --orgs 3 --rows 1000"},
    {.name = "aws-bootstrap", .group = OPS_COMMANDS_SETUP, .engine = OPS_ENGINE_AWS, .via = OPS_VIA_HANDLER,
     .shared = COMMON, .flags = bootstrap_flags, .summary = "create ops_main and the audit log group",
     .description = "Creates what OPS needs in AWS and is missing: the table ops_main and the audit log group. Changes "
                    "nothing that exists. With --print-template it touches nothing and prints the CloudFormation template "
                    "that makes the same.",
     .example = "g3nops aws-bootstrap --engine aws"},
    {.name = "manifest-check", .group = OPS_COMMANDS_SETUP, .via = OPS_VIA_HANDLER, .shared = COMMON, .flags = no_flags,
     .summary = "check the manifest against what exists",
     .description = "Reads the stack manifest, reports every mistake with its place, and compares it with the tables, "
                    "buckets and log groups that really exist.",
     .example = "g3nops manifest-check --manifest stack.json"},

    {.name = "demo", .group = OPS_COMMANDS_HELP, .via = OPS_VIA_HANDLER, .shared = COMMON, .flags = no_flags,
     .summary = "see the whole of it on a sample stack",
     .description = "Plays a maintenance window and a vacuum on a simulated clock, in a directory that it makes itself. "
                    "Touches nothing else.",
     .example = "g3nops demo"},
    {.name = "version", .group = OPS_COMMANDS_HELP, .via = OPS_VIA_HANDLER, .shared = COMMON, .flags = no_flags,
     .summary = "print the version", .description = "Prints the version and the build."},
    {.name = "help", .group = OPS_COMMANDS_HELP, .via = OPS_VIA_SELF, .shared = COMMON, .flags = no_flags,
     .positional = "COMMAND", .positional_joins = true, .run = ops_cli_run_help, .summary = "show help, of all commands or of one",
     .description = "Shows what g3nops can do, or what one command does.", .example = "g3nops help vacuum-org"},
    {.name = "completion", .group = OPS_COMMANDS_HELP, .via = OPS_VIA_SELF, .shared = COMMON, .flags = no_flags,
     .positional = "SHELL", .positional_choices = "bash|fish", .positional_required = true, .run = ops_cli_run_completion,
     .summary = "print a completion script",
     .description = "Prints a script that completes commands, flags and values, for bash or for fish. In fish: g3nops completion fish | source.",
     .example = "source <(g3nops completion bash)"},
    {.name = "man", .group = OPS_COMMANDS_HELP, .via = OPS_VIA_SELF, .shared = COMMON, .flags = no_flags,
     .run = ops_cli_run_man, .summary = "print the manual page",
     .description = "Prints the manual page g3nops(1) in roff.", .example = "g3nops man > g3nops.1"},
};

/* clang-format on */

const struct ops_cli_command *ops_cli_commands(size_t *ret_count)
{
    *ret_count = sizeof commands / sizeof commands[0];
    return commands;
}

const struct ops_cli_command *ops_cli_command_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

const char *ops_cli_command_verb(const struct ops_cli_command *command, const char *noun)
{
    size_t length = strlen(noun);
    bool begins = length > 0 && strncmp(command->name, noun, length) == 0 && command->name[length] == '-';
    return begins ? command->name + length + 1 : NULL;
}

const struct ops_cli_command *ops_cli_command_find_apart(const char *noun, const char *verb)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const char *rest = ops_cli_command_verb(&commands[i], noun);
        if (rest && strcmp(rest, verb) == 0)
            return &commands[i];
    }
    return NULL;
}

bool ops_cli_is_noun(const char *word)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (ops_cli_command_verb(&commands[i], word))
            return true;
    return false;
}

/* Whether no command before this one begins with the same word. */
static bool is_first_of_noun(size_t index, const char *noun)
{
    for (size_t i = 0; i < index; i++)
        if (ops_cli_command_verb(&commands[i], noun))
            return false;
    return true;
}

void ops_cli_append_nouns(struct ops_buf *buf, const char *separator)
{
    bool any = false;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char noun[OPS_COMMAND_NAME_SIZE];
        size_t length = strcspn(commands[i].name, "-");
        (void)snprintf(noun, sizeof noun, "%.*s", (int)length, commands[i].name);
        if (!commands[i].name[length] || !is_first_of_noun(i, noun))
            continue;
        ops_buf_append_format(buf, "%s%s", any ? separator : "", noun);
        any = true;
    }
}

const struct ops_cli_flag *ops_cli_flag_of_field(const struct ops_cli_command *command, const char *field, size_t length)
{
    const struct ops_cli_flag *flag;
    for (size_t i = 0; (flag = ops_cli_flag_at(command, i)) != NULL; i++)
        if (flag->field && ops_view_equal(ops_view_of(flag->field), ops_view(field, length)))
            return flag;
    return NULL;
}

const struct ops_cli_flag *ops_cli_flags(const struct ops_cli_command *command, enum ops_flag_group group)
{
    static const struct ops_cli_flag *const shared[OPS_FLAGS_GROUP_COUNT] = {
        [OPS_FLAGS_SECRET] = secret_flags,
        [OPS_FLAGS_OPERATOR] = operator_flags,
        [OPS_FLAGS_SESSION] = session_flags,
        [OPS_FLAGS_COMMON] = common_flags,
    };
    if (group == OPS_FLAGS_OWN)
        return command->flags;
    return command->shared & 1u << group ? shared[group] : no_flags;
}

const struct ops_cli_flag *ops_cli_flag_at(const struct ops_cli_command *command, size_t index)
{
    for (int group = 0; group < OPS_FLAGS_GROUP_COUNT; group++)
        for (const struct ops_cli_flag *flag = ops_cli_flags(command, (enum ops_flag_group)group); flag->name; flag++)
            if (index-- == 0)
                return flag;
    return NULL;
}

int ops_cli_flag_index(const struct ops_cli_command *command, const char *name, size_t length)
{
    const struct ops_cli_flag *flag;
    for (size_t i = 0; (flag = ops_cli_flag_at(command, i)) != NULL; i++)
        if (ops_view_equal(ops_view_of(flag->name), ops_view(name, length)))
            return (int)i;
    return -1;
}

const char *ops_command_group_title(enum ops_command_group group)
{
    static const char *const titles[OPS_COMMANDS_GROUP_COUNT] = {
        [OPS_COMMANDS_SERVICE] = "The service", [OPS_COMMANDS_MAINTENANCE] = "Maintenance windows",
        [OPS_COMMANDS_VACUUM] = "Data vacuum",  [OPS_COMMANDS_AUDIT] = "Audit trail",
        [OPS_COMMANDS_SETUP] = "Setting up",    [OPS_COMMANDS_HELP] = "Help",
    };
    return titles[group];
}

const char *ops_flag_group_title(enum ops_flag_group group)
{
    static const char *const titles[OPS_FLAGS_GROUP_COUNT] = {
        [OPS_FLAGS_OWN] = "Flags",
        [OPS_FLAGS_SECRET] = "Secret code (else $G3NOPS_SECRET_CODE, else asked for on a terminal)",
        [OPS_FLAGS_OPERATOR] = "For the record",
        [OPS_FLAGS_SESSION] = "Session (else $G3NOPS_SESSION_GUID)",
        [OPS_FLAGS_COMMON] = "Common flags",
    };
    return titles[group];
}

const char *ops_command_engine_note(enum ops_command_engine engine)
{
    static const char *const notes[] = {
        [OPS_ENGINE_LOCAL] = "With the embedded engine (--engine local) only.",
        [OPS_ENGINE_AWS] = "With the AWS engine (--engine aws) only.",
    };
    return engine == OPS_ENGINE_ANY ? NULL : notes[engine];
}

const struct ops_cli_variable *ops_cli_variables(void)
{
    static const struct ops_cli_variable variables[] = {
        {"G3NOPS_SECRET_CODE", "the secret code, when no flag gives it"},
        {"G3NOPS_SESSION_GUID", "the session, without --session-guid"},
        {"G3NOPS_DATA", "the data directory, without --data"},
        {"G3NOPS_MANIFEST", "the stack manifest, without --manifest"},
        {"G3NOPS_ENDPOINT", "the service to talk to, without --endpoint"},
        {"G3NOPS_ENGINE", "local or aws, without --engine"},
        {"XDG_STATE_HOME", "where the data directory g3nops is by default, when not root"},
        {"NO_COLOR", "when set and not empty: no colours"},
        {"COLUMNS", "the width to write for"},
        {"TZ", "your time zone, which times are shown in beside UTC (default: that of the machine)"},
        {NULL, NULL},
    };
    return variables;
}

const struct ops_cli_exit_code *ops_cli_exit_codes(void)
{
    static const struct ops_cli_exit_code codes[] = {
        {"0", "done"},
        {"1", "the service refused; the tag of its error is printed"},
        {"2", "wrong usage"},
        {"3", "the service could not be reached, or did not answer"},
        {"4", "a watched vacuum ended as failed or cancelled"},
        {"130", "watching was interrupted; the vacuum goes on"},
        {NULL, NULL},
    };
    return codes;
}
