#include "app/vacuums.h"

#include "app/keys.h"
#include "app/results.h"
#include "app/seen.h"
#include "base/json.h"
#include "core/pass.h"

#include <stdio.h>

/* Some is left for what the store adds of its own. */
enum { VACUUM_RECORD_MAX_BYTES = OPS_STORE_DOC_MAX_BYTES - 8 * 1024 };

enum ops_status ops_vacuums_load(struct ops_app *app, const char *id, json_t **ret_vacuum, struct ops_error *error)
{
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_VACUUM, id, ret_vacuum, error);
    if (status != OPS_NOT_FOUND)
        return status;
    (void)ops_fail(error, OPS_VACUUM_NOT_FOUND, "There is no vacuum %s.", id);
    ops_error_detail(error, "vacuum_id", id);
    return OPS_VACUUM_NOT_FOUND;
}

/* Adds the page of a query to docs, and moves after, which query begins at, to its end. A page that is empty has none: then
 * the same is asked again. */
static enum ops_status add_page(struct ops_app *app, const struct ops_query *query, json_t *docs,
                                char after[static OPS_STORE_KEY_SIZE], bool *ret_more, struct ops_error *error)
{
    struct ops_store_page page = {0};
    enum ops_status status = ops_store_query(app->ports.store, query, &page, error);
    if (status == OPS_OK && json_array_extend(docs, page.docs) != 0)
        status = OPS_NO_MEMORY;
    *ret_more = page.more;
    if (page.last_sk[0])
        memcpy(after, page.last_sk, OPS_STORE_KEY_SIZE);
    ops_store_page_release(&page);
    return status;
}

/* All documents of a partition after a sort key. */
static enum ops_status read_partition(struct ops_app *app, const char *pk, const char *after_sk, json_t **ret_docs,
                                      struct ops_error *error)
{
    json_t *docs = json_array();
    enum ops_status status = docs ? OPS_OK : OPS_NO_MEMORY;
    char after[OPS_STORE_KEY_SIZE];
    (void)snprintf(after, sizeof after, "%s", after_sk);
    bool more = true;
    while (status == OPS_OK && more) {
        const struct ops_query query = {.pk = pk, .after_sk = after[0] ? after : NULL, .limit = OPS_STORE_PAGE_MAX};
        status = add_page(app, &query, docs, after, &more, error);
    }
    if (status == OPS_OK)
        *ret_docs = docs;
    else
        json_decref(docs);
    return status;
}

static enum ops_status read_latest(struct ops_app *app, const char *pk, size_t count, json_t *vacuums,
                                   struct ops_error *error)
{
    char after[OPS_STORE_KEY_SIZE] = "";
    bool more = true;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && more && json_array_size(vacuums) < count) {
        const struct ops_query query = {
            .pk = pk, .after_sk = after[0] ? after : NULL, .descending = true, .limit = count - json_array_size(vacuums)};
        status = add_page(app, &query, vacuums, after, &more, error);
    }
    return status;
}

enum ops_status ops_vacuums_latest(struct ops_app *app, size_t count, json_t **ret_vacuums, struct ops_error *error)
{
    json_t *vacuums = json_array();
    enum ops_status status = vacuums ? read_latest(app, OPS_PK_VACUUM_ORDER, count, vacuums, error) : OPS_NO_MEMORY;
    /* A store of version 0.1 has no order but that of the ids. */
    if (status == OPS_OK && json_array_size(vacuums) == 0)
        status = read_latest(app, OPS_PK_VACUUM, count, vacuums, error);
    if (status == OPS_OK)
        *ret_vacuums = vacuums;
    else
        json_decref(vacuums);
    return status;
}

static int compare_open(const void *a, const void *b)
{
    const json_t *one = *(json_t *const *)a, *other = *(json_t *const *)b;
    if (ops_vacuum_dry_run(one) != ops_vacuum_dry_run(other))
        return ops_vacuum_dry_run(one) ? 1 : -1;
    json_int_t difference = ops_vacuum_sequence(other) - ops_vacuum_sequence(one);
    return difference < 0 ? -1 : difference > 0;
}

