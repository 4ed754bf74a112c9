/* A gate's source: the record of the active window, straight from OPS's record store. */
#ifndef OPS_ADAPTERS_GATE_STORE_SOURCE_H
#define OPS_ADAPTERS_GATE_STORE_SOURCE_H

#include "ports/gate_source.h"
#include "ports/store.h"

/* Takes store, also on failure. OPS_NO_MEMORY. */
enum ops_status ops_gate_store_source_new(struct ops_store *store, struct ops_gate_source **ret_source) OPS_MUST_USE;

#endif
