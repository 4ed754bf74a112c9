#include "app/place.h"

#include "app/commit.h"
#include "app/keys.h"
#include "base/json.h"

/* Two may want to give the store its id at once: the one that comes second takes the first one's. */
static enum ops_status give_store_id(struct ops_app *app, json_t **ret_doc, struct ops_error *error)
{
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    ops_txn_put(&txn, OPS_PK_SINGLETON, OPS_SK_STORE, json_pack("{s:s}", "store_id", txn.token));
    ops_txn_if_absent(&txn);
    enum ops_status status = ops_store_transact(app->ports.store, &txn, error);
    ops_txn_release(&txn);
    if (status != OPS_OK && status != OPS_CONFLICT)
        return status;
    return ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_STORE, ret_doc, error);
}

static enum ops_status load_store(struct ops_app *app, json_t **ret_doc, struct ops_error *error)
{
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_STORE, ret_doc, error);
    return status == OPS_NOT_FOUND ? give_store_id(app, ret_doc, error) : status;
}

enum ops_status ops_place_load(struct ops_app *app, json_t **ret_place, struct ops_error *error)
{
    json_t *store = NULL, *place = NULL;
    enum ops_status status = load_store(app, &store, error);
    if (status == OPS_OK)
        status = ops_catalogue_where(app->ports.catalogue, &place, error);
    if (status == OPS_OK)
        status = ops_json_set_text(place, "store_id", ops_json_text(store, "store_id", ""));
    json_decref(store);
    if (status == OPS_OK)
        *ret_place = place;
    else
        json_decref(place);
    return status;
}
