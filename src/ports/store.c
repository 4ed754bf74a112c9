#include "ports/store.h"

#include "base/json.h"
#include "base/pulse.h"

#include <assert.h>
#include <stdio.h>

void ops_txn_init(struct ops_txn *txn, const char token[static OPS_ULID_SIZE])
{
    txn->count = 0;
    txn->status = OPS_OK;
    memcpy(txn->token, token, OPS_ULID_SIZE);
}

void ops_txn_release(struct ops_txn *txn)
{
    for (size_t i = 0; i < txn->count; i++) {
        json_decref(txn->ops[i].doc);
        for (size_t k = 0; k < txn->ops[i].cond_count; k++)
            json_decref(txn->ops[i].conds[k].value);
    }
    txn->count = 0;
}

static void txn_fail(struct ops_txn *txn, enum ops_status status)
{
    if (txn->status == OPS_OK)
        txn->status = status;
}

static bool set_key(char destination[static OPS_STORE_KEY_SIZE], const char *source)
{
    int length = snprintf(destination, OPS_STORE_KEY_SIZE, "%s", source);
    return length > 0 && length < OPS_STORE_KEY_SIZE;
}

static struct ops_op *txn_add(struct ops_txn *txn, enum ops_op_kind kind, const char *pk, const char *sk)
{
    if (txn->count == OPS_TXN_OPS_MAX) {
        txn_fail(txn, OPS_LIMIT);
        return NULL;
    }
    struct ops_op *op = &txn->ops[txn->count++];
    op->kind = kind;
    op->doc = NULL;
    op->cond_count = 0;
    if (!set_key(op->pk, pk) || !set_key(op->sk, sk))
        txn_fail(txn, OPS_LIMIT);
    return op;
}

void ops_txn_put(struct ops_txn *txn, const char *pk, const char *sk, json_t *doc)
{
    if (!doc) {
        txn_fail(txn, OPS_NO_MEMORY);
        return;
    }
    struct ops_op *op = txn_add(txn, OPS_OP_PUT, pk, sk);
    if (!op) {
        json_decref(doc);
        return;
    }
    op->doc = doc;
    if (ops_json_length(doc) > OPS_STORE_DOC_MAX_BYTES)
        txn_fail(txn, OPS_LIMIT);
}

void ops_txn_delete(struct ops_txn *txn, const char *pk, const char *sk)
{
    (void)txn_add(txn, OPS_OP_DELETE, pk, sk);
}

void ops_txn_check(struct ops_txn *txn, const char *pk, const char *sk)
{
    (void)txn_add(txn, OPS_OP_CHECK, pk, sk);
}

static void txn_if(struct ops_txn *txn, enum ops_cond_kind kind, const char *name, json_t *value)
{
    bool needs_value = kind == OPS_COND_EQUALS || kind == OPS_COND_AT_MOST;
    if (needs_value && !value)
        txn_fail(txn, OPS_NO_MEMORY);
    if (txn->status != OPS_OK || txn->count == 0) {
        json_decref(value);
        return;
    }
    struct ops_op *op = &txn->ops[txn->count - 1];
    assert(op->cond_count < OPS_TXN_CONDS_MAX);
    op->conds[op->cond_count++] = (struct ops_cond){kind, name, value};
}

void ops_txn_if_absent(struct ops_txn *txn)
{
    txn_if(txn, OPS_COND_ABSENT, NULL, NULL);
}

void ops_txn_if_exists(struct ops_txn *txn)
{
    txn_if(txn, OPS_COND_EXISTS, NULL, NULL);
}

void ops_txn_if_text(struct ops_txn *txn, const char *name, const char *value)
{
    txn_if(txn, OPS_COND_EQUALS, name, json_string(value));
}

void ops_txn_if_integer(struct ops_txn *txn, const char *name, json_int_t value)
{
    txn_if(txn, OPS_COND_EQUALS, name, json_integer(value));
}

void ops_txn_if_text_at_most(struct ops_txn *txn, const char *name, const char *value)
{
    txn_if(txn, OPS_COND_AT_MOST, name, json_string(value));
}

void ops_txn_if_integer_at_most(struct ops_txn *txn, const char *name, json_int_t value)
{
    txn_if(txn, OPS_COND_AT_MOST, name, json_integer(value));
}

static bool value_at_most(const json_t *value, const json_t *bound)
{
    if (json_is_integer(value) && json_is_integer(bound))
        return json_integer_value(value) <= json_integer_value(bound);
    return json_is_string(value) && json_is_string(bound) && strcmp(json_string_value(value), json_string_value(bound)) <= 0;
}

static bool cond_holds(const struct ops_cond *cond, const json_t *doc)
{
    switch (cond->kind) {
    case OPS_COND_ABSENT:
        return !doc;
    case OPS_COND_EXISTS:
        return doc;
    case OPS_COND_EQUALS:
        return doc && json_equal(json_object_get(doc, cond->name), cond->value);
    case OPS_COND_AT_MOST:
        return doc && value_at_most(json_object_get(doc, cond->name), cond->value);
    }
    return false;
}

bool ops_op_holds(const struct ops_op *op, const json_t *doc)
{
    for (size_t i = 0; i < op->cond_count; i++)
        if (!cond_holds(&op->conds[i], doc))
            return false;
    return true;
}

void ops_store_page_release(struct ops_store_page *page)
{
    json_decref(page->docs);
    *page = (struct ops_store_page){0};
}

enum ops_status ops_store_get(struct ops_store *store, const char *pk, const char *sk, json_t **ret_doc,
                              struct ops_error *error)
{
    ops_pulse_away();
    enum ops_status status = store->ops->get(store, pk, sk, ret_doc, error);
    ops_pulse_back();
    return status;
}

enum ops_status ops_store_query(struct ops_store *store, const struct ops_query *query, struct ops_store_page *ret_page,
                                struct ops_error *error)
{
    assert(query->limit >= 1 && query->limit <= OPS_STORE_PAGE_MAX);
    ops_pulse_away();
    enum ops_status status = store->ops->query(store, query, ret_page, error);
    ops_pulse_back();
    return status;
}

enum ops_status ops_store_transact(struct ops_store *store, const struct ops_txn *txn, struct ops_error *error)
{
    if (txn->status != OPS_OK)
        return txn->status;
    for (size_t i = 0; i < txn->count; i++)
        assert(txn->ops[i].kind != OPS_OP_CHECK || txn->ops[i].cond_count > 0);
    ops_pulse_away();
    enum ops_status status = store->ops->transact(store, txn, error);
    ops_pulse_back();
    return status;
}

enum ops_status ops_store_check_write(struct ops_store *store, struct ops_error *error)
{
    if (!store->ops->check_write)
        return OPS_OK;
    ops_pulse_away();
    enum ops_status status = store->ops->check_write(store, error);
    ops_pulse_back();
    return status;
}

void ops_store_release(struct ops_store *store)
{
    if (store)
        store->ops->release(store);
}
