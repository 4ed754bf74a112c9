#include "surfaces/cli/lookup.h"

#include "base/json.h"

#include <string.h>

/* A page is as large as the service gives; so many of them are more records than anybody has by hand. */
enum { PAGE_LIMIT = 256, PAGES_MAX = 64, PAGE_TIMEOUT_MS = 60 * 1000 };

enum ops_status ops_cli_refusal(const struct ops_cli_reply *reply, struct ops_error *error)
{
    if (ops_cli_reply_success(reply))
        return OPS_OK;
    const json_t *object = json_object_get(reply->envelope, "error"), *minor = json_object_get(object, "minor");
    const char *tag = ops_json_text(minor, "tag", "");
    enum ops_status status = ops_status_from_tag(tag);
    if (status == OPS_OK || status >= OPS_STATUS_COUNT)
        return ops_fail(error, OPS_INTERNAL_ERROR, "The service refused with %.64s, which this program does not know.", tag);
    (void)ops_fail(error, status, "%s", ops_json_text(json_object_get(minor, "message"), "en_US", ""));
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(object, "details"), name, value)
        ops_error_detail_json(error, name, json_incref(value));
    return status;
}

/* The list of windows is a route as well, for whoever may have a session; that of vacuums is none. NULL: there is none. */
static const struct ops_cli_command *command_with_route(const struct ops_cli *cli, const char *function)
{
    if (!(cli->args.command->shared & 1u << OPS_FLAGS_SESSION))
        return NULL;
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (commands[i].without_session && strcmp(commands[i].without_session, function) == 0)
            return &commands[i];
    return NULL;
}

static enum ops_status ask_page(struct ops_cli *cli, const char *function, const char *status_wanted, const char *token,
                                struct ops_cli_reply *reply, struct ops_error *error)
{
    const struct ops_cli_command *route = command_with_route(cli, function);
    json_t *input =
        ops_json_pack("{s:s, s:i, s:s*}", "status", status_wanted, "limit", (int)PAGE_LIMIT, "next_token", token);
    struct ops_cli_request request = {
        .via = OPS_VIA_INVOKE, .target = function, .input = input, .timeout_ms = PAGE_TIMEOUT_MS};
    if (route)
        request.session_guid = ops_cli_session(cli);
    enum ops_status status = input ? ops_cli_ask(cli, &request, route, reply, error) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_cli_refusal(reply, error);
    json_decref(input);
    return status;
}

static enum ops_status give_records(const json_t *data, ops_on_record_fn on_record, void *context, bool *enough)
{
    size_t i;
    json_t *record;
    json_array_foreach(json_object_get(data, "items"), i, record) {
        enum ops_status status = on_record(context, record, enough);
        if (status != OPS_OK || *enough)
            return status;
    }
    return OPS_OK;
}

enum ops_status ops_cli_look_through(struct ops_cli *cli, const char *function, const char *status_wanted,
                                     ops_on_record_fn on_record, void *context, struct ops_error *error)
{
    struct ops_cli_reply pages[2]; /* the token of one is sent for the other */
    enum ops_status status = OPS_OK;
    const char *token = NULL;
    bool enough = false;
    size_t page = 0;
    ops_cli_reply_init(&pages[0]);
    ops_cli_reply_init(&pages[1]);
    do {
        struct ops_cli_reply *reply = &pages[page % 2];
        status = ask_page(cli, function, status_wanted, token, reply, error);
        const json_t *data = json_object_get(reply->envelope, "data");
        if (status == OPS_OK)
            status = give_records(data, on_record, context, &enough);
        token = ops_json_text(data, "next_token", NULL);
        page++;
    } while (status == OPS_OK && !enough && token && page < PAGES_MAX);
    if (status == OPS_OK && !enough && token)
        status = ops_fail(error, OPS_LIMIT, "There are more than %d records, which is as many as are looked at.",
                          PAGES_MAX * PAGE_LIMIT);
    ops_cli_reply_release(&pages[0]);
    ops_cli_reply_release(&pages[1]);
    return status;
}
