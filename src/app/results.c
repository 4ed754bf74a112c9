#include "app/results.h"

#include "app/keys.h"
#include "base/json.h"
#include "core/vacuum.h"

enum ops_status ops_results_load(struct ops_app *app, json_t **ret_results, struct ops_error *error)
{
    *ret_results = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_VACUUM_RESULTS, ret_results, error);
    return status == OPS_NOT_FOUND ? OPS_OK : status;
}

static enum ops_status count_one(json_t *results, const char *kind, const char *result)
{
    json_t *counts = json_object_get(results, kind);
    if (!json_is_object(counts)) {
        enum ops_status status = ops_json_set(results, kind, json_object());
        if (status != OPS_OK)
            return status;
        counts = json_object_get(results, kind);
    }
    return ops_json_set_integer(counts, result, ops_json_integer(counts, result, 0) + 1);
}

enum ops_status ops_results_put(struct ops_app *app, struct ops_txn *txn, const json_t *vacuum, struct ops_error *error)
{
    json_t *before = NULL;
    enum ops_status status = ops_results_load(app, &before, error);
    if (status != OPS_OK)
        return status;
    json_int_t revision = ops_json_integer(before, "revision", 0);
    json_t *after = before ? ops_json_copy(before) : json_object();
    status = after ? ops_json_set_integer(after, "revision", revision + 1) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = count_one(after, ops_vacuum_dry_run(vacuum) ? OPS_RESULTS_DRY_RUNS : OPS_RESULTS_VACUUMS,
                           ops_vacuum_result(vacuum));
    if (status == OPS_OK) {
        ops_txn_put(txn, OPS_PK_SINGLETON, OPS_SK_VACUUM_RESULTS, json_incref(after));
        if (before)
            ops_txn_if_integer(txn, "revision", revision);
        else
            ops_txn_if_absent(txn);
    }
    json_decref(after);
    json_decref(before);
    return status;
}
