#include "app/commit.h"

#include "app/keys.h"
#include "app/tell.h"
#include "base/json.h"

#include <assert.h>
#include <stdio.h>

enum { COMMIT_ATTEMPTS_MAX = 3, EVENTS_MAX = 4 /* of one change */ };

void ops_change_begin(struct ops_app *app, struct ops_txn *txn, int64_t now_ms)
{
    char token[OPS_ULID_SIZE];
    ops_random_ulid(app->ports.random, now_ms, token);
    ops_txn_init(txn, token);
}

enum witness { WITNESS_NONE, WITNESS_OURS, WITNESS_OTHER };

/* Reads the record that tells who wrote it. */
static enum ops_status ask_witness(struct ops_app *app, const struct ops_txn *txn, const char *pk, const char *sk,
                                   enum witness *ret_witness)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(app->ports.store, pk, sk, &doc, NULL);
    if (status == OPS_NOT_FOUND) {
        *ret_witness = WITNESS_NONE;
        return OPS_OK;
    }
    if (status == OPS_OK)
        *ret_witness = strcmp(ops_json_text(doc, "txn", ""), txn->token) == 0 ? WITNESS_OURS : WITNESS_OTHER;
    json_decref(doc);
    return status;
}

/*
 * Once an answer was lost, nothing but the witness can tell. The conditions of the transaction make a second sending safe:
 * if the lost one did happen, or happens late, one of the two meets the other's record and conflicts; then the witness is
 * ours all the same.
 */
enum ops_status ops_txn_commit(struct ops_app *app, const struct ops_txn *txn, const char *pk, const char *sk,
                               struct ops_error *error)
{
    bool lost = false;
    for (int attempt = 0; attempt < COMMIT_ATTEMPTS_MAX; attempt++) {
        enum ops_status status = ops_store_transact(app->ports.store, txn, error);
        if (status == OPS_OK)
            return OPS_OK;
        lost = lost || status == OPS_UNKNOWN;
        if (!lost)
            return status;
        enum witness witness;
        if (ask_witness(app, txn, pk, sk, &witness) != OPS_OK)
            continue;
        if (witness == WITNESS_OURS)
            return OPS_OK;
        if (status == OPS_CONFLICT)
            return OPS_CONFLICT;
    }
    return ops_fail(error, OPS_UNKNOWN, "%s", ops_status_sentence(OPS_UNKNOWN));
}

enum ops_status ops_audit_head_load(struct ops_app *app, struct ops_audit_head *ret_head, struct ops_error *error)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_AUDIT_HEAD, &doc, error);
    if (status == OPS_OK || status == OPS_NOT_FOUND)
        status = ops_audit_head_read(doc, ret_head);
    json_decref(doc);
    return status;
}

static void put_head(struct ops_txn *txn, const struct ops_audit_head *head, json_int_t seq_before)
{
    ops_txn_put(txn, OPS_PK_SINGLETON, OPS_SK_AUDIT_HEAD, ops_audit_head_doc(head));
    if (seq_before == 0)
        ops_txn_if_absent(txn);
    else
        ops_txn_if_integer(txn, "seq", seq_before);
}

static enum ops_status commit_after(struct ops_app *app, struct ops_txn *txn, struct ops_audit_head head,
                                    const struct ops_audit_event *events, size_t event_count, int64_t now_ms,
                                    struct ops_error *error)
{
    enum ops_status status;
    json_int_t seq_before = head.seq;
    const json_t *records[EVENTS_MAX]; /* the transaction's */
    char sk[OPS_STORE_KEY_SIZE];
    assert(event_count <= EVENTS_MAX);
    for (size_t i = 0; i < event_count; i++) {
        json_t *record = NULL;
        status = ops_audit_append(&head, &events[i], txn->token, now_ms, &record);
        if (status != OPS_OK)
            return status;
        (void)snprintf(sk, sizeof sk, OPS_SK_AUDIT_FORMAT, head.seq);
        ops_txn_put(txn, OPS_PK_AUDIT, sk, record);
        records[i] = record;
        ops_txn_if_absent(txn);
    }
    put_head(txn, &head, seq_before);
    (void)snprintf(sk, sizeof sk, OPS_SK_AUDIT_FORMAT, seq_before + 1);
    status = ops_txn_commit(app, txn, OPS_PK_AUDIT, sk, error);
    for (size_t i = 0; status == OPS_OK && i < event_count; i++)
        ops_tell_record(app, records[i]);
    return status;
}

enum ops_status ops_change_commit(struct ops_app *app, struct ops_txn *txn, const struct ops_audit_event *events,
                                  size_t event_count, int64_t now_ms, struct ops_error *error)
{
    struct ops_audit_head head;
    enum ops_status status = ops_audit_head_load(app, &head, error);
    return status == OPS_OK ? commit_after(app, txn, head, events, event_count, now_ms, error) : status;
}

enum ops_status ops_change_commit_after(struct ops_app *app, struct ops_txn *txn, json_int_t seq,
                                        const struct ops_audit_event *events, size_t event_count, int64_t now_ms,
                                        struct ops_error *error)
{
    struct ops_audit_head head;
    enum ops_status status = ops_audit_head_load(app, &head, error);
    if (status == OPS_OK && head.seq != seq)
        status = OPS_CONFLICT;
    return status == OPS_OK ? commit_after(app, txn, head, events, event_count, now_ms, error) : status;
}
