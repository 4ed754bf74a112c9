#include "app/survey.h"

#include "app/keep.h"
#include "app/within.h"
#include "base/json.h"

#include <stdio.h>

static bool is_pending(const json_t *target)
{
    return strcmp(ops_json_text(target, "status", ""), "pending") == 0;
}

/* ---- what they are ---- */

static struct ops_target_spec spec_of(const struct ops_manifest_target *target)
{
    return (struct ops_target_spec){.kind = target->kind, .name = target->name, .location = target->location};
}

static enum ops_status note_identity(json_t *target, const struct ops_target_spec *spec, const struct ops_identity *identity)
{
    enum ops_status status = OPS_OK;
    if (identity->text[0])
        status = ops_json_set_text(target, "identity", identity->text);
    if (status == OPS_OK && identity->mark[0])
        status = ops_json_set_text(target, "mark", identity->mark);
    if (status == OPS_OK && identity->empty)
        status = ops_json_set(target, "empty", json_true());
    /* Where the engine keeps its own goes by the place and the name. */
    if (status == OPS_OK && spec->location && identity->location[0])
        status = ops_json_set(target, "where", ops_json_any_text(ops_view_of(identity->location)));
    return status;
}

/* A target that can't be told apart from others must not be touched, and one that is left alone anyway needs no identity. */
static enum ops_status identify(const struct ops_survey *survey, enum ops_vacuum_type type, size_t index, json_t *targets,
                                struct ops_within *within, struct ops_error *error)
{
    json_t *target = json_array_get(targets, index);
    const struct ops_manifest *manifest = survey->manifest;
    const struct ops_target_spec spec = spec_of(&manifest->targets[index]);
    struct ops_identity identity;
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = ops_catalogue_identify(survey->catalogue, &spec, &identity, &why);
    if (status == OPS_NO_MEMORY) {
        (void)ops_fail(error, status, "%s", ops_error_text(&why, status));
    } else if (status != OPS_OK) {
        status = is_pending(target) ? ops_plan_give_up(target, ops_error_text(&why, status)) : OPS_OK;
    } else {
        const char *reason = ops_plan_keep_reason(manifest, type, index, &identity);
        status = note_identity(target, &spec, &identity);
        if (status == OPS_OK && reason && is_pending(target))
            status = ops_plan_skip(target, reason);
        if (status == OPS_OK)
            status = ops_within_note(within, survey, targets, index, &identity);
    }
    ops_error_release(&why);
    return status;
}

/* The first other target of the manifest that is the same thing, or NULL. */
static const json_t *find_twin(const json_t *targets, size_t index)
{
    const char *identity = ops_json_text(json_array_get(targets, index), "identity", NULL);
    size_t i;
    json_t *other;
    json_array_foreach(targets, i, other)
        if (identity && i != index && strcmp(ops_json_text(other, "identity", ""), identity) == 0)
            return other;
    return NULL;
}

/* Which of two rules would hold for a thing that the manifest names twice is not ours to choose: nothing of it is touched.
 */
static enum ops_status refuse_twin(const json_t *targets, size_t index, json_t *target)
{
    const json_t *twin = is_pending(target) ? find_twin(targets, index) : NULL;
    if (!twin)
        return OPS_OK;
    char reason[OPS_ERROR_TEXT_SIZE];
    (void)snprintf(reason, sizeof reason, "It is the same thing as the %s %.300s; the manifest must name it once.",
                   ops_json_text(twin, "kind", ""), ops_json_text(twin, "name", ""));
    return ops_plan_give_up(target, reason);
}

/* ---- whether they can be opened ---- */

static enum ops_status note_findings(json_t *target, struct ops_target *opened)
{
    struct ops_findings findings = {.count = 0};
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = ops_target_inspect(opened, &findings, &why);
    if (status != OPS_OK && status != OPS_NO_MEMORY)
        ops_findings_add(&findings, false, "It could not be inspected: %s", ops_error_text(&why, status));
    status = status == OPS_NO_MEMORY ? status : OPS_OK;
    for (size_t i = 0; i < findings.count && status == OPS_OK; i++)
        status = ops_plan_warn(target, findings.list[i].text);
    for (size_t i = 0; i < findings.count && status == OPS_OK; i++)
        if (findings.list[i].blocks)
            status = ops_json_set(target, "would_fail", json_true());
    ops_error_release(&why);
    return status;
}