/* takes summary. */
static bool insert_open(json_t *open, json_t *summary)
{
    size_t at = 0;
    json_t *other;
    while ((other = json_array_get(open, at)) && compare_open(&summary, &other) > 0)
        at++;
    return json_array_insert_new(open, at, summary) == 0;
}

enum ops_status ops_vacuums_open(struct ops_app *app, json_t **ret_open, struct ops_error *error)
{
    json_t *ids = NULL, *open = json_array(), *id;
    enum ops_status status = open ? ops_vacuums_open_ids(app, &ids, error) : OPS_NO_MEMORY;
    size_t i;
    json_array_foreach(ids, i, id) {
        json_t *vacuum = NULL;
        if (status == OPS_OK)
            status = ops_vacuums_load(app, json_string_value(id), &vacuum, error);
        if (status == OPS_VACUUM_NOT_FOUND)
            status = OPS_OK;
        else if (status == OPS_OK && ops_vacuum_open(vacuum) && !insert_open(open, ops_vacuum_summary(vacuum)))
            status = OPS_NO_MEMORY;
        json_decref(vacuum);
    }
    json_decref(ids);
    if (status == OPS_OK)
        *ret_open = open;
    else
        json_decref(open);
    return status;
}

enum ops_status ops_vacuums_open_ids(struct ops_app *app, json_t **ret_ids, struct ops_error *error)
{
    json_t *docs = NULL;
    enum ops_status status = read_partition(app, OPS_PK_VACUUM_OPEN, "", &docs, error);
    json_t *ids = status == OPS_OK ? json_array() : NULL;
    if (status == OPS_OK && !ids)
        status = OPS_NO_MEMORY;
    size_t i;
    json_t *doc;
    json_array_foreach(docs, i, doc)
        if (status == OPS_OK && !json_is_string(json_object_get(doc, "vacuum_id")))
            status = OPS_CORRUPT;
        else if (status == OPS_OK && json_array_append(ids, json_object_get(doc, "vacuum_id")) != 0)
            status = OPS_NO_MEMORY;
    json_decref(docs);
    if (status == OPS_OK)
        *ret_ids = ids;
    else
        json_decref(ids);
    return status;
}

enum ops_status ops_vacuums_mutex(struct ops_app *app, struct ops_mutex *ret_mutex, struct ops_error *error)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_VACUUM_MUTEX, &doc, error);
    if (status == OPS_OK || status == OPS_NOT_FOUND)
        status = ops_mutex_read(doc, ret_mutex);
    json_decref(doc);
    return status;
}

enum ops_status ops_vacuums_tasks(struct ops_app *app, const char *id, json_int_t first, json_t **ret_tasks,
                                  struct ops_error *error)
{
    char pk[OPS_STORE_KEY_SIZE], after_sk[OPS_TASK_KEY_SIZE] = "";
    (void)snprintf(pk, sizeof pk, OPS_PK_TASKS_FORMAT, id);
    if (first > 0)
        ops_task_key(first - 1, after_sk);
    return read_partition(app, pk, after_sk, ret_tasks, error);
}

static const char *id_of(const json_t *vacuum)
{
    return ops_json_text(vacuum, "vacuum_id", "");
}

void ops_vacuums_put(struct ops_txn *txn, const json_t *before, json_t *after)
{
    char id[OPS_ULID_SIZE];
    (void)snprintf(id, sizeof id, "%s", id_of(after));
    json_int_t sequence = ops_vacuum_sequence(after);
    json_t *summary = ops_vacuum_summary(after);
    ops_txn_put(txn, OPS_PK_VACUUM, id, after);
    if (before)
        ops_txn_if_integer(txn, "revision", ops_json_integer(before, "revision", 0));
    else
        ops_txn_if_absent(txn);
    char sk[OPS_STORE_KEY_SIZE];
    (void)snprintf(sk, sizeof sk, OPS_SK_VACUUM_ORDER_FORMAT, sequence);
    if (sequence > 0)
        ops_txn_put(txn, OPS_PK_VACUUM_ORDER, sk, summary);
    else
        json_decref(summary);
}

