#include "main/demo/stage.h"

#include "base/json.h"
#include "core/vacuum.h"
#include "main/demo/census.h"

static const char tenant[] = "acme";
static const char neighbour[] = "acme2";

static enum ops_status count(struct demo *demo, struct demo_census *ret_census)
{
    return demo_census(demo->data_dir, tenant, neighbour, ret_census, &demo->error);
}

static json_int_t total(const json_t *vacuum, const char *name)
{
    return ops_json_integer(json_object_get(vacuum, "totals"), name, 0);
}

static void show(const struct demo *demo, const json_t *vacuum)
{
    demo_say(demo, "   %s: %lld targets, %lld records matched, %lld deleted, %lld failed,",
             ops_json_text(vacuum, "status", ""), (long long)total(vacuum, "targets"), (long long)total(vacuum, "matched"),
             (long long)total(vacuum, "deleted"), (long long)total(vacuum, "failed"));
    demo_say(demo, "     %lld protected; %lld targets skipped, %lld unclassified", (long long)total(vacuum, "protected"),
             (long long)total(vacuum, "skipped"), (long long)total(vacuum, "unclassified"));
}

/* takes input. */
static enum ops_status dry_run(struct demo *demo, const char *function, json_t *input, json_t **ret_vacuum)
{
    json_t *asked = NULL;
    enum ops_status status = input ? ops_json_set(input, "dry_run", json_true()) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = demo_invoke(demo, function, input, &asked);
    if (status == OPS_OK)
        status = demo_work(demo);
    if (status == OPS_OK)
        status = demo_ask(demo, "ops_vacuumstatus", json_pack("{s:O}", "vacuum_id", json_object_get(asked, "vacuum_id")),
                          ret_vacuum);
    if (status == OPS_OK)
        show(demo, *ret_vacuum);
    json_decref(asked);
    return status;
}

/* Lets the five minutes pass, works, and shows the end. */
static enum ops_status execute(struct demo *demo, const json_t *asked, json_t **ret_vacuum)
{
    demo_say(demo, "   %s, will be executed at %s", ops_json_text(asked, "status", ""),
             ops_json_text(asked, "execute_at", ""));
    enum ops_status status = demo_pass_time(demo, OPS_VACUUM_PENDING_MS + OPS_SECOND_MS, "5 minutes");
    if (status == OPS_OK)
        status = demo_work(demo);
    if (status == OPS_OK)
        status = demo_ask(demo, "ops_vacuumstatus", json_pack("{s:O}", "vacuum_id", json_object_get(asked, "vacuum_id")),
                          ret_vacuum);
    if (status == OPS_OK)
        show(demo, *ret_vacuum);
    return status;
}

/* Whether two vacuums matched the same, target by target. */
static bool same_counts(const json_t *a, const json_t *b)
{
    const json_t *a_targets = json_object_get(a, "targets"), *b_targets = json_object_get(b, "targets");
    size_t i;
    json_t *target;
    json_array_foreach(a_targets, i, target)
        if (!json_equal(json_object_get(target, "matched"), json_object_get(json_array_get(b_targets, i), "matched")))
            return false;
    return json_array_size(a_targets) > 0 && json_array_size(a_targets) == json_array_size(b_targets);
}

static enum ops_status request_and_cancel(struct demo *demo)
{
    struct demo_census before, after;
    json_t *asked = NULL, *cancelled = NULL;
    enum ops_status status = count(demo, &before);
    demo_say(demo, "   $ g3nops vacuum-org --orgcode %s", tenant);
    if (status == OPS_OK)
        status = demo_invoke(demo, "ops_vacuumorg", json_pack("{s:s}", "orgcode", tenant), &asked);
    if (status == OPS_OK)
        status = demo_pass_time(demo, 4 * OPS_MINUTE_MS, "4 minutes");
    demo_say(demo, "   $ g3nops vacuum-cancel --vacuum-id %s", ops_json_text(asked, "vacuum_id", ""));
    if (status == OPS_OK)
        status = demo_invoke(demo, "ops_vacuumcancel", json_pack("{s:O}", "vacuum_id", json_object_get(asked, "vacuum_id")),
                             &cancelled);
    if (status == OPS_OK)
        status = demo_pass_time(demo, 2 * OPS_MINUTE_MS, "2 more minutes");
    if (status == OPS_OK)
        status = demo_work(demo);
    if (status == OPS_OK)
        status = count(demo, &after);
    if (status == OPS_OK)
        status = demo_require(demo, ops_vacuum_is(cancelled, OPS_VACUUM_CANCELLED) && before.records == after.records,
                              "it is cancelled, and nothing was deleted");
    json_decref(asked);
    json_decref(cancelled);
    return status;
}

