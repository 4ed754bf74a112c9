/* Every operation, once: what it is called on each surface, who may ask, what it takes. Dispatch, validation, the reference
 * page and the OpenAPI test all read this table. */
#include "app/use_cases.h"

#include "core/secret.h"
#include "core/window.h"

#include <stdint.h>

#define ANY_LIMIT INT64_MIN, INT64_MAX

#define FIELD_MAINTENANCE_ID(is_required) \
    {"maintenance_id", OPS_FIELD_ULID, 0, 0, is_required, NULL, "the window's id"}
#define FIELD_VACUUM_ID(is_required) {"vacuum_id", OPS_FIELD_ULID, 0, 0, is_required, NULL, "the vacuum's id"}
#define FIELD_EXPECTED_REVISION \
    {"expected_revision", OPS_FIELD_INTEGER, 1, INT64_MAX, false, NULL, "refuse when the record is at another revision"}
#define FIELD_DESCRIPTION(is_required) \
    {"description", OPS_FIELD_TEXT, 1, OPS_DESCRIPTION_MAX, is_required, NULL, "what the window is for"}
#define FIELD_DURATION(is_required) \
    {"estimated_duration_seconds", OPS_FIELD_INTEGER, OPS_DURATION_MIN_SECONDS, OPS_DURATION_MAX_SECONDS, is_required, NULL, \
     "how long it is expected to take"}
#define FIELD_DRY_RUN {"dry_run", OPS_FIELD_FLAG, 0, 0, false, NULL, "count what would be deleted, delete nothing"}
#define FIELD_PLAN_SHA256 \
    {"plan_sha256", OPS_FIELD_SHA256, 0, 0, false, NULL, "delete only if the plan still is the one with this hash"}
#define FIELD_LIMIT \
    {"limit", OPS_FIELD_INTEGER, ANY_LIMIT, false, NULL, "records in a page; 8 by default, clamped to 1..256"}
#define FIELD_WINDOW_STATUS \
    {"status", OPS_FIELD_CHOICE, 0, 0, false, "current|scheduled|active|ended|cancelled|all", \
     "which windows; current, by default, is scheduled and active"}
#define FIELD_NEXT_TOKEN {"next_token", OPS_FIELD_TEXT, 1, 512, false, NULL, "where the page before ended"}

