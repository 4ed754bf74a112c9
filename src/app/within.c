#include "app/within.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <strings.h>

static bool is_pending(const json_t *target)
{
    return strcmp(ops_json_text(target, "status", ""), "pending") == 0;
}

/* An engine may tell a name in lower case too, for the guard. */
static bool is_told_already(const struct ops_identity *identity, size_t at)
{
    const struct ops_alias *alias = &identity->aliases[at];
    for (size_t i = 0; i < at; i++) {
        const struct ops_alias *other = &identity->aliases[i];
        if (other->kind == alias->kind && strcasecmp(other->name, alias->name) == 0 &&
            strcasecmp(other->key, alias->key) == 0)
            return true;
    }
    return false;
}

/* Whether the directory that alias is one of names, or has in it, what is called so. A log group has its own streams only; a
 * bucket has all that is below it, and so the log groups below what it is. */
static bool covers(enum ops_target_kind kind, const struct ops_alias *alias, enum ops_target_kind other_kind,
                   const char *other_name)
{
    size_t length = strlen(alias->name);
    if (other_kind != alias->kind || strncmp(other_name, alias->name, length) != 0)
        return false;
    return !other_name[length] ||
           (kind == OPS_BUCKET && other_kind == OPS_LOG_GROUP && !alias->key[0] && other_name[length] == '/');
}

static const char *word_of(enum ops_target_kind kind)
{
    static const char *const words[OPS_TARGET_KIND_COUNT] = {
        [OPS_TABLE] = "table", [OPS_BUCKET] = "bucket", [OPS_LOG_GROUP] = "log group"};
    return words[kind];
}

/* ---- A table's file in a bucket or log group ---- */

static enum ops_status warn_container(const struct ops_survey *survey, json_t *targets, size_t index,
                                      const struct ops_alias *alias)
{
    const struct ops_manifest *manifest = survey->manifest;
    char text[OPS_ERROR_TEXT_SIZE];
    (void)snprintf(
        text, sizeof text,
        "%.220s in it is the file of the table %.160s and stays, with what SQLite keeps beside it: it is protected.",
        alias->key, manifest->targets[index].name);
    for (size_t i = 0; i < manifest->target_count; i++) {
        json_t *target = json_array_get(targets, i);
        if (manifest->targets[i].kind == alias->kind && strcmp(manifest->targets[i].name, alias->name) == 0)
            return is_pending(target) ? ops_plan_warn_once(target, text) : OPS_OK;
    }
    return OPS_OK;
}

static enum ops_status note_table(const struct ops_survey *survey, json_t *targets, size_t index,
                                  const struct ops_identity *identity)
{
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < identity->alias_count && status == OPS_OK; i++)
        if (identity->aliases[i].kind != OPS_TABLE && identity->aliases[i].key[0] && !is_told_already(identity, i))
            status = warn_container(survey, targets, index, &identity->aliases[i]);
    return status;
}

/* ---- A directory that is another one's ---- */

/* A log group that has another one's directory in it does not touch that; one that is the same directory does. */
static enum ops_status is_same(const struct ops_survey *survey, const struct ops_identity *identity,
                               enum ops_target_kind kind, const char *name, bool *ret_same)
{
    const struct ops_target_spec spec = {.kind = kind, .name = name};
    struct ops_identity other;
    enum ops_status status = ops_catalogue_identify(survey->catalogue, &spec, &other, NULL);
    *ret_same = status != OPS_OK || strcmp(other.text, identity->text) == 0; /* what can't be told may be */
    return status == OPS_NO_MEMORY ? status : OPS_OK;
}

static enum ops_status add_suspect(struct ops_within *within, size_t index, const struct ops_alias *alias)
{
    struct ops_suspect *suspects = ops_mem_room(within->suspects, within->count, &within->capacity, sizeof *suspects);
    if (!suspects)
        return OPS_NO_MEMORY;
    within->suspects = suspects;
    within->suspects[within->count++] = (struct ops_suspect){.index = index, .alias = *alias};
    return OPS_OK;
}

static enum ops_status give_up(json_t *target, enum ops_target_kind kind, const char *name, const char *key,
                               const char *consequence)
{
    char text[OPS_ERROR_TEXT_SIZE];
    if (key[0])
        (void)snprintf(text, sizeof text, "It lies within the %s %.200s, as %.200s; %s.", word_of(kind), name, key,
                       consequence);
    else
        (void)snprintf(text, sizeof text, "The %s %.200s is the same directory, or lies within it; %s.", word_of(kind), name,
                       consequence);
    return ops_plan_give_up(target, text);
}