/* Opens it once. What may pass is tried again later, what will not get better is given up; the vacuum goes on either way. */
static enum ops_status open_once(const struct ops_survey *survey, json_t *target, struct ops_error *error)
{
    struct ops_target_spec spec;
    struct ops_scope scope;
    struct ops_target *opened = NULL;
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = ops_plan_target_read(target, &spec, &scope);
    if (status == OPS_OK)
        status = ops_catalogue_open(survey->catalogue, &spec, &scope, &opened, &why);
    if (status == OPS_OK)
        status = ops_keep_tables(survey->manifest, opened, &why);
    if (status == OPS_OK)
        status = note_findings(target, opened);
    switch (status) {
    case OPS_OK:
        status = ops_plan_cut(target, (json_int_t)opened->segment_count, opened->split);
        break;
    case OPS_TARGET_MISSING:
        status = ops_plan_skip(target, OPS_PLAN_MISSING);
        break;
    case OPS_TARGET_ERROR:
    case OPS_LIMIT:
        status = ops_plan_give_up(target, ops_error_text(&why, status));
        break;
    case OPS_THROTTLED:
    case OPS_STORE_UNAVAILABLE:
    case OPS_UNKNOWN:
        status = ops_plan_defer(target, ops_error_text(&why, status));
        break;
    default:
        (void)ops_fail(error, status, "%s", ops_error_text(&why, status));
    }
    ops_target_close(opened);
    ops_error_release(&why);
    return status;
}

enum ops_status ops_survey_targets(const struct ops_survey *survey, enum ops_vacuum_type type, json_t *targets,
                                   struct ops_error *error)
{
    struct ops_within within = {.suspects = NULL};
    enum ops_status status = OPS_OK;
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
        if (status == OPS_OK)
            status = identify(survey, type, i, targets, &within, error);
    if (status == OPS_OK)
        status = ops_within_settle(&within, survey, targets, error);
    ops_within_release(&within);
    json_array_foreach(targets, i, target)
        if (status == OPS_OK)
            status = refuse_twin(targets, i, target);
    json_array_foreach(targets, i, target)
        if (status == OPS_OK && is_pending(target) && !ops_plan_deferred(target))
            status = open_once(survey, target, error);
    return status;
}

enum ops_status ops_survey_deferred(const struct ops_survey *survey, json_t *targets, json_int_t *ret_tries,
                                    struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    *ret_tries = 0;
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target) {
        if (status != OPS_OK || !ops_plan_may_be_tried(target))
            continue;
        status = open_once(survey, target, error);
        if (ops_plan_may_be_tried(target) && ops_plan_tries(target) > *ret_tries)
            *ret_tries = ops_plan_tries(target);
    }
    return status;
}

/* ---- what exists besides ---- */

struct note_context {
    const struct ops_manifest *manifest;
    json_t *targets;
};

static enum ops_status note_existing(void *context, const struct ops_resource *resource)
{
    const struct note_context *note = context;
    return ops_plan_note_existing(note->manifest, note->targets, resource);
}

static enum ops_status note_unlisted(json_t **unlisted, enum ops_target_kind kind, const char *reason)
{
    if (!*unlisted)
        *unlisted = json_array();
    json_t *text = ops_json_any_text(ops_view_of(reason));
    json_t *note = json_pack("{s:s, s:o}", "kind", ops_target_kind_name(kind), "reason", text);
    return *unlisted && note && json_array_append_new(*unlisted, note) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

/* That something can't be listed is no reason to leave the rest undone: it is told. */
static enum ops_status told(enum ops_status status, const struct ops_error *why, enum ops_target_kind kind,
                            json_t **unlisted)
{
    if (status == OPS_OK || status == OPS_NO_MEMORY)
        return status;
    return note_unlisted(unlisted, kind, ops_error_text(why, status));
}

static enum ops_status list_kind(const struct ops_survey *survey, enum ops_target_kind kind, struct note_context *note,
                                 json_t **unlisted)
{
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = ops_catalogue_list(survey->catalogue, kind, note_existing, note, &why);
    status = told(status, &why, kind, unlisted);
    ops_error_release(&why);
    return status;
}

static enum ops_status list_beside(const struct ops_survey *survey, const struct ops_manifest_target *target,
                                   struct note_context *note, json_t **unlisted)
{
    const struct ops_target_spec spec = spec_of(target);
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = ops_catalogue_list_beside(survey->catalogue, &spec, note_existing, note, &why);
    status = told(status, &why, target->kind, unlisted);
    ops_error_release(&why);
    return status;
}

enum ops_status ops_survey_existing(const struct ops_survey *survey, json_t *targets, json_t **ret_unlisted)
{
    struct note_context note = {survey->manifest, targets};
    json_t *unlisted = NULL;
    enum ops_status status = OPS_OK;
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT && status == OPS_OK; kind++)
        status = list_kind(survey, (enum ops_target_kind)kind, &note, &unlisted);
    for (size_t i = 0; i < survey->manifest->target_count && status == OPS_OK; i++)
        if (survey->manifest->targets[i].location)
            status = list_beside(survey, &survey->manifest->targets[i], &note, &unlisted);
    if (status == OPS_OK)
        *ret_unlisted = unlisted;
    else
        json_decref(unlisted);
    return status;
}
