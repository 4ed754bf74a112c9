/* Before a real vacuum, the person at the terminal sees what will happen and types what can't be typed by habit. Where there
 * is nobody to ask, a flag must say that this was meant: a script that lost a terminal, or an argument, deletes nothing.
 *
 * An orgcode is only a text: one that is misspelled is a tenant that nobody has, and its vacuum completes and deletes
 * nothing, or what is worse, somebody else's. So the last dry run of it is looked for first.
 */
#include "surfaces/cli/confirm.h"

#include "base/json.h"
#include "surfaces/cli/lookup.h"
#include "surfaces/cli/text.h"

#include <string.h>

#define PHRASE "VACUUM ALL DATA PERMANENTLY"

static bool can_ask(struct ops_cli *cli)
{
    struct ops_terminal *terminal = cli->host->terminal;
    return !cli->json && terminal->ops->is_terminal(terminal, OPS_STREAM_IN);
}

static bool is_meant(const struct ops_cli *cli)
{
    return ops_cli_flag(cli, "--yes") || ops_cli_flag(cli, "--plan-sha256");
}

static enum ops_status need_meant(struct ops_cli *cli, struct ops_error *error)
{
    if (can_ask(cli) || is_meant(cli))
        return OPS_OK;
    return ops_fail(error, OPS_USAGE, "%s nobody can be asked: give --plan-sha256 of a dry run, or --yes, if this is meant.",
                    cli->json ? "With --json" : "Without a terminal");
}

static void explain(struct ops_cli *cli, const char *orgcode)
{
    FILE *err = cli->host->err;
    if (orgcode)
        (void)fprintf(err, "This deletes all records of organisation %s, in every service that keeps any.\n", orgcode);
    else
        (void)fprintf(err, "This deletes ALL DATA of ALL SERVICES, but for what is protected.\n");
    (void)fprintf(err, "Nothing is deleted for 5 minutes; until then 'g3nops vacuum-cancel' stops it.\n"
                       "After that there is no way back. A --dry-run shows what would go.\n");
}

static enum ops_status ask_for(struct ops_cli *cli, const char *wanted, const char *what, struct ops_error *error)
{
    struct ops_terminal *terminal = cli->host->terminal;
    char prompt[OPS_ERROR_TEXT_SIZE], answer[256];
    (void)snprintf(prompt, sizeof prompt, "Type %s to go on: ", what);
    (void)fflush(cli->host->err);
    enum ops_status status = terminal->ops->ask(terminal, prompt, true, answer, sizeof answer, error);
    if (status == OPS_UNREACHABLE)
        return ops_fail(error, OPS_USAGE, "There is no terminal to confirm on.");
    if (status != OPS_OK || strcmp(answer, wanted) != 0)
        return ops_fail(error, OPS_CONFIRMATION_PHRASE_MISMATCH, "That is not it; nothing was sent, nothing is deleted.");
    return OPS_OK;
}

static enum ops_status type_phrase(struct ops_cli *cli, json_t *input, struct ops_error *error)
{
    explain(cli, NULL);
    if (ops_cli_flag(cli, "--confirmation-phrase"))
        return ask_for(cli, "vacuum all", "'vacuum all'", error);
    enum ops_status status = ask_for(cli, PHRASE, "the phrase " PHRASE, error);
    return status == OPS_OK ? ops_json_set_text(input, "confirmation_phrase", PHRASE) : status;
}

enum ops_status ops_cli_confirm_all(struct ops_cli *cli, json_t *input, struct ops_error *error)
{
    if (ops_cli_flag(cli, "--dry-run"))
        return OPS_OK;
    if (!can_ask(cli) && !ops_cli_flag(cli, "--confirmation-phrase"))
        return ops_fail(error, OPS_USAGE, "--confirmation-phrase PHRASE is required without a terminal.");
    enum ops_status status = need_meant(cli, error);
    return status == OPS_OK && can_ask(cli) ? type_phrase(cli, input, error) : status;
}