static enum ops_status request_for_real(struct demo *demo, const json_t *dry)
{
    struct demo_census before, after;
    json_t *asked = NULL, *done = NULL;
    enum ops_status status = count(demo, &before);
    demo_say(demo, "   $ g3nops vacuum-org --orgcode %s --plan-sha256 %.12s...", tenant,
             ops_json_text(dry, "plan_sha256", ""));
    if (status == OPS_OK)
        status = demo_invoke(demo, "ops_vacuumorg",
                             json_pack("{s:s, s:O}", "orgcode", tenant, "plan_sha256", json_object_get(dry, "plan_sha256")),
                             &asked);
    if (status == OPS_OK)
        status = execute(demo, asked, &done);
    if (status == OPS_OK)
        status = count(demo, &after);
    if (status == OPS_OK)
        status = demo_require(demo, same_counts(dry, done), "each target lost just what the dry run had counted");
    if (status == OPS_OK)
        status = demo_require(demo, before.records - after.records == total(done, "deleted") && after.tenant == 0,
                              "of acme nothing is left in these tables and buckets");
    if (status == OPS_OK)
        status = demo_require(demo, before.neighbour == after.neighbour && before.neighbour > 0,
                              "acme2, whose name begins alike, has all of its records");
    json_decref(asked);
    json_decref(done);
    return status;
}

enum ops_status demo_vacuum_org(struct demo *demo)
{
    json_t *dry = NULL;
    demo_chapter(demo, "One tenant leaves");
    demo_say(demo, "   $ g3nops vacuum-org --orgcode %s --dry-run", tenant);
    enum ops_status status = dry_run(demo, "ops_vacuumorg", json_pack("{s:s}", "orgcode", tenant), &dry);
    if (status == OPS_OK)
        status = request_and_cancel(demo);
    if (status == OPS_OK)
        status = request_for_real(demo, dry);
    json_decref(dry);
    return status;
}

static enum ops_status execute_all(struct demo *demo, const json_t *dry)
{
    struct demo_census before, after;
    json_t *asked = NULL, *done = NULL;
    enum ops_status status = count(demo, &before);
    demo_say(demo, "   $ g3nops vacuum-all --confirmation-phrase '%s' --yes", OPS_VACUUM_PHRASE);
    if (status == OPS_OK)
        status = demo_invoke(demo, "ops_vacuumall", json_pack("{s:s}", "confirmation_phrase", OPS_VACUUM_PHRASE), &asked);
    demo_say(demo, "   $ g3nops vacuum-org --orgcode globex --yes    (while the other one is pending)");
    if (status == OPS_OK)
        status = demo_refused(demo, "ops_vacuumorg", json_pack("{s:s}", "orgcode", "globex"), "vacuum-in-progress");
    if (status == OPS_OK)
        status = execute(demo, asked, &done);
    if (status == OPS_OK)
        status = count(demo, &after);
    if (status == OPS_OK)
        status = demo_require(demo, same_counts(dry, done), "each target lost just what the dry run had counted");
    if (status == OPS_OK)
        status = demo_require(demo, after.records == 0, "no table, bucket or log group has a record left");
    if (status == OPS_OK)
        status =
            demo_require(demo, before.protected == after.protected && strcmp(before.fingerprint, after.fingerprint) == 0,
                         "what is protected or unclassified is as it was");
    json_decref(asked);
    json_decref(done);
    return status;
}

enum ops_status demo_vacuum_all(struct demo *demo)
{
    json_t *dry = NULL;
    demo_chapter(demo, "Everything goes");
    demo_say(demo, "   $ g3nops vacuum-all --dry-run");
    enum ops_status status = dry_run(demo, "ops_vacuumall", json_object(), &dry);
    demo_say(demo, "   $ g3nops vacuum-all --confirmation-phrase 'vacuum all data' --yes");
    if (status == OPS_OK)
        status = demo_refused(demo, "ops_vacuumall", json_pack("{s:s}", "confirmation_phrase", "vacuum all data"),
                              "confirmation-phrase-mismatch");
    if (status == OPS_OK)
        status = execute_all(demo, dry);
    json_decref(dry);
    return status;
}
