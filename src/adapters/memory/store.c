#include "adapters/memory/store.h"

#include "base/json.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct record {
    char pk[OPS_STORE_KEY_SIZE];
    char sk[OPS_STORE_KEY_SIZE];
    json_t *doc;
};

struct memory_store {
    struct ops_store base;
    pthread_mutex_t mutex;
    struct {
        struct record **records; /* by pk, then sk, each by its bytes */
        size_t count;
        size_t capacity;
    } synced;
};

static struct memory_store *memory_store(struct ops_store *self)
{
    return (struct memory_store *)self;
}

static int compare(const struct record *record, const char *pk, const char *sk)
{
    int order = strcmp(record->pk, pk);
    return order ? order : strcmp(record->sk, sk);
}

/* The index of the first record that is not before the key. */
static size_t lower_bound_locked(const struct memory_store *store, const char *pk, const char *sk)
{
    size_t low = 0;
    size_t high = store->synced.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(store->synced.records[middle], pk, sk) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at_locked(const struct memory_store *store, size_t index, const char *pk, const char *sk)
{
    return index < store->synced.count && compare(store->synced.records[index], pk, sk) == 0;
}

static json_t *find_locked(const struct memory_store *store, const char *pk, const char *sk)
{
    size_t index = lower_bound_locked(store, pk, sk);
    return is_at_locked(store, index, pk, sk) ? store->synced.records[index]->doc : NULL;
}

static enum ops_status memory_get(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc,
                                  struct ops_error *error)
{
    (void)error;
    struct memory_store *store = memory_store(self);
    pthread_mutex_lock(&store->mutex);
    json_t *found = find_locked(store, pk, sk);
    json_t *copy = found ? ops_json_copy(found) : NULL;
    pthread_mutex_unlock(&store->mutex);
    if (!found)
        return OPS_NOT_FOUND;
    if (!copy)
        return OPS_NO_MEMORY;
    *ret_doc = copy;
    return OPS_OK;
}

/* The records of a query: count of them from index first on, or from first backwards. */
struct span {
    size_t first;
    size_t count;
};

static struct span span_locked(const struct memory_store *store, const struct ops_query *query)
{
    char next_pk[OPS_STORE_KEY_SIZE + 1]; /* the least text that is greater than pk */
    (void)snprintf(next_pk, sizeof next_pk, "%s\1", query->pk);
    size_t begin = lower_bound_locked(store, query->pk, "");
    size_t end = lower_bound_locked(store, next_pk, "");
    if (query->after_sk) {
        size_t at = lower_bound_locked(store, query->pk, query->after_sk);
        if (query->descending)
            end = at;
        else
            begin = at + is_at_locked(store, at, query->pk, query->after_sk);
    }
    if (query->descending)
        return (struct span){end ? end - 1 : 0, end - begin};
    return (struct span){begin, end - begin};
}

static enum ops_status query_locked(const struct memory_store *store, const struct ops_query *query,
                                    struct ops_store_page *page)
{
    struct span span = span_locked(store, query);
    page->more = span.count > query->limit;
    size_t count = page->more ? query->limit : span.count;
    for (size_t i = 0; i < count; i++) {
        const struct record *record = store->synced.records[query->descending ? span.first - i : span.first + i];
        if (json_array_append_new(page->docs, ops_json_copy(record->doc)) != 0)
            return OPS_NO_MEMORY;
        memcpy(page->last_sk, record->sk, sizeof page->last_sk);
    }
    return OPS_OK;
}

static enum ops_status memory_query(struct ops_store *self, const struct ops_query *query, struct ops_store_page *ret_page,
                                    struct ops_error *error)
{
    (void)error;
    struct memory_store *store = memory_store(self);
    struct ops_store_page page = {.docs = json_array()};
    if (!page.docs)
        return OPS_NO_MEMORY;
    pthread_mutex_lock(&store->mutex);
    enum ops_status status = query_locked(store, query, &page);
    pthread_mutex_unlock(&store->mutex);
    if (status != OPS_OK) {
        ops_store_page_release(&page);
        return status;
    }
    *ret_page = page;
    return OPS_OK;
}

static void record_free(struct record *record)
{
    if (!record)
        return;
    json_decref(record->doc);
    ops_mem_free(record);
}

static struct record *record_new(const struct ops_op *op)
{
    struct record *record = ops_mem_zeroed(1, sizeof *record);
    if (!record)
        return NULL;
    memcpy(record->pk, op->pk, sizeof record->pk);
    memcpy(record->sk, op->sk, sizeof record->sk);
    record->doc = ops_json_copy(op->doc);
    if (!record->doc) {
        record_free(record);
        return NULL;
    }
    return record;
}

static bool reserve_locked(struct memory_store *store, size_t extra)
{
    size_t needed = store->synced.count + extra;
    if (needed <= store->synced.capacity)
        return true;
    size_t capacity = 2 * needed;
    struct record **records = ops_mem_resize(store->synced.records, capacity * sizeof *records);
    if (!records)
        return false;
    store->synced.records = records;
    store->synced.capacity = capacity;
    return true;
}

static void remove_locked(struct memory_store *store, size_t index)
{
    struct record **at = &store->synced.records[index];
    record_free(*at);
    store->synced.count--;
    memmove(at, at + 1, (store->synced.count - index) * sizeof *at);
}

/* Room has been reserved. Takes record. */
static void put_locked(struct memory_store *store, struct record *record)
{
    size_t index = lower_bound_locked(store, record->pk, record->sk);
    struct record **at = &store->synced.records[index];
    if (is_at_locked(store, index, record->pk, record->sk)) {
        record_free(*at);
    } else {
        memmove(at + 1, at, (store->synced.count - index) * sizeof *at);
        store->synced.count++;
    }
    *at = record;
}

static bool allowed_locked(const struct memory_store *store, const struct ops_op *op)
{
    const json_t *doc = find_locked(store, op->pk, op->sk);
    if (doc && op->kind != OPS_OP_CHECK && strcmp(op->pk, "AUDIT") == 0)
        return false;
    return ops_op_holds(op, doc);
}

/* Everything that can fail comes before the first change; records are the documents to put, by operation. */
static enum ops_status transact_locked(struct memory_store *store, const struct ops_txn *txn, struct record **records)
{
    for (size_t i = 0; i < txn->count; i++)
        if (!allowed_locked(store, &txn->ops[i]))
            return OPS_CONFLICT;
    if (!reserve_locked(store, txn->count))
        return OPS_NO_MEMORY;
    for (size_t i = 0; i < txn->count; i++) {
        const struct ops_op *op = &txn->ops[i];
        size_t index = lower_bound_locked(store, op->pk, op->sk);
        if (op->kind == OPS_OP_PUT) {
            put_locked(store, records[i]);
            records[i] = NULL;
        } else if (op->kind == OPS_OP_DELETE && is_at_locked(store, index, op->pk, op->sk)) {
            remove_locked(store, index);
        }
    }
    return OPS_OK;
}

static enum ops_status memory_transact(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error)
{
    (void)error;
    struct memory_store *store = memory_store(self);
    struct record *records[OPS_TXN_OPS_MAX] = {NULL};
    enum ops_status status = OPS_NO_MEMORY;
    for (size_t i = 0; i < txn->count; i++)
        if (txn->ops[i].kind == OPS_OP_PUT && !(records[i] = record_new(&txn->ops[i])))
            goto out;
    pthread_mutex_lock(&store->mutex);
    status = transact_locked(store, txn, records);
    pthread_mutex_unlock(&store->mutex);
out:
    for (size_t i = 0; i < txn->count; i++)
        record_free(records[i]);
    return status;
}

static void memory_release(struct ops_store *self)
{
    struct memory_store *store = memory_store(self);
    for (size_t i = 0; i < store->synced.count; i++)
        record_free(store->synced.records[i]);
    ops_mem_free(store->synced.records);
    pthread_mutex_destroy(&store->mutex);
    ops_mem_free(store);
}

static const struct ops_store_ops memory_ops = {
    .get = memory_get,
    .query = memory_query,
    .transact = memory_transact,
    .release = memory_release,
};

enum ops_status ops_memory_store_new(struct ops_store **ret_store)
{
    struct memory_store *store = ops_mem_zeroed(1, sizeof *store);
    if (!store)
        return OPS_NO_MEMORY;
    store->base.ops = &memory_ops;
    (void)pthread_mutex_init(&store->mutex, NULL); /* a default mutex needs no resources on Linux */
    *ret_store = &store->base;
    return OPS_OK;
}