/* The latest dry run of an organisation that is over. */
struct last_dry_run {
    const char *orgcode;
    const char *plan; /* that was given; NULL: none */
    bool found;
    bool has_plan; /* it is this dry run's */
    json_int_t matched;
    char finished_at[32];
};

static enum ops_status note_dry_run(void *context, const json_t *record, bool *ret_enough)
{
    struct last_dry_run *last = context;
    const char *finished_at = ops_json_text(record, "finished_at", NULL);
    if (!finished_at || !ops_json_flag(record, "dry_run", false) ||
        strcmp(ops_json_text(record, "orgcode", ""), last->orgcode) != 0)
        return OPS_OK;
    last->found = *ret_enough = true;
    last->has_plan = last->plan && strcmp(ops_json_text(record, "plan_sha256", ""), last->plan) == 0;
    last->matched = ops_json_integer(json_object_get(record, "totals"), "matched", 0);
    (void)snprintf(last->finished_at, sizeof last->finished_at, "%s", finished_at);
    return OPS_OK;
}

/* The service takes any plan, and says that it was another one when the five minutes are over: whoever took the hash of a
 * colleague's dry run, or of one of another organisation, waits for nothing, and all others with them. */
static void warn_of_plan(struct ops_cli *cli, const struct last_dry_run *last)
{
    if (!last->plan || last->has_plan)
        return;
    ops_cli_warn(cli,
                 "the plan is not that of the last dry run of organisation %s%s%s; if it is not the plan in five minutes, the "
                 "vacuum ends as plan-drifted. 'g3nops vacuum-cancel' takes it back",
                 last->orgcode, last->found ? ", at " : ", of which there is none", last->finished_at);
}

/* Whether the organisation is one that somebody has looked for. That older vacuums are too many to be looked at is no reason
 * to refuse what was meant. */
static enum ops_status check_known(struct ops_cli *cli, const char *orgcode, struct ops_error *error)
{
    struct last_dry_run last = {.orgcode = orgcode, .plan = ops_cli_text(cli, "--plan-sha256")};
    enum ops_status status = ops_cli_look_through(cli, "ops_vacuumlist", "all", note_dry_run, &last, error);
    if (status != OPS_OK && status != OPS_LIMIT)
        return status;
    if (!last.found && !is_meant(cli))
        return ops_fail(error, OPS_USAGE,
                        "There was no dry run of organisation %s, so whether it has any records is not known. Make one "
                        "first, by --dry-run, or give --yes.",
                        orgcode);
    if (last.found && last.matched == 0)
        ops_cli_warn(cli, "the last dry run of organisation %s, at %s, matched nothing: is the orgcode right?", orgcode,
                     last.finished_at);
    if (status == OPS_OK)
        warn_of_plan(cli, &last);
    return OPS_OK;
}

static enum ops_status type_orgcode(struct ops_cli *cli, const char *orgcode, struct ops_error *error)
{
    struct ops_buf safe;
    ops_buf_init(&safe, 4096);
    ops_text_append_safe(&safe, ops_view_of(orgcode));
    explain(cli, ops_buf_text(&safe));
    ops_buf_release(&safe);
    enum ops_status status = ask_for(cli, orgcode, "the orgcode", error);
    if (status == OPS_CONFIRMATION_PHRASE_MISMATCH)
        ops_error_detail(error, "orgcode", orgcode);
    return status;
}

enum ops_status ops_cli_confirm_org(struct ops_cli *cli, json_t *input, struct ops_error *error)
{
    (void)input; /* nothing is added */
    const char *orgcode = ops_cli_text(cli, "--orgcode");
    if (ops_cli_flag(cli, "--dry-run"))
        return OPS_OK;
    enum ops_status status = need_meant(cli, error);
    if (status == OPS_OK)
        status = check_known(cli, orgcode, error);
    return status == OPS_OK && can_ask(cli) ? type_orgcode(cli, orgcode, error) : status;
}
