#include "main/commands.h"

#include "app/keep.h"
#include "app/survey.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/plan.h"
#include "core/vacuum.h"
#include "main/engine.h"

#include <errno.h>
#include <unistd.h>

struct check {
    struct ops_manifest manifest;
    char *manifest_name;
    struct ops_backend *backend;
    struct ops_catalogue *catalogue;
    json_t *targets;  /* the plan of vacuum all, each with "finding" and perhaps "reason" */
    json_t *unlisted; /* what can't be listed, or NULL */
    json_int_t missing, broken, would_fail, unclassified;
};

static bool has_status(const json_t *target, const char *status)
{
    return strcmp(ops_json_text(target, "status", ""), status) == 0;
}

static enum ops_status set_finding(json_t *target, const char *finding, const char *reason)
{
    enum ops_status status = ops_json_set_text(target, "finding", finding);
    return status == OPS_OK && reason ? ops_json_set(target, "reason", ops_json_any_text(ops_view_of(reason))) : status;
}

/* What the survey of a plan says of one target, in this command's words. */
static enum ops_status judge(struct check *check, json_t *target)
{
    const char *broken = ops_plan_defer_reason(target);
    const char *skipped = has_status(target, "skipped") ? ops_json_text(target, "skipped_reason", "") : NULL;
    if (skipped && strcmp(skipped, OPS_PLAN_MISSING) == 0) {
        check->missing++;
        return set_finding(target, "missing", NULL);
    }
    if (skipped || has_status(target, "unclassified"))
        return OPS_OK;
    if (broken) {
        check->broken++;
        return set_finding(target, ops_json_text(target, "finding", "can't be used"), broken);
    }
    bool fails = ops_json_flag(target, "would_fail", false);
    check->would_fail += fails;
    return set_finding(target, fails ? "would fail" : "exists", NULL);
}

static enum ops_status inspect(json_t *target, struct ops_target *opened, struct ops_error *error)
{
    struct ops_findings findings = {.count = 0};
    enum ops_status status = ops_target_inspect(opened, &findings, error);
    for (size_t i = 0; i < findings.count && status == OPS_OK; i++) {
        status = ops_plan_warn_once(target, findings.list[i].text);
        if (status == OPS_OK && findings.list[i].blocks)
            status = ops_json_set(target, "would_fail", json_true());
    }
    return status;
}

/* A rule of vacuum org that the target itself can't follow (no such column) shows only when it is opened with it. */
static enum ops_status survey_org_rule(struct check *check, size_t index, json_t *target)
{
    const struct ops_manifest_target *planned = &check->manifest.targets[index];
    if (planned->org.skip || !has_status(target, "pending") || ops_plan_deferred(target) || planned->kind == OPS_LOG_GROUP)
        return OPS_OK;
    const struct ops_target_spec spec = {.kind = planned->kind, .name = planned->name, .location = planned->location};
    const struct ops_scope scope = {planned->org.by, planned->org.attribute, planned->org.index, "manifest-check"};
    struct ops_target *opened = NULL;
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = ops_catalogue_open(check->catalogue, &spec, &scope, &opened, &why);
    if (status == OPS_OK)
        status = ops_keep_tables(&check->manifest, opened, &why);
    if (status == OPS_OK)
        status = inspect(target, opened, &why);
    ops_target_close(opened);
    if (status != OPS_OK && status != OPS_NO_MEMORY) {
        status = ops_plan_give_up(target, ops_error_text(&why, status));
        if (status == OPS_OK)
            status = ops_json_set_text(target, "finding", "org rule can't be used");
    }
    ops_error_release(&why);
    return status;
}

static enum ops_status count_nothing(void *context, const struct ops_resource *resource)
{
    (void)context;
    (void)resource;
    return OPS_OK;
}

/* A stack that can't be reached at all is said once, and not for every target. */
static enum ops_status reach(struct check *check, struct ops_error *error)
{
    enum ops_status status = ops_catalogue_list(check->catalogue, OPS_TABLE, count_nothing, NULL, error);
    return status == OPS_STORE_UNAVAILABLE || status == OPS_NO_MEMORY ? status : OPS_OK;
}

static enum ops_status survey_all(struct check *check, struct ops_error *error)
{
    const struct ops_survey survey = {.catalogue = check->catalogue, .manifest = &check->manifest};
    enum ops_status status = reach(check, error);
    if (status == OPS_OK)
        status = ops_plan_make(&check->manifest, OPS_VACUUM_ALL, NULL, &check->targets);
    if (status == OPS_OK)
        status = ops_survey_targets(&survey, OPS_VACUUM_ALL, check->targets, error);
    for (size_t i = 0; i < check->manifest.target_count && status == OPS_OK; i++)
        status = survey_org_rule(check, i, json_array_get(check->targets, i));
    if (status == OPS_OK)
        status = ops_survey_existing(&survey, check->targets, &check->unlisted);
    size_t i;
    json_t *target;
    json_array_foreach(check->targets, i, target) {
        if (status == OPS_OK)
            status = judge(check, target);
        check->unclassified += has_status(target, "unclassified");
    }
    return status;
}