/* The first target of the manifest besides index that alias covers, or target_count. */
static size_t find_covered(const struct ops_manifest *manifest, size_t index, const struct ops_alias *alias)
{
    size_t i = 0;
    while (i < manifest->target_count && (i == index || !covers(manifest->targets[index].kind, alias,
                                                                manifest->targets[i].kind, manifest->targets[i].name)))
        i++;
    return i;
}

static bool is_own_name(const struct ops_manifest_target *target, const struct ops_alias *alias)
{
    return alias->kind == target->kind && !alias->key[0] && strcasecmp(alias->name, target->name) == 0;
}

static enum ops_status note_directory(struct ops_within *within, const struct ops_survey *survey, json_t *targets,
                                      size_t index, const struct ops_identity *identity)
{
    const struct ops_manifest *manifest = survey->manifest;
    const struct ops_manifest_target *target = &manifest->targets[index];
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < identity->alias_count && status == OPS_OK; i++) {
        const struct ops_alias *alias = &identity->aliases[i];
        bool touches = alias->kind != OPS_TABLE && !is_own_name(target, alias) && !is_told_already(identity, i);
        if (touches && target->kind == OPS_LOG_GROUP && !alias->key[0])
            status = is_same(survey, identity, alias->kind, alias->name, &touches);
        if (status != OPS_OK || !touches)
            continue;
        size_t other = find_covered(manifest, index, alias);
        if (other < manifest->target_count)
            return give_up(json_array_get(targets, index), manifest->targets[other].kind, manifest->targets[other].name,
                           alias->key, "the manifest must name only one of the two");
        status = add_suspect(within, index, alias);
    }
    return status;
}

enum ops_status ops_within_note(struct ops_within *within, const struct ops_survey *survey, json_t *targets, size_t index,
                                const struct ops_identity *identity)
{
    if (survey->manifest->targets[index].kind == OPS_TABLE)
        return note_table(survey, targets, index, identity);
    return is_pending(json_array_get(targets, index)) ? note_directory(within, survey, targets, index, identity) : OPS_OK;
}

/* ---- What the manifest does not name ---- */

struct search {
    struct ops_within *within;
    const struct ops_manifest *manifest;
    json_t *targets;
};

static enum ops_status look_at(void *context, const struct ops_resource *resource)
{
    const struct search *search = context;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < search->within->count && status == OPS_OK; i++) {
        struct ops_suspect *suspect = &search->within->suspects[i];
        if (suspect->found ||
            !covers(search->manifest->targets[suspect->index].kind, &suspect->alias, resource->kind, resource->name))
            continue;
        suspect->found = true;
        status = give_up(json_array_get(search->targets, suspect->index), resource->kind, resource->name, suspect->alias.key,
                         "the manifest does not name that, and what it does not name is not touched");
    }
    return status;
}

/* Whether it exists can't be told: then it may. */
static enum ops_status give_up_all(const struct search *search, enum ops_target_kind kind, const struct ops_error *why,
                                   enum ops_status reason)
{
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < search->within->count && status == OPS_OK; i++) {
        const struct ops_suspect *suspect = &search->within->suspects[i];
        if (suspect->alias.kind == kind && !suspect->found)
            status = ops_plan_give_up(json_array_get(search->targets, suspect->index), ops_error_text(why, reason));
    }
    return status;
}

static bool has_suspect(const struct ops_within *within, enum ops_target_kind kind)
{
    for (size_t i = 0; i < within->count; i++)
        if (within->suspects[i].alias.kind == kind)
            return true;
    return false;
}

enum ops_status ops_within_settle(struct ops_within *within, const struct ops_survey *survey, json_t *targets,
                                  struct ops_error *error)
{
    struct search search = {within, survey->manifest, targets};
    enum ops_status status = OPS_OK;
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT && status == OPS_OK; kind++) {
        if (!has_suspect(within, (enum ops_target_kind)kind))
            continue;
        struct ops_error why = OPS_ERROR_INIT;
        status = ops_catalogue_list(survey->catalogue, (enum ops_target_kind)kind, look_at, &search, &why);
        if (status == OPS_NO_MEMORY)
            (void)ops_fail(error, status, "%s", ops_error_text(&why, status));
        else if (status != OPS_OK)
            status = give_up_all(&search, (enum ops_target_kind)kind, &why, status);
        ops_error_release(&why);
    }
    return status;
}

void ops_within_release(struct ops_within *within)
{
    ops_mem_free(within->suspects);
    *within = (struct ops_within){.suspects = NULL};
}
