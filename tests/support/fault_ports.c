#include "support/fault_ports.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

#define PORTS_OF(self, member) ((struct fault_ports *)(void *)((char *)(self) - offsetof(struct fault_ports, member)))

static const char *const names[PORT_CALL_COUNT] = {
    "store get",     "store query",    "store transact", "catalogue list", "catalogue open", "target page",
    "target remove", "target recount", "sink append",    "sink read",      "session check",  "hasher hash",    "hasher verify",
};

const char *port_call_name(enum port_call call)
{
    return names[call];
}

static struct port_fault ask(struct fault_ports *ports, enum port_call call)
{
    ports->calls[call]++;
    return ports->on_call ? ports->on_call(ports->call_context, call) : NO_PORT_FAULT;
}

static void show_document(struct fault_ports *ports, const char *pk, json_t *doc)
{
    if (ports->on_document && doc)
        ports->on_document(ports->document_context, pk, doc);
}

static enum ops_status fault_get(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc,
                                 struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, store);
    struct port_fault fault = ask(ports, CALL_STORE_GET);
    if (fault.status != OPS_OK)
        return fault.status;
    enum ops_status status = ops_store_get(ports->inner.store, pk, sk, ret_doc, error);
    if (status == OPS_OK)
        show_document(ports, pk, *ret_doc);
    return status;
}

static enum ops_status fault_query(struct ops_store *self, const struct ops_query *query, struct ops_store_page *ret_page,
                                   struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, store);
    struct port_fault fault = ask(ports, CALL_STORE_QUERY);
    if (fault.status != OPS_OK)
        return fault.status;
    enum ops_status status = ops_store_query(ports->inner.store, query, ret_page, error);
    for (size_t i = 0; status == OPS_OK && i < json_array_size(ret_page->docs); i++)
        show_document(ports, query->pk, json_array_get(ret_page->docs, i));
    return status;
}

static enum ops_status fault_transact(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, store);
    struct port_fault fault = ask(ports, CALL_STORE_TRANSACT);
    if (fault.status != OPS_OK && !fault.after)
        return fault.status;
    enum ops_status status = ops_store_transact(ports->inner.store, txn, error);
    return fault.status != OPS_OK ? fault.status : status;
}

/* As a transaction would. */
static enum ops_status fault_check_write(struct ops_store *self, struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, store);
    struct port_fault fault = ask(ports, CALL_STORE_TRANSACT);
    return fault.status != OPS_OK ? fault.status : ops_store_check_write(ports->inner.store, error);
}

static void fault_release(struct ops_store *self)
{
    (void)self; /* the real one is released by whoever made it */
}

static const struct ops_store_ops store_ops = {.get = fault_get,
                                                 .query = fault_query,
                                                 .transact = fault_transact,
                                                 .check_write = fault_check_write,
                                                 .release = fault_release};

static enum ops_status fault_append(struct ops_log_sink *self, const struct ops_log_event *events, size_t count,
                                    struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, sink);
    struct port_fault fault = ask(ports, CALL_SINK_APPEND);
    if (fault.status != OPS_OK && !fault.after)
        return fault.status;
    enum ops_status status = ops_log_sink_append(ports->inner.log_sink, events, count, error);
    return fault.status != OPS_OK ? fault.status : status;
}

static enum ops_status fault_read(struct ops_log_sink *self, size_t last, ops_on_log_event_fn on_event, void *context,
                                  struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, sink);
    struct port_fault fault = ask(ports, CALL_SINK_READ);
    if (fault.status != OPS_OK)
        return fault.status;
    return ops_log_sink_read(ports->inner.log_sink, last, on_event, context, error);
}

static const struct ops_log_sink_ops sink_ops = {.append = fault_append, .read = fault_read};

static enum ops_status fault_check(struct ops_session_source *self, struct ops_view guid, int64_t now_ms,
                                   struct ops_session *ret_session, struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, sessions);
    struct port_fault fault = ask(ports, CALL_SESSION_CHECK);
    return fault.status != OPS_OK ? fault.status
                                  : ops_session_check(ports->inner.sessions, guid, now_ms, ret_session, error);
}

static const struct ops_session_source_ops session_ops = {.check = fault_check};

static enum ops_status fault_hash(struct ops_hasher *self, struct ops_view secret, const uint8_t salt[static OPS_SALT_BYTES],
                                  char ret_phc[static OPS_PHC_SIZE])
{
    struct fault_ports *ports = PORTS_OF(self, hasher);
    struct port_fault fault = ask(ports, CALL_HASHER_HASH);
    return fault.status != OPS_OK ? fault.status : ops_hasher_hash(ports->inner.hasher, secret, salt, ret_phc);
}

static enum ops_status fault_verify(struct ops_hasher *self, struct ops_view secret, struct ops_view phc)
{
    struct fault_ports *ports = PORTS_OF(self, hasher);
    struct port_fault fault = ask(ports, CALL_HASHER_VERIFY);
    return fault.status != OPS_OK ? fault.status : ops_hasher_verify(ports->inner.hasher, secret, phc);
}

static const struct ops_hasher_ops hasher_ops = {fault_hash, fault_verify};

/* A target that the app has open. */
struct fault_target {
    struct ops_target base;
    struct fault_ports *ports;
    struct ops_target *inner;
    char name[OPS_MANIFEST_NAME_MAX + 1];
};

