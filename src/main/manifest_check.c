#include "main/commands.h"

#include "base/json.h"
#include "base/mem.h"
#include "core/plan.h"
#include "main/engine.h"

struct check {
    struct ops_manifest manifest;
    char *manifest_name;
    struct ops_backend *backend;
    struct ops_catalogue *catalogue;
    json_t *targets; /* the plan of vacuum all, each with "exists" and "org" */
    json_int_t missing, broken, unclassified;
};

static enum ops_status survey(struct check *check, json_t *target)
{
    struct ops_target_spec spec;
    struct ops_scope scope;
    struct ops_target *opened = NULL;
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = ops_plan_target_read(target, &spec, &scope);
    if (status != OPS_OK)
        return status;
    status = ops_catalogue_open(check->catalogue, &spec, &scope, &opened, &why);
    ops_target_close(opened);
    const char *finding = "exists";
    if (status == OPS_TARGET_MISSING) {
        finding = "missing";
        check->missing++;
    } else if (status != OPS_OK) {
        finding = "can't be used";
        check->broken++;
    }
    enum ops_status set = ops_json_set_text(target, "finding", finding);
    if (set == OPS_OK && status != OPS_OK && status != OPS_TARGET_MISSING)
        set = ops_json_set(target, "reason", ops_json_any_text(ops_view_of(ops_error_text(&why, status))));
    ops_error_release(&why);
    return set;
}

/* A rule of vacuum org that the target itself can't follow (no such column) shows only when it is opened with it. */
static enum ops_status survey_org_rule(struct check *check, size_t index, json_t *target)
{
    const struct ops_manifest_target *planned = &check->manifest.targets[index];
    if (planned->org.skip || strcmp(ops_json_text(target, "finding", ""), "exists") != 0 || planned->kind == OPS_LOG_GROUP)
        return OPS_OK;
    const struct ops_target_spec spec = {.kind = planned->kind, .name = planned->name, .location = planned->location};
    const struct ops_scope scope = {planned->org.by, planned->org.attribute, planned->org.index, "manifest-check"};
    struct ops_target *opened = NULL;
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status set = OPS_OK;
    enum ops_status status = ops_catalogue_open(check->catalogue, &spec, &scope, &opened, &why);
    ops_target_close(opened);
    if (status != OPS_OK) {
        check->broken++;
        set = ops_json_set_text(target, "finding", "org rule can't be used");
        if (set == OPS_OK)
            set = ops_json_set(target, "reason", ops_json_any_text(ops_view_of(ops_error_text(&why, status))));
    }
    ops_error_release(&why);
    return set;
}

static enum ops_status note_existing(void *context, const struct ops_resource *resource)
{
    struct check *check = context;
    return ops_plan_note_existing(&check->manifest, check->targets, resource);
}

static enum ops_status survey_all(struct check *check, struct ops_error *error)
{
    enum ops_status status = ops_plan_make(&check->manifest, OPS_VACUUM_ALL, NULL, &check->targets);
    /* First, so that an account that can't be reached is said once and not for every target. */
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT && status == OPS_OK; kind++)
        status = ops_catalogue_list(check->catalogue, (enum ops_target_kind)kind, note_existing, check, error);
    size_t i;
    json_t *target;
    json_array_foreach(check->targets, i, target) {
        bool touched = strcmp(ops_json_text(target, "status", ""), "pending") == 0;
        if (status == OPS_OK && touched)
            status = survey(check, target);
        if (status == OPS_OK && touched)
            status = survey_org_rule(check, i, target);
    }
    json_array_foreach(check->targets, i, target)
        check->unclassified += strcmp(ops_json_text(target, "status", ""), "unclassified") == 0;
    return status;
}

static enum ops_status run(struct ops_cli *cli, struct check *check, struct ops_error *error)
{
    struct ops_place place;
    enum ops_status status = ops_command_place(cli, &place, error);
    if (status == OPS_OK)
        status =
            ops_engine_load_manifest(place.data_dir, ops_cli_manifest(cli), &check->manifest, &check->manifest_name, error);
    if (status == OPS_OK)
        status = ops_backend_open(&place, &check->backend, error);
    if (status == OPS_OK)
        status = check->backend->ops->catalogue(check->backend, &check->catalogue, error);
    return status == OPS_OK ? survey_all(check, error) : status;
}

/* What the table shows of a target: the survey's finding, or why it is left alone. */
static void add_row(struct ops_table *table, const json_t *target)
{
    const char *status = ops_json_text(target, "status", "");
    const char *finding = ops_json_text(target, "finding", status);
    const char *why = ops_json_text(target, "reason", ops_json_text(target, "skipped_reason", ""));
    bool good = strcmp(finding, "exists") == 0 || strcmp(finding, "skipped") == 0;
    ops_table_add(table, ops_json_text(target, "service", "-"));
    ops_table_add(table, ops_json_text(target, "kind", ""));
    ops_table_add(table, ops_json_text(target, "name", ""));
    ops_table_add_painted(table, finding, good ? OPS_PAINT_NONE : OPS_PAINT_BUSY);
    ops_table_add(table, why);
}

static enum ops_status print(struct ops_cli *cli, const struct check *check)
{
    static const struct ops_table_column columns[] = {{"SERVICE", false, false},
                                                      {"KIND", false, false},
                                                      {"NAME", false, true},
                                                      {"FINDING", false, false},
                                                      {"", false, true}};
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i;
    json_t *target;
    json_array_foreach(check->targets, i, target)
        add_row(&table, target);
    enum ops_status status = ops_cli_print_table(cli, &table);
    ops_table_release(&table);
    return status;
}

static int finish(struct ops_cli *cli, const struct check *check, struct ops_error *error)
{
    if (check->broken > 0) {
        (void)ops_fail(error, OPS_INVALID_FIELD, "%lld of the manifest's targets can't be used as it says.",
                       (long long)check->broken);
        ops_error_detail_integer(error, "broken", check->broken);
        return ops_cli_fail(cli, OPS_INVALID_FIELD, error);
    }
    return ops_cli_done(
        cli,
        json_pack("{s:s, s:I, s:I, s:O}", "manifest", check->manifest_name, "missing", check->missing, "unclassified",
                  check->unclassified, "targets", check->targets),
        "The manifest %s is sound: %zu targets, %lld of them missing; %lld things exist that it does not name.",
        check->manifest_name, check->manifest.target_count, (long long)check->missing, (long long)check->unclassified);
}

int ops_command_manifest_check(struct ops_cli *cli, void *context)
{
    (void)context;
    struct check check = {.manifest_name = NULL};
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = run(cli, &check, &error);
    if (status == OPS_OK)
        status = print(cli, &check);
    int code = status == OPS_OK ? finish(cli, &check, &error) : ops_cli_fail(cli, status, &error);
    ops_catalogue_release(check.catalogue);
    ops_backend_release(check.backend);
    ops_manifest_release(&check.manifest);
    ops_mem_free(check.manifest_name);
    json_decref(check.targets);
    ops_error_release(&error);
    return code;
}
