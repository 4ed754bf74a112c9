#include "adapters/gate/store_source.h"

#include "adapters/gate/active.h"
#include "base/json.h"
#include "base/mem.h"

/* DESIGN, "Records": a copy of the active window, which exists exactly while one is active. */
static const char singleton_pk[] = "SINGLETON", active_sk[] = "ACTIVE_MAINTENANCE";

struct store_source {
    struct ops_gate_source base;
    struct ops_store *store;
};

/* How long a store takes is for whoever opened it to bound: what it says too late does not count, since knowledge is as old
 * as its question. */
static enum ops_status store_ask(struct ops_gate_source *self, int64_t timeout_ms, struct ops_buf *window,
                                 struct ops_error *error)
{
    struct store_source *source = (struct store_source *)self;
    json_t *doc = NULL;
    (void)timeout_ms;
    enum ops_status status = ops_store_get(source->store, singleton_pk, active_sk, &doc, error);
    if (status == OPS_NOT_FOUND)
        return OPS_OK;
    if (status == OPS_OK)
        status = ops_gate_append_active(doc, window);
    json_decref(doc);
    return status;
}

static void store_close(struct ops_gate_source *self)
{
    struct store_source *source = (struct store_source *)self;
    ops_store_release(source->store);
    ops_mem_free(source);
}

static const struct ops_gate_source_ops store_ops = {.ask = store_ask, .close = store_close};

enum ops_status ops_gate_store_source_new(struct ops_store *store, struct ops_gate_source **ret_source)
{
    struct store_source *source = ops_mem_zeroed(1, sizeof *source);
    if (!source) {
        ops_store_release(store);
        return OPS_NO_MEMORY;
    }
    *source = (struct store_source){.base = {.ops = &store_ops}, .store = store};
    *ret_source = &source->base;
    return OPS_OK;
}
