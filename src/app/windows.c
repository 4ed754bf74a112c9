#include "app/windows.h"

#include "app/keys.h"
#include "base/json.h"

static const char *const list_pks[OPS_WINDOW_STATUS_COUNT] = {
    [OPS_WINDOW_SCHEDULED] = OPS_PK_MAINTENANCE_OPEN,
    [OPS_WINDOW_ACTIVE] = OPS_PK_MAINTENANCE_OPEN,
    [OPS_WINDOW_ENDED] = OPS_PK_MAINTENANCE_ENDED,
    [OPS_WINDOW_CANCELLED] = OPS_PK_MAINTENANCE_CANCELLED,
};

enum ops_status ops_windows_load(struct ops_app *app, const char *id, json_t **ret_window, struct ops_error *error)
{
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_MAINTENANCE, id, ret_window, error);
    if (status != OPS_NOT_FOUND)
        return status;
    (void)ops_fail(error, OPS_MAINTENANCE_NOT_FOUND, "There is no maintenance window %s.", id);
    ops_error_detail(error, "maintenance_id", id);
    return OPS_MAINTENANCE_NOT_FOUND;
}

enum ops_status ops_windows_active(struct ops_app *app, json_t **ret_window, struct ops_error *error)
{
    *ret_window = NULL;
    enum ops_status status =
        ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_ACTIVE_MAINTENANCE, ret_window, error);
    return status == OPS_NOT_FOUND ? OPS_OK : status;
}

/* One whose start can't be read never starts, and must not stand in front of those that do. */
static bool will_start(const json_t *window)
{
    int64_t start_ms;
    return ops_window_is(window, OPS_WINDOW_SCHEDULED) &&
           ops_json_instant(window, "scheduled_start_utc", &start_ms) == OPS_OK;
}

enum ops_status ops_windows_next(struct ops_app *app, json_t **ret_window, struct ops_error *error)
{
    json_t *next = NULL;
    char after_sk[OPS_STORE_KEY_SIZE] = "";
    bool more = true;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && more) {
        const struct ops_query query = {
            .pk = OPS_PK_MAINTENANCE_OPEN, .after_sk = after_sk[0] ? after_sk : NULL, .limit = OPS_STORE_PAGE_MAX};
        struct ops_store_page page = {0};
        status = ops_store_query(app->ports.store, &query, &page, error);
        size_t i;
        json_t *window;
        json_array_foreach(page.docs, i, window) {
            if (will_start(window) && (!next || ops_window_before(window, next))) {
                json_decref(next);
                next = json_incref(window);
            }
        }
        more = page.more;
        if (page.last_sk[0])
            memcpy(after_sk, page.last_sk, sizeof after_sk);
        ops_store_page_release(&page);
    }
    if (status == OPS_OK)
        *ret_window = next;
    else
        json_decref(next);
    return status;
}

/* The singleton's part of a step: it exists exactly while a window is active. */
static void write_active(struct ops_txn *txn, const char *id, bool was_active, bool is_active, json_t *after)
{
    if (!was_active && !is_active)
        return;
    if (is_active)
        ops_txn_put(txn, OPS_PK_SINGLETON, OPS_SK_ACTIVE_MAINTENANCE, json_incref(after));
    else
        ops_txn_delete(txn, OPS_PK_SINGLETON, OPS_SK_ACTIVE_MAINTENANCE);
    if (was_active)
        ops_txn_if_text(txn, "maintenance_id", id);
    else
        ops_txn_if_absent(txn);
}

static enum ops_status write_step(struct ops_txn *txn, const json_t *before, json_t *after)
{
    enum ops_window_status from = OPS_WINDOW_SCHEDULED, to;
    enum ops_status status = ops_window_status(after, &to);
    if (status == OPS_OK && before)
        status = ops_window_status(before, &from);
    if (status != OPS_OK)
        return status;
    const char *id = ops_json_text(after, "maintenance_id", "");
    ops_txn_put(txn, OPS_PK_MAINTENANCE, id, json_incref(after));
    if (before)
        ops_txn_if_integer(txn, "revision", ops_json_integer(before, "revision", 0));
    else
        ops_txn_if_absent(txn);
    ops_txn_put(txn, list_pks[to], id, json_incref(after));
    if (before && strcmp(list_pks[from], list_pks[to]) != 0)
        ops_txn_delete(txn, list_pks[from], id);
    write_active(txn, id, before && from == OPS_WINDOW_ACTIVE, to == OPS_WINDOW_ACTIVE, after);
    return OPS_OK;
}

enum ops_status ops_windows_write(struct ops_app *app, const json_t *before, json_t *after, struct ops_audit_event *event,
                                  int64_t now_ms, struct ops_error *error)
{
    event->subject_name = "maintenance_id";
    event->subject_id = ops_json_text(after, "maintenance_id", "");
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    enum ops_status status = write_step(&txn, before, after);
    if (status == OPS_OK)
        status = ops_change_commit(app, &txn, event, 1, now_ms, error);
    ops_txn_release(&txn);
    ops_notice_forget(app);
    return status;
}

static enum ops_status refuse_second(const json_t *active, struct ops_error *error)
{
    const char *id = ops_json_text(active, "maintenance_id", "");
    (void)ops_fail(error, OPS_MAINTENANCE_ALREADY_ACTIVE, "The maintenance window %s is active; end it first.", id);
    ops_error_detail(error, "maintenance_id", id);
    return OPS_MAINTENANCE_ALREADY_ACTIVE;
}

enum ops_status ops_windows_start(struct ops_app *app, const json_t *window, const char *started_by,
                                  const struct ops_who *who, int64_t now_ms, json_t **ret_window, struct ops_error *error)
{
    json_t *active = NULL, *after = NULL;
    enum ops_status status = ops_window_start(window, started_by, now_ms, &after, error);
    if (status == OPS_OK)
        status = ops_windows_active(app, &active, error);
    if (status == OPS_OK && active)
        status = refuse_second(active, error);
    json_t *data = json_pack("{s:s, s:O, s:O}", "started_by", started_by, "description",
                             json_object_get(window, "description"), "scheduled_start_utc",
                             json_object_get(window, "scheduled_start_utc"));
    if (status == OPS_OK && !data)
        status = OPS_NO_MEMORY;
    struct ops_audit_event event = {
        .type = OPS_AUDIT_MAINTENANCE_STARTED, .actor = who->actor, .peer = who->peer, .reason = who->reason, .data = data};
    if (status == OPS_OK)
        status = ops_windows_write(app, window, after, &event, now_ms, error);
    if (status == OPS_OK)
        *ret_window = json_incref(after);
    json_decref(data);
    json_decref(active);
    json_decref(after);
    return status;
}