static struct fault_target *target_of(struct ops_target *self)
{
    return (struct fault_target *)self;
}

static enum ops_status fault_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                  struct ops_key_page *ret_page, struct ops_error *error)
{
    struct fault_target *target = target_of(self);
    struct port_fault fault = ask(target->ports, CALL_TARGET_PAGE);
    if (fault.status != OPS_OK)
        return fault.status;
    target->inner->remarks = self->remarks;
    return ops_target_page(target->inner, segment, cursor, limit, ret_page, error);
}

static enum ops_status remove_each(struct fault_target *target, const struct ops_key *keys, size_t count,
                                   enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct fault_ports *ports = target->ports;
    for (size_t i = 0; i < count; i++) {
        ret_outcomes[i] =
            ports->on_removal ? ports->on_removal(ports->removal_context, target->name, &keys[i]) : OPS_REMOVED;
        if (ret_outcomes[i] == OPS_FAILED)
            (void)ops_fail(error, OPS_TARGET_ERROR, "It is kept by a rule of the test.");
        if (ret_outcomes[i] != OPS_REMOVED)
            continue;
        ports->removed_count++;
        enum ops_status status = ops_target_remove(target->inner, &keys[i], 1, &ret_outcomes[i], error);
        if (status != OPS_OK)
            return status;
    }
    return OPS_OK;
}

static enum ops_status fault_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                    enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct fault_target *target = target_of(self);
    struct port_fault fault = ask(target->ports, CALL_TARGET_REMOVE);
    if (fault.status != OPS_OK && !fault.after)
        return fault.status;
    /* Of a removal whose answer is lost, half has happened. */
    size_t done = fault.status != OPS_OK ? (count + 1) / 2 : count;
    target->inner->remarks = self->remarks;
    enum ops_status status = remove_each(target, keys, done, ret_outcomes, error);
    return fault.status != OPS_OK ? fault.status : status;
}

static enum ops_status fault_recount(struct ops_target *self, uint32_t segment, const char *receipt,
                                     struct ops_recount *ret_there, struct ops_error *error)
{
    struct fault_target *target = target_of(self);
    struct port_fault fault = ask(target->ports, CALL_TARGET_RECOUNT);
    if (fault.status != OPS_OK)
        return fault.status;
    return ops_target_recount(target->inner, segment, receipt, ret_there, error);
}

static enum ops_status fault_keep(struct ops_target *self, const struct ops_target_spec *tables, size_t count,
                                  struct ops_error *error)
{
    return ops_target_keep(target_of(self)->inner, tables, count, error);
}

static void fault_close(struct ops_target *self)
{
    ops_target_close(target_of(self)->inner);
    ops_mem_free(self);
}

static const struct ops_target_ops target_ops = {
    .page = fault_page, .remove = fault_remove, .recount = fault_recount, .close = fault_close, .keep = fault_keep};

static enum ops_status fault_list(struct ops_catalogue *self, enum ops_target_kind kind, ops_on_resource_fn on_resource,
                                  void *context, struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, catalogue);
    struct port_fault fault = ask(ports, CALL_CATALOGUE_LIST);
    return fault.status != OPS_OK ? fault.status
                                  : ops_catalogue_list(ports->inner.catalogue, kind, on_resource, context, error);
}

static enum ops_status fault_identify(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                      struct ops_identity *ret_identity, struct ops_error *error)
{
    return ops_catalogue_identify(PORTS_OF(self, catalogue)->inner.catalogue, spec, ret_identity, error);
}

static enum ops_status fault_where(struct ops_catalogue *self, json_t **ret_place, struct ops_error *error)
{
    return ops_catalogue_where(PORTS_OF(self, catalogue)->inner.catalogue, ret_place, error);
}

static enum ops_status fault_open(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                  const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    struct fault_ports *ports = PORTS_OF(self, catalogue);
    ports->opening = spec->name;
    struct port_fault fault = ask(ports, CALL_CATALOGUE_OPEN);
    ports->opening = "";
    if (fault.status != OPS_OK)
        return fault.status;
    struct fault_target *target = ops_mem_zeroed(1, sizeof *target);
    if (!target)
        return OPS_NO_MEMORY;
    enum ops_status status = ops_catalogue_open(ports->inner.catalogue, spec, scope, &target->inner, error);
    if (status != OPS_OK) {
        ops_mem_free(target);
        return status;
    }
    target->base = *target->inner;
    target->base.ops = &target_ops;
    target->ports = ports;
    (void)snprintf(target->name, sizeof target->name, "%s", spec->name);
    *ret_target = &target->base;
    return OPS_OK;
}

static const struct ops_catalogue_ops catalogue_ops = {
    .list = fault_list, .identify = fault_identify, .where = fault_where, .open = fault_open};

void fault_ports_init(struct fault_ports *ports, const struct ops_app_ports *inner)
{
    *ports = (struct fault_ports){.inner = *inner,
                                  .store = {&store_ops},
                                  .catalogue = {&catalogue_ops},
                                  .sink = {&sink_ops},
                                  .sessions = {&session_ops},
                                  .hasher = {&hasher_ops}};
    ports->outer = (struct ops_app_ports){.store = &ports->store,
                                          .catalogue = &ports->catalogue,
                                          .log_sink = &ports->sink,
                                          .sessions = &ports->sessions,
                                          .clock = inner->clock,
                                          .random = inner->random,
                                          .hasher = &ports->hasher};
}
