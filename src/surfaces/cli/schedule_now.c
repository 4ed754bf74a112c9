#include "surfaces/cli/schedule_now.h"

#include "base/instant.h"
#include "base/json.h"
#include "surfaces/cli/lookup.h"

/* Far enough for the service's clock to be ahead of ours, and for its sweep not to come first. */
enum { START_AHEAD_MS = 60 * 1000 };

static enum ops_status refuse_active(void *context, const json_t *window, bool *ret_enough)
{
    struct ops_error *error = context;
    const char *id = ops_json_text(window, "maintenance_id", "");
    *ret_enough = true;
    (void)ops_fail(error, OPS_MAINTENANCE_ALREADY_ACTIVE,
                   "The maintenance window %.26s is active, and there can be one at most: nothing was scheduled.", id);
    ops_error_detail(error, "maintenance_id", id);
    return OPS_MAINTENANCE_ALREADY_ACTIVE;
}

/* Looks first: a window that is scheduled in vain, and cancelled again, stays in the list for good. */
enum ops_status ops_cli_prepare_now(struct ops_cli *cli, json_t *input, struct ops_error *error)
{
    if (!ops_cli_flag(cli, "--now"))
        return OPS_OK;
    enum ops_status status = ops_cli_look_through(cli, "ops_maintenancelist", "active", refuse_active, error, error);
    if (status != OPS_OK)
        return status;
    int64_t start_ms = ops_instant_ceil_second(ops_clock_now_ms(cli->host->clock) + START_AHEAD_MS);
    return ops_json_set_instant(input, "scheduled_start_utc", start_ms);
}

/* A step for the window that was just scheduled, by whoever scheduled it. */
static enum ops_status step(struct ops_cli *cli, const struct ops_cli_request *scheduled, const char *function,
                            const json_t *window, struct ops_cli_reply *reply, struct ops_error *error)
{
    json_t *input =
        ops_json_pack("{s:O*, s:O*, s:O*}", "maintenance_id", json_object_get(window, "maintenance_id"), "actor",
                      json_object_get(scheduled->input, "actor"), "reason", json_object_get(scheduled->input, "reason"));
    struct ops_cli_request request = *scheduled;
    request.target = function;
    request.input = input;
    enum ops_status status = input ? ops_cli_exchange(cli, &request, reply, error) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_cli_refusal(reply, error);
    json_decref(input);
    return status;
}

/* Adds to why the window was not started what has become of it. */
static enum ops_status tell(enum ops_status status, const char *id, const char *there, struct ops_error *error)
{
    char why[OPS_ERROR_TEXT_SIZE];
    json_t *details = error->details ? json_incref(error->details) : NULL;
    (void)snprintf(why, sizeof why, "%.300s", ops_error_text(error, status));
    (void)ops_fail(error, status, "The window was not started: %s The window %.26s %s.", why, id, there);
    const char *name;
    json_t *value;
    json_object_foreach(details, name, value)
        ops_error_detail_json(error, name, json_incref(value));
    ops_error_detail(error, "scheduled_maintenance_id", id);
    json_decref(details);
    return status;
}

static bool surely_not_done(enum ops_status status)
{
    enum ops_category category = ops_status_category(status);
    return category != OPS_CATEGORY_UNREACHABLE && category != OPS_CATEGORY_UNAVAILABLE && category != OPS_CATEGORY_INTERNAL;
}

static enum ops_status undo(struct ops_cli *cli, const struct ops_cli_request *scheduled, enum ops_status refusal,
                            const json_t *window, struct ops_error *error)
{
    const char *id = ops_json_text(window, "maintenance_id", "");
    if (!surely_not_done(refusal))
        return tell(refusal, id, "is scheduled, and starts by itself within a minute if it has not: see 'g3nops ping'",
                    error);
    struct ops_cli_reply reply;
    ops_cli_reply_init(&reply);
    enum ops_status status = step(cli, scheduled, "ops_maintenancecancel", window, &reply, NULL);
    ops_cli_reply_release(&reply);
    return tell(refusal, id,
                status == OPS_OK ? "was cancelled again"
                                 : "is still scheduled, and starts by itself: see 'g3nops maintenance-list'",
                error);
}

enum ops_status ops_cli_start_now(struct ops_cli *cli, const struct ops_cli_request *request, struct ops_cli_reply *reply,
                                  struct ops_error *error)
{
    if (!ops_cli_flag(cli, "--now"))
        return OPS_OK;
    json_t *window = json_incref(json_object_get(reply->envelope, "data"));
    enum ops_status status = step(cli, request, "ops_maintenancestart", window, reply, error);
    if (status != OPS_OK)
        status = undo(cli, request, status, window, error);
    json_decref(window);
    return status;
}