static const struct ops_operation operations[] = {
    {.name = "ping",
     .route = "/ops/ping",
     .access = OPS_ACCESS_OPEN,
     .summary = "Says that the service answers, and which maintenance window is active.",
     .run = NULL /* written by ops_ping_data */},
    {.name = "stat",
     .route = "/ops/stat",
     .access = OPS_ACCESS_OPEN,
     .summary = "Says how the service and its store are.",
     .run = ops_run_stat},
    {.name = "maintenance/list",
     .route = "/ops/maintenance/list",
     .takes_post = true,
     .access = OPS_ACCESS_SESSION,
     .summary = "Lists maintenance windows, newest first.",
     .fields = {FIELD_WINDOW_STATUS, FIELD_LIMIT, FIELD_NEXT_TOKEN},
     .run = ops_run_maintenance_list},
    {.name = "maintenance/get",
     .route = "/ops/maintenance/get",
     .takes_post = true,
     .access = OPS_ACCESS_SESSION,
     .summary = "Shows one maintenance window.",
     .fields = {FIELD_MAINTENANCE_ID(true)},
     .run = ops_run_maintenance_get},
    {.name = "ops_maintenanceschedule",
     .function = "ops_maintenanceschedule",
     .access = OPS_ACCESS_SECRET,
     .summary = "Schedules a maintenance window.",
     .fields = {FIELD_DESCRIPTION(true),
                FIELD_DURATION(true),
                {"scheduled_start_utc", OPS_FIELD_INSTANT, 0, 0, true, NULL,
                 "when the sweep starts it; in the future, at most 366 days ahead"}},
     .run = ops_run_maintenance_schedule},
    {.name = "ops_maintenancestart",
     .function = "ops_maintenancestart",
     .access = OPS_ACCESS_SECRET,
     .summary = "Starts a scheduled window now.",
     .fields = {FIELD_MAINTENANCE_ID(true), FIELD_EXPECTED_REVISION},
     .run = ops_run_maintenance_start},
    {.name = "ops_maintenanceend",
     .function = "ops_maintenanceend",
     .access = OPS_ACCESS_SECRET,
     .is_safe = true,
     .summary = "Ends the active window.",
     .fields = {FIELD_MAINTENANCE_ID(false),
                {"end_message", OPS_FIELD_TEXT, 1, OPS_DESCRIPTION_MAX, false, NULL, "how it went"},
                FIELD_EXPECTED_REVISION},
     .run = ops_run_maintenance_end},
    {.name = "ops_maintenancecancel",
     .function = "ops_maintenancecancel",
     .access = OPS_ACCESS_SECRET,
     .summary = "Cancels a scheduled window.",
     .fields = {FIELD_MAINTENANCE_ID(true), FIELD_EXPECTED_REVISION},
     .run = ops_run_maintenance_cancel},
    {.name = "ops_maintenanceupdate",
     .function = "ops_maintenanceupdate",
     .access = OPS_ACCESS_SECRET,
     .summary = "Changes a window that is not over, or posts progress on the active one.",
     .fields = {FIELD_MAINTENANCE_ID(false),
                FIELD_DESCRIPTION(false),
                FIELD_DURATION(false),
                {"text", OPS_FIELD_TEXT, 1, OPS_DESCRIPTION_MAX, false, NULL, "progress to post; the window must be active"},
                FIELD_EXPECTED_REVISION},
     .run = ops_run_maintenance_update},
    /* The two reads again, for operators: whoever reaches the invoke surface is let in by the socket's mode or by IAM. */
    {.name = "ops_maintenancelist",
     .function = "ops_maintenancelist",
     .access = OPS_ACCESS_OPEN,
     .summary = "Lists maintenance windows, newest first.",
     .fields = {FIELD_WINDOW_STATUS, FIELD_LIMIT, FIELD_NEXT_TOKEN},
     .run = ops_run_maintenance_list},
    {.name = "ops_maintenanceget",
     .function = "ops_maintenanceget",
     .access = OPS_ACCESS_OPEN,
     .summary = "Shows one maintenance window.",
     .fields = {FIELD_MAINTENANCE_ID(true)},
     .run = ops_run_maintenance_get},
    {.name = "ops_vacuumall",
     .function = "ops_vacuumall",
     .access = OPS_ACCESS_SECRET,
     .summary = "Asks for everything of every other service to be deleted, five minutes from now.",
     .fields = {{"confirmation_phrase", OPS_FIELD_TEXT, 0, 256, false, NULL,
                 "exactly VACUUM ALL DATA PERMANENTLY; not needed with dry_run"},
                FIELD_DRY_RUN,
                FIELD_PLAN_SHA256},
     .run = ops_run_vacuum_all},
    {.name = "ops_vacuumorg",
     .function = "ops_vacuumorg",
     .access = OPS_ACCESS_SECRET,
     .summary = "Asks for one tenant's records to be deleted, five minutes from now.",
     .fields = {{"orgcode", OPS_FIELD_ORGCODE, 0, 0, true, NULL, "the tenant"}, FIELD_DRY_RUN, FIELD_PLAN_SHA256},
     .run = ops_run_vacuum_org},
    {.name = "ops_vacuumcancel",
     .function = "ops_vacuumcancel",
     .access = OPS_ACCESS_SECRET,
     .is_safe = true,
     .summary = "Cancels a vacuum within its five minutes.",
     .fields = {FIELD_VACUUM_ID(true)},
     .run = ops_run_vacuum_cancel},
    {.name = "ops_vacuumstatus",
     .function = "ops_vacuumstatus",
     .access = OPS_ACCESS_OPEN,
     .summary = "Shows a vacuum; without an id the one that is pending or running, else the latest.",
     .fields = {FIELD_VACUUM_ID(false)},
     .run = ops_run_vacuum_status},
    {.name = "ops_vacuumlist",
     .function = "ops_vacuumlist",
     .access = OPS_ACCESS_OPEN,
     .summary = "Lists vacuums without their targets: those that are open first, then the others, newest first by the "
                "store's order.",
     .fields = {{"status", OPS_FIELD_CHOICE, 0, 0, false, "all|open|pending|running|completed|failed|cancelled",
                 "which vacuums; all by default, open is pending and running"},
                FIELD_LIMIT,
                FIELD_NEXT_TOKEN},
     .run = ops_run_vacuum_list},
    {.name = "ops_sweep",
     .function = "ops_sweep",
     .access = OPS_ACCESS_OPEN,
     .summary = "Starts what is due and delivers waiting audit records; serve does so every second.",
     .run = ops_run_sweep},
    {.name = "ops_auditlist",
     .function = "ops_auditlist",
     .access = OPS_ACCESS_OPEN,
     .summary = "Lists audit records, newest first.",
     .fields = {FIELD_LIMIT, FIELD_NEXT_TOKEN},
     .run = ops_run_audit_list},
    {.name = "ops_auditacceptrollback",
     .function = "ops_auditacceptrollback",
     .access = OPS_ACCESS_SECRET,
     .summary = "Accepts that the store has lost records which its delivered audit log has, so that work goes on.",
     .run = ops_run_audit_accept_rollback},
};

enum { OPERATION_COUNT = sizeof operations / sizeof operations[0], SECRET_SENT_MAX_BYTES = 1024 };

static const struct ops_field operator_fields[] = {
    {"secret_code", OPS_FIELD_SECRET, 0, SECRET_SENT_MAX_BYTES, true, NULL, "the secret code"},
    {"actor", OPS_FIELD_NAME, 1, 128, false, NULL, "who is asking, for the audit trail"},
    {"reason", OPS_FIELD_TEXT, 1, 500, false, NULL, "why, for the audit trail"},
    {.name = NULL},
};

const struct ops_operation *ops_operations(size_t *ret_count)
{
    *ret_count = OPERATION_COUNT;
    return operations;
}

const struct ops_field *ops_operator_fields(void)
{
    return operator_fields;
}

const struct ops_operation *ops_operation_by_route(struct ops_view path)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (operations[i].route && ops_view_is(path, operations[i].route))
            return &operations[i];
    return NULL;
}

const struct ops_operation *ops_operation_by_function(struct ops_view function)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (operations[i].function && ops_view_is(function, operations[i].function))
            return &operations[i];
    return NULL;
}
