#include "app/work.h"

#include "app/keys.h"
#include "app/vacuums.h"
#include "base/json.h"
#include "core/task.h"

#include <stdio.h>

/* Puts the document back without its lease, unless it has changed since it was read. */
static enum ops_status clear_lease(struct ops_app *app, const char *pk, const char *sk, json_t *doc,
                                   const char *version_name, struct ops_error *error)
{
    json_int_t version = ops_json_integer(doc, version_name, 0);
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    enum ops_status status = ops_json_set_integer(doc, "lease_until_ms", 0);
    if (status == OPS_OK) {
        ops_txn_put(&txn, pk, sk, json_incref(doc));
        ops_txn_if_integer(&txn, version_name, version);
        status = ops_store_transact(app->ports.store, &txn, error);
    }
    ops_txn_release(&txn);
    return status == OPS_CONFLICT ? OPS_OK : status;
}

static bool leased(const json_t *doc)
{
    return ops_json_integer(doc, "lease_until_ms", 0) > 0;
}

static enum ops_status adopt_tasks(struct ops_app *app, const char *vacuum_id, struct ops_error *error)
{
    char pk[OPS_STORE_KEY_SIZE], sk[OPS_TASK_KEY_SIZE];
    (void)snprintf(pk, sizeof pk, OPS_PK_TASKS_FORMAT, vacuum_id);
    json_t *tasks = NULL;
    enum ops_status status = ops_vacuums_tasks(app, vacuum_id, 0, &tasks, error);
    size_t i;
    json_t *task;
    json_array_foreach(tasks, i, task) {
        if (status != OPS_OK || !leased(task))
            continue;
        ops_task_key(ops_json_integer(task, "number", 0), sk);
        status = clear_lease(app, pk, sk, task, "revision", error);
    }
    json_decref(tasks);
    return status;
}

static enum ops_status adopt_delivery(struct ops_app *app, struct ops_error *error)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_AUDIT_DELIVERY, &doc, error);
    if (status == OPS_OK && leased(doc))
        status = clear_lease(app, OPS_PK_SINGLETON, OPS_SK_AUDIT_DELIVERY, doc, "seq", error);
    json_decref(doc);
    return status == OPS_NOT_FOUND ? OPS_OK : status;
}

enum ops_status ops_app_adopt(struct ops_app *app, struct ops_error *error)
{
    json_t *ids = NULL;
    enum ops_status status = ops_vacuums_open_ids(app, &ids, error);
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id)
        if (status == OPS_OK)
            status = adopt_tasks(app, json_string_value(id), error);
    json_decref(ids);
    return status == OPS_OK ? adopt_delivery(app, error) : status;
}
