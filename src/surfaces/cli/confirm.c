/* Before a real vacuum, the person at the terminal sees what will happen and types what can't be typed by habit. Scripts
 * have no terminal on standard input: for them the flags alone count.
 */
#include "surfaces/cli/run.h"

#include "base/json.h"
#include "surfaces/cli/text.h"

#include <string.h>

#define PHRASE "VACUUM ALL DATA PERMANENTLY"

static bool can_ask(struct ops_cli *cli)
{
    struct ops_terminal *terminal = cli->host->terminal;
    return !cli->json && terminal->ops->is_terminal(terminal, OPS_STREAM_IN);
}

static void explain(struct ops_cli *cli, const char *orgcode)
{
    FILE *err = cli->host->err;
    if (orgcode)
        (void)fprintf(err, "This deletes all records of organisation %s, in every service that keeps any.\n", orgcode);
    else
        (void)fprintf(err, "This deletes ALL DATA of ALL SERVICES, but for what is protected.\n");
    (void)fprintf(err, "Nothing is deleted for 5 minutes; until then 'g3nops vacuum-cancel --vacuum-id ID' stops it.\n"
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

static enum ops_status confirm_all(struct ops_cli *cli, json_t *payload, struct ops_error *error)
{
    bool phrase_given = ops_cli_text(cli, "--confirmation-phrase") != NULL;
    if (!can_ask(cli))
        return phrase_given ? OPS_OK
                            : ops_fail(error, OPS_USAGE, "--confirmation-phrase PHRASE is required without a terminal.");
    explain(cli, NULL);
    if (phrase_given)
        return ask_for(cli, "vacuum all", "'vacuum all'", error);
    enum ops_status status = ask_for(cli, PHRASE, "the phrase " PHRASE, error);
    return status == OPS_OK ? ops_json_set_text(payload, "confirmation_phrase", PHRASE) : status;
}

static enum ops_status confirm_org(struct ops_cli *cli, struct ops_error *error)
{
    const char *orgcode = ops_cli_text(cli, "--orgcode");
    if (!can_ask(cli))
        return OPS_OK;
    struct ops_buf safe;
    ops_buf_init(&safe, 4096);
    ops_text_append_safe(&safe, ops_view_of(orgcode));
    explain(cli, ops_buf_text(&safe));
    ops_buf_release(&safe);
    return ask_for(cli, orgcode, "the orgcode", error);
}

enum ops_status ops_cli_confirm(struct ops_cli *cli, json_t *payload, struct ops_error *error)
{
    if (!cli->args.command->destructive || ops_cli_flag(cli, "--dry-run"))
        return OPS_OK;
    return ops_cli_flag_index(cli->args.command, "--orgcode", strlen("--orgcode")) >= 0 ? confirm_org(cli, error)
                                                                                        : confirm_all(cli, payload, error);
}