static enum ops_status run(struct ops_cli *cli, struct check *check, struct ops_error *error)
{
    struct ops_place place;
    enum ops_status status = ops_command_place(cli, &place, error);
    bool is_typo = status == OPS_OK && !place.aws && !ops_cli_manifest(cli) && access(place.data_dir, F_OK) != 0;
    if (is_typo && errno == ENOENT)
        status = ops_fail(error, OPS_IO_ERROR, "There is no data directory %s.", place.data_dir);
    if (status == OPS_OK)
        status =
            ops_engine_load_manifest(place.data_dir, ops_cli_manifest(cli), &check->manifest, &check->manifest_name, error);
    if (status == OPS_OK)
        status = ops_backend_open(&place, &check->backend, error);
    if (status == OPS_OK)
        status = check->backend->ops->catalogue(check->backend, &check->catalogue, error);
    return status == OPS_OK ? survey_all(check, error) : status;
}

static const char *reason_of(const json_t *target)
{
    return ops_json_text(target, "reason", ops_json_text(target, "skipped_reason", ""));
}

/* What the table shows of a target: the survey's finding, or why it is left alone. */
static void add_row(struct ops_table *table, const json_t *target)
{
    const char *status = ops_json_text(target, "status", "");
    const char *finding = ops_json_text(target, "finding", status);
    const char *why = reason_of(target);
    bool good = strcmp(finding, "exists") == 0 || strcmp(finding, "skipped") == 0;
    if (!*why)
        why = json_string_value(json_array_get(json_object_get(target, "warnings"), 0));
    ops_table_add(table, ops_json_text(target, "service", "-"));
    ops_table_add(table, ops_json_text(target, "kind", ""));
    ops_table_add(table, ops_json_text(target, "name", ""));
    ops_table_add_painted(table, finding, good ? OPS_PAINT_NONE : OPS_PAINT_BUSY);
    ops_table_add(table, why);
}

/* What the table has no room for: it shows the reason, or else the first warning. */
static void warn_of(struct ops_cli *cli, const json_t *target)
{
    size_t i;
    json_t *warning;
    bool in_table = !*reason_of(target);
    json_array_foreach(json_object_get(target, "warnings"), i, warning)
        if (!has_status(target, "unclassified") && !(i == 0 && in_table))
            ops_cli_warn(cli, "%s %s: %s", ops_json_text(target, "kind", ""), ops_json_text(target, "name", ""),
                         json_string_value(warning));
}

static enum ops_status print(struct ops_cli *cli, const struct check *check)
{
    static const struct ops_table_column columns[] = {{.title = "SERVICE"},
                                                      {.title = "KIND"},
                                                      {.title = "NAME", .kind = OPS_COLUMN_NAME},
                                                      {.title = "FINDING"},
                                                      {.title = "", .kind = OPS_COLUMN_WORDS, .quiet = true}};
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i;
    json_t *target;
    json_array_foreach(check->targets, i, target)
        add_row(&table, target);
    enum ops_status status = ops_cli_print_table(cli, &table);
    ops_table_release(&table);
    json_array_foreach(check->targets, i, target)
        warn_of(cli, target);
    json_array_foreach(check->unlisted, i, target)
        ops_cli_warn(cli, "what else exists can't be told (%s): %s", ops_json_text(target, "kind", ""),
                     ops_json_text(target, "reason", ""));
    return status;
}

static int finish(struct ops_cli *cli, const struct check *check, struct ops_error *error)
{
    size_t i;
    json_t *target;
    json_array_foreach(check->targets, i, target)
        ops_vacuum_show_target(target);
    if (check->broken > 0 || check->would_fail > 0) {
        (void)ops_fail(error, OPS_INVALID_FIELD,
                       "Of the manifest's targets %lld can't be used as it says, and in %lld a vacuum would leave records "
                       "behind.",
                       (long long)check->broken, (long long)check->would_fail);
        ops_error_detail_integer(error, "broken", check->broken);
        ops_error_detail_integer(error, "would_fail", check->would_fail);
        if (ops_cli_json(cli))
            ops_error_detail_json(error, "targets", json_incref(check->targets));
        return ops_cli_fail(cli, OPS_INVALID_FIELD, error);
    }
    return ops_cli_done(
        cli,
        ops_json_pack("{s:s, s:I, s:I, s:O, s:O*}", "manifest", check->manifest_name, "missing", check->missing,
                      "unclassified", check->unclassified, "targets", check->targets, "unlisted", check->unlisted),
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
    json_decref(check.unlisted);
    ops_error_release(&error);
    return code;
}
