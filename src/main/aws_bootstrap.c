#include "main/commands.h"

#include "adapters/aws/bootstrap.h"
#include "adapters/aws/log_sink.h"
#include "base/json.h"
#include "core/guard.h"
#include "main/account.h"

enum { TEMPLATE_MAX_BYTES = 64 * 1024 };

static int print_template(struct ops_cli *cli)
{
    struct ops_buf text;
    ops_buf_init(&text, TEMPLATE_MAX_BYTES);
    ops_aws_bootstrap_template(OPS_PROTECTED_TABLE, OPS_AUDIT_LOG_GROUP, OPS_AWS_AUDIT_STREAM, &text);
    int code = ops_buf_status(&text) == OPS_OK
                   ? ops_cli_done(cli, json_pack("{s:s}", "template", ops_buf_text(&text)), "%s", ops_buf_text(&text))
                   : ops_cli_fail(cli, ops_buf_status(&text), NULL);
    ops_buf_release(&text);
    return code;
}

static enum ops_status make(const struct ops_place *place, json_t **ret_report, struct ops_error *error)
{
    struct ops_account account;
    enum ops_status status = ops_account_open(place, &account, error);
    if (status != OPS_OK)
        return status;
    status =
        ops_aws_bootstrap(account.client, OPS_PROTECTED_TABLE, OPS_AUDIT_LOG_GROUP, OPS_AWS_AUDIT_STREAM, ret_report, error);
    ops_account_close(&account);
    return status;
}

static enum ops_status print_report(struct ops_cli *cli, const json_t *report)
{
    static const struct ops_table_column columns[] = {{.title = "KIND"},
                                                      {.title = "NAME", .kind = OPS_COLUMN_NAME},
                                                      {.title = ""},
                                                      {.title = "", .kind = OPS_COLUMN_WORDS, .quiet = true}};
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i;
    json_t *thing;
    json_array_foreach(report, i, thing) {
        ops_table_add(&table, ops_json_text(thing, "kind", ""));
        ops_table_add(&table, ops_json_text(thing, "name", ""));
        ops_table_add(&table, ops_json_text(thing, "action", ""));
        ops_table_add(&table, ops_json_text(thing, "warning", ""));
    }
    enum ops_status status = ops_cli_print_table(cli, &table);
    ops_table_release(&table);
    return status;
}

int ops_command_aws_bootstrap(struct ops_cli *cli, void *context)
{
    (void)context;
    if (ops_cli_flag(cli, "--print-template"))
        return print_template(cli);
    struct ops_place place;
    struct ops_error error = OPS_ERROR_INIT;
    json_t *report = json_array();
    enum ops_status status = report ? ops_command_needs_engine(cli, "aws", &error) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_command_place(cli, &place, &error);
    if (status == OPS_OK)
        status = make(&place, &report, &error);
    if (status == OPS_OK)
        status = print_report(cli, report);
    int code = status == OPS_OK ? ops_cli_done(cli, json_pack("{s:O}", "report", report), "OPS has what it needs.")
                                : ops_cli_fail(cli, status, &error);
    json_decref(report);
    ops_error_release(&error);
    return code;
}
