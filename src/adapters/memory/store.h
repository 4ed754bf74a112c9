/* The record store in memory: an ordered map of documents under one lock.
 *
 *     ops_memory_store_new(&store);
 *     ... through ports/store.h ...
 *     ops_store_release(store);
 *
 * Documents are copied deeply, in and out. As in every store, an audit record (pk "AUDIT") can be added but neither replaced
 * nor deleted: OPS_CONFLICT. A token is not remembered: a transaction that is sent twice is tried twice.
 */
#ifndef OPS_ADAPTERS_MEMORY_STORE_H
#define OPS_ADAPTERS_MEMORY_STORE_H

#include "ports/store.h"

enum ops_status ops_memory_store_new(struct ops_store **ret_store) OPS_MUST_USE; /* OPS_NO_MEMORY */

#endif
