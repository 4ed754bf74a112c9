#include "main/demo/stage.h"

#include "app/call.h"
#include "base/json.h"

/* Another service asks OPS, as its gate does every few seconds. */
static enum ops_status gate_asks(struct demo *demo)
{
    json_t *data = NULL;
    enum ops_status status = demo_read(demo, "/ops/ping", NULL, &data);
    if (status != OPS_OK)
        return status;
    json_decref(demo->notice);
    json_t *notice = json_object_get(data, "maintenance");
    demo->notice = json_is_object(notice) ? json_incref(notice) : NULL;
    demo->gate = ops_gate_learn(ops_clock_monotonic_ms(demo->clock) * OPS_GATE_MS, OPS_GATE_ANSWER_AGE_MAX_NS, demo->notice);
    json_decref(data);
    return OPS_OK;
}

/* What a customer of another service gets: the gate's answer, or the service's. */
static bool customer_is_blocked(struct demo *demo)
{
    bool blocked = ops_gate_blocks(&demo->gate, ops_clock_monotonic_ms(demo->clock) * OPS_GATE_MS);
    demo_say(demo, "   a customer asks another service: GET /pvm/product/get");
    if (blocked)
        demo_say(demo, "     %d %s (\"%s\", until %s)", ops_status_http(OPS_MAINTENANCE_MODE),
                 ops_status_tag(OPS_MAINTENANCE_MODE), ops_json_text(demo->notice, "description", ""),
                 ops_json_text(demo->notice, "estimated_end_utc", ""));
    else
        demo_say(demo, "     200 ok");
    return blocked;
}

static enum ops_status schedule(struct demo *demo)
{
    char start[OPS_INSTANT_TEXT_SIZE];
    json_t *window = NULL;
    ops_instant_format(ops_clock_now_ms(demo->clock) + 10 * OPS_MINUTE_MS, start);
    demo_say(demo, "   $ g3nops maintenance-schedule --description 'Move to new disks' \\");
    demo_say(demo, "       --duration 3600 --start %s", start);
    enum ops_status status = demo_invoke(demo, "ops_maintenanceschedule",
                                         json_pack("{s:s, s:i, s:s}", "description", "Move to new disks",
                                                   "estimated_duration_seconds", 3600, "scheduled_start_utc", start),
                                         &window);
    if (status == OPS_OK)
        demo_say(demo, "   %s is %s", ops_json_text(window, "maintenance_id", ""), ops_json_text(window, "status", ""));
    json_decref(window);
    return status;
}

static enum ops_status post(struct demo *demo, const char *text)
{
    json_t *window = NULL;
    demo_say(demo, "   $ g3nops maintenance-update --text '%s'", text);
    enum ops_status status = demo_invoke(demo, "ops_maintenanceupdate", json_pack("{s:s}", "text", text), &window);
    json_decref(window);
    return status;
}

static enum ops_status end(struct demo *demo)
{
    json_t *window = NULL;
    demo_say(demo, "   $ g3nops maintenance-end --end-message 'All moved'");
    enum ops_status status =
        demo_invoke(demo, "ops_maintenanceend", json_pack("{s:s}", "end_message", "All moved"), &window);
    if (status == OPS_OK)
        demo_say(demo, "   %s at %s", ops_json_text(window, "status", ""), ops_json_text(window, "ended_at", ""));
    json_decref(window);
    return status;
}

static enum ops_status opens(struct demo *demo)
{
    enum ops_status status = schedule(demo);
    if (status == OPS_OK)
        status = gate_asks(demo);
    if (status == OPS_OK)
        status = demo_require(demo, !customer_is_blocked(demo), "nothing is blocked before the window");
    if (status == OPS_OK)
        status = demo_pass_time(demo, 10 * OPS_MINUTE_MS, "10 minutes");
    if (status == OPS_OK)
        status = gate_asks(demo);
    if (status == OPS_OK)
        status = demo_require(demo, demo->notice, "the sweep started the window by itself");
    if (status == OPS_OK)
        status = demo_require(demo, customer_is_blocked(demo), "customers are told so");
    return status;
}

static enum ops_status closes(struct demo *demo)
{
    enum ops_status status = post(demo, "Half of the tables are on new disks");
    if (status == OPS_OK)
        status = demo_pass_time(demo, 15 * OPS_MINUTE_MS, "15 minutes");
    if (status == OPS_OK)
        status = post(demo, "Checking the copies");
    if (status == OPS_OK)
        status = gate_asks(demo);
    if (status == OPS_OK)
        status = demo_require(demo, json_array_size(json_object_get(demo->notice, "updates")) == 2,
                              "ping shows both progress posts");
    if (status == OPS_OK)
        status = end(demo);
    if (status == OPS_OK)
        status = gate_asks(demo);
    if (status == OPS_OK)
        status = demo_require(demo, !customer_is_blocked(demo), "everything is open again");
    return status;
}

enum ops_status demo_window(struct demo *demo)
{
    demo_chapter(demo, "A maintenance window");
    enum ops_status status = opens(demo);
    return status == OPS_OK ? closes(demo) : status;
}
