/* Commands that talk to the running service: flags become a request, as the table of commands says. */
#include "base/json.h"
#include "surfaces/cli/client.h"
#include "surfaces/cli/moment.h"
#include "surfaces/cli/resolve.h"
#include "surfaces/cli/watch.h"

enum { CALL_TIMEOUT_MS = 60 * 1000 };

/* "+0m": whether the service takes it depends on the fraction of a second at which it is asked. */
static enum ops_status refuse_now(const struct ops_cli_flag *flag, const char *text, struct ops_error *error)
{
    int64_t seconds;
    if (text[0] != '+' || ops_moment_duration(text + 1, &seconds) != OPS_OK || seconds > 0)
        return OPS_OK;
    return ops_fail(error, OPS_USAGE, "%s %.100s is now, and it must be in the future: give one such as +45m%s%s.",
                    flag->name, text, flag->unless ? ", or " : "", flag->unless ? flag->unless : "");
}

static enum ops_status add_time(struct ops_cli *cli, const struct ops_cli_flag *flag, const char *text, json_t *input,
                                struct ops_error *error)
{
    char instant[OPS_INSTANT_TEXT_SIZE];
    enum ops_status status = refuse_now(flag, text, error);
    if (status == OPS_OK)
        status = ops_moment_time(flag->name, text, ops_clock_now_ms(cli->host->clock), instant, error);
    if (status != OPS_OK)
        return status;
    cli->zone = ops_moment_zone(text);
    return ops_json_set_text(input, flag->field, instant);
}

static enum ops_status add_text(const struct ops_cli_flag *flag, const char *text, json_t *input, struct ops_error *error)
{
    json_t *value = json_string(text);
    return value ? ops_json_set(input, flag->field, value) : ops_fail(error, OPS_USAGE, "%s is not UTF-8 text.", flag->name);
}

static enum ops_status add_flag(struct ops_cli *cli, const struct ops_cli_flag *flag, const struct ops_arg *arg,
                                json_t *input, struct ops_error *error)
{
    if (!flag->field || !arg->given)
        return OPS_OK;
    switch (flag->kind) {
    case OPS_FLAG_SWITCH:
        return ops_json_set(input, flag->field, json_true());
    case OPS_FLAG_INTEGER:
    case OPS_FLAG_DURATION:
        return ops_json_set_integer(input, flag->field, arg->integer);
    case OPS_FLAG_TIME:
        return add_time(cli, flag, arg->text, input, error);
    default:
        return add_text(flag, arg->text, input, error);
    }
}

static bool is_id(const struct ops_cli_flag *flag)
{
    return flag->kind == OPS_FLAG_VACUUM_ID || flag->kind == OPS_FLAG_WINDOW_ID;
}

/* Last of what the flags say, since the service is asked for it: what is wrong in the others is told before. */
static enum ops_status resolve_ids(struct ops_cli *cli, json_t *input, struct ops_error *error)
{
    const struct ops_cli_flag *flag;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; status == OPS_OK && (flag = ops_cli_flag_at(cli->args.command, i)) != NULL; i++)
        if (is_id(flag) && cli->args.values[i].given)
            status = ops_cli_resolve_id(cli, flag, input, error);
    return status;
}

/* Only operations that take the secret code take an actor; the others would refuse the field by name. */
static bool takes_actor(const struct ops_cli_command *command)
{
    return command->shared & 1u << OPS_FLAGS_SECRET;
}

static enum ops_status make_input(struct ops_cli *cli, json_t *input, struct ops_error *error)
{
    const struct ops_cli_command *command = cli->args.command;
    const struct ops_cli_flag *flag;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; status == OPS_OK && (flag = ops_cli_flag_at(command, i)) != NULL; i++)
        if (takes_actor(command) || strcmp(flag->name, "--actor") != 0)
            status = add_flag(cli, flag, &cli->args.values[i], input, error);
    const char *actor = status == OPS_OK && takes_actor(command) ? ops_cli_actor(cli) : NULL;
    if (status == OPS_OK && actor && !json_object_get(input, "actor"))
        status = ops_json_set_text(input, "actor", actor);
    return status == OPS_OK ? resolve_ids(cli, input, error) : status;
}