enum ops_status ops_vacuums_next_sequence(struct ops_app *app, json_int_t *ret_sequence, struct ops_error *error)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_VACUUM_COUNT, &doc, error);
    if (status == OPS_NOT_FOUND)
        status = OPS_OK;
    *ret_sequence = ops_json_integer(doc, "number", 0) + 1;
    json_decref(doc);
    return status;
}

void ops_vacuums_put_sequence(struct ops_txn *txn, json_int_t sequence)
{
    ops_txn_put(txn, OPS_PK_SINGLETON, OPS_SK_VACUUM_COUNT, json_pack("{s:I}", "number", sequence));
    if (sequence > 1)
        ops_txn_if_integer(txn, "number", sequence - 1);
    else
        ops_txn_if_absent(txn);
}

void ops_vacuums_put_mutex(struct ops_txn *txn, const struct ops_mutex *before, const struct ops_mutex *after)
{
    ops_txn_put(txn, OPS_PK_SINGLETON, OPS_SK_VACUUM_MUTEX, ops_mutex_doc(after));
    if (before->fence == 0) {
        ops_txn_if_absent(txn);
        return;
    }
    ops_txn_if_integer(txn, "fence", before->fence);
    ops_txn_if_text(txn, "holder", before->holder);
}

void ops_vacuums_check_mutex(struct ops_txn *txn, const json_t *vacuum)
{
    ops_vacuums_check_fence(txn, vacuum, ops_vacuum_fence(vacuum));
}

void ops_vacuums_check_fence(struct ops_txn *txn, const json_t *vacuum, json_int_t fence)
{
    if (ops_vacuum_dry_run(vacuum))
        return;
    ops_txn_check(txn, OPS_PK_SINGLETON, OPS_SK_VACUUM_MUTEX);
    ops_txn_if_text(txn, "holder", id_of(vacuum));
    ops_txn_if_integer(txn, "fence", fence);
}

/* What the audit record of a vacuum says besides who and why. */
static json_t *event_data(const json_t *vacuum)
{
    json_t *data = json_object();
    static const char *const members[] = {"type",       "orgcode",     "dry_run", "status",
                                          "execute_at", "plan_sha256", "totals",  "error"};
    for (size_t i = 0; data && i < sizeof members / sizeof members[0]; i++) {
        json_t *value = json_object_get(vacuum, members[i]);
        if (value && json_object_set(data, members[i], value) != 0) {
            json_decref(data);
            data = NULL;
        }
    }
    return data;
}

enum ops_status ops_vacuums_event(const json_t *vacuum, enum ops_audit_type type, const struct ops_who *who,
                                  struct ops_audit_event *ret_event)
{
    json_t *data = event_data(vacuum);
    if (!data)
        return OPS_NO_MEMORY;
    *ret_event = (struct ops_audit_event){.type = type,
                                          .actor = who->actor,
                                          .peer = who->peer,
                                          .reason = who->reason,
                                          .subject_name = "vacuum_id",
                                          .subject_id = id_of(vacuum),
                                          .data = data};
    return OPS_OK;
}

static enum ops_audit_type end_type(const json_t *vacuum)
{
    if (ops_vacuum_is(vacuum, OPS_VACUUM_CANCELLED))
        return OPS_AUDIT_VACUUM_CANCELLED;
    return ops_vacuum_is(vacuum, OPS_VACUUM_COMPLETED) ? OPS_AUDIT_VACUUM_COMPLETED : OPS_AUDIT_VACUUM_FAILED;
}

