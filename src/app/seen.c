#include "app/seen.h"

#include "app/keys.h"
#include "base/json.h"
#include "core/plan.h"
#include "core/vacuum.h"

#include <stdio.h>

enum { SEEN_KEY_SIZE = OPS_MANIFEST_NAME_MAX + 16 };

/* What stands for a mark where the engine has none. */
static const char no_mark[] = "there";

static void key_of(const json_t *target, char key[static SEEN_KEY_SIZE])
{
    (void)snprintf(key, SEEN_KEY_SIZE, "%s %s", ops_json_text(target, "kind", ""), ops_json_text(target, "name", ""));
}

static enum ops_status load(struct ops_app *app, json_t **ret_doc, struct ops_error *error)
{
    *ret_doc = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_TARGETS_SEEN, ret_doc, error);
    return status == OPS_NOT_FOUND ? OPS_OK : status;
}

static bool has_status(const json_t *target, const char *status)
{
    return strcmp(ops_json_text(target, "status", ""), status) == 0;
}

/* One that the manifest names and that would be touched if it were there. */
static bool is_missing(const json_t *target)
{
    return has_status(target, "skipped") && strcmp(ops_json_text(target, "skipped_reason", ""), OPS_PLAN_MISSING) == 0;
}

static const char *how_gone(const json_t *target, const char *mark_then)
{
    if (is_missing(target))
        return "missing";
    const char *mark_now = ops_json_text(target, "mark", no_mark);
    bool other = has_status(target, "pending") && strcmp(mark_then, mark_now) != 0;
    return other && ops_json_flag(target, "empty", false) ? "emptied" : NULL;
}

static enum ops_status mark_gone(json_t *target, const char *how)
{
    bool missing = strcmp(how, "missing") == 0;
    enum ops_status status = ops_json_set_text(target, "gone", how);
    if (status != OPS_OK)
        return status;
    return ops_plan_warn(target, missing
                                     ? "A vacuum or dry run has found it, and it does not exist now: is a "
                                       "volume not mounted? A vacuum without it needs this plan's hash."
                                     : "It is empty and not the one that a vacuum or dry run has found there: is a volume not "
                                           "mounted? A vacuum of it needs this plan's hash.");
}

enum ops_status ops_seen_compare(struct ops_app *app, json_t *targets, size_t *ret_count, struct ops_error *error)
{
    json_t *doc = NULL;
    enum ops_status status = load(app, &doc, error);
    const json_t *seen = json_object_get(doc, "seen");
    *ret_count = 0;
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target) {
        char key[SEEN_KEY_SIZE];
        key_of(target, key);
        const char *mark = ops_json_text(seen, key, NULL);
        const char *how = mark && status == OPS_OK ? how_gone(target, mark) : NULL;
        if (!how)
            continue;
        status = mark_gone(target, how);
        ++*ret_count;
    }
    json_decref(doc);
    return status;
}

/* What a vacuum that is over says of one target. Only one that is completed and no dry run has accepted that it is gone. */
static enum ops_status note_target(json_t *seen, const json_t *target, bool accepts)
{
    char key[SEEN_KEY_SIZE];
    key_of(target, key);
    if (ops_json_text(target, "gone", NULL) || is_missing(target)) {
        if (accepts)
            (void)json_object_del(seen, key); /* absent is as good */
        if (is_missing(target) || !accepts)
            return OPS_OK;
    }
    return has_status(target, "completed") ? ops_json_set_text(seen, key, ops_json_text(target, "mark", no_mark)) : OPS_OK;
}

enum ops_status ops_seen_note(struct ops_app *app, struct ops_txn *txn, const json_t *vacuum, struct ops_error *error)
{
    json_t *before = NULL;
    enum ops_status status = load(app, &before, error);
    json_t *seen = before ? ops_json_copy(json_object_get(before, "seen")) : json_object();
    json_int_t revision = ops_json_integer(before, "revision", 0);
    bool accepts = ops_vacuum_is(vacuum, OPS_VACUUM_COMPLETED) && !ops_vacuum_dry_run(vacuum);
    if (status == OPS_OK && !seen)
        status = OPS_NO_MEMORY;
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(vacuum, "targets"), i, target)
        if (status == OPS_OK)
            status = note_target(seen, target, accepts);
    if (status == OPS_OK && !(before && json_equal(seen, json_object_get(before, "seen")))) {
        ops_txn_put(txn, OPS_PK_SINGLETON, OPS_SK_TARGETS_SEEN,
                    json_pack("{s:I, s:O}", "revision", revision + 1, "seen", seen));
        if (before)
            ops_txn_if_integer(txn, "revision", revision);
        else
            ops_txn_if_absent(txn);
    }
    json_decref(seen);
    json_decref(before);
    return status;
}