const char *ops_cli_session(const struct ops_cli *cli)
{
    if (!(cli->args.command->shared & 1u << OPS_FLAGS_SESSION))
        return NULL;
    const char *given = ops_cli_text(cli, "--session-guid");
    return given ? given : ops_cli_env("G3NOPS_SESSION_GUID");
}

static enum ops_status prepare(struct ops_cli *cli, json_t *input, struct ops_cli_secret *secret, struct ops_error *error)
{
    const struct ops_cli_command *command = cli->args.command;
    enum ops_status status = input ? make_input(cli, input, error) : OPS_NO_MEMORY;
    if (status == OPS_OK && command->prepare)
        status = command->prepare(cli, input, error);
    if (status == OPS_OK && command->shared & 1u << OPS_FLAGS_SECRET)
        status = ops_cli_secret(cli, secret, error);
    return status;
}

/* A dry run deletes nothing, so its result is all that was asked for. */
static bool wants_watch(const struct ops_cli *cli)
{
    return cli->args.command->watchable && (ops_cli_flag_if(cli, "--watch") || ops_cli_flag_if(cli, "--dry-run"));
}

static bool is_route_not_found(const struct ops_cli_reply *reply)
{
    const json_t *minor = json_object_get(json_object_get(reply->envelope, "error"), "minor");
    return ops_status_from_tag(ops_json_text(minor, "tag", "")) == OPS_ROUTE_NOT_FOUND;
}

/* What answers is the HTTP surface alone. */
static enum ops_status refuse_routes_only(const struct ops_cli_request *request, struct ops_error *error)
{
    return ops_fail(
        error, OPS_ROUTE_NOT_FOUND,
        "What answers there is the HTTP surface, which has no function %s: it tells of windows, and no more. Ask "
        "the invoke surface, by --data or --endpoint unix:PATH of 'g3nops serve', on its machine.",
        request->target);
}

enum ops_status ops_cli_ask(struct ops_cli *cli, struct ops_cli_request *request, const struct ops_cli_command *route,
                            struct ops_cli_reply *reply, struct ops_error *error)
{
    if (route)
        request->target = request->session_guid ? route->target : route->without_session;
    if (route)
        request->via = request->session_guid ? route->via : OPS_VIA_INVOKE;
    enum ops_status status = ops_cli_exchange(cli, request, reply, error);
    if (status != OPS_OK || request->via != OPS_VIA_INVOKE || !is_route_not_found(reply))
        return status;
    if (!route)
        return refuse_routes_only(request, error);
    request->via = route->via;
    request->target = route->target;
    return ops_cli_exchange(cli, request, reply, error);
}

int ops_cli_call(struct ops_cli *cli)
{
    const struct ops_cli_command *command = cli->args.command;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_cli_secret secret = {.length = 0};
    struct ops_cli_reply reply;
    ops_cli_reply_init(&reply);
    json_t *input = json_object();
    enum ops_status status = prepare(cli, input, &secret, &error);
    struct ops_cli_request request = {.via = command->via,
                                      .target = command->target,
                                      .input = input,
                                      .secret = secret.length ? &secret : NULL,
                                      .session_guid = ops_cli_session(cli),
                                      .timeout_ms = CALL_TIMEOUT_MS};
    if (status == OPS_OK)
        status = ops_cli_ask(cli, &request, command->without_session ? command : NULL, &reply, &error);
    if (status == OPS_OK && command->follow && ops_cli_reply_success(&reply))
        status = command->follow(cli, &request, &reply, &error);
    ops_cli_secret_cleanse(&secret);
    if (command->shared & 1u << OPS_FLAGS_SECRET)
        ops_cli_forget_secret_code(cli);
    if (status == OPS_OK)
        ops_cli_tell_answered(cli);
    int code;
    if (status != OPS_OK)
        code = ops_cli_fail(cli, status, &error);
    else if (wants_watch(cli) && ops_cli_reply_success(&reply))
        code = ops_cli_watch(cli, &reply);
    else
        code = ops_cli_print_reply(cli, &reply);
    json_decref(input);
    ops_cli_reply_release(&reply);
    ops_error_release(&error);
    return code;
}