static enum ops_status give_mutex_back(struct ops_app *app, struct ops_txn *txn, const json_t *vacuum,
                                       struct ops_error *error)
{
    if (ops_vacuum_dry_run(vacuum))
        return OPS_OK;
    struct ops_mutex mutex;
    enum ops_status status = ops_vacuums_mutex(app, &mutex, error);
    if (status != OPS_OK)
        return status;
    /* Somebody else's by now: then this vacuum was ended when it was taken over. */
    if (strcmp(mutex.holder, id_of(vacuum)) != 0)
        return OPS_CONFLICT;
    struct ops_mutex free_mutex = ops_mutex_give_back(&mutex);
    ops_vacuums_put_mutex(txn, &mutex, &free_mutex);
    return OPS_OK;
}

enum ops_status ops_vacuums_end(struct ops_app *app, const json_t *before, json_t *after, const struct ops_who *who,
                                int64_t now_ms, struct ops_error *error)
{
    struct ops_audit_event event = {.data = NULL};
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    enum ops_status status = ops_vacuums_event(after, end_type(after), who, &event);
    if (status == OPS_OK)
        status = give_mutex_back(app, &txn, before, error);
    if (status == OPS_OK && !ops_vacuum_is(after, OPS_VACUUM_CANCELLED))
        status = ops_seen_note(app, &txn, after, error);
    if (status == OPS_OK)
        status = ops_results_put(app, &txn, after, error);
    if (status == OPS_OK) {
        ops_vacuums_put(&txn, before, json_incref(after));
        ops_txn_delete(&txn, OPS_PK_VACUUM_OPEN, id_of(after));
        status = ops_change_commit(app, &txn, &event, 1, now_ms, error);
    }
    ops_txn_release(&txn);
    json_decref(event.data);
    json_decref(after);
    return status;
}

enum ops_status ops_vacuums_tally(struct ops_app *app, const json_t *vacuum, json_t **ret_targets, struct ops_error *error)
{
    *ret_targets = NULL;
    if (!ops_vacuum_planned(vacuum))
        return OPS_OK;
    json_t *tasks = NULL;
    enum ops_status status = ops_vacuums_tasks(app, id_of(vacuum), 0, &tasks, error);
    if (status == OPS_OK)
        status = ops_pass_tally(vacuum, tasks, ret_targets);
    json_decref(tasks);
    return status;
}

enum ops_status ops_vacuums_finished(struct ops_app *app, const json_t *vacuum, enum ops_status failure,
                                     const struct ops_error *why, int64_t now_ms, json_t **ret_vacuum,
                                     struct ops_error *error)
{
    json_t *targets = NULL, *finished = NULL;
    enum ops_status status = ops_vacuums_tally(app, vacuum, &targets, error);
    if (status == OPS_OK)
        status = ops_vacuum_finish(vacuum, targets, failure, why, now_ms, &finished);
    if (status == OPS_OK)
        status = ops_vacuum_trim(finished, VACUUM_RECORD_MAX_BYTES);
    json_decref(targets);
    if (status == OPS_OK)
        *ret_vacuum = finished;
    else
        json_decref(finished);
    return status;
}

enum ops_status ops_vacuums_finish(struct ops_app *app, const json_t *vacuum, enum ops_status failure,
                                   const struct ops_error *why, int64_t now_ms, struct ops_error *error)
{
    json_t *after = NULL;
    enum ops_status status = ops_vacuums_finished(app, vacuum, failure, why, now_ms, &after, error);
    if (status != OPS_OK)
        return status;
    struct ops_who who = ops_vacuum_who(vacuum);
    return ops_vacuums_end(app, vacuum, after, &who, now_ms, error);
}

enum ops_status ops_vacuums_expired(struct ops_app *app, const json_t *vacuum, const struct ops_mutex *mutex, int64_t now_ms,
                                    json_t **ret_vacuum, struct ops_error *error)
{
    struct ops_error why = OPS_ERROR_INIT;
    char expired[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(mutex->expires_ms, expired);
    (void)ops_fail(&why, OPS_MUTEX_EXPIRED, "Its mutex expired at %s; what is left was not deleted.", expired);
    ops_error_detail(&why, "expires_at", expired);
    enum ops_status status = ops_vacuums_finished(app, vacuum, OPS_MUTEX_EXPIRED, &why, now_ms, ret_vacuum, error);
    ops_error_release(&why);
    return status;
}
